"""Long bodies of ``_bulk_docs``, read with the help of a worker process: nobody can tell that they are."""

import asyncio
import base64
import json
import os
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest

from docstore.core import document_columns
from docstore.httpd.documents import bulk_pieces
from docstore.httpd.wire import turns
from docstore.settings import Limits, WorkerSettings
from docstore.testing import TestNode, run_node
from docstore.workers.errors import WorkerLost
from tests.httpd.asking import Database
from tests.storage_findings import storage_findings

HASH = "0123456789abcdef0123456789abcdef"
COUNT = 400


@pytest.fixture(autouse=True)
def short_turns(monkeypatch):
    """A process has its turn before the event loop is through, on a quick machine and on a busy one."""
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)


@pytest.fixture
async def server() -> AsyncIterator[TestNode]:
    settings = {"workers": WorkerSettings(processes=1, parse_from=8_000), "limits": Limits(max_documents=1_000)}
    async with run_node(**settings) as running:
        running.node.pool.spare()
        await running.node.pool.run("docstore.core.rev:id_from_text", HASH)  # the process is there
        yield running
        assert storage_findings(running.node) == []


def documents(prefix: str = "doc", count: int = COUNT) -> list[dict]:
    return [
        {"_id": f"{prefix}{number:04d}", "number": number, "text": "ash birch " * 9, "list": [1.5, {"é": None}]}
        for number in range(count)
    ]


def with_attachments(prefix: str = "atts", count: int = 40) -> list[dict]:
    """Of each kind that travels, in some of the documents."""
    data = [base64.b64encode(bytes(range(256)) * times).decode() for times in (0, 1, 30)]
    return [
        {
            "_id": f"{prefix}{number:04d}",
            "_attachments": {
                f"é{place}": {"data": one, "content_type": "image/png", "revpos": place}
                for place, one in enumerate(data[: number % 4])
            },
        }
        for number in range(count)
    ]


def with_one(place: int, document: object) -> dict:
    rows: list = documents(f"x{place}")
    rows[place] = document
    return {"docs": rows}


def replicated(count: int = COUNT) -> dict:
    rows = [
        {**document, "_rev": f"3-{HASH}", "_revisions": {"start": 3, "ids": [HASH, "b" * 32, "a" * 32]}}
        for document in documents("rep", count)
    ]
    return {"docs": rows, "new_edits": False}


BODIES = {
    "new": {"docs": documents()},
    "again, all conflicts": {"docs": documents()},
    "deletions and others": {"docs": [{**one, "_deleted": True} for one in documents("gone")]},
    "created again": {"docs": documents("gone")},
    "created and deleted at once": {
        "docs": documents("twice") + [{**one, "_deleted": True} for one in documents("twice")]
    },
    "replicated": replicated(),
    "replicated again": replicated(),
    "replicated without a revision": {"docs": documents("none"), "new_edits": False},
    "attachments": {
        "docs": [
            *documents("att"),
            {"_id": "att", "_attachments": {"a": {"data": "eA==", "content_type": "text/plain"}}},
        ]
    },
    "many attachments": {"docs": with_attachments()},
    "many attachments, replicated": {
        "docs": [{**one, "_rev": f"1-{HASH}"} for one in with_attachments("attrep")],
        "new_edits": False,
    },
    "stubs of what is there": {
        "docs": [
            {"_id": one["_id"], "_attachments": {name: {"stub": True} for name in one["_attachments"]}}
            for one in with_attachments("atts")
        ]
    },
    "a stub of nothing": {"docs": [*documents("stub"), {"_id": "stub", "_attachments": {"a": {"stub": True}}}]},
    "local documents": {"docs": [*documents("loc"), *documents("_local/loc")]},
    "a bad id first": with_one(0, {"_id": "_x"}),
    "a bad member last": with_one(COUNT - 1, {"_foo": 1}),
    "two bad ones": {"docs": [*documents("a"), {"_id": 5}, *documents("b"), {"_id": "_x"}]},
    "no object": with_one(200, 5),
    "a bad revision": with_one(300, {"_id": "r", "_rev": "x"}),
    "not a boolean": {"docs": documents("n"), "new_edits": 1},
    "all or nothing": {"docs": documents("aon"), "all_or_nothing": True},
    "too many": {"docs": documents("many", 1_001)},
    "too deep": json.dumps(with_one(7, {"_id": "deep"})).replace('{"_id": "deep"}', "[" * 600 + "]" * 600).encode(),
    "cut off": json.dumps({"docs": documents("cut")}).encode()[:-5],
    "no JSON in the middle": json.dumps({"docs": documents("mid")}).replace('"number": 200', '"number" 200').encode(),
    "large documents": {"docs": [{"_id": f"large{number}", "text": "x" * 90_000} for number in range(5)]},
    "floats": {"docs": [{"_id": f"float{number}", "floats": [0.5 + n for n in range(3_000)]} for number in range(5)]},
}


