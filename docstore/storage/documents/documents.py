"""Documents inside one transaction: read all, then write all.

Owns how a batch of changed documents reaches the tables ``docs``, ``runs``, ``bodies``, ``changes`` and ``conflicts``,
and the reading of records, bodies and trees. It must not know the edit rule, which stands between ``get_records`` and
``write_batch``, nor who asks. Scans are in ``scans.py``, the counting tables in ``counted.py``.

A batch, as the updater does it::

    records = get_records(txn, db, ids)                       one getmulti
    changes = {id: DocumentChange(db, id, records.get(id))}   decide, tell each change its edits
    write_batch(txn, db, state, changes.values())             one putmulti per table
"""

from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter, itemgetter

from docstore.core.rev import Rev
from docstore.core.revtree import RevTree
from docstore.storage import keys, rows
from docstore.storage.attachments.blobs import References
from docstore.storage.databases import put_state
from docstore.storage.documents import counted, long_ids, records
from docstore.storage.documents.counted import CountChange
from docstore.storage.documents.document_change import DocumentChange
from docstore.storage.documents.new_documents import is_new, write_new
from docstore.storage.documents.records import DocRecord, decode_record, encode_record, record_bytes
from docstore.storage.documents.tree_runs import BLOCK_BITS, ENTRY_BYTES, Entry, find_entry, read_entry
from docstore.storage.documents.unique_keys import UniqueKeys
from docstore.storage.keys import pack_seq_key
from docstore.storage.rows import DatabaseState
from docstore.storage.tables import ReadTransaction, WriteTransaction

_first, _second, _id_bytes = itemgetter(0), itemgetter(1), attrgetter("id_bytes")
_new = tuple.__new__

# --- reading ----------------------------------------------------------------------------------------------------


def get_record(txn: ReadTransaction, db: int, doc_id: str) -> DocRecord | None:
    """One document's record."""
    value = get_record_value(txn, db, doc_id)
    return None if value is None else decode_record(value)


def get_record_value(txn: ReadTransaction, db: int, doc_id: str) -> bytes | None:
    """One document's record as stored, for ``records.read_head`` and ``records.winner_text``."""
    id_bytes = doc_id.encode()
    if len(id_bytes) < keys.LONG_ID_FROM:
        return txn.raw_get(keys.short_key(db, id_bytes), None, txn.tables.docs)
    found = long_ids.find(txn, txn.tables.docs, db, id_bytes, records.id_of_long)
    return None if found is None else found[1]


def open_changes(txn: ReadTransaction, db: int, doc_ids: Iterable[str]) -> dict[str, DocumentChange]:
    """A change of each document, in which nothing has changed yet; of one that does not exist too.

    They are made in the order of the ids, in which they are decided and written: then memory is gone through in order.
    """
    wanted = sorted(set(doc_ids))
    records = get_records(txn, db, wanted)
    return {doc_id: DocumentChange(db, doc_id, records.get(doc_id)) for doc_id in wanted}


def get_records(txn: ReadTransaction, db: int, doc_ids: Iterable[str]) -> dict[str, DocRecord]:
    """The records of those documents that exist, by id. Ids may repeat and come in any order."""
    short: dict[bytes, str] = {}
    result: dict[str, DocRecord] = {}
    prefix = keys.prefix(db)
    for doc_id in doc_ids:
        id_bytes = doc_id.encode()
        if len(id_bytes) < keys.LONG_ID_FROM:
            short[prefix + id_bytes] = doc_id
        elif doc_id not in result and (record := get_record(txn, db, doc_id)) is not None:
            result[doc_id] = record
    for key, value in txn.getmulti(txn.tables.docs, sorted(short)):
        result[short[key]] = decode_record(value)
    return result


def get_body(txn: ReadTransaction, db: int, seq: int) -> bytes | None:
    """The body value under a key; None if it was dropped. See ``rows.body_text``."""
    return txn.raw_get(pack_seq_key(db, seq), None, txn.tables.bodies)


def get_merge_body(txn: ReadTransaction, db: int, seq: int) -> bytes | None:
    """As ``get_body``, but also a body that compaction has kept for merges alone, which no reader is to be shown."""
    body = get_body(txn, db, seq)
    return get_body(txn, db, keys.merge_base(seq)) if body is None else body


