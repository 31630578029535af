"""Attachments' bytes for the layers above: upload them, find those that were uploaded, open them.

Owns how bytes of any size become blobs that an edit may name. It must not know documents. One object serves all
databases of a node, since the bytes are kept once for the whole store; ``collector`` removes what nothing holds.
"""

import hashlib
from asyncio import CancelledError, shield, to_thread
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Final, NamedTuple, cast

from docstore.core.attachment import Attachment, Encoding, Inline, is_compressible
from docstore.database.blob_reader import Hold, Holds, OpenedAttachment
from docstore.database.collector import Collector
from docstore.database.commands import DropStagings, ProlongStaging, StageBlobs
from docstore.database.staging import SMALL_BYTES, WINDOW_BYTES, Lease, StagedBytes, Staging, gzip_compressor
from docstore.errors import BytesGone
from docstore.storage.blob_rows import BlobRow, BlobState, StagingRow
from docstore.storage.blobs import get_blob
from docstore.storage.environment import Environment
from docstore.storage.staging import Staged, WholeBlob, get_staging
from docstore.storage.writer import Writer

TRANSIENT: Final = Lease(lifetime=3600.0)
"""A staging that lives within one request: this long without a byte, and it is given up."""


class FoundStaging(NamedTuple):
    """A staging as it is stored: its row, and that of the blob it holds."""

    row: StagingRow
    blob: BlobRow