async def ask_both(
    client: aiohttp.ClientSession, server: TestNode, monkeypatch: pytest.MonkeyPatch, name: str, body: object
) -> None:
    """The same request to a database read by pieces and to one read as a whole."""
    pieces, whole = Database(client, "pieces"), Database(client, "whole")
    by_pieces = await pieces.post("_bulk_docs", body)
    with monkeypatch.context() as patch:
        patch.setattr(type(server.node.pool), "spare", lambda _: 0)
        by_whole = await whole.post("_bulk_docs", body)
    assert (by_pieces.status, by_pieces.body) == (by_whole.status, by_whole.body), name


async def contents(database: Database) -> tuple[object, object]:
    changes = (await database.get("_changes?style=all_docs&include_docs=true&attachments=true")).json["results"]
    local = (await database.get("_local_docs?include_docs=true")).json
    return [{**row, "seq": row["seq"].partition("-")[0]} for row in changes], local


async def test_nobody_can_tell(server, client, monkeypatch):
    pieces, whole = Database(client, "pieces"), Database(client, "whole")
    await pieces.create()
    await whole.create()
    for name, body in BODIES.items():
        await ask_both(client, server, monkeypatch, name, body)
    assert server.node.pool.counts["done"] > len(BODIES) // 2
    assert await contents(pieces) == await contents(whole)


async def test_attachments_are_decoded_by_the_worker(server, client, monkeypatch):
    """And not in this process, which has nothing to do with them while others have long work on the loop."""
    database = await Database(client).create()
    here: list[bytes] = []
    reader = bulk_pieces.documents_in

    def read_here(text: bytes, *args: object, **how: object) -> object:
        here.append(text)
        return reader(text, *args, **how)

    monkeypatch.setattr(bulk_pieces, "documents_in", read_here)
    body = {"docs": with_attachments("theirs", 80)}
    with turns.Turns():
        assert (await database.post("_bulk_docs", body)).status == 201
    assert len(here) <= bulk_pieces.FEW_PIECES
    assert sum(map(len, here)) < len(json.dumps(body)) / 4
    found = (await database.get("theirs0079/%C3%A92")).body
    assert found == bytes(range(256)) * 30


async def test_a_reading_does_not_take_itself_for_others(server, client, monkeypatch):
    """When a share comes back, the loop goes on to read its own."""
    database = await Database(client).create()
    monkeypatch.setattr(bulk_pieces, "GLANCE", 100.0)
    here: list[int] = []
    shares: list[bytes] = []
    back, enough = asyncio.Event(), asyncio.Event()
    read_here = bulk_pieces._Reading._read_here

    async def noted(self: object, place: int, turns: turns.Turns) -> None:
        here.append(place)
        if len(here) == 1:
            await back.wait()
        if len(here) == 3:
            enough.set()
        await read_here(self, place, turns)

    async def run(_: object, name: str, text: bytes, *how: object, **_timeout: float) -> object:
        shares.append(text)
        if len(shares) == 2:
            back.set()  # the first one has been taken over
            await enough.wait()
        return document_columns.read(text, *how)

    monkeypatch.setattr(bulk_pieces._Reading, "_read_here", noted)
    monkeypatch.setattr(type(server.node.pool), "run", run)
    async with asyncio.timeout(20):
        assert (await database.post("_bulk_docs", {"docs": documents()})).status == 201
    assert (await database.get("")).json["doc_count"] == COUNT


