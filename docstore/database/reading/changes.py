"""Reading changes: what happened after a sequence, once or for as long as the reader listens.

Owns which rows a feed has, in which order, and when a feed ends. It must not know HTTP: framing and headers are the
server's; nor the text of a row (``change_rows.py``). Follows ``fabric_view_changes`` and ``couch_changes`` of CouchDB.

A pass reads ``changes`` from ``since`` to the end that the database had when the pass began, so it comes to an end
beside a busy writer. It is read in slices; when it lasts longer than a snapshot may it goes on in a newer one: a
document that changed meanwhile has moved beyond the end, where the next pass finds it.

Filters that name documents (``doc_ids``, ``design``) look these up, as CouchDB does, and count the rows not looked at
as ``pending``; other filters look at every row. With ``conflicts_only`` the documents in conflict are looked for in
their own table if they are few among the rows to be read; what is told is the same.
"""

from asyncio import get_running_loop, to_thread
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Set
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Final, NamedTuple, TypeAlias

from docstore.core.document import DESIGN_PREFIX
from docstore.database.database import Database
from docstore.database.notifier import Subscription
from docstore.database.reading.all_docs import DESIGN_END
from docstore.database.reading.at_once import Later
from docstore.database.reading.change_rows import MAX_FILTER_STEPS, DocumentFilter, DocumentProjection, RowWriter, Style
from docstore.database.reading.conflicts import MAX_SEARCHED, ConflictSearch
from docstore.database.reading.document_text import Row, listed_view, row_size
from docstore.database.slices import CHUNK_ROWS, SLICE_BYTES, LongSnapshot, SliceClock
from docstore.errors import DatabaseNotFound
from docstore.storage.databases import get_state
from docstore.storage.documents.counted import rows_after
from docstore.storage.documents.documents import get_records
from docstore.storage.documents.scans import changes_at, scan_changes, scan_documents
from docstore.storage.keys import pack_seq_key, seq_of
from docstore.storage.rows import DatabaseState
from docstore.storage.tables import ReadTransaction

__all__ = [
    "ChangesQuery",
    "ChangesSlice",
    "DocumentFilter",
    "DocumentProjection",
    "Style",
    "follow_changes",
    "read_changes",
]

LOOKUP_COST: Final = 8
"""To find the row of a document in conflict costs as much as to look at so many rows."""

MAX_LOOKUPS: Final = 100
"""Up to so many ``doc_ids`` are looked up; more are found by reading all rows (CouchDB's
``changes_doc_ids_optimization_threshold``)."""

ENDLESS: Final = 10**15
"""CouchDB's limit where none is given; it shows in which rows a ``seq_interval`` leaves without a sequence."""


@dataclass(frozen=True, slots=True)
class ChangesQuery:
    """What is read.

    ``since``       a number from ``Database.parse_since``; ignored when ``descending``, as in CouchDB
    ``doc_ids``     these documents alone (filter ``_doc_ids``)
    ``design``      design documents alone (filter ``_design``)
    ``conflicts_only``  documents with more than one live leaf alone, beside any filter
    ``filter``      gets each revision's document as parsed JSON, with ``_id``, ``_rev`` and ``_deleted``, and a budget
    ``max_filter_steps``  the budget for the revisions of one row
    ``projection``  what stands in ``doc`` instead of the document (``fields`` of ``_selector``)
    ``seq_interval``  only every n-th row carries its sequence, the others null
    """

    since: int = 0
    limit: int | None = None
    descending: bool = False
    style: Style = Style.MAIN_ONLY
    include_docs: bool = False
    conflicts: bool = False
    attachments: bool = False
    att_encoding_info: bool = False
    doc_ids: Set[str] | None = None
    design: bool = False
    conflicts_only: bool = False
    filter: DocumentFilter | None = None
    max_filter_steps: int = MAX_FILTER_STEPS
    projection: DocumentProjection | None = None
    seq_interval: int | None = None


class ChangesSlice(NamedTuple):
    """A piece of a feed.

    ``rows`` are JSON texts, cut as in ``AllDocsSlice``, ``seqs`` the number of each row, None where its ``seq`` is
    null. ``last_seq`` and ``pending`` hold after these rows, and in the last slice for the whole feed. A slice may be
    empty; with ``heartbeat`` it says that the feed has been silent for long enough.
    """

    rows: list[Row]
    seqs: list[int | None]
    last_seq: int
    pending: int
    heartbeat: bool = False


ReadChanges: TypeAlias = Callable[["Database", ChangesQuery], AsyncGenerator[ChangesSlice]]
"""One pass: ``read_changes``, or one that leaves rows out."""


