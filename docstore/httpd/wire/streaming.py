"""Replies that come piece by piece, and feeds among them.

Owns the framing of a body whose bytes are not at hand, what happens when it breaks, and the two ways in which a feed
ends early: its client leaves, or the server stops. It must not know what the pieces are.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from aiohttp import hdrs
from aiohttp.http import HttpVersion11
from aiohttp.web import BaseRequest

from docstore.errors import Unavailable
from docstore.httpd.replies import JOIN_UP_TO, JSON, MUST_REVALIDATE, Head, Header
from docstore.httpd.wire.memory import Claim

logger = logging.getLogger(__name__)


class StreamReply(Head):
    """A reply whose body comes piece by piece from ``chunks``, an async iterator (best: a generator) of bytes.

    The first piece is awaited before the headers go out, so an error raised before it gets its own status. An error
    after it breaks the connection, so that no client takes a torn body for a whole one. A HEAD request sends the
    headers alone and never asks for a piece. Empty pieces are allowed.

    ``length`` is the number of bytes of all pieces, if it is known; a body that turns out to have another breaks the
    connection. Without it the body is sent chunked.

    ``feed=True`` marks a reply that waits for changes: its iterator is cancelled at once when the client leaves or the
    server stops; at a stop ``ending()`` gives the last bytes (it must close an open JSON array). It is called also when
    no piece was sent, and must then give a whole body. ``hurry`` lets the feed end once it would wait;
    without it, it ends at once.

    ``claim`` is the request's memory, given back in the end.
    """

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        *,
        status: int = 200,
        content_type: str = JSON,
        headers: Sequence[Header] = (),
        etag: str | None = None,
        cache_control: str | None = MUST_REVALIDATE,
        length: int | None = None,
        feed: bool = False,
        ending: Callable[[], bytes] | None = None,
        hurry: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(status, content_type, headers, etag, cache_control)
        self._chunks = chunks
        self._ending = ending
        self._hurry = hurry
        self._first: bytes | None = None
        self._task: asyncio.Task[object] | None = None
        self._stopped = False
        self._length = length
        self._left = 0
        self.feed = feed
        self.claim: Claim | None = None

    def end(self) -> None:
        """The server stops: a feed ends now, with its ``ending``. Nothing happens to other replies."""
        if self.feed and not self._stopped:
            self._stopped = True
            self.client_left()

    def hurry(self) -> None:
        """The client sends no more: a feed tells what there is and ends. Nothing happens to other replies."""
        if self._hurry is not None:
            self._hurry()
        else:
            self.end()

    def client_left(self) -> None:
        """A feed ends now; there is nobody to send anything to. Nothing happens to other replies."""
        if self.feed and self._task is not None:
            self._task.cancel()

    async def begin(self, method: str) -> None:
        """Wait for the first piece. Whatever it raises is still an error reply of its own."""
        self._task = asyncio.current_task()
        if method == hdrs.METH_HEAD:
            await self._close()
            return
        try:
            self._first = await anext(self._chunks, None)
        except asyncio.CancelledError:
            if not self._is_stop():
                raise
            if self._ending is None:
                raise Unavailable from None

    def change(self, change: Callable[[AsyncGenerator[bytes]], AsyncGenerator[bytes]], *, keeps_length: bool) -> None:
        """Have the pieces changed on their way, once it has begun. ``change`` closes what it is given."""
        if self._first is None:
            return
        first, self._first = self._first, b""
        self._chunks = change(_joined(first, self._chunks))
        if not keeps_length:
            self._length = None

    async def abandon(self) -> None:
        """It is not sent after all."""
        self._task = None
        await self._close()
        if self.claim is not None:
            self.claim.keep(0)

    async def prepare(self, raw: BaseRequest) -> None:
        """Write the head and every piece."""
        try:
            await self._prepare(raw)
        finally:
            if self.claim is not None:
                self.claim.keep(0)

    async def _prepare(self, raw: BaseRequest) -> None:
        self._task = asyncio.current_task()
        counted = self._length is not None
        chunked = not counted and raw.version >= HttpVersion11
        if not raw.keep_alive or not (counted or chunked):
            self.keep_alive = False
        head = self.head(raw, self._framing(chunked=chunked))
        if raw.method == hdrs.METH_HEAD:
            await raw.writer.write(head)
            return
        framed: Callable[[bytes], bytes] = self._counted if counted else bytes
        if chunked:
            framed = _chunk
        try:
            await self._write_first(raw, head, framed)
            await self._write_pieces(raw, framed)
            if self._left:
                raise ValueError(f"{self._left} bytes less than were announced")
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception:
            logger.exception("a streamed reply broke; its connection is closed")
            raise ConnectionResetError("the reply broke") from None
        finally:
            self._task = None
            await self._close()
        if chunked:
            await raw.writer.write(b"0\r\n\r\n")

    async def write_eof(self) -> None:
        """Nothing is left to write: ``prepare`` has sent every piece."""

    def _framing(self, *, chunked: bool) -> bytes:
        """The header line that says where the body ends, or nothing where the end of the connection does."""
        if self._length is not None:
            self._left = self._length
            return b"Content-Length: %d\r\n" % self._length
        return b"Transfer-Encoding: chunked\r\n" if chunked else b""

    def _counted(self, piece: bytes) -> bytes:
        """A piece of a body of known length, as it is."""
        self._left -= len(piece)
        if self._left < 0:
            raise ValueError("more bytes than were announced")
        return piece

    async def _write_first(self, raw: BaseRequest, head: bytes, framed: Callable[[bytes], bytes]) -> None:
        first = framed(self._first or b"")
        if len(first) <= JOIN_UP_TO:
            await raw.writer.write(head + first)
        else:
            await raw.writer.write(head)
            await raw.writer.write(first)

    async def _write_pieces(self, raw: BaseRequest, framed: Callable[[bytes], bytes]) -> None:
        try:
            if self._first is not None and not self._stopped:
                async for piece in self._chunks:
                    await raw.writer.write(framed(piece))
        except asyncio.CancelledError:
            if not self._is_stop():
                raise
        if self._stopped and self._ending is not None:
            await raw.writer.write(framed(self._ending()))

    def _is_stop(self) -> bool:
        """Whether a cancellation is the server's stop, after which there are still some bytes to send."""
        if self._stopped and self._task is not None:
            self._task.uncancel()
        return self._stopped

    async def _close(self) -> None:
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()


async def _joined(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The first piece, then the others."""
    try:
        yield first
        async for piece in pieces:
            yield piece
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


def _chunk(piece: bytes) -> bytes:
    """A piece framed as RFC 9112, 7.1 has it; an empty one is left out, since it would end the body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
