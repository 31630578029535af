"""Unique indexes in tables: which there are, and how far each is.

Owns the rows of ``unique_indexes``. It must not know keys of documents (``unique_keys.py``). A row says::

    1   state: building 0, active 1, going 2
    1   provisional: no design document has the index yet
    8   position: up to where in ``changes`` the documents have been looked at
    8   until: where that ends, since writes have obeyed the index from there on
    8   duplicates: rows of the index in ``unique_duplicates``
    ..  msgpack of [design document, name, fields, selector, what keys are made by]
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final

import msgspec

from docstore.core.unique.definition import Definition
from docstore.storage import keys
from docstore.storage.rows import DatabaseState
from docstore.storage.tables import ReadTransaction, WriteTransaction

_HEAD: Final = Struct(">BBQQQ")
_read_names = msgspec.msgpack.Decoder(tuple[str, str, tuple[str, ...], bytes, str]).decode


class UniqueState(IntEnum):
    """How far an index is. ``GOING``: its rows are being removed; no write knows it any more."""

    BUILDING = 0
    ACTIVE = 1
    GOING = 2


@dataclass(slots=True)
class UniqueIndex:
    """One unique index of a database. Its row is written by ``put_index``.

    ``ddoc``, ``name``  where it is defined: the id of a design document, the name of a view in it
    ``version``  what its keys are made by (``core.unique.rule.rule_version``), empty until its build begins
    ``provisional``, ``position``, ``until``, ``duplicates``  as in the module's description
    """

    number: int
    ddoc: str
    name: str
    definition: Definition
    state: UniqueState = UniqueState.BUILDING
    provisional: bool = False
    position: int = 0
    until: int = 0
    duplicates: int = 0
    version: str = ""


def encode_index(index: UniqueIndex) -> bytes:
    """The value in ``unique_indexes``."""
    head = _HEAD.pack(index.state, index.provisional, index.position, index.until, index.duplicates)
    fields, selector = index.definition
    return head + msgspec.msgpack.encode((index.ddoc, index.name, fields, selector, index.version))


def decode_index(key: bytes, value: bytes) -> UniqueIndex:
    """The index of a row in ``unique_indexes``."""
    state, provisional, position, until, duplicates = _HEAD.unpack_from(value)
    ddoc, name, fields, selector, version = _read_names(value[_HEAD.size :])
    return UniqueIndex(
        keys.index_of(key),
        ddoc,
        name,
        Definition(fields, selector),
        UniqueState(state),
        bool(provisional),
        position,
        until,
        duplicates,
        version,
    )


def list_indexes(txn: ReadTransaction, db: int) -> list[UniqueIndex]:
    """All of a database, those that are going too, in the order in which they were made."""
    if not txn.tables.have_unique:
        return []
    first, end = keys.prefix(db), keys.prefix_end(db)
    found: list[UniqueIndex] = []
    with txn.cursor(txn.tables.unique_indexes) as cursor:
        if cursor.set_range(first):
            for key, value in cursor.iternext():
                if key >= end:
                    break
                found.append(decode_index(key, value))
    return found


def obeyed_indexes(txn: ReadTransaction, db: int) -> list[UniqueIndex]:
    """Those that writes obey."""
    return [index for index in list_indexes(txn, db) if index.state is not UniqueState.GOING]


def all_indexes(txn: ReadTransaction) -> Iterator[tuple[int, UniqueIndex]]:
    """(database, index) of the whole store."""
    if txn.tables.have_unique:
        with txn.cursor(txn.tables.unique_indexes) as cursor:
            for key, value in cursor.iternext():
                yield keys.number_of(key), decode_index(key, value)


def find_index(txn: ReadTransaction, db: int, number: int) -> UniqueIndex | None:
    """One index of a database."""
    key = keys.pack_index_key(db, number)
    value = txn.get(txn.tables.unique_indexes, key)
    return None if value is None else decode_index(key, value)


def put_index(txn: WriteTransaction, db: int, state: DatabaseState, index: UniqueIndex) -> None:
    """Write the row of an index. The caller stores the ``state``."""
    key = keys.pack_index_key(db, index.number)
    value = encode_index(index)
    old = txn.get(txn.tables.unique_indexes, key)
    state.grow(len(value) + len(key) if old is None else len(value) - len(old))
    txn.put(txn.tables.unique_indexes, key, value)


def remove_index(txn: WriteTransaction, db: int, state: DatabaseState, number: int) -> None:
    """Remove the row of an index that has no keys any more. The caller stores the ``state``."""
    key = keys.pack_index_key(db, number)
    old = txn.get(txn.tables.unique_indexes, key)
    if old is not None:
        state.grow(-len(key) - len(old))
        txn.delete(txn.tables.unique_indexes, key)


def enter_index(
    txn: WriteTransaction,
    db: int,
    state: DatabaseState,
    ddoc: str,
    name: str,
    definition: Definition,
    *,
    provisional: bool = False,
) -> UniqueIndex:
    """Enter an index that writes obey from now on, and that is still to be built up to here.

    The caller stores the ``state``.
    """
    indexes = list_indexes(txn, db)
    number = 1 + max((index.number for index in indexes), default=0)
    index = UniqueIndex(number, ddoc, name, definition, provisional=provisional, until=state.update_seq)
    put_index(txn, db, state, index)
    _count_indexes(txn, db, state)
    return index


def end_index(txn: WriteTransaction, db: int, state: DatabaseState, index: UniqueIndex) -> None:
    """Writes do not obey an index any more; its rows are still to be removed. The caller stores the ``state``."""
    index.state = UniqueState.GOING
    put_index(txn, db, state, index)
    _count_indexes(txn, db, state)


def _count_indexes(txn: WriteTransaction, db: int, state: DatabaseState) -> None:
    """Note in the state how many indexes writes obey. The caller stores the ``state``."""
    state.note_unique(len(obeyed_indexes(txn, db)))
