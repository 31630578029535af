"""``_local`` documents: kept beside the documents, without history, outside ``_changes`` and the counts.

Owns the rows of ``local``. It must not know revisions' rules: a row has a number (the N of ``0-N``) and a body. Ids
here are without ``_local/``; long ones are keyed as those of documents. Whoever writes stores the ``state`` afterwards.
"""

from collections.abc import Iterator

from docstore.storage import keys, rows
from docstore.storage.documents import long_ids
from docstore.storage.rows import DatabaseState, LocalRow
from docstore.storage.tables import ReadTransaction, WriteTransaction


def get_local(txn: ReadTransaction, db: int, doc_id: str) -> LocalRow | None:
    """One ``_local`` document."""
    found = _find(txn, db, doc_id.encode())
    return None if found is None else rows.decode_local(found[1])


def put_local(txn: WriteTransaction, db: int, state: DatabaseState, doc_id: str, number: int, body: bytes) -> None:
    """Write one, over whatever was there. ``body`` is JSON text without underscore members."""
    id_bytes = doc_id.encode()
    table = txn.tables.local
    old = _find(txn, db, id_bytes)
    if keys.is_long_id(id_bytes):
        key, _ = long_ids.place(txn, table, db, id_bytes, rows.id_of_long_local)
        value = rows.encode_local(LocalRow(number, body, id_bytes))
    else:
        key = keys.short_key(db, id_bytes)
        value = rows.encode_local(LocalRow(number, body))
    state.grow(len(value) + (len(key) if old is None else -len(old[1])))
    txn.put(table, key, value)


def delete_local(txn: WriteTransaction, db: int, state: DatabaseState, doc_id: str) -> bool:
    """Remove one; whether it was there."""
    old = _find(txn, db, doc_id.encode())
    if old is None:
        return False
    state.grow(-len(old[0]) - len(old[1]))
    return txn.delete(txn.tables.local, old[0])


def scan_local(
    txn: ReadTransaction,
    db: int,
    *,
    start: str | None = None,
    end: str | None = None,
    descending: bool = False,
    inclusive_end: bool = True,
) -> Iterator[tuple[str, LocalRow]]:
    """(id, row) from ``start`` to ``end`` in the order of ids (bytewise), or against it; None is the first or last."""
    low, high = (end, start) if descending else (start, end)
    first = keys.prefix(db) if low is None else _bound(txn, db, low, after=descending and not inclusive_end)
    last = keys.prefix_end(db) if high is None else _bound(txn, db, high, after=descending or inclusive_end)
    for key, value in long_ids.scan(txn, txn.tables.local, first, last, descending=descending):
        row = rows.decode_local(value)
        yield (row.long_id or key[keys.PREFIX_BYTES :]).decode(), row


def _find(txn: ReadTransaction, db: int, id_bytes: bytes) -> tuple[bytes, bytes] | None:
    table = txn.tables.local
    if keys.is_long_id(id_bytes):
        return long_ids.find(txn, table, db, id_bytes, rows.id_of_long_local)
    key = keys.short_key(db, id_bytes)
    value = txn.get(table, key)
    return None if value is None else (key, value)


def _bound(txn: ReadTransaction, db: int, doc_id: str, *, after: bool) -> bytes:
    return long_ids.bound(txn, txn.tables.local, db, doc_id.encode(), rows.id_of_long_local, after=after)
