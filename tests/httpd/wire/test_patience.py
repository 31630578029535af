"""Clients that dawdle: over their headers, their body, the answer; and too many of them."""

import asyncio
import resource
from contextlib import asynccontextmanager, suppress

import pytest

from docstore.httpd.replies import Reply
from docstore.httpd.wire.patience import Patience
from docstore.httpd.wire.server import RESERVED_FILES, most_connections
from docstore.settings import Limits
from tests.httpd.attaching import until
from tests.httpd.serving import router, serving, stand_in

pytestmark = pytest.mark.usefixtures("either_loop")

LIMITS = {"max_header_time": 30.0, "max_body_wait": 60.0, "min_body_rate": 100, "max_answer_wait": 120.0}


@asynccontextmanager
async def dawdling(**rows):
    """A server whose rounds the test makes, by a clock of its own."""
    async with serving(router(**rows), node=stand_in(limits=LIMITS)) as running:
        yield running, Patience(lambda: running.listener._server.connections, Limits(**LIMITS))


async def rounds(patience, *times):
    for now in times:
        await patience.look(now)


async def arrived(running, check, *more):
    """Wait until the only connection is as it should be: what was sent has come, or what was answered stands."""
    connections = running.listener._server
    await until(lambda: connections.connections and check(connections.connections[0], *more))


def has_received(connection, size):
    return (connection.body_waited_for or 0) >= size


def has_less_unread(connection, size):
    return connection.unread_bytes < size


async def is_left(running, wire):
    """Wait until the server has ended the connection, in order or by a reset."""
    with suppress(ConnectionResetError):
        await wire.at_end()
    await until(lambda: not running.listener._server.connections)


async def test_headers_that_do_not_end():
    async with dawdling() as (running, patience), running.wire() as wire:
        wire.writer.write(b"GET / HTTP/1.1\r\nX-Slow:")
        await arrived(running, lambda connection: connection.has_begun_headers)
        await rounds(patience, 0, 15)
        wire.writer.write(b" still at it")
        await rounds(patience, 29)
        assert running.listener._server.connections
        await rounds(patience, 30)
        await is_left(running, wire)


async def test_headers_that_end_in_time():
    async with dawdling() as (running, patience), running.wire() as wire:
        for _ in range(2):
            wire.writer.write(b"GET / HTTP/1.1\r\n")
            await arrived(running, lambda connection: connection.has_begun_headers)
            await rounds(patience, 0, 29)
            assert (await wire.ask(b"Host: localhost\r\n\r\n")).status == 200
            await rounds(patience, 60)


async def test_a_connection_without_a_request_is_left_to_its_own_timer():
    async with dawdling() as (running, patience), running.wire() as wire:
        assert (await wire.get("/")).status == 200
        await rounds(patience, 0, 1_000)
        assert (await wire.get("/")).status == 200


async def read_body(request):
    return Reply(200, b"%d" % len(await request.body()))


UPLOAD = b"PUT /_read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"


def waits_for_body(connection):
    return connection.body_waited_for is not None


async def test_a_body_that_trickles():
    async with dawdling(read=read_body) as (running, patience), running.wire() as wire:
        wire.writer.write(UPLOAD)
        await arrived(running, waits_for_body)
        for now in range(0, 60, 10):
            wire.writer.write(b"x")
            await rounds(patience, now)
        assert running.listener._server.connections
        await rounds(patience, 60)
        await is_left(running, wire)
        assert running.node.counters.answered == []


async def test_a_body_that_comes_slowly_but_comes():
    async with dawdling(read=read_body) as (running, patience), running.wire() as wire:
        wire.writer.write(UPLOAD)
        await arrived(running, waits_for_body)
        for step in range(10):
            await rounds(patience, step * 50)
            wire.writer.write(b"x" * 10_000)
            if step < 9:
                await arrived(running, has_received, (step + 1) * 10_000)
        answer = await wire.answer()
        assert (answer.status, answer.body) == (200, b"100000")


async def test_a_body_that_nobody_waits_for_may_take_its_time():
    done = asyncio.Event()

    async def busy(request):
        await done.wait()
        return await read_body(request)

    async with dawdling(read=busy) as (running, patience), running.wire() as wire:
        wire.writer.write(UPLOAD)
        await arrived(running, lambda connection: connection._current_request is not None)
        await rounds(patience, 0, 1_000, 2_000)
        done.set()
        wire.writer.write(b"x" * 100_000)
        assert (await wire.answer()).status == 200


async def test_an_answer_that_nobody_reads():
    async def long(request):
        return Reply(200, b"x" * 50_000_000)

    async with dawdling(read=long) as (running, patience), running.wire() as wire:
        wire.writer.write(b"GET /_read HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await arrived(running, lambda connection: connection.unread_bytes)
        await rounds(patience, 0, 119)
        assert running.listener._server.connections
        await rounds(patience, 120)
        await is_left(running, wire)


async def test_an_answer_that_is_read_slowly():
    async def long(request):
        return Reply(200, b"x" * 50_000_000)

    async with dawdling(read=long) as (running, patience), running.wire() as wire:
        wire.writer.write(b"GET /_read HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await arrived(running, lambda connection: connection.unread_bytes)
        for step in range(5):
            before = running.listener._server.connections[0].unread_bytes
            await rounds(patience, step * 100)
            await wire.reader.readexactly(8_000_000)
            await arrived(running, has_less_unread, before)
        assert running.listener._server.connections


async def test_too_many_clients_are_told_so():
    async with serving(node=stand_in(limits={"max_connections": 2})) as running:
        async with running.wire() as one, running.wire() as two:
            assert (await one.get("/")).status == (await two.get("/")).status == 200
            async with running.wire() as three:
                answer = await three.answer()
                assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
                assert b'"error":"service_unavailable"' in answer.body
            assert (await one.get("/")).status == 200
        await until(lambda: not running.listener._server.connections)
        assert (await running.get("/")).status == 200


def test_there_are_no_more_clients_than_files(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1_024, 4_096))
    assert most_connections(Limits()) == 1_024 - RESERVED_FILES
    assert most_connections(Limits(max_connections=10)) == 10
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert most_connections(Limits()) == Limits().max_connections
