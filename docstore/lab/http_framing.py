"""Where an HTTP/1.1 message ends, for a proxy that passes bytes on as they are.

Owns heads and the framing of bodies (RFC 9112, section 6). It changes nothing but the ``Expect`` header, which a
proxy answers itself. Nothing here knows what a message says.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

HEAD_LONGEST: Final = 256 * 1024
PIECE: Final = 64 * 1024
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_END_OF_HEAD: Final = b"\r\n\r\n"
_WITHOUT_BODY: Final = {204, 304}


class BadMessage(ValueError):
    """Bytes that are no HTTP/1.1 message."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first lines of a message, ``raw`` with the empty line. ``length`` is the body's, None if it is not told."""

    raw: bytes
    first_line: str
    length: int | None
    chunked: bool
    closes: bool
    expects_continue: bool

    @property
    def method(self) -> str:
        """Of a request."""
        return self.first_line.partition(" ")[0]

    @property
    def path(self) -> str:
        """Of a request, without its query."""
        return self.first_line.split(" ")[1].partition("?")[0]

    @property
    def status(self) -> int:
        """Of a reply."""
        return int(self.first_line.split(" ")[1])


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next message's head; None at the end of the connection. Raises BadMessage, OSError."""
    try:
        raw = await reader.readuntil(_END_OF_HEAD)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BadMessage("the connection ended within a head") from None
        return None
    except asyncio.LimitOverrunError:
        raise BadMessage("a head without end") from None
    return parse_head(raw)


def parse_head(raw: bytes) -> Head:
    """The head of these lines. Raises BadMessage."""
    first_line, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    if len(first_line.split(" ")) < 2:
        raise BadMessage(f"no first line: {first_line[:80]!r}")
    headers = {
        name.strip().lower(): value.strip().lower() for name, _, value in (line.partition(":") for line in lines)
    }
    length = headers.get("content-length")
    if length is not None and not (length.isascii() and length.isdigit()):
        raise BadMessage(f"no length: {length[:80]!r}")
    return Head(
        raw=_without_expect(raw) if "expect" in headers else raw,
        first_line=first_line,
        length=None if length is None else int(length),
        chunked="chunked" in headers.get("transfer-encoding", ""),
        closes="close" in headers.get("connection", "") or first_line.startswith("HTTP/1.0"),
        expects_continue=headers.get("expect") == "100-continue",
    )


async def request_body(reader: asyncio.StreamReader, head: Head) -> AsyncGenerator[bytes]:
    """The bytes behind the head of a request, with their framing, in pieces."""
    async for piece in _chunked(reader) if head.chunked else _counted(reader, head.length or 0):
        yield piece


async def reply_body(reader: asyncio.StreamReader, head: Head, method: str) -> AsyncGenerator[bytes]:
    """The bytes behind the head of the reply to a request of this method."""
    if method == "HEAD" or head.status in _WITHOUT_BODY:
        return
    if head.chunked:
        pieces = _chunked(reader)
    elif head.length is not None:
        pieces = _counted(reader, head.length)
    else:
        pieces = _to_the_end(reader)
    async for piece in pieces:
        yield piece


async def _counted(reader: asyncio.StreamReader, left: int) -> AsyncGenerator[bytes]:
    while left:
        piece = await reader.read(min(left, PIECE))
        if not piece:
            raise BadMessage("the connection ended within a body")
        left -= len(piece)
        yield piece


async def _chunked(reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    size = -1
    while size:
        line = await _line(reader)
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError:
            raise BadMessage(f"no size of a chunk: {line[:80]!r}") from None
        yield line
        if size:
            async for piece in _counted(reader, size + len(b"\r\n")):
                yield piece
    while (line := await _line(reader)) != b"\r\n":
        yield line
    yield line


async def _to_the_end(reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    while piece := await reader.read(PIECE):
        yield piece


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise BadMessage("the connection ended within a chunk") from None


def _without_expect(raw: bytes) -> bytes:
    lines = raw.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.lower().startswith(b"expect:"))
