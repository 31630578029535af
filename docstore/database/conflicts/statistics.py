"""How often edits are refused for a conflict, and of which documents most.

Owns the counters and the list of the most refused documents of the last hour. It must not know what a conflict is, nor
HTTP. Memory is bounded, and so the list is approximate:

The hour is cut into slots of five minutes. Each slot keeps a summary after Misra and Gries: a count for each document
until there are twice as many as wanted, then as much is taken off all counts as leaves the wanted ones above zero. A
count is thus too low by at most what was taken off, which is told beside it, and no document with more refusals than
that is ever lost.
"""

from collections import Counter, deque
from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple

SLOT_SECONDS: Final = 300
SLOTS: Final = 12
"""An hour; the slot under way comes on top of it."""

SUMMARY_SIZE: Final = 64
MAX_DATABASES: Final = 1_000
"""Databases that are counted by name; what happens in others is counted under ``OTHERS``."""

OTHERS: Final = "_others"
"""No database has this name."""

TOP: Final = 10


class RefusedOften(NamedTuple):
    """A document and how often edits of it were refused: ``refusals`` times at least, ``error`` more at most."""

    database: str
    id: str
    refusals: int
    error: int


class ConflictStats:
    """The counters of one node; made for one event loop. ``clock`` gives seconds that never go back.

    ``conflicts``  refused edits by (kind, database); kinds are names of problem types, such as "revision-superseded"
    ``replays``    stored replies given again for an idempotency key, by database
    ``leniencies`` edits that were there already and were answered as successes, by database
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.conflicts: Counter[tuple[str, str]] = Counter()
        self.replays: Counter[str] = Counter()
        self.leniencies: Counter[str] = Counter()
        self._clock = clock
        self._databases: set[str] = set()
        self._slots: deque[tuple[int, _Summary]] = deque(maxlen=SLOTS + 1)
        self._latest = _Summary()
        self._latest_ends = -inf

    def conflict(self, database: str, doc_id: str, kind: str) -> None:
        """An edit was refused. ``doc_id`` is empty where no document is concerned."""
        self.conflicts[kind, database if database in self._databases else self._counted(database)] += 1
        if doc_id:
            if self._clock() >= self._latest_ends:
                self._begin_slot()
            latest, document = self._latest, (database, doc_id)
            counts = latest.counts
            counts[document] = counts.get(document, 0) + 1
            if len(counts) >= 2 * SUMMARY_SIZE:
                latest.shorten()

    def replayed(self, database: str) -> None:
        """A stored reply was given again."""
        self.replays[self._counted(database)] += 1

    def lenient(self, database: str) -> None:
        """An edit that was there already was answered as a success."""
        self.leniencies[self._counted(database)] += 1

    def most_refused(self, limit: int = TOP) -> list[RefusedOften]:
        """The documents with most refused edits in the last hour, most first."""
        oldest = self._slot() - SLOTS
        counts: Counter[tuple[str, str]] = Counter()
        error = 0
        for slot, summary in self._slots:
            if slot >= oldest:
                counts.update(summary.counts)
                error += summary.error
        ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
        return [RefusedOften(database, doc_id, count, error) for (database, doc_id), count in ordered[:limit]]

    def _counted(self, database: str) -> str:
        if database in self._databases:
            return database
        if len(self._databases) >= MAX_DATABASES:
            return OTHERS
        self._databases.add(database)
        return database

    def _slot(self) -> int:
        return int(self._clock()) // SLOT_SECONDS

    def _begin_slot(self) -> None:
        slot = self._slot()
        self._latest, self._latest_ends = _Summary(), (slot + 1) * SLOT_SECONDS
        self._slots.append((slot, self._latest))


class _Summary:
    """The documents of one slot; ``error`` is what was taken off each count."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self.error = 0

    def shorten(self) -> None:
        """Keep those that were counted most."""
        taken = sorted(self.counts.values(), reverse=True)[SUMMARY_SIZE]
        self.error += taken
        self.counts = {each: count - taken for each, count in self.counts.items() if count > taken}
