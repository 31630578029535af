"""What holds for every connection, whoever serves it: our own loop, or aiohttp's where its version is not known."""

import asyncio
import json
import logging
import socket
import struct
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

import docstore
from docstore.httpd.listener import Listener
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.service import Service
from docstore.httpd.wire.own_loop import KNOWN, OwnLoop
from docstore.httpd.wire.server import HttpServer
from docstore.httpd.wire.streaming import StreamReply
from tests.httpd.attaching import until
from tests.httpd.serving import Running, router, serving, stand_in

pytestmark = pytest.mark.usefixtures("either_loop")

GET = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"
PUT = b"PUT %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
UPGRADE = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def length(request):
    return json_reply(len(await request.body()))


async def unread(request):
    return Reply(200, b"{}\n")


class Held:
    """A handler that can be seen to begin and to end, and ends when it is told."""

    def __init__(self):
        self.began, self.may_end, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __call__(self, request):
        self.began.set()
        try:
            await self.may_end.wait()
        finally:
            self.ended.set()
        return Reply(200, b"{}\n")


class Noted:
    """A handler that tells which requests have reached it."""

    def __init__(self):
        self.requests = []

    async def __call__(self, request):
        self.requests.append(request)
        return Reply(200, b"{}\n")


def the_connection(server):
    (connection,) = server.listener._server.connections
    return connection


def gone(server):
    return not server.listener._server.connections


def hang_up(wire):
    """Leave at once and altogether, not only done with sending."""
    wire.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.writer.transport.abort()


def errors(caplog):
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


@asynccontextmanager
async def answered_by(handle):
    """A server whose requests go to ``handle`` as aiohttp has them, past everything of ours."""
    node = stand_in()
    service = Service(node)
    listener = await Listener.listen(service, router(), "127.0.0.1", 0, wrap=lambda _: handle)
    try:
        yield Running(node, service, listener)
    finally:
        await listener.stop()


async def test_more_at_once_than_are_kept_are_answered_in_their_order():
    async with serving(router(x=length)) as server, server.wire() as wire:
        sent = b"".join(PUT % (b"/_x", number, b"x" * number) for number in range(300))
        wire.writer.write(sent)
        for number in range(300):
            assert json.loads((await wire.answer()).body) == number
        assert (await wire.get("/")).status == 200


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_requests_come_in_pieces_of_any_size(size):
    async with serving(router(x=length)) as server, server.wire() as wire:
        chunked = b"PUT /_x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        sent = GET % "/db/ü".encode() + PUT % (b"/_x", 5, b"12345") + chunked + GET % b"/"
        asking = asyncio.ensure_future(in_turn(wire, 4))
        for start in range(0, len(sent), size):
            wire.writer.write(sent[start : start + size])
            await wire.writer.drain()
            await asyncio.sleep(0)
        answers = await asking
        assert [answer.status for answer in answers] == [200] * 4
        assert [json.loads(answer.body) for answer in answers[1:3]] == [5, 3]


async def in_turn(wire, count):
    return [await wire.answer() for _ in range(count)]


async def test_what_is_no_http_behind_a_request_under_way_ends_the_connection_with_its_answer():
    held = Held()
    async with serving(router(x=held)) as server, server.wire() as wire:
        wire.writer.write(GET % b"/_x")
        await held.began.wait()
        wire.writer.write(b"nonsense\r\n\r\n" + GET % b"/")
        await until(lambda: the_connection(server)._messages)
        held.may_end.set()
        assert [answer.status for answer in await in_turn(wire, 2)] == [200, 501]
        assert await wire.at_end()
        await until(lambda: gone(server))


@pytest.mark.parametrize("behind", [False, True])
async def test_an_upgrade_is_not_taken(behind):
    async with serving(router(x=length)) as server, server.wire() as wire:
        more = PUT % (b"/_x", 2, b"{}") + GET % b"/"
        wire.writer.write(UPGRADE % b"/" + (more if behind else b""))
        assert (await wire.answer()).status == 200
        if not behind:
            wire.writer.write(more)
        assert [answer.status for answer in await in_turn(wire, 2)] == [200, 200]
        wire.writer.write(UPGRADE % b"/" + UPGRADE % b"/" + GET % b"/")
        assert [answer.status for answer in await in_turn(wire, 3)] == [200] * 3


async def test_an_upgrade_behind_other_requests():
    async with serving(router(x=length)) as server, server.wire() as wire:
        wire.writer.write(PUT % (b"/_x", 2, b"{}") + UPGRADE % b"/" + PUT % (b"/_x", 3, b"abc"))
        assert [json.loads(answer.body) for answer in await in_turn(wire, 3)] == [2, {}, 3]


