"""Counts that save scans: live documents by id, and rows by sequence number.

Owns ``doc_counts`` and ``seq_counts``: how they follow the documents, and the two questions that they answer, the
offset of ``_all_docs`` and the ``pending`` of ``_changes``. It must not know revisions.

``doc_counts`` cuts a database's rows in ``docs`` into blocks. A block's key is a key of ``docs`` and says where it
begins; it ends where the next begins. The first has the bare database prefix for a key and begins before every id. A
block of more than ``BLOCK_MAX`` documents, deleted ones among them, is cut into several; one without any is removed,
and so joins the block before it. So an offset costs a sum over the blocks before and a scan in one::

    key    (db)            (db)"d0514"      (db)"d1026"
    value  live 512        live 498         live 730
           rows 512        rows 512         rows 781

``seq_counts`` has the number of rows in ``changes`` for each 1,024 sequence numbers, none where it is zero.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from docstore.storage import keys, long_ids, records, rows
from docstore.storage.keys import pack_seq_key
from docstore.storage.rows import DatabaseState, DocCount
from docstore.storage.tables import ReadTransaction, WriteTransaction

if TYPE_CHECKING:
    from lmdb import Cursor

BLOCK_MAX = 1024
"""Half of it is what a scan costs on average (0.1 ms); with a million documents some 1,500 blocks are summed."""

_COUNT_BYTES = len(rows.encode_count(0))
_DOC_COUNT_BYTES = len(rows.encode_doc_count(DocCount(0, 0)))
_SEQ_KEY_BYTES = keys.PREFIX_BYTES + 8

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


def add_documents(
    txn: WriteTransaction, db: int, state: DatabaseState, changes: Sequence[tuple[bytes, DocCount]]
) -> None:
    """Add to the blocks of documents (by their keys in ``docs``, ascending; already written) what changed of them."""
    if not changes:
        return
    table = txn.tables.doc_counts
    stored: dict[bytes, DocCount] = {}
    sums: dict[bytes, DocCount] = {}
    with txn.cursor(table) as cursor:
        start, end = b"", b""
        for key, change in changes:
            if not start <= key < end:
                start, count, end = _block_of(cursor, db, key)
                stored.setdefault(start, count)
            count = sums.get(start, stored[start])
            sums[start] = DocCount(count.live + change.live, count.rows + change.rows)
    written: list[tuple[bytes, bytes]] = []
    for start, count in sums.items():
        if stored[start].rows:
            state.grow(-len(start) - _DOC_COUNT_BYTES)
        if count.rows == 0:
            txn.delete(table, start)
            continue
        for block, part in _split(txn, start, count):
            state.grow(len(block) + _DOC_COUNT_BYTES)
            written.append((block, rows.encode_doc_count(part)))
    written.sort()
    txn.putmulti(table, written)


def merge_group(txn: WriteTransaction, db: int, state: DatabaseState, group: bytes) -> None:
    """Make no block begin inside a group of long ids (``keys.group_key``), since its labels were given anew."""
    table = txn.tables.doc_counts
    inside: list[tuple[bytes, bytes]] = []
    with txn.cursor(table) as cursor:
        if cursor.set_range(group):
            for key, value in cursor.iternext():
                if not key.startswith(group):
                    break
                inside.append((key, value))
        if not inside:
            return
        start, (live, count), _ = _block_of(cursor, db, group)
    for key, value in inside:
        part = rows.decode_doc_count(value)
        live, count = live + part.live, count + part.rows
        txn.delete(table, key)
        state.grow(-len(key) - _DOC_COUNT_BYTES)
    txn.put(table, start, rows.encode_doc_count(DocCount(live, count)))


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


def _split(txn: ReadTransaction, start: bytes, count: DocCount) -> list[tuple[bytes, DocCount]]:
    """A block, or the blocks that it is cut into."""
    if count.rows <= BLOCK_MAX:
        return [(start, count)]
    parts: list[tuple[bytes, DocCount]] = []
    block, live, size = start, 0, 0
    with txn.cursor(txn.tables.docs) as cursor:
        cursor.set_range(start)
        for place, (key, value) in enumerate(cursor.iternext()):
            if place == count.rows:
                break
            if size == BLOCK_MAX // 2:
                parts.append((block, DocCount(live, size)))
                block, live, size = key, 0, 0
            live += not value[0] & records.DELETED
            size += 1
    return [*parts, (block, DocCount(live, size))]


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
    stored = dict(txn.getmulti(table, gained))
    written: list[tuple[bytes, bytes]] = []
    for key, count in gained.items():
        old = stored.get(key)
        total = count + (0 if old is None else rows.decode_count(old))
        if total:
            written.append((key, rows.encode_count(total)))
        else:
            txn.delete(table, key)
        state.grow((_SEQ_KEY_BYTES + _COUNT_BYTES) * ((total > 0) - (old is not None)))
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
