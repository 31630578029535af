"""What is answered to bytes that are no request, and to lines and headers that are too long."""

import asyncio
import json

import pytest

from docstore.errors import Forbidden
from docstore.httpd.replies import json_reply
from docstore.httpd.wire.streaming import StreamReply
from tests.httpd.attaching import until
from tests.httpd.serving import router, serving, stand_in

pytestmark = pytest.mark.usefixtures("either_loop")


def error_of(answer):
    return answer.status, *json.loads(answer.body).values()


URI_TOO_LONG = (414, "too_long", "the request uri is too long")
HEADER_TOO_LARGE = (431, "too_large", "a request header is too large")


@pytest.mark.parametrize(
    "text",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_http_is_answered_in_json(text):
    async with serving() as server, server.wire() as wire:
        answer = await wire.ask(text)
        assert answer.status in (400, 501)
        assert set(json.loads(answer.body)) == {"error", "reason"}
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Connection"] == "close"
        assert await wire.at_end()


async def test_an_unknown_method():
    async with serving() as server, server.wire() as wire:
        answer = await wire.ask(b"FETCH / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert error_of(answer) == (501, "not_implemented", "the request method is not known")


async def test_the_length_of_a_url():
    async with serving(node=stand_in(limits={"max_url": 1000})) as server:
        assert (await server.get("/" + "a" * 999)).status == 200
        assert error_of(await server.get("/" + "a" * 1000)) == URI_TOO_LONG
        assert error_of(await server.get("/db?x=" + "a" * 2000)) == URI_TOO_LONG


async def test_the_longest_id_fits_by_default():
    async def doc_id(request):
        return json_reply(len(request.segments[1].encode()))

    routes = router(x=doc_id)
    object.__setattr__(routes.find(["_x"]), "segments", ("_x", "{name}"))
    async with serving(routes) as server:
        longest = "é" * (server.node.settings.limits.max_doc_id // 2)
        escaped = "".join(f"%{byte:02X}" for byte in longest.encode())
        assert len(escaped) == 3 * 7_168
        assert json.loads((await server.get(f"/_x/{escaped}")).body) == 7_168


async def test_the_length_of_a_header():
    async with serving(node=stand_in(limits={"max_header": 1000})) as server:
        assert (await server.get("/", "X-Long: " + "a" * 1000)).status == 200
        assert error_of(await server.get("/", "X-Long: " + "a" * 1001)) == HEADER_TOO_LARGE
        assert error_of(await server.get("/", "X" * 1001 + ": a")) == HEADER_TOO_LARGE


async def test_the_number_of_headers():
    async with serving() as server:
        assert (await server.get("/", *(f"X-{number}: a" for number in range(100)))).status == 200
        answer = await server.get("/", *(f"X-{number}: a" for number in range(200)))
        assert error_of(answer) == (431, "too_large", "the request has too many headers")


async def test_requests_share_a_connection():
    async with serving() as server, server.wire() as wire:
        for _ in range(3):
            assert (await wire.get("/db/doc")).status == 200
        wire.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)  # all at once
        for _ in range(3):
            assert (await wire.answer()).status == 200


async def test_a_client_may_ask_for_the_connection_to_end():
    async with serving() as server, server.wire() as wire:
        answer = await wire.ask(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert answer.headers["Connection"] == "close"
        assert await wire.at_end()


async def test_http_1_0():
    async with serving() as server:
        async with server.wire() as wire:
            answer = await wire.ask(b"GET / HTTP/1.0\r\n\r\n")
            assert (answer.status, answer.headers["Connection"]) == (200, "close")
            assert await wire.at_end()
        async with server.wire() as wire:
            for _ in range(2):
                answer = await wire.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                assert answer.headers["Connection"] == "keep-alive"


async def test_a_body_that_nobody_reads_is_skipped():
    async with serving() as server, server.wire() as wire:
        assert (await wire.get("/nope", method="PATCH", body=b"x" * 100_000)).status == 404
        assert (await wire.get("/")).status == 200


SMUGGLED = b"PUT /db HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"Content-Length: 2, 2\r\n\r\n{}",
        b"Content-Length: +2\r\n\r\n{}",
        b"Content-Length: -1\r\n\r\n{}",
        b"Content-Length: 0x2\r\n\r\n{}",
        b"Content-Length:\r\n\r\n{}",
        b"Content-Length : 2\r\n\r\n{}",
        b"Content-Length: 99999999999999999999999\r\n\r\n{}",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: \r\nContent-Length: 2\r\n\r\n{}",
        b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
        b"Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n",
        b"X: a\r\n Content-Length: 2\r\n\r\n{}",
        b"X: a\rb\r\nContent-Length: 2\r\n\r\n{}",
        b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: 2\n\n{}",
    ],
)
async def test_a_body_whose_end_is_doubtful_ends_the_connection(framing):
    """Nobody before this server can have seen another end of it, and what comes behind is never read as a request."""
    head = b"PUT /db/doc HTTP/1.1\r\nHost: localhost\r\n"
    for together in (True, False):
        async with serving() as server, server.wire() as wire:
            request = head + framing
            wire.writer.write(request + SMUGGLED if together else request)
            answer = await wire.answer()
            assert answer.status in (400, 501)
            assert answer.headers["Connection"] == "close"
            if not together:
                wire.writer.write(SMUGGLED)
            assert await wire.at_end()
            assert ("PUT", 200) not in server.node.counters.answered


async def test_chunks_may_have_extensions_and_trailers():
    request = b"PUT /db HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving() as server, server.wire() as wire:
        for body in (b"2;a=b\r\n{}\r\n0\r\n\r\n", b"2\r\n{}\r\n0\r\nX-T: a\r\n\r\n"):
            assert (await wire.ask(request + body)).status == 200


async def test_who_sends_many_at_once_does_not_keep_others_waiting():
    turns, seen = [0], []

    async def ticking():
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    async def handler(request):
        seen.append(turns[0])
        return json_reply(True)

    async with serving(router(x=handler)) as server, server.wire() as wire:
        ticker = asyncio.ensure_future(ticking())
        wire.writer.write(b"GET /_x HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40)
        for _ in range(40):
            assert (await wire.answer()).status == 200
        ticker.cancel()
        assert len(set(seen)) == 40, "each in a turn of the loop"


async def test_a_client_that_leaves_ends_no_request_behind_a_feed_that_was_refused():
    """A feed that never began is no longer its connection's, so nothing is cancelled for it."""
    began, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def refused():
        raise Forbidden("no")
        yield b""

    async def feed(request):
        return StreamReply(refused(), feed=True)

    async def write(request):
        began.set()
        await may_end.wait()
        ended.set()
        return json_reply(True)

    async with serving(router(x=feed, y=write)) as server, server.wire() as wire:
        assert (await wire.get("/_x")).status == 403
        wire.writer.write(b"GET /_y HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await began.wait()
        (connection,) = server.listener._server.connections
        wire.writer.transport.abort()
        await until(lambda: connection.half_closed)
        may_end.set()
        await asyncio.wait_for(ended.wait(), 5)
