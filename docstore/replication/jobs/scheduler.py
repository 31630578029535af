"""Runs replication jobs: starts them, stops them in turn, and starts those that crashed again after a while.

Owns the jobs and their histories. Whose turn it is stands in ``core/job_schedule.py``, how long a job waits in
``core/job_history.py``; what a job does is a callable that is handed in, as are clock and randomness. It must not know
documents, requests or databases. Follows ``couch_replicator_scheduler`` of CouchDB:

* a transient job, from a request, is gone with its first failure; others are started again, later and later;
* a job that ends is forgotten; what it came to is told to those who wait for it;
* a job that is stopped gets ``stop_grace`` seconds for its last checkpoint, then it is cut short.

Until there is a job, there is neither a task nor an alarm.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from docstore.core.job_history import Event, EventKind, consecutive_crashes, crash_wait, remember
from docstore.core.job_schedule import plan_turn
from docstore.errors import DocstoreError, Unavailable
from docstore.replication.jobs.clock import Alarm, Clock
from docstore.replication.jobs.job import Job, crash_reason
from docstore.replication.replicator import Summary
from docstore.settings import ReplicatorSettings

logger = logging.getLogger(__name__)

CANCELLED = "The replication was cancelled."
UNEXPECTED = "An unexpected error; the server's log has it."

RunJob = Callable[[Job], Awaitable[Summary]]
OnCrash = Callable[[Job, DocstoreError], None]


class JobCancelled(DocstoreError):
    """The job that somebody waits for was cancelled."""

    error = "cancelled"
    default_reason = CANCELLED


class Scheduler:
    """The jobs of one node. ``run`` carries one out, ``random`` gives numbers from 0 up to 1.

    ``on_crash`` is told of each failure of a job that is not transient.
    """

    def __init__(
        self,
        run: RunJob,
        settings: ReplicatorSettings,
        clock: Clock,
        random: Callable[[], float],
        on_crash: OnCrash = lambda job, error: None,
    ) -> None:
        self._run = run
        self._settings = settings
        self._clock = clock
        self._random = random
        self._on_crash = on_crash
        self._jobs: dict[str, Job] = {}
        self._of_documents: dict[tuple[int | None, str | None], Job] = {}
        self._running = 0
        self._runs = 0
        self._rotated = 0.0
        self._seen = 0.0
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._alarm: Alarm | None = None
        self._alarm_at = 0.0
        self._closed = False

    # --- looking

    def jobs(self) -> list[Job]:
        """All jobs, by id."""
        return sorted(self._jobs.values(), key=lambda job: job.id)

    def job(self, job_id: str) -> Job | None:
        """The job of this id."""
        return self._jobs.get(job_id)

    def of_document(self, number: int, doc_id: str) -> Job | None:
        """The job of a document of the database with this number."""
        return self._of_documents.get((number, doc_id))

    # --- coming and going

    async def add(self, job: Job) -> Job:
        """Take a job, and start it if there is a free place. Raises Unavailable while the node stops.

        One of the same id and with the same options is there already: that one is returned, and nothing changes. With
        other options it is stopped first, and those who wait for it wait for the new one.
        """
        while (present := self._jobs.get(job.id)) is not None:
            if not present.leaving and present.same_as(job):
                return present
            job.waiters += present.waiters
            present.waiters = []
            self.dismiss(present)
            await self.gone(present)
        if self._closed:
            _fail(job, Unavailable())
            raise Unavailable
        job.history = remember((), Event(EventKind.ADDED, self._clock.now()), self._settings.max_history)
        self._jobs[job.id] = job
        if not job.transient:
            self._of_documents[job.origin.number, job.origin.doc_id] = job
        if self._loop is None:
            self._rotated = self._now()
            self._loop = asyncio.create_task(self._take_turns(), name="replication scheduler")
        if self._running < self._settings.max_jobs:
            self._start(job)
        else:
            self._wake_at(self._rotated + self._settings.interval)
        return job

    async def perform(self, job: Job) -> Summary:
        """Take a job and wait for its end. Raises what it fails with, JobCancelled, Unavailable.

        One that is there already and waits because it crashed need not wait any longer.
        """
        present = await self.add(job)
        if present.run is None:
            present.ready = 0.0
            self._wake.set()
        end: asyncio.Future[Summary] = asyncio.get_running_loop().create_future()
        present.waiters.append(end)
        return await end

    def dismiss(self, job: Job) -> None:
        """Forget a job, as soon as it has stopped. Ids of jobs that leave cannot be taken before they are ``gone``."""
        if job.leaving or self._jobs.get(job.id) is not job:
            return
        job.leaving = True
        if job.task is None:
            self._forget(job, JobCancelled())
        else:
            _cancel(job)

    async def gone(self, job: Job) -> None:
        """Wait for a job that was dismissed."""
        await self._wind_down([job])

    async def stop(self) -> None:
        """Stop all jobs, with a last checkpoint; nothing is started any more."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
        await self._wind_down(self._jobs.values())
        for job in self._jobs.values():
            _fail(job, Unavailable())

    # --- turns

    async def _take_turns(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._take_turn()
            except Exception:  # the other jobs go on
                logger.exception("a turn of the replication scheduler failed")

    async def _take_turn(self) -> None:
        now = self._now()
        if self._running == len(self._jobs):
            return  # nobody waits
        settings = self._settings
        rotates = now >= self._rotated + settings.interval
        if rotates:
            self._rotated = now
        plan = plan_turn(
            [job.standing() for job in self._jobs.values()],
            now=now,
            max_jobs=settings.max_jobs,
            max_churn=settings.max_churn if rotates else 0,
        )
        await self._wind_down([self._jobs[job_id] for job_id in plan.stop])
        for job_id in plan.start:
            job = self._jobs.get(job_id)
            if job is not None and job.run is None and self._running < settings.max_jobs:
                self._start(job)
        self._set_alarm()

    def _set_alarm(self) -> None:
        """Wake up when a job that crashed may start again, or it is time to make room for one that waits."""
        now = self._now()
        for job in self._jobs.values():
            if job.run is None:
                self._wake_at(job.ready if job.ready > now else self._rotated + self._settings.interval)

    def _now(self) -> float:
        """The time. If the clock was put back since the last look, those who wait begin to wait again at most."""
        now = self._clock.now()
        back, self._seen = self._seen - now, now
        if back > 0:
            self._rotated -= back
            self._alarm_at -= back
            for job in self._jobs.values():
                job.ready -= back
        return now

    def _wake_at(self, when: float) -> None:
        if self._alarm is not None:
            if self._alarm_at <= when:
                return
            self._alarm.cancel()
        self._alarm = self._clock.call_at(when, self._ring)
        self._alarm_at = when

    def _ring(self) -> None:
        self._alarm = None
        self._wake.set()

    # --- runs

    def _start(self, job: Job) -> None:
        self._running += 1
        self._runs += 1
        job.run = self._runs
        job.stopping = False
        self._note(job, EventKind.STARTED)
        job.task = asyncio.create_task(self._carry_out(job), name=f"replication {job.id}")
        job.task.add_done_callback(partial(self._ended, job))

    async def _carry_out(self, job: Job) -> Summary:
        return await self._run(job)

    def _ended(self, job: Job, task: "asyncio.Task[Summary]") -> None:
        """A run is over: completed, stopped or crashed."""
        self._running -= 1
        job.run = None
        job.task = None
        self._wake.set()
        if task.cancelled():
            self._note(job, EventKind.STOPPED)
            error: DocstoreError = JobCancelled()
        elif (failure := task.exception()) is None:
            for waiter in job.waiters:
                if not waiter.done():
                    waiter.set_result(task.result())
            self._forget(job, JobCancelled())
            return
        else:
            error = self._crashed(job, failure)
        if job.leaving or (job.transient and not task.cancelled()):
            self._forget(job, error)

    def _crashed(self, job: Job, failure: BaseException) -> DocstoreError:
        if isinstance(failure, DocstoreError):
            error = failure
            logger.warning("replication %s failed: %s", job.id, crash_reason(error))
        else:
            error = DocstoreError(UNEXPECTED)
            logger.error("replication %s failed unexpectedly", job.id, exc_info=failure)
        self._note(job, EventKind.CRASHED, crash_reason(error))
        job.failure = error
        crashes = consecutive_crashes(job.history, self._settings.health_threshold)
        job.ready = self._now() + crash_wait(crashes, self._random())
        if not job.transient and not job.leaving:
            _fail(job, error)
            self._on_crash(job, error)
        return error

    def _note(self, job: Job, kind: EventKind, reason: str | None = None) -> None:
        job.history = remember(job.history, Event(kind, self._clock.now(), reason), self._settings.max_history)

    def _forget(self, job: Job, error: DocstoreError) -> None:
        _fail(job, error)
        if self._jobs.get(job.id) is job:
            del self._jobs[job.id]
        place = (job.origin.number, job.origin.doc_id)
        if self._of_documents.get(place) is job:
            del self._of_documents[place]

    async def _wind_down(self, jobs: Iterable[Job]) -> None:
        """Cancel runs and wait for their end; those that take too long over their last checkpoint are cut short."""
        runs = [job for job in jobs if job.task is not None]
        for job in runs:
            _cancel(job)
        left = {job.task for job in runs if job.task is not None}
        if left:
            _, left = await asyncio.wait(left, timeout=self._settings.stop_grace)
        for task in left:
            task.cancel()
        if left:
            _, left = await asyncio.wait(left, timeout=self._settings.stop_grace)
        for task in left:
            logger.error("%s does not stop", task.get_name())


def _cancel(job: Job) -> None:
    """Ask a run to end, once: asked twice it is cut short."""
    if job.task is not None and not job.stopping:
        job.stopping = True
        job.task.cancel()


def _fail(job: Job, error: DocstoreError) -> None:
    """Tell those who wait for a job."""
    for waiter in job.waiters:
        if not waiter.done():
            waiter.set_exception(error)
    job.waiters = []
