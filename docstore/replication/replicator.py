"""One replication from its start to its end.

Owns the loop: find the common checkpoint, read changes, keep a few batches at work, move the checkpoint forward, tell
how far it is. It speaks only ``Peer`` and knows neither HTTP nor the store, neither jobs nor their schedule. Follows
``couch_replicator_scheduler_job`` of CouchDB::

    changes feed   batch 1   batch 2   batch 3   batch 4   (one more is read ahead)
                   done      at work   done      at work
                   through_seq ^

Batches end in any order; ``through_seq`` is the end of the last one before which all are done, and no checkpoint goes
beyond it. Before a checkpoint both ends tell that everything is on disk, and when they came to be: a database that was
deleted and made anew meanwhile ends the run, so that the next one begins with it. A continuous run that has nothing to
write down looks from time to time, or an end that went back in time would lack what it lost until more happens.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, TypeVar

from docstore.core.json_text import JsonValue
from docstore.errors import DocstoreError
from docstore.replication.batch import Route
from docstore.replication.checkpoint import (
    BEGINNING,
    CheckpointFailed,
    LogDocument,
    Session,
    StartingPoint,
    compare_logs,
)
from docstore.replication.options import ReplicationOptions
from docstore.replication.peer import ChangesBatch, ChangesRequest, DocumentFilter, Peer
from docstore.replication.statistics import Statistics

logger = logging.getLogger(__name__)

LAST_CHECKPOINT_SECONDS: Final = 4.0
"""How long a cancelled run may take over its last checkpoint."""

HEARTBEATS_PER_TIMEOUT: Final = 3

IDLE_LOOK_SECONDS: Final = 300.0
"""How often a continuous run with nothing to do looks whether its ends are still what they were."""

MOST_ROWS: Final = 10_000
MOST_BATCHES: Final = 100
"""The most changes in a batch, and batches at work, whatever the options say: they are held in memory."""

T = TypeVar("T")


@dataclass(slots=True)
class Progress:
    """How far a replication is; what ``_active_tasks`` and a job's ``info`` show.

    ``source_seq``  the highest sequence whose changes are done, ``through_seq`` that up to which all are
    ``changes_pending``  how many changes the source has behind ``through_seq``, None if it does not tell
    """

    statistics: Statistics = field(default_factory=Statistics)
    source_seq: JsonValue = BEGINNING
    checkpointed_source_seq: JsonValue = BEGINNING
    through_seq: JsonValue = BEGINNING
    changes_pending: int | None = None

    def members(self) -> dict[str, JsonValue]:
        """The members under CouchDB's names, in the order of its ``info``."""
        statistics = self.statistics
        return {
            "revisions_checked": statistics.missing_checked,
            "missing_revisions_found": statistics.missing_found,
            "docs_read": statistics.docs_read,
            "docs_written": statistics.docs_written,
            "changes_pending": self.changes_pending,
            "doc_write_failures": statistics.doc_write_failures,
            "bulk_get_docs": statistics.bulk_get_docs,
            "bulk_get_attempts": statistics.bulk_get_attempts,
            "checkpointed_source_seq": self.checkpointed_source_seq,
            "source_seq": self.source_seq,
            "through_seq": self.through_seq,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """How a one-shot replication ended. ``members`` is CouchDB's reply to ``_replicate``.

    ``no_changes``: there was nothing to do; the statistics are then those of the runs before.
    """

    no_changes: bool
    statistics: Statistics
    members: dict[str, JsonValue]


@dataclass(slots=True)
class _Mark:
    """A batch in the order of the feed."""

    last_seq: JsonValue
    pending: int | None
    done: bool = False


class Replicator:
    """One run. ``clock`` gives seconds since 1970, ``new_session_id`` 32 hex digits.

    ``on_progress`` is called on the event loop after each portion that was written, each batch and each checkpoint.
    ``accepts``     the filter as a function of the document, for a source of this process
    ``statistics``  what earlier runs of this job counted
    ``wait``        waits so many seconds
    """

    def __init__(
        self,
        source: Peer,
        target: Peer,
        options: ReplicationOptions,
        *,
        replication_id: str,
        clock: Callable[[], float],
        new_session_id: Callable[[], str],
        on_progress: Callable[[Progress], None] | None = None,
        accepts: DocumentFilter | None = None,
        statistics: Statistics | None = None,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``replication_id`` is the base id: 32 hex digits, without ``+continuous``."""
        self.progress = Progress(Statistics() if statistics is None else statistics)
        self._source = source
        self._target = target
        self._options = options
        self._clock = clock
        self._new_session_id = new_session_id
        self._on_progress = on_progress
        self._accepts = accepts
        self._wait = wait
        self._source_log = LogDocument(source, "source", replication_id)
        self._target_log = LogDocument(target, "target", replication_id)
        self._marks: deque[_Mark] = deque()
        self._instances = ("", "")
        self._has_rows = False
        self._reply: dict[str, JsonValue] = {}

    async def run(self) -> Summary:
        """Replicate: until everything there is has gone over, or, continuous, until this task is cancelled.

        A cancelled run writes a checkpoint before it raises CancelledError. Raises CheckpointFailed, and what the
        peers raise (``errors.py``). The peers are the caller's to close. To be called once.
        """
        await self._begin()
        self._tell()
        try:
            await self._replicate()
        except asyncio.CancelledError:
            await self._checkpoint_before_leaving()
            raise
        if self._has_rows:
            await self._checkpoint(last=True)
        return Summary("no_changes" in self._reply, self.progress.statistics, self._reply)

    # --- the start

    async def _begin(self) -> None:
        """Open both ends and find out from where to go on."""
        options = self._options
        source_info = await self._source.info()
        if options.create_target:
            await self._target.create(_query(options.create_target_params))
        target_info = await self._target.info()
        self._instances = (source_info.instance_start_time, target_info.instance_start_time)
        await _both(self._source_log.read(), self._target_log.read())
        start = compare_logs(self._source_log.body, self._target_log.body)
        if options.since_seq is not None:
            start = StartingPoint(options.since_seq, start.history)
        progress = self.progress
        progress.statistics = progress.statistics.at_least(start.statistics())
        progress.source_seq = progress.through_seq = progress.checkpointed_source_seq = start.seq
        self._session = Session(
            self._new_session_id(), self._clock(), start.seq, start.history, flat=options.doc_ids is not None
        )
        self._reply = {"no_changes": True, **self._source_log.body}

    # --- the loop

    async def _replicate(self) -> None:
        options = self._options
        self._next_checkpoint = asyncio.get_running_loop().time() + options.checkpoint_interval
        self._plan_look()
        route = Route(
            self._source, self._target, self.progress.statistics, self._wait, self._tell, options.use_bulk_get
        )
        most = min(options.worker_processes, MOST_BATCHES)
        working: dict[asyncio.Task[None], _Mark] = {}
        async with aclosing(self._source.changes(self._request())) as feed:
            reading: asyncio.Task[ChangesBatch | None] | None = asyncio.create_task(_next(feed))
            try:
                while reading is not None or working:
                    waiting: set[asyncio.Task[None] | asyncio.Task[ChangesBatch | None]] = set(working)
                    if reading is not None and len(working) < most:
                        waiting.add(reading)
                    await asyncio.wait(waiting, timeout=self._patience(), return_when=asyncio.FIRST_COMPLETED)
                    for task in [task for task in working if task.done()]:
                        task.result()
                        self._done(working.pop(task))
                    if reading is not None and reading in waiting and reading.done():
                        batch = reading.result()
                        reading = None if batch is None else asyncio.create_task(_next(feed))
                        if batch is not None:
                            self._take(batch, route, working)
                    if self._is_due():
                        await self._checkpoint()
                    elif self._next_look <= asyncio.get_running_loop().time():
                        await self._look_at_ends()
            finally:
                await _stop([*working, *([] if reading is None else [reading])])

    def _request(self) -> ChangesRequest:
        options = self._options
        return ChangesRequest(
            since=self.progress.through_seq,
            continuous=options.continuous,
            all_leaves=not options.winning_revs_only,
            doc_ids=options.doc_ids,
            selector=options.selector,
            filter=options.filter,
            query_params=options.query_params,
            accepts=self._accepts,
            heartbeat=options.connection_timeout / HEARTBEATS_PER_TIMEOUT,
            batch_rows=min(options.worker_batch_size, MOST_ROWS),
        )

    def _take(self, batch: ChangesBatch, route: Route, working: dict[asyncio.Task[None], _Mark]) -> None:
        """Begin with a batch, or only note where the feed is if it is empty."""
        mark = _Mark(batch.last_seq, batch.pending)
        self._marks.append(mark)
        if batch.changes:
            self._has_rows = True
            working[asyncio.create_task(route.replicate(batch.changes))] = mark
        else:
            self._done(mark)

    def _done(self, mark: _Mark) -> None:
        """A batch is done; so may be all up to one that was waiting for it."""
        mark.done = True
        progress = self.progress
        progress.source_seq = mark.last_seq
        while self._marks and self._marks[0].done:
            first = self._marks.popleft()
            progress.through_seq = first.last_seq
            progress.changes_pending = first.pending
        if not self._marks:
            progress.source_seq = progress.through_seq
        self._tell()

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.progress)

    # --- checkpoints

    def _patience(self) -> float | None:
        """How long to wait for something to happen: up to the next checkpoint or look, if there will be one."""
        until = min(self._next_checkpoint if self._has_news() else math.inf, self._next_look)
        return None if until == math.inf else max(0.0, until - asyncio.get_running_loop().time())

    def _plan_look(self) -> None:
        wait = IDLE_LOOK_SECONDS if self._options.continuous else math.inf
        self._next_look = asyncio.get_running_loop().time() + wait

    def _has_news(self) -> bool:
        """Whether there is something to write down. A one-shot run without any change leaves no trace, as CouchDB's."""
        progress = self.progress
        if not self._options.use_checkpoints or not (self._has_rows or self._options.continuous):
            return False
        return progress.through_seq != progress.checkpointed_source_seq

    def _is_due(self) -> bool:
        return self._has_news() and asyncio.get_running_loop().time() >= self._next_checkpoint

    async def _checkpoint(self, *, last: bool = False) -> None:
        """Write down at both ends that everything up to ``through_seq`` is there. Raises CheckpointFailed."""
        progress = self.progress
        seq = progress.through_seq
        if self._has_news():
            log = self._session.log(seq, progress.statistics, self._clock())
            await self._make_sure_it_is_on_disk()
            await self._source_log.write(log)
            await self._target_log.write(log)
            progress.checkpointed_source_seq = seq
            self._reply = log
            self._tell()
        elif last and not self._options.use_checkpoints:
            await self._make_sure_it_is_on_disk()
            self._reply = {"use_checkpoints": False}
        self._next_checkpoint = asyncio.get_running_loop().time() + self._options.checkpoint_interval
        self._plan_look()

    async def _look_at_ends(self) -> None:
        """Raises CheckpointFailed if an end is not what it was. One that cannot be asked now is asked later."""
        try:
            source, target = await _both(self._source.info(), self._target.info())
            if self._options.use_checkpoints:
                await _both(self._source_log.check(), self._target_log.check())
        except CheckpointFailed:
            raise
        except DocstoreError as error:
            logger.info("%s -> %s could not be looked at: %s", self._source.name, self._target.name, error.reason)
        else:
            self._compare_instances((source.instance_start_time, target.instance_start_time))
        self._plan_look()

    async def _make_sure_it_is_on_disk(self) -> None:
        """Raises CheckpointFailed if an end cannot tell, or is not the database any more that it was at the start."""
        self._compare_instances(await _both(_commit(self._source, "source"), _commit(self._target, "target")))

    def _compare_instances(self, instances: tuple[str, str]) -> None:
        changed = [
            what
            for what, before, now in zip(("source", "target"), self._instances, instances, strict=True)
            if before != now
        ]
        if changed:
            ends = " and ".join(changed)
            raise CheckpointFailed(f"instance_start_time on {ends} database has changed since last checkpoint.")

    async def _checkpoint_before_leaving(self) -> None:
        """The checkpoint of a run that was cancelled. If it fails, the next run does some work twice."""
        try:
            async with asyncio.timeout(LAST_CHECKPOINT_SECONDS):
                await self._checkpoint()
        except (DocstoreError, TimeoutError) as error:
            logger.warning("no last checkpoint of %s -> %s: %r", self._source.name, self._target.name, error)


async def _next(feed: AsyncGenerator[ChangesBatch]) -> ChangesBatch | None:
    return await anext(feed, None)


async def _stop(tasks: "list[asyncio.Task[None] | asyncio.Task[ChangesBatch | None]]") -> None:
    """Cancel tasks and wait for their end; what they fail with now does not matter."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)


async def _both(one: Awaitable[T], other: Awaitable[T]) -> tuple[T, T]:
    """Both results. Raises the first failure once both have ended."""
    first, second = await asyncio.gather(one, other, return_exceptions=True)
    if isinstance(first, BaseException):
        raise first
    if isinstance(second, BaseException):
        raise second
    return first, second


async def _commit(peer: Peer, what: str) -> str:
    try:
        return await peer.ensure_full_commit()
    except DocstoreError as error:
        raise CheckpointFailed(f"Failure on {what} commit: {error.error}: {error.reason}") from error


def _query(params: Mapping[str, JsonValue]) -> dict[str, str]:
    """``create_target_params`` as query parameters."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in params.items()
        if isinstance(value, bool | int | str)
    }
