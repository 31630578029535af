"""The consistency check of one database: counters, sizes, and all tables but what hangs on a document.

Owns the comparison of the counters with a recount, and the checks of ``doc_counts``, ``seq_counts``, ``bodies``,
``runs``, ``local`` and the purge log. The documents themselves are walked by ``documents.py``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields

from docstore.storage import databases, keys, rows
from docstore.storage.check.blobs import BlobUses
from docstore.storage.check.damage import UNREADABLE, readable
from docstore.storage.check.documents import Recount, check_documents
from docstore.storage.check.unique import check_unique
from docstore.storage.documents import counted, documents, purges
from docstore.storage.rows import DatabaseState
from docstore.storage.tables import ReadTransaction

MAX_LISTED = 20
"""Rows of one kind that are listed one by one; the others are only counted."""

ANY_SEQ = (1 << 64) - 1
"""Stands for an update sequence that is not known."""

_NOT_COUNTED = {"design_seq", "unique", "update_seq", "purge_seq", "revs_limit", "purged_infos_limit"}


def check_database(txn: ReadTransaction, db: int, uses: BlobUses) -> Iterator[str]:
    """Every invariant within one database, which has its row in ``states``; ``uses`` is told its bodies."""
    state: DatabaseState | None = None
    try:
        state = databases.get_state(txn, db)
    except UNREADABLE as error:
        yield f"its row of counters cannot be read ({error!r})"
    recount = Recount(ANY_SEQ if state is None else state.update_seq)
    parts = [
        check_documents(txn, db, recount),
        _limited("body without a revision", _check_bodies(txn, db, recount, uses)),
        _limited("row of runs without a document", _check_runs(txn, db, recount)),
        _limited("row of changes without a document", _check_changes(txn, db, recount)),
        _limited("row of conflicts without a conflict", _check_conflicts(txn, db, recount)),
        _check_doc_counts(txn, db, recount),
        _check_local(txn, db),
    ]
    if state is not None:
        parts += [_check_purges(txn, db, state), _check_state(txn, db, state, recount)]
        if txn.tables.have_unique:
            parts.append(_limited("unique index", check_unique(txn, db, state)))
    for part in parts:
        yield from readable(part)


def _limited(kind: str, findings: Iterable[str]) -> Iterator[str]:
    more = 0
    for place, finding in enumerate(findings):
        if place < MAX_LISTED:
            yield finding
        else:
            more += 1
    if more:
        yield f"and {more} more of this kind: {kind}"


def _rows(txn: ReadTransaction, table_name: str, db: int) -> Iterator[tuple[bytes, bytes]]:
    first, end = keys.prefix(db), keys.prefix_end(db)
    with txn.cursor(getattr(txn.tables, table_name)) as cursor:
        if cursor.set_range(first):
            for key, value in cursor.iternext():
                if key >= end:
                    break
                yield key, value


def count_uses(txn: ReadTransaction, db: int, uses: BlobUses) -> Iterator[str]:
    """Tell ``uses`` the bodies of a database, one that waits for its sweep."""
    for _, value in _rows(txn, "bodies", db):
        yield from uses.add(value)


def _check_bodies(txn: ReadTransaction, db: int, recount: Recount, uses: BlobUses) -> Iterator[str]:
    for key, value in _rows(txn, "bodies", db):
        number = keys.seq_of(key)
        seq = number & ~keys.MERGE_BASE_BIT
        if number != seq or not recount.leaf_seqs.has(seq):
            recount.superseded += len(key) + len(value)
        if number != seq and documents.bodies_present(txn, db, (seq,)):
            yield f"body {seq} is there for readers, and once more for merges"
        if not recount.body_seqs.has(seq):
            yield f"body {seq} belongs to no revision"
        if value[:1] not in (b"{", bytes((rows.WITH_METADATA,))):
            yield f"body {seq} is neither JSON text nor a body with metadata"
        else:
            yield from uses.add(value)


def _check_runs(txn: ReadTransaction, db: int, recount: Recount) -> Iterator[str]:
    for key, _ in _rows(txn, "runs", db):
        if key not in recount.chunks:
            _, owner, block = keys.run_key_parts(key)
            yield f"chunk {block} of run {owner} belongs to no document"


def _check_changes(txn: ReadTransaction, db: int, recount: Recount) -> Iterator[str]:
    """Rows of ``changes`` that no document has, and the counts of rows in blocks."""
    blocks: dict[int, int] = {}
    for key, value in _rows(txn, "changes", db):
        seq = keys.seq_of(key)
        blocks[seq >> keys.SEQ_BLOCK_BITS] = blocks.get(seq >> keys.SEQ_BLOCK_BITS, 0) + 1
        if not recount.document_seqs.has(seq):
            yield f"row {seq} of changes, of {rows.change_id(value)!r}, belongs to no document"
    stored = {keys.seq_of(key): rows.decode_count(value) for key, value in _rows(txn, "seq_counts", db)}
    for block in sorted(stored.keys() | blocks.keys()):
        if stored.get(block) != blocks.get(block):
            start = block << keys.SEQ_BLOCK_BITS
            yield f"seq_counts from {start}: has {stored.get(block)}, there are {blocks.get(block, 0)} rows"


def _check_conflicts(txn: ReadTransaction, db: int, recount: Recount) -> Iterator[str]:
    for key, value in _rows(txn, "conflicts", db):
        live = recount.conflicts.pop(key, None)
        count = rows.decode_count(value)
        if live is None:
            yield f"row {key[keys.PREFIX_BYTES :]!r} of conflicts belongs to no conflicted document"
        elif live != count:
            yield f"row {key[keys.PREFIX_BYTES :]!r} of conflicts: has {count} live leaves, there are {live}"
    for key in recount.conflicts:
        yield f"row {key[keys.PREFIX_BYTES :]!r} of conflicts is missing"


def _check_doc_counts(txn: ReadTransaction, db: int, recount: Recount) -> Iterator[str]:
    for key, count in counted.blocks(txn, db):
        live, total = recount.blocks.pop(key, (0, 0))
        if (live, total) != count:
            where = key[keys.PREFIX_BYTES :]
            yield f"doc_counts from {where!r}: has {count.live} of {count.rows}, there are {live} live of {total}"
    for key, (live, total) in recount.blocks.items():
        yield f"doc_counts from {key[keys.PREFIX_BYTES :]!r}: is missing, there are {live} live of {total}"


def _check_local(txn: ReadTransaction, db: int) -> Iterator[str]:
    previous = b""
    for key, value in _rows(txn, "local", db):
        long_id = rows.decode_local(value).long_id
        doc_id = long_id or key[keys.PREFIX_BYTES :]
        if keys.is_long_id(doc_id) != bool(long_id) or (long_id and not key.startswith(keys.group_key(db, long_id))):
            yield f"_local/{doc_id.decode()}: is stored under a key of another id"
        if doc_id <= previous:
            yield f"_local/{doc_id.decode()}: is out of order, behind {previous.decode()!r}"
        previous = doc_id


def _check_purges(txn: ReadTransaction, db: int, state: DatabaseState) -> Iterator[str]:
    uuids: dict[bytes, int] = {}
    for number, info in purges.scan_purges(txn, db):
        uuids[keys.purge_id_key(db, info.uuid.encode())] = number
        if number > state.purge_seq:
            yield f"purge {number} is beyond the purge sequence {state.purge_seq}"
        if purges.find_purge(txn, db, info.uuid) != number:
            yield f"purge {number} is not found by its uuid {info.uuid}"
    for key, _ in _rows(txn, "purge_ids", db):
        if key not in uuids:
            yield f"purge uuid {key[keys.PREFIX_BYTES :].decode()} names no purge"


def _check_state(txn: ReadTransaction, db: int, state: DatabaseState, recount: Recount) -> Iterator[str]:
    """The counters, against what was counted."""
    size = 0
    for table_name, _ in txn.tables.of_database():
        size += sum(len(key) + len(value) for key, value in _rows(txn, table_name, db))
    counts = DatabaseState(
        doc_count=recount.live,
        doc_del_count=recount.deleted,
        conflict_count=recount.conflicted,
        file_size=size,
        active_size=size - recount.superseded,
        external_size=recount.external,
    )
    for field in fields(DatabaseState):
        if field.name not in _NOT_COUNTED and getattr(state, field.name) != getattr(counts, field.name):
            yield f"{field.name} is {getattr(state, field.name)}, counted {getattr(counts, field.name)}"
