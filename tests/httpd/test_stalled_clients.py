"""Clients that ask for much and do not read: nobody else is kept waiting, and then they read all of it."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.database.helpers import until_none_is_open

RECEIVED = 4096
"""Bytes that a client's socket takes before it is read."""

COUNT = 300
NAMES = [f"d{number:03}" for number in range(COUNT)]
KEYS = "[" + ",".join(f'"{name}"' for name in NAMES) + "]"
DOCS = '{"docs":[' + ",".join(f'{{"id":"{name}"}}' for name in NAMES) + "]}"
QUERIES = '{"queries":[{"include_docs":true},{"include_docs":true,"descending":true}]}'

REQUESTS = {
    "_all_docs": "GET /db/_all_docs?include_docs=true",
    "_all_docs attachments": "GET /db/_all_docs?include_docs=true&attachments=true",
    "_all_docs keys": f'POST /db/_all_docs?include_docs=true {{"keys":{KEYS}}}',
    "queries": f"POST /db/_all_docs/queries {QUERIES}",
    "_local_docs": "GET /db/_local_docs?include_docs=true",
    "_conflicts": "GET /db/_conflicts?include_docs=true",
    "_bulk_get": f"POST /db/_bulk_get {DOCS}",
    "_changes": "GET /db/_changes?include_docs=true",
    "_changes of the loser": "GET /db/_changes?include_docs=true&style=all_docs&attachments=true",
    "longpoll": "GET /db/_changes?feed=longpoll&include_docs=true",
    "continuous": f"GET /db/_changes?feed=continuous&include_docs=true&limit={COUNT}",
    "eventsource": f"GET /db/_changes?feed=eventsource&include_docs=true&limit={COUNT}",
    "attachment": "GET /db/d000/large",
    "open_revs": "GET /db/d000?open_revs=all",
    "document with attachments": "GET /db/d000?attachments=true",
}

BOUNDARY = re.compile(rb'(?<=--)[0-9a-f]{32}|(?<=boundary=")[0-9a-f]{32}')

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def full(db):
    """Documents of a few kilobytes, in conflict; local ones; an attachment of some megabytes."""
    text = "x" * 4000
    await db.post("_bulk_docs", {"docs": [{"_id": name, "text": text} for name in NAMES]})
    await db.post("_bulk_docs", {"docs": [{"_id": f"_local/{name}", "text": text} for name in NAMES]})
    await db.replicate(*({"_id": name, "_rev": "1-0", "text": text} for name in NAMES))
    rev = (await db.get("d000")).json["_rev"]
    put = await db.put(f"d000/large?rev={rev}", b"large " * 400_000, Content_Type="application/octet-stream")
    assert put.status == 201
    return db


@asynccontextmanager
async def asking(server, request: str) -> AsyncIterator[Client]:
    """A client with a small socket that has sent a request, and takes no more of the answer than it is asked to."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", int(server.url.rpartition(":")[2])))
    reader, writer = await asyncio.open_connection(sock=sock, limit=RECEIVED)
    try:
        method, path, *body = request.split(" ", 2)
        text = body[0] if body else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode())
        yield reader, writer
    finally:
        writer.close()


async def begin(client: Client) -> bool:
    """Take the head, and no more; whether the body comes in chunks."""
    head = await client[0].readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    return b"Transfer-Encoding: chunked" in head


async def answer_of(client: Client, *, chunked: bool) -> bytes:
    """The body, without what differs each time: chunks and boundaries."""
    body = await client[0].read()
    if chunked:
        body = b"".join(unchunked(body))
    return BOUNDARY.sub(b"boundary", body) if body.startswith(b"--") else body


def unchunked(body: bytes) -> Iterator[bytes]:
    start, size = 0, -1
    while size:
        end = body.index(b"\r\n", start)
        size = int(body[start:end], 16)
        yield body[end + 2 : end + 2 + size]
        start = end + 4 + size
    assert start == len(body)


async def ask_whole(server, request: str) -> bytes:
    async with asking(server, request) as client:
        return await answer_of(client, chunked=await begin(client))


@pytest.mark.parametrize("each", [5, pytest.param(30, marks=pytest.mark.long)])
async def test_everybody_else_is_served(server, full, each):
    wholes = {name: await ask_whole(server, request) for name, request in REQUESTS.items()}
    stalled = []
    async with asyncio.TaskGroup() as group, asyncio.timeout(300):
        release = asyncio.Event()

        async def stall(name: str, request: str, begun: asyncio.Future) -> None:
            async with asking(server, request) as client:
                chunked = await begin(client)
                begun.set_result(None)
                await release.wait()
                assert await answer_of(client, chunked=chunked) == wholes[name]

        for name, request in REQUESTS.items():
            for _ in range(each):
                begun = asyncio.get_running_loop().create_future()
                stalled.append(begun)
                group.create_task(stall(name, request, begun))
        await asyncio.gather(*stalled)
        await until_none_is_open(server.node.env)
        assert (await full.get("d001")).status == 200
        assert (await full.get("_all_docs?limit=3")).json["rows"][2]["id"] == "d002"
        assert (await full.put("_local/more", {})).status == 201
        assert (await full.delete("_local/more?rev=0-1")).status == 200
        release.set()
    assert server.node.env.open_snapshots == 0
