"""What is asked again: only what CouchDB may not have heard of yet."""

import asyncio
import json

from tests.conformance.wire import Answer
from tests.differential.connection import Server
from tests.differential.knowledge import THEIRS
from tests.differential.playing import Pair
from tests.differential.steps import Step

JSON = ("Content-Type", "application/json")


class Late(Pair):
    """The peer's first ``late`` answers are of what was before."""

    def __init__(self, late: int) -> None:
        server = Server("http://user:password@127.0.0.1:1")
        super().__init__(server, server, [])
        self._late = late

    async def _one(self, side, request):
        gone = request.method == "GET" and not (side == THEIRS and self._late > 0)
        self._late -= side == THEIRS and request.method == "GET"
        body = {"error": "not_found", "reason": "missing_named_view"} if gone else {"ok": True}
        return Answer(request.method, 404 if gone else 200, [JSON], json.dumps(body).encode())


def found(kind, late, before=()):
    """The differences in a step of a kind, after others."""
    step = Step(kind, "GET", "/${db}/_design/v/_view/one")
    return asyncio.run(Late(late).play((*before, step), "x")).found


def test_a_peer_that_has_not_heard_of_a_design_document_yet():
    assert not found("view", late=2)


def test_a_difference_that_stays():
    assert found("view", late=1000)


def test_other_steps_are_asked_once():
    assert found("document.get", late=1)


def test_after_a_compaction_whatever_reads_is_asked_again():
    assert not found("document.get", late=1, before=[Step("maintenance.compact", "POST", "/${db}/_compact")])
    assert found("document.get", late=1, before=[Step("document.put", "PUT", "/${db}/ka")])
