"""Keys for ids that are longer than a key may be.

Owns the labels (``keys.py``): how the row of a long id is found, where a new one goes, and what happens when there is
no room between two labels. It must not know what the rows hold but for the id, which ``read_id`` takes out of a value;
so it serves ``docs`` and ``local`` alike, and with groups of their own the rows of views.

The rows of a group, i.e. of ids with the same first ``LONG_ID_FROM`` bytes, have labels that sort as their ids. The
first gets the middle label. A new last or first one gets a label ``STEP`` away, any other one the middle between its
neighbours. Where they leave no room, rows around are labelled anew, evenly: as few as come to lie ``ROOM`` apart, so
that what a new row costs does not grow with its group. A group nearly always has one member, so the first look finds
it; in a large one the search halves the labels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from docstore.storage import keys
from docstore.storage.keys import LABEL_MAX, long_key
from docstore.storage.tables import ReadTransaction, WriteTransaction

if TYPE_CHECKING:
    from lmdb import Cursor
    from lmdb import _Database as Table

MIDDLE = 1 << 63
STEP = 1 << 32
ROOM = 1 << 16
AROUND = 32
"""Rows on either side that are looked at first for room."""

ReadId = Callable[[bytes], bytes]
Row = tuple[bytes, bytes]


def find(txn: ReadTransaction, table: "Table", db: int, doc_id: bytes, read_id: ReadId) -> Row | None:
    """(key, value) of a long id, if it is there."""
    return find_in_group(txn, table, keys.group_key(db, doc_id), doc_id, read_id)


def find_in_group(txn: ReadTransaction, table: "Table", group: bytes, doc_id: bytes, read_id: ReadId) -> Row | None:
    """(key, value) of a long id of this group, if it is there."""
    with txn.cursor(table) as cursor:
        row = _first_from(cursor, group, doc_id, read_id)
    return row if row is not None and read_id(row[1]) == doc_id else None


def bound(
    txn: ReadTransaction, table: "Table", db: int, doc_id: bytes, read_id: ReadId, *, after: bool = False
) -> bytes:
    """A key that separates: rows of ids less than ``doc_id`` (short or long) are below it, all others are not.

    With ``after`` the row of ``doc_id`` itself is below it too.
    """
    if after:
        # The least id that is greater than a given one is that with a NUL behind it.
        doc_id += b"\x00"
    if not keys.is_long_id(doc_id):
        return keys.short_key(db, doc_id)
    return bound_in_group(txn, table, keys.group_key(db, doc_id), doc_id, read_id)


def bound_in_group(txn: ReadTransaction, table: "Table", group: bytes, doc_id: bytes, read_id: ReadId) -> bytes:
    """A key that separates the rows of a group with lesser ids from the others."""
    with txn.cursor(table) as cursor:
        row = _first_from(cursor, group, doc_id, read_id)
    return _after_group(group) if row is None else row[0]


def scan(txn: ReadTransaction, table: "Table", first: bytes, last: bytes, *, descending: bool) -> Iterator[Row]:
    """The rows with ``first`` <= key < ``last``, which ``bound`` made, in either direction."""
    with txn.cursor(table) as cursor:
        if descending:
            found = cursor.prev() if cursor.set_range(last) else cursor.last()
            if found:
                for item in cursor.iterprev():
                    if item[0] < first:
                        break
                    yield item
        elif cursor.set_range(first):
            for item in cursor.iternext():
                if item[0] >= last:
                    break
                yield item


def place(
    txn: WriteTransaction, table: "Table", db: int, doc_id: bytes, read_id: ReadId
) -> tuple[bytes, Mapping[bytes, bytes]]:
    """The key of a long id, a new one if it has no row yet.

    Also old key -> new key of those rows of its group that had to be moved, for tables with the same keys.
    The caller writes the row before it places another id.
    """
    return place_in_group(txn, table, keys.group_key(db, doc_id), doc_id, read_id)


def place_in_group(
    txn: WriteTransaction, table: "Table", group: bytes, doc_id: bytes, read_id: ReadId
) -> tuple[bytes, Mapping[bytes, bytes]]:
    """``place``, in a group of any table whose keys end with labels."""
    with txn.cursor(table) as cursor:
        row = _first_from(cursor, group, doc_id, read_id)
        if row is not None and read_id(row[1]) == doc_id:
            return row[0], {}
        label = _label_between(*_neighbours(cursor, group, row))
    if label is not None:
        return long_key(group, label), {}
    moved = _make_room(txn, table, group, _after_group(group) if row is None else row[0])
    with txn.cursor(table) as cursor:
        row = _first_from(cursor, group, doc_id, read_id)
        label = _label_between(*_neighbours(cursor, group, row))
    if label is None:
        raise OverflowError("a group of long ids is full")
    return long_key(group, label), moved


def move_rows(txn: WriteTransaction, table: "Table", moved: Mapping[bytes, bytes]) -> None:
    """Give rows the keys that ``place`` moved others to; keys that have no row are passed over."""
    found = txn.getmulti(table, sorted(moved))
    txn.deletemulti(table, [key for key, _ in found])
    txn.putmulti(table, sorted((moved[key], value) for key, value in found))


def _first_from(cursor: "Cursor[bytes]", group: bytes, doc_id: bytes, read_id: ReadId) -> Row | None:
    """The group's first row whose id is ``doc_id`` or greater."""
    if not cursor.set_range(group) or not cursor.key().startswith(group):
        return None
    first = cursor.item()
    if read_id(first[1]) >= doc_id:
        return first
    best = _last_row(cursor, group)
    if read_id(best[1]) < doc_id:
        return None
    # Rows not looked at yet have labels from low to below high; those before are less, those after are not.
    low, high = keys.label_of(first[0]) + 1, keys.label_of(best[0])
    while low < high:
        probe = low + (high - low) // 2
        cursor.set_range(long_key(group, probe))
        row = cursor.item()
        label = keys.label_of(row[0])
        if label < high and read_id(row[1]) < doc_id:
            low = label + 1
        else:
            best = row if label < high else best
            high = probe
    return best


