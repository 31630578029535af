"""IBM's ChangesFollower over faults: those of its own tests, each between good batches, in every mode and tolerance.

Its pauses and its batch are made small; nothing else of it is changed.
"""

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests.exceptions
from ibm_cloud_sdk_core import ApiException
from ibm_cloud_sdk_core.authenticators import NoAuthAuthenticator
from ibmcloudant import CloudantV1
from ibmcloudant.features import changes_follower
from ibmcloudant.features.changes_follower import ChangesFollower

from docstore.double.actions import Answer, BreakFeed, BrokenJson, Drop, RepeatRows, Reset, Rewind, Truncate
from docstore.testing import TestNode, run_node_in_thread
from tests.storage_findings import storage_findings

DOCUMENTS = 50
BATCH = 10
IDS = [f"film-{number:02}" for number in range(DOCUMENTS)]
LONG = 60_000
"""A tolerance that lasts longer than the test, in milliseconds."""

TRANSIENT: dict[str, Any] = {
    "429": Answer(429),
    "500": Answer(500),
    "502": Answer(502, body="<html>Bad Gateway</html>", content_type="text/html"),
    "504": Answer(504),
    "broken json": BrokenJson("{"),
    "reset": Reset(),
    "reset after": Reset("after"),
    "drop": Drop(),
    "truncated": Truncate(),
    "feed broken off": BreakFeed(3),
}
TERMINAL = (400, 401, 403, 404)


@pytest.fixture(scope="module")
def server() -> Iterator[TestNode]:
    with run_node_in_thread() as server:
        service = client(server)
        service.put_database(db="films")
        service.post_bulk_docs(db="films", bulk_docs={"docs": [{"_id": name} for name in IDS]})
        yield server
        assert storage_findings(server.node) == []


@pytest.fixture(autouse=True)
def clean(server: TestNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(changes_follower, "_BASE_DELAY", 1)
    monkeypatch.setattr(changes_follower, "_BATCH_SIZE", BATCH)
    monkeypatch.setattr(changes_follower, "_LONGPOLL_TIMEOUT", 50)
    server.journal.clear()
    yield
    server.faults.clear()


def client(server: TestNode) -> CloudantV1:
    service = CloudantV1(authenticator=NoAuthAuthenticator())
    service.set_service_url(server.url)
    return service


def followed(server: TestNode, mode: str, db: str = "films", **options: Any) -> Iterator[str]:
    follower = ChangesFollower(client(server), db=db, since="0", **options)
    try:
        for row in follower.start_one_off() if mode == "one-off" else follower.start():
            yield row.id
    finally:
        follower.stop()


def ids_of(server: TestNode, mode: str, count: int = DOCUMENTS, **options: Any) -> list[str]:
    """What it tells: in one go all, of one that listens so many."""
    rows = followed(server, mode, **options)
    found = list(rows) if mode == "one-off" else list(itertools.islice(rows, count))
    rows.close()  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("mode", ["one-off", "listen"])
@pytest.mark.parametrize("tolerance", [{}, {"error_tolerance": LONG}], ids=["for ever", "a minute"])
@pytest.mark.parametrize("fault", TRANSIENT)
def test_between_good_batches(server: TestNode, mode: str, tolerance: dict[str, int], fault: str) -> None:
    rule = server.faults.add(TRANSIENT[fault], operation="post_changes", nth=(2, 4, 6))
    assert ids_of(server, mode, **tolerance) == IDS
    assert rule.hits == 3
    server.journal.assert_requests(3, endpoint="_changes", rule=rule.id)
    followed_feeds = {entry.query["feed"] for entry in server.journal.requests(endpoint="_changes")}
    assert followed_feeds == {"normal" if mode == "one-off" else "longpoll"}


@pytest.mark.parametrize("mode", ["one-off", "listen"])
@pytest.mark.parametrize("fault", TRANSIENT)
def test_without_tolerance_the_first_ends_it(server: TestNode, mode: str, fault: str) -> None:
    server.faults.add(TRANSIENT[fault], endpoint="_changes", nth=2)
    found: list[str] = []
    with pytest.raises((ApiException, requests.exceptions.RequestException)):
        found.extend(followed(server, mode, error_tolerance=0))
    assert found == IDS[:BATCH]


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_tolerance_runs_out(server: TestNode, fault: str) -> None:
    server.faults.add(TRANSIENT[fault], endpoint="_changes", after=1)
    found: list[str] = []
    with pytest.raises((ApiException, requests.exceptions.RequestException)):
        found.extend(followed(server, "one-off", error_tolerance=60))
    assert found == IDS[:BATCH]
    server.journal.assert_requests(at_least=2, endpoint="_changes", rule="*")


@pytest.mark.parametrize("mode", ["one-off", "listen"])
@pytest.mark.parametrize("status", TERMINAL)
def test_some_errors_end_it_whatever_the_tolerance(server: TestNode, mode: str, status: int) -> None:
    server.faults.add(Answer(status), endpoint="_changes", nth=2)
    found: list[str] = []
    with pytest.raises(ApiException) as raised:
        found.extend(followed(server, mode))
    assert raised.value.status_code == status
    assert found == IDS[:BATCH]


@pytest.mark.parametrize("mode", ["one-off", "listen"])
def test_rows_that_come_again(server: TestNode, mode: str) -> None:
    server.faults.add(RepeatRows(2), endpoint="_changes", nth=2)
    server.faults.add(Rewind(5), endpoint="_changes", nth=4)
    found = ids_of(server, mode, DOCUMENTS + BATCH + 5)
    assert list(dict.fromkeys(found)) == IDS
    assert len(found) == DOCUMENTS + BATCH + 5


def test_one_that_listens_hears_of_what_comes_later(server: TestNode) -> None:
    service = client(server)
    service.put_database(db="serials")
    server.faults.add(Reset(), endpoint="_changes", every=2)
    rows = followed(server, "listen", db="serials")
    writing = threading.Timer(0.1, lambda: service.put_document(db="serials", doc_id="later", document={}))
    writing.start()
    assert next(rows) == "later"
    writing.join()
    rows.close()  # type: ignore[attr-defined]


def test_the_sdks_own_retries(server: TestNode) -> None:
    service = client(server)
    service.enable_retries(max_retries=4, retry_interval=0.3)
    server.faults.add(Answer(503), operation="get_document", times=2)
    server.faults.add(Answer(429, retry_after=0), operation="get_document", times=1)
    assert service.get_document(db="films", doc_id=IDS[0]).get_result()["_id"] == IDS[0]
    server.journal.assert_requests(4, operation="get_document")


def test_a_lost_reply_of_a_post_makes_two_documents(server: TestNode) -> None:
    service = client(server)
    service.enable_retries(max_retries=2, retry_interval=0.1)
    server.faults.add("drop_reply", operation="post_document", times=1)
    service.post_document(db="films", document={"kind": "twice"})
    found = service.post_find(db="films", selector={"kind": "twice"}).get_result()["docs"]
    assert len(found) == 2
    for document in found:
        service.delete_document(db="films", doc_id=document["_id"], rev=document["_rev"])
