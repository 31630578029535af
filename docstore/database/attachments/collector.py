"""The collector: ends leases that have expired, and removes blobs that nothing holds.

Owns when that happens. How a blob goes is said in ``storage/attachments/garbage.py``. It works in small steps between
other writes, wakes after a commit that left garbage, and looks at the leases every ``EXPIRE_SECONDS``.

A blob that nothing in the store holds may still be read: by whoever has a *hold* on it, or by whoever has an older
snapshot open, which shows a body that named it, and is about to take a hold. So a blob is collected only when nobody
holds it, and when no snapshot is open that is older than the one which first showed it as garbage.
"""

from asyncio import Event, Task, create_task, gather, sleep
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from docstore.database.attachments.blob_reader import Holds
from docstore.database.background import persist, recur
from docstore.database.commands import CollectGarbage, ExpireStagings
from docstore.database.reading.at_once import in_thread
from docstore.errors import StorageFull
from docstore.storage.attachments import garbage
from docstore.storage.attachments.garbage import STEP_BLOBS
from docstore.storage.attachments.staging import find_expired
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.writer import Writer

EXPIRE_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 0.25
"""How soon garbage that is still being read is looked at again."""

LOOKED_AT: Final = 4096
"""Garbage that is looked at in one go, in case that the first ones are being read."""


class Collector:
    """One for each environment; ``start`` makes it work by itself. ``clock`` gives microseconds since 1970."""

    def __init__(self, environment: Environment, writer: Writer, clock: Callable[[], int], holds: Holds) -> None:
        self._environment = environment
        self._writer = writer
        self._clock = clock
        self._holds = holds
        self._first_seen: dict[int, int] = {}
        self._wake = Event()
        self._tasks: list[Task[None]] = []

    async def start(self) -> None:
        """Go to work. What a process that was killed has staged, and cannot be resumed, is given up first.

        To be awaited before anybody stages bytes. On a full disk that is left to the ends of the leases.
        """
        with suppress(StorageFull):
            await self.expire(all_transient=True)
        self._tasks = [
            create_task(self._keep_collecting(), name="collector of attachments"),
            create_task(recur("the expiry of stagings", EXPIRE_SECONDS, self.expire), name="expiry of stagings"),
        ]

    async def stop(self) -> None:
        """Leave the rest for the next start."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """A group that left garbage was committed; called on the event loop."""
        self._wake.set()

    def forget(self) -> None:
        """What was seen as garbage before is not known to be garbage now."""
        self._first_seen.clear()

    async def expire(self, *, all_transient: bool = False) -> None:
        """End leases that have expired, and if so all of those that cannot be resumed. A thread looks for them."""
        while True:
            now = self._clock()
            over = await in_thread(self._environment, partial(find_expired, now=now, all_transient=all_transient))
            if not over or not await self._writer.submit(ExpireStagings(tuple(over), now, all_transient)):
                return

    async def collect(self) -> bool:
        """Remove what can be removed; whether there is nothing left that must wait."""
        while numbers := self._collectable():
            await self._writer.submit(CollectGarbage(numbers))
        with self._environment.snapshot() as snapshot:
            return not garbage.is_waiting(snapshot)

    async def _keep_collecting(self) -> None:
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            await persist("the collection of garbage", self._collect_or_wait)

    async def _collect_or_wait(self) -> None:
        if not await self.collect():
            await sleep(RETRY_SECONDS)
            self._wake.set()

    def _collectable(self) -> tuple[int, ...]:
        """The garbage that nobody can be reading."""
        oldest = self._environment.oldest_snapshot_txnid
        touched = self._holds.take_touched()
        with self._environment.snapshot() as snapshot:
            txnid = snapshot.txnid
            waiting = [number for number in garbage.waiting(snapshot, LOOKED_AT) if number not in self._holds]
        # What was touched since the last look may have been named in between, and shown to somebody.
        seen = {number: first for number, first in self._first_seen.items() if number not in touched}
        self._first_seen = {number: seen.get(number, txnid) for number in waiting}
        if oldest is None:
            return tuple(waiting[:STEP_BLOBS])
        return tuple(number for number in waiting if self._first_seen[number] <= oldest)[:STEP_BLOBS]