def _last_row(cursor: "Cursor[bytes]", group: bytes) -> Row:
    """The last row of a group that has some."""
    if cursor.set_range(_after_group(group)):
        cursor.prev()
    else:
        cursor.last()
    return cursor.item()


def _neighbours(cursor: "Cursor[bytes]", group: bytes, following: Row | None) -> tuple[int | None, int | None]:
    """The labels around the place before ``following``; None where there is none."""
    start = _after_group(group) if following is None else following[0]
    there = cursor.prev() if cursor.set_range(start) else cursor.last()
    before = keys.label_of(cursor.key()) if there and cursor.key().startswith(group) else None
    return before, None if following is None else keys.label_of(following[0])


def _after_group(group: bytes) -> bytes:
    return long_key(group, LABEL_MAX) + b"\x00"


def _label_between(before: int | None, after: int | None) -> int | None:
    if before is None and after is None:
        return MIDDLE
    if after is None and before is not None:
        return before + STEP if before + STEP <= LABEL_MAX else _middle(before, LABEL_MAX + 1)
    if before is None and after is not None:
        return after - STEP if after >= STEP else _middle(-1, after)
    return _middle(before or 0, after or 0)


def _middle(before: int, after: int) -> int | None:
    middle = before + (after - before) // 2
    return middle if before < middle < after else None


def _make_room(txn: WriteTransaction, table: "Table", group: bytes, start: bytes) -> Mapping[bytes, bytes]:
    """Spread the labels of rows on both sides of a key; old key -> new key."""
    count = AROUND
    rows, low, high = _rows_around(txn, table, group, start, count)
    while (high - low) // (len(rows) + 1) < ROOM and (low >= 0 or high <= LABEL_MAX):
        count *= 2
        rows, low, high = _rows_around(txn, table, group, start, count)
    distance = (high - low) // (len(rows) + 1)
    moved = {key: long_key(group, low + distance * place) for place, (key, _) in enumerate(rows, 1)}
    txn.deletemulti(table, list(moved))
    txn.putmulti(table, [(moved[key], value) for key, value in rows])
    return moved


def _rows_around(
    txn: ReadTransaction, table: "Table", group: bytes, start: bytes, count: int
) -> tuple[Sequence[Row], int, int]:
    """At most ``count`` rows of a group on either side of a key, and the labels between which these may lie."""
    before: list[Row] = []
    after: list[Row] = []
    low, high = -1, LABEL_MAX + 1
    with txn.cursor(table) as cursor:
        there = cursor.prev() if cursor.set_range(start) else cursor.last()
        while there and cursor.key().startswith(group):
            if len(before) == count:
                low = keys.label_of(cursor.key())
                break
            before.append(cursor.item())
            there = cursor.prev()
        there = cursor.set_range(start)
        while there and cursor.key().startswith(group):
            if len(after) == count:
                high = keys.label_of(cursor.key())
                break
            after.append(cursor.item())
            there = cursor.next()
    return [*reversed(before), *after], low, high
