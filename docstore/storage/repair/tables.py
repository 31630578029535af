"""One table brought to what it should hold, with as few writes as that takes.

Owns the comparison of rows. It must not know what any table means.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.tables import ReadTransaction

if TYPE_CHECKING:
    from lmdb import _Database as Table


def rows_between(
    txn: ReadTransaction, table: "Table", first: bytes, end: bytes | None
) -> Iterator[tuple[bytes, bytes]]:
    """The rows of a range of keys. Nothing may be written meanwhile."""
    with txn.cursor(table) as cursor:
        if cursor.set_range(first):
            for key, value in cursor.iternext():
                if end is not None and key >= end:
                    break
                yield key, value


def bring_to(
    txn: GroupTransaction, table: "Table", first: bytes, end: bytes | None, wanted: Mapping[bytes, bytes]
) -> int:
    """Make a range of keys hold just these rows; how many rows were written or removed."""
    present = dict(rows_between(txn, table, first, end))
    gone = present.keys() - wanted.keys()
    changed = [(key, value) for key, value in wanted.items() if present.get(key) != value]
    for key in gone:
        txn.delete(table, key)
    for key, value in changed:
        txn.put(table, key, value)
    return len(gone) + len(changed)
