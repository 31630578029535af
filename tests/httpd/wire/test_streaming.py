import asyncio
import json

import pytest

from docstore.errors import Unavailable
from docstore.httpd.wire.streaming import StreamReply
from tests.httpd.serving import router, serving

pytestmark = pytest.mark.usefixtures("either_loop")


class Pieces:
    """Gives the pieces it is told to give, when it is told; an exception among them is raised."""

    def __init__(self, *pieces):
        self.queue = asyncio.Queue()
        self.closed = asyncio.Event()
        self.asked = asyncio.Event()
        for piece in pieces:
            self.queue.put_nowait(piece)

    async def __call__(self):
        try:
            self.asked.set()
            while (piece := await self.queue.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed.set()


def streaming(pieces, **options):
    async def handler(request):
        return StreamReply(pieces(), **options)

    return serving(router(x=handler))


async def test_pieces_are_joined():
    pieces = Pieces(b"[1", b"", b",2", b"]\n", None)
    async with streaming(pieces, etag="x", headers=(("A", "b"),)) as server, server.wire() as wire:
        answer = await wire.get("/_x")
        assert (answer.status, answer.body) == (200, b"[1,2]\n")
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert (answer.headers["ETag"], answer.headers["A"]) == ('"x"', "b")
        assert answer.headers["Content-Type"] == "application/json"
        assert (await wire.get("/")).status == 200
        assert pieces.closed.is_set()


async def test_no_piece_at_all():
    async with streaming(Pieces(None)) as server:
        assert (await server.get("/_x")).body == b""


async def test_http_1_0_gets_no_chunks():
    async with streaming(Pieces(b"[1", b"]", None)) as server, server.wire() as wire:
        answer = await wire.ask(b"GET /_x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert answer.body == b"[1]"
        assert answer.headers["Connection"] == "close"
        assert "Transfer-Encoding" not in answer.headers


async def test_a_head_asks_for_no_piece():
    pieces = Pieces(b"x", None)
    async with streaming(pieces) as server, server.wire() as wire:
        answer = await wire.get("/_x", method="HEAD")
        assert (answer.status, answer.body, pieces.asked.is_set()) == (200, b"", False)
        assert (await wire.get("/")).status == 200


async def test_an_error_before_the_first_piece_has_its_own_status():
    async with streaming(Pieces(Unavailable("too many"))) as server:
        answer = await server.get("/_x")
        assert answer.status == 503
        assert json.loads(answer.body) == {"error": "service_unavailable", "reason": "too many"}


@pytest.mark.parametrize("error", [Unavailable(), KeyError("x")])
async def test_an_error_after_it_breaks_the_connection(error, caplog):
    async with streaming(Pieces(b"[1", error)) as server, server.wire() as wire:
        wire.writer.write(b"GET /_x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = await wire.reader.read()
        assert received.endswith(b"\r\n\r\n2\r\n[1\r\n")  # and no last chunk
    assert "a streamed reply broke" in caplog.text


async def test_a_feed_ends_when_its_client_leaves():
    pieces = Pieces(b"first\n")
    async with streaming(pieces, feed=True) as server:
        async with server.wire() as wire:
            wire.writer.write(b"GET /_x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await wire.reader.readuntil(b"first\n")
            assert not pieces.closed.is_set()
        await asyncio.wait_for(pieces.closed.wait(), 5)


async def test_a_feed_ends_when_its_client_leaves_before_the_first_piece():
    pieces = Pieces()
    started = asyncio.Event()

    async def handler(request):
        started.set()
        return StreamReply(pieces(), feed=True)

    async with serving(router(x=handler)) as server:
        async with server.wire() as wire:
            wire.writer.write(b"GET /_x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await started.wait()
        await asyncio.wait_for(pieces.closed.wait(), 5)


async def test_a_feed_ends_properly_when_the_server_stops():
    pieces = Pieces(b'{"results":[\n')
    async with streaming(pieces, feed=True, ending=lambda: b"],\n}\n") as server, server.wire() as wire:
        wire.writer.write(b"GET /_x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await wire.reader.readuntil(b"results")
        asking = asyncio.ensure_future(wire.reader.read())
        await asyncio.wait_for(server.listener.stop(), 2)
        assert pieces.closed.is_set()
        assert await asking == b'":[\n\r\n5\r\n],\n}\n\r\n0\r\n\r\n'


async def test_a_feed_without_a_first_piece_ends_with_its_ending_alone():
    pieces = Pieces()
    async with streaming(pieces, feed=True, ending=lambda: b"{}\n") as server, server.wire() as wire:
        asking = asyncio.ensure_future(wire.get("/_x"))
        await pieces.asked.wait()
        await asyncio.wait_for(server.listener.stop(), 2)
        assert (await asking).body == b"{}\n"


async def test_a_feed_without_an_ending_is_refused_if_it_has_not_begun():
    pieces = Pieces()
    async with streaming(pieces, feed=True) as server, server.wire() as wire:
        asking = asyncio.ensure_future(wire.get("/_x"))
        await pieces.asked.wait()
        await asyncio.wait_for(server.listener.stop(), 2)
        assert (await asking).status == 503


async def test_a_feed_does_not_outlive_its_reply():
    async with streaming(Pieces(b"x", None), feed=True) as server, server.wire() as wire:
        assert (await wire.get("/_x")).body == b"x"
        stale = server.listener._server.connections[0].feed  # aiohttp's loop keeps it, to no effect
        if stale is not None:
            stale.end()
        assert (await wire.get("/db/doc")).status == 200
        assert (await wire.get("/")).status == 200


async def test_a_known_length():
    pieces = Pieces(b"ab", b"", b"c" * 100_000, None)
    async with streaming(pieces, length=100_002, content_type="text/plain") as server, server.wire() as wire:
        answer = await wire.get("/_x")
        assert answer.headers["Content-Length"] == "100002"
        assert "Transfer-Encoding" not in answer.headers
        assert answer.body == b"ab" + b"c" * 100_000
        head = await wire.get("/_x", method="HEAD")
        assert head.headers["Content-Length"] == "100002"
        assert (await wire.get("/")).status == 200


async def test_a_known_length_keeps_a_http_1_0_connection_open():
    pieces = Pieces(b"abc", None)
    async with streaming(pieces, length=3) as server, server.wire() as wire:
        answer = await wire.ask(b"GET /_x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert answer.headers["Connection"] == "keep-alive"
        assert (await wire.get("/")).status == 200


@pytest.mark.parametrize("pieces", [(b"ab", None), (b"ab", b"cd", None), (b"abcd", None)])
async def test_another_length_than_was_announced_breaks_the_connection(pieces):
    async with streaming(Pieces(*pieces), length=3) as server, server.wire() as wire:
        with pytest.raises(asyncio.IncompleteReadError) as broken:
            await wire.get("/_x")
        assert broken.value.partial in (b"", b"ab")