def get_bodies(txn: ReadTransaction, db: int, seqs: Collection[int]) -> dict[int, bytes]:
    """The body values that are there, by their keys."""
    wanted = [pack_seq_key(db, seq) for seq in sorted(seqs)]
    return {keys.seq_of(key): value for key, value in txn.getmulti(txn.tables.bodies, wanted)}


def bodies_present(txn: ReadTransaction, db: int, seqs: Collection[int]) -> set[int]:
    """Those keys under which there is a body; the bodies are not read."""
    wanted = [pack_seq_key(db, seq) for seq in sorted(seqs)]
    with txn.cursor(txn.tables.bodies) as cursor:
        return {keys.seq_of(key) for key in cursor.getmulti(wanted, values=False)}


def get_chunks(txn: ReadTransaction, db: int, record: DocRecord) -> list[bytes]:
    """The sealed chunks of a record, oldest first, as ``DocRecord.tree`` takes them."""
    wanted = [keys.pack_run_key(db, record.owner, block) for block in record.blocks]
    return [chunk for _, chunk in txn.getmulti(txn.tables.runs, wanted)] if wanted else []


def get_tree(txn: ReadTransaction, db: int, record: DocRecord) -> RevTree:
    """A document's whole revision tree."""
    return record.tree(get_chunks(txn, db, record))


def find_revision(txn: ReadTransaction, db: int, record: DocRecord, rev: Rev) -> Entry | None:
    """What is stored of one revision of a document, None if its tree has no such one; the tree is not unpacked."""
    if rev == record.winner:
        return Entry(record.body_seq, record.deleted)
    if record.whole:
        return find_entry(record.whole, rev)
    if not record.winner.generation - record.live <= rev.generation < record.winner.generation:
        return None
    entries, end = record.tail, record.winner.generation
    if rev.generation < end - len(entries) // ENTRY_BYTES:
        block = rev.generation >> BLOCK_BITS
        entries = txn.get(txn.tables.runs, keys.pack_run_key(db, record.owner, block)) or b""
        end = block + 1 << BLOCK_BITS
    place = len(entries) - (end - rev.generation) * ENTRY_BYTES
    return read_entry(entries, place, rev.id) if place >= 0 else None


# --- writing ----------------------------------------------------------------------------------------------------


def write_batch(
    txn: WriteTransaction,
    db: int,
    state: DatabaseState,
    changes: Iterable[DocumentChange],
    unique: UniqueKeys | None = None,
) -> None:
    """Write documents, one change for each id, and then the ``state`` with the new counts and sizes.

    The caller has raised ``state.update_seq`` beyond every seq in the changes. ``unique`` is what edits were asked of.
    """
    batch = sorted([change for change in changes if change.record is not change.before], key=_id_bytes)
    if state.unique:
        unique = unique or UniqueKeys.open(txn, db, state)
        _write_unique(txn, state, batch, unique)
    blocks: dict[int, int] = {}
    new = [change for change in batch if is_new(change)]
    counts = write_new(txn, db, state, new, blocks) if new else []
    if len(new) < len(batch):
        others = [change for change in batch if not is_new(change)] if new else batch
        _write_bodies(txn, db, state, others)
        _write_chunks(txn, state, others)
        _write_changes(txn, db, state, others, blocks)
        _write_records(txn, db, state, others, counts)
        counts.sort()
    counted.add_sequences(txn, db, state, blocks)
    counted.add_documents(txn, db, state, counts)
    put_state(txn, db, state)


def _write_unique(
    txn: WriteTransaction, state: DatabaseState, batch: Sequence[DocumentChange], unique: UniqueKeys | None
) -> None:
    """Keep the documents' keys in unique indexes. The bodies of leaves that go are still there."""
    if unique is not None:
        for change in batch:
            unique.follow(change)
        unique.write(txn, state)


def _write_records(
    txn: WriteTransaction,
    db: int,
    state: DatabaseState,
    batch: Sequence[DocumentChange],
    counts: list[CountChange],
) -> None:
    """Write ``docs`` and ``conflicts``, and count the documents."""
    docs = txn.tables.docs
    items: list[tuple[bytes, bytes]] = []
    long: list[DocumentChange] = []
    size = 0
    prefix = keys.prefix(db)
    for change in batch:
        if len(change.id_bytes) >= keys.LONG_ID_FROM:
            long.append(change)
            continue
        key = prefix + change.id_bytes
        before, record = change.before, change.record
        if record is None:
            txn.delete(docs, key)
            _account_record(txn, state, change, key, 0)
        else:
            value = encode_record(record)
            items.append((key, value))
            if before is not None and not (before.conflicted or record.conflicted):
                size += len(value) - record_bytes(before)
                if before.deleted == record.deleted:  # and nothing is counted otherwise, as of nearly all
                    continue
            else:
                _account_record(txn, state, change, key, len(value))
        _count_document(state, change, key, counts)
    state.grow(size)
    txn.putmulti(docs, items)
    if long:
        _write_long(txn, db, state, long, counts)


