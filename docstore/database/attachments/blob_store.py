"""Attachments' bytes for the layers above: upload them, find those that were uploaded, open them.

Owns how bytes of any size become blobs that an edit may name. It must not know documents. One object serves all
databases of a node, since the bytes are kept once for the whole store; ``collector`` removes what nothing holds.
"""

import hashlib
import logging
from asyncio import CancelledError, shield, to_thread
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import NamedTuple, cast

from docstore.core.attachment import Attachment, Encoding, Inline, is_compressible
from docstore.database.attachments.blob_reader import Hold, Holds, OpenedAttachment
from docstore.database.attachments.collector import Collector
from docstore.database.attachments.staging import (
    LIFETIME,
    SMALL_BYTES,
    WINDOW_BYTES,
    StagedBytes,
    Staging,
    gzip_compressor,
)
from docstore.database.commands import DropStagings, StageBlobs
from docstore.errors import DocstoreError
from docstore.storage.attachments.blob_rows import BlobRow, StagingRow
from docstore.storage.attachments.blobs import get_blob
from docstore.storage.attachments.staging import Staged, WholeBlob, get_staging
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.writer import Writer

log = logging.getLogger(__name__)


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
    ) -> Staging:
        """An upload of one attachment: gzipped if the type asks for it, unless it comes gzipped (``encoding``).

        Beyond ``limit`` bytes it raises AttachmentTooLarge with ``name``.
        """
        compress = encoding is None and is_compressible(content_type)
        return Staging(
            self._writer,
            self._clock,
            self.holds.touch,
            name=name,
            compress=compress,
            encoding=encoding,
            limit=limit,
        )

    async def drop(self, numbers: Sequence[int]) -> None:
        """Give up stagings. Those that an edit has taken over are no more, and nothing happens to them."""
        if numbers:
            await self._writer.submit(DropStagings(tuple(numbers)))

    async def give_up(self, numbers: Sequence[int]) -> None:
        """``drop`` on the way out of an error: what goes wrong here is only logged, since the leases expire anyway."""
        try:
            await self.drop(numbers)
        except DocstoreError as error:
            log.warning("stagings of attachments are left to expire: %s", error.reason)

    async def compressed(self, staged: StagedBytes) -> StagedBytes:
        """The same bytes gzipped, as another staging; the first stays as it is."""
        async with Staging(self._writer, self._clock, self.holds.touch, compress=True) as staging:
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
            await self.give_up([staged.staging for staged in result.values()])
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
        command = StageBlobs(tuple(wholes), self._clock() + LIFETIME)
        staging = self._writer.submit(command)
        try:
            leases = cast("list[Staged]", await shield(staging))
        except CancelledError:
            # It is written nevertheless, and must be known to be dropped.
            await self.give_up([lease.staging for lease in cast("list[Staged]", await staging)])
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


def measured(item: Inline) -> Attachment:
    """What is known of an attachment once its bytes are stored, which they are not; so no blob has the number 0."""
    whole = _whole(item)
    encoding: Encoding = "gzip" if is_compressible(item.content_type) else None
    return Attachment(
        item.name, item.content_type, whole.md5, len(item.data), len(whole.data), encoding, item.revpos, blob=0
    )


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


def _whole(item: Inline) -> WholeBlob:
    data = item.data
    if is_compressible(item.content_type):
        compressor = gzip_compressor()
        data = compressor.compress(data) + compressor.flush()
    return WholeBlob(data, hashlib.sha256(data).digest(), hashlib.md5(data, usedforsecurity=False).digest())
