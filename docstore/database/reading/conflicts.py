"""Reading documents in conflict, those with more than one live leaf: listed and looked for.

Owns the listing of ``_conflicts`` and the text of its rows, and where in ``changes`` such documents are. It must not
know HTTP. It reads the ``conflicts`` table and what belongs to its rows, so it costs what it returns, whatever the
number of other documents. Neither does it unpack trees, unless it is to be told who wrote the leaves: the row in
``changes`` names them in winner order, live ones first, and the row in ``conflicts`` tells how many of them are live.
"""

from asyncio import to_thread
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from docstore.core.authorship import members_of
from docstore.core.json_text import JsonValue, encode, encode_string
from docstore.database.database import Database
from docstore.database.reading.all_docs_rows import ListingQuery, RowWriter
from docstore.database.reading.at_once import TREE_BYTES, Later, on_snapshot
from docstore.database.reading.document_text import Row, row_size
from docstore.database.reading.key_range import KeyRange
from docstore.database.slices import CHUNK_ROWS, SLICE_BYTES, LongSnapshot, SliceClock
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import get_record, get_record_value, get_tree
from docstore.storage.documents.records import CONFLICTED
from docstore.storage.documents.scans import ConflictedRow, changes_at, scan_conflicts
from docstore.storage.documents.stamps import unpack_stamps
from docstore.storage.rows import decode_change
from docstore.storage.tables import ReadTransaction

MAX_SEARCHED: Final = 10_000
"""Beyond so many conflicts ``_changes`` reads all rows: the numbers found are sorted in one go."""

LEAVES_AT_ONCE: Final = 500
"""Of a document of more leaves the row is made in a thread."""


@dataclass(frozen=True, slots=True)
class ConflictsQuery(ListingQuery):
    """What is listed. ``counts``: how many leaves there are, live and deleted; ``meta``: who wrote the live ones."""

    counts: bool = False
    meta: bool = False


class ConflictsSlice(NamedTuple):
    """A piece of the listing. ``total_rows``: all documents in conflict. ``rows`` as in ``AllDocsSlice``."""

    total_rows: int
    rows: list[Row]


async def read_conflicts(database: Database, query: ConflictsQuery) -> AsyncGenerator[ConflictsSlice]:
    """The listing in slices of about a millisecond, at least one. Raises DatabaseNotFound."""
    environment = database.environment
    with LongSnapshot(environment) as snapshot:
        listing = _Listing(database, query, snapshot)
        done = False
        while not done:
            rows, done = listing.next_rows()
            if done:
                snapshot.close()
            snapshot.lend()
            yield ConflictsSlice(listing.total_rows, rows)
            if listing.later is not None:
                yield ConflictsSlice(listing.total_rows, listing.add(await to_thread(listing.later.make, environment)))
            await snapshot.turn()


