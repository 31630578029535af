"""The clock of a scenario: it stands still while anybody works, and jumps to the next moment when all wait.

    worker = clock.worker()           somebody whose work takes no scenario time
    await worker.sleep(3600)          an hour later, at once
    worker.begin(); await worker.hold(0.2); worker.end()      one of its messages is on the way for 200 ms
    await clock.run(until=604_800)    a week goes by

Owns time and who waits for it. It must not know nodes, links or scenarios. A worker *waits* when it sleeps, when all
of its messages that are under way are held, or when it is done; the clock jumps when every worker waits. So what
happens in between is done in the order of scenario time, however long it really takes, and a week without work takes
no time at all.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from typing import Final

GRACE_TURNS: Final = 5


class VirtualClock:
    """Seconds since the scenario's start, in ``now``."""

    def __init__(self) -> None:
        self.now = 0.0
        self._moments: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._busy = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    def worker(self) -> "Worker":
        """A new worker, which works until it waits."""
        return Worker(self)

    async def run(self, until: float | None = None) -> None:
        """Let time go by, up to and including the moment ``until``; None: as long as anybody waits for a moment.

        At the end all workers wait.
        """
        while True:
            await self._all_wait()
            if not self._moments or (until is not None and self._moments[0][0] > until):
                break
            self.now, _, wake = heappop(self._moments)
            wake()
        if until is not None:
            self.now = max(self.now, until)

    async def _all_wait(self) -> None:
        """Until all workers wait, and still do after some turns of the loop: who waits for one message may be about to
        send another.
        """
        turns = GRACE_TURNS
        while turns:
            if not self._quiet.is_set():
                turns = GRACE_TURNS
                await self._quiet.wait()
            await asyncio.sleep(0)
            turns -= 1

    def call_at(self, moment: float, wake: Callable[[], None]) -> None:
        """Call ``wake`` when the moment has come; of equal moments in the order in which they were asked for."""
        heappush(self._moments, (max(moment, self.now), next(self._order), wake))

    def became(self, *, busy: bool) -> None:
        """One worker more works, or one less."""
        self._busy += 1 if busy else -1
        if self._busy:
            self._quiet.clear()
        else:
            self._quiet.set()


class Worker:
    """Somebody for whom the clock stands still, unless it waits. ``done`` must be called in the end."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._working = True
        self._sleeping = False
        self._done = False
        self._under_way = 0
        self._held = 0
        clock.became(busy=True)

    async def sleep(self, seconds: float) -> None:
        """Do nothing for so long."""
        await self.sleep_until(self._clock.now + seconds)

    async def sleep_until(self, moment: float) -> None:
        """Do nothing until then."""
        self._sleeping = True
        woken = self._alarm(moment)
        self._look()
        try:
            await woken
        finally:
            self._sleeping = False
            self._look()

    @contextmanager
    def message(self) -> Iterator[None]:
        """A message of this worker is under way."""
        self._under_way += 1
        self._look()
        try:
            yield
        finally:
            self._under_way -= 1
            self._look()

    async def hold(self, seconds: float) -> None:
        """Keep one of the messages that are under way for so long."""
        if seconds <= 0:
            return
        self._held += 1
        woken = self._alarm(self._clock.now + seconds, held=True)
        self._look()
        try:
            await woken
        except asyncio.CancelledError:
            if woken.cancelled():  # and not woken in the same turn of the loop
                self._held -= 1
            raise
        finally:
            self._look()

    async def pause(self, seconds: float) -> None:
        """A part of the work waits for so long; other parts may go on."""
        with self.message():
            await self.hold(seconds)

    def done(self) -> None:
        """It will not work any more."""
        self._done = True
        self._look()

    def _alarm(self, moment: float, *, held: bool = False) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            # The worker works from this very moment, not only once its task has its turn.
            if future.done():
                return
            if held:
                self._held -= 1
            else:
                self._sleeping = False
            future.set_result(None)
            self._look()

        self._clock.call_at(moment, wake)
        return future

    def _look(self) -> None:
        all_held = self._held > 0 and self._held >= self._under_way
        working = not (self._done or self._sleeping or all_held)
        if working != self._working:
            self._working = working
            self._clock.became(busy=working)
