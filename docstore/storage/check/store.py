"""The consistency check of a whole store.

Owns the order of the check and what concerns the store as a whole: names, numbers, pending sweeps. What holds within
one database is in ``database.py`` and ``documents.py``. Nothing is written, and all is seen in one
transaction, so it may run beside a writing server; memory stays small (some bits for each sequence number).
"""

from collections.abc import Iterator

from docstore.storage import databases, keys, rows
from docstore.storage.check.blobs import BlobUses, check_blobs
from docstore.storage.check.damage import UNREADABLE, readable
from docstore.storage.check.database import check_database, count_uses
from docstore.storage.check.expiries import check_expiries
from docstore.storage.check.remembered import check_replies
from docstore.storage.check.uploads import check_uploads
from docstore.storage.rows import DatabaseRow
from docstore.storage.tables import ReadTransaction


def check(txn: ReadTransaction, *, hashing: bool = True) -> Iterator[str]:
    """Every invariant of the store; one line for each finding, none if all is well.

    Without ``hashing`` the bytes of attachments are not read, only counted.
    """
    names: dict[int, str] = {}
    sweeps: set[int] = set()
    uses = BlobUses()
    yield from readable(_check_names(txn, names))
    yield from readable(_read_sweeps(txn, sweeps))
    yield from readable(_check_numbers(txn, names, sweeps))
    for number, name in names.items():
        for finding in readable(_check_database(txn, number, uses)):
            yield f"{name}: {finding}"
    for number in sweeps - names.keys():
        yield from readable(count_uses(txn, number, uses))
    yield from readable(check_blobs(txn, uses, hashing=hashing))
    yield from readable(check_uploads(txn, sweeps | names.keys()))
    yield from readable(check_expiries(txn))
    if txn.tables.have_replies:
        yield from readable(check_replies(txn))


def _check_database(txn: ReadTransaction, number: int, uses: BlobUses) -> Iterator[str]:
    if txn.get(txn.tables.states, keys.prefix(number)) is None:
        yield f"there is no row of counters (database {number})"
    else:
        yield from check_database(txn, number, uses)


def _read_sweeps(txn: ReadTransaction, sweeps: set[int]) -> Iterator[str]:
    """Fills ``sweeps``; of what is wrong with them others tell."""
    sweeps.update(databases.pending_sweeps(txn))
    yield from ()


def _check_names(txn: ReadTransaction, names: dict[int, str]) -> Iterator[str]:
    """Check the rows of ``databases``; fills ``names`` (number -> name)."""
    following = txn.get(txn.tables.meta, keys.META_NEXT_DATABASE)
    next_number = 1
    try:
        next_number = 1 if following is None else rows.decode_number(following)
    except UNREADABLE:
        yield f"the number of the next database cannot be read: {following!r}"
    with txn.cursor(txn.tables.databases) as cursor:
        for key, value in cursor.iternext():
            try:
                name, row = key.decode(), rows.decode_database(value)
            except UNREADABLE as error:
                yield f"{key.decode(errors='replace')}: its row in databases cannot be read ({error!r})"
                continue
            if row.number in names:
                yield f"{name}: has the number {row.number}, as {names[row.number]} has"
                continue
            names[row.number] = name
            yield from _check_name(txn, name, row, next_number)


def _check_name(txn: ReadTransaction, name: str, row: DatabaseRow, next_number: int) -> Iterator[str]:
    if row.number >= next_number:
        yield f"{name}: has the number {row.number}, which is yet to be given out (next is {next_number})"
    known = databases.get_property(txn, row.number, keys.PROPERTY_NAME)
    if known != name.encode():
        yield f"{name}: its property 'name' is {known!r}"


def _check_numbers(txn: ReadTransaction, names: dict[int, str], sweeps: set[int]) -> Iterator[str]:
    """Whatever has a number belongs to a name or to a pending sweep."""
    for number in sorted(sweeps & names.keys()):
        yield f"{names[number]}: is to be swept (database {number})"
    for table_name, table in txn.tables.of_database():
        with txn.cursor(table) as cursor:
            found = cursor.first()
            while found:
                number = keys.number_of(cursor.key())
                if number not in names and number not in sweeps:
                    yield f"table {table_name}: has rows of database {number}, which has no name and no pending sweep"
                found = number <= keys.MAX_NUMBER and cursor.set_range(keys.prefix_end(number))
