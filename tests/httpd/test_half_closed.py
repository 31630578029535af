"""Clients that close their half of the connection once they have asked, as ``nc -N`` does: they get their answers."""

import asyncio
import json

import pytest

from docstore.httpd.replies import Reply
from tests.httpd.attaching import until, wire
from tests.httpd.serving import router, serving

pytestmark = pytest.mark.usefixtures("either_loop")

GET = b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n"
PUT = b"PUT /db/%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


async def ask_and_close(raw, request):
    raw.writer.write(request)
    raw.writer.write_eof()
    return await raw.answer()


async def test_a_write_is_answered(server, db):
    async with wire(server) as raw:
        answer = await ask_and_close(raw, PUT % (b"a", 2) + b"{}")
        assert (answer.status, json.loads(answer.body)["ok"]) == (201, True)
        assert await raw.at_end()


async def test_all_that_was_asked_is_answered(server, db):
    async with wire(server) as raw:
        many = b"".join(PUT % (b"d%d" % number, 2) + b"{}" for number in range(40))
        assert (await ask_and_close(raw, many + GET % b"db/_all_docs")).status == 201
        for _ in range(39):
            assert (await raw.answer()).status == 201
        assert json.loads((await raw.answer()).body)["total_rows"] == 40
        assert await raw.at_end()


async def test_an_answer_that_is_under_way_is_finished(server, db):
    body = b"x" * 3_000_000
    async with wire(server) as raw:
        assert (await ask_and_close(raw, PUT % (b"a/b", len(body)) + body)).status == 201
    async with wire(server) as raw:
        assert (await ask_and_close(raw, GET % b"db/a/b")).body == body
        assert await raw.at_end()


async def test_an_idle_connection_is_closed():
    async with serving() as server, server.wire() as wire:
        assert (await wire.get("/")).status == 200
        wire.writer.write_eof()
        assert await wire.at_end()


@pytest.mark.parametrize("sent", [b"GET / HT", GET[:-2] % b"db"])
async def test_half_a_request_is_none(sent):
    async with serving() as server, server.wire() as wire:
        wire.writer.write(GET % b"db/doc" + sent)
        wire.writer.write_eof()
        assert (await wire.answer()).status == 200
        assert await wire.at_end()
        assert len(server.node.counters.answered) == 1


async def test_half_a_body_is_not_taken_for_a_whole(server, db):
    chunked = b"PUT /db/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n"
    for head in (PUT % (b"a", 10), chunked):
        async with wire(server) as raw:
            raw.writer.write(GET % b"db" + head + b'{"a":1}')
            raw.writer.write_eof()
            assert (await raw.answer()).status == 200
            assert await raw.at_end()
    assert (await db.get("a")).status == 404


async def test_half_a_body_that_nobody_reads(caplog):
    """The answer is given, and nothing is logged as an error."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def early(request):
        begun.set()
        await go_on.wait()
        return Reply(200, b"{}\n")

    async with serving(router(early=early)) as server, server.wire() as wire:
        wire.writer.write(b"PUT /_early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf")
        await begun.wait()
        wire.writer.write_eof()
        [connection] = server.listener._server.connections
        await until(lambda: connection.half_closed)
        go_on.set()
        assert (await wire.answer()).status == 200
        assert await wire.at_end()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("feed", ["longpoll", "continuous", "eventsource"])
async def test_a_feed_tells_what_there_is_and_ends(server, db, feed):
    await db.write("a", {})
    path = f"db/_changes?feed={feed}&heartbeat=50000".encode()
    async with wire(server) as raw:
        answer = await ask_and_close(raw, GET % path)
        assert b'"id":"a"' in answer.body
        assert feed == "eventsource" or b"last_seq" in answer.body
        assert await raw.at_end()


@pytest.mark.parametrize("feed", ["longpoll", "continuous", "eventsource"])
async def test_a_feed_that_waits_ends(server, db, feed):
    async with wire(server) as raw:
        raw.writer.write(GET % f"db/_changes?feed={feed}&since=now&heartbeat=50000".encode())
        head = await raw.reader.readuntil(b"\r\n\r\n")
        assert b"200 OK" in head
        raw.writer.write_eof()
        assert (await raw.reader.read()).endswith(b"0\r\n\r\n")
    await until(lambda: not server.node.notifier._subscriptions)
