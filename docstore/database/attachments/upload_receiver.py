"""The bytes of one request on their way into an upload.

Owns the pace, the digests that run along, and what becomes of bytes when a request is cut short. It must not know
whether the upload may be appended to, nor what protocol brings the bytes.

Bytes gather in a window and are appended by the writer, the next window filling up beside it: so a request holds two
windows in memory. A window goes when it is full, or ``FLUSH_SECONDS`` after its first byte, so that not much is lost
with a server that is killed during a slow upload. ``flush`` makes everything durable. Whatever ends the request, the
bytes that came are kept; only those of a request with a checksum are on *trial* until all of it has come and the
checksum is right, and are removed again otherwise.

A window has its place in the upload from when it is cut, and the store appends it only there. When one fails nothing is
appended any more, whatever comes: bytes behind lost ones would be taken for those.
"""

import asyncio
import hashlib
import logging
from asyncio import Task, TimerHandle, create_task, get_running_loop, to_thread
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self, cast

from docstore.database.commands import AcceptUpload, AppendUpload, RewindUpload
from docstore.errors import AttachmentTooLarge, DocstoreError, InconsistentUploadLength
from docstore.storage.attachments.blob_rows import CHUNK_BYTES
from docstore.storage.attachments.upload_rows import UploadRow
from docstore.storage.engine.writer import Writer

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

log = logging.getLogger(__name__)

WINDOW_BYTES: Final = 16 * CHUNK_BYTES
FLUSH_SECONDS: Final = 0.5
SMALL_BYTES: Final = 32 * 1024
"""Up to so many bytes are hashed at once, since a thread would take longer."""


class RunningDigest:
    """The digests of an upload's first ``offset`` bytes."""

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset
        self.sha256 = hashlib.sha256()
        self.md5 = hashlib.md5(usedforsecurity=False)

    def update(self, data: bytes) -> None:
        """The next bytes."""
        self.sha256.update(data)
        self.md5.update(data)
        self.offset += len(data)

    def copy(self) -> "RunningDigest":
        """The same digests, to go on with elsewhere."""
        other = RunningDigest(self.offset)
        other.sha256, other.md5 = self.sha256.copy(), self.md5.copy()
        return other


class Upload(NamedTuple):
    """An upload as it was read: its database's number, its uuid and its row."""

    database: int
    uuid: bytes
    row: UploadRow


