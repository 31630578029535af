"""Replies of unknown length: gathered to chunks worth a write, or to one body when they turn out small.

Owns the size of a chunk. It must not know what is written.
"""

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing

from docstore.httpd.replies import Header, Reply
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.wire.turns import Turns
from docstore.settings import KIB

CHUNK_BYTES = 64 * KIB


def enclosed(opening: bytes, rows: Iterable[bytes], closing: bytes) -> Iterator[bytes]:
    """JSON rows with commas between them, and what stands around them."""
    before = opening
    for row in rows:
        yield before + row
        before = b","
    yield opening + closing if before is opening else closing


def enclosed_pieces(opening: bytes, rows: Iterable[Iterable[bytes]], closing: bytes) -> Iterator[bytes]:
    """The same of rows that come in pieces."""
    before = opening
    for row in rows:
        yield before
        yield from row
        before = b","
    yield opening + closing if before is opening else closing


async def in_turns(pieces: Iterable[bytes]) -> AsyncGenerator[bytes]:
    """Pieces that take work to make, joined to chunks; the event loop gets its turns in between."""
    gathered: list[bytes] = []
    size = 0
    with Turns() as turns:
        for piece in pieces:
            gathered.append(piece)
            size += len(piece)
            if size >= CHUNK_BYTES:
                yield b"".join(gathered)
                gathered.clear()
                size = 0
            if turns.over():
                await turns.next()
    if gathered:
        yield b"".join(gathered)


async def chunked_reply(
    chunks: AsyncGenerator[bytes],
    *,
    status: int = 200,
    content_type: str = "application/json",
    headers: Sequence[Header] = (),
    etag: str | None = None,
    cache_control: str | None = "must-revalidate",
) -> Reply | StreamReply:
    """One reply of known length if everything fits into a chunk, otherwise a stream of chunks.

    An error within the first chunk is raised here, where it still gets its own status.
    """
    gathered: list[bytes] = []
    size = 0
    async for chunk in chunks:
        gathered.append(chunk)
        size += len(chunk)
        if size >= CHUNK_BYTES:
            return StreamReply(
                _joined(gathered, chunks),
                status=status,
                content_type=content_type,
                headers=headers,
                etag=etag,
                cache_control=cache_control,
            )
    body = b"".join(gathered)
    return Reply(status, body, content_type=content_type, headers=headers, etag=etag, cache_control=cache_control)


async def _joined(first: list[bytes], chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The chunks that were taken already, then the others as they come, small ones joined."""
    async with aclosing(chunks):
        yield b"".join(first)
        gathered: list[bytes] = []
        size = 0
        async for chunk in chunks:
            gathered.append(chunk)
            size += len(chunk)
            if size >= CHUNK_BYTES:
                yield b"".join(gathered)
                gathered.clear()
                size = 0
        if gathered:
            yield b"".join(gathered)
