"""Replies of unknown length."""

import asyncio

import pytest

from docstore.httpd.replies import Reply
from docstore.httpd.wire.chunking import CHUNK_BYTES, chunked_reply, enclosed, in_turns
from docstore.httpd.wire.streaming import StreamReply

HALF = b"x" * (CHUNK_BYTES // 2)


async def chunks_of(*pieces):
    for piece in pieces:
        yield piece


@pytest.mark.parametrize(("rows", "text"), [((), b"[]"), ((b"1",), b"[1]"), ((b"1", b"2"), b"[1,2]")])
def test_rows_have_commas_between_them(rows, text):
    assert b"".join(enclosed(b"[", rows, b"]")) == text


async def test_pieces_are_joined_to_chunks():
    chunks = [chunk async for chunk in in_turns(iter([HALF] * 5))]
    assert [len(chunk) for chunk in chunks] == [CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES // 2]


async def test_others_go_on_while_pieces_are_made():
    served = []

    def pieces():
        while not served:  # ends only if the loop gets a turn
            yield b"."

    asyncio.get_running_loop().call_soon(served.append, True)
    assert b"".join([chunk async for chunk in in_turns(pieces())])


async def test_a_small_body_is_one_reply():
    reply = await chunked_reply(chunks_of(b"a", b"b"), status=201, etag="e")
    assert isinstance(reply, Reply)
    assert (reply.status, reply.etag, reply.body) == (201, "e", b"ab")


async def test_a_large_body_is_a_stream():
    reply = await chunked_reply(chunks_of(HALF, HALF, b"small", HALF, HALF, b"end"))
    assert isinstance(reply, StreamReply)
    pieces = [piece async for piece in reply._chunks]
    assert [len(piece) for piece in pieces] == [CHUNK_BYTES, 5 + CHUNK_BYTES, 3]


async def test_what_was_not_asked_for_is_closed():
    closed = []

    async def chunks():
        try:
            while True:
                yield HALF
        finally:
            closed.append(True)

    reply = await chunked_reply(chunks())
    assert isinstance(reply, StreamReply)
    await anext(reply._chunks)
    await reply._chunks.aclose()
    assert closed


async def test_an_early_error_is_raised():
    async def chunks():
        yield b"a"
        raise LookupError("early")

    with pytest.raises(LookupError, match="early"):
        await chunked_reply(chunks())
