"""The pool of worker processes: whatever computes for long is a job of it.

Owns which job goes to which process and when, and what becomes of a job whose process ends. It must not know what a job
computes: a job is the name of a function below ``docstore.``, plain data in, plain data out. All are pure, so one that
was lost may be done again.

Processes are started when there is work for them, and kept. Where none can be started the pool says so once and
computes in a thread; there nothing can be killed, so what takes too long fails and what comes meanwhile is refused.
"""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Final, cast

from docstore.errors import Unavailable
from docstore.settings import WorkerSettings
from docstore.workers.errors import WorkerFailed, WorkerLost, WorkersBusy, WorkerTimedOut
from docstore.workers.helper import Helper
from docstore.workers.jobs import DONE, answer_here
from docstore.workers.messages import Plain, pack, size_of, unpack_error
from docstore.workers.process import WorkerProcess, spawn
from docstore.workers.queues import Job, Queues
from docstore.workers.reserve import Reserve

log = logging.getLogger(__name__)

MOST_LOSSES: Final = 2
"""A job under which so many processes ended is given up."""
WORDS: Final = 64
"""Affinities that are remembered of a process."""
STOP_PATIENCE: Final = 10.0


class Pool:
    """Worker processes, started when first needed. Used on one event loop.

    ``counts``   jobs by outcome (done, failed, timed_out, lost), ``retried``; processes ``started``, ``killed``,
                 ``replaced`` for the memory they keep, ``ended`` by themselves, ``refused`` by the system
    ``waited``   seconds that jobs have waited, all together
    ``reserve``  processes beside these, for work in several steps
    """

    def __init__(self, settings: WorkerSettings, *, package: str = "docstore") -> None:
        """``package`` is where functions may be; tests have their own."""
        self.settings = settings
        self._package = package
        self.processes = settings.processes or max(1, _cores() - 1)
        self.counts: Counter[str] = Counter()
        self.waited = 0.0
        self._helper = Helper()
        self.reserve = Reserve(settings, package, self._helper, self.processes)
        self._starting: set[WorkerProcess] = set()
        self._spawning: set[asyncio.Task[None]] = set()
        self._idle: list[WorkerProcess] = []
        self._busy: dict[WorkerProcess, Job] = {}
        self._reaping: set[asyncio.Future[None]] = set()
        self._again_at = 0.0
        self._most = self.processes
        self._told = False
        self._in_thread: Job | None = None
        self._stopped = False
        self._queues = Queues(settings, _now)

    def run(
        self,
        function: str,
        *arguments: Plain,
        timeout: float | None = None,
        urgent: bool = True,
        affinity: str | None = None,
    ) -> Coroutine[object, object, Plain]:
        """Call ``function`` ("docstore.package.module:name") in a worker and give its result.

        Arguments and result are plain data; tuples arrive as lists. ``timeout`` in seconds of wall-clock time, from
        when a process has the job. ``urgent=False``: a build, which gives way to those that somebody waits for.
        ``affinity``: prefer the process that last had this word. Raises the DocstoreError that the function raises,
        WorkerFailed for what else it raises, WorkerTimedOut, WorkerLost, WorkersBusy; Unavailable once stopped;
        Unpackable for what is no plain data. A caller that is cancelled does not stop what has begun.
        """
        return self._run([function, arguments], timeout, affinity, urgent=urgent)

    async def _run(self, call: Plain, limit: float | None, affinity: str | None, *, urgent: bool) -> Plain:
        if self._stopped:
            raise Unavailable
        if self._is_stuck():
            raise WorkersBusy
        buffers = pack(call)
        limit = self.settings.job_timeout if limit is None else limit
        future: asyncio.Future[Plain] = asyncio.get_running_loop().create_future()
        job = Job(buffers, size_of(buffers), limit, urgent, affinity, future, _now())
        self._queues.put(job)
        self._hope_again()
        self._dispatch()
        try:
            return await future
        except asyncio.CancelledError:
            self._queues.remove(job)
            raise

    async def stop(self) -> None:
        """End all processes. Whoever waits gets Unavailable."""
        self._stopped = True
        for job in [*self._queues.take_all(), *self._busy.values()]:
            job.fail(Unavailable())
        if self._in_thread is not None:
            self._in_thread.fail(Unavailable())
        for worker in [*self._starting, *self._idle, *self._busy]:
            self._end(worker)
        self._starting.clear()
        self._idle.clear()
        self._busy.clear()
        waiting: set[asyncio.Future[None]] = {*self._spawning, *self._reaping}
        if waiting:
            await asyncio.wait(waiting, timeout=STOP_PATIENCE)
        if self._reaping:  # of those that were being started
            await asyncio.wait(self._reaping, timeout=STOP_PATIENCE)
        await self.reserve.stop(STOP_PATIENCE)
        self._helper.end()

    @property
    def computes_in_thread(self) -> bool:
        """Whether no process could be started, so that a job is no quicker than the same work in a thread."""
        return self._most == 0

    def spare(self) -> int:
        """How many processes have nothing to do. The first one is started meanwhile, if there is none."""
        if not self._stopped and not (self._idle or self._busy):
            self._hope_again()
            self._start_more(1)
        return 0 if self._queues else len(self._idle)

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._queues)

    @property
    def busy(self) -> int:
        """How many jobs are being carried out."""
        return len(self._busy) + (self._in_thread is not None)

    @property
    def pids(self) -> list[int]:
        """The processes that there are."""
        return [worker.pid for worker in (*self._starting, *self._idle, *self._busy)] + self.reserve.pids

    # --- Whose turn it is

    def _hope_again(self) -> None:
        """Try to start processes again, if it is time for that."""
        if self._most < self.processes and _now() >= self._again_at and self._in_thread is None:
            self._most = self.processes

    def _dispatch(self) -> None:
        """Give jobs to whoever is free, as far as there are both."""
        while self._queues and not self._stopped:
            if self._most == 0:
                if self._in_thread is not None:
                    return
                job = self._queues.take(builds=True)
                if job is not None:
                    self._compute(job)
                continue
            if not self._idle:
                self._start_more(len(self._queues))
                return
            job = self._queues.take(builds=self._may_build())
            if job is None:
                return
            self._give(self._choose(job.affinity), job)

    def _may_build(self) -> bool:
        """One process, where there are several, is kept for those that somebody waits for."""
        building = sum(not job.urgent for job in self._busy.values())
        return building < max(1, self._most - 1)

    def _choose(self, word: str | None) -> WorkerProcess:
        chosen = next((worker for worker in self._idle if word in worker.words), None) if word is not None else None
        if chosen is None:
            chosen = min(self._idle, key=lambda worker: len(worker.words))
        if word is not None:
            chosen.words.pop(word, None)
            chosen.words[word] = None
            if len(chosen.words) > WORDS:
                del chosen.words[next(iter(chosen.words))]
        self._idle.remove(chosen)
        return chosen

    def _give(self, worker: WorkerProcess, job: Job) -> None:
        self.waited += _now() - job.since
        self._busy[worker] = job
        job.timer = job.future.get_loop().call_later(job.timeout, self._timed_out, worker, job)
        worker.send(job.buffers)

    # --- Processes

    def _start_more(self, jobs: int) -> None:
        """Start as many processes as there are jobs for, with those that are starting already."""
        starting = len(self._starting) + len(self._spawning)
        there = len(self._idle) + len(self._busy) + starting
        for _ in range(min(self._most - there, jobs - starting)):
            task = asyncio.get_running_loop().create_task(self._start())
            self._spawning.add(task)
            task.add_done_callback(self._spawning.discard)

    async def _start(self) -> None:
        try:
            spawned = await self._helper.call(spawn, self.settings, self._package)
        except (OSError, RuntimeError) as error:
            asyncio.get_running_loop().call_soon(self._cannot_start, str(error))
            return
        worker = WorkerProcess(spawned, self.settings, self._received, self._ended)
        if self._stopped:
            self._end(worker)
            return
        self._starting.add(worker)
        asyncio.get_running_loop().call_later(self.settings.start_patience, self._never_ready, worker)

    def _never_ready(self, worker: WorkerProcess) -> None:
        if worker in self._starting:
            self._end(worker)
            self._ended(worker)

    def _cannot_start(self, reason: str) -> None:
        """Work with what processes there are, or with a thread."""
        self.counts["refused"] += 1
        self._most = len(self._idle) + len(self._busy) + len(self._starting)
        self._again_at = _now() + self.settings.start_again
        if not self._told:
            self._told = True
            does = f"working with {self._most}" if self._most else "computing in a thread"
            log.warning("a worker process could not be started (%s); %s", reason, does)
        self._dispatch()

    def _received(self, worker: WorkerProcess, message: object) -> None:
        if worker in self._starting:
            self._starting.remove(worker)
            self.counts["started"] += 1
            self._idle.append(worker)
        elif worker in self._busy:
            if self._finish(self._busy.pop(worker), message):
                self.counts["replaced"] += 1
                self._end(worker)
            else:
                self._idle.append(worker)
        self._dispatch()

    def _timed_out(self, worker: WorkerProcess, job: Job) -> None:
        del self._busy[worker]
        self._end(worker)
        self.counts["killed"] += 1
        self._fail_late(job)
        self._dispatch()

    def _ended(self, worker: WorkerProcess) -> None:
        """A process ended by itself, or somebody killed it."""
        self._reap(worker)
        if worker in self._starting:
            self._starting.remove(worker)
            self._cannot_start("it ended before it was ready")
            return
        self.counts["ended"] += 1
        job = self._busy.pop(worker, None)
        if job is None:
            self._idle.remove(worker)
        else:
            self._lose(job)
        self._dispatch()

    def _lose(self, job: Job) -> None:
        job.losses += 1
        if job.timer is not None:
            job.timer.cancel()
        if job.losses >= MOST_LOSSES or self._stopped:
            self.counts["lost"] += 1
            job.fail(WorkerLost())
        elif not job.future.done():
            self.counts["retried"] += 1
            self._queues.put_back(job)

    def _end(self, worker: WorkerProcess) -> None:
        worker.kill()
        self._reap(worker)

    def _reap(self, worker: WorkerProcess) -> None:
        reaping = self._helper.call(worker.reap)
        self._reaping.add(reaping)
        reaping.add_done_callback(self._reaping.discard)

    # --- Answers

    def _finish(self, job: Job, message: object) -> bool:
        """Tell what a worker, which is not believed in every word, says of a job; whether the worker is to leave."""
        try:
            verdict, value, leaves = cast("tuple[str, Any, bool]", message)
            error = None if verdict == DONE else unpack_error(value)
        except Exception as broken:
            error, leaves = WorkerFailed(f"an answer that is none: {broken}"), True
        if error is None:
            self.counts["done"] += 1
            job.succeed(value)
        else:
            self.counts["failed"] += 1
            job.fail(error)
        return leaves

    def _fail_late(self, job: Job) -> None:
        self.counts["timed_out"] += 1
        job.fail(WorkerTimedOut(f"The work took longer than {job.timeout:g} s and was ended."))

    # --- Without processes

    def _compute(self, job: Job) -> None:
        try:
            computing = self._helper.call(answer_here, job.buffers, self._package, self.settings.max_result)
        except RuntimeError as error:
            job.fail(Unavailable(f"Neither a process nor a thread can be started: {error}."))
            return
        self.waited += _now() - job.since
        self._in_thread = job
        job.timer = job.future.get_loop().call_later(job.timeout, self._late_in_thread, job)
        computing.add_done_callback(self._computed)

    def _computed(self, computing: "asyncio.Future[object]") -> None:
        job, self._in_thread = self._in_thread, None
        if job is not None and not job.future.done():
            self._finish(job, computing.result())
        self._dispatch()

    def _late_in_thread(self, job: Job) -> None:
        self._fail_late(job)
        for other in self._queues.take_all():
            other.fail(WorkersBusy())

    def _is_stuck(self) -> bool:
        """Whether the thread is held by a job that nobody waits for any more."""
        return self._most == 0 and self._in_thread is not None and self._in_thread.timer is None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _now() -> float:
    return asyncio.get_running_loop().time()
