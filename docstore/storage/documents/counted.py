"""Counts that save scans: live documents by id, and rows by sequence number.

Owns ``doc_counts`` and ``seq_counts``: how they follow the documents, and the two questions that they answer, the
offset of ``_all_docs`` and the ``pending`` of ``_changes``. It must not know revisions.

``doc_counts`` cuts a database's rows in ``docs`` into blocks. A document begins a block if a hash of its id says so
(``begins_block``), one in ``BLOCK_MEAN`` on average; so where the blocks begin depends on which documents there are,
and not on the batches in which they came. The block's key is the document's key; it ends where the next begins. The
documents before the first such one are a block too, whose key is the bare database prefix. No block is empty. So an
offset costs a sum over the blocks before and a scan in one::

    key    (db)            (db)"d0514"      (db)"d1026"
    value  live 512        live 498         live 730
           rows 513        rows 512         rows 781

``seq_counts`` has the number of rows in ``changes`` for each 1,024 sequence numbers, none where it is zero.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from docstore.storage import keys, rows
from docstore.storage.documents import long_ids, records
from docstore.storage.keys import pack_seq_key
from docstore.storage.rows import DatabaseState, DocCount
from docstore.storage.tables import ReadTransaction, WriteTransaction

if TYPE_CHECKING:
    from lmdb import Cursor

BLOCK_MEAN = 512
"""Documents in a block, on average: half of them are scanned for an offset, and a million make 2,000 blocks to sum."""

_COUNT_BYTES = len(rows.encode_count(0))
_DOC_COUNT_BYTES = len(rows.encode_doc_count(DocCount(0, 0)))


class CountChange(NamedTuple):
    """What a batch did to a document: its key in ``docs``, its id (UTF-8), how many more live ones and more of all."""

    key: bytes
    doc_id: bytes
    live: int
    rows: int


# --- documents --------------------------------------------------------------------------------------------------


def live_before(txn: ReadTransaction, db: int, doc_id: str) -> int:
    """How many live documents have an id less than ``doc_id``."""
    bound = long_ids.bound(txn, txn.tables.docs, db, doc_id.encode(), records.id_of_long)
    start, live = _blocks_before(txn, db, bound)
    with txn.cursor(txn.tables.docs) as cursor:
        if cursor.set_range(start):
            for key, value in cursor.iternext():
                if key >= bound:
                    break
                live += not value[0] & records.DELETED
    return live


def live_between(txn: ReadTransaction, db: int, start: str, end: str) -> int:
    """How many live documents have an id from ``start`` to before ``end``."""
    return max(live_before(txn, db, end) - live_before(txn, db, start), 0)


def begins_block(doc_id: bytes) -> bool:
    """Whether a document with this id (UTF-8) begins a block. Part of the format: it may never change."""
    return (crc32(doc_id) * 0x9E3779B1 >> 16) % BLOCK_MEAN == 0


def add_documents(txn: WriteTransaction, db: int, state: DatabaseState, changes: Sequence[CountChange]) -> None:
    """Bring the blocks up to date with documents, in the order of their keys, that were written or removed."""
    if not changes:
        return
    stored: dict[bytes, DocCount] = {}
    sums: dict[bytes, DocCount] = {}
    stale: dict[bytes, bytes] = {}
    gone: list[bytes] = []
    with txn.cursor(txn.tables.doc_counts) as cursor:
        start = end = b""
        live_sum = rows_sum = 0
        for key, doc_id, live, count in changes:
            if key >= end:
                if end:
                    sums[start] = DocCount(live_sum, rows_sum)
                start, before, end = _block_of(cursor, db, key)
                stored[start] = before
                live_sum, rows_sum = before
            live_sum += live
            rows_sum += count
            if count and begins_block(doc_id):
                if count > 0:
                    stale.setdefault(start, key)
                else:
                    gone.append(key)
        sums[start] = DocCount(live_sum, rows_sum)
    for key in gone:
        _write_block(txn, state, key, stored.pop(key, DocCount(0, 0)), None)
        sums.pop(key, None)
        stale.pop(key, None)
    with txn.cursor(txn.tables.doc_counts) as cursor:
        for key in gone:  # that block goes on over the documents of this one
            joined = _block_of(cursor, db, key)[0]
            sums.pop(joined, None)
            stale[joined] = joined
    for start, first in stale.items():
        _cut_anew(txn, db, state, start, first, sums.pop(start, None))
    for start, total in sums.items():
        _write_block(txn, state, start, stored[start], total)


def blocks(txn: ReadTransaction, db: int) -> Iterator[tuple[bytes, DocCount]]:
    """(key, count) of all blocks."""
    first, end = keys.prefix(db), keys.prefix_end(db)
    with txn.cursor(txn.tables.doc_counts) as cursor:
        if cursor.set_range(first):
            for key, value in cursor.iternext():
                if key >= end:
                    break
                yield key, rows.decode_doc_count(value)


def _blocks_before(txn: ReadTransaction, db: int, bound: bytes) -> tuple[bytes, int]:
    """The key of the block that ``bound`` falls in, and the live documents in the blocks before that one."""
    start, live, last = keys.prefix(db), 0, 0
    for key, count in blocks(txn, db):
        if key > bound:
            break
        start, live, last = key, live + last, count.live
    return start, live


def _block_of(cursor: "Cursor[bytes]", db: int, key: bytes) -> tuple[bytes, DocCount, bytes]:
    """(key, count, end) of the block that a key of ``docs`` falls in."""
    first, end = keys.prefix(db), keys.prefix_end(db)
    if cursor.set_range(key + b"\x00"):
        end = min(end, cursor.key())
        found = cursor.prev()
    else:
        found = cursor.last()
    if not found or cursor.key() < first:
        return first, DocCount(0, 0), end
    start, value = cursor.item()
    return start, rows.decode_doc_count(value), end


def _write_block(
    txn: WriteTransaction, state: DatabaseState, start: bytes, before: DocCount, after: DocCount | None
) -> None:
    """Put or remove a block's row; there is one if ``before`` has rows."""
    if before.rows:
        state.grow(-len(start) - _DOC_COUNT_BYTES)
    if after is not None and after.rows:
        state.grow(len(start) + _DOC_COUNT_BYTES)
        txn.put(txn.tables.doc_counts, start, rows.encode_doc_count(after))
    elif before.rows:
        txn.delete(txn.tables.doc_counts, start)


