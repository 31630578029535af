"""Blocks: what is known of runs of rows, so that a range costs the logarithm of its rows.

Owns ``blocks`` and ``dirty``: where blocks begin, which of them a change touches, and how a range is put together from
them. It must not know what a reduction is.

A row begins a block of level 1 if a hash of its place says so, one in ``BLOCK_ROWS`` on average; of those rows one in
``FAN_OUT`` begins a block of level 2 as well, and so on. So where blocks begin depends on which rows there are and not
on how they came. The rows before the first such one are a block too, whose place is empty. A block ends where the next
of its level begins::

    level 2  (start)                                    r40 ........................
    level 1  (start)      r13 .........  r29 .........  r40 .........  r51 .........
    rows     r1 ... r12   r13 ... r28    r29 ... r39    r40 ... r50    r51 ... r80

A range takes rows to the first beginning, then ever greater blocks, then ever smaller ones, and rows again. A change
makes every block around it dirty: its value is empty until somebody computes it, and meanwhile a range goes through it
by what is below.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from docstore.core.collation_key import AFTER
from docstore.database.slices import SLICE_BYTES
from docstore.query.views import layout
from docstore.query.views.index_file import ReadIndex, WriteIndex

if TYPE_CHECKING:
    from lmdb import Cursor

BLOCK_ROWS: Final = 32
FAN_OUT: Final = 8
LEVELS: Final = 6

_MIX: Final = 0x9E3779B1
_LEVEL_ONE: Final = (BLOCK_ROWS - 1) << 8
"""The bits of a mixed hash that are none of a place that begins a block."""
_BLOCK_BITS: Final = BLOCK_ROWS.bit_length() - 1
_FAN_BITS: Final = FAN_OUT.bit_length() - 1
START: Final = b""
"""The place of a level's first block."""


class Rows(NamedTuple):
    """A part of a range that is taken row by row: places from ``low`` on and before ``high``."""

    low: bytes
    high: bytes


Piece = Rows | bytes
"""A part of a range: rows, or the value of a clean block."""


def level_of(place: bytes) -> int:
    """The highest level of which this place begins a block; 0 for none. ``START`` begins one of each."""
    if not place:
        return LEVELS
    # The hash is multiplied, because that of places which end in the same way differs in few bits.
    bits = (crc32(place) * _MIX & 0xFFFFFFFF) >> 8
    if bits & (BLOCK_ROWS - 1):
        return 0
    bits >>= _BLOCK_BITS
    level = 1
    while level < LEVELS and not bits & (FAN_OUT - 1):
        bits >>= _FAN_BITS
        level += 1
    return level


# --- Changing ---------------------------------------------------------------------------------------------------------


def begin_blocks(txn: WriteIndex, slot: bytes, added: Sequence[bytes]) -> None:
    """Follow new rows in an index that is being made: its blocks are dirty, or were computed without rows."""
    rows = sorted(
        (layout.block_prefix(slot, level) + place, b"")
        for place in (START, *_beginning(added))
        for level in range(1, level_of(place) + 1)
    )
    txn.putmulti(txn.tables.blocks, rows)
    txn.putmulti(txn.tables.dirty, rows)


def _beginning(places: Iterable[bytes]) -> list[bytes]:
    """Those places that begin a block of any level, by a quicker look than ``level_of``."""
    return [place for place in places if not crc32(place) * _MIX & _LEVEL_ONE]


def change_blocks(txn: WriteIndex, slot: bytes, added: Sequence[bytes], removed: Sequence[bytes]) -> None:
    """Follow a change of rows; places are those in their keys. What only has another value is added as well."""
    gone = set(removed).difference(added)
    for place in gone:
        for level in range(1, level_of(place) + 1):
            key = layout.block_prefix(slot, level) + place
            txn.delete(txn.tables.blocks, key)
            txn.delete(txn.tables.dirty, key)
    touched = sorted({*added, *removed} if removed else added)
    if not touched:
        return
    dirty: list[bytes] = []
    begins = touched
    for level in range(1, LEVELS + 1):
        begins = _begins_around(txn, slot, level, begins)
        dirty += [layout.block_prefix(slot, level) + place for place in begins]
    for place in _beginning(added):
        for level in range(1, level_of(place) + 1):
            dirty.append(layout.block_prefix(slot, level) + place)
    rows = [(key, b"") for key in sorted(set(dirty))]
    txn.putmulti(txn.tables.blocks, rows)
    txn.putmulti(txn.tables.dirty, rows)


