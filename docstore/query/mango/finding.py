"""One query at work: rows, documents, what is shown of them, and where the page ends.

Owns the order of these steps, the counts of what was looked at, and how much is done at a time: a piece on the event
loop is small, and what is more goes on in a thread, in pieces as well, so that a reader who leaves ends it. It must not
know how an index was chosen. Follows ``mango_cursor_view:execute``.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from time import perf_counter
from typing import Final, NamedTuple

from docstore.core.json_text import JsonValue
from docstore.core.steps import OutOfSteps, Steps
from docstore.database.database import Database
from docstore.database.reading.at_once import FILTER_STEPS, TooMuchAtOnce
from docstore.database.reading.winners import Winner, bodies_of, find_winners, plain_texts
from docstore.errors import BadRequest
from docstore.query.mango.bookmarks import Place
from docstore.query.mango.matching import CoveredRows, Documents
from docstore.query.mango.options import FindOptions
from docstore.query.mango.sources import FoundRow, Source, TextHit, document_of, id_of, place_of
from docstore.query.views import layout
from docstore.settings import KIB
from docstore.storage.databases import get_state
from docstore.storage.tables import ReadTransaction


class _Amount(NamedTuple):
    """How much is done in one piece: rows read together, bytes of bodies and of what is shown, seconds."""

    rows: int
    bytes: int
    seconds: float


AT_ONCE: Final = _Amount(64, 64 * KIB, 0.001)
IN_THREAD: Final = _Amount(512, 1024 * KIB, 0.02)
ROWS_A_LOOK: Final = 32
"""Rows between two looks at the clock: more than an ordinary page has, which is not worth a thread's time."""

TOO_MANY_STEPS: Final = "The selector takes more than {} steps on one document."


@dataclass(slots=True)
class Statistics:
    """What was looked at. ``quorum``: documents that were read with ``r`` above 1, which are not in ``docs``."""

    keys: int = 0
    docs: int = 0
    quorum: int = 0
    returned: int = 0
    seconds: float = 0.0

    def shown(self) -> dict[str, JsonValue]:
        """As ``execution_stats``."""
        return {
            "total_keys_examined": self.keys,
            "total_docs_examined": self.docs,
            "total_quorum_docs_examined": self.quorum,
            "results_returned": self.returned,
            "execution_time_ms": round(self.seconds * 1000, 3),
        }


