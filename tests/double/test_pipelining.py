"""Requests that are sent before the answers to earlier ones have come: a rule reaches its own, and none is mixed up."""

import asyncio
import json
import re

import pytest

from docstore.double.actions import (
    Action,
    Answer,
    BreakFeed,
    BrokenJson,
    Delay,
    Drop,
    DropReply,
    ReorderRows,
    RepeatRows,
    Reset,
    Rewind,
    SlowBody,
    Stall,
    Truncate,
)
from docstore.testing import TestNode

PATIENCE = 20.0
STATUS = re.compile(rb"^HTTP/1\.1 (\d+) ")
FEEDS = ("normal", "longpoll", "continuous", "eventsource")


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


def last(method: str, path: str, body: bytes = b"") -> bytes:
    """One behind which the connection ends."""
    return request(method, path, body, "Connection: close")


async def sent(server: TestNode, *requests: bytes) -> bytes:
    """All that comes back until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    came = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(b"".join(requests))
            while piece := await reader.read(65_536):
                came += piece
    except ConnectionResetError:
        pass
    finally:
        writer.close()
    return bytes(came)


def answers(text: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each whole answer; behind them nothing but the beginning of one may stand."""
    found = []
    while match := STATUS.match(text):
        head, _, text = text.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if length is not None:
            body, text = text[: int(length[1])], text[int(length[1]) :]
            if len(body) < int(length[1]):
                return found
        else:
            assert b"Transfer-Encoding: chunked" in head
            body, text, whole = dechunked(text)
            if not whole:
                return found
        found.append((int(match[1]), body))
    assert text == b""
    return found


def dechunked(text: bytes) -> tuple[bytes, bytes, bool]:
    """A body, what follows it, and whether its end has come."""
    body = b""
    while True:
        size, _, rest = text.partition(b"\r\n")
        if not size or len(rest) < int(size, 16) + 2:
            return body, b"", False
        body, text = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        if size == b"0":
            return body, text, True


def there(server: TestNode) -> str:
    films = server.node.registry.open("films")
    return "".join(doc_id for doc_id in "abc" if films.head(doc_id) is not None)


@pytest.mark.parametrize(
    ("action", "statuses", "written"),
    [
        (Drop(), [201], "a"),
        (DropReply(), [201], "ab"),
        (Reset(), [201], "a"),
        (Reset("after"), [201], "ab"),
        (Truncate(3), [201], "ab"),
        (Answer(503), [201, 503, 201], "ac"),
        (BrokenJson(), [201, 200, 201], "abc"),
        (SlowBody(5, 0.0001), [201, 201, 201], "abc"),
        (Delay(0.001), [201, 201, 201], "abc"),
    ],
)
async def test_the_second_of_three(server: TestNode, action: Action, statuses: list[int], written: str) -> None:
    """What stands behind a connection's end was never asked."""
    fault = server.faults.add(action, document="b")
    came = await sent(
        server, *(request("PUT", f"/films/{name}", b"{}") for name in "ab"), last("PUT", "/films/c", b"{}")
    )
    got = [status for status, _ in answers(came)]
    if isinstance(action, Reset):  # which may overtake what was sent before
        assert got in ([], statuses)
    else:
        assert got == statuses
    assert there(server) == written
    assert fault.hits == 1
    assert [entry.document for entry in server.journal] == list("abc"[: 3 if len(statuses) == 3 else 2])


@pytest.mark.parametrize("size", [0, 100, 3_000_000])
async def test_a_body_that_nobody_reads(server: TestNode, size: int) -> None:
    server.faults.add(Answer(503), method="PUT")
    body = b'{"a":"%b"}' % (b"x" * size)
    came = await sent(server, request("PUT", "/films/a", body), last("GET", "/films"))
    assert [status for status, _ in answers(came)] == [503, 200]


async def test_one_that_stalls(server: TestNode) -> None:
    fault = server.faults.add(Stall(), document="a")
    sending = asyncio.create_task(
        sent(server, request("PUT", "/films/a", b"{}"), request("PUT", "/films/b", b"{}"), last("GET", "/films/a"))
    )
    await server.journal.arrived(1, document="a")
    assert there(server) == ""
    fault.remove()
    assert [status for status, _ in answers(await sending)] == [201, 201, 200]


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize(
    ("action", "ids"),
    [
        (RepeatRows(), "aabbcc"),
        (ReorderRows(), "abc"),
        (SlowBody(7, 0.0001), "abc"),
        (Rewind(), "abc"),
        (Delay(0.001), "abc"),
        (BreakFeed(1), None),
        (Truncate(20), None),
        (DropReply(), None),
    ],
)
async def test_behind_a_feed(server: TestNode, feed: str, action: Action, ids: str | None) -> None:
    server.faults.add(action, endpoint="_changes")
    for name in "abc":
        server.faults.add(Delay(0), document=name)  # so that rules look at more than the feed
    await sent(server, *(request("PUT", f"/films/{name}", b"{}") for name in "ab"), last("PUT", "/films/c", b"{}"))
    asked = request("GET", f"/films/_changes?feed={feed}&timeout=20")
    got = answers(await sent(server, asked, request("GET", "/films/c"), last("GET", "/films")))
    if ids is None:
        assert got == []
        assert [entry.endpoint for entry in server.journal][3:] == ["_changes"]
        return
    assert [status for status, _ in got] == [200, 200, 200]
    told = re.findall(rb'"id":"(.)"', got[0][1])
    assert sorted(told) == sorted(ids[place : place + 1].encode() for place in range(len(ids)))
    assert json.loads(got[1][1])["_id"] == "c"
    assert json.loads(got[2][1])["db_name"] == "films"


async def test_a_break_in_each_of_many_connections(server: TestNode) -> None:
    """Each is cut off once; what was asked behind it on the same connection is asked again on another."""
    server.faults.add(DropReply(), document="b", times=20)
    requests = [request("PUT", f"/films/{name}", b"{}") for name in "ab"]
    cut = await asyncio.gather(*(sent(server, *requests, last("GET", "/films")) for _ in range(20)))
    assert all([status for status, _ in answers(came)] in ([201], [409]) for came in cut)
    whole = await sent(server, *requests, last("GET", "/films"))
    assert [status for status, _ in answers(whole)] == [409, 409, 200]
