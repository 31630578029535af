"""One search index: brought up to date, by one task at a time.

Owns the update: batches of documents are read, made into entries by workers while the batch before is written, and
committed every now and then with how far they go. A kill loses what was not committed. It must not know queries.
Nothing here runs on the event loop but the handing over of batches. Follows ``dreyfus_index_updater``.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple, TypeVar, cast

from docstore.database.active_tasks import ActiveTask, ActiveTasks
from docstore.database.database import Database
from docstore.database.reading.index_feed import FeedBatch, FeedEnd, feed_end, read_feed
from docstore.errors import NotFound
from docstore.query.design.languages import UNKNOWN_LANGUAGE
from docstore.query.errors import FunctionFailed, TooMuchAtOnce
from docstore.query.function_log import function_log
from docstore.query.search.folder import (
    FIRST_COLUMNS,
    MORE_COLUMNS,
    ColumnsTaken,
    Folder,
    make_folder,
    open_folder,
    remove_folder,
)
from docstore.query.search.mapping import Entries, joined
from docstore.query.search.plan import SearchPlan
from docstore.query.views.reducing import Workers
from docstore.settings import SearchSettings
from docstore.workers.errors import WorkerLost, WorkerTimedOut

T = TypeVar("T")

WORKER_INDEXES: Final = "docstore.query.search.mapping:index_documents"
TASK: Final = "search_indexer"
SMALL: Final = 200
"""Documents in a batch that somebody waits for; more of them give way to others as a build."""
COMMIT_AFTER: Final = 5.0
"""Seconds of work that a kill may cost."""
GONE: Final = "Design document was updated or deleted."

NONE: Final = Entries(entries=[], none=[], log=[])


class _InHand(NamedTuple):
    batch: FeedBatch
    mapping: "asyncio.Future[Entries]"


class SearchIndex:
    """The index of one plan in one database. Of one event loop.

    ``waiting``  how many wait for it to be brought up to date;  ``folder``  its files, None until they are opened
    ``shown``    how far it goes, as far as that is known here
    """

    def __init__(
        self,
        path: Path,
        pool: Workers,
        tasks: ActiveTasks,
        database: Database,
        plan: SearchPlan,
        settings: SearchSettings,
        *,
        ahead: int,
    ) -> None:
        self.path = path
        self.database = database
        self.plan = plan
        self.waiting = 0
        self.folder: Folder | None = None
        self.shown = FeedEnd(-1, -1)
        self._pool = pool
        self._tasks = tasks
        self._settings = settings
        self._ahead = ahead
        self._task: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._dropped = False

    @property
    def updating(self) -> bool:
        """Whether it is being brought up to date."""
        return self._task is not None

    async def opened(self) -> Folder:
        """Its files, made if there are none. Raises StorageFull, StorageFailed, NotFound if it is gone."""
        async with self._opening:
            if self._dropped:
                raise NotFound(GONE)
            if self.folder is None:
                self.folder = await finished(self._open)
                self._show(self.folder)
        return self.folder

    async def update(self, end: FeedEnd | None = None, *, unasked: bool = False) -> None:
        """Wait until the index shows what the database has now.

        ``end``: how far the database goes, if that was just read; ``unasked``: it gives way to those that somebody
        waits for. Raises what the function fails with, DatabaseNotFound, StorageFull, StorageFailed, Unavailable.
        """
        if end is None:
            end = feed_end(self.database.environment, self.database.number)
        self.waiting += not unasked
        try:
            while not _reaches(self.shown, end):
                task = self._task or self._start()
                await asyncio.wait([task])
                if task.cancelled():
                    raise NotFound(GONE)
                task.result()
        finally:
            self.waiting -= not unasked

    def start(self) -> None:
        """Begin to bring it up to date, and do not wait."""
        if self._task is None:
            self._start()

    async def rest(self) -> None:
        """Give back memory, threads and files, until it is needed again."""
        async with self._opening:
            if self._task is None and self.folder is not None:
                folder, self.folder = self.folder, None
                self.shown = FeedEnd(-1, -1)
                await finished(folder.close)

    async def stop(self) -> None:
        """Do nothing any more."""
        self._dropped = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self.rest()

    def _start(self) -> "asyncio.Task[None]":
        if self._dropped:
            raise NotFound(GONE)
        task = self._task = asyncio.create_task(self._run(), name=f"search index {self.plan.signature}")
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()  # whoever waits is told; otherwise who asks next
        if isinstance(error, FunctionFailed):
            function_log.tell_failure(self._where, error, self.plan.limits)

    @property
    def _where(self) -> str:
        return f"{self.database.name}/{self.plan.design_id}/{self.plan.name}, index"

    # --- The update

    async def _run(self) -> None:
        if not self.plan.spoken:
            raise FunctionFailed(self.plan.language, error=UNKNOWN_LANGUAGE)
        folder: Folder | None = await self.opened()
        end = feed_end(self.database.environment, self.database.number)
        while folder is not None and not _reaches(self.shown, end):
            total = max(end.update_seq - folder.state.seq, 1)
            about = {
                "database": self.database.name,
                "design_document": self.plan.design_id,
                "index": self.plan.name,
            }
            with self._tasks.running(TASK, **about, changes_done=0, total_changes=total, progress=0) as task:
                try:
                    built = await self._build(folder, end, task)
                except ColumnsTaken:
                    columns = min(folder.state.columns * MORE_COLUMNS, self._settings.max_columns)
                    folder = await self._anew(columns)
                    continue
                if not built:
                    folder = await self._anew(folder.state.columns)
                    end = feed_end(self.database.environment, self.database.number)

    async def _build(self, folder: Folder, end: FeedEnd, task: ActiveTask) -> bool:
        """Follow the database to its end. False if it has to be begun again without what there is."""
        began, purged_began = folder.state.seq, folder.state.purge_seq
        in_hand: deque[_InHand] = deque()
        after, done = began, False
        purged = purged_began if began else end.purge_seq  # nothing can be left of what was purged before
        committed = monotonic()
        try:
            while True:
                while not done and len(in_hand) < self._ahead:
                    batch = await asyncio.to_thread(
                        read_feed, self.database.environment, self.database.number, after, purged, self.plan.feed
                    )
                    if batch.reset:
                        return False
                    after, purged, done = batch.seq, batch.purge_seq, batch.done
                    in_hand.append(_InHand(batch, asyncio.ensure_future(self._map(batch))))
                if not in_hand:
                    return True
                batch, mapping = in_hand.popleft()
                entries = await mapping
                fresh = began == 0 and batch.seq <= end.update_seq and batch.purge_seq == end.purge_seq
                last = done and not in_hand
                commit = last or monotonic() - committed > COMMIT_AFTER
                await finished(partial(self._write, folder, batch, entries, fresh=fresh, commit=commit))
                if commit:
                    committed = monotonic()
                    self._show(folder)
                seen = batch.seq - began
                task.update(
                    changes_done=seen,
                    total_changes=max(batch.update_seq - began, 1),
                    progress=seen * 100 // max(batch.update_seq - began, 1),
                )
        except BaseException:
            await finished(folder.forget)
            raise
        finally:
            for _, mapping in in_hand:
                mapping.cancel()

    def _write(self, folder: Folder, batch: FeedBatch, entries: Entries, *, fresh: bool, commit: bool) -> None:
        gone = [*batch.gone, *entries["none"]]
        memory, most = self._settings.writer_memory, self._settings.max_columns
        folder.write(entries["entries"], gone, fresh=fresh, memory=memory, most_columns=most)
        if commit:
            folder.commit(batch.seq, batch.purge_seq)

    async def _map(self, batch: FeedBatch) -> Entries:
        return await self._map_documents(batch.ids, batch.texts) if batch.ids else NONE

    async def _map_documents(self, ids: list[str], texts: list[bytes]) -> Entries:
        """The entries of some documents. Those that are too much for a worker at once are mapped by halves."""
        plan = self.plan
        answer: Awaitable[object] = self._pool.run(
            WORKER_INDEXES,
            plan.definition,
            plan.crossing_limits,
            plan.with_partitions,
            ids,
            texts,
            urgent=self.waiting > 0 and len(ids) < SMALL,
            affinity=plan.signature,
        )
        try:
            entries = cast("Entries", await answer)
        except (WorkerTimedOut, WorkerLost, TooMuchAtOnce):
            half = len(ids) // 2
            if not half:
                raise
            first = await self._map_documents(ids[:half], texts[:half])
            return joined(first, await self._map_documents(ids[half:], texts[half:]))
        function_log.tell(self._where, entries["log"], plan.limits)
        return entries

    # --- Files

    def _open(self) -> Folder:
        epoch = self.database.environment.epoch
        folder = open_folder(self.path, epoch)
        return make_folder(self.path, epoch, FIRST_COLUMNS) if folder is None else folder

    async def _anew(self, columns: int) -> Folder:
        """An empty index in the place of what there is."""
        async with self._opening:
            old, self.folder = self.folder, None
            if old is not None:
                await finished(old.close)
            self.folder = await finished(partial(make_folder, self.path, self.database.environment.epoch, columns))
            self._show(self.folder)
        return self.folder

    async def remove(self) -> None:
        """Stop, and remove its files."""
        await self.stop()
        await finished(partial(remove_folder, self.path))

    def _show(self, folder: Folder) -> None:
        self.shown = FeedEnd(folder.state.seq, folder.state.purge_seq)


async def finished(work: Callable[[], T]) -> T:
    """Do something in a thread, and leave no thread at it when this is cancelled."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _reaches(shown: FeedEnd, end: FeedEnd) -> bool:
    return shown.update_seq >= end.update_seq and shown.purge_seq >= end.purge_seq
