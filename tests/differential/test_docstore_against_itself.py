"""The whole of it with docstore on both sides: nothing differs, and what is planted is found and shrunk."""

import asyncio
import json

import pytest

from docstore.settings import Admin
from docstore.testing import run_node
from tests.conformance.wire import Answer
from tests.differential.connection import HUNG_UP, NOTHING, Connection, Server
from tests.differential.running import Bounds, Run

ADMIN = Admin("admin", "password")


@pytest.fixture
async def pair():
    """Two servers with nothing in them."""
    async with run_node(admin=ADMIN) as theirs, run_node(admin=ADMIN) as ours:
        yield [Server(one.url.replace("://", "://admin:password@")) for one in (theirs, ours)]


def run_over(pair, seed):
    told = []
    return Run(*pair, (), seed, told.append), told


async def test_docstore_answers_as_docstore(pair):
    run, told = run_over(pair, 28)
    report = await run.until(Bounds(requests=500))
    assert report.requests >= 500
    assert not report.groups, "\n".join(told)


async def test_a_planted_difference_is_found_and_shrunk(pair, monkeypatch):
    """Our side loses a member of each document that it reads in its third generation or later."""
    exchange = Connection.exchange

    async def forgetful(self, method, request):
        answer = await exchange(self, method, request)
        if self.server is not pair[1] or answer.status != 200 or b'"_rev":"' not in answer.body:
            return answer
        try:
            document = json.loads(answer.body)
        except ValueError:
            return answer
        if not isinstance(document, dict) or document.pop("v", None) is None or document["_rev"][0] in "12":
            return answer
        return Answer(answer.method, answer.status, answer.headers, json.dumps(document).encode())

    monkeypatch.setattr(Connection, "exchange", forgetful)
    run, told = run_over(pair, 28)
    report = await run.until(Bounds(requests=700))
    assert report.groups
    for group in report.groups.values():
        assert group.found.difference.where == "json.v"
        assert len(group.found.sequence) <= 4
    assert any("document.get json.v" in text for text in told)


async def test_a_server_that_says_nothing_has_an_answer_too(pair, monkeypatch):
    monkeypatch.setattr("tests.differential.connection.PATIENCE_SECONDS", 0.0)
    answer = await Connection(pair[0]).exchange("GET", b"GET /_up HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.status == NOTHING


async def test_a_server_that_hangs_up_has_an_answer_too(pair):
    hanging = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with hanging:
        server = Server(f"http://127.0.0.1:{hanging.sockets[0].getsockname()[1]}")
        assert (await Connection(server).exchange("GET", b"GET / HTTP/1.1\r\n\r\n")).status == HUNG_UP
