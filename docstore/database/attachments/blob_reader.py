"""Reading an attachment's bytes, in portions, while they are kept from the collector.

Owns the holds of this process and the pace of a download. It must not know documents or requests.

Bytes are read ahead in a thread, since the disk may have to be waited for: one portion while the last one is being
sent. So a download holds two portions in memory, whatever its size. What is small is read at once.
"""

import asyncio
import threading
import zlib
from asyncio import get_running_loop
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import aclosing
from types import TracebackType
from typing import Final, Self

from docstore.core.attachment import Attachment
from docstore.errors import DocstoreError
from docstore.storage.attachments.blob_rows import CHUNK_BYTES
from docstore.storage.attachments.blobs import read_pieces
from docstore.storage.engine.environment import Environment
from docstore.storage.tables import ReadTransaction

AT_ONCE_BYTES: Final = 64 * 1024
"""Up to so many bytes are read on the event loop."""

PORTION_BYTES: Final = 4 * CHUNK_BYTES
INFLATED_BYTES: Final = 256 * 1024
"""Bytes of one piece of what is inflated."""

GZIP_WINDOW_BITS: Final = 16 + zlib.MAX_WBITS


class Holds:
    """Which blobs are being used in this process; thread-safe.

    ``touched``  blobs that were held, or staged, since the collector looked last
    """

    def __init__(self) -> None:
        self.touched: set[int] = set()
        self._counts: Counter[int] = Counter()
        # Reentrant: the garbage collector may end a forgotten hold at any allocation.
        self._lock = threading.RLock()

    def hold(self, numbers: Collection[int]) -> "Hold":
        """Keep these blobs until the hold is closed, or forgotten.

        Called while a snapshot that shows them is open.
        """
        with self._lock:
            self.touched.update(numbers)
            self._counts.update(numbers)
        return Hold(self, tuple(numbers))

    def touch(self, number: int) -> None:
        """Something in the store holds this blob now, that was perhaps garbage before."""
        with self._lock:
            self.touched.add(number)

    def end(self, numbers: Collection[int]) -> None:
        """For ``Hold`` alone."""
        with self._lock:
            self.touched.update(numbers)
            for number in numbers:
                self._counts[number] -= 1
                if not self._counts[number]:
                    del self._counts[number]

    def take_touched(self) -> set[int]:
        """The blobs touched since the last call, and those that are held now."""
        with self._lock:
            touched, self.touched = self.touched, set()
            return touched | self._counts.keys()

    def __contains__(self, number: int) -> bool:
        return number in self._counts


class Hold:
    """Keeps blobs from the collector until it is closed, or forgotten; a context manager."""

    __slots__ = ("_holds", "_numbers")

    def __init__(self, holds: Holds, numbers: tuple[int, ...]) -> None:
        self._holds = holds
        self._numbers = numbers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go. Closing twice does nothing."""
        numbers, self._numbers = self._numbers, ()
        if numbers:
            self._holds.end(numbers)

    def __del__(self) -> None:
        self.close()


class OpenedAttachment:
    """An attachment whose bytes can be read for as long as this object lives."""

    __slots__ = ("_environment", "_hold", "meta")

    def __init__(self, environment: Environment, meta: Attachment, hold: Hold) -> None:
        self.meta = meta
        self._environment = environment
        self._hold = hold

    def close(self) -> None:
        """Let go of the bytes at once."""
        self._hold.close()

    async def stored(self, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes]:
        """The bytes as stored: ``encoded_length`` of them, or a range of them, in pieces."""
        total = self.meta.encoded_length
        end = total if length is None else min(total, offset + length)
        if end - offset <= AT_ONCE_BYTES:
            for piece in self._read(offset, end):
                yield piece
            return
        run = get_running_loop().run_in_executor
        ahead = run(None, self._read, offset, _portion_end(offset, end))
        try:
            while offset < end:
                pieces = await ahead
                offset = _portion_end(offset, end)
                if offset < end:
                    ahead = run(None, self._read, offset, _portion_end(offset, end))
                for piece in pieces:
                    yield piece
        finally:
            ahead.cancel()

    async def decoded(self) -> AsyncGenerator[bytes]:
        """The plain bytes, in pieces. Raises DocstoreError if the bytes are not what their encoding says."""
        async with aclosing(self.stored()) as pieces:
            if self.meta.encoding is None:
                async for piece in pieces:
                    yield piece
                return
            inflation = Inflation()
            async for piece in pieces:
                inflation.feed(piece)
                while (plain := await self._inflate(inflation, len(piece))) is not None:
                    yield plain
            inflation.finish()

    async def _inflate(self, inflation: "Inflation", size: int) -> bytes | None:
        return inflation.next() if size <= AT_ONCE_BYTES // 4 else await asyncio.to_thread(inflation.next)

    def _read(self, offset: int, end: int) -> list[bytes]:
        with self._environment.snapshot() as snapshot:
            return read_pieces(snapshot, self.meta.blob, offset, end - offset)


class Inflation:
    """Gzip on its way to plain bytes, in pieces of at most ``INFLATED_BYTES``."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(GZIP_WINDOW_BITS)
        self._rest = b""
        self._more = False

    def feed(self, piece: bytes) -> None:
        """The next stored bytes; ``next`` has given None for those before."""
        self._rest = piece
        self._more = True

    def next(self) -> bytes | None:
        """The next plain bytes, None where more stored ones are needed. Raises DocstoreError for what is not gzip."""
        while self._more:
            if self._member.eof:
                if not self._rest:
                    break
                self._member = zlib.decompressobj(GZIP_WINDOW_BITS)
            try:
                plain = self._member.decompress(self._rest, INFLATED_BYTES)
            except zlib.error as error:
                raise _not_gzip() from error
            self._rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            self._more = bool(self._rest) or len(plain) == INFLATED_BYTES
            if plain:
                return plain
        self._more = False
        return None

    def finish(self) -> None:
        """All was fed. Raises DocstoreError if it ends in the middle."""
        if not self._member.eof:
            raise _not_gzip()


def read_plain(txn: ReadTransaction, attachment: Attachment, limit: int) -> bytes | None:
    """All plain bytes, read at once; None if they, or the stored ones, are more than ``limit``."""
    if attachment.encoded_length > limit:
        return None
    stored = read_pieces(txn, attachment.blob, 0, attachment.encoded_length)
    if attachment.encoding is None:
        return b"".join(stored)
    plain = bytearray()
    for piece in _inflated(stored):
        plain += piece
        if len(plain) > limit:
            return None
    return bytes(plain)


def _inflated(stored: list[bytes]) -> Iterator[bytes]:
    inflation = Inflation()
    for piece in stored:
        inflation.feed(piece)
        while (plain := inflation.next()) is not None:
            yield plain
    inflation.finish()


def _portion_end(offset: int, end: int) -> int:
    """Where the portion that begins at ``offset`` ends, so that portions after the first begin with a chunk."""
    return min(end, (offset // PORTION_BYTES + 1) * PORTION_BYTES)


def _not_gzip() -> DocstoreError:
    return DocstoreError("The attachment's bytes are not gzip, though their encoding says so.")
