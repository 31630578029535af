"""The counters of conflicts, and the documents refused most often."""

import random
from collections import Counter

import pytest

from docstore.database.conflicts.statistics import (
    MAX_DATABASES,
    OTHERS,
    SLOT_SECONDS,
    SLOTS,
    SUMMARY_SIZE,
    ConflictStats,
    RefusedOften,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stats(clock: Clock) -> ConflictStats:
    return ConflictStats(clock)


def test_counts_by_kind_and_database(stats):
    stats.conflict("a", "x", "revision-superseded")
    stats.conflict("a", "y", "revision-superseded")
    stats.conflict("b", "x", "document-deleted")
    stats.replayed("a")
    stats.lenient("b")
    assert stats.conflicts == {("revision-superseded", "a"): 2, ("document-deleted", "b"): 1}
    assert (stats.replays, stats.leniencies) == ({"a": 1}, {"b": 1})


def test_the_documents_refused_most(stats):
    for doc_id, times in (("once", 1), ("often", 7), ("twice", 2)):
        for _ in range(times):
            stats.conflict("db", doc_id, "kind")
    assert stats.most_refused() == [
        RefusedOften("db", "often", 7, 0),
        RefusedOften("db", "twice", 2, 0),
        RefusedOften("db", "once", 1, 0),
    ]
    assert [one.id for one in stats.most_refused(1)] == ["often"]


def test_documents_of_two_databases_are_two(stats):
    stats.conflict("a", "x", "kind")
    stats.conflict("b", "x", "kind")
    assert [(one.database, one.refusals) for one in stats.most_refused()] == [("a", 1), ("b", 1)]


def test_a_conflict_without_a_document_is_only_counted(stats):
    stats.conflict("db", "", "idempotency-in-flight")
    assert stats.conflicts.total() == 1
    assert stats.most_refused() == []


def test_after_an_hour_it_is_forgotten(stats, clock):
    stats.conflict("db", "x", "kind")
    clock.now += SLOT_SECONDS * SLOTS
    stats.conflict("db", "x", "kind")
    assert stats.most_refused() == [RefusedOften("db", "x", 2, 0)]
    clock.now += SLOT_SECONDS
    assert stats.most_refused() == [RefusedOften("db", "x", 1, 0)]
    clock.now += SLOT_SECONDS * SLOTS
    assert stats.most_refused() == []
    assert stats.conflicts.total() == 2


def test_memory_is_bounded_and_the_most_refused_are_not_lost(stats, clock):
    chance = random.Random(1)
    true: Counter[str] = Counter()
    refusals = [f"rare-{number}" for number in range(5_000)] + [f"often-{number % 3}" for number in range(900)]
    chance.shuffle(refusals)
    for place, doc_id in enumerate(refusals):
        if place % 1_000 == 0:
            clock.now += SLOT_SECONDS
        true[doc_id] += 1
        stats.conflict("db", doc_id, "kind")
    kept = stats.most_refused(100_000)
    assert len(kept) < 2 * SUMMARY_SIZE * (SLOTS + 1)
    assert {one.id for one in kept[:3]} == {"often-0", "often-1", "often-2"}
    for one in kept:
        assert one.refusals <= true[one.id] <= one.refusals + one.error


def test_too_many_databases_share_a_line(stats):
    for number in range(MAX_DATABASES + 5):
        stats.conflict(f"db{number}", "x", "kind")
        stats.replayed(f"db{number}")
    assert stats.conflicts["kind", OTHERS] == 5
    assert stats.replays[OTHERS] == 5
    assert len(stats.conflicts) == MAX_DATABASES + 1
