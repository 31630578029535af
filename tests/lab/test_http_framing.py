import asyncio

import pytest

from docstore.lab.http_framing import BadMessage, parse_head, read_head, reply_body, request_body


def reader_of(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


async def body_of(data: bytes, method: str = "GET") -> tuple[bytes, bytes]:
    """(body of the reply that comes first, what is left)."""
    reader = reader_of(data)
    head = await read_head(reader)
    body = b"".join([piece async for piece in reply_body(reader, head, method)])
    return body, await reader.read()


def test_a_request_is_taken_apart():
    head = parse_head(b"PUT /db/doc?rev=1-a HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n")
    assert (head.method, head.path, head.length, head.chunked, head.closes) == ("PUT", "/db/doc", 12, False, False)


def test_expect_is_taken_out():
    head = parse_head(b"PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nX: y\r\n\r\n")
    assert head.expects_continue
    assert head.raw == b"PUT /a HTTP/1.1\r\nX: y\r\n\r\n"


@pytest.mark.parametrize("raw", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n"])
def test_what_is_no_message_is_refused(raw):
    with pytest.raises(BadMessage):
        parse_head(raw)


async def test_a_body_of_known_length():
    assert await body_of(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodynext") == (b"body", b"next")


async def test_a_chunked_body_with_its_framing():
    chunks = b"4;x=y\r\nbody\r\n3\r\nand\r\n0\r\nTrailer: x\r\n\r\n"
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert await body_of(reply + chunks + b"next") == (chunks, b"next")


async def test_a_body_that_ends_with_the_connection():
    assert await body_of(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it") == (b"all of it", b"")


@pytest.mark.parametrize(("status", "method"), [(304, "GET"), (204, "DELETE"), (200, "HEAD")])
async def test_replies_without_a_body(status, method):
    reply = b"HTTP/1.1 %d X\r\nContent-Length: 10\r\n\r\nnext" % status
    assert await body_of(reply, method) == (b"", b"next")


async def test_a_request_without_length_has_no_body():
    reader = reader_of(b"GET / HTTP/1.1\r\n\r\nGET /2")
    head = await read_head(reader)
    assert [piece async for piece in request_body(reader, head)] == []


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
        b"HTTP/1.1 200 OK\r\nContent-",
    ],
)
async def test_a_connection_that_ends_too_soon(data):
    with pytest.raises(BadMessage):
        await body_of(data)


async def test_the_end_between_two_messages():
    assert await read_head(reader_of(b"")) is None
