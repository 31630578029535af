"""Online compaction and the sweep of deleted databases, in steps small enough to stand between other writes.

Owns which bodies may go and how a deleted database's rows are removed. The file does not shrink: its pages are used
again. The offline copy that makes it shrink is ``offline_compaction.py``. Neither step depends on an earlier one: both
can be left off at any time and started again.

Trees are stemmed to the revs_limit, which may have been lowered since they were written, as
``couch_bt_engine_compactor`` does. Bodies of revisions that are no leaves go; those of branch points of live leaves are
put aside, for three-way merges alone. With a body go its references to the blobs of its attachments. A document keeps
its place in ``changes``.
"""

from collections.abc import Set
from itertools import islice
from typing import NamedTuple

from docstore.core.revtree import RevTree, branch_points
from docstore.storage import databases, keys, rows
from docstore.storage.attachments.blobs import References
from docstore.storage.documents import documents, scans
from docstore.storage.documents.document_change import DocumentChange
from docstore.storage.documents.records import DocRecord
from docstore.storage.keys import pack_seq_key
from docstore.storage.tables import ReadTransaction, WriteTransaction

STEP_DOCUMENTS = 256
STEP_LOOKUPS = 16 * 1024
STEP_BODIES = 1024
STEP_BYTES = 16 * 1024 * 1024
STEP_ROWS = 2048


class _Survey(NamedTuple):
    """What compaction would do to a document.

    ``doomed``  numbers of bodies that need not be there, if they are; ``bases``  of those that are to be put aside
    ``stemmed``  the tree that is to replace the document's, None if it stays
    ``cost``  how many revisions were looked at
    """

    doomed: Set[int] = frozenset()
    bases: Set[int] = frozenset()
    stemmed: RevTree | None = None
    cost: int = 0


def compact_documents(
    txn: WriteTransaction, db: int, after: int, *, limit: int = STEP_DOCUMENTS, bodies: int = STEP_BODIES
) -> int | None:
    """One step: look at ``limit`` documents in the order of their sequence numbers, from the one behind ``after``.

    Returns where the next step goes on, None at the end. A step stops early when it has looked at ``STEP_LOOKUPS``
    revisions, or dropped or moved ``bodies`` bodies or ``STEP_BYTES``, if need be within a document, whose tree is
    stemmed last. A document that changes meanwhile moves to the end and is met there: the caller may end at the update
    sequence that it started with. Raises DatabaseNotFound.
    """
    state = databases.get_state(txn, db)
    found = [(seq, rows.change_id(row)) for seq, row in islice(scans.scan_changes(txn, db, after=after), limit)]
    records = documents.get_records(txn, db, [doc_id for _, doc_id in found])
    position = found[-1][0] if len(found) == limit else None
    has_bases = _has_bases(txn, db)
    stemmed: list[DocumentChange] = []
    looked = handled = size = 0
    references = References()
    for seq, doc_id in found:
        if looked >= STEP_LOOKUPS:
            position = seq - 1
            break
        record = records[doc_id]
        survey = _survey(txn, db, record, state.revs_limit, has_bases=has_bases)
        looked += survey.cost
        wanted = survey.doomed | survey.bases
        waiting = sorted(documents.bodies_present(txn, db, wanted), reverse=True) if wanted else []
        while waiting and handled < bodies and size < STEP_BYTES:
            number = waiting.pop()
            body = _take_body(txn, db, number)
            if number in survey.bases:
                txn.put(txn.tables.bodies, pack_seq_key(db, keys.merge_base(number)), body)
                has_bases = True
            else:
                references.dropped(body)
                state.file_size -= keys.SEQ_KEY_BYTES + len(body)
            handled, size = handled + 1, size + len(body)
        if waiting:
            position = seq - 1
            break
        if survey.stemmed is not None:
            change = DocumentChange(db, doc_id, record)
            change.rewrite(txn, survey.stemmed, record.seq, {})
            stemmed.append(change)
    references.apply(txn)
    if stemmed:
        documents.write_batch(txn, db, state, stemmed)
    elif handled:
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


def _survey(txn: ReadTransaction, db: int, record: DocRecord, limit: int, *, has_bases: bool) -> _Survey:
    """Look at a document. ``has_bases``: whether any body of the database was put aside before."""
    if not record.live and not record.whole:
        return _Survey()
    chunks = documents.get_chunks(txn, db, record)
    stored = set(record.stored_seqs(chunks))
    kept = {record.body_seq}
    bases: set[int] = set()
    stemmed: RevTree | None = None
    if record.whole or record.live >= limit:
        tree = record.tree(chunks)
        shorter = tree.stem(limit)
        kept.update(shorter.nodes[leaf].seq for leaf in shorter.leaves())
        bases.update(shorter.nodes[rev].seq for rev in branch_points(shorter))
        bases &= stored - kept
        stemmed = None if shorter is tree else shorter
    doomed = stored - kept - bases
    if has_bases:
        doomed.update([keys.merge_base(seq) for seq in doomed])
    return _Survey(doomed, bases, stemmed, len(stored))


def _has_bases(txn: ReadTransaction, db: int) -> bool:
    """Whether any body of a database was put aside for merges."""
    with txn.cursor(txn.tables.bodies) as cursor:
        return cursor.set_range(pack_seq_key(db, keys.MERGE_BASE_BIT)) and cursor.key() < keys.prefix_end(db)


def _take_body(txn: WriteTransaction, db: int, number: int) -> bytes:
    """Remove a body that is there; its value."""
    body = documents.get_body(txn, db, number)
    if body is None:
        raise KeyError(number)
    txn.delete(txn.tables.bodies, pack_seq_key(db, number))
    return body
