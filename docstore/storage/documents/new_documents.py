"""Documents that a batch makes, each by one edit: what most batches are full of, written without a question.

Owns their rows. There was nothing before such a document, so nothing is replaced, dropped or looked up, and its three
rows and what they count for are told from its record alone. Every other document is written by ``documents.py``.
"""

from collections.abc import Sequence

from docstore.storage import keys, rows
from docstore.storage.documents.counted import CountChange
from docstore.storage.documents.document_change import DocumentChange
from docstore.storage.documents.records import encode_record
from docstore.storage.keys import pack_seq_key
from docstore.storage.rows import DatabaseState
from docstore.storage.tables import WriteTransaction

_new = tuple.__new__


def is_new(change: DocumentChange) -> bool:
    """Whether a document was made by the only edit of it in the batch, and is a chain in its record, without blobs."""
    record, bodies = change.record, change.bodies
    if change.before is not None or record is None or record.seq != change.created or len(bodies) != 1:
        return False
    if record.whole or record.owner or record.long_id or change.dropped:
        return False
    body = bodies.get(record.seq)
    return body is not None and body[0] != rows.WITH_METADATA


def write_new(
    txn: WriteTransaction, db: int, state: DatabaseState, batch: Sequence[DocumentChange], blocks: dict[int, int]
) -> list[CountChange]:
    """Write documents that are new, in the order of their ids; what they add to the counts by id.

    ``blocks`` of sequence numbers get the rows that they gain.
    """
    docs: list[tuple[bytes, bytes]] = []
    bodies: list[tuple[bytes, bytes]] = []
    changes: list[tuple[bytes, bytes]] = []
    counts: list[CountChange] = []
    prefix = keys.prefix(db)
    size = deleted_size = body_size = deleted = 0
    for change in batch:
        record = change.record
        assert record is not None
        id_bytes = change.id_bytes
        key = prefix + id_bytes
        value = encode_record(record)
        seq = record.seq
        seq_key = pack_seq_key(db, seq)
        text = rows.encode_change(change.id, record.winner, record.deleted, seq, seq, ())
        docs.append((key, value))
        changes.append((seq_key, text))
        bodies.append((seq_key, change.bodies[seq]))
        size += len(key) + len(value) + len(text)
        body_size += record.body_size
        if record.deleted:
            deleted += 1
            deleted_size += record.body_size
            counts.append(_new(CountChange, (key, id_bytes, 0, 1)))
        else:
            counts.append(_new(CountChange, (key, id_bytes, 1, 1)))
        block = seq >> keys.SEQ_BLOCK_BITS
        blocks[block] = blocks.get(block, 0) + 1
    state.grow(size + body_size + 2 * len(batch) * keys.SEQ_KEY_BYTES)
    state.external_size += body_size - deleted_size
    state.doc_count += len(batch) - deleted
    state.doc_del_count += deleted
    bodies.sort()
    changes.sort()
    txn.putmulti(txn.tables.docs, docs)
    txn.putmulti(txn.tables.bodies, bodies)
    txn.putmulti(txn.tables.changes, changes)
    return counts
