"""Reductions of a view, by groups, in turns.

Owns how a range is cut into groups, and what each group's reduction is made of. A group is found by a look at its first
row and its end is a bound, so its rows are not read: its reduction comes from blocks (``blocks.py``). It must not know
HTTP or how an index is built. Follows ``couch_mrview:red_fold`` and ``couch_btree:make_group_fun``.
"""

from asyncio import to_thread
from collections.abc import AsyncGenerator, Iterator
from typing import Final, NamedTuple

from docstore.core.collation_key import AFTER, array_prefix
from docstore.core.json_text import decode, encode
from docstore.database.reading.document_text import Row
from docstore.database.reading.index_feed import FeedEnd
from docstore.database.slices import SLICE_BYTES, LongSnapshot, SliceClock
from docstore.query.views import layout
from docstore.query.views.blocks import bound, cover, scan_rows, scan_rows_back
from docstore.query.views.index import Index
from docstore.query.views.index_file import ReadIndex
from docstore.query.views.map_reader import ViewSlice, same_index
from docstore.query.views.plan import PlannedView, Reducer, Slot
from docstore.query.views.reducers import ReducedRow
from docstore.query.views.reducing import Material, Workers, finish, reduce_all
from docstore.query.views.view_query import EXACT, PlaceRange, ViewQuery, make_ranges

GROUPS_AT_ONCE = 100
OVERFLOW = b'{"reduce_overflow_error":'
LONG_KEY: Final = 8_192
"""Bytes of a key from which on its place is found in a thread: to collate so many numbers takes a millisecond."""


class _Group(NamedTuple):
    """A group: its key as JSON, and what its reduction is made of."""

    key: bytes
    material: Material


async def read_reduced(
    index: Index, view: PlannedView, query: ViewQuery, workers: Workers, end: FeedEnd | None = None
) -> AsyncGenerator[ViewSlice]:
    """The groups of a query, one slice at least. ``end``: what the index is to show.

    Raises InvalidValue, Unavailable, what JavaScript fails with; Overtaken as ``read_map``.
    """
    slot = index.plan.slots[view.slot]
    reducer = slot.reducers[view.reducer or 0]
    ranges = await make_ranges(query, slot.key_of)
    with LongSnapshot(index.file) as snapshot:
        reader = _GroupReader(index, view, query, ranges, snapshot, end)
        while True:
            snapshot.renew()
            groups = reader.next_groups()
            done = reader.done
            snapshot.lend()
            if reader.long_key is not None:
                await to_thread(reader.place_long_key)
            materials = [group.material for group in groups]
            reductions = await reduce_all(workers, index.plan, reducer, materials, urgent=True)
            rows: list[Row] = [
                _row(group.key, finish(reducer, reduction)) for group, reduction in zip(groups, reductions, strict=True)
            ]
            yield ViewSlice(None, None, reader.seq, rows)
            if done:
                return
            await snapshot.turn()


def _row(key: bytes, value: bytes) -> bytes:
    """A row; one that did not shrink is told as CouchDB does (``fabric_view_row:transform``), without its key."""
    if value.startswith(OVERFLOW):
        members = decode(value)
        if isinstance(members, dict) and len(members) == 1:
            return b'{"key":null,"error":"reduce_overflow_error","reason":%b}' % encode(*members.values())
    return b'{"key":%b,"value":%b}' % (key, value)