async def read_changes(database: Database, query: ChangesQuery) -> AsyncGenerator[ChangesSlice]:
    """One pass in slices of about a millisecond, at least one. Raises DatabaseNotFound, BadRequest of the filter."""
    with LongSnapshot(database.environment) as snapshot:
        work = _Pass(database, query, snapshot)
        done = False
        while not done:
            piece, done = work.next_slice()
            if done:
                snapshot.close()
            snapshot.lend()
            yield piece
            if work.later is not None:
                yield work.add(await to_thread(work.later.make, database.environment))
                done = work.done
            await snapshot.turn()


async def follow_changes(
    database: Database,
    query: ChangesQuery,
    *,
    once: bool,
    patience: float | None = None,
    heartbeat: float | None = None,
    subscription: Subscription | None = None,
    read: "ReadChanges | None" = None,
) -> AsyncGenerator[ChangesSlice]:
    """A pass, of ``read`` where that is given, and then what follows.

    ``once`` is longpoll: the feed ends after the first pass with rows. Otherwise (continuous, eventsource) it ends when
    ``limit`` rows were given. Both end after ``patience`` seconds of silence, unless ``heartbeat`` is set: then a
    heartbeat comes after so many seconds of it. The deletion of the database, and the stop of the node, end the feed;
    so does whoever ends the ``subscription``, if one is given: then all that there is is told before.
    """
    now = get_running_loop().time
    pause = patience if heartbeat is None else heartbeat
    position = query
    with subscription or database.notifier.subscribe(database.number) as subscription:
        spoken = now()
        while True:
            subscription.clear()
            given = 0
            piece = None
            try:
                async with aclosing((read or read_changes)(database, position)) as pieces:
                    async for piece in pieces:
                        given += len(piece.rows)
                        silent = heartbeat is not None and now() - spoken >= heartbeat
                        if piece.rows or silent:
                            spoken = now()
                        yield piece._replace(heartbeat=silent) if silent else piece
            except DatabaseNotFound:
                return
            limit = None if position.limit is None else position.limit - given
            if piece is None or query.descending or (once and given) or (not once and limit == 0):
                return
            position = replace(position, since=piece.last_seq, limit=limit)
            while not await subscription.wait(None if pause is None else spoken + pause - now()):
                if heartbeat is None:
                    return
                spoken = now()
                yield ChangesSlice([], [], piece.last_seq, piece.pending, heartbeat=True)
            if subscription.ended:
                return


