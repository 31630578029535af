"""Online compaction and the sweep of deleted databases, in steps small enough to stand between other writes.

Owns which bodies may go and how a deleted database's rows are removed. The file does not shrink: its pages are used
again. The offline copy that makes it shrink is ``offline_compaction.py``. Neither step depends on an earlier one: both
can be left off at any time and started again.

Bodies of revisions that are no leaves go, except those of branch points of live leaves, which a three-way merge needs.
"""

from docstore.core.revtree import branch_points
from docstore.storage import databases, documents, keys, rows, scans
from docstore.storage.keys import pack_seq_key
from docstore.storage.records import DocRecord
from docstore.storage.tables import ReadTransaction, WriteTransaction

STEP_DOCUMENTS = 256
STEP_BODIES = 1024
STEP_BYTES = 16 * 1024 * 1024
STEP_ROWS = 2048

_BODY_KEY_BYTES = keys.PREFIX_BYTES + 8


def drop_bodies(
    txn: WriteTransaction, db: int, after: int, *, limit: int = STEP_DOCUMENTS, bodies: int = STEP_BODIES
) -> int | None:
    """One step: look at ``limit`` documents in the order of their sequence numbers, from the one behind ``after``.

    Returns where the next step goes on, None at the end. A step that has dropped ``bodies`` bodies, or ``STEP_BYTES``,
    stops early, if need be within a document. A document that changes meanwhile moves to the end and is met there: the
    caller may end at the update sequence that it started with. Raises DatabaseNotFound.
    """
    state = databases.get_state(txn, db)
    found: list[tuple[int, str]] = []
    for seq, row in scans.scan_changes(txn, db, after=after):
        found.append((seq, rows.change_id(row)))
        if len(found) == limit:
            break
    records = documents.get_records(txn, db, [doc_id for _, doc_id in found])
    position = found[-1][0] if len(found) == limit else None
    dropped = size = 0
    for seq, doc_id in found:
        for body_seq in sorted(_droppable(txn, db, records[doc_id])):
            if dropped >= bodies or size >= STEP_BYTES:
                databases.put_state(txn, db, state)
                return seq - 1
            length = len(documents.get_body(txn, db, body_seq) or b"")
            txn.delete(txn.tables.bodies, pack_seq_key(db, body_seq))
            state.file_size -= _BODY_KEY_BYTES + length
            dropped, size = dropped + 1, size + length
    if dropped:
        databases.put_state(txn, db, state)
    return position


def sweep(txn: WriteTransaction, db: int, *, limit: int = STEP_ROWS) -> bool:
    """One step: remove at most ``limit`` rows of a deleted database. True when nothing is left of it."""
    first, end = keys.prefix(db), keys.prefix_end(db)
    left = limit
    for _, table in txn.tables.of_database():
        doomed: list[bytes] = []
        with txn.cursor(table) as cursor:
            if cursor.set_range(first):
                for key in cursor.iternext(values=False):
                    if key >= end or len(doomed) == left:
                        break
                    doomed.append(key)
        left -= txn.deletemulti(table, doomed)
        if not left:
            return False
    txn.delete(txn.tables.sweeps, first)
    return True


def _droppable(txn: ReadTransaction, db: int, record: DocRecord) -> set[int]:
    """The keys of those bodies of a document that are there and may go."""
    if not record.live and not record.whole:
        return set()
    chunks = documents.get_chunks(txn, db, record)
    kept = {record.body_seq}
    if record.whole:
        tree = record.tree()
        kept.update(tree.nodes[rev].seq for rev in (*tree.leaves(), *branch_points(tree)))
    return documents.bodies_present(txn, db, set(record.stored_seqs(chunks)) - kept)
