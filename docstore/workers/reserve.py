"""Worker processes that one caller has for itself, for work that is done in several steps.

Owns how many there are at a time, who waits for one, and that a process whose work did not come to its end is ended:
nobody else is given what is left in it. It must not know what the work is. They are beside those of ``pool.py``, since
they are held while somebody else, a client for example, is waited for.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

from docstore.errors import Unavailable
from docstore.settings import WorkerSettings
from docstore.workers.errors import WorkerFailed, WorkerLost, WorkersBusy, WorkerTimedOut
from docstore.workers.helper import Helper
from docstore.workers.jobs import DONE
from docstore.workers.messages import Plain, pack, unpack_error
from docstore.workers.process import Spawned, WorkerProcess, spawn


class Held:
    """A process that somebody has. Used on one event loop, one call at a time. ``over``: it was ended."""

    def __init__(self, spawned: Spawned, settings: WorkerSettings) -> None:
        self._settings = settings
        self._answer: asyncio.Future[object] | None = None
        self._leaves = False
        self._done = True
        self.over = False
        self.worker = WorkerProcess(spawned, settings, self._received, self._ended)

    async def ready(self) -> None:
        """Wait until the process is there. Raises WorkerTimedOut, WorkerLost."""
        await self._wait(self._settings.start_patience)

    def run(self, function: str, *arguments: Plain, timeout: float) -> Coroutine[object, object, Plain]:
        """Call a function in the process, as ``Pool.run``. What it keeps in its module is there in the next call.

        Raises what the function raises, WorkerTimedOut, WorkerLost, WorkerFailed.
        """
        return self._run([function, arguments], timeout)

    async def _run(self, call: Plain, limit: float) -> Plain:
        self._done = False
        if self._leaves:
            raise WorkerLost
        buffers = pack(call)
        waiting = self._expect()
        self.worker.send(buffers)
        message = await self._wait(limit, waiting)
        try:
            verdict, value, self._leaves = cast("tuple[str, Any, bool]", message)
            error = None if verdict == DONE else unpack_error(value)
        except Exception as broken:
            error = WorkerFailed(f"an answer that is none: {broken}")
        if error is not None:
            raise error
        return cast("Plain", value)

    def finished(self) -> None:
        """The work came to its end: the process may be given to somebody else."""
        self._done = True

    @property
    def reusable(self) -> bool:
        """Whether somebody else may be given the process."""
        return self._done and not self._leaves

    def _expect(self) -> "asyncio.Future[object]":
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    async def _wait(self, limit: float, waiting: "asyncio.Future[object] | None" = None) -> object:
        waiting = waiting or self._expect()
        try:
            async with asyncio.timeout(limit):
                return await waiting
        except TimeoutError:
            self._leaves = True
            raise WorkerTimedOut(f"The work took longer than {limit:g} s and was ended.") from None
        finally:
            self._answer = None

    def _received(self, _: WorkerProcess, message: object) -> None:
        if self._answer is None:
            self._leaves = True  # nobody asked
        elif not self._answer.done():
            self._answer.set_result(message)

    def _ended(self, _: WorkerProcess) -> None:
        self.lose()

    def lose(self) -> None:
        """The process is gone: whoever waits for it is told."""
        self._leaves = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WorkerLost())


class Reserve:
    """The processes. Used on one event loop.

    ``counts``  ``started``, ``ended``, ``refused`` for want of one
    """

    def __init__(self, settings: WorkerSettings, package: str, helper: Helper, spares: int) -> None:
        """``spares``: processes that are kept while nobody has them."""
        self.counts: Counter[str] = Counter()
        self._settings = settings
        self._package = package
        self._helper = helper
        self._most_spares = spares
        self._spares: list[Held] = []
        self._out: set[Held] = set()
        self._places = asyncio.Semaphore(settings.reserved)
        self._reaping: set[asyncio.Future[None]] = set()
        self._stopped = False

    @asynccontextmanager
    async def process(self) -> AsyncIterator[Held]:
        """A process for the time of the block. Raises WorkersBusy where there is none for long, Unavailable."""
        await self._take_place()
        held: Held | None = None
        try:
            held = await self._get()
            self._out.add(held)
            yield held
        finally:
            if held is not None:
                self._out.discard(held)
                self._give_back(held)
            self._places.release()

    async def _take_place(self) -> None:
        if self._stopped:
            raise Unavailable
        try:
            async with asyncio.timeout(self._settings.reserved_patience):
                await self._places.acquire()
        except TimeoutError:
            self.counts["refused"] += 1
            raise WorkersBusy from None

    async def _get(self) -> Held:
        while self._spares:
            held = self._spares.pop()
            if held.reusable:
                return held
            self._end(held)
        try:
            spawned = await self._helper.call(spawn, self._settings, self._package)
        except (OSError, RuntimeError) as error:
            raise Unavailable(f"A worker process could not be started ({error}).") from None
        held = Held(spawned, self._settings)
        try:
            await held.ready()
        except BaseException as error:
            self._end(held)
            if isinstance(error, WorkerTimedOut | WorkerLost):
                raise Unavailable("A worker process could not be started.") from None
            raise
        self.counts["started"] += 1
        return held

    def _give_back(self, held: Held) -> None:
        if held.reusable and not self._stopped and len(self._spares) < self._most_spares:
            self._spares.append(held)
        else:
            self._end(held)

    def _end(self, held: Held) -> None:
        if held.over:
            return
        held.over = True
        self.counts["ended"] += 1
        held.worker.kill()
        held.lose()
        reaping = self._helper.call(held.worker.reap)
        self._reaping.add(reaping)
        reaping.add_done_callback(self._reaping.discard)

    @property
    def pids(self) -> list[int]:
        """The processes that there are."""
        return [held.worker.pid for held in (*self._spares, *self._out)]

    async def stop(self, patience: float) -> None:
        """End all processes, those at work too."""
        self._stopped = True
        for held in [*self._spares, *self._out]:
            self._end(held)
        self._spares.clear()
        if self._reaping:
            await asyncio.wait(self._reaping, timeout=patience)
