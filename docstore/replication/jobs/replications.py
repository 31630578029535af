"""All replications of a node: those that were asked for by requests, and those that stand in replicator databases.

Owns the joint between requests, documents, the scheduler and what a job does, and the rows of ``_active_tasks``. It
must not know HTTP requests. Follows ``couch_replicator`` of CouchDB.

A node without replicator databases pays for one look at the names of its databases, after its start.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Final
from uuid import uuid4

from docstore.core.json_text import JsonValue
from docstore.core.security.access import NOT_ADMIN
from docstore.core.security.user import UserContext
from docstore.database.active_tasks import ActiveTask, ActiveTasks
from docstore.database.database import Database
from docstore.database.registry import Registry
from docstore.errors import DatabaseNotFound, DocstoreError, Unauthorized
from docstore.replication.connect import connect, replication_id
from docstore.replication.errors import PeerBusy
from docstore.replication.jobs.clock import Clock
from docstore.replication.jobs.database import ReplicatorDatabase
from docstore.replication.jobs.documents import completion_stats, is_replicator
from docstore.replication.jobs.job import Job, Origin
from docstore.replication.jobs.scheduler import Scheduler
from docstore.replication.options import CancelRequest, ReplicationOptions
from docstore.replication.remote.rate_control import RateController
from docstore.replication.remote.urls import origin
from docstore.replication.replicator import Progress, Replicator, Summary
from docstore.settings import Settings

logger = logging.getLogger(__name__)

GENTLE_CHECKPOINT_INTERVAL: Final = 5.0
GENTLE_WORKERS: Final = 2
GENTLE_BATCH: Final = 100
GENTLE_CONNECTIONS: Final = 5


class Replications:
    """The replications of one node. ``random`` gives numbers from 0 up to 1."""

    def __init__(
        self,
        registry: Registry,
        active_tasks: ActiveTasks,
        settings: Settings,
        *,
        server_uuid: str,
        node_name: str,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self.node_name = node_name
        self._registry = registry
        self._active_tasks = active_tasks
        self._settings = settings
        self._server_uuid = server_uuid
        self._base_url = ""
        self._clock = clock
        self._random = random
        self._scheduler = self._new_scheduler()
        self._databases: dict[int, ReplicatorDatabase] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # --- start and stop

    def start(self, base_url: str) -> None:
        """Take up what the replicator databases ask for; returns at once. May be called again after a stop.

        ``base_url`` is the server's own URL, without a slash at the end: what a bare name means in a replication id.
        """
        self._base_url = base_url
        self._registry.on_created = self._created
        self._spawn(self._discover())

    async def stop(self) -> None:
        """Stop all replications, with a last checkpoint each."""
        self._registry.on_created = _ignore
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for database in self._databases.values():
            await database.stop()
        await self._scheduler.stop()
        self._databases.clear()
        self._scheduler = self._new_scheduler()

    def _new_scheduler(self) -> Scheduler:
        return Scheduler(self._run, self._settings.replicator, self._clock, self._random, self._crashed)

    async def _discover(self) -> None:
        for name in await self._registry.find(is_replicator):
            try:
                self._created(self._registry.open(name))
            except DatabaseNotFound:
                logger.debug("%s is gone already", name)

    def _created(self, database: Database) -> None:
        """A database is there; if it is a replicator database, follow it."""
        if is_replicator(database.name) and database.number not in self._databases:
            followed = self._databases[database.number] = ReplicatorDatabase(
                database,
                self._scheduler,
                self._identify,
                self._is_current,
                settings=self._settings,
                node_name=self.node_name,
                clock=self._clock,
                random=self._random,
            )
            self._spawn(self._follow(followed))

    async def _follow(self, followed: ReplicatorDatabase) -> None:
        await followed.follow()
        await followed.stop()
        del self._databases[followed.database.number]

    def _is_current(self, origin: Origin) -> bool:
        """Whether the database that a job comes from is still there."""
        if origin.database is None:
            return True
        try:
            return self._registry.open(origin.database).number == origin.number
        except DatabaseNotFound:
            return False

    # --- requests

    async def job_for(self, options: ReplicationOptions, user: UserContext) -> Job:
        """The job for a request, which is yet to be begun; the job of a document, if it does the same.

        Raises FilterFetchError, and what the source raises, if the options have no id; Unauthorized if somebody else
        does the same.
        """
        base_id, extension = await self._identify(options, user)
        job = Job(base_id, extension, options, self._clock.now(), user=user.name, rights=user)
        present = self._scheduler.job(job.id)
        if present is None or present.leaving:
            return job
        _check_owner(present, user)
        return job if present.transient else present

    async def perform(self, job: Job) -> Summary:
        """Replicate and wait for the end. Raises what the replication fails with, JobCancelled, Unavailable."""
        return await self._scheduler.perform(job)

    async def begin(self, job: Job) -> Job:
        """Begin a continuous replication; the job that runs. Raises Unavailable."""
        return await self._scheduler.add(job)

    async def cancel(self, request: CancelRequest, user: UserContext) -> str | None:
        """Stop a replication; its id, None if there is none. Raises Unauthorized for that of somebody else."""
        if request.options is None:
            job_id = "".join(request.job_id or ())
        else:
            job_id = "".join(await self._identify(request.options, user))
        job = self._scheduler.job(job_id)
        if job is None or job.leaving:
            return None
        _check_owner(job, user)
        self._scheduler.dismiss(job)
        await self._scheduler.gone(job)
        return job_id

    # --- looking

    def jobs(self) -> list[Job]:
        """All jobs, by id."""
        return [job for job in self._scheduler.jobs() if not job.leaving]

    def job(self, job_id: str) -> Job | None:
        """The job of this id."""
        job = self._scheduler.job(job_id)
        return None if job is None or job.leaving else job

    def of_document(self, database: Database, doc_id: str) -> dict[str, JsonValue] | None:
        """The row of ``_scheduler/docs`` for a document; None for one that only itself can tell about."""
        followed = self._databases.get(database.number)
        return None if followed is None else followed.summary(doc_id)

    # --- what a job does

    async def _run(self, job: Job) -> Summary:
        """Replicate, and for a document write into it that this is done."""
        options = _gentle(job.options) if isinstance(job.failure, PeerBusy) else job.options
        rate = _shared_rate(options)
        source = connect(options.source, options, self._registry, user=job.rights, rate=rate)
        try:
            target = connect(options.target, options, self._registry, user=job.rights, rate=rate)
            try:
                with self._active_tasks.running("replication", **_task_members(job)) as task:
                    replicator = Replicator(
                        source,
                        target,
                        options,
                        replication_id=job.base_id,
                        clock=self._clock.now,
                        new_session_id=lambda: uuid4().hex,
                        on_progress=lambda progress: _show(job, task, progress),
                        statistics=None if job.progress is None else job.progress.statistics,
                    )
                    summary = await replicator.run()
            finally:
                await target.close()
        finally:
            await source.close()
        job.progress = replicator.progress
        followed = self._databases.get(job.origin.number or 0)
        if followed is not None:
            await followed.completed(job, completion_stats(replicator.progress.members(), job.start_time))
        return summary

    def _crashed(self, job: Job, error: DocstoreError) -> None:
        followed = self._databases.get(job.origin.number or 0)
        if followed is not None:
            followed.crashed(job, error)

    async def _identify(self, options: ReplicationOptions, user: UserContext | None = None) -> tuple[str, str]:
        source = connect(options.source, options, self._registry, user=user)
        try:
            return await replication_id(options, source, server_uuid=self._server_uuid, base_url=self._base_url)
        finally:
            await source.close()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("following a replicator database failed", exc_info=task.exception())


def _check_owner(job: Job, user: UserContext) -> None:
    """Raises Unauthorized unless a user has asked for the job, or may ask for everything."""
    if not user.is_admin and (user.name is None or user.name != job.user):
        raise Unauthorized(NOT_ADMIN)


def _ignore(database: Database) -> None:
    """Nobody follows new databases."""


def _gentle(options: ReplicationOptions) -> ReplicationOptions:
    """Options for another try where the last one ended because a peer asked for patience."""
    return replace(
        options,
        checkpoint_interval=min(options.checkpoint_interval, GENTLE_CHECKPOINT_INTERVAL),
        worker_processes=min(options.worker_processes, GENTLE_WORKERS),
        worker_batch_size=min(options.worker_batch_size, GENTLE_BATCH),
        http_connections=min(options.http_connections, GENTLE_CONNECTIONS),
    )


def _shared_rate(options: ReplicationOptions) -> RateController | None:
    """The pace of both ends, if these are one server; None leaves each its own."""
    ends = (options.source, options.target)
    if any(end.is_name for end in ends) or len({origin(end.url) for end in ends}) > 1:
        return None
    return RateController()


def _task_members(job: Job) -> dict[str, JsonValue]:
    """What the row of ``_active_tasks`` says of a job from its beginning."""
    return {
        "pid": job.pid,
        "user": job.user,
        "replication_id": job.id,
        "database": job.origin.database,
        "doc_id": job.origin.doc_id,
        "source": job.options.source.public,
        "target": job.options.target.public,
        "continuous": job.options.continuous,
        "checkpoint_interval": int(job.options.checkpoint_interval * 1000),
    }


def _show(job: Job, task: ActiveTask, progress: Progress) -> None:
    job.progress = progress
    task.update(**progress.members())