def _begins_around(txn: WriteIndex, slot: bytes, level: int, places: Sequence[bytes]) -> list[bytes]:
    """Where the blocks of a level begin that some places (sorted) are in."""
    prefix = layout.block_prefix(slot, level)
    cut = len(prefix)
    found: list[bytes] = []
    end: bytes | None = START
    with txn.cursor(txn.tables.blocks) as cursor:
        for place in places:
            if end is None or place < end:
                if end is None:
                    break
                continue
            key = prefix + place
            if cursor.set_range(key):
                begins = cursor.key()
                if begins != key:
                    begins = _key_before(cursor)
            else:
                begins = cursor.key() if cursor.last() else b""
            found.append(begins[cut:] if begins.startswith(prefix) else START)
            following = _next_place(cursor, prefix + found[-1], prefix)
            end = following
    return found


def _key_before(cursor: "Cursor[bytes]") -> bytes:
    return cursor.key() if cursor.prev() else b""


def _next_place(cursor: "Cursor[bytes]", key: bytes, prefix: bytes) -> bytes | None:
    """Where the block behind that of ``key`` begins; None behind the last."""
    if not cursor.set_range(key):
        return None
    if cursor.key() == key and not cursor.next():
        return None
    following = cursor.key()
    return following[len(prefix) :] if following.startswith(prefix) else None


# --- Reading ----------------------------------------------------------------------------------------------------------


def cover(txn: ReadIndex, slot: bytes, low: bytes, high: bytes) -> Iterator[Piece]:
    """The parts of a range of places, in order: from ``low`` on and before ``high`` (``AFTER`` for all)."""
    with txn.cursor(txn.tables.blocks) as cursor:
        begin = START if not low else _first_begin(cursor, slot, low)
        if begin is None or begin >= high:
            if low < high:
                yield Rows(low, high)
            return
        if low < begin:
            yield Rows(low, begin)
        yield from _cover_from(cursor, slot, begin, high, LEVELS)


def _first_begin(cursor: "Cursor[bytes]", slot: bytes, low: bytes) -> bytes | None:
    """The first beginning of a block at ``low`` or behind it."""
    prefix = layout.block_prefix(slot, 1)
    if not cursor.set_range(prefix + low) or not cursor.key().startswith(prefix):
        return None
    return cursor.key()[len(prefix) :]


def _cover_from(cursor: "Cursor[bytes]", slot: bytes, begin: bytes, high: bytes, ceiling: int) -> Iterator[Piece]:
    """The same from the beginning of a block on, with no block above the level ``ceiling``."""
    while begin < high:
        level = min(level_of(begin), ceiling)
        prefix = layout.block_prefix(slot, level)
        there = cursor.set_range(prefix + begin) and cursor.key() == prefix + begin
        while True:  # along this level, as far as no greater block begins
            value = cursor.value() if there else b""
            there = there and cursor.next() and cursor.key().startswith(prefix)
            following = cursor.key()[len(prefix) :] if there else AFTER
            if following > high:
                if level == 1:
                    yield Rows(begin, high)
                    return
                ceiling = level - 1
                break
            if value:
                yield value
            elif level == 1:
                yield Rows(begin, following)
            else:
                yield from _cover_from(cursor, slot, begin, following, level - 1)
                there = there and cursor.set_range(prefix + following)
            begin = following
            if begin >= high or (level < ceiling and level_of(begin) > level):
                break


