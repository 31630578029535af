"""Where the rows of a query come from: an index, or the documents in the order of their ids.

Owns the bounds that ranges mean in each of them, and the reading of rows in pieces, each on a snapshot of its own, so
that whoever reads may take his time between. It must not know selectors nor what is shown. Pieces may be read by
different threads, one after the other.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple, Protocol, TypeAlias

from docstore.core.collation_key import AFTER, array_prefix
from docstore.core.document import quote_id
from docstore.core.json_text import JsonValue, decode
from docstore.core.partition import id_bounds
from docstore.database.database import Database
from docstore.database.reading.index_feed import FeedEnd
from docstore.database.reading.winners import IdRange, Winner, scan_winners
from docstore.query.mango.bookmarks import Place, PlaceRead
from docstore.query.mango.ranges import ID, End, Range
from docstore.query.search.ordering import Order
from docstore.query.views import layout
from docstore.query.views.blocks import bound, rows_together, scan_rows_back
from docstore.query.views.index import Index
from docstore.query.views.map_reader import same_index
from docstore.storage.databases import get_state

EVERYTHING: Final = 1 << 62


class TextHit(NamedTuple):
    """A document that a text index found, and the values that it is in order by."""

    winner: Winner
    order: Order


FoundRow: TypeAlias = bytes | Winner | TextHit
"""A row: its value in an index, or its document."""


class Source(Protocol):
    """Rows in the order in which they are wanted.

    ``done``  whether there are no more;  ``seq``  the update sequence that the rows show: documents that changed behind
    it may not be what their rows say
    """

    done: bool
    seq: int

    def next_rows(self, count: int) -> Sequence[FoundRow]:
        """Some more rows, ``count`` at most. Raises NotFound if the index is gone, DatabaseNotFound, Unavailable."""
        ...


class IndexSource:
    """The rows of an index."""

    def __init__(
        self,
        index: Index,
        slot: int,
        fields: Sequence[str],
        ranges: Sequence[Range],
        behind: PlaceRead | None,
        *,
        partition: str,
        descending: bool,
        end: FeedEnd | None,
    ) -> None:
        """``partition`` is empty for an index that is not partitioned; ``end``: what the index is to show."""
        self.done = False
        self.seq = 0
        self._end = end
        self._index = index
        self._slot = slot
        self._descending = descending
        self._key_of = index.plan.slots[slot].key_of
        self._number: int | None = None
        before = layout.partition_bytes(partition) if partition else b""
        low, high = self._bounds(fields, ranges)
        self._low, self._high = before + low, before + high
        if behind is not None:
            self._go_behind(before + self._key_of(behind.key) + layout.id_bytes(behind.doc_id))

    def _bounds(self, fields: Sequence[str], ranges: Sequence[Range]) -> tuple[bytes, bytes]:
        """The places that the ranges mean: equalities, and one range behind them."""
        singles: list[JsonValue] = []
        for field, range_ in zip(fields, ranges, strict=False):
            if range_.single and not isinstance(range_.low, End):
                singles.append(range_.low)
                continue
            prefix = array_prefix(singles, self._key_of)
            if field == ID:  # selectors compare ids otherwise than the index does
                return prefix, prefix + AFTER
            low, high = prefix, prefix + AFTER
            if not isinstance(range_.low, End):
                low = prefix + self._key_of(range_.low) + (b"" if range_.with_low else AFTER)
            if not isinstance(range_.high, End):
                high = prefix + self._key_of(range_.high) + (AFTER if range_.with_high else b"")
            return low, high
        prefix = array_prefix(singles, self._key_of)
        return prefix, prefix + AFTER

    def _go_behind(self, place: bytes) -> None:
        if self._descending:
            self._high = min(self._high, place)
        else:  # no place begins another, so this is between it and the next
            self._low = max(self._low, place + b"\x00")

    def next_rows(self, count: int) -> Sequence[FoundRow]:
        """See ``Source``. Raises Overtaken, the first time, if the index does not show what it is to show."""
        with self._index.file.read() as txn:
            state = self._index.state_showing(txn, self._end) if self._number is None else self._index.state(txn)
            self._number = same_index(self._number, state)
            if state is None or self._low >= self._high:
                self.done = True
                return []
            self.seq = state.seq
            prefix = layout.slot_prefix(state.number, self._slot)
            low, high = bound(txn, prefix, self._low), bound(txn, prefix, self._high)
            cut = 0
            if self._descending:
                found = list(islice(scan_rows_back(txn, prefix, low, high), count))
                more = len(found) == count
            else:
                cut = len(prefix)
                found, more = rows_together(txn, prefix, low, high, count)
        self.done = not more
        if found:
            key, value = found[-1]
            self._go_behind(layout.whole_place(key[cut:], value))
        return [value for _, value in found]


class IdSource:
    """The documents of a database by id, design documents among them."""

    def __init__(
        self,
        database: Database,
        range_: Range,
        behind: PlaceRead | None,
        *,
        partition: str,
        descending: bool,
        conflicted: bool,
    ) -> None:
        """``partition`` is empty for the whole database; ``conflicted``: documents in conflict alone."""
        self.done = False
        self.seq = EVERYTHING
        self._database = database
        self._descending = descending
        self._conflicted = conflicted
        self._ids = _ids_of(range_)
        if self._ids is not None and partition:
            self._ids = _within(self._ids, *(bound.encode() for bound in id_bounds(partition)))
        if self._ids is None:
            self.done = True
        elif behind is not None and behind.key == behind.doc_id:  # else it is of an index, in whose order others follow
            self._go_behind(behind.doc_id.encode())

    def _go_behind(self, doc_id: bytes) -> None:
        ids = self._ids
        assert ids is not None
        if self._descending:
            if ids.end is None or doc_id <= ids.end:
                self._ids = ids._replace(end=doc_id, with_end=False)
        elif ids.start is None or doc_id >= ids.start:
            self._ids = ids._replace(start=doc_id, with_start=False)

    def next_rows(self, count: int) -> Sequence[FoundRow]:
        """See ``Source``. Raises DatabaseNotFound."""
        database = self._database
        if self._ids is None:
            return []
        with database.environment.snapshot() as txn:
            scan = scan_winners(
                txn, database.number, self._ids, descending=self._descending, conflicted=self._conflicted
            )
            found = list(islice(scan, count))
            self.done = len(found) < count
            if self.done:
                get_state(txn, database.number)
        if not found:
            return []
        self._go_behind(found[-1].doc_id)
        return found


def place_of(row: FoundRow) -> Place:
    """The place of a row."""
    if isinstance(row, bytes):
        return Place(*layout.key_and_id(row))
    quoted = quote_id(document_of(row).doc_id.decode())
    return Place(quoted, quoted)


def document_of(row: Winner | TextHit) -> Winner:
    """The document of a row that has it."""
    return row.winner if isinstance(row, TextHit) else row


def id_of(row: FoundRow) -> bytes:
    """The document's id, UTF-8."""
    if not isinstance(row, bytes):
        return document_of(row).doc_id
    _, quoted = layout.key_and_id(row)
    return quoted[1:-1] if b"\\" not in quoted else str(decode(quoted)).encode()


def _ids_of(range_: Range) -> IdRange | None:
    """The ids that a range means; None if there are none. What is no text is before all ids."""
    start = with_start = end = with_end = None
    if isinstance(range_.low, str):
        start, with_start = range_.low.encode(), range_.with_low
    if isinstance(range_.high, str):
        end, with_end = range_.high.encode(), range_.with_high
    elif not isinstance(range_.high, End):
        return None
    return IdRange(start, with_start is not False, end, with_end is not False)


def _within(ids: IdRange, start: bytes, end: bytes) -> IdRange:
    """The part of a range between two texts that are no ids."""
    if ids.start is None or ids.start < start:
        ids = ids._replace(start=start, with_start=True)
    if ids.end is None or ids.end > end:
        ids = ids._replace(end=end, with_end=False)
    return ids
