"""How often a job crashed in a row, and how long it waits. The table is that of CouchDB's own tests."""

import pytest

from docstore.core.job_history import (
    FIRST_WAIT,
    NEVER,
    Event,
    EventKind,
    consecutive_crashes,
    crash_wait,
    error_wait,
    last_started,
    remember,
)

THRESHOLD = 120.0
KINDS = {
    "added": EventKind.ADDED,
    "started": EventKind.STARTED,
    "stopped": EventKind.STOPPED,
    "crashed": EventKind.CRASHED,
}


def history(text: str) -> tuple[Event, ...]:
    """``crashed 3, started 2``: the newest event first, with its time."""
    pairs = [event.split() for event in text.split(", ")] if text else []
    return tuple(Event(KINDS[kind], float(time)) for kind, time in pairs)


@pytest.mark.parametrize(
    ("events", "crashes"),
    [
        ("", 0),
        ("added 0", 0),
        ("stopped 0", 0),
        ("crashed 0", 0),
        ("crashed 0, added 0", 1),
        ("crashed 0, crashed 0", 1),
        ("crashed 0, stopped 0", 1),
        ("crashed 0, crashed 0, crashed 0, added 0", 3),
        ("crashed 0, crashed 0, stopped 0", 2),
        ("crashed 0, started 0, added 0", 1),
        ("crashed 3, started 2, crashed 1, started 0", 2),
        ("stopped 3, started 2, crashed 1, started 0", 0),
        ("crashed 3, started 2, stopped 1, started 0", 1),
        ("crashed 999, started 0", 0),
        ("crashed 999, started 998, crashed 997, started 0", 1),
    ],
)
def test_crashes_in_a_row(events, crashes):
    assert consecutive_crashes(history(events), THRESHOLD) == crashes


@pytest.mark.parametrize(("ran", "crashes"), [(11, 0), (10, 1)])
def test_a_run_longer_than_the_threshold_was_healthy(ran, crashes):
    assert consecutive_crashes(history(f"crashed {ran}, started 0"), 10.0) == crashes


def test_a_running_job_keeps_its_count():
    assert consecutive_crashes(history("started 40, crashed 3, started 2"), THRESHOLD) == 1


@pytest.mark.parametrize(
    ("events", "started"),
    [("", NEVER), ("added 5", NEVER), ("started 7, added 5", 7.0), ("crashed 9, started 8, crashed 2, started 1", 8.0)],
)
def test_last_start(events, started):
    assert last_started(history(events)) == started


def test_the_oldest_events_are_forgotten():
    events = history("started 2, added 1")
    assert remember(events, Event(EventKind.STOPPED, 3.0), 2) == history("stopped 3, started 2")


@pytest.mark.parametrize(
    ("crashes", "times"), [(0, 0.5), (1, 1), (2, 2), (3, 4), (4, 8), (11, 1024), (12, 1024), (500, 1024)]
)
def test_the_wait_doubles_up_to_a_limit(crashes, times):
    assert crash_wait(crashes, 0.0) == FIRST_WAIT * times
    assert FIRST_WAIT * times < crash_wait(crashes, 0.999) < FIRST_WAIT * times * 1.25


def test_the_range_of_an_errors_wait_doubles():
    assert [error_wait(errors, 0.5) for errors in (1, 2, 3)] == [65.0, 129.0, 257.0]
    assert error_wait(1, 0.0) == 1.0
    assert error_wait(12, 0.5) == error_wait(1_000, 0.5)