def scan_rows(txn: ReadIndex, slot: bytes, low: bytes, high: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(place, value) of the rows of a range of places."""
    cut = len(slot)
    first, last = slot + low, slot + high
    with txn.cursor(txn.tables.rows) as cursor:
        if cursor.set_range(first):
            for key, value in cursor.iternext():
                if key >= last:
                    break
                yield key[cut:], value


def rows_together(
    txn: ReadIndex, slot: bytes, low: bytes, high: bytes, at_most: int
) -> tuple[list[tuple[bytes, bytes]], bool]:
    """The first rows of a range of places, with their keys and not their places: cheaper than one by one.

    There are no more of them than come to a slice, since each can be megabytes. Also whether there may be others.
    """
    last = slot + high
    found: list[tuple[bytes, bytes]] = []
    size, more = 0, False
    with txn.cursor(txn.tables.rows) as cursor:
        if cursor.set_range(slot + low):
            for row in islice(cursor.iternext(), at_most):
                found.append(row)
                size += len(row[1])
                if size > SLICE_BYTES:
                    break
            more = size > SLICE_BYTES or len(found) == at_most
    if found and found[-1][0] >= last:
        del found[bisect_left(found, last, key=itemgetter(0)) :]
        more = False
    return found, more


def scan_rows_back(txn: ReadIndex, slot: bytes, low: bytes, high: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The same, the last row first."""
    cut = len(slot)
    first, last = slot + low, slot + high
    with txn.cursor(txn.tables.rows) as cursor:
        found = cursor.prev() if cursor.set_range(last) else cursor.last()
        if found:
            for key, value in cursor.iterprev():
                if key < first:
                    break
                yield key[cut:], value


def count_rows(txn: ReadIndex, slot: bytes, low: bytes, high: bytes) -> int:
    """How many rows a range of places has."""
    if not low:
        return _count_before(txn, slot, high)
    return sum(_counts_of(txn, slot, cover(txn, slot, low, high)))


def _count_before(txn: ReadIndex, slot: bytes, high: bytes) -> int:
    """How many rows there are before a place: along each level as far as it goes, then on with the level below."""
    count, begin = 0, START
    with txn.cursor(txn.tables.blocks) as cursor:
        for level in range(LEVELS, 0, -1):
            prefix = layout.block_prefix(slot, level)
            if begin >= high or not cursor.set_range(prefix + begin):
                continue
            cut, last = len(prefix), prefix + high
            value: bytes | None = None
            for key, following in cursor.iternext():
                if key > last or not key.startswith(prefix):
                    break
                if value is not None:
                    if not value:  # dirty: by what is below
                        return count + sum(_counts_of(txn, slot, cover(txn, slot, begin, high)))
                    count += layout.block_count(value)
                elif key != prefix + begin:
                    break
                begin, value = key[cut:], following
    return count + (_count_one_by_one(txn, slot + begin, slot + high) if begin < high else 0)


def _counts_of(txn: ReadIndex, slot: bytes, pieces: Iterable[Piece]) -> Iterator[int]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield layout.block_count(piece)
        else:
            yield _count_one_by_one(txn, slot + piece.low, slot + piece.high)


def _count_one_by_one(txn: ReadIndex, first: bytes, last: bytes) -> int:
    count = 0
    with txn.cursor(txn.tables.rows) as cursor:
        if cursor.set_range(first):
            for key, value in cursor.iternext():
                if key >= last:
                    break
                count += layout.row_count(value) if value[0] else 1
    return count


def bound(txn: ReadIndex, slot: bytes, place: bytes) -> bytes:
    """Bytes that separate the rows of a slot with lesser places from the others, as their keys have them."""
    if not layout.is_long(place):
        return place
    group = slot + place[: layout.LONG_FROM]
    key = txn.bound_in_group(group, place)
    return key[len(slot) :]


# --- Computing --------------------------------------------------------------------------------------------------------


class DirtyBlock(NamedTuple):
    """A block to be computed: its key in ``blocks``, and where its level's next begins."""

    key: bytes
    level: int
    begin: bytes
    end: bytes


def dirty_blocks(txn: ReadIndex, slot: bytes, level: int, at_most: int) -> list[DirtyBlock]:
    """Some of the dirty blocks of a slot's level, the first ones."""
    prefix = layout.block_prefix(slot, level)
    found: list[DirtyBlock] = []
    with txn.cursor(txn.tables.dirty) as dirty, txn.cursor(txn.tables.blocks) as cursor:
        if dirty.set_range(prefix):
            for key in dirty.iternext(keys=True, values=False):
                if not key.startswith(prefix) or len(found) >= at_most:
                    break
                end = _next_place(cursor, key, prefix)
                found.append(DirtyBlock(key, level, key[len(prefix) :], AFTER if end is None else end))
    return found


def store_blocks(txn: WriteIndex, computed: Iterable[tuple[bytes, bytes]]) -> None:
    """Keep the values of blocks that were dirty."""
    for key, value in computed:
        txn.put(txn.tables.blocks, key, value)
        txn.delete(txn.tables.dirty, key)


def new_slot(txn: WriteIndex, slot: bytes) -> None:
    """The blocks of a slot without rows."""
    rows = [(layout.block_prefix(slot, level), b"") for level in range(1, LEVELS + 1)]
    txn.putmulti(txn.tables.blocks, rows)
    txn.putmulti(txn.tables.dirty, rows)
