"""Rows of a view, as they are kept, in turns.

Owns which rows a query has, their number and offset, and the documents beside them. It must not know HTTP or how an
index is built. A row's text is kept whole, so a row is a slice of bytes; only for linked documents its value is read.
Follows ``couch_mrview:map_fold``.
"""

from collections.abc import AsyncGenerator, Iterator
from typing import Any, NamedTuple

from docstore.core.collation_key import AFTER
from docstore.core.json_text import decode
from docstore.core.rev import Rev, parse_rev
from docstore.database.database import Database
from docstore.database.reading.document_text import DocumentText, Row, row_of, row_size
from docstore.database.reading.documents import PLAIN, OpenedDoc, OpenOptions
from docstore.database.reading.index_feed import FeedEnd
from docstore.database.slices import CHUNK_ROWS, SLICE_BYTES, LongSnapshot, SliceClock
from docstore.errors import BadRequest, InvalidRev, NotFound
from docstore.query.following import GONE
from docstore.query.views import layout
from docstore.query.views.blocks import bound, count_rows, rows_together, scan_rows, scan_rows_back
from docstore.query.views.index import Index
from docstore.query.views.index_file import ReadIndex
from docstore.query.views.layout import IndexState, RowText
from docstore.query.views.view_query import PlaceRange, ViewQuery, make_ranges
from docstore.storage.engine.transactions import Snapshot

_BRACE = b"{"[0]


class ViewSlice(NamedTuple):
    """Some rows of a view. ``total_rows`` and ``offset`` are None of a reduced one; ``seq`` is what the index shows."""

    total_rows: int | None
    offset: int | None
    seq: int
    rows: list[Row]


async def read_map(index: Index, slot: int, query: ViewQuery, end: FeedEnd | None = None) -> AsyncGenerator[ViewSlice]:
    """The rows of a query, one slice at least. ``end``: what the index is to show.

    Raises Unavailable; Overtaken, before the first slice, if the index does not show it.
    """
    ranges = await make_ranges(query, index.plan.slots[slot].key_of)
    with LongSnapshot(index.file) as snapshot:
        reader = _MapReader(index, slot, query, ranges, snapshot, end)
        while True:
            snapshot.renew()
            rows = reader.next_rows()
            done = reader.done
            if reader.offset is None and not done:
                await snapshot.turn()
                continue
            snapshot.lend()
            shown: list[Row] = []
            size = 0
            for row in rows:
                if isinstance(row, bytes):
                    shown.append(row)
                    continue
                if size > SLICE_BYTES:  # documents that are linked may be of any size
                    yield ViewSlice(reader.total_rows, reader.offset, reader.seq, shown)
                    shown, size = [], 0
                    await snapshot.turn()
                with_document = await _with_document(index.database, row, query)
                size += row_size(with_document)
                shown.append(with_document)
            yield ViewSlice(reader.total_rows, reader.offset, reader.seq, shown)
            if done:
                return
            await snapshot.turn()


class _Behind(NamedTuple):
    """The row that was the last of a slice: the snapshot it was read from, its place there and its value."""

    snapshot: Snapshot
    place: bytes
    value: bytes


