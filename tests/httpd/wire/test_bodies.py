import gzip
import json
import tracemalloc
from dataclasses import replace

import pytest
from aiohttp.http import HttpVersion11
from multidict import CIMultiDict

from docstore.errors import BadRequest, TooLarge
from docstore.httpd.replies import Reply
from docstore.httpd.wire import bodies
from docstore.httpd.wire.memory import Memory
from docstore.settings import KIB, MIB, Limits
from tests.httpd.serving import router, serving, stand_in

pytestmark = pytest.mark.usefixtures("either_loop")

PACKED = gzip.compress(b"abc", mtime=0)
SMALL = {"max_request_body": 1000, "parse_off_loop_from": 100}


async def echo(request):
    return Reply(200, await request.body())


async def parsed(request):
    return Reply(200, repr(await request.json()).encode())


def small_server():
    return serving(router(echo=echo, parsed=parsed), node=stand_in(limits=dict(SMALL)))


def error_of(answer):
    return answer.status, *json.loads(answer.body).values()


TOO_LARGE = (413, "too_large", "the request entity is too large")


async def test_a_body_up_to_the_limit():
    async with small_server() as server:
        for size in (0, 1, 999, 1000):
            assert (await server.get("/_echo", method="POST", body=b"x" * size)).body == b"x" * size


async def test_a_declared_body_beyond_the_limit_is_not_waited_for():
    async with small_server() as server, server.wire() as wire:
        answer = await wire.ask(b"POST /_echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n")
        assert error_of(answer) == TOO_LARGE


