"""One attachment's bytes on their way into the store: hashed, gzipped if their type asks for it, written in windows.

Owns the pace of an upload. It must not know documents, nor where the bytes come from.

Bytes gather in a window of ``WINDOW_BYTES``. A full window is worked off by a task: joined, gzipped and hashed in
threads, since that is what costs time, and appended by the writer meanwhile; the next window fills up beside it. So an
upload holds two windows in memory, whatever its size, and ``write`` waits for the disk only when both are full. Every
append is a compare-and-append at the offset reached (``storage/attachments/staging.py``). A staging that has failed
once takes no more bytes: those of the window that failed are lost, and others must not stand in their place.

``seal`` makes everything durable and gives the blob that an edit may name. Less than a window is staged with one
command. CouchDB's digest is the md5 of the bytes as stored; the md5 of the bytes as sent is kept beside it, for
senders who tell it.
"""

import asyncio
import contextlib
import hashlib
import zlib
from asyncio import Task, create_task, to_thread
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self, cast

from docstore.core.attachment import Attachment, Encoding, Linked
from docstore.database.commands import AppendStaging, BeginStaging, DropStagings, SealStaging, StageBlobs
from docstore.errors import AttachmentTooLarge, BytesGone, DocstoreError
from docstore.storage.attachments.blob_rows import CHUNK_BYTES
from docstore.storage.attachments.staging import Staged, WholeBlob
from docstore.storage.engine.writer import Writer

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

WINDOW_BYTES: Final = 16 * CHUNK_BYTES
"""About 4 MiB: a commit of that size is mostly disk, and the last one, which nothing overlaps, is still short."""

SMALL_BYTES: Final = 32 * 1024
"""Fewer bytes are gzipped and hashed at once, since a thread would take longer."""

LIFETIME: Final = 3600 * 1_000_000
"""Microseconds without a byte after which an upload is given up."""

GZIP_LEVEL: Final = 8
GZIP_WINDOW_BITS: Final = 16 + zlib.MAX_WBITS


def gzip_compressor() -> "zlib._Compress":
    """What makes the very bytes of CouchDB: level 8, a gzip head without time, classic zlib."""
    return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW_BITS, 8, zlib.Z_DEFAULT_STRATEGY)


class StagedBytes(NamedTuple):
    """A sealed blob that waits for its edit; ``staging`` is the lease on it.

    ``length`` counts the bytes as sent, ``encoded_length`` those stored; ``md5`` is of the bytes as stored,
    ``sent_md5`` of those sent. ``encoding`` is how they are stored.
    """

    staging: int
    blob: int
    length: int
    encoded_length: int
    encoding: Encoding
    md5: bytes
    sent_md5: bytes

    def linked(self, name: str, content_type: str, *, revpos: int = 0, length: int | None = None) -> Linked:
        """The attachment that an edit takes over. ``length``: of the plain bytes, where they were sent gzipped.

        ``revpos`` counts in replicated edits; in others it is that of the new revision.
        """
        plain = self.length if length is None else length
        attachment = Attachment(
            name, content_type, self.md5, plain, self.encoded_length, self.encoding, revpos, self.blob
        )
        return Linked(attachment, fresh=True, staging=self.staging)