class BlobStore:
    """All blobs of one environment. ``clock`` gives microseconds since 1970."""

    def __init__(self, environment: Environment, writer: Writer, clock: Callable[[], int]) -> None:
        self.holds = Holds()
        self.collector = Collector(environment, writer, clock, self.holds)
        self._environment = environment
        self._writer = writer
        self._clock = clock

    # --- reading

    def open(self, attachment: Attachment) -> OpenedAttachment:
        """The bytes of an attachment. Called while a snapshot that shows the attachment is open."""
        return OpenedAttachment(self._environment, attachment, self.holds.hold((attachment.blob,)))

    def hold(self, numbers: Sequence[int]) -> Hold:
        """Keep blobs from the collector. Called while a snapshot that shows them is open."""
        return self.holds.hold(numbers)

    def find_staging(self, number: int) -> FoundStaging | None:
        """A staging, None if it has expired or was taken over."""
        with self._environment.snapshot() as snapshot:
            row = get_staging(snapshot, number)
            blob = None if row is None else get_blob(snapshot, row.blob)
        return None if row is None or blob is None else FoundStaging(row, blob)

    # --- uploading

    def stage(
        self,
        content_type: str,
        *,
        name: str = "",
        encoding: Encoding = None,
        limit: int | None = None,
        lease: Lease = TRANSIENT,
    ) -> Staging:
        """An upload of one attachment.

        The bytes are gzipped if the type asks for it, unless they come gzipped (``encoding``), or the lease is
        resumable: those are kept as sent, and ``compressed`` does it in the end.
        """
        compress = encoding is None and not lease.resumable and is_compressible(content_type)
        return Staging(
            self._writer,
            self._clock,
            lease,
            self.holds.touch,
            name=name,
            compress=compress,
            encoding=encoding,
            limit=limit,
        )

    async def resume(
        self,
        number: int,
        *,
        name: str = "",
        encoding: Encoding = None,
        limit: int | None = None,
        lifetime: float | None = None,
    ) -> Staging:
        """Go on with a resumable staging, at the offset that it has reached. Raises BytesGone if it has expired.

        Its bytes are read once, for their digests. A sealed one comes with ``staged`` set. ``lifetime`` is what every
        append gives it from then on, in seconds; None for what it has left.
        """
        found = self.find_staging(number)
        if found is None:
            raise BytesGone
        row, blob = found
        if lifetime is None:
            lifetime = max(row.expires - self._clock(), 0) / 1_000_000
        staging = Staging(
            self._writer,
            self._clock,
            row_lease(row, lifetime),
            self.holds.touch,
            name=name,
            encoding=encoding,
            limit=limit,
        )
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        if blob.state is BlobState.OPEN:
            async for piece in self._bytes_of(row.blob, blob.length):
                await to_thread(sha256.update, piece)
                await to_thread(md5.update, piece)
        staging.go_on(number, blob.length, sha256=sha256, md5=md5)
        if blob.state is not BlobState.OPEN:
            staging.staged = StagedBytes(number, row.blob, blob.length, blob.length, encoding, blob.md5, blob.md5)
        return staging

    async def prolong(self, number: int, lifetime: float, purpose: bytes | None = None) -> None:
        """Give a staging so many seconds from now, and another purpose if one is given. Raises BytesGone."""
        await self._writer.submit(ProlongStaging(number, self._expires(lifetime), purpose))

    async def drop(self, numbers: Sequence[int]) -> None:
        """Give up stagings. Those that an edit has taken over are no more, and nothing happens to them."""
        if numbers:
            await self._writer.submit(DropStagings(tuple(numbers)))

    async def compressed(self, staged: StagedBytes) -> StagedBytes:
        """The same bytes gzipped, as another staging; the first stays as it is."""
        async with Staging(self._writer, self._clock, TRANSIENT, self.holds.touch, compress=True) as staging:
            async for piece in self._bytes_of(staged.blob, staged.encoded_length):
                await staging.write(piece)
            return await staging.seal()

    async def stage_inline(self, items: Sequence[Inline]) -> list[StagedBytes]:
        """Stage bytes that are in memory; those of many small attachments with one command."""
        result: dict[int, StagedBytes] = {}
        try:
            for batch in _batches(items):
                if len(batch[0][1].data) > WINDOW_BYTES:
                    [(place, item)] = batch
                    result[place] = await self._stage_large(item)
                else:
                    result.update(await self._stage_batch(batch))
        except BaseException:
            await self.drop([staged.staging for staged in result.values()])
            raise
        return [result[place] for place in range(len(items))]

    # --- steps

    async def _stage_large(self, item: Inline) -> StagedBytes:
        async with self.stage(item.content_type, name=item.name) as staging:
            for start in range(0, len(item.data), WINDOW_BYTES):
                await staging.write(item.data[start : start + WINDOW_BYTES])
            return await staging.seal()

    async def _stage_batch(self, batch: list[tuple[int, Inline]]) -> dict[int, StagedBytes]:
        items = [item for _, item in batch]
        if sum(len(item.data) for item in items) <= SMALL_BYTES:
            wholes = list(map(_whole, items))
        else:
            wholes = await to_thread(lambda: list(map(_whole, items)))
        command = StageBlobs(tuple(wholes), self._expires(TRANSIENT.lifetime))
        staging = self._writer.submit(command)
        try:
            leases = cast("list[Staged]", await shield(staging))
        except CancelledError:
            # It is written nevertheless, and must be known to be dropped.
            await self.drop([lease.staging for lease in cast("list[Staged]", await staging)])
            raise
        result = {}
        for (place, item), whole, (lease, blob) in zip(batch, wholes, leases, strict=True):
            self.holds.touch(blob)
            encoding: Encoding = "gzip" if is_compressible(item.content_type) else None
            result[place] = StagedBytes(lease, blob, len(item.data), len(whole.data), encoding, whole.md5, whole.md5)
        return result

    async def _bytes_of(self, blob: int, length: int) -> AsyncGenerator[bytes]:
        with self._environment.snapshot():
            opened = self.open(Attachment("", "", b"", length, length, None, 0, blob))
        async with aclosing(opened.stored()) as pieces:
            async for piece in pieces:
                yield piece

    def _expires(self, lifetime: float) -> int:
        return self._clock() + int(lifetime * 1_000_000)


def _batches(items: Sequence[Inline]) -> Iterator[list[tuple[int, Inline]]]:
    """The items with their places: large ones one by one, small ones in batches of at most two windows."""
    batch: list[tuple[int, Inline]] = []
    size = 0
    for place, item in enumerate(items):
        if len(item.data) > WINDOW_BYTES:
            yield [(place, item)]
            continue
        if size + len(item.data) > 2 * WINDOW_BYTES:
            yield batch
            batch, size = [], 0
        batch.append((place, item))
        size += len(item.data)
    if batch:
        yield batch


def row_lease(row: StagingRow, lifetime: float) -> Lease:
    """The lease of a stored staging, with ``lifetime`` seconds left."""
    return Lease(lifetime, row.resumable, row.purpose)


def _whole(item: Inline) -> WholeBlob:
    data = item.data
    if is_compressible(item.content_type):
        compressor = gzip_compressor()
        data = compressor.compress(data) + compressor.flush()
    return WholeBlob(data, hashlib.sha256(data).digest(), hashlib.md5(data, usedforsecurity=False).digest())
