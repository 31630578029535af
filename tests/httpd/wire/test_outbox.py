"""Replies that are written together: none is lost, doubled or out of its order, and a lone one does not wait."""

import asyncio
import socket
import struct
from contextlib import AsyncExitStack

import pytest

from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.wire import outbox as module
from docstore.httpd.wire.outbox import MOST_BYTES, MOST_HELD, Outbox
from docstore.httpd.wire.own_loop import OwnLoop
from docstore.httpd.wire.server import HttpServer
from docstore.httpd.wire.streaming import StreamReply
from tests.httpd.attaching import until
from tests.httpd.serving import router, serving

GET = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"
WOKEN = 1_000_000
"""As if others were always waiting for their answers."""

LAST = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Wire:
    """A transport that remembers what was written, for all transports of a test in one list."""

    def __init__(self, name, written):
        self.name, self.written, self.left = name, written, False

    def is_closing(self):
        return self.left

    def write(self, data):
        self.written.append((self.name, data))


@pytest.fixture
def written():
    return []


@pytest.fixture
def clock(monkeypatch):
    """The time that the outbox sees, in a list of one."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


async def test_what_is_held_is_written_with_the_next_turn_in_its_order(written, clock):
    outbox = Outbox()
    for name in ("a", "b", "a"):
        outbox.hold(Wire(name, written), b"1")
    assert not written
    await asyncio.sleep(0)
    assert written == [("a", b"1"), ("b", b"1"), ("a", b"1")]
    assert not outbox.held


async def test_so_many_are_enough(written, clock):
    outbox = Outbox()
    for number in range(MOST_HELD + 1):
        outbox.hold(Wire(number, written), b"")
    assert len(written) == MOST_HELD
    await asyncio.sleep(0)
    assert len(written) == MOST_HELD + 1


async def test_a_reply_does_not_wait_for_others_for_long(written, clock):
    outbox = Outbox()
    outbox.hold(Wire("a", written), b"")
    outbox.flush_late()
    assert not written
    clock[0] += module.LONGEST + 0.0001
    outbox.flush_late()
    assert written == [("a", b"")]
    outbox.hold(Wire("b", written), b"")
    outbox.flush_late()
    assert len(written) == 1, "it has its own time"


async def test_a_client_that_has_left_meanwhile_gets_nothing(written, clock):
    outbox = Outbox()
    gone, stays = Wire("gone", written), Wire("stays", written)
    outbox.hold(gone, b"")
    outbox.hold(stays, b"")
    gone.left = True
    outbox.flush()
    assert written == [("stays", b"")]


async def test_a_client_whose_wire_breaks_takes_no_replies_from_others(written, clock, caplog):
    class Broken(Wire):
        def write(self, data):
            raise RuntimeError("broken wire")

        def abort(self):
            self.left = True

    outbox, broken = Outbox(), Broken("broken", written)
    for wire in (Wire("a", written), broken, Wire("b", written)):
        outbox.hold(wire, b"")
    outbox.flush()
    assert [name for name, _ in written] == ["a", "b"]
    assert broken.left
    assert "broken wire" in caplog.text


async def test_what_is_gathered_goes_out_at_the_end_of_the_next_turn(written, clock):
    outbox = Outbox()
    loop, seen = asyncio.get_running_loop(), []
    for number in range(3):
        loop.call_soon(lambda number=number: outbox.hold(Wire(number, written), b""))
    outbox.gather()
    loop.call_soon(lambda: seen.append(len(written)))
    assert outbox.gathers == 1
    await asyncio.sleep(0)
    assert seen == [3]
    assert outbox.gathers == 0


@pytest.fixture
def holds(monkeypatch):
    """How many replies were held so far, in a list of one."""
    count = [0]
    hold = Outbox.hold

    def counted(self, transport, data):
        count[0] += 1
        hold(self, transport, data)

    monkeypatch.setattr(Outbox, "hold", counted)
    return count


async def whole(request):
    return json_reply(request.query_string)


async def in_pieces(request):
    async def pieces():
        yield b"piece "
        yield request.query_string.encode()

    return StreamReply(pieces())


async def wires(stack, server, count):
    """So many connections that have been served before."""
    opened = [await stack.enter_async_context(server.wire()) for _ in range(count)]
    for wire in opened:
        assert (await wire.get("/")).status == 200
    return opened


def outbox_of(server):
    return server.listener._server._outbox


@pytest.mark.usefixtures("either_loop")
class TestOfTheServer:
    async def test_replies_of_one_turn_are_written_together(self, holds):
        async with serving(router(x=whole)) as server, AsyncExitStack() as stack:
            opened = await wires(stack, server, 2 * MOST_HELD)
            before = holds[0]
            for number, wire in enumerate(opened):
                wire.writer.write(GET % b"/_x?%d" % number)
            for number, wire in enumerate(opened):
                assert (await wire.answer()).body == b'"%d"\n' % number
            if HttpServer.kind is OwnLoop:
                assert holds[0] > before
            assert outbox_of(server).woken == 0

    async def test_a_lone_reply_is_written_at_once(self, holds):
        async with serving(router(x=whole)) as server, AsyncExitStack() as stack:
            opened = await wires(stack, server, 5)
            for _ in range(10):
                for wire in opened:
                    assert (await wire.get("/_x?a")).status == 200
        assert holds[0] == 0

    async def test_nobody_waits_for_a_feed(self, holds):
        may_end = asyncio.Event()

        async def feed(request):
            async def rows():
                await may_end.wait()
                yield b"row\n"

            return StreamReply(rows(), feed=True)

        async with serving(router(x=whole, feed=feed)) as server, AsyncExitStack() as stack:
            waiting, other = await wires(stack, server, 2)
            waiting.writer.write(GET % b"/_feed")
            await until(lambda: any(each.feed for each in server.listener._server.connections))
            assert outbox_of(server).woken == 0
            assert (await other.get("/_x?a")).status == 200
            assert holds[0] == 0
            may_end.set()
            assert (await waiting.answer()).body == b"row\n"

    async def test_many_requests_of_many_clients_keep_their_order(self):
        """Small replies, ones that come in pieces, and ones behind which the connection ends."""
        async with serving(router(x=whole, pieces=in_pieces)) as server, AsyncExitStack() as stack:
            opened = await wires(stack, server, 5)
            for at, wire in enumerate(opened):
                asked = [GET % (b"/_x?%d" if (number + at) % 3 else b"/_pieces?%d") % number for number in range(100)]
                wire.writer.write(b"".join(asked) + LAST % b"/_x?last")
            for at, wire in enumerate(opened):
                for number in range(100):
                    body = (await wire.answer()).body
                    assert body == (b'"%d"\n' if (number + at) % 3 else b"piece %d") % number
                assert (await wire.answer()).body == b'"last"\n'
                assert await wire.at_end()
            await until(lambda: not server.listener._server.connections)
            assert outbox_of(server).woken == 0

    async def test_clients_that_send_no_more_get_their_replies(self):
        async with serving(router(x=whole)) as server, AsyncExitStack() as stack:
            opened = await wires(stack, server, 10)
            for wire in opened:
                wire.writer.write(GET % b"/_x?a")
                wire.writer.write_eof()
            for wire in opened:
                assert (await wire.answer()).body == b'"a"\n'
                assert await wire.at_end()

    async def test_a_last_reply_before_the_end_of_its_request_goes_out_at_once(self):
        """The connection says behind it that nothing more comes, and swallows what the client still sends."""
        async with serving(router(x=whole)) as server, AsyncExitStack() as stack:
            (wire,) = await wires(stack, server, 1)
            outbox_of(server).woken = WOKEN
            wire.writer.write(
                b"PUT /_x?a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhalf"
            )
            assert (await wire.answer()).body == b'"a"\n'

    @pytest.mark.parametrize("behind", [b"/_large?x", b"/_pieces?x", b"/_x?x"])
    async def test_no_reply_overtakes_one_that_is_held(self, behind):
        """aiohttp's parser holds back the last one of these, and it is served without a turn in between."""
        may_go_on = asyncio.Event()

        async def waits(request):
            await may_go_on.wait()
            return Reply(200, await request.body())

        async def large(request):
            return Reply(200, b"x" * 70_000)

        async with (
            serving(router(x=whole, waits=waits, pieces=in_pieces, large=large)) as server,
            AsyncExitStack() as stack,
        ):
            (wire,) = await wires(stack, server, 1)
            outbox_of(server).woken = WOKEN
            put = b"PUT /_waits HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"
            wire.writer.write(put)
            (connection,) = server.listener._server.connections
            await until(lambda: connection._current_request)
            may_go_on.set()
            wire.writer.write(b"first")
            assert (await wire.answer()).body == b"first"
            may_go_on.clear()
            wire.writer.write(b"".join(put + b"%5d" % number for number in range(32)))
            await until(lambda: connection.begun == 3)
            wire.writer.write(GET % behind)
            await asyncio.sleep(0)
            may_go_on.set()
            for number in range(32):
                assert (await wire.answer()).body == b"%5d" % number
            assert (await wire.answer()).body in (b"x" * 70_000, b"piece x", b'"x"\n')

    @pytest.mark.parametrize("size", [MOST_BYTES - 1_000, MOST_BYTES, 60_000])
    async def test_only_what_the_system_takes_at_once_is_held(self, size, holds):
        async def sized(request):
            return Reply(200, b"x" * size)

        async with serving(router(sized=sized)) as server, AsyncExitStack() as stack:
            (wire,) = await wires(stack, server, 1)
            before, outbox_of(server).woken = holds[0], WOKEN
            assert (await wire.get("/_sized")).body == b"x" * size
            assert holds[0] - before == (size < MOST_BYTES)

    @pytest.mark.parametrize("ends", ["force_close", "eof_received"])
    async def test_what_is_held_goes_out_before_the_connection_ends(self, ends):
        async with serving(router(x=whole)) as server, AsyncExitStack() as stack:
            (wire,) = await wires(stack, server, 1)
            (connection,) = server.listener._server.connections
            outbox_of(server).hold(connection.transport, b"held")
            if getattr(connection, ends)() is False:
                connection.force_close()  # as the event loop does then
            assert await wire.reader.readexactly(4) == b"held"

    async def test_clients_that_leave_and_handlers_that_break_leave_nobody_counted(self, caplog):
        began, may_end = asyncio.Event(), asyncio.Event()

        async def held(request):
            began.set()
            await may_end.wait()
            return Reply(200, b"{}\n")

        async def broken(request):
            raise RuntimeError("broken")

        async with serving(router(held=held, broken=broken)) as server, AsyncExitStack() as stack:
            leaving, breaking, odd, other = await wires(stack, server, 4)
            leaving.writer.write(GET % b"/_held")
            breaking.writer.write(GET % b"/_broken")
            odd.writer.write(b"nonsense\r\n\r\n")
            await began.wait()
            assert (await breaking.answer()).status == 500
            assert (await odd.answer()).status == 501
            leaving.writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            leaving.writer.transport.abort()  # it is gone altogether, not only done with sending
            await until(lambda: outbox_of(server).woken == 0)
            may_end.set()
            assert (await other.get("/")).status == 200
        assert "broken" in caplog.text