class _GroupReader:
    """The groups of one query, from where the last slice ended.

    ``long_key``: at this one a slice ended; ``place_long_key`` is to be called, in any thread, before the next slice.
    """

    def __init__(
        self,
        index: Index,
        view: PlannedView,
        query: ViewQuery,
        ranges: Iterator[PlaceRange],
        snapshot: LongSnapshot,
        end: FeedEnd | None,
    ) -> None:
        self.done = False
        self.seq = 0
        self._index = index
        self._view = view
        self._slot: Slot = index.plan.slots[view.slot]
        self._reducer: Reducer = self._slot.reducers[view.reducer or 0]
        self._query = query
        self._level = query.level
        self._snapshot = snapshot
        self._end = end
        self._ranges = ranges
        self._range: PlaceRange | None = next(ranges, None)
        self._skip = query.skip
        self._left = query.limit
        self._number: int | None = None
        self.long_key: bytes | None = None
        self._placed: dict[bytes, tuple[bytes, PlaceRange]] = {}
        self._before = b"" if query.partition is None else layout.partition_bytes(query.partition)

    def next_groups(self) -> list[_Group]:
        """The groups of the next slice."""
        txn = ReadIndex(self._snapshot.current)
        state = self._index.state_showing(txn, self._end) if self._number is None else self._index.state(txn)
        self._number = same_index(self._number, state)
        if state is None:
            self.done = True
            return []
        self.seq = self.seq or state.seq
        self._prefix = layout.slot_prefix(state.number, self._view.slot)
        groups: list[_Group] = []
        size, clock = 0, SliceClock()
        while self._range is not None and self._left != 0:
            group = self._next_group(txn)
            if self.long_key is not None:
                break
            if group is not None:
                groups.append(group)
                size += sum(map(_size_of, group.material.parts))
            if clock.over or size > SLICE_BYTES or len(groups) >= GROUPS_AT_ONCE:
                break
        self.done = self._range is None or self._left == 0
        return groups

    def _next_group(self, txn: ReadIndex) -> _Group | None:
        """The next group of the present range, which goes on behind it.

        None of one that is skipped or not there, and of one whose key is too long to be placed here.
        """
        places = self._range
        if places is None:
            return None
        low, high = bound(txn, self._prefix, places.low), bound(txn, self._prefix, places.high)
        scan = scan_rows_back if self._query.descending else scan_rows
        first = next(scan(txn, self._prefix, low, high), None) if low < high else None
        if first is None:
            self._range = next(self._ranges, None)
            return None
        row = layout.row_texts(first[1])[0]
        placed = self._placed.pop(row.key, None)
        if placed is None and len(row.key) >= LONG_KEY and self._level:
            self.long_key = row.key
            return None
        key, group = placed or self._group_of(row.key)
        inside = PlaceRange(max(places.low, group.low), min(places.high, group.high))
        if self._query.descending:
            self._range = places._replace(high=inside.low)
        else:
            self._range = places._replace(low=inside.high)
        if self._skip:
            self._skip -= 1
            return None
        if self._left is not None:
            self._left -= 1
        low, high = bound(txn, self._prefix, inside.low), bound(txn, self._prefix, inside.high)
        return _Group(key, self._material(txn, low, high))

    def place_long_key(self) -> None:
        """Find the group of the key at which the slice ended."""
        if self.long_key is not None:
            self._placed = {self.long_key: self._group_of(self.long_key)}
            self.long_key = None

    def _group_of(self, key_text: bytes) -> tuple[bytes, PlaceRange]:
        """The group that a key is in: its key as it is shown, and its places."""
        if self._level == 0:
            return b"null", PlaceRange(b"", AFTER)
        key_of = self._slot.key_of
        key = decode(key_text)
        if self._level != EXACT and isinstance(key, list) and len(key) >= self._level:
            items = key[: self._level]
            prefix = self._before + array_prefix(items, key_of)
            return encode(items), PlaceRange(prefix, prefix + AFTER)
        place = self._before + key_of(key)
        return key_text, PlaceRange(place, place + AFTER)

    def _material(self, txn: ReadIndex, low: bytes, high: bytes) -> Material:
        """What the reduction of a range is made of: rows, and reductions of blocks."""
        parts: list[list[ReducedRow] | bytes] = []
        counts = self._reducer.built_in is not None and self._reducer.built_in.counts
        for piece in cover(txn, self._prefix, low, high):
            if isinstance(piece, bytes):
                if layout.block_count(piece):
                    parts.append(layout.block_reductions(piece)[self._view.reducer or 0])
                continue
            values = [value for _, value in scan_rows(txn, self._prefix, *piece)]
            if counts:
                count = sum(map(layout.row_count, values))
                parts += [b"%d" % count] if count else []
            elif values:
                parts.append([row for value in values for row in layout.reduced_rows(value)])
        return Material(parts)


def _size_of(part: list[ReducedRow] | bytes) -> int:
    return len(part) if isinstance(part, bytes) else sum(len(row.value) + len(row.key) for row in part)
