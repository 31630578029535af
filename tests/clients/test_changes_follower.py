"""IBM's follower of changes in its modes, beside faults that each come between good batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import pytest

from docstore.double.actions import Action, Answer, BrokenJson, Reset
from docstore.testing import TestNode, run_node_in_thread

pytest.importorskip("ibmcloudant")

from ibm_cloud_sdk_core.api_exception import ApiException
from ibm_cloud_sdk_core.authenticators import NoAuthAuthenticator
from ibmcloudant import ChangesFollower
from ibmcloudant.cloudant_v1 import CloudantV1
from ibmcloudant.features import changes_follower

pytestmark = pytest.mark.clients

BATCH = 10
IDS = [f"{number:03}" for number in range(3 * BATCH)]
FAULTS: dict[str, Action] = {
    "429": Answer(429),
    "500": Answer(500),
    "502": Answer(502),
    "504": Answer(504),
    "broken JSON": BrokenJson(),
    "reset": Reset(),
}
FOREVER = changes_follower._FOREVER
MINUTE = 60_000
PATIENCE = 10.0
"""Seconds after which a follower is stopped that has not come to its end."""
BETWEEN = (2, 4)
"""Requests that fail: the second, whose repetition is the third, and the one after that."""

with_each_fault = pytest.mark.parametrize("action", FAULTS.values(), ids=FAULTS)
with_each_tolerance = pytest.mark.parametrize("tolerance", [FOREVER, MINUTE], ids=["forever", "a minute"])


@pytest.fixture(scope="module")
def server() -> Iterator[TestNode]:
    with run_node_in_thread() as server:
        server.load([{"_id": doc_id} for doc_id in IDS], "films")
        server.load([{"_id": doc_id, "text": "x" * 500_000} for doc_id in IDS], "books")
        yield server


@pytest.fixture
def service(server: TestNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudantV1]:
    """A client whose followers read in small batches, and neither wait long for changes nor before they try again."""
    monkeypatch.setattr(changes_follower, "_BATCH_SIZE", BATCH)
    monkeypatch.setattr(changes_follower, "_BASE_DELAY", 1)
    monkeypatch.setattr(changes_follower, "_LONGPOLL_TIMEOUT", 50)
    service = CloudantV1(authenticator=NoAuthAuthenticator())
    service.set_service_url(server.url)
    yield service
    server.faults.clear()


@contextmanager
def following(follower: ChangesFollower, mode: str) -> Iterator[Iterator[changes_follower.ChangesResultItem]]:
    """What it tells. One that listens would wait for ever for a change or an error that is lost: it is stopped."""
    items = getattr(follower, mode)()
    watch = Timer(PATIENCE, follower.stop)
    watch.start()
    try:
        yield items
    finally:
        watch.cancel()
        follower.stop()


def ids(follower: ChangesFollower, mode: str = "start_one_off") -> list[str]:
    with following(follower, mode) as items:
        return sorted(item.id for item in items)


@with_each_fault
@with_each_tolerance
def test_everything_comes_once(server: TestNode, service: CloudantV1, action: Action, tolerance: int) -> None:
    fault = server.faults.add(action, endpoint="_changes", nth=BETWEEN)
    follower = ChangesFollower(service, db="films", error_tolerance=tolerance)
    assert ids(follower) == IDS
    assert fault.hits == 2


def test_with_documents(server: TestNode, service: CloudantV1) -> None:
    """Batches are then as large as the documents let them be: ten of these."""
    fault = server.faults.add(Answer(500), endpoint="_changes", nth=BETWEEN)
    with following(ChangesFollower(service, db="books", include_docs=True), "start_one_off") as items:
        assert sorted(item.doc.to_dict()["_id"] for item in items) == IDS
    assert fault.hits == 2


@with_each_fault
@with_each_tolerance
def test_one_that_listens(server: TestNode, service: CloudantV1, action: Action, tolerance: int) -> None:
    """It ends with as many changes as it was told to take."""
    fault = server.faults.add(action, endpoint="_changes", nth=BETWEEN)
    follower = ChangesFollower(service, db="films", error_tolerance=tolerance, since="0", limit=len(IDS))
    assert ids(follower, "start") == IDS
    assert fault.hits == 2


def test_one_that_listens_sees_what_is_written_later(server: TestNode, service: CloudantV1) -> None:
    server.load([{"_id": doc_id} for doc_id in IDS], "growing")
    fault = server.faults.add(Reset(), endpoint="_changes", nth=BETWEEN)
    with following(ChangesFollower(service, db="growing", since="0"), "start") as items:
        assert sorted(next(items).id for _ in IDS) == IDS
        server.load([{"_id": "later"}], "growing")
        assert next(items).id == "later"
    assert fault.hits == 2


@with_each_fault
@pytest.mark.parametrize("mode", ["start", "start_one_off"])
def test_without_tolerance_it_ends(server: TestNode, service: CloudantV1, action: Action, mode: str) -> None:
    fault = server.faults.add(action, endpoint="_changes", nth=2)
    follower = ChangesFollower(service, db="films", error_tolerance=0, since="0")
    with pytest.raises(Exception, match=r"\S") as told:
        ids(follower, mode)
    status = action.status if isinstance(action, Answer) else 200 if isinstance(action, BrokenJson) else None
    assert status == (told.value.status_code if isinstance(told.value, ApiException) else None)
    assert fault.hits == 1


def test_a_tolerance_that_is_over(server: TestNode, service: CloudantV1) -> None:
    fault = server.faults.add(Answer(503), endpoint="_changes", after=1)
    follower = ChangesFollower(service, db="films", error_tolerance=20)
    with pytest.raises(ApiException, match="503"):
        ids(follower)
    assert fault.hits >= 1


@pytest.mark.parametrize("status", [401, 403, 404])
@with_each_tolerance
def test_what_does_not_pass_ends_it(server: TestNode, service: CloudantV1, status: int, tolerance: int) -> None:
    fault = server.faults.add(Answer(status), endpoint="_changes", nth=2)
    follower = ChangesFollower(service, db="films", error_tolerance=tolerance)
    with pytest.raises(ApiException, match=str(status)):
        ids(follower)
    assert fault.hits == 1