class UploadReceiver:
    """What appends to one upload during one request; a context manager.

    ``offset``    where the next byte goes
    ``durable``   bytes that are safe and count
    ``on_durable``  told of each step of that
    """

    def __init__(
        self,
        writer: Writer,
        upload: Upload,
        *,
        expires: Callable[[], int],
        limit: int,
        digest: RunningDigest | None,
        checksum: "Hash | None" = None,
        on_durable: Callable[[int], None] | None = None,
    ) -> None:
        """``digest`` runs along, if it is given. ``checksum`` is fed with the bytes of this request, which puts them on
        trial. Beyond ``limit`` bytes of the whole upload ``write`` raises.
        """
        self.offset = self.durable = upload.row.offset
        self.digest = digest
        self._writer = writer
        self._upload = upload
        self._expires = expires
        self._limit = limit
        self._checksum = checksum
        self._on_durable = on_durable
        self._kept_digest = digest.copy() if digest is not None and checksum is not None else digest
        self._end = upload.row.offset
        self._cut = upload.row.offset
        self._failure: BaseException | None = None
        self._window: list[bytes] = []
        self._window_bytes = 0
        self._under_way: Task[None] | None = None
        self._timer: TimerHandle | None = None
        self._accepted = False

    async def write(self, piece: bytes) -> None:
        """Take some bytes.

        Raises InconsistentUploadLength beyond the upload's length, AttachmentTooLarge beyond its limit, and what the
        writer does: NotFound, OffsetMismatch, StorageFull; from then on always that.
        """
        self._check()
        row = self._upload.row
        end = self.offset + len(piece)
        if row.length is not None and end > row.length:
            raise InconsistentUploadLength(f"The upload has {row.length} bytes, and here are more.")
        if end > self._limit:
            raise AttachmentTooLarge(row.name)
        self.offset = end
        self._window.append(piece)
        self._window_bytes += len(piece)
        if self._window_bytes >= WINDOW_BYTES:
            await self._finish_window()
            self._begin_window(aligned=True)
        elif self._timer is None:
            self._timer = get_running_loop().call_later(FLUSH_SECONDS, self._hurry)

    async def flush(self) -> int:
        """Make all bytes durable that were written; how many the upload has. Raises as ``write``."""
        await self._finish_window()
        if self._window:
            self._begin_window()
            await self._finish_window()
        return self._end

    async def accept(self) -> None:
        """The checksum is right: let the bytes of this request count. They have been flushed. Raises as ``write``."""
        self._check()
        await self._writer.submit(AcceptUpload(self._upload.database, self._upload.uuid, self._end))
        self._accepted = True
        self.durable = self._end
        self._kept_digest = self.digest
        self._tell()

    @property
    def upload(self) -> Upload:
        """The upload as it is now."""
        return self._upload._replace(row=self._upload.row._replace(offset=self.durable))

    @property
    def running_digest(self) -> RunningDigest | None:
        """The digests of the bytes that count, at the end of the request."""
        digest = self._kept_digest
        return digest if digest is not None and digest.offset == self.durable else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.flush()
        except (DocstoreError, OSError) as failure:
            self._leave(kind, failure)
        finally:
            self._stop_timer()
        if self._checksum is not None and not self._accepted:
            try:
                await rewind(self._writer, self._upload)
            except DocstoreError as failure:
                self._leave(kind, failure)  # the next request does it

    def _leave(self, kind: type[BaseException] | None, failure: Exception) -> None:
        """Tell a failure on the way out, unless something else has ended the request."""
        if kind is None:
            raise failure
        log.warning("upload %s ends at byte %d: %s", self._upload.uuid.hex(), self.durable, failure)

    # --- steps

    def _hurry(self) -> None:
        """The window has waited long enough."""
        self._timer = None
        if not self._window or self._failure is not None:
            return
        if self._under_way is None or self._under_way.done():
            self._begin_window()
        else:
            self._timer = get_running_loop().call_later(FLUSH_SECONDS, self._hurry)

    def _begin_window(self, *, aligned: bool = False) -> None:
        """Send the window off, if so up to the end of a chunk, so that no chunk is written twice."""
        data = b"".join(self._window)
        start = self._cut
        end = start + len(data)
        rest = min(end % CHUNK_BYTES, len(data)) if aligned else 0
        self._window = [data[len(data) - rest :]] if rest else []
        self._window_bytes = rest
        self._cut = end - rest
        if not self._window:
            self._stop_timer()
        if self._cut == start:
            return  # the timer was faster
        before = self._under_way
        self._under_way = create_task(self._work_off(start, data[: len(data) - rest] if rest else data, before))

    async def _finish_window(self) -> None:
        """Wait for the window that is under way. Raises what it met, or one before it."""
        window = self._under_way
        if window is not None:
            # Not awaited itself, since whoever is cut short here must not cut short the window.
            await asyncio.wait((window,))
            if self._under_way is window:
                self._under_way = None
        self._check()

    async def _work_off(self, start: int, data: bytes, before: Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait((before,))
        if self._failure is not None:
            return
        try:
            await self._append(start, data)
        except BaseException as failure:
            self._failure = failure
            if self._checksum is None:
                self._kept_digest = None  # it may have met bytes that are not there
            if not isinstance(failure, Exception):
                raise

    async def _append(self, start: int, data: bytes) -> None:
        hashing = create_task(self._hash(data))
        try:
            command = AppendUpload(
                self._upload.database,
                self._upload.uuid,
                start,
                data,
                self._expires(),
                trial=self._checksum is not None,
            )
            self._end = cast("int", await self._writer.submit(command))
        finally:
            await hashing
        if self._checksum is None:
            self.durable = self._end
            self._tell()

    def _check(self) -> None:
        """Raises what the first window that failed has met."""
        if self._failure is not None:
            raise self._failure

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _hash(self, data: bytes) -> None:
        update = [one.update for one in (self.digest, self._checksum) if one is not None]
        if len(data) < SMALL_BYTES:
            for one in update:
                one(data)
        else:
            await asyncio.gather(*(to_thread(one, data) for one in update))

    def _tell(self) -> None:
        if self._on_durable is not None:
            self._on_durable(self.durable)


async def rewind(writer: Writer, upload: Upload) -> None:
    """Remove the bytes that do not count."""
    while not await writer.submit(RewindUpload(upload.database, upload.uuid)):
        pass
