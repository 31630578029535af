"""Reading documents by id: ``_all_docs``, ``_design_docs`` and ``_local_docs``.

Owns the choice of documents, offsets and the text of a row. It must not know HTTP. Follows ``fabric_view_all_docs``
and ``couch_mrview:all_docs``: ranges have an offset, ``keys`` have none and answer for what is missing; ``offset``
counts all documents before the first row, also those that ``_design_docs`` does not list.
"""

from asyncio import to_thread
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from docstore.core.document import DESIGN_PREFIX, LOCAL_PREFIX
from docstore.core.json_text import JsonValue
from docstore.core.partition import id_bounds
from docstore.database.database import Database
from docstore.database.reading.all_docs_rows import ListingQuery, RowWriter
from docstore.database.reading.at_once import Later
from docstore.database.reading.conflicts import count_conflicts, is_conflicted, scan_range
from docstore.database.reading.document_text import Row, row_size
from docstore.database.reading.key_range import UNSET, KeyRange, Unset
from docstore.database.slices import CHUNK_ROWS, SLICE_BYTES, LongSnapshot, SliceClock
from docstore.storage.databases import get_state
from docstore.storage.documents.counted import live_before, live_between
from docstore.storage.documents.local import scan_local
from docstore.storage.documents.scans import DocRow, scan_documents
from docstore.storage.rows import DatabaseState
from docstore.storage.tables import ReadTransaction

__all__ = ["UNSET", "AllDocsQuery", "AllDocsSlice", "Namespace", "Unset", "read_all_docs"]

DESIGN_END = "_design0"
LOCAL_END = "_local0"
"""The first texts after all ids of design documents and of ``_local`` ones; no ids themselves."""


class Namespace(StrEnum):
    """Which documents are listed."""

    ALL = "all"
    DESIGN = "design"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class AllDocsQuery(ListingQuery):
    """What is listed. ``keys`` excludes ``key``, ``start_key`` and ``end_key``.

    ``conflicts_only``: documents with more than one live leaf, and none of the others is looked at; of ``keys`` only
    those of such documents are answered. ``total_rows`` then counts them, and there is no offset.
    ``partition``  documents of this one alone; to ``keys`` it says nothing, and counts are those of the database.
    """

    keys: tuple[JsonValue, ...] | None = None
    update_seq: bool = False
    conflicts_only: bool = False
    partition: str | None = None
    namespace: Namespace = Namespace.ALL


class AllDocsSlice(NamedTuple):
    """A piece of a listing. The first three are the same in every slice of one listing; ``rows`` are JSON texts.

    A row with bytes of attachments that are to be streamed is cut at their places (``join_rows``, ``stream_text``).
    """

    total_rows: int | None
    offset: int | None
    update_seq: str | None
    rows: list[Row]


async def read_all_docs(database: Database, query: AllDocsQuery) -> AsyncGenerator[AllDocsSlice]:
    """The listing in slices of about a millisecond, at least one (without rows, if there are none).

    A listing that lasts longer than a snapshot may goes on from its last id in a newer one. Raises DatabaseNotFound.
    """
    with LongSnapshot(database.environment) as snapshot:
        listing = _Listing(database, query, snapshot)
        done = False
        while not done:
            rows, done = listing.next_rows()
            if done:
                snapshot.close()
            snapshot.lend()
            yield AllDocsSlice(listing.total_rows, listing.offset, listing.update_seq, rows)
            if listing.later is not None:
                rows = listing.add(await to_thread(listing.later.make, database.environment))
                done = listing.done
                yield AllDocsSlice(listing.total_rows, listing.offset, listing.update_seq, rows)
            await snapshot.turn()