async def test_nonsense_behind_an_upgrade_takes_nothing_from_its_answer():
    async with serving() as server, server.wire() as wire:
        wire.writer.write(UPGRADE % b"/" + b"\x00\x01nonsense\r\n\r\n")
        assert [answer.status for answer in await in_turn(wire, 2)] == [200, 501]
        assert await wire.at_end()


@pytest.mark.parametrize(
    "target", [b"http://[::1/x", b"http:///x", b"http://localhost:999999/x", b"//", b"*", b"localhost:5984", b"http://"]
)
async def test_an_odd_target_is_answered_or_the_connection_ends(target, caplog):
    async with serving() as server, server.wire() as wire:
        wire.writer.write(GET % target)
        async with asyncio.timeout(20):
            status = (await wire.reader.readline()).split()[1:2]
        assert not status or int(status[0]) < 500
    async with serving() as server:
        assert (await server.get("/")).status == 200


async def test_a_chunked_body_that_nobody_reads_is_skipped():
    async with serving(router(x=unread)) as server, server.wire() as wire:
        head = b"PUT /_x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        wire.writer.write(head)
        assert (await wire.answer()).status == 200
        for _ in range(50):
            wire.writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            await wire.writer.drain()
        wire.writer.write(b"0\r\n\r\n" + GET % b"/")
        assert (await wire.answer()).status == 200


