"""Databases in tables: by name, their counters and their properties.

Owns the rows of ``databases``, ``states``, ``properties`` and ``sweeps``. It must not know documents. A database is
deleted by taking its name away; its number stays in ``sweeps`` until ``compaction.sweep`` has removed what it held.
"""

from collections.abc import Iterator

from docstore.core.properties import DEFAULT_SECURITY
from docstore.errors import DatabaseExists, DatabaseNotFound, Forbidden, StorageFull
from docstore.storage import keys, rows
from docstore.storage.rows import DatabaseRow, DatabaseState
from docstore.storage.tables import ReadTransaction, WriteTransaction


def create_database(
    txn: WriteTransaction,
    name: str,
    *,
    uuid: str,
    now: int,
    shards: int,
    revs_limit: int,
    purged_infos_limit: int,
    partitioned: bool = False,
    security: bytes = b"",
) -> DatabaseRow:
    """Enter a name with a new number. ``uuid``: 32 hex digits; ``now``: microseconds since 1970.

    Raises DatabaseExists.
    """
    key = name.encode()
    if txn.get(txn.tables.databases, key) is not None:
        raise DatabaseExists
    number = _take_number(txn)
    row = DatabaseRow(number, uuid, now, shards, partitioned)
    txn.put(txn.tables.databases, key, rows.encode_database(row))
    state = DatabaseState(revs_limit=revs_limit, purged_infos_limit=purged_infos_limit)
    state.grow(keys.PREFIX_BYTES + rows.STATE_BYTES)
    set_property(txn, number, state, keys.PROPERTY_NAME, key)
    if security:
        set_property(txn, number, state, keys.PROPERTY_SECURITY, security)
    put_state(txn, number, state)
    return row


def check_room(txn: ReadTransaction, name: str, most: int) -> None:
    """Raises DatabaseExists, Forbidden unless a database of this name may be made."""
    if txn.get(txn.tables.databases, name.encode()) is not None:
        raise DatabaseExists
    found = 0
    with txn.cursor(txn.tables.databases) as cursor:
        for key in cursor.iternext(values=False):
            found += not key.startswith(b"_")
            if found >= most:
                raise Forbidden(f"There are {most} databases, and no more can be made.")


def get_database(txn: ReadTransaction, name: str) -> DatabaseRow | None:
    """What a name stands for."""
    value = txn.get(txn.tables.databases, name.encode())
    return None if value is None else rows.decode_database(value)


def list_databases(txn: ReadTransaction, start: str = "") -> Iterator[tuple[str, DatabaseRow]]:
    """(name, row) of all databases from the name ``start`` on, in the order of names."""
    with txn.cursor(txn.tables.databases) as cursor:
        if cursor.set_range(start.encode()):
            for key, value in cursor.iternext():
                yield key.decode(), rows.decode_database(value)


def delete_database(txn: WriteTransaction, name: str) -> int:
    """Take a name away and note its number for the sweep; returns the number. Raises DatabaseNotFound."""
    key = name.encode()
    value = txn.get(txn.tables.databases, key)
    if value is None:
        raise DatabaseNotFound
    number = rows.decode_database(value).number
    txn.delete(txn.tables.databases, key)
    txn.put(txn.tables.sweeps, keys.prefix(number), key)
    return number


def pending_sweeps(txn: ReadTransaction) -> list[int]:
    """The numbers of deleted databases that still hold something."""
    with txn.cursor(txn.tables.sweeps) as cursor:
        return [keys.number_of(key) for key in cursor.iternext(values=False)]


def get_state(txn: ReadTransaction, db: int) -> DatabaseState:
    """The counters of a database. Raises DatabaseNotFound if it is swept, or being swept."""
    value = txn.get(txn.tables.states, keys.prefix(db))
    if value is None:
        raise DatabaseNotFound
    return rows.decode_state(value)


def put_state(txn: WriteTransaction, db: int, state: DatabaseState) -> None:
    """Store the counters."""
    txn.put(txn.tables.states, keys.prefix(db), rows.encode_state(state))


def get_property(txn: ReadTransaction, db: int, name: bytes) -> bytes | None:
    """One property (``keys.PROPERTY_SECURITY`` ...), as it was set."""
    return txn.get(txn.tables.properties, keys.property_key(db, name))


def security_text(txn: ReadTransaction, db: int) -> bytes:
    """The security object as JSON text; CouchDB's default for a database that never got one."""
    stored = get_property(txn, db, keys.PROPERTY_SECURITY)
    return DEFAULT_SECURITY if stored is None else stored


def set_property(txn: WriteTransaction, db: int, state: DatabaseState, name: bytes, value: bytes) -> None:
    """Set one property. The caller stores the ``state``."""
    key = keys.property_key(db, name)
    old = txn.get(txn.tables.properties, key)
    state.grow(len(value) + len(key) if old is None else len(value) - len(old))
    txn.put(txn.tables.properties, key, value)


def _take_number(txn: WriteTransaction) -> int:
    value = txn.get(txn.tables.meta, keys.META_NEXT_DATABASE)
    number = 1 if value is None else rows.decode_number(value)
    if number > keys.MAX_NUMBER:
        raise StorageFull("All numbers of databases were given out.")
    txn.put(txn.tables.meta, keys.META_NEXT_DATABASE, rows.encode_number(number + 1))
    return number