class _Listing:
    """One listing under way; ``_last`` is the id of the document that was read last.

    ``later`` is the row that the last slice ended before, since it is left to a thread; ``add`` takes what that made.
    """

    def __init__(self, database: Database, query: ConflictsQuery, snapshot: LongSnapshot) -> None:
        self._number = database.number
        self._query = query
        self._snapshot = snapshot
        self._writer = RowWriter(database.number, query, database.blobs.open)
        self._range = query.range()
        self._to_skip = query.skip
        self._left = query.limit
        self._last: str | None = None
        self.later: Later | None = None
        self.total_rows = get_state(snapshot.current, self._number).conflict_count
        self._rows = self._open_rows()

    def next_rows(self) -> tuple[list[Row], bool]:
        """The rows of the next slice, and whether it is the last."""
        if self._snapshot.renew():
            get_state(self._snapshot.current, self._number)  # a database that is gone says so
            self._rows = self._open_rows()
        rows: list[Row] = []
        size = 0
        clock = SliceClock()
        while self._left is None or self._left > 0:
            found = next(self._rows, None)
            if found is None:
                return rows, True
            self._last = found.document[0]
            if self._to_skip:
                self._to_skip -= 1
                continue
            row = self._row_or_later(found)
            self._left = None if self._left is None else self._left - 1
            if isinstance(row, Later):
                self.later = row
                return rows, False
            rows.append(row)
            size += row_size(row)
            if size > SLICE_BYTES or clock.over:
                return rows, False
        return rows, True

    def _open_rows(self) -> Iterator[ConflictedRow]:
        if self._range.empty or self._left == 0:
            return iter(())
        return scan_range(self._snapshot.current, self._number, self._range, self._last, self._left, self._to_skip)

    def add(self, row: Row | None) -> list[Row]:
        """The row that came later, in a list of its own; none of a document whose conflict has ended."""
        self.later = None
        return [] if row is None else [row]

    def _row_or_later(self, found: ConflictedRow) -> Row | Later:
        if found.live > LEAVES_AT_ONCE or (self._query.meta and self._is_large(found)):
            doc_id = found.document[0]
            return Later(lambda environment: on_snapshot(environment, lambda txn: self._row_now(txn, doc_id)))
        return self._row(self._snapshot.current, found)

    def _row_now(self, txn: ReadTransaction, doc_id: str) -> Row | None:
        found = next(scan_conflicts(txn, self._number, start=doc_id, end=doc_id), None)
        return None if found is None else self._row(txn, found)

    def _row(self, txn: ReadTransaction, found: ConflictedRow) -> Row:
        [(seq, value)] = changes_at(txn, self._number, [found.seq])
        others = decode_change(value, seq).others
        live = b",".join([encode_string(str(rev)) for rev in others[: found.live - 1]])
        more = b',"conflicts":[%b]' % live
        if self._query.counts:
            more += b',"counts":{"live":%d,"deleted":%d}' % (found.live, len(others) + 1 - found.live)
        if self._query.meta:
            more += b',"meta":%b' % self._authorship(txn, found.document[0], found.live)
        return self._writer.document_row(txn, found.document, more, b'"_conflicts":[%b]' % live)

    def _is_large(self, found: ConflictedRow) -> bool:
        """Whether the document's tree is one to be read in a thread."""
        value = get_record_value(self._snapshot.current, self._number, found.document[0])
        return value is not None and len(value) > TREE_BYTES

    def _authorship(self, txn: ReadTransaction, doc_id: str, live: int) -> bytes:
        """Who wrote the live leaves and when, the winner first. Such a tree is always stored whole."""
        record = get_record(txn, self._number, doc_id)
        if record is None:
            return b"[]"
        written, tree = unpack_stamps(record.stamps()), get_tree(txn, self._number, record)
        leaves = ((leaf, written.get(tree.nodes[leaf].seq)) for leaf in tree.leaves()[:live])
        return encode([{"rev": str(leaf), **members_of(wrote)} for leaf, wrote in leaves])


def scan_range(
    txn: ReadTransaction, number: int, limits: KeyRange, last: str | None, left: int | None, to_skip: int = 0
) -> Iterator[ConflictedRow]:
    """The documents in conflict in a range, after the id ``last``; no more is read ahead than ``left`` rows need."""
    return scan_conflicts(
        txn,
        number,
        start=limits.start if last is None else last,
        end=limits.end,
        descending=limits.descending,
        inclusive_start=last is None,
        inclusive_end=limits.inclusive_end,
        at_once=CHUNK_ROWS if left is None else max(min(CHUNK_ROWS, left + to_skip), 1),
    )


def count_conflicts(txn: ReadTransaction, number: int, start: str, end: str) -> int:
    """How many documents in conflict have an id from ``start`` to before ``end``; each of them is looked at."""
    return sum(1 for _ in scan_conflicts(txn, number, start=start, end=end, inclusive_end=False))


def is_conflicted(txn: ReadTransaction, number: int, doc_id: JsonValue) -> bool:
    """Whether there is a document of this id with more than one live leaf."""
    value = get_record_value(txn, number, doc_id) if isinstance(doc_id, str) else None
    return value is not None and value[0] & CONFLICTED == CONFLICTED


class ConflictSearch:
    """Where in ``changes`` the documents in conflict are. Looked for in slices: ``begin``, then ``go_on`` until True.

    ``seqs`` are the numbers found, in no order before the end and ascending after it.
    """

    def __init__(self, number: int) -> None:
        self.seqs: list[int] = []
        self.done = False
        self._number = number
        self._last: str | None = None
        self._rows: Iterator[ConflictedRow] = iter(())

    def begin(self, txn: ReadTransaction) -> None:
        """Search on this snapshot, after the document found last."""
        self._rows = scan_conflicts(txn, self._number, start=self._last, inclusive_start=self._last is None)

    def go_on(self, clock: SliceClock) -> bool:
        """Search until the slice is over; whether all are found."""
        while chunk := list(islice(self._rows, CHUNK_ROWS)):
            self.seqs += (row.seq for row in chunk)
            self._last = chunk[-1].document[0]
            if clock.over:
                return False
        self.seqs.sort()
        self.done = True
        return True