async def test_a_client_that_sends_faster_than_is_read_is_held_back():
    whole = 20_000_000
    may_read = asyncio.Event()

    async def slow(request):
        await may_read.wait()
        return json_reply(sum([len(piece) async for piece in request.stream()]))

    async with serving(router(x=slow)) as server, server.wire() as wire:
        wire.writer.write(b"PUT /_x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % whole)
        wire.writer.write(b"x" * whole)
        await until(lambda: server.listener._server.connections and the_connection(server)._reading_paused)
        assert the_connection(server)._current_request.content.total_bytes < 2_000_000
        may_read.set()
        assert json.loads((await wire.answer()).body) == whole
        assert (await wire.get("/")).status == 200


async def test_a_client_that_reads_no_answers_gets_no_more_of_them():
    """However small each is; what it does not read is not kept without an end."""
    answered = 0

    async def large(request):
        nonlocal answered
        answered += 1
        return Reply(200, b"x" * 60_000)

    async with serving(router(x=large)) as server, server.wire() as wire:
        wire.writer.transport.pause_reading()
        wire.writer.write(GET % b"/_x" * 2_000)
        await until(lambda: server.listener._server.connections and the_connection(server).writing_paused)
        kept = the_connection(server).unread_bytes
        await asyncio.wait([asyncio.ensure_future(wire.writer.drain())], timeout=0.1)
        assert the_connection(server).unread_bytes == kept < 2_000_000
        assert answered < 2_000
        wire.writer.transport.resume_reading()
        for _ in range(2_000):
            assert len((await wire.answer()).body) == 60_000


async def test_a_body_that_does_not_come_is_waited_for_a_while():
    async with serving(router(x=unread)) as server, server.wire() as wire:
        assert (await wire.get("/")).status == 200
        the_connection(server)._lingering_time = 0.05
        wire.writer.write(PUT % (b"/_x", 10, b"half"))
        assert (await wire.answer()).status == 200
        assert await wire.at_end()
        await until(lambda: gone(server))


async def test_a_client_that_leaves_while_the_rest_of_its_body_is_skipped(caplog):
    if HttpServer.kind is not OwnLoop:
        pytest.skip("aiohttp's loop notices when it has waited long enough")
    async with serving(router(x=unread)) as server, server.wire() as wire:
        assert (await wire.get("/")).status == 200
        the_connection(server)._lingering_time = 60.0
        wire.writer.write(PUT % (b"/_x", 10, b"half"))
        assert (await wire.answer()).status == 200
        hang_up(wire)
        await until(lambda: gone(server))
    assert not errors(caplog)


async def test_an_idle_connection_ends_and_a_busy_one_does_not():
    held = Held()
    async with serving(router(x=held), node=stand_in(limits={"max_idle_time": 0.05})) as server:
        async with server.wire() as wire:
            assert (await wire.get("/")).status == 200
            assert await wire.at_end()
        async with server.wire() as busy, server.wire() as idle:
            busy.writer.write(GET % b"/_x")
            await held.began.wait()
            assert (await idle.get("/")).status == 200
            assert await idle.at_end()
            held.may_end.set()
            assert (await busy.answer()).status == 200
            assert await busy.at_end()


async def test_a_client_that_never_asks_is_left():
    async with serving(node=stand_in(limits={"max_idle_time": 0.05})) as server, server.wire() as wire:
        assert await wire.at_end()


@pytest.mark.parametrize("error", [asyncio.CancelledError, ConnectionResetError])
async def test_a_handler_that_is_cancelled_ends_its_connection_alone(error, caplog):
    async def broken(request):
        raise error

    async with serving(router(x=broken)) as server, server.wire() as other, server.wire() as wire:
        assert (await other.get("/")).status == 200
        wire.writer.write(GET % b"/_x" + GET % b"/")
        assert await wire.at_end()
        await until(lambda: len(server.listener._server.connections) == 1)
        assert (await other.get("/")).status == 200
    assert not errors(caplog)


async def test_an_error_in_what_answers_is_a_500_and_ends_the_connection(caplog):
    async def broken(raw):
        raise KeyError("x")

    async with answered_by(broken) as server, server.wire() as wire:
        wire.writer.write(GET % b"/" * 2)
        assert (await wire.answer()).status == 500
        assert await wire.at_end()
    assert errors(caplog)


async def test_an_error_while_a_reply_is_written_ends_the_connection(caplog):
    class Broken(Reply):
        async def prepare(self, raw):
            raise KeyError("x")

    async def handle(raw):
        return Broken()

    async with answered_by(handle) as server, server.wire() as wire:
        wire.writer.write(GET % b"/" * 2)
        assert await wire.at_end()
        await until(lambda: gone(server))
    assert errors(caplog)


async def test_what_has_to_wait_goes_on_in_the_task_that_it_was_begun_in():
    tasks = []

    async def waits(request):
        for _ in range(3):
            tasks.append(asyncio.current_task())
            await asyncio.sleep(0)
        return Reply(200, b"{}\n")

    async with serving(router(x=waits)) as server, server.wire() as wire:
        assert (await wire.get("/_x")).status == 200
        assert tasks[0] is not None
        assert len(set(tasks)) == 1
        if HttpServer.kind is OwnLoop:
            assert tasks[0] is the_connection(server)._task_handler


async def test_what_is_over_before_anybody_waits_for_it_is_not_missed():
    done = Noted()

    async def waits(request):
        over = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(over.set_result, "over")
        done.requests.append(await over)
        broken = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(broken.set_exception, KeyError("broken"))
        with pytest.raises(KeyError, match="broken"):
            await broken
        return Reply(200, b"{}\n")

    async with serving(router(x=waits)) as server, server.wire() as wire:
        for _ in range(3):
            assert (await wire.get("/_x")).status == 200
    assert done.requests == ["over"] * 3


@pytest.mark.parametrize("seconds", [-1, 0, 0.001])
async def test_a_handler_has_its_time_limit(seconds):
    async def waits(request):
        try:
            async with asyncio.timeout(seconds):
                await asyncio.Event().wait()
        except TimeoutError:
            await asyncio.sleep(0)  # it goes on after it
            return Reply(200, b'"late"\n')

    async with serving(router(x=waits)) as server, server.wire() as wire:
        for _ in range(3):
            assert (await wire.get("/_x")).body == b'"late"\n'


async def test_a_handler_learns_that_its_task_is_cancelled_before_that_task_got_to_it(caplog):
    met = []

    async def waits(request):
        asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            met.append(request)
            raise

    async with serving(router(x=waits)) as server, server.wire() as wire:
        wire.writer.write(GET % b"/_x")
        assert await wire.at_end()
        await until(lambda: gone(server))
    assert len(met) == 1
    assert not errors(caplog)


async def test_bytes_that_a_task_hands_in_are_served_too():
    async with serving(router(x=unread)) as server, server.wire() as wire:
        assert (await wire.get("/")).status == 200
        the_connection(server).data_received(GET % b"/_x")
        assert (await wire.answer()).body == b"{}\n"
        assert (await wire.get("/_x")).status == 200


async def test_a_write_whose_client_leaves_goes_on_and_those_behind_it_do_not_begin():
    held, others = Held(), Noted()

    async with serving(router(x=held, y=others)) as server, server.wire() as wire:
        wire.writer.write(PUT % (b"/_x", 2, b"{}") + PUT % (b"/_y", 2, b"{}"))
        await held.began.wait()
        connection = the_connection(server)
        hang_up(wire)
        await until(lambda: connection.transport is None)
        assert not held.ended.is_set()
        held.may_end.set()
        await until(lambda: gone(server))
        assert held.ended.is_set()
        assert not others.requests


async def test_a_client_that_leaves_ends_the_feed_and_what_is_behind_it_does_not_begin():
    began, closed, others = asyncio.Event(), asyncio.Event(), Noted()

    async def rows():
        try:
            yield b"first\n"
            began.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def feed(request):
        return StreamReply(rows(), feed=True)

    async with serving(router(x=feed, y=others)) as server, server.wire() as wire:
        wire.writer.write(GET % b"/_x" + GET % b"/_y")
        await began.wait()
        hang_up(wire)
        await asyncio.wait_for(closed.wait(), 5)
        await until(lambda: gone(server))
        assert not others.requests


async def test_a_stop_answers_the_request_under_way_and_none_behind_it():
    held, others = Held(), Noted()

    async with serving(router(x=held, y=others)) as server, server.wire() as wire:
        wire.writer.write(GET % b"/_x" + GET % b"/_y")
        await held.began.wait()
        stopping = asyncio.ensure_future(server.listener.stop())
        await until(lambda: server.service.closing)
        held.may_end.set()
        answer = await wire.answer()
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        await asyncio.wait_for(stopping, 5)
        assert await wire.at_end()
        assert not others.requests


async def test_a_stop_with_feeds_requests_and_idle_connections_leaves_no_task():
    """A feed is ended, and what was asked behind it is answered."""
    held = Held()

    async def rows():
        yield b"[\n"
        await asyncio.Event().wait()

    async def feed(request):
        return StreamReply(rows(), feed=True, ending=lambda: b"]\n")

    before = asyncio.all_tasks()
    async with serving(router(x=held, y=feed, z=unread)) as server, AsyncExitStack() as stack:
        busy, waiting, idle, skipping = [await stack.enter_async_context(server.wire()) for _ in range(4)]
        busy.writer.write(GET % b"/_x")
        waiting.writer.write(GET % b"/_y" + GET % b"/")
        skipping.writer.write(PUT % (b"/_z", 10, b"half"))
        await held.began.wait()
        await waiting.reader.readuntil(b"[\n")
        assert (await idle.get("/")).status == 200
        assert (await skipping.answer()).status == 200
        stopping = asyncio.ensure_future(server.listener.stop())
        await until(lambda: server.service.closing)
        held.may_end.set()
        assert (await busy.answer()).status == 200
        assert b"]\n\r\n0\r\n\r\nHTTP/1.1 200 OK" in await waiting.reader.read()
        await asyncio.wait_for(stopping, 5)
        assert await idle.at_end()
    if HttpServer.kind is OwnLoop:
        await until(lambda: asyncio.all_tasks() <= before)


async def test_a_stop_that_is_out_of_patience_cancels_what_does_not_end():
    held = Held()
    node = stand_in()
    object.__setattr__(node.settings, "shutdown_grace", 0.05)
    async with serving(router(x=held), node=node) as server, server.wire() as wire:
        wire.writer.write(GET % b"/_x")
        await held.began.wait()
        await asyncio.wait_for(server.listener.stop(), 5)
        assert held.ended.is_set()
        assert await wire.at_end()


def test_only_versions_that_were_read_are_served_by_our_own_loop():
    assert "3.14.3" not in KNOWN
    assert aiohttp.__version__ not in KNOWN or issubclass(OwnLoop, HttpServer.kind)


def test_nothing_here_has_context_variables():
    """They would be those of a connection and not of a request."""
    sources = Path(docstore.__file__).parent.rglob("*.py")
    assert not [path for path in sources if "contextvars" in path.read_text()]


@pytest.mark.parametrize("leaves", [False, True], ids=["stays", "half closes"])
@pytest.mark.parametrize("waiting", [20, 28, 29, 30, 31, 32, 70])
async def test_what_the_parser_keeps_back_is_asked_for(waiting, leaves):
    """It stops where many requests wait, one too early behind a body that came apart from its head."""
    if HttpServer.kind is not OwnLoop:
        pytest.skip("aiohttp's own loop never asks for it")
    go_on = asyncio.Event()

    async def waits(request):
        await go_on.wait()
        return Reply(200, await request.body())

    def put(body):
        return PUT % (b"/_waits", len(body), body)

    async with serving(router(waits=waits)) as server, server.wire() as wire:
        first = put(b"first")
        wire.writer.write(first[:-5])
        await until(lambda: [one for one in server.listener._server.connections if one.begun])
        [connection] = server.listener._server.connections
        go_on.set()
        assert (await wire.ask(b"first")).body == b"first"
        go_on.clear()
        bodies = [b"%d" % number for number in range(waiting)]
        wire.writer.write(b"".join(map(put, bodies)))
        await until(lambda: connection.begun == 2)
        wire.writer.write(put(b"last"))
        await wire.writer.drain()
        if leaves:
            wire.writer.write_eof()
            await until(lambda: connection.half_closed)
        go_on.set()
        async with asyncio.timeout(30):
            assert [(await wire.answer()).body for _ in range(waiting + 1)] == [*bodies, b"last"]
            assert not leaves or await wire.reader.read() == b""
