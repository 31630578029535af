"""Which shard of a database a document would be in, if the database had any.

Owns the arithmetic: ``q`` ranges of a 32-bit hash, which is the CRC of an id or, in a partitioned database, of its
partition. A database here is one range of keys, whatever ``q`` says; the ranges are what clients ask for that look at
where documents are. Follows ``mem3_util:create_partition_map`` and ``mem3_hash``.
"""

from collections.abc import Iterator
from typing import Final
from zlib import crc32

from docstore.core.document import DESIGN_PREFIX
from docstore.core.partition import NO_PARTITION, partition_of
from docstore.errors import IllegalDocId

SPACE: Final = 1 << 32


def ranges(q: int) -> Iterator[str]:
    """The ranges, each as two hexadecimal numbers with a dash. The last one has what the others leave."""
    for place in range(q):
        yield _range(q, place)


def range_of(q: int, doc_id: str, *, partitioned: bool) -> str:
    """The range that an id belongs to. Raises IllegalDocId for one without a partition where it needs one."""
    hashed = doc_id
    if partitioned and not doc_id.startswith(DESIGN_PREFIX):
        partition = partition_of(doc_id)
        if partition is None:
            raise IllegalDocId(NO_PARTITION)
        hashed = partition
    return _range(q, min(crc32(hashed.encode("utf-8", "surrogateescape")) // _width(q), q - 1))


def _width(q: int) -> int:
    return max(1, SPACE // q)


def _range(q: int, place: int) -> str:
    start = place * _width(q)
    end = SPACE - 1 if place == q - 1 else start + _width(q) - 1
    return f"{start:08x}-{end:08x}"
