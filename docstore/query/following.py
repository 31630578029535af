"""A database's documents on their way into an index: read ahead, mapped by workers, handed over in their order.

Owns that way, which is the same for every index that follows a database: how many batches are on it at once, what
becomes of them when it is left, and what is done with documents that are too much for a worker. It must not know what
is made of documents, nor where it is kept. Nothing runs on the event loop but the handing over.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, Generic, NamedTuple, TypeVar, cast

from docstore.database.database import Database
from docstore.database.reading.index_feed import FeedBatch, FeedEnd, FeedOptions, read_feed
from docstore.query.errors import TooMuchAtOnce
from docstore.workers.errors import WorkerLost, WorkerTimedOut

T = TypeVar("T")

SMALL: Final = 200
"""Documents in a batch that somebody waits for; more of them give way to others as a build."""

GONE: Final = "Design document was updated or deleted."


class BeginAgain(Exception):
    """The log of purges does not go back far enough: the index is to be made anew from nothing."""


class Overtaken(Exception):
    """An index is no longer as it was read: somebody else has written to it, it was dropped, or begun anew."""


class Followed(NamedTuple, Generic[T]):
    """A batch and what was made of it.

    ``fresh``  nothing of its documents can be in the index yet;  ``last``  there is no other one behind it
    """

    batch: FeedBatch
    made: T
    fresh: bool
    last: bool


class _InHand(NamedTuple, Generic[T]):
    batch: FeedBatch
    making: "asyncio.Future[T]"


async def follow(
    database: Database,
    feed: FeedOptions,
    begin: FeedEnd,
    end: FeedEnd,
    make: Callable[[FeedBatch], Awaitable[T]],
    *,
    ahead: int,
) -> AsyncGenerator[Followed[T]]:
    """The batches from where an index stands (``begin``) to the end of its database, ``end`` when it set out.

    ``ahead``  batches that are made at the same time. Raises BeginAgain, and what reading and ``make`` raise.
    """
    in_hand: deque[_InHand[T]] = deque()
    after, done = begin.update_seq, False
    purged = begin.purge_seq if after else end.purge_seq  # nothing can be left of what was purged before
    try:
        while True:
            while not done and len(in_hand) < ahead:
                batch = await asyncio.to_thread(read_feed, database.environment, database.number, after, purged, feed)
                if batch.reset:
                    raise BeginAgain
                after, purged, done = batch.seq, batch.purge_seq, batch.done
                in_hand.append(_InHand(batch, asyncio.ensure_future(make(batch))))
            if not in_hand:
                return
            batch, making = in_hand.popleft()
            made = await making
            fresh = begin.update_seq == 0 and batch.seq <= end.update_seq and batch.purge_seq == end.purge_seq
            yield Followed(batch, made, fresh, done and not in_hand)
    finally:
        for _, making in in_hand:
            making.cancel()


async def by_halves(
    ask: Callable[[list[str], list[bytes]], Awaitable[object]],
    join: Callable[[T, T], T],
    ids: list[str],
    texts: list[bytes],
) -> T:
    """What a worker makes of documents; of those that are too much for one at once half by half."""
    try:
        return cast("T", await ask(ids, texts))
    except (WorkerTimedOut, WorkerLost, TooMuchAtOnce):
        half = len(ids) // 2
        if not half:
            raise
        first = await by_halves(ask, join, ids[:half], texts[:half])
        return join(first, await by_halves(ask, join, ids[half:], texts[half:]))


def reaches(shown: FeedEnd, end: FeedEnd) -> bool:
    """Whether an index that goes so far shows all up to an end."""
    return shown.update_seq >= end.update_seq and shown.purge_seq >= end.purge_seq
