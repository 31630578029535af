"""IBM's followers of changes in their modes, beside faults that each come between good batches."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from docstore.testing import TestNode, run_node_in_thread
from tests.clients.followed import BATCH, CASES, IDS, LATER, Case, load

pytest.importorskip("ibmcloudant")

from ibm_cloud_sdk_core.api_exception import ApiException
from ibm_cloud_sdk_core.authenticators import NoAuthAuthenticator
from ibmcloudant import ChangesFollower
from ibmcloudant.cloudant_v1 import CloudantV1
from ibmcloudant.features import changes_follower

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent
NODE = shutil.which("node")
MODES = {"one-off": "start_one_off", "listens": "start"}
PATIENCE = 10.0
"""Seconds after which a follower is stopped that has not come to its end."""
WHOLE = 120.0
"""The same for all of them in Node."""

each_case = pytest.mark.parametrize("name", CASES)


@pytest.fixture(scope="module")
def server() -> Iterator[TestNode]:
    with run_node_in_thread() as server:
        load(server)
        yield server


def check(case: Case, told: dict[str, Any]) -> None:
    """``told``: the ids that came, the error and its status if it ended with one, and how often the rule hit."""
    assert bool(told["error"]) is case.ends, told["error"]
    if case.ends:
        assert told["status"] == case.status
    else:
        assert sorted(told["ids"]) == [*IDS, *([LATER] if case.later else [])]
    assert told["hits"] >= case.hits if case.at_least else told["hits"] == case.hits


# --- in Python


@pytest.fixture
def service(server: TestNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudantV1]:
    """A client whose followers read in small batches, and neither wait long for changes nor before they try again."""
    monkeypatch.setattr(changes_follower, "_BATCH_SIZE", BATCH)
    monkeypatch.setattr(changes_follower, "_BASE_DELAY", 1)
    monkeypatch.setattr(changes_follower, "_LONGPOLL_TIMEOUT", 50)
    service = CloudantV1(authenticator=NoAuthAuthenticator())
    service.set_service_url(server.url)
    before = server.snapshot()
    yield service
    server.faults.clear()
    server.restore(before)


@contextmanager
def following(follower: ChangesFollower, mode: str) -> Iterator[Iterator[changes_follower.ChangesResultItem]]:
    """What it tells. One that listens would wait for ever for a change or an error that is lost: it is stopped."""
    items = getattr(follower, MODES[mode])()
    watch = Timer(PATIENCE, follower.stop)
    watch.start()
    try:
        yield items
    finally:
        watch.cancel()
        follower.stop()


@each_case
def test_in_python(server: TestNode, service: CloudantV1, name: str) -> None:
    case = CASES[name]
    fault = server.faults.add(case.rule)
    tolerance = {} if case.tolerance is None else {"error_tolerance": case.tolerance}
    follower = ChangesFollower(service, db=case.database, **tolerance, **case.options)
    told: dict[str, Any] = {"ids": [], "error": None}
    try:
        with following(follower, case.mode) as items:
            for item in items:
                told["ids"].append(item.id)
                if case.options.get("include_docs"):
                    assert item.doc.to_dict()["_id"] == item.id
                if case.later and len(told["ids"]) == len(IDS):
                    server.load([{"_id": LATER}], case.database)
                if item.id == LATER:
                    break
    except Exception as error:
        status = error.status_code if isinstance(error, ApiException) else None
        # a body that is no JSON has come with a good status
        told |= {"error": str(error), "status": None if status == 200 else status}
    check(case, {**told, "hits": fault.hits})


# --- in Node


@pytest.fixture(scope="module")
def told_by_node() -> dict[str, Any]:
    """What each case came to: one process has them all, one after the other."""
    if NODE is None or not (HERE / "node_modules" / "@ibm-cloud" / "cloudant").is_dir():
        pytest.skip("Cloudant's SDK for Node is not installed")
    asked = {"ids": IDS, "batch": BATCH, "later": LATER, "patience": PATIENCE * 1000}
    asked["cases"] = {name: case.plain() for name, case in CASES.items()}
    with run_node_in_thread() as server:
        load(server)
        done = subprocess.run(
            [NODE, str(HERE / "changes_follower.js"), server.url],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=WHOLE,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@each_case
def test_in_node(told_by_node: dict[str, Any], name: str) -> None:
    check(CASES[name], told_by_node[name])
