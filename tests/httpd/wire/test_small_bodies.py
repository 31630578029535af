"""A small body that has come is at hand in one step, and is never that of another request."""

import asyncio
import gzip
import json

import pytest

from docstore.httpd.replies import json_reply
from docstore.httpd.wire.bodies import SMALL
from tests.httpd.attaching import until
from tests.httpd.serving import router, serving, stand_in

pytestmark = pytest.mark.usefixtures("either_loop")


def text_of(body: bytes | None) -> str | None:
    return None if body is None else body.decode()


async def both(request):
    """The body, read in the short way and in the usual one."""
    return json_reply([text_of(request.small_body()), text_of(await request.body())])


def put(body: bytes, *headers: bytes, path: bytes = b"/_both") -> bytes:
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([b"PUT %b HTTP/1.1" % path, b"Host: localhost", length, *headers, b"", body])


@pytest.mark.parametrize(
    "body", [b"{}", b"x" * SMALL, "ü".encode(), b"\r\n\r\n", b"a\r\n\r\nb", b"PUT / HTTP/1.1\r\n\r\n"]
)
async def test_what_comes_in_one_piece_is_at_hand(body):
    async with serving(router(both=both)) as server, server.wire() as wire:
        for _ in range(2):
            assert json.loads((await wire.ask(put(body))).body) == [body.decode()] * 2


@pytest.mark.parametrize("body", [b"{}", "ü".encode()])
async def test_what_comes_in_pieces_is_read_from_its_stream(body):
    async with serving(router(both=both)) as server, server.wire() as wire:
        whole = put(body)
        for cut in (1, whole.index(b"\r\n\r\n") + 4, len(whole) - 1):
            wire.writer.write(whole[:cut])
            await wire.writer.drain()
            await asyncio.sleep(0.01)  # not waited for anything: that two pieces are one changes nothing
            assert json.loads((await wire.ask(whole[cut:])).body)[1] == body.decode()
        assert json.loads((await wire.ask(whole)).body) == [body.decode()] * 2


async def test_others_are_not():
    async with serving(router(both=both)) as server, server.wire() as wire:
        assert json.loads((await wire.ask(put(b""))).body) == [None, ""]
        assert json.loads((await wire.ask(put(b"x" * (SMALL + 1)))).body) == [None, "x" * (SMALL + 1)]
        packed = gzip.compress(b"{}", mtime=0)
        assert json.loads((await wire.ask(put(packed, b"Content-Encoding: gzip"))).body) == [None, "{}"]
        chunked = b"PUT /_both HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        assert json.loads((await wire.ask(chunked)).body) == ["{}", "{}"]
        chunked = chunked.replace(b"2\r\n{}", b"1\r\n{\r\n1\r\n}")
        assert json.loads((await wire.ask(chunked)).body) == [None, "{}"]
        assert json.loads((await wire.ask(put(b"{}", path=b"/_both?\xc3\xbc"))).body)[1] == "{}"


async def test_limits_count():
    limits = {"max_request_body": 100, "parse_off_loop_from": 10}
    async with serving(router(both=both), node=stand_in(limits=limits)) as server, server.wire() as wire:
        assert json.loads((await wire.ask(put(b"x" * 9))).body) == ["x" * 9] * 2
        assert json.loads((await wire.ask(put(b"x" * 10))).body) == [None, "x" * 10]
        assert (await wire.ask(put(b"x" * 101))).status == 413


async def test_requests_that_come_together():
    async with serving(router(both=both)) as server, server.wire() as wire:
        many = [f"{number:04}" for number in range(100)]
        wire.writer.write(b"".join(put(one.encode()) for one in many))
        for one in many:
            assert json.loads((await wire.answer()).body) in ([one, one], [None, one])


async def test_the_next_request_comes_while_one_is_answered():
    """Whose body has come then is not the one that is answered."""
    go_on = asyncio.Event()

    async def waits(request):
        await go_on.wait()
        return await both(request)

    async with serving(router(both=waits)) as server, server.wire() as wire:
        wire.writer.write(put(b"first"))
        await until(lambda: len(server.listener._server.connections) == 1)
        [connection] = server.listener._server.connections
        await until(lambda: connection.begun == 1)
        wire.writer.write(put(b"second"))
        await until(lambda: connection._request_count == 2)
        go_on.set()
        assert json.loads((await wire.answer()).body) == ["first", "first"]
        assert json.loads((await wire.answer()).body) == ["second", "second"]
