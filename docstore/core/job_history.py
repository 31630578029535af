"""What happened to a replication job, and what follows from it: how often it failed in a row, how long it waits.

Owns these rules and nothing else; times are handed in, in seconds since 1970, and so is the randomness of a wait. It
must not know what a job does. Follows ``couch_replicator_scheduler`` of CouchDB (``consecutive_crashes``,
``backoff_micros``).

A history is a tuple of events, the newest first::

    crashed 14:03   db_not_found: could not open http://.../
    started 14:03
    stopped 14:00   to let others have their turn
    started 13:00
    added   13:00
"""

from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

FIRST_WAIT: Final = 30.0
"""Seconds that a job waits, about, after its first crash."""

MOST_DOUBLINGS: Final = 10
SPREAD: Final = 0.25
"""A wait is up to this share longer than its rule says, so that jobs that failed together do not come back together."""

FIRST_ERROR_RANGE: Final = 64.0
MOST_ERROR_DOUBLINGS: Final = 12

NEVER: Final = 0.0


class EventKind(StrEnum):
    """What can happen to a job."""

    ADDED = "added"
    STARTED = "started"
    STOPPED = "stopped"
    CRASHED = "crashed"


class Event(NamedTuple):
    """One entry. ``reason`` says why, for a crash."""

    kind: EventKind
    time: float
    reason: str | None = None


History: TypeAlias = tuple[Event, ...]


def remember(history: History, event: Event, most: int) -> History:
    """The history with one more event, and at most so many."""
    return (event, *history)[:most]


def consecutive_crashes(history: History, health_threshold: float) -> int:
    """How many crashes there were in a row.

    A run that lasted longer than ``health_threshold`` seconds before it crashed ends the row, and so does one that was
    stopped in good order.
    """
    count = 0
    for event, before in pairwise(history):
        if event.kind is EventKind.CRASHED:
            if event.time - before.time > health_threshold:
                return count
            count += 1
        elif event.kind is EventKind.STOPPED and before.kind is EventKind.STARTED:
            return count
    return count


def last_started(history: History) -> float:
    """When the job was started last, ``NEVER`` if the history does not tell."""
    return next((event.time for event in history if event.kind is EventKind.STARTED), NEVER)


def crash_wait(crashes: int, fraction: float) -> float:
    """Seconds until a job is started again: the wait doubles with each crash in a row.

    ``fraction``, from 0 up to 1, is where in its range the wait lies. A job that crashed after it had been healthy
    (``crashes`` is 0) waits half of the first wait.
    """
    doublings = min(crashes - 1, MOST_DOUBLINGS)
    wait: float = FIRST_WAIT * 2.0**doublings
    return wait * (1 + SPREAD * fraction)


def error_wait(errors: int, fraction: float) -> float:
    """Seconds until it is tried again to make a job of a document that could not become one.

    Anywhere in a range that doubles with each error in a row, up to days; at least a second.
    """
    return 1 + fraction * FIRST_ERROR_RANGE * 2.0 ** min(errors, MOST_ERROR_DOUBLINGS)
