"""The consistency check of a whole store.

Owns the order of the check and what concerns the store as a whole: names, numbers, pending sweeps. What holds within
one database is in ``check_database.py`` and ``check_documents.py``. Nothing is written, and all is seen in one
transaction, so it may run beside a writing server; memory stays small (some bits for each sequence number).
"""

import struct
from collections.abc import Iterator

import msgspec

from docstore.storage import databases, keys, rows
from docstore.storage.check_blobs import BlobUses, check_blobs
from docstore.storage.check_database import check_database, count_uses
from docstore.storage.check_replies import check_replies
from docstore.storage.check_uploads import check_uploads
from docstore.storage.rows import DatabaseRow
from docstore.storage.tables import ReadTransaction


def check(txn: ReadTransaction, *, hashing: bool = True) -> Iterator[str]:
    """Every invariant of the store; one line for each finding, none if all is well.

    Without ``hashing`` the bytes of attachments are not read, only counted.
    """
    names: dict[int, str] = {}
    uses = BlobUses()
    yield from _check_names(txn, names)
    yield from _check_numbers(txn, names)
    for number, name in names.items():
        if txn.get(txn.tables.states, keys.prefix(number)) is None:
            yield f"{name}: there is no row of counters (database {number})"
        else:
            for finding in _readable(check_database(txn, number, uses)):
                yield f"{name}: {finding}"
    sweeps = set(databases.pending_sweeps(txn))
    for number in sweeps - names.keys():
        yield from _readable(count_uses(txn, number, uses))
    yield from _readable(check_blobs(txn, uses, hashing=hashing))
    yield from _readable(check_uploads(txn, sweeps | names.keys()))
    if txn.tables.have_replies:
        yield from _readable(check_replies(txn))


def _readable(findings: Iterator[str]) -> Iterator[str]:
    """The findings; the last one is that a row could not be read, if that stopped the check."""
    try:
        yield from findings
    except (ValueError, LookupError, OverflowError, struct.error, msgspec.MsgspecError) as error:
        yield f"the check ended at a row that cannot be read ({error!r})"


def _check_names(txn: ReadTransaction, names: dict[int, str]) -> Iterator[str]:
    """Check the rows of ``databases``; fills ``names`` (number -> name)."""
    following = txn.get(txn.tables.meta, keys.META_NEXT_DATABASE)
    next_number = 1 if following is None else rows.decode_number(following)
    for name, row in databases.list_databases(txn):
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


def _check_numbers(txn: ReadTransaction, names: dict[int, str]) -> Iterator[str]:
    """Whatever has a number belongs to a name or to a pending sweep."""
    sweeps = set(databases.pending_sweeps(txn))
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