def _write_long(
    txn: WriteTransaction,
    db: int,
    state: DatabaseState,
    batch: Sequence[DocumentChange],
    counts: list[CountChange],
) -> None:
    """Write the records of long ids, new ones in the order of their first edits, which is that of their labels."""
    docs = txn.tables.docs
    written: list[DocumentChange] = []
    for change in sorted(batch, key=lambda change: change.created):
        length = 0
        if change.record is None:
            key = _key_of_long(txn, db, change)
            txn.delete(docs, key)
            _count_document(state, change, key, counts)
        else:
            key, moved = long_ids.place(txn, docs, db, change.id_bytes, records.id_of_long)
            if moved:
                long_ids.move_rows(txn, txn.tables.conflicts, moved)
                long_ids.move_rows(txn, txn.tables.doc_counts, moved)
            value = encode_record(change.record)
            txn.put(docs, key, value)
            length = len(value)
            written.append(change)
        _account_record(txn, state, change, key, length)
    for change in written:
        _count_document(state, change, _key_of_long(txn, db, change), counts)


def _key_of_long(txn: WriteTransaction, db: int, change: DocumentChange) -> bytes:
    found = long_ids.find(txn, txn.tables.docs, db, change.id_bytes, records.id_of_long)
    if found is None:
        raise KeyError(change.id)
    return found[0]


def _account_record(
    txn: WriteTransaction, state: DatabaseState, change: DocumentChange, key: bytes, length: int
) -> None:
    """Account for a record, now of ``length`` bytes, and keep the document's row in ``conflicts``."""
    before, after = change.before, change.record
    if before is not None:
        state.grow(-len(key) - record_bytes(before))
    if after is not None:
        state.grow(len(key) + length)
    if (before is not None and before.conflicted) or (after is not None and after.conflicted):
        _write_conflict(txn, state, change, key)


def _count_document(state: DatabaseState, change: DocumentChange, key: bytes, counts: list[CountChange]) -> None:
    """Count a document in the state, and enter what that changes in its block."""
    before, after = change.before, change.record
    live = gone = 0
    if before is not None:
        live, gone = (0, -1) if before.deleted else (-1, 0)
        state.conflict_count -= before.conflicted
    if after is not None:
        live, gone = (live, gone + 1) if after.deleted else (live + 1, gone)
        state.conflict_count += after.conflicted
    state.doc_count += live
    state.doc_del_count += gone
    if live or gone:
        counts.append(_new(CountChange, (key, change.id_bytes, live, live + gone)))


def _write_conflict(txn: WriteTransaction, state: DatabaseState, change: DocumentChange, key: bytes) -> None:
    was = change.before is not None and change.before.conflicted
    if change.record is not None and change.record.conflicted:
        live = 1 + len(change.tree(txn).conflicts())
        value = rows.encode_count(live)
        txn.put(txn.tables.conflicts, key, value)
        if not was:
            state.grow(len(key) + len(value))
    elif was and txn.delete(txn.tables.conflicts, key):
        state.grow(-len(key) - len(rows.encode_count(0)))


def _write_bodies(txn: WriteTransaction, db: int, state: DatabaseState, batch: Sequence[DocumentChange]) -> None:
    """Write new bodies, drop those without a revision, and account for what is a leaf's now and was before.

    The blobs that these bodies name are counted with them.
    """
    items: list[tuple[bytes, bytes]] = []
    others: list[DocumentChange] = []
    references = References()
    for change in batch:
        for seq, body in change.bodies.items():
            items.append((pack_seq_key(db, seq), body))
            if body[0] == rows.WITH_METADATA:
                references.written(body)
        if not change.is_plain:
            others.append(change)
        elif change.bodies:
            _account_plain(state, change.before, change.record)
    if others:
        _account_others(txn, db, state, others, references)
    state.file_size += keys.SEQ_KEY_BYTES * len(items) + sum(map(len, map(_second, items)))
    items.sort()
    txn.putmulti(txn.tables.bodies, items)
    references.apply(txn)