async def test_a_chunked_body():
    async with small_server() as server, server.wire() as wire:
        head = b"POST /_echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = await wire.ask(head + b"3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n")
        assert answer.body == b"abcde"
        assert error_of(await wire.ask(head + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n")) == TOO_LARGE
        assert (await wire.get("/")).status == 200  # the connection still stands


class Sent:
    """A request whose body comes in pieces that are made as they are asked for."""

    version = HttpVersion11

    def __init__(self, pieces, **headers):
        self.headers = CIMultiDict(headers)
        self.content = self
        self._pieces = iter(pieces)

    async def readany(self):
        return next(self._pieces, b"")

    def at_eof(self):
        return False


class Unbounded:
    async def take(self, size):
        pass

    def keep(self, size):
        pass

    def wait_for_client(self, waits):
        pass


@pytest.mark.parametrize("packed", [False, True])
async def test_a_long_body_is_there_once(packed):
    size = 16 * MIB
    text = [gzip.compress(b"x" * size)] if packed else (b"x" * (64 * KIB) for _ in range(size // (64 * KIB)))
    headers = {"Content-Encoding": "gzip"} if packed else {}
    limits = replace(Limits(), max_inflation=10_000)
    tracemalloc.start()
    try:
        body = await bodies.read_body(Sent(text, **headers), limits, Unbounded())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(body) == size
    assert peak < 1.6 * size + (bodies.INFLATED_AT_ONCE if packed else 0)


async def test_a_broken_chunked_body():
    async with small_server() as server, server.wire() as wire:
        answer = await wire.ask(b"POST /_echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert error_of(answer)[:2] == (400, "bad_request")


async def test_gzip():
    async with small_server() as server:
        plain = b"y" * 900
        for packed in (gzip.compress(plain), gzip.compress(plain[:450]) + gzip.compress(plain[450:])):
            answer = await server.get("/_echo", "Content-Encoding: GZIP", method="POST", body=packed)
            assert answer.body == plain


async def test_a_gzip_bomb():
    async with small_server() as server:
        packed = gzip.compress(b"\0" * 1001)
        answer = await server.get("/_echo", "Content-Encoding: gzip", method="POST", body=packed)
        assert error_of(answer) == TOO_LARGE


@pytest.mark.parametrize("packed", [b"", b"plain", PACKED[:-3], PACKED + b"more"])
async def test_what_is_no_gzip(packed):
    async with small_server() as server:
        answer = await server.get("/_echo", "Content-Encoding: gzip", method="POST", body=packed)
        assert error_of(answer) == (400, "bad_request", "Request body is not properly gzipped.")


async def test_an_encoding_that_is_not_known():
    async with small_server() as server:
        answer = await server.get("/_echo", "Content-Encoding: br", method="POST", body=b"x")
        assert error_of(answer) == (415, "bad_content_type", "br is not a supported content encoding.")
        answer = await server.get("/_echo", "Content-Encoding: identity", method="POST", body=b"x")
        assert answer.body == b"x"


async def test_a_bomb_is_stopped_at_the_limit_not_after_it(monkeypatch):
    limits = Limits(max_request_body=100_000, parse_off_loop_from=10_000)
    made = []
    original = bodies._Inflation._step

    def step(self, room):
        original(self, room)
        made.append(self._size)

    monkeypatch.setattr(bodies._Inflation, "_step", step)
    with pytest.raises(TooLarge):
        await bodies.inflate(gzip.compress(b"\0" * 50_000_000), limits, Memory(limits).claim())
    assert max(made) <= 100_001


async def test_a_client_that_waits_for_leave_to_send_gets_it():
    async with small_server() as server, server.wire() as wire:
        head = b"PUT /_echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        assert (await wire.ask(head)).status == 100
        assert (await wire.ask(b"abc")).body == b"abc"


UNREAD = b"PUT /%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"


@pytest.mark.parametrize(("path", "length", "status"), [(b"_echo", 1001, 413), (b"nodb/a", 9, 404)])
async def test_a_client_that_does_not_get_leave_is_left(path, length, status):
    """Whether it sends its body now is not known, so the next request could be taken for it."""
    async with small_server() as server, server.wire() as wire:
        answer = await wire.ask(UNREAD % (path, length))
        assert (answer.status, answer.headers["Connection"]) == (status, "close")
        wire.writer.write(b"PUT /_echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\na")
        assert await wire.at_end()
        assert server.node.counters.answered == [("PUT", status)]


async def test_a_body_that_comes_without_leave_is_skipped():
    async with small_server() as server, server.wire() as wire:
        answer = await wire.ask(UNREAD % (b"nodb/a", 3) + b"abc")
        assert answer.status == 404
        assert "Connection" not in answer.headers
        assert (await wire.get("/_echo", method="PUT", body=b"x")).body == b"x"


async def test_leave_is_given_once():
    async def twice(request):
        pieces = [piece async for piece in request.stream()]
        return Reply(200, b"".join([*pieces, *[piece async for piece in request.stream()]]))

    async with serving(router(twice=twice)) as server, server.wire() as wire:
        assert (await wire.ask(UNREAD % (b"_twice", 3))).status == 100
        assert (await wire.ask(b"abc")).body == b"abc"


@pytest.mark.parametrize("asked", ["200-ok", "100-continue, x", "100-continue\r\nExpect: x"])
async def test_another_expectation_is_refused(asked):
    async with small_server() as server:
        for method, body in (("PUT", b"abc"), ("GET", None)):
            answer = await server.get("/_echo", f"Expect: {asked}", method=method, body=body)
            assert error_of(answer)[:2] == (417, "expectation_failed")
        async with server.wire() as wire:
            answer = await wire.ask(b"PUT /_echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: x\r\n\r\n")
            assert answer.status == 417


@pytest.mark.parametrize("asked", ["Expect:", "Expect: 100-Continue"])
async def test_an_expectation_that_can_be_met(asked):
    async with small_server() as server, server.wire() as wire:
        await wire.get("/", asked)
        assert (await wire.get("/", asked)).status == 200


CODED = b"PUT /_echo HTTP/1.%d\r\nHost: localhost\r\nTransfer-Encoding: %b\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("coding", [b"chunked", b"Chunked", b" chunked "])
async def test_chunked_in_any_spelling(coding, version):
    async with small_server() as server, server.wire() as wire:
        assert (await wire.ask(CODED % (version, coding))).body == b"abc"


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    "coding",
    [
        b"gzip, chunked",
        b"chunked, gzip",
        b"chunked, chunked",
        b"gzip",
        b"identity",
        b"xchunked",
        b"gzip\r\nTransfer-Encoding: chunked",
        b"chunked\r\nTransfer-Encoding: chunked",
    ],
)
async def test_other_transfer_codings_are_not_undone(coding, version):
    async with small_server() as server, server.wire() as wire:
        answer = await wire.ask(CODED % (version, coding))
        assert error_of(answer) == (501, "not_implemented", "Of the transfer codings only chunked is supported.")
        assert answer.headers["Connection"] == "close"
        assert await wire.at_end()
        assert ("PUT", 200) not in server.node.counters.answered


async def test_json():
    async with small_server() as server:
        assert (await server.get("/_parsed", method="POST", body=b'{"a":[1,2.5]}')).body == b"{'a': [1, 2.5]}"
        for text in (b"", b"{", b"\xff"):
            answer = await server.get("/_parsed", method="POST", body=text)
            assert error_of(answer) == (400, "bad_request", "invalid UTF-8 JSON")


async def test_depth_is_limited():
    async with serving(router(parsed=parsed), node=stand_in(limits={"max_json_depth": 3})) as server:
        assert (await server.get("/_parsed", method="POST", body=b"[[[1]]]")).status == 200
        answer = await server.get("/_parsed", method="POST", body=b"[[[[1]]]]")
        assert error_of(answer)[:2] == (400, "bad_request")


async def test_large_json_is_parsed_in_a_thread(monkeypatch):
    calls = []

    async def to_thread(function, *args, **kwargs):
        calls.append(len(args[0]))
        return function(*args, **kwargs)

    monkeypatch.setattr(bodies.asyncio, "to_thread", to_thread)
    limits = Limits(parse_off_loop_from=10)
    assert await bodies.parse_json(b"[1,2,3]", limits) == [1, 2, 3]
    assert calls == []
    assert await bodies.parse_json(b"[1,2,3,4,5]", limits) == [1, 2, 3, 4, 5]
    assert calls == [11]
    with pytest.raises(BadRequest):
        await bodies.parse_json(b"[" * 11, limits)
