"""Attachments' bytes: blobs, their chunks, and how many bodies name each.

Owns the rows of ``blobs`` and ``blob_refs``, and with them when a blob becomes garbage. It must not know documents,
nor how bytes arrive (``staging.py``) and leave (``garbage.py``).

A blob is kept once for the whole store, whoever names it: it is found by its (sha256, length). It is a row of chunks
that never move, under a number that is never given again. It stays as long as a body names it (a *reference*; a body
that names it twice counts once) or a staging holds it (a *lease*). The moment neither is left it is entered in
``garbage``; until the collector comes it can be taken up again.
"""

from collections import Counter
from collections.abc import Collection, Iterable

from docstore.core.attachment import unpack_attachments
from docstore.errors import BytesGone
from docstore.storage import keys
from docstore.storage.attachments.blob_rows import CHUNK_BYTES, BlobRow, BlobState, decode_blob, encode_blob
from docstore.storage.keys import blob_of, pack_blob_key, pack_chunk_key
from docstore.storage.rows import body_metadata, decode_number, encode_number
from docstore.storage.tables import ReadTransaction, WriteTransaction

# --- reading ----------------------------------------------------------------------------------------------------


def get_blob(txn: ReadTransaction, number: int) -> BlobRow | None:
    """What is known of a blob."""
    value = txn.get(txn.tables.blob_refs, pack_blob_key(number))
    return None if value is None else decode_blob(value)


def get_blobs(txn: ReadTransaction, numbers: Iterable[int]) -> dict[int, BlobRow]:
    """What is known of those blobs that are there."""
    wanted = [pack_blob_key(number) for number in sorted(numbers)]
    return {blob_of(key): decode_blob(value) for key, value in txn.getmulti(txn.tables.blob_refs, wanted)}


def sealed(txn: ReadTransaction, numbers: Collection[int]) -> set[int]:
    """Those blobs that a body may name."""
    return {number for number, row in get_blobs(txn, numbers).items() if row.state is BlobState.SEALED}


def read_range(txn: ReadTransaction, number: int, offset: int, length: int) -> bytes:
    """``length`` bytes of a blob from ``offset`` on, which are there. Raises BytesGone for a missing chunk."""
    return b"".join(read_pieces(txn, number, offset, length))


def read_pieces(txn: ReadTransaction, number: int, offset: int, length: int) -> list[bytes]:
    """The same, cut where chunks meet; a whole chunk is not copied again."""
    if length <= 0:
        return []
    first, last = offset // CHUNK_BYTES, (offset + length - 1) // CHUNK_BYTES
    wanted = [pack_chunk_key(number, place) for place in range(first, last + 1)]
    pieces = [chunk for _, chunk in txn.getmulti(txn.tables.blobs, wanted)]
    if len(pieces) != len(wanted):
        raise BytesGone
    pieces[-1] = pieces[-1][: offset + length - last * CHUNK_BYTES]
    pieces[0] = pieces[0][offset - first * CHUNK_BYTES :]
    return pieces


def numbers_of(body: bytes) -> frozenset[int]:
    """The blobs that a value in ``bodies`` names, each once."""
    metadata = body_metadata(body)
    return frozenset(one.blob for one in unpack_attachments(metadata)) if metadata else frozenset()


# --- writing ----------------------------------------------------------------------------------------------------


def take_numbers(txn: WriteTransaction, count: int) -> range:
    """So many numbers that were never given before, for blobs and stagings."""
    value = txn.get(txn.tables.meta, keys.META_NEXT_BLOB)
    first = 1 if value is None else decode_number(value)
    txn.put(txn.tables.meta, keys.META_NEXT_BLOB, encode_number(first + count))
    return range(first, first + count)


def put_blobs(txn: WriteTransaction, changes: Collection[tuple[int, BlobRow | None, BlobRow]]) -> None:
    """Write the rows of blobs, given as (number, row as it was, row as it is to be).

    A blob that nothing holds any more is entered in ``garbage``, one that is held again leaves it.
    """
    rows = sorted((pack_blob_key(number), encode_blob(after)) for number, _, after in changes)
    txn.putmulti(txn.tables.blob_refs, rows)
    queued = [number for number, before, after in changes if not after.wanted and (before is None or before.wanted)]
    saved = [number for number, before, after in changes if after.wanted and before is not None and not before.wanted]
    if queued:
        txn.leaves_garbage = True
        txn.putmulti(txn.tables.garbage, [(pack_blob_key(number), b"") for number in sorted(queued)])
    txn.deletemulti(txn.tables.garbage, [pack_blob_key(number) for number in sorted(saved)])


class References:
    """What a batch of written and dropped bodies does to the counts of the blobs that they name.

    Tell it every body, then ``apply`` it once: a blob that moves from a dropped body to a written one was never free.
    """

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: Counter[int] = Counter()

    def written(self, body: bytes) -> None:
        """A value was put into ``bodies``."""
        for number in numbers_of(body):
            self._changes[number] += 1

    def dropped(self, body: bytes) -> None:
        """A value was removed from ``bodies``."""
        for number in numbers_of(body):
            self._changes[number] -= 1

    def apply(self, txn: WriteTransaction) -> None:
        """Bring the counts up to date. Raises ValueError if a blob is not there, or not sealed, or counted wrongly."""
        changes = {number: change for number, change in self._changes.items() if change}
        if not changes:
            return
        rows = get_blobs(txn, changes)
        items: list[tuple[int, BlobRow | None, BlobRow]] = []
        for number, change in changes.items():
            row = rows.get(number)
            if row is None or row.state is not BlobState.SEALED or row.references + change < 0:
                raise ValueError(f"blob {number} cannot have {change:+d} references: {row}")
            items.append((number, row, row._replace(references=row.references + change)))
        put_blobs(txn, items)
