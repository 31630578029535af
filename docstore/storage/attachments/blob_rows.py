"""The layout of the values that keep attachments' bytes together: ``blob_refs`` and ``stagings``.

Owns the bytes of these rows and the length of a chunk. It must not know tables or transactions. Numbers are big-endian.
The values in ``blobs`` are the bytes themselves, those in ``digests`` a blob's number, those in ``garbage`` empty.
"""

from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

CHUNK_BYTES: Final = 262_128
"""Bytes of every chunk but a blob's last. 16 less than 64 pages, because LMDB puts a head of 16 bytes before a value
that does not fit into a page: so 64 pages of the file, and none is wasted."""


class BlobState(IntEnum):
    """What may be done with a blob.

    ``OPEN``    bytes are still appended; no body may name it
    ``SEALED``  complete, and found by its digest
    ``DOOMED``  its chunks are being removed; it comes back under no circumstances
    """

    OPEN = 0
    SEALED = 1
    DOOMED = 2


class BlobRow(NamedTuple):
    """What is known of a blob.

    ``references``  how many bodies name it; ``leases``  how many stagings hold it
    ``length``      bytes that are there; ``sha256``, ``md5``  of all of them, zeros unless it was sealed
    """

    state: BlobState
    references: int
    leases: int
    length: int
    sha256: bytes = bytes(32)
    md5: bytes = bytes(16)

    @property
    def chunks(self) -> int:
        """How many chunks it has."""
        return chunks_of(self.length)

    @property
    def wanted(self) -> bool:
        """Whether anything holds it."""
        return self.references > 0 or self.leases > 0


class StagingRow(NamedTuple):
    """A lease on a blob, from the first byte to the edit that links it.

    ``expires``    microseconds since 1970
    ``blob``       the blob that it holds: at first one of its own number, after sealing perhaps a twin
    ``resumable``  it outlives the process that made it
    ``purpose``    what it is for, in whatever form its maker likes
    """

    expires: int
    blob: int
    resumable: bool = False
    purpose: bytes = b""


def chunks_of(length: int) -> int:
    """How many chunks so many bytes make; none make none."""
    return -(-length // CHUNK_BYTES)


_BLOB = Struct(">BQQQ32s16s")
_STAGING = Struct(">QQB")


def encode_blob(row: BlobRow) -> bytes:
    """The value in ``blob_refs``."""
    return _BLOB.pack(*row)


def decode_blob(value: bytes) -> BlobRow:
    """The row of a value in ``blob_refs``."""
    state, references, leases, length, sha256, md5 = _BLOB.unpack(value)
    return BlobRow(BlobState(state), references, leases, length, sha256, md5)


def encode_staging(row: StagingRow) -> bytes:
    """The value in ``stagings``."""
    return _STAGING.pack(row.expires, row.blob, row.resumable) + row.purpose


def decode_staging(value: bytes) -> StagingRow:
    """The row of a value in ``stagings``."""
    expires, blob, resumable = _STAGING.unpack_from(value)
    return StagingRow(expires, blob, bool(resumable), value[_STAGING.size :])