def stand_still(server: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no worker give its share back before three pieces of others were read in this process."""
    here: list[int] = []
    enough = asyncio.Event()
    read_here = bulk_pieces._Reading._read_here

    async def noted(self: object, place: int, turns: turns.Turns) -> None:
        here.append(place)
        if len(here) == 3:
            enough.set()
        await read_here(self, place, turns)

    async def run(_: object, name: str, text: bytes, *how: object, **_timeout: float) -> object:
        await enough.wait()
        return document_columns.read(text, *how)

    monkeypatch.setattr(bulk_pieces, "MOST_A_JOB", 20_000)
    monkeypatch.setattr(bulk_pieces._Reading, "_read_here", noted)
    monkeypatch.setattr(type(server.node.pool), "run", run)


async def test_a_worker_with_other_jobs_is_not_waited_for(server, client, monkeypatch):
    """Though others have long work on the loop, and the worker's share takes its time."""
    database = await Database(client).create()
    monkeypatch.setattr(bulk_pieces, "GLANCE", 100.0)
    monkeypatch.setattr(type(server.node.pool), "waiting", property(lambda _: 1))
    stand_still(server, monkeypatch)
    async with asyncio.timeout(20):
        with turns.Turns():
            assert (await database.post("_bulk_docs", {"docs": documents()})).status == 201
    assert (await database.get("")).json["doc_count"] == COUNT


async def test_pieces_are_read_here_where_a_worker_stands_still(server, client, monkeypatch):
    """One at a glance, while others have long work on the loop."""
    database = await Database(client).create()
    stand_still(server, monkeypatch)
    async with asyncio.timeout(20):
        with turns.Turns():
            assert (await database.post("_bulk_docs", {"docs": documents("a", 2 * COUNT)})).status == 201
    assert (await database.get("")).json["doc_count"] == 2 * COUNT


async def test_the_loop_reads_what_a_failing_worker_leaves_to_it(server, client, monkeypatch):
    """Though others have long work there."""
    database = await Database(client).create()
    asked = []

    def lost(*_args: object, **_how: object) -> asyncio.Future:
        asked.append(True)
        failing = asyncio.get_running_loop().create_future()
        failing.set_exception(WorkerLost("gone"))
        return failing

    monkeypatch.setattr(type(server.node.pool), "run", lost)
    with turns.Turns():
        assert (await database.post("_bulk_docs", {"docs": documents()})).status == 201
    assert asked
    assert (await database.get("")).json["doc_count"] == COUNT


async def test_documents_without_id_are_named_in_their_order(server, client):
    database = await Database(client).create()
    rows = [{"number": number, "text": "x" * 200} for number in range(COUNT)]
    answer = await database.post("_bulk_docs", {"docs": rows})
    ids = [row["id"] for row in answer.json]
    assert ids == sorted(set(ids))
    assert server.node.pool.counts["done"] > 1
    found = (await database.get("_all_docs?include_docs=true")).json["rows"]
    assert [row["doc"]["number"] for row in found] == list(range(COUNT))


async def test_many_tiny_documents():
    async with run_node(workers=WorkerSettings(processes=1)) as server:
        await server.node.pool.run("docstore.core.rev:id_from_text", HASH)
        async with aiohttp.ClientSession(server.url) as asking:
            database = await Database(asking).create()
            answer = await database.post("_bulk_docs", b'{"docs":[%b]}' % b",".join([b"{}"] * 30_000))
            ids = [row["id"] for row in answer.json]
            assert len(set(ids)) == 30_000


async def at_work(server: TestNode, asking: asyncio.Future) -> bool:
    """Wait until a process has a job; False if what was asked is done without one."""
    while not asking.done():
        if server.node.pool.busy:
            return True
        await asyncio.sleep(0)
    return False


async def test_a_worker_that_is_killed_costs_nothing(server, client):
    database = await Database(client).create()
    [pid] = server.node.pool.pids
    os.kill(pid, signal.SIGSTOP)
    asking = asyncio.ensure_future(database.post("_bulk_docs", {"docs": documents()}))
    while not await at_work(server, asking):  # the event loop was through with it before a process had its turn
        asking = asyncio.ensure_future(database.post("_bulk_docs", {"docs": documents()}))
    os.kill(pid, signal.SIGKILL)
    answer = await asking
    assert answer.status == 201
    assert len(answer.json) == COUNT
    assert (await database.get("")).json["doc_count"] == COUNT


async def test_a_busy_worker_is_not_waited_for(server, client):
    database = await Database(client).create()
    [pid] = server.node.pool.pids
    os.kill(pid, signal.SIGSTOP)
    try:
        waiting = asyncio.ensure_future(server.node.pool.run("docstore.core.rev:id_from_text", HASH))
        assert await at_work(server, waiting)
        assert (await database.post("_bulk_docs", {"docs": documents()})).status == 201
        assert not waiting.done()
    finally:
        os.kill(pid, signal.SIGCONT)
    await waiting
