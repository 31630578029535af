"""One replicator database: its documents become jobs, and learn how these end.

Owns the way from a document to its job and back. It follows the database's changes from the beginning, so that after a
restart what was not finished is taken up again; a document that says ``completed`` or ``failed`` is left alone. It must
not know how a job runs, nor whose turn it is. Follows ``couch_replicator_doc_processor`` and its worker::

    document written -> initializing -> scheduled: what its job says (running, pending, crashing)
                             |  ^                        |
                             v  | later and later        v
                            error                 completed, written into the document
                             |
                             v  a duplicate
                          failed, written into the document

Each document has at most one task at work for it; a change of the document that changes the replication ends that task
and the job, and begins anew.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass

from docstore.core.document import DESIGN_PREFIX, parse_document
from docstore.core.job_history import error_wait
from docstore.core.json_cost import is_costly
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import JsonValue, decode
from docstore.database.database import Database
from docstore.database.reading.changes import ChangesQuery, follow_changes
from docstore.errors import Conflict, DocstoreError, NotFound
from docstore.replication.jobs import documents as replicator_docs
from docstore.replication.jobs.clock import Clock, sleep
from docstore.replication.jobs.documents import Members
from docstore.replication.jobs.job import Job, Origin, State, crash_reason, iso_time
from docstore.replication.jobs.scheduler import Scheduler
from docstore.replication.options import InvalidReplication, ReplicationOptions, parse_replication
from docstore.settings import Settings

logger = logging.getLogger(__name__)

RUNS_TRANSIENT = (
    "Replication `{}` specified by document `{}` already running as a transient replication, started via"
    " `_replicate` API endpoint"
)
RUNS_FOR_ANOTHER = (
    "Replication `{}` specified by document `{}` already started, triggered by document `{}` from db `{}`"
)
READ_AGAIN_AFTER = 5.0
FILTER_CHECK_AFTER = 60.0

Identify = Callable[[ReplicationOptions], Awaitable[tuple[str, str]]]
"""The replication id, base and extension. Raises DocstoreError if it cannot be told now: it depends on the source."""


class Duplicate(DocstoreError):
    """Another document has a job of the same id."""


@dataclass(eq=False, slots=True)
class Entry:
    """A document that is a replication and not finished.

    ``state``    None once there was a job
    ``errors``   how often in a row it could not become a job; ``info`` says why
    ``finished`` its job has done its work and is about to say so in the document
    """

    doc_id: str
    options: ReplicationOptions
    user: str | None
    start_time: float
    updated: float
    state: State | None = State.INITIALIZING
    job_id: str | None = None
    errors: int = 0
    info: str | None = None
    finished: bool = False
    work: asyncio.Task[None] | None = None


class ReplicatorDatabase:
    """The replications of one incarnation of a replicator database.

    ``is_current`` tells whether the place that a job comes from is still there.
    """

    def __init__(
        self,
        database: Database,
        scheduler: Scheduler,
        identify: Identify,
        is_current: Callable[[Origin], bool],
        *,
        settings: Settings,
        node_name: str,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self.database = database
        self._scheduler = scheduler
        self._identify = identify
        self._is_current = is_current
        self._settings = settings
        self._node_name = node_name
        self._clock = clock
        self._random = random
        self._entries: dict[str, Entry] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def follow(self) -> None:
        """Take up all documents, and what happens to them, until the database is deleted; then end their jobs."""
        since = 0
        while True:
            try:
                query = ChangesQuery(since=since, include_docs=True)
                async with aclosing(follow_changes(self.database, query, once=False)) as pieces:
                    async for piece in pieces:
                        for row in piece.rows:
                            if isinstance(row, bytes):
                                await self._take(row)
                        since = piece.last_seq
                break
            except Exception as error:  # too many snapshots, a full disk: that passes, and jobs that run go on
                unexpected = not isinstance(error, DocstoreError)
                logger.warning("%s will be read again: %s", self.database.name, error, exc_info=unexpected)
                await sleep(self._clock, READ_AGAIN_AFTER)
        for doc_id in list(self._entries):
            self._drop(doc_id)

    async def stop(self) -> None:
        """End all work, save that of the jobs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def summary(self, doc_id: str) -> Members | None:
        """The row of ``_scheduler/docs``; None for a document that only itself can tell about."""
        entry = self._entries.get(doc_id)
        if entry is None:
            return None
        if entry.state is None:
            job = self._scheduler.of_document(self.database.number, doc_id)
            return None if job is None else job.summary(self._node_name, self._settings.replicator.health_threshold)
        return {
            "database": self.database.name,
            "doc_id": doc_id,
            "id": entry.job_id,
            "state": entry.state.value,
            "info": None if entry.info is None else {"error": entry.info},
            "error_count": entry.errors,
            "node": self._node_name,
            "last_updated": iso_time(entry.updated),
            "start_time": iso_time(entry.start_time),
        }

    # --- what jobs tell

    async def completed(self, job: Job, stats: Members) -> None:
        """Write into its document that a job is done, unless the document asks for something else by now."""
        doc_id = job.origin.doc_id or ""
        entry = self._entries.get(doc_id)
        if entry is not None:
            entry.finished = True

        def change(members: Members) -> Members | None:
            if _options_of(members) != job.options:
                return None
            return replicator_docs.completed(members, stats, self._clock.now())

        try:
            await self._rewrite(doc_id, change)
        except BaseException:
            if entry is not None:
                entry.finished = False
            raise

    def crashed(self, job: Job, error: DocstoreError) -> None:
        """A job will be tried again; with ``update_docs`` its document says so."""
        if self._settings.replicator.update_docs:
            reason, now = crash_reason(error), self._clock.now()
            self._note(job.origin.doc_id or "", lambda members: replicator_docs.troubled(members, reason, job.id, now))

    # --- what documents tell

    async def _take(self, row: bytes) -> None:
        """A row of the changes feed. What is wrong with one document is no trouble of the others."""
        try:
            change = await asyncio.to_thread(decode_in_slices, row) if is_costly(row) else decode(row)
            members = change.get("doc") if isinstance(change, dict) else None
            if not isinstance(change, dict) or not isinstance(members, dict):
                return
            doc_id = change.get("id")
            if isinstance(doc_id, str) and not doc_id.startswith(DESIGN_PREFIX):
                await self._changed(doc_id, members, deleted="deleted" in change)
        except Exception:
            logger.exception("a document of %s could not be read", self.database.name)

    async def _changed(self, doc_id: str, members: Members, *, deleted: bool) -> None:
        state = members.get(replicator_docs.STATE)
        if deleted:
            self._drop(doc_id)
        elif state in (State.COMPLETED, State.FAILED):
            entry = self._entries.get(doc_id)
            self._drop(doc_id, dismiss=entry is None or not entry.finished)
        else:
            await self._read(doc_id, members)

    async def _read(self, doc_id: str, members: Members) -> None:
        """A document that asks for a replication: for another one than before, perhaps."""
        try:
            options = await _parsed(members)
        except InvalidReplication as error:
            self._drop(doc_id)
            self._fail(doc_id, None, error.document_reason)
            return
        if replicator_docs.STATE in members and not self._settings.replicator.update_docs:
            self._note(doc_id, replicator_docs.without_state)  # it was left by an older server
        entry = self._entries.get(doc_id)
        if entry is not None and entry.options == options and self._at_work(entry):
            return
        self._drop(doc_id)
        now = self._clock.now()
        entry = self._entries[doc_id] = Entry(doc_id, options, _user_of(members), now, now)
        entry.work = self._spawn(self._settle(entry))

    def _at_work(self, entry: Entry) -> bool:
        """Whether a document has its job or will have it; no more if the job was cancelled by a request."""
        return entry.state is not None or self._scheduler.of_document(self.database.number, entry.doc_id) is not None

    def _drop(self, doc_id: str, *, dismiss: bool = True) -> None:
        """Forget a document; its job goes too."""
        entry = self._entries.pop(doc_id, None)
        if entry is not None and entry.work is not None:
            entry.work.cancel()
        job = self._scheduler.of_document(self.database.number, doc_id)
        if job is not None and dismiss:
            self._scheduler.dismiss(job)

    # --- from document to job

    async def _settle(self, entry: Entry) -> None:
        """Bring a document to its job, and see to it that it has the right one."""
        before = self._scheduler.of_document(self.database.number, entry.doc_id)
        if before is not None:
            await self._scheduler.gone(before)
        while True:
            try:
                await self._schedule(entry)
            except Duplicate as error:
                self._entries.pop(entry.doc_id, None)
                self._fail(entry.doc_id, entry.options, error.reason)
                return
            except DocstoreError as error:
                if entry.state is not None:
                    self._trouble(entry, error)
            if entry.state is not None:
                pause = error_wait(entry.errors, self._random())
            elif entry.options.filter is None:
                return
            else:  # the filter's code is part of the id, and may change
                pause = FILTER_CHECK_AFTER * (1 + self._random())
            await sleep(self._clock, pause)
            if not self._at_work(entry):
                return

    async def _schedule(self, entry: Entry) -> None:
        """Hand a job to the scheduler. Raises Duplicate, and DocstoreError for what may pass."""
        base_id, extension = await self._identify(entry.options)
        job_id = base_id + extension
        origin = Origin(self.database.name, entry.doc_id, self.database.number)
        while (present := self._scheduler.job(job_id)) is not None and present.origin != origin:
            if not present.leaving and self._is_current(present.origin):
                if present.transient:
                    raise DocstoreError(RUNS_TRANSIENT.format(job_id, entry.doc_id))
                other = present.origin
                raise Duplicate(RUNS_FOR_ANOTHER.format(job_id, entry.doc_id, other.doc_id, other.database))
            self._scheduler.dismiss(present)
            await self._scheduler.gone(present)
        old = self._scheduler.of_document(self.database.number, entry.doc_id)
        if old is not None and old.id != job_id:
            self._scheduler.dismiss(old)
            await self._scheduler.gone(old)
        await self._scheduler.add(
            Job(base_id, extension, entry.options, entry.start_time, origin=origin, user=entry.user)
        )
        now = self._clock.now()
        if entry.state is not None and self._settings.replicator.update_docs:
            self._note(entry.doc_id, lambda members: replicator_docs.triggered(members, job_id, now))
        entry.state, entry.job_id, entry.errors, entry.info = None, job_id, 0, None
        entry.updated = now

    def _trouble(self, entry: Entry, error: DocstoreError) -> None:
        logger.warning("%s of %s cannot start: %s", entry.doc_id, self.database.name, error.reason)
        now, reason = self._clock.now(), error.reason
        entry.state, entry.job_id, entry.info = State.ERROR, None, reason
        entry.errors += 1
        entry.updated = now
        if self._settings.replicator.update_docs:
            self._note(entry.doc_id, lambda members: replicator_docs.troubled(members, reason, None, now))

    # --- writing into documents

    def _fail(self, doc_id: str, options: ReplicationOptions | None, reason: str) -> None:
        """Write into a document that it asks for these options (or cannot be read) in vain, if it still does."""
        logger.warning("%s of %s fails: %s", doc_id, self.database.name, reason)
        now = self._clock.now()

        def change(members: Members) -> Members | None:
            return replicator_docs.failed(members, reason, now) if _options_of(members) == options else None

        self._note(doc_id, change)

    def _note(self, doc_id: str, change: Callable[[Members], Members | None]) -> None:
        """Rewrite a document in the background, unless it is finished."""

        def change_unfinished(members: Members) -> Members | None:
            finished = members.get(replicator_docs.STATE) in (State.COMPLETED, State.FAILED)
            return None if finished else change(members)

        async def write() -> None:
            try:
                await self._rewrite(doc_id, change_unfinished)
            except DocstoreError as error:
                logger.warning("the state of %s in %s is not written: %s", doc_id, self.database.name, error.reason)

        self._spawn(write())

    async def _rewrite(self, doc_id: str, change: Callable[[Members], Members | None]) -> None:
        """Change the newest revision of a document, if it is still there; None changes nothing."""
        while True:
            try:
                members = decode(self.database.open_doc(doc_id).json)
                changed = change(members) if isinstance(members, dict) else None
                if changed is None or changed == members:
                    return
                await self.database.update_doc(parse_document(changed, limits=self._settings.limits))
                return
            except Conflict:  # somebody was faster: look at what they wrote
                await asyncio.sleep(0)
            except NotFound:
                return

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("work on %s failed", self.database.name, exc_info=task.exception())


async def _parsed(members: Members) -> ReplicationOptions:
    """What a document asks for, by a thread where it has a selector, whose patterns may take long to read."""
    return await asyncio.to_thread(parse_replication, members) if "selector" in members else parse_replication(members)


def _options_of(members: Members) -> ReplicationOptions | None:
    try:
        return parse_replication(members)
    except InvalidReplication:
        return None


def _user_of(members: Members) -> str | None:
    """On whose behalf the document asks, if it says so."""
    context: JsonValue = members.get("user_ctx")
    name = context.get("name") if isinstance(context, dict) else None
    return name if isinstance(name, str) else None
