"""How long to wait before the next attempt.

Owns the arithmetic of back-off. It neither sleeps nor asks a clock, and is given its randomness.
"""

from collections.abc import Iterator
from random import Random
from typing import Final

FIRST_WAIT: Final = 0.25
LONGEST_WAIT: Final = 300.0
"""Seconds, CouchDB's (``couch_replicator_httpc``)."""


def backoff(
    random: Random, retries: int | None = None, *, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT
) -> Iterator[float]:
    """Seconds to wait before each of ``retries`` further attempts, without end for None.

    Each wait is twice the one before, at most ``longest``; of that, half is certain and half is chance, so that those
    who failed together do not come back together.
    """
    wait = min(first, longest)
    attempt = 0
    while retries is None or attempt < retries:
        yield wait / 2 + random.random() * wait / 2
        wait = min(wait * 2, longest)
        attempt += 1