class _MapReader:
    """The rows of one query, from where the last slice ended."""

    def __init__(
        self,
        index: Index,
        slot: int,
        query: ViewQuery,
        ranges: Iterator[PlaceRange],
        snapshot: LongSnapshot,
        end: FeedEnd | None,
    ) -> None:
        self.done = False
        self.total_rows = 0
        self.offset: int | None = None
        self.seq = 0
        self._index = index
        self._slot_number = slot
        self._query = query
        self._snapshot = snapshot
        self._end = end
        self._ranges = ranges
        self._range: PlaceRange | None = None
        self._behind: _Behind | None = None
        self._skip = query.skip
        self._left = query.limit
        self._number: int | None = None
        self._begun = False
        self._last: tuple[bytes, bytes] | None = None

    def next_rows(self) -> list[bytes] | list[RowText]:
        """The rows of the next slice; of a query with documents what these are to stand beside."""
        txn = ReadIndex(self._snapshot.current)
        state = self._index.state_showing(txn, self._end) if self._number is None else self._index.state(txn)
        self._number = same_index(self._number, state)
        if state is None:
            self.done = True
            return []
        self._prefix = layout.slot_prefix(state.number, self._slot_number)
        if not self._begun:
            self._begun = True
            self.seq = state.seq
            self.total_rows = state.counts[self._slot_number]
            self._range = next(self._ranges, None)
        rows: list[bytes] | list[RowText] = []
        self._gather(txn, rows)
        if self.done and self.offset is None:
            self._tell_offset(txn, *(self._last or (b"", AFTER)))
        return rows

    def _tell_offset(self, txn: ReadIndex, low: bytes, high: bytes) -> None:
        """CouchDB's ``offset``: the rows before the first one that there is, or where there is none, before the end."""
        if self._query.descending:
            before = self.total_rows - count_rows(txn, self._prefix, b"", high)
        else:
            before = self._index.rows_before(txn, self._slot_number, self._prefix, low) if low else 0
        skipped = self._query.skip
        if skipped and self._query.partition is not None:  # there CouchDB counts no further than the range goes
            skipped = min(skipped, count_rows(txn, self._prefix, low, high))
        self.offset = min(self.total_rows, before + skipped)

    def _bounds(self, txn: ReadIndex, places: PlaceRange) -> tuple[bytes, bytes]:
        """What is left of a range, as keys have it. A whole place can be megabytes: see it only if need be."""
        last = self._behind
        if last is not None and last.snapshot is not self._snapshot.current:  # a place may have another key by now
            places = self._range = self._left_of(places, layout.whole_place(last.place, last.value))
            last = self._behind = None
        if last is not None:
            places = self._left_of(places, last.place)
        descending = self._query.descending
        low = places.low if last is not None and not descending else bound(txn, self._prefix, places.low)
        high = places.high if last is not None and descending else bound(txn, self._prefix, places.high)
        return low, high

    def _gather(self, txn: ReadIndex, rows: list[bytes] | list[RowText]) -> None:
        size, clock = 0, SliceClock()
        take = self._take_texts if self._query.include_docs else self._take
        simple = not self._query.include_docs and not self._query.descending
        scan = scan_rows_back if self._query.descending else scan_rows
        while self._range is not None and (self._left != 0 or self.offset is None):
            low, high = self._last = self._bounds(txn, self._range)
            if low < high and simple and not self._skip:
                count = self._gather_together(txn, rows, low, high)
                if count:
                    size += count
                    if self._left == 0 or size > SLICE_BYTES or clock.over:
                        self.done = self._left == 0
                        return
                    continue
            if low < high:
                for seen, (place, value) in enumerate(scan(txn, self._prefix, low, high), 1):
                    if self.offset is None:
                        self._tell_offset(txn, low, high)
                    size += take(value, rows)
                    full = size > SLICE_BYTES or (seen % CHUNK_ROWS == 0 and (clock.over or self._query.include_docs))
                    if self._left == 0 or full:
                        self._behind = _Behind(self._snapshot.current, place, value)
                        self.done = self._left == 0
                        return
            self._range, self._behind = next(self._ranges, None), None
            if clock.over:
                break
        self.done = self._range is None or self._left == 0

    def _gather_together(self, txn: ReadIndex, rows: list[Any], low: bytes, high: bytes) -> int:
        """Some rows of the present range, which goes on behind them; how many bytes, 0 at its end."""
        wanted = CHUNK_ROWS if self._left is None else min(CHUNK_ROWS, self._left)
        found, _ = rows_together(txn, self._prefix, low, high, wanted)
        if not found:
            return 0
        if self.offset is None:
            self._tell_offset(txn, low, high)
        key, value = found[-1]
        self._behind = _Behind(self._snapshot.current, key[len(self._prefix) :], value)
        texts = [text for _, value in found if (text := layout.single_text(value)) is not None]
        if len(texts) < len(found):
            return sum([self._take(value, rows) for _, value in found])
        if self._left is not None:
            self._left -= len(texts)
        rows += texts
        return sum(map(len, texts))

    def _left_of(self, places: PlaceRange, place: bytes) -> PlaceRange:
        """What is left of a range when this place was the last."""
        # No place begins another, so this is between it and the next.
        return places._replace(high=place) if self._query.descending else places._replace(low=place + b"\x00")

    def _take(self, value: bytes, rows: list[Any]) -> int:
        """Take what the query wants of a value's rows; how many bytes that is."""
        if not self._skip and self._left != 0:
            text = layout.single_text(value)
            if text is not None:  # as nearly always
                if self._left is not None:
                    self._left -= 1
                rows.append(text)
                return len(text)
        found: list[RowText] = []
        size = self._take_texts(value, found)
        rows += [row.text + b"}" for row in found]
        return size

    def _take_texts(self, value: bytes, rows: list[Any]) -> int:
        """The same, in parts."""
        size = 0
        for row in layout.row_texts(value):
            if self._skip:
                self._skip -= 1
                continue
            if self._left == 0:
                break
            if self._left is not None:
                self._left -= 1
            rows.append(row)
            size += len(row.text)
        return size


def same_index(number: int | None, state: IndexState | None) -> int:
    """The number of the index that is read on, 0 for none. Raises NotFound if it is another one by now."""
    found = 0 if state is None else state.number
    if number is not None and number != found:
        raise NotFound(GONE)
    return found


# --- Documents beside rows --------------------------------------------------------------------------------------------


async def _with_document(database: Database, row: RowText, query: ViewQuery) -> Row:
    """A row with its document, or the one that its value names."""
    doc_id, rev = _linked(row)
    opened = await _open(database, doc_id, rev, query) if doc_id is not None else None
    before = row.text + b',"doc":'
    if opened is None:
        return before + b"null}"
    return row_of(before, DocumentText(opened.json, opened.rest), b"}")


def _linked(row: RowText) -> tuple[str | None, Rev | None]:
    """The document that a row's value names, or the row's own."""
    try:
        value = decode(row.value) if row.text[row.value_at] == _BRACE else None
    except BadRequest:  # functions may emit what nests deeper than documents
        value = None
    doc_id = value.get("_id") if isinstance(value, dict) and "_id" in value else decode(row.doc_id)
    rev = value.get("_rev") if isinstance(value, dict) else None
    if not isinstance(doc_id, str):
        return None, None
    try:
        return doc_id, parse_rev(rev) if isinstance(rev, str) else None
    except InvalidRev:
        return None, None


async def _open(database: Database, doc_id: str, rev: Rev | None, query: ViewQuery) -> OpenedDoc | None:
    options = OpenOptions(
        rev=rev,
        conflicts=bool(query.conflicts),
        attachments=query.attachments,
        att_encoding_info=query.att_encoding_info,
    )
    try:
        return database.open_doc(doc_id) if options == PLAIN else await database.read_doc(doc_id, options)
    except NotFound:
        return None
