import asyncio
import socket
import struct
from dataclasses import replace

import pytest

from docstore.httpd.listener import TURN, Listener, NotLoopback
from docstore.httpd.replies import Reply
from docstore.httpd.wire.connection import Connection
from tests.httpd.serving import ADMIN, no_handler, router, serving, stand_in

pytestmark = pytest.mark.usefixtures("either_loop")


class Slow:
    """A handler that can be seen to start and told to end."""

    def __init__(self):
        self.started = asyncio.Event()
        self.ended = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, request):
        self.started.set()
        await request.body()
        try:
            await self.go_on.wait()
        finally:
            self.ended.set()
        return Reply(200, b"done")


async def test_the_url_has_the_real_port():
    async with serving() as server:
        assert server.listener.url == f"http://127.0.0.1:{server.listener.port}"
        assert (await server.get("/")).status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
async def test_without_an_administrator_it_listens_on_loopback_alone(host):
    with pytest.raises(NotLoopback, match=host):
        await Listener.start(stand_in(), host, 0)


async def test_with_an_administrator_it_listens_anywhere():
    listener = await Listener.start(stand_in(admin=ADMIN), "0.0.0.0", 0)
    await listener.stop()


async def test_an_address_in_use():
    async with serving() as server:
        with pytest.raises(OSError, match="in use"):
            await Listener.start(stand_in(), "127.0.0.1", server.listener.port)


async def test_a_running_request_finishes_before_the_stop():
    slow = Slow()
    async with serving(router(slow=slow)) as server, server.wire() as wire:
        asking = asyncio.ensure_future(wire.get("/_slow"))
        await slow.started.wait()
        stopping = asyncio.ensure_future(server.listener.stop())
        await asyncio.sleep(0)
        assert server.service.closing
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.listener.port)
        assert not stopping.done()
        slow.go_on.set()
        answer = await asking
        assert (answer.status, answer.body, answer.headers["Connection"]) == (200, b"done", "close")
        await asyncio.wait_for(stopping, 2)
        assert await wire.at_end()


async def test_what_has_been_sent_by_the_stop_is_answered():
    async with serving(router(x=no_handler)) as server, server.wire() as new, server.wire() as used:
        await used.get("/_x")
        for wire in (new, used):
            wire.writer.write(b"GET /_x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stopping = asyncio.ensure_future(server.listener.stop())
        for wire in (new, used):
            answer = await wire.ask(b"")
            assert answer.headers["Connection"] == "close"
            assert await wire.at_end()
        await asyncio.wait_for(stopping, 2)


async def test_who_has_just_connected_may_ask_once():
    async with serving(router(x=no_handler)) as server, server.wire() as wire:
        stopping = asyncio.ensure_future(server.listener.stop())
        await asyncio.sleep(0)
        wire.writer.write(b"GET /_x HTTP/1.1\r\nHost:")
        await asyncio.sleep(2 * TURN)
        answer = await wire.ask(b" localhost\r\n\r\n")
        assert answer.headers["Connection"] == "close"
        assert await wire.at_end()
        await asyncio.wait_for(stopping, 2)


async def test_a_body_that_is_still_coming_is_taken_before_the_stop():
    slow = Slow()
    async with serving(router(slow=slow)) as server, server.wire() as wire:
        wire.writer.write(b"PUT /_slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab")
        await slow.started.wait()
        stopping = asyncio.ensure_future(server.listener.stop())
        await asyncio.sleep(0)
        assert server.service.closing
        slow.go_on.set()
        answer = await wire.ask(b"cd")
        assert answer.body == b"done"
        await asyncio.wait_for(stopping, 2)


async def test_a_request_that_does_not_finish_in_time_is_cancelled():
    slow = Slow()
    node = stand_in()
    node.settings = replace(node.settings, shutdown_grace=0.05)
    async with serving(router(slow=slow), node=node) as server, server.wire() as wire:
        wire.writer.write(b"GET /_slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await slow.started.wait()
        await asyncio.wait_for(server.listener.stop(), 5)
        await asyncio.wait_for(slow.ended.wait(), 5)


async def test_idle_connections_do_not_hold_the_stop_up():
    async with serving(router(x=no_handler)) as server, server.wire() as used, server.wire() as unused:
        await used.get("/_x")
        await asyncio.wait_for(server.listener.stop(), 2)
        assert await used.at_end()
        assert await unused.at_end()


async def test_a_write_goes_on_when_its_client_leaves(monkeypatch):
    slow = Slow()
    finished, left = asyncio.Event(), asyncio.Event()
    connection_lost = Connection.connection_lost

    def noticed(self, exc):
        connection_lost(self, exc)
        left.set()

    async def write(request):
        reply = await slow(request)
        finished.set()
        return reply

    monkeypatch.setattr(Connection, "connection_lost", noticed)
    async with serving(router(write=write)) as server:
        async with server.wire() as wire:
            wire.writer.write(b"PUT /_write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab")
            await slow.started.wait()
            linger = struct.pack("ii", 1, 0)  # gone altogether, not only done with sending
            wire.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        await asyncio.wait_for(left.wait(), 5)
        assert not slow.ended.is_set()
        slow.go_on.set()
        await asyncio.wait_for(finished.wait(), 5)