def _cut_anew(
    txn: WriteTransaction, db: int, state: DatabaseState, start: bytes, first: bytes, total: DocCount | None
) -> None:
    """Enter the blocks that the documents from the block at ``start`` to the next block make.

    Counted are those from the key ``first`` on, which is where the first new block begins; the others are what is left
    of the ``total``. None: nobody knows that, and ``first`` is ``start``.
    """
    with txn.cursor(txn.tables.doc_counts) as cursor:
        _, before, end = _block_of(cursor, db, start)
    parts: dict[bytes, DocCount] = {}
    block, live, count = start, 0, 0
    with txn.cursor(txn.tables.docs) as cursor:
        if cursor.set_range(first):
            for key, value in cursor.iternext():
                if key >= end:
                    break
                doc_id = records.id_of_long(value) if keys.is_long_key(key) else key[keys.PREFIX_BYTES :]
                if begins_block(doc_id):
                    parts[block] = DocCount(live, count)
                    block, live, count = key, 0, 0
                live += not value[0] & records.DELETED
                count += 1
    parts[block] = DocCount(live, count)
    rest = parts.pop(start)
    if total is not None:
        others = parts.values()
        rest = DocCount(total.live - sum(part.live for part in others), total.rows - sum(part.rows for part in others))
    _write_block(txn, state, start, before, rest)
    for key, part in parts.items():
        _write_block(txn, state, key, DocCount(0, 0), part)


# --- sequences --------------------------------------------------------------------------------------------------


def rows_after(txn: ReadTransaction, db: int, state: DatabaseState, seq: int) -> int:
    """How many rows of ``changes`` have a sequence number greater than ``seq``."""
    total = state.doc_count + state.doc_del_count
    if seq <= 0:
        return total
    if seq >= state.update_seq:
        return 0
    block = seq >> keys.SEQ_BLOCK_BITS
    if block < state.update_seq >> keys.SEQ_BLOCK_BITS + 1:
        before = _sum_blocks(txn, db, 0, block)
        return total - before - _scan_sequences(txn, db, block << keys.SEQ_BLOCK_BITS, seq + 1)
    after = _sum_blocks(txn, db, block + 1, keys.MAX_SEQ)
    return after + _scan_sequences(txn, db, seq + 1, block + 1 << keys.SEQ_BLOCK_BITS)


def add_sequences(txn: WriteTransaction, db: int, state: DatabaseState, changes: Mapping[int, int]) -> None:
    """Add to blocks (sequence number >> ``SEQ_BLOCK_BITS``) the rows that they gained."""
    table = txn.tables.seq_counts
    gained = {pack_seq_key(db, block): count for block, count in sorted(changes.items()) if count}
    if not gained:  # as mostly: a document that was in the same block before
        return
    stored = dict(txn.getmulti(table, gained))
    written: list[tuple[bytes, bytes]] = []
    for key, count in gained.items():
        old = stored.get(key)
        total = count + (0 if old is None else rows.decode_count(old))
        if total:
            written.append((key, rows.encode_count(total)))
        else:
            txn.delete(table, key)
        state.grow((keys.SEQ_KEY_BYTES + _COUNT_BYTES) * ((total > 0) - (old is not None)))
    txn.putmulti(table, written)


def _sum_blocks(txn: ReadTransaction, db: int, start: int, end: int) -> int:
    """The rows in blocks from ``start`` to before ``end``."""
    values: list[bytes] = []
    last = pack_seq_key(db, end)
    with txn.cursor(txn.tables.seq_counts) as cursor:
        if cursor.set_range(pack_seq_key(db, start)):
            for key, value in cursor.iternext():
                if key >= last:
                    break
                values.append(value)
    return rows.sum_counts(values)


def _scan_sequences(txn: ReadTransaction, db: int, start: int, end: int) -> int:
    """The rows with sequence numbers from ``start`` to before ``end``."""
    last = pack_seq_key(db, end)
    count = 0
    with txn.cursor(txn.tables.changes) as cursor:
        if cursor.set_range(pack_seq_key(db, start)):
            for key in cursor.iternext(values=False):
                if key >= last:
                    break
                count += 1
    return count