class Staging:
    """Bytes that come in pieces; a context manager. Leaving it by an exception drops them, sealed or not.

    ``number``  of the staging row, 0 before the first window is written
    ``length``  bytes written so far
    ``staged``  what ``seal`` gave
    """

    def __init__(
        self,
        writer: Writer,
        clock: Callable[[], int],
        touched: Callable[[int], None],
        *,
        name: str = "",
        compress: bool = False,
        encoding: Encoding = None,
        limit: int | None = None,
    ) -> None:
        """``touched`` is told the blob. ``compress``: store it gzipped. ``encoding``: how it is sent.

        Beyond ``limit`` bytes ``write`` raises AttachmentTooLarge with ``name``.
        """
        self.number = 0
        self.length = 0
        self._writer = writer
        self._clock = clock
        self._touched = touched
        self._name = name
        self._compressor = gzip_compressor() if compress else None
        self._encoding: Encoding = "gzip" if compress else encoding
        self._limit = limit
        self._window: list[bytes] = []
        self._window_bytes = 0
        self._tail = b""
        self._stored = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sent_md5 = hashlib.md5(usedforsecurity=False) if compress else self._md5
        self._under_way: Task[None] | None = None
        self._failure: BaseException | None = None
        self.staged: StagedBytes | None = None

    async def write(self, piece: bytes) -> None:
        """Take some bytes.

        Raises AttachmentTooLarge, BytesGone if the lease has expired, and what a disk can do; from then on always that.
        """
        with self._sticky():
            await self._write(piece)

    async def seal(self) -> StagedBytes:
        """All bytes are there: make them durable, and a blob. Raises what ``write`` raises."""
        if self.staged is None:
            with self._sticky():
                self.staged = await self._seal()
        return self.staged

    async def drop(self) -> None:
        """Give up what was written; an edit that has taken it over keeps it."""
        window, self._under_way = self._under_way, None
        if window is not None:
            window.cancel()
            await asyncio.gather(window, return_exceptions=True)
        self._take_window()
        if self.number:
            await self._writer.submit(DropStagings((self.number,)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            # Should this fail too, the lease expires; what went wrong first is told.
            with contextlib.suppress(DocstoreError):
                await self.drop()

    # --- steps

    @contextlib.contextmanager
    def _sticky(self) -> Iterator[None]:
        """Raises what went wrong before, and keeps in mind what goes wrong now, be it that the caller is cut short."""
        if self._failure is not None:
            raise self._failure if isinstance(self._failure, Exception) else BytesGone
        try:
            yield
        except BaseException as failure:
            self._failure = failure
            raise

    async def _write(self, piece: bytes) -> None:
        self.length += len(piece)
        if self._limit is not None and self.length > self._limit:
            raise AttachmentTooLarge(self._name)
        while self._window_bytes + len(piece) >= WINDOW_BYTES:
            # A window ends where a chunk ends, so that of plain bytes none are left over and copied.
            cut = WINDOW_BYTES - self._window_bytes
            self._window.append(piece[:cut])
            piece = piece[cut:]
            await self._finish_window()
            self._under_way = create_task(self._work_off(self._take_window()))
        if piece:
            self._window.append(piece)
            self._window_bytes += len(piece)

    async def _seal(self) -> StagedBytes:
        await self._finish_window()
        last = await self._encode(self._take_window(), final=True)
        await self._hash(last)
        data = self._tail + last
        self._tail = b""
        md5 = self._md5.digest()
        whole = WholeBlob(data, self._sha256.digest(), md5)
        expires = self._expires()
        if self.number == 0:
            blob = await self._stage_at_once(whole, expires)
        else:
            blob = cast("int", await self._writer.submit(SealStaging(self.number, self._stored, whole, expires)))
        self._touched(blob)
        self._stored += len(data)
        return StagedBytes(self.number, blob, self.length, self._stored, self._encoding, md5, self._sent_md5.digest())

    def _take_window(self) -> list[bytes]:
        window, self._window, self._window_bytes = self._window, [], 0
        return window

    async def _finish_window(self) -> None:
        window, self._under_way = self._under_way, None
        if window is not None:
            await window

    async def _work_off(self, window: list[bytes]) -> None:
        """Encode, hash and append one window; what does not fill a chunk is left for the next."""
        data = await self._encode(window)
        hashing = create_task(self._hash(data))
        try:
            data = self._tail + data if self._tail else data
            end = len(data) - len(data) % CHUNK_BYTES
            self._tail = data[end:]
            if end:
                await self._append(data[:end])
        finally:
            await hashing

    async def _append(self, data: bytes) -> None:
        if self.number == 0:
            await self._begin(data)
        else:
            command = AppendStaging(self.number, self._stored, data, self._expires())
            await self._writer.submit(command)
        self._stored += len(data)

    async def _begin(self, data: bytes) -> None:
        beginning = self._writer.submit(BeginStaging(self._expires(), data))
        try:
            self.number = cast("int", await asyncio.shield(beginning))
        except asyncio.CancelledError:
            # It is written nevertheless, and its number is needed to drop it.
            self.number = cast("int", await beginning)
            raise

    async def _stage_at_once(self, whole: WholeBlob, expires: int) -> int:
        staging = self._writer.submit(StageBlobs((whole,), expires))
        try:
            [staged] = cast("list[Staged]", await asyncio.shield(staging))
        except asyncio.CancelledError:
            [staged] = cast("list[Staged]", await staging)
            self.number = staged.staging
            raise
        self.number = staged.staging
        return staged.blob

    async def _encode(self, window: list[bytes], *, final: bool = False) -> bytes:
        if self._compressor is None:
            return window[0] if len(window) == 1 else b"".join(window)
        if sum(map(len, window)) < SMALL_BYTES:
            return _compress(self._compressor, self._sent_md5, window, final)
        return await to_thread(_compress, self._compressor, self._sent_md5, window, final)

    async def _hash(self, data: bytes) -> None:
        if len(data) < SMALL_BYTES:
            self._sha256.update(data)
            self._md5.update(data)
        else:
            await asyncio.gather(to_thread(self._sha256.update, data), to_thread(self._md5.update, data))

    def _expires(self) -> int:
        return self._clock() + LIFETIME


def _compress(compressor: "zlib._Compress", sent_md5: "Hash", window: list[bytes], final: bool) -> bytes:
    pieces = []
    for piece in window:
        sent_md5.update(piece)
        pieces.append(compressor.compress(piece))
    if final:
        pieces.append(compressor.flush())
    return b"".join(pieces)
