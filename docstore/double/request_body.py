"""A request's body that is looked at on its way to the handler.

Owns the copy of its beginning for the journal, and the reading ahead for rules that ask what stands in it; what was
read ahead is given to the handler as if it came now. It must not know what a body means.
"""

import zlib
from contextlib import aclosing
from typing import Final, cast

from aiohttp import StreamReader, hdrs
from aiohttp.web import BaseRequest

from docstore.httpd.wire.bodies import GZIP_WINDOW, stream_body

MOST_READ_AHEAD: Final = 16 * 1024 * 1024
"""Bytes of a body, as it comes and inflated, that rules look into; in a larger one they find nothing."""


class SeenBody:
    """Stands for the body of aiohttp's request: ``seen`` is its beginning, ``size`` how much of it was read, ``sent``
    all of it as it came, once it was read ahead.

    What is not here is asked of the body itself.
    """

    def __init__(self, body: StreamReader, keep: int) -> None:
        self._body = body
        self._keep = keep
        self._ahead = bytearray()
        self._seen = bytearray()
        self.size = 0
        self.sent: bytes | None = None

    @classmethod
    def of(cls, raw: BaseRequest, keep: int) -> "SeenBody":
        """Put between a request and its handler; ``keep`` is how many bytes of the beginning are kept."""
        seen = cls(raw.content, keep)
        if not raw.body_exists:  # that there is none is something the server asks aiohttp's own object
            return seen
        raw._payload = raw._cache["content"] = cast(StreamReader, seen)  # where a request has its body
        return seen

    @property
    def seen(self) -> bytes:
        """The beginning of what has come."""
        return bytes(self._seen)

    def __getattr__(self, name: str) -> object:
        return getattr(self._body, name)

    def _note(self, piece: bytes) -> bytes:
        room = self._keep - len(self._seen)
        if room > 0:
            self._seen += piece[:room]
        self.size += len(piece)
        return piece

    def _taken(self) -> bytes:
        taken = bytes(self._ahead)
        self._ahead.clear()
        return taken

    def at_eof(self) -> bool:
        """Whether the handler has had it all."""
        return not self._ahead and self._body.at_eof()

    def read_nowait(self, n: int = -1) -> bytes:
        """What has come, or ``n`` bytes of it."""
        ahead = self._taken()
        if n != -1 and len(ahead) > n:
            self._ahead += ahead[n:]
            return ahead[:n]
        rest = self._body.read_nowait(n if n == -1 else n - len(ahead))
        return ahead + self._note(rest)

    async def readany(self) -> bytes:
        """What has come, or what comes next."""
        return self._taken() or self._note(await self._body.readany())

    async def readchunk(self) -> tuple[bytes, bool]:
        """The next piece, and whether a chunk ends with it."""
        if self._ahead:
            return self._taken(), False
        piece, ends = await self._body.readchunk()
        return self._note(piece), ends

    async def read_ahead(self, raw: BaseRequest) -> bytes | None:
        """The whole body, inflated; None if it is too large, or is not what it says. The handler still gets it all."""
        read = bytearray()
        async with aclosing(stream_body(raw)) as pieces:
            async for piece in pieces:
                read += piece
                if len(read) > MOST_READ_AHEAD:
                    break
        self._ahead[:0] = read
        if len(read) > MOST_READ_AHEAD:
            return None
        self.sent = bytes(read)
        return inflated(self.sent, raw.headers.get(hdrs.CONTENT_ENCODING, ""))


def inflated(body: bytes, encoding: str) -> bytes | None:
    """A body without its Content-Encoding; None if it cannot be undone within bounds."""
    if encoding.lower() != "gzip":
        return body
    member = zlib.decompressobj(GZIP_WINDOW)
    try:
        found = member.decompress(body, MOST_READ_AHEAD)
    except zlib.error:
        return None
    return found if member.eof and not member.unused_data else None
