"""Online compaction and the sweep of deleted databases, in steps small enough to stand between other writes.

Owns which bodies may go and how a deleted database's rows are removed. The file does not shrink: its pages are used
again. The offline copy that makes it shrink is ``offline_compaction.py``. Neither step depends on an earlier one: both
can be left off at any time and started again.

Bodies of revisions that are no leaves go, except those of branch points of live leaves, which a three-way merge needs.
With a body go its references to the blobs of its attachments.
"""

from itertools import islice

from docstore.core.revtree import branch_points
from docstore.storage import databases, documents, keys, rows, scans
from docstore.storage.blobs import References
from docstore.storage.keys import pack_seq_key
from docstore.storage.records import DocRecord
from docstore.storage.tables import ReadTransaction, WriteTransaction

STEP_DOCUMENTS = 256
STEP_LOOKUPS = 16 * 1024
STEP_BODIES = 1024
STEP_BYTES = 16 * 1024 * 1024
STEP_ROWS = 2048

_BODY_KEY_BYTES = keys.PREFIX_BYTES + 8


def drop_bodies(
    txn: WriteTransaction, db: int, after: int, *, limit: int = STEP_DOCUMENTS, bodies: int = STEP_BODIES
) -> int | None:
    """One step: look at ``limit`` documents in the order of their sequence numbers, from the one behind ``after``.

    Returns where the next step goes on, None at the end. A step stops early when it has looked for ``STEP_LOOKUPS``
    bodies, or dropped ``bodies`` bodies or ``STEP_BYTES``, if need be within a document. A document that changes
    meanwhile moves to the end and is met there: the caller may end at the update sequence that it started with.
    Raises DatabaseNotFound.
    """
    state = databases.get_state(txn, db)
    found = [(seq, rows.change_id(row)) for seq, row in islice(scans.scan_changes(txn, db, after=after), limit)]
    records = documents.get_records(txn, db, [doc_id for _, doc_id in found])
    position = found[-1][0] if len(found) == limit else None
    looked = dropped = size = 0
    references = References()
    for seq, doc_id in found:
        if looked >= STEP_LOOKUPS:
            position = seq - 1
            break
        superseded = _superseded(txn, db, records[doc_id])
        looked += len(superseded)
        doomed = sorted(documents.bodies_present(txn, db, superseded)) if superseded else []
        while doomed and dropped < bodies and size < STEP_BYTES:
            body = _drop_body(txn, db, doomed.pop(0))
            references.dropped(body)
            state.file_size -= _BODY_KEY_BYTES + len(body)
            dropped, size = dropped + 1, size + len(body)
        if doomed:
            position = seq - 1
            break
    if dropped:
        references.apply(txn)
        databases.put_state(txn, db, state)
    return position


def sweep(txn: WriteTransaction, db: int, *, limit: int = STEP_ROWS) -> bool:
    """One step: remove at most ``limit`` rows of a deleted database. True when nothing is left of it.

    A step ends early after ``STEP_BYTES`` of bodies, which are read for the blobs that they name.
    """
    first, end = keys.prefix(db), keys.prefix_end(db)
    left = limit
    for _, table in txn.tables.of_database():
        if table is txn.tables.bodies:
            doomed, finished = _sweep_bodies(txn, first, end, left)
        else:
            doomed, finished = [], True
            with txn.cursor(table) as cursor:
                if cursor.set_range(first):
                    for key in cursor.iternext(values=False):
                        if key >= end or len(doomed) == left:
                            break
                        doomed.append(key)
        left -= txn.deletemulti(table, doomed)
        if not left or not finished:
            return False
    txn.delete(txn.tables.sweeps, first)
    return True


def _sweep_bodies(txn: WriteTransaction, first: bytes, end: bytes, limit: int) -> tuple[list[bytes], bool]:
    """Let go of the blobs that some bodies name; the keys of these, and whether ``STEP_BYTES`` did not cut it short."""
    doomed: list[bytes] = []
    references = References()
    size = 0
    with txn.cursor(txn.tables.bodies) as cursor:
        if cursor.set_range(first):
            for key, body in cursor.iternext():
                if key >= end or len(doomed) == limit or size >= STEP_BYTES:
                    break
                doomed.append(key)
                references.dropped(body)
                size += len(body)
    references.apply(txn)
    return doomed, size < STEP_BYTES


def _superseded(txn: ReadTransaction, db: int, record: DocRecord) -> set[int]:
    """The keys of those bodies of a document that need not be there."""
    if not record.live and not record.whole:
        return set()
    kept = {record.body_seq}
    if record.whole:
        tree = record.tree()
        kept.update(tree.nodes[rev].seq for rev in (*tree.leaves(), *branch_points(tree)))
    return set(record.stored_seqs(documents.get_chunks(txn, db, record))) - kept


def _drop_body(txn: WriteTransaction, db: int, seq: int) -> bytes:
    """Remove a body that is there; its value."""
    body = documents.get_body(txn, db, seq)
    if body is None:
        raise KeyError(seq)
    txn.delete(txn.tables.bodies, pack_seq_key(db, seq))
    return body