class _Listing:
    """One listing under way.

    ``_rows`` gives what is left to list from the present snapshot, None for a row that is skipped; ``_last`` is the id
    of the row it gave last. ``later`` is the row that the last slice ended before, since it is left to a thread;
    ``add`` takes what that made.
    """

    def __init__(self, database: Database, query: AllDocsQuery, snapshot: LongSnapshot) -> None:
        self._number = database.number
        self._query = query
        self._snapshot = snapshot
        self._writer = RowWriter(database.number, query, database.blobs.open)
        self._range = _range_of(query)
        self._to_skip = query.skip
        self._left = query.limit
        self._last: str | None = None
        self.later: Later | None = None
        self._rows = self._open_rows()
        state = get_state(snapshot.current, self._number)
        # CouchDB tells null to those who give keys, and for documents that are in no sequence
        with_seq = query.update_seq and query.keys is None and query.namespace is not Namespace.LOCAL
        self.update_seq = database.update_seq_text(state.update_seq) if with_seq else None
        self.total_rows = self._count_rows(state)
        self.offset = self._count_before(state)

    def next_rows(self) -> tuple[list[Row], bool]:
        """The rows of the next slice, and whether it is the last."""
        if self._snapshot.renew():
            get_state(self._snapshot.current, self._number)  # a database that is gone says so
            if self._query.keys is None:
                self._rows = self._open_rows()
        rows: list[Row] = []
        if self._left == 0:
            return rows, True
        size = 0
        clock = SliceClock()
        unwatched = 1 if self._query.conflicts else CHUNK_ROWS  # the conflicts of one document can take long
        for count, row in enumerate(self._rows, 1):
            if isinstance(row, Later):
                self.later = row
                return rows, False
            if row is not None:
                rows.append(row)
                size += row_size(row)
                if self._left is not None:
                    self._left -= 1
                    if self._left == 0:
                        return rows, True
            if size > SLICE_BYTES or (count % unwatched == 0 and clock.over):
                return rows, False
        return rows, True

    @property
    def done(self) -> bool:
        """Whether there are as many rows as were asked for."""
        return self._left == 0

    def add(self, row: Row | None) -> list[Row]:
        """The row that came later, in a list of its own; none of a document that is deleted by now."""
        self.later = None
        if row is None:
            return []
        self._left = None if self._left is None else self._left - 1
        return [row]

    # --- what is listed

    def _open_rows(self) -> Iterator[Row | Later | None]:
        if self._query.keys is not None:
            return self._rows_of_keys(self._query.keys)
        local = self._query.namespace is Namespace.LOCAL
        if self._range.empty or (local and self._query.conflicts_only):  # local documents have no conflicts
            return iter(())
        return self._rows_of_local() if local else self._rows_of_documents()

    def _rows_of_documents(self) -> Iterator[Row | Later | None]:
        txn = self._snapshot.current
        for row in self._conflicted(txn) if self._query.conflicts_only else self._documents(txn):
            self._last = row[0]
            yield None if self._skips() else self._writer.listed_row(txn, row)

    def _documents(self, txn: ReadTransaction) -> Iterator[DocRow]:
        limits = self._range
        return scan_documents(
            txn,
            self._number,
            start=limits.start if self._last is None else self._last,
            end=limits.end,
            descending=limits.descending,
            inclusive_start=self._last is None,
            inclusive_end=limits.inclusive_end,
        )

    def _conflicted(self, txn: ReadTransaction) -> Iterator[DocRow]:
        for found in scan_range(txn, self._number, self._range, self._last, self._left, self._to_skip):
            yield found.document

    def _rows_of_local(self) -> Iterator[bytes | None]:
        limits, last = self._range, self._last
        for name, row in scan_local(
            self._snapshot.current,
            self._number,
            start=_local_bound(limits.start if last is None else last),
            end=_local_bound(limits.end),
            descending=limits.descending,
            inclusive_end=limits.inclusive_end,
        ):
            doc_id = LOCAL_PREFIX + name
            if doc_id != last:
                self._last = doc_id
                yield None if self._skips() else self._writer.local_row(doc_id, row)

    def _rows_of_keys(self, keys: Sequence[JsonValue]) -> Iterator[Row | Later | None]:
        local = self._query.namespace is Namespace.LOCAL
        for key in reversed(keys) if self._query.descending else keys:
            if not self._is_answered(key) or self._skips():
                yield None
            elif local or (isinstance(key, str) and key.startswith(LOCAL_PREFIX)):
                yield self._writer.local_key_row(self._snapshot.current, str(key))
            else:
                yield self._writer.key_row(self._snapshot.current, key)

    def _is_answered(self, key: JsonValue) -> bool:
        """Whether a key of ``keys`` is answered at all."""
        if not _is_within(key, self._query.namespace):
            return False
        return not self._query.conflicts_only or is_conflicted(self._snapshot.current, self._number, key)

    def _skips(self) -> bool:
        if not self._to_skip:
            return False
        self._to_skip -= 1
        return True

    # --- counts

    def _count_rows(self, state: DatabaseState) -> int | None:
        match self._query.namespace:
            case Namespace.LOCAL:
                return None
            case Namespace.DESIGN if self._query.conflicts_only:
                return count_conflicts(self._snapshot.current, self._number, DESIGN_PREFIX, DESIGN_END)
            case Namespace.ALL if self._query.conflicts_only:
                return state.conflict_count
            case Namespace.DESIGN:
                return live_between(self._snapshot.current, self._number, DESIGN_PREFIX, DESIGN_END)
            case Namespace.ALL:
                return state.doc_count

    def _count_before(self, state: DatabaseState) -> int | None:
        """CouchDB's ``offset``: the live documents before the first row, in the direction of reading."""
        total = self.total_rows
        if total is None or self._query.keys is not None or self._query.conflicts_only:
            return None
        txn, limits = self._snapshot.current, self._range
        if limits.past_end:
            before = state.doc_count
        elif limits.start is None:
            before = 0
        elif limits.descending:
            before = state.doc_count - live_before(txn, self._number, limits.start + "\x00")
        else:
            before = live_before(txn, self._number, limits.start)
        skipped = self._query.skip
        if skipped and self._query.partition is not None:  # there CouchDB counts no further than the range goes
            skipped = min(skipped, self._count_inside())
        return min(total, before + skipped)

    def _count_inside(self) -> int:
        """The live documents of a range that has two ends."""
        limits = self._range
        if limits.empty or limits.start is None or limits.end is None:
            return 0
        after_start = limits.start + "\x00" * limits.descending
        after_end = limits.end + "\x00" * (limits.inclusive_end != limits.descending)
        low, high = (after_end, after_start) if limits.descending else (after_start, after_end)
        return live_between(self._snapshot.current, self._number, low, high)


def _range_of(query: AllDocsQuery) -> KeyRange:
    limits = query.range()
    if query.partition is not None:
        limits = limits.within(*id_bounds(query.partition))
    match query.namespace:
        case Namespace.ALL:
            return limits
        case Namespace.DESIGN:
            return limits.within(DESIGN_PREFIX, DESIGN_END)
        case Namespace.LOCAL:
            return limits.within(LOCAL_PREFIX, LOCAL_END)


def _is_within(key: JsonValue, namespace: Namespace) -> bool:
    """Whether a key names a document of these."""
    match namespace:
        case Namespace.ALL:
            return True
        case Namespace.DESIGN:
            return isinstance(key, str) and key.startswith(DESIGN_PREFIX)
        case Namespace.LOCAL:
            return isinstance(key, str) and key.startswith(LOCAL_PREFIX)


def _local_bound(doc_id: str | None) -> str | None:
    """A bound of a range of ``_local`` ids as the store has them; None for the bounds of all."""
    return None if doc_id is None or doc_id == LOCAL_END else doc_id.removeprefix(LOCAL_PREFIX) or None