class _Pass:
    """One pass under way. ``_source`` gives (seq, stored row) of what is left to read, from the present snapshot.

    ``later`` is the row that the last slice ended before, since it is left to a thread; ``add`` takes what that made.
    """

    def __init__(self, database: Database, query: ChangesQuery, snapshot: LongSnapshot) -> None:
        self._number = database.number
        self._query = query
        self._snapshot = snapshot
        self._left = ENDLESS if query.limit is None else query.limit
        few = query.doc_ids is not None and len(query.doc_ids) <= MAX_LOOKUPS
        self._looks_up = query.design or few
        self._writer = RowWriter(
            database.number,
            database.opaque,
            style=query.style,
            ids=None if few else query.doc_ids,
            conflicts_only=query.conflicts_only,
            include_docs=query.include_docs,
            conflicts=query.conflicts,
            filter=query.filter,
            projection=query.projection,
            attachments=listed_view(data=query.attachments, encoding_info=query.att_encoding_info),
            open_blob=database.blobs.open,
            max_filter_steps=query.max_filter_steps,
        )
        self.later: Later | None = None
        self._shown: int | None = None
        state = get_state(snapshot.current, self._number)
        self._end = state.update_seq
        self._last = self._end if query.descending else query.since
        self._before = self._end + 1
        self._pending = 0
        self._source: Iterator[tuple[int, bytes]] = iter(())
        self._search = self._search_of(state)
        self._open_source(first=True)

    def next_slice(self) -> tuple[ChangesSlice, bool]:
        """The next slice, and whether it is the last."""
        if self._snapshot.renew():
            self._open_source(first=False)
        rows: list[Row] = []
        seqs: list[int | None] = []
        size = 0
        clock = SliceClock()
        while self._left:
            if self._search is not None and not self._search.done:
                if not self._search.go_on(clock):
                    break
                self._open_source(first=False)
            read = self._read_chunk(rows, seqs, clock)
            if read is None:
                if not self._query.descending:
                    self._last = max(self._last, self._end)
                elif self._search is not None:
                    first = next(scan_changes(self._snapshot.current, self._number), None)
                    self._last = self._last if first is None else first[0]
                return ChangesSlice(rows, seqs, self._last, self._pending if self._search is None else 0), True
            size += read
            if self.later is not None or size > SLICE_BYTES or clock.over:
                break
        if self._search is not None:
            self._pending = self._rows_left()
        return ChangesSlice(rows, seqs, self._last, self._pending), self.done

    @property
    def done(self) -> bool:
        """Whether there are as many rows as were asked for."""
        return self._left == 0

    def add(self, row: Row | None) -> ChangesSlice:
        """The slice of the row that came later, without a row if it is filtered out."""
        self.later = None
        if row is None:
            return ChangesSlice([], [], self._last, self._pending)
        self._left -= 1
        return ChangesSlice([row], [self._shown], self._last, self._pending)

    def _read_chunk(self, rows: list[Row], seqs: list[int | None], clock: SliceClock) -> int | None:
        """Read some rows; the bytes they came to, None at the end of the pass."""
        chunk = islice(self._source, min(CHUNK_ROWS, self._left))
        if not self._writer.plain or self._query.seq_interval is not None:
            return self._read_singly(chunk, rows, seqs, clock)
        stored, size = self._as_many_as_a_slice(list(chunk))
        if not stored:
            return None
        rows += self._writer.plain_rows(stored)
        seqs += [seq for seq, _ in stored]
        self._left -= len(stored)
        self._pending -= len(stored)
        self._last = self._before = stored[-1][0]
        return size

    def _as_many_as_a_slice(self, stored: list[tuple[int, bytes]]) -> tuple[list[tuple[int, bytes]], int]:
        """Put back what is beyond a slice: the row of a document with thousands of leaves is as long as they are.

        With the bytes of what stays, as stored.
        """
        whole = sum([len(value) for _, value in stored])
        if whole <= SLICE_BYTES:
            return stored, whole
        size = 0
        for count, (_, value) in enumerate(stored, 1):
            size += len(value)
            if size > SLICE_BYTES:
                self._source = chain(stored[count:], self._source)
                return stored[:count], size
        return stored, size

    def _read_singly(
        self, chunk: Iterator[tuple[int, bytes]], rows: list[Row], seqs: list[int | None], clock: SliceClock
    ) -> int | None:
        interval = self._query.seq_interval
        size: int | None = None
        for seq, value in chunk:
            shown = None if interval is not None and self._left % interval else seq
            row = self._writer.row(self._snapshot.current, seq, value, shown)
            size = size or 0
            self._pending -= 1
            self._last = self._before = seq
            if isinstance(row, Later):
                self.later, self._shown = row, shown
                break
            if row is not None:
                rows.append(row)
                seqs.append(shown)
                self._left -= 1
                size += row_size(row)
            if size > SLICE_BYTES or clock.over:  # a filter can take its time over a single row
                break
        return size

    def _open_source(self, *, first: bool) -> None:
        """Begin, or go on behind the last row read, on the present snapshot. Raises DatabaseNotFound."""
        txn, number, query = self._snapshot.current, self._number, self._query
        get_state(txn, number)  # a database that is gone says so
        after, before = self._last, self._end + 1
        if query.descending:
            after, before = 0, self._before
        if self._looks_up:
            self._source = self._look_up(txn, after, before)
        elif self._search is not None and not self._search.done:
            self._search.begin(txn)
        elif self._search is not None:
            seqs = [seq for seq in self._search.seqs if after < seq < before]
            self._source = changes_at(txn, number, seqs[::-1] if query.descending else seqs)
        else:
            self._source = scan_changes(txn, number, after=after, before=before, descending=query.descending)
        if first or not self._looks_up:
            self._pending = self._rows_left()

    def _rows_left(self) -> int:
        """How many rows there are that were not looked at yet, told or not."""
        txn, number = self._snapshot.current, self._number
        state = get_state(txn, number)
        if self._query.descending:
            return state.doc_count + state.doc_del_count - rows_after(txn, number, state, self._before - 1)
        return rows_after(txn, number, state, self._last)

    def _search_of(self, state: DatabaseState) -> ConflictSearch | None:
        """How documents in conflict are found; None if all rows are to be looked at, or others are looked up."""
        query = self._query
        if not query.conflicts_only or self._looks_up or state.conflict_count > MAX_SEARCHED:
            return None
        few = state.conflict_count * LOOKUP_COST <= self._rows_left()
        return ConflictSearch(self._number) if few else None

    def _look_up(self, txn: ReadTransaction, after: int, before: int) -> Iterator[tuple[int, bytes]]:
        """The rows of the documents that the query names."""
        doc_ids: Iterable[str] = self._query.doc_ids or ()
        if self._query.design:
            found = scan_documents(txn, self._number, start=DESIGN_PREFIX, end=DESIGN_END, deleted=True)
            doc_ids = [doc_id for doc_id, *_ in found]
        records = get_records(txn, self._number, doc_ids).values()
        seqs = sorted(record.seq for record in records if after < record.seq < before)
        wanted = [pack_seq_key(self._number, seq) for seq in seqs]
        rows = [(seq_of(key), value) for key, value in txn.getmulti(txn.tables.changes, wanted)]
        return reversed(rows) if self._query.descending else iter(rows)