def _account_plain(state: DatabaseState, before: DocRecord | None, after: DocRecord | None) -> None:
    """Account for a document's only leaf, which is new, and for the one before."""
    if before is not None:
        state.active_size -= keys.SEQ_KEY_BYTES + before.body_size
        if not before.deleted:
            state.external_size -= before.body_size
    if after is not None:
        state.active_size += keys.SEQ_KEY_BYTES + after.body_size
        if not after.deleted:
            state.external_size += after.body_size


def _account_others(
    txn: WriteTransaction, db: int, state: DatabaseState, batch: Sequence[DocumentChange], references: References
) -> None:
    """Account for the leaves of any documents, and remove the bodies that they drop."""
    leaves = [(change, change.leaves_before(), change.leaves_after(txn)) for change in batch]
    unknown: set[int] = set()
    for change, before, after in leaves:
        unknown |= change.dropped
        unknown.update(seq for seq, leaf in before.items() if leaf.size is None and seq not in after)
        unknown.update(seq for seq in after if seq not in before and seq not in change.bodies)
    stored = get_bodies(txn, db, unknown)
    sizes = {seq: len(body) for seq, body in stored.items()}
    gone: list[int] = []
    for change, before, after in leaves:
        for seq, leaf in before.items():
            if seq not in after:
                size = sizes[seq] if leaf.size is None else leaf.size
                state.active_size -= keys.SEQ_KEY_BYTES + size
                state.external_size -= leaf.live * size
        for seq, leaf in after.items():
            if seq not in before:
                # One without a new body is an older revision that is a leaf again; see DocumentChange.rewrite.
                size = len(change.bodies[seq]) if seq in change.bodies else sizes[seq]
                state.active_size += keys.SEQ_KEY_BYTES + size
                state.external_size += leaf.live * size
        for seq in change.dropped & sizes.keys():
            state.file_size -= keys.SEQ_KEY_BYTES + sizes[seq]
            references.dropped(stored[seq])
            gone.append(seq)
    txn.deletemulti(txn.tables.bodies, [pack_seq_key(db, seq) for seq in sorted(gone)])


def _write_chunks(txn: WriteTransaction, state: DatabaseState, batch: Sequence[DocumentChange]) -> None:
    chunks = {key: chunk for change in batch if change.chunks for key, chunk in change.chunks.items()}
    if not chunks:
        return
    runs = txn.tables.runs
    stored = dict(txn.getmulti(runs, sorted(chunks)))
    for key, old in stored.items():
        state.grow(-len(key) - len(old))
    written = sorted((key, chunk) for key, chunk in chunks.items() if chunk is not None)
    for key, chunk in written:
        state.grow(len(key) + len(chunk))
    txn.deletemulti(runs, [key for key in stored if chunks[key] is None])
    txn.putmulti(runs, [(key, chunk) for key, chunk in written if stored.get(key) != chunk])


def _write_changes(
    txn: WriteTransaction, db: int, state: DatabaseState, batch: Sequence[DocumentChange], blocks: dict[int, int]
) -> None:
    """Replace the documents' rows in ``changes``, and count them in their ``blocks``."""
    table = txn.tables.changes
    old = sorted([pack_seq_key(db, change.before.seq) for change in batch if change.before is not None])
    if old:
        rows_before = txn.getmulti(table, old)
        state.grow(-keys.SEQ_KEY_BYTES * len(rows_before) - sum(map(len, map(_second, rows_before))))
        for key, _ in rows_before:
            block = keys.seq_of(key) >> keys.SEQ_BLOCK_BITS
            blocks[block] = blocks.get(block, 0) - 1
        txn.deletemulti(table, old)
    items: list[tuple[bytes, bytes]] = []
    for change in batch:
        record = change.record
        if record is None:
            continue
        others = change.tree(txn).leaves()[1:] if record.branched else ()
        value = rows.encode_change(change.id, record.winner, record.deleted, record.seq, record.body_seq, others)
        items.append((pack_seq_key(db, record.seq), value))
        block = record.seq >> keys.SEQ_BLOCK_BITS
        blocks[block] = blocks.get(block, 0) + 1
    state.grow(sum(map(len, map(_first, items))) + sum(map(len, map(_second, items))))
    items.sort()
    txn.putmulti(table, items)