class Finding:
    """A query under way. ``work`` is called until it is ``done``, by one thread at a time.

    ``last``   the last row that matched, None as long as none did
    ``stats``  what was looked at
    """

    def __init__(
        self,
        database: Database,
        options: FindOptions,
        source: Source,
        documents: Documents,
        covered: CoveredRows | None,
        *,
        exact: bool,
        max_steps: int,
    ) -> None:
        """``exact``: whether all rows match; ``max_steps``: that one document may take."""
        self.stats = Statistics()
        self._database = database
        self._environment = database.environment
        self._options = options
        self._source = source
        self._documents = documents
        self._covered = covered
        self._exact = exact
        self._max_steps = max_steps
        # CouchDB ends a page at the row behind it, and counts that as looked at.
        self._looks_behind = options.execution_stats
        # Then nothing is to be known of a document but its text.
        self._settled = (
            exact
            and covered is None
            and options.fields is None
            and not (options.conflicts or options.conflicts_only or options.execution_stats)
        )
        self._left = options.limit
        self._skip = options.skip
        self._waiting: Sequence[FoundRow] = ()
        self._last: FoundRow | None = None

    @property
    def done(self) -> bool:
        """Whether there is nothing more to show."""
        return not (self._left or self._looks_behind) or (self._source.done and not self._waiting)

    @property
    def last(self) -> Place | None:
        """The last row that matched."""
        return None if self._last is None else place_of(self._last)

    @property
    def last_hit(self) -> TextHit | None:
        """The same of a text index, None of another."""
        return self._last if isinstance(self._last, TextHit) else None

    def work(self, *, at_once: bool) -> list[bytes]:
        """What is shown of some more documents. ``at_once``: on the event loop; what is too much there is left.

        Raises BadRequest for a selector that takes too many steps, and what the source raises.
        """
        began = perf_counter()
        amount = AT_ONCE if at_once else IN_THREAD
        shown: list[bytes] = []
        size = 0
        try:
            while not self.done and size < amount.bytes:
                texts, more = self._round(amount, began + amount.seconds)
                shown += texts
                size += sum(map(len, texts))
                if not more:
                    break
        finally:
            self.stats.seconds += perf_counter() - began
        return shown

    def _round(self, amount: "_Amount", ends: float) -> tuple[list[bytes], bool]:
        """What is shown of some rows, and whether there is time for more."""
        rows = self._waiting or self._next_rows(amount)
        self._waiting = rows
        if self._settled and (page := self._page(rows, amount)) is not None:
            return page, perf_counter() < ends
        shown: list[bytes] = []
        looked_at = 0
        more = True
        try:
            with closing(self._texts(rows, amount)) as texts:
                for text in texts:
                    row = rows[looked_at]
                    looked_at += 1
                    if text is not None and self._take(row):
                        shown.append(text)
                    if not (self._left or self._looks_behind):
                        break
                    if looked_at % ROWS_A_LOOK == 0 and perf_counter() >= ends:
                        more = False
                        break
        except (OutOfSteps, TooMuchAtOnce):
            if amount is IN_THREAD:
                raise BadRequest(TOO_MANY_STEPS.format(self._max_steps)) from None
            more = False
        self._waiting = rows[looked_at:]
        self.stats.keys += looked_at
        return shown, more and perf_counter() < ends

    def _page(self, rows: Sequence[FoundRow], amount: "_Amount") -> list[bytes] | None:
        """What is shown of all of these rows, where each is shown whole and no document needs a closer look."""
        if self._skip or not rows or len(rows) > self._left:
            return None
        values = [row for row in rows if isinstance(row, bytes)]
        if len(values) < len(rows):
            return None
        ids = layout.quoted_ids(values)
        with self._environment.snapshot() as txn:
            texts = plain_texts(txn, self._database.number, ids, self._source.seq, amount.bytes)
        if texts is None:
            return None
        count = len(texts)
        self._waiting, self._last = (), rows[-1]
        self._left -= count
        self.stats.keys += count
        self.stats.returned += count
        self._count_documents(count)
        return texts

    def _next_rows(self, amount: "_Amount") -> Sequence[FoundRow]:
        count = amount.rows
        if self._exact and not self._options.conflicts_only:
            count = min(count, self._left + self._skip + self._looks_behind)
        return self._source.next_rows(count)

    def _take(self, row: FoundRow) -> bool:
        """A row matches; whether it is shown."""
        if not self._left:
            self._looks_behind = False
            return False
        self._last = row
        if self._skip:
            self._skip -= 1
            return False
        self._left -= 1
        self.stats.returned += 1
        return True

    def _texts(self, rows: Sequence[FoundRow], amount: "_Amount") -> Generator[bytes | None]:
        """For each row what is shown of it, None for what does not match; it may end before the last.

        Raises OutOfSteps; TooMuchAtOnce for documents that are too large for the event loop.
        """
        if self._covered is not None:
            return self._of_rows(self._covered, rows, amount)
        return self._of_documents(rows, amount)

    def _of_rows(self, covered: CoveredRows, rows: Sequence[FoundRow], amount: "_Amount") -> Generator[bytes | None]:
        steps = Steps(FILTER_STEPS)
        for row in rows:
            if amount is IN_THREAD:
                steps.left = self._max_steps
            yield covered.show(place_of(row), steps, settled=self._exact)

    def _of_documents(self, rows: Sequence[FoundRow], amount: "_Amount") -> Generator[bytes | None]:
        steps = Steps(FILTER_STEPS)
        db = self._database.number
        show, exact, seq = self._documents.show, self._exact, self._source.seq
        with self._environment.snapshot() as txn:
            winners = _fitting(self._winners(txn, rows), amount)
            bodies = bodies_of(txn, db, [one for one in winners if one is not None])
            among_designs = bool(rows) and not isinstance(rows[0], bytes)
            for winner in winners:
                if among_designs and winner is not None and winner.is_design:  # looked at in passing, and never found
                    self._count_documents(1)
                    yield None
                    continue
                body = None if winner is None else bodies.get(winner.body_seq)
                if winner is None or body is None:
                    get_state(txn, db)  # else it is the whole database that is gone
                    yield None
                    continue
                if amount is IN_THREAD:
                    steps.left = self._max_steps
                text = show(txn, db, winner, body, steps, settled=exact and winner.seq <= seq)
                self._count_documents(1)
                yield text

    def _winners(self, txn: ReadTransaction, rows: Sequence[FoundRow]) -> list[Winner | None]:
        winners: list[Winner | None]
        if rows and not isinstance(rows[0], bytes):
            winners = [document_of(row) for row in rows if not isinstance(row, bytes)]
        else:
            winners = find_winners(txn, self._database.number, [id_of(row) for row in rows])
        if self._options.conflicts_only:
            return [one if one is not None and one.conflicted else None for one in winners]
        return winners

    def _count_documents(self, count: int) -> None:
        if self._options.r > 1:
            self.stats.quorum += count
        else:
            self.stats.docs += count


def _fitting(winners: list[Winner | None], amount: "_Amount") -> list[Winner | None]:
    """The first of them, as many as are not too much. Raises TooMuchAtOnce if that is none on the event loop."""
    size = 0
    for place, winner in enumerate(winners):
        size += 0 if winner is None else winner.body_size
        if size > amount.bytes:
            if amount is AT_ONCE and not place:
                raise TooMuchAtOnce
            return winners[: max(place, 1)]
    return winners
