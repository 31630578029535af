"""Unique indexes that come and go, in steps small enough to stand between other writes.

Owns the walk by which an index gets the keys of the documents that were there before it, and the removal of one that
goes. From its first moment an index is obeyed by all writes, which keep its keys; so the walk through ``changes`` ends
at the update sequence of that moment, and a document that changes meanwhile has moved beyond it. How far the walk is
stands in the index's row: it can be left off at any time and goes on from there.

An index that is only provisional must not have duplicates: it goes as soon as its walk has found enough to tell.
"""

from itertools import islice
from typing import Final, NamedTuple

from docstore.core.unique.errors import Duplicate
from docstore.storage import databases, keys, rows
from docstore.storage.documents import documents, scans, unique_rows
from docstore.storage.documents.document_change import DocumentChange
from docstore.storage.documents.unique_keys import UniqueKeys
from docstore.storage.documents.unique_rows import UniqueIndex, UniqueState
from docstore.storage.rows import DatabaseState
from docstore.storage.tables import ReadTransaction, WriteTransaction

STEP_DOCUMENTS: Final = 128
STEP_BYTES: Final = 1024 * 1024
STEP_ROWS: Final = 2_048
ENOUGH_DUPLICATES: Final = 10
"""A provisional index with so many goes, wherever its walk is."""

IDS_TOLD: Final = 10
"""Of the documents with one key."""

ROWS_LOOKED_AT: Final = 1_000
"""Of one key, for the documents that have it."""


class BuildStep(NamedTuple):
    """How far an index is. ``state`` None: there is no such index. ``duplicates``: why a provisional one goes."""

    state: UniqueState | None
    position: int = 0
    until: int = 0
    duplicates: tuple[Duplicate, ...] = ()


def build(txn: WriteTransaction, db: int, number: int, version: str, *, limit: int = STEP_DOCUMENTS) -> BuildStep:
    """One step of a build, by what makes keys as ``version`` says. Raises DatabaseNotFound."""
    state = databases.get_state(txn, db)
    index = unique_rows.find_index(txn, db, number)
    if index is None or index.state is not UniqueState.BUILDING:
        return BuildStep(None if index is None else index.state)
    if index.version not in ("", version):
        renew(txn, db, number)
        return BuildStep(UniqueState.GOING)
    index.version = version
    _walk(txn, db, state, index, limit)
    duplicates: tuple[Duplicate, ...] = ()
    done = index.position >= index.until
    if index.provisional and index.duplicates and (done or index.duplicates >= ENOUGH_DUPLICATES):
        duplicates = tuple(some_duplicates(txn, db, index))
        unique_rows.end_index(txn, db, state, index)
    elif done:
        index.state = UniqueState.ACTIVE
    unique_rows.put_index(txn, db, state, index)
    databases.put_state(txn, db, state)
    return BuildStep(index.state, index.position, index.until, duplicates)


def _walk(txn: WriteTransaction, db: int, state: DatabaseState, index: UniqueIndex, limit: int) -> None:
    """Enter the keys of the next documents, and note where the next step goes on."""
    found = [
        (seq, rows.change_id(row))
        for seq, row in islice(scans.scan_changes(txn, db, after=index.position, before=index.until + 1), limit)
    ]
    records = documents.get_records(txn, db, [doc_id for _, doc_id in found])
    held = UniqueKeys(txn, db, [index])
    size = 0
    index.position = index.until
    for place, (seq, doc_id) in enumerate(found, 1):
        size += held.add_stored(DocumentChange(db, doc_id, records[doc_id]))
        if place == limit or size >= STEP_BYTES:
            index.position = seq
            break
    held.write(txn, state)


def some_duplicates(txn: ReadTransaction, db: int, index: UniqueIndex) -> list[Duplicate]:
    """Some of the documents that have one key, for some keys of an index."""
    groups = (key[keys.PREFIX_BYTES + keys.PREFIX_BYTES :] for key in duplicate_keys(txn, db, index.number))
    return [Duplicate(tuple(holders(txn, db, index.number, key)[0])) for key in islice(groups, ENOUGH_DUPLICATES)]


def duplicate_keys(txn: ReadTransaction, db: int, number: int, after: bytes = b"") -> list[bytes]:
    """Up to ``ROWS_LOOKED_AT`` keys of ``unique_duplicates`` of one index, in their order, behind ``after``."""
    start = keys.pack_index_key(db, number)
    found: list[bytes] = []
    with txn.cursor(txn.tables.unique_duplicates) as cursor:
        if cursor.set_range(max(start, after + b"\x00" if after else start)):
            for key in cursor.iternext(values=False):
                if not key.startswith(start) or len(found) == ROWS_LOOKED_AT:
                    break
                found.append(key)
    return found


def holders(
    txn: ReadTransaction, db: int, number: int, key: bytes, limit: int = IDS_TOLD
) -> tuple[list[str], int, bool]:
    """Documents that have a key, the seq of the first one's body, and whether these are all.

    No more than ``ROWS_LOOKED_AT`` rows are looked at, since a document may have as many leaves as it likes.
    """
    start = keys.pack_index_key(db, number) + key
    ids: dict[str, None] = {}
    first = 0
    with txn.cursor(txn.tables.unique_keys) as cursor:
        if cursor.set_range(start):
            for place, (row, doc_id) in enumerate(cursor.iternext()):
                if not row.startswith(start):
                    break
                if place == ROWS_LOOKED_AT or (len(ids) == limit and doc_id.decode() not in ids):
                    return list(ids), first, False
                first = first or keys.unique_seq_of(row)
                ids[doc_id.decode()] = None
    return list(ids), first, True


def sweep(txn: WriteTransaction, db: int, number: int, *, limit: int = STEP_ROWS) -> bool:
    """One step: remove at most ``limit`` rows of an index that goes; True when it is gone. Raises DatabaseNotFound."""
    state = databases.get_state(txn, db)
    index = unique_rows.find_index(txn, db, number)
    if index is None or index.state is not UniqueState.GOING:
        return True
    start = keys.pack_index_key(db, number)
    left = limit
    for table in (txn.tables.unique_duplicates, txn.tables.unique_keys):
        doomed: list[tuple[bytes, bytes]] = []
        with txn.cursor(table) as cursor:
            if cursor.set_range(start):
                for key, value in cursor.iternext():
                    if not key.startswith(start) or len(doomed) == left:
                        break
                    doomed.append((key, value))
        state.grow(-sum(len(key) + len(value) for key, value in doomed))
        left -= txn.deletemulti(table, [key for key, _ in doomed])
    if left:
        unique_rows.remove_index(txn, db, state, number)
    databases.put_state(txn, db, state)
    return left > 0


def renew(txn: WriteTransaction, db: int, number: int) -> None:
    """Make an index anew, whose keys were made otherwise. Raises DatabaseNotFound."""
    state = databases.get_state(txn, db)
    index = unique_rows.find_index(txn, db, number)
    if index is not None and index.state is not UniqueState.GOING:
        unique_rows.end_index(txn, db, state, index)
        unique_rows.enter_index(txn, db, state, index.ddoc, index.name, index.definition, provisional=index.provisional)
        databases.put_state(txn, db, state)
