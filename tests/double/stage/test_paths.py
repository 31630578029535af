"""The stage over HTTP, as programs of other languages use it."""

import time
from typing import Any

import aiohttp
import pytest

from docstore.testing import TestNode


async def ask(client: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with client.request(method, f"/_docstore/{path}", json=body) as reply:
        return reply.status, await reply.json()


async def test_snapshots(server: TestNode, client: aiohttp.ClientSession) -> None:
    status, taken = await ask(client, "POST", "snapshots", {"name": "two words"})
    assert (status, taken["name"], taken["databases"]) == (201, "two words", ["films"])
    assert (await ask(client, "GET", "snapshots/two%20words"))[1] == taken
    assert taken in (await ask(client, "GET", "snapshots"))[1]["snapshots"]
    await client.put("/people")
    assert await ask(client, "POST", "snapshots/two%20words/restore") == (201, {"ok": True})
    assert (await client.get("/people")).status == 404
    _, packed = await ask(client, "GET", "snapshots/two%20words?data=true")
    assert (await ask(client, "DELETE", "snapshots/two%20words"))[0] == 200
    assert (await ask(client, "POST", "snapshots/two%20words/restore"))[0] == 404
    assert await ask(client, "POST", "snapshots", {"name": "again", "data": packed["data"]}) == (
        201,
        {**taken, "name": "again"},
    )
    assert (await ask(client, "POST", "snapshots/again/restore"))[0] == 201
    assert (await ask(client, "POST", "snapshots"))[1]["name"] == "snapshot-1"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "snapshots", {"name": 7}, 400),
        ("POST", "snapshots", {"data": "***"}, 400),
        ("POST", "snapshots", {"data": "YWJj"}, 400),
        ("POST", "snapshots/beginning/other", None, 404),
        ("GET", "snapshots/none", None, 404),
        ("DELETE", "snapshots", None, 404),
        ("PUT", "snapshots", None, 405),
        ("POST", "clock", {}, 400),
        ("POST", "clock", {"advance": "7"}, 400),
        ("POST", "clock", {"advance": True}, 400),
        ("POST", "clock", {"advance": -1}, 400),
        ("POST", "clock", {"set": "yesterday"}, 400),
        ("POST", "clock", {"set": "2030-01-01T00:00:00"}, 400),
        ("GET", "clock/now", None, 404),
        ("POST", "reset/all", None, 404),
        ("GET", "reset", None, 405),
        ("GET", "load", None, 405),
    ],
)
async def test_what_cannot_be_asked(
    server: TestNode, client: aiohttp.ClientSession, method: str, path: str, body: Any, status: int
) -> None:
    found, told = await ask(client, method, path, body)
    assert (found, set(told)) == (status, {"error", "reason"})
    assert server.clock.offset == 0


async def test_the_clock(server: TestNode, client: aiohttp.ClientSession) -> None:
    status, told = await ask(client, "POST", "clock", {"advance": 90})
    assert (status, told["offset"]) == (201, 90)
    assert (await ask(client, "POST", "clock", {"set": "2030-01-01T00:00:00Z"}))[1]["now"] == pytest.approx(
        1_893_456_000, abs=5
    )
    assert (await ask(client, "GET", "clock"))[1]["offset"] == server.clock.offset > 0
    status, told = await ask(client, "DELETE", "clock")
    assert (status, told["offset"]) == (200, 0)
    assert told["now"] == pytest.approx(time.time(), abs=5)


async def test_reset(server: TestNode, client: aiohttp.ClientSession) -> None:
    await ask(client, "POST", "faults", {"action": {"type": "answer", "status": 503}})
    await ask(client, "POST", "clock", {"advance": 90})
    await client.get("/films")
    assert await ask(client, "POST", "reset") == (201, {"ok": True})
    assert (await client.get("/films")).status == 404
    assert server.clock.offset == 0
    assert [entry.status for entry in server.journal] == [404]
