"""An image: all rows of a store in memory, and the way back to them.

Owns which tables an image has, and under which numbers databases come back. It must not know documents, nor who wants
an image: servers for tests do, whose stores are small.

Everything that a client can see comes back as it was: revisions, trees, sequences, uuids, counters, attachments.
Numbers of databases, which nobody sees, do not, for whatever this process remembers of a database it remembers by its
number. So a database that has changed since comes back under a new one, and to everybody else this is as if it had been
deleted and another one were there; a database that is row for row what it was keeps its number, its feeds and its
indexes. Numbers of blobs stay, since bodies name them, and none is given out twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from docstore.errors import StorageFull
from docstore.storage import keys, rows
from docstore.storage.attachments import expiries, staging
from docstore.storage.attachments.expiries import Kind
from docstore.storage.keys import PREFIX_BYTES, blob_of, expiry_key, expiry_key_parts, number_of, prefix
from docstore.storage.tables import ABSENT, ReadTransaction, WriteTransaction

if TYPE_CHECKING:
    from lmdb import _Database as Table

Row = tuple[bytes, bytes]

STORE_TABLE_NAMES: Final = (
    keys.BLOBS,
    keys.DIGESTS,
    keys.BLOB_REFS,
    keys.STAGINGS,
    keys.GARBAGE,
    keys.UPLOADS,
    keys.REPLIES,
    keys.REPLY_ORDER,
    keys.REPLY_TOTALS,
    keys.EXPIRIES,
)
"""The tables of an image that are no database's own. ``meta`` is the store's, and stays."""


class DatabaseImage(NamedTuple):
    """One database. ``name``, and ``row`` as it stands in ``databases``; of one that is being swept, its name and b"".

    ``tables``  the rows of each table of ``keys.DATABASE_TABLE_NAMES``, in its order
    """

    number: int
    name: bytes
    row: bytes
    tables: tuple[list[Row], ...] = ()


class Image(NamedTuple):
    """All that was in a store.

    ``store``      the rows of each table of ``STORE_TABLE_NAMES``, in its order
    ``next_blob``  the number that the next blob would have had, as it is stored; empty if none ever was
    """

    databases: tuple[DatabaseImage, ...]
    store: tuple[list[Row], ...]
    next_blob: bytes

    @property
    def size(self) -> int:
        """Bytes of all keys and values."""
        tables = [table for database in self.databases for table in database.tables]
        return sum(len(key) + len(value) for table in (*tables, *self.store) for key, value in table)


class PutBack(NamedTuple):
    """What was done.

    ``gone``   the numbers that are no more
    ``new``    those that are new, with the names of their databases
    ``image``  the same image by the numbers that hold now: the next time, fewer databases have changed
    """

    gone: tuple[int, ...]
    new: dict[int, str]
    image: Image


def take_image(txn: ReadTransaction) -> Image:
    """The image of a store, as the transaction shows it."""
    next_blob = txn.get(txn.tables.meta, keys.META_NEXT_BLOB) or b""
    return Image(_databases(txn), tuple(_rows(txn, _handle(txn, name)) for name in STORE_TABLE_NAMES), next_blob)


def put_back(txn: WriteTransaction, image: Image) -> PutBack:
    """Make the store what it was. Bytes that a request was about to stage are no longer there. Raises StorageFull."""
    present = {database.number: database for database in _databases(txn)}
    changed = [one for one in image.databases if present.get(one.number) != one]
    kept = [one for one in image.databases if present.get(one.number) == one]
    gone = present.keys() - {one.number for one in kept}
    numbers = _new_numbers(txn, changed)
    new = [_renumbered(one, numbers[one.number]) for one in changed]
    for place, name in enumerate(keys.DATABASE_TABLE_NAMES):
        table = _handle(txn, name)
        txn.deletemulti(table, (key for number in gone for key, _ in present[number].tables[place]))
        for one in new:
            txn.putmulti(table, one.tables[place], append=True)
    databases = (*kept, *new)
    _replace(txn, txn.tables.databases, [(one.name, one.row) for one in databases if one.row])
    _replace(txn, txn.tables.sweeps, [(prefix(one.number), one.name) for one in databases if not one.row])
    store = tuple(_of_uploads(name, there, numbers) for name, there in zip(STORE_TABLE_NAMES, image.store, strict=True))
    for name, there in zip(STORE_TABLE_NAMES, store, strict=True):
        _replace(txn, _handle(txn, name), there)
    if image.next_blob > (txn.get(txn.tables.meta, keys.META_NEXT_BLOB) or b""):
        txn.put(txn.tables.meta, keys.META_NEXT_BLOB, image.next_blob)
    transient = [blob_of(key) for key in expiries.find(txn, Kind.TRANSIENT, None)]
    staging.release(txn, transient)
    names = {one.number: one.name.decode() for one in new if one.row}
    return PutBack(tuple(gone), names, Image(databases, store, image.next_blob))


def _databases(txn: ReadTransaction) -> tuple[DatabaseImage, ...]:
    found = {number_of(key): DatabaseImage(number_of(key), name, b"") for key, name in _rows(txn, txn.tables.sweeps)}
    for name, row in _rows(txn, txn.tables.databases):
        number = rows.decode_database(row).number
        found[number] = DatabaseImage(number, name, row)
    tables: dict[int, list[list[Row]]] = {number: [] for number in found}
    for table_name in keys.DATABASE_TABLE_NAMES:
        groups = groupby(_rows(txn, _handle(txn, table_name)), lambda row: number_of(row[0]))
        of_table = {number: list(group) for number, group in groups}
        for number, lists in tables.items():
            lists.append(of_table.get(number, []))
    return tuple(found[number]._replace(tables=tuple(tables[number])) for number in sorted(found))


def _new_numbers(txn: WriteTransaction, databases: Sequence[DatabaseImage]) -> dict[int, int]:
    """Old number -> new number, in the order given. Raises StorageFull when all were given out."""
    stored = txn.get(txn.tables.meta, keys.META_NEXT_DATABASE)
    following = 1 if stored is None else rows.decode_number(stored)
    end = following + len(databases)
    if end > keys.MAX_NUMBER:
        raise StorageFull("All numbers of databases were given out.")
    txn.put(txn.tables.meta, keys.META_NEXT_DATABASE, rows.encode_number(end))
    return {one.number: number for one, number in zip(databases, range(following, end), strict=True)}


def _renumbered(database: DatabaseImage, number: int) -> DatabaseImage:
    row = database.row and rows.encode_database(rows.decode_database(database.row)._replace(number=number))
    tables = ([(_moved(key, number), value) for key, value in table] for table in database.tables)
    return DatabaseImage(number, database.name, row, tuple(tables))


def _of_uploads(name: bytes, table: list[Row], numbers: Mapping[int, int]) -> list[Row]:
    """The rows of a table of the store: uploads go by the numbers that their databases have now."""

    def moved(key: bytes) -> bytes:
        return _moved(key, numbers.get(number_of(key), number_of(key)))

    if name == keys.UPLOADS:
        return [(moved(key), value) for key, value in table]
    if name == keys.EXPIRIES:
        entries = ((*expiry_key_parts(key), value) for key, value in table)
        return [
            (expiry_key(kind, time, moved(of) if kind == Kind.UPLOAD else of), end) for kind, time, of, end in entries
        ]
    return table


def _moved(key: bytes, number: int) -> bytes:
    return prefix(number) + key[PREFIX_BYTES:]


def _replace(txn: WriteTransaction, table: "Table", wanted: Iterable[Row]) -> None:
    """Let a table have these rows and no others; those that it has are not written again."""
    before, after = dict(_rows(txn, table)), dict(wanted)
    txn.deletemulti(table, [key for key in before if key not in after])
    txn.putmulti(table, sorted((key, value) for key, value in after.items() if before.get(key) != value))


def _handle(txn: ReadTransaction, name: bytes) -> "Table":
    handle: Table = getattr(txn.tables, name.decode())
    return handle


def _rows(txn: ReadTransaction, table: "Table") -> list[Row]:
    if table is ABSENT:
        return []
    with txn.cursor(table) as cursor:
        return list(cursor.iternext())
