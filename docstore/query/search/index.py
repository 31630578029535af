"""One search index: brought up to date, by one task at a time.

Owns the update: batches of documents are read, made into entries by workers while the batch before is written, and
committed every now and then with how far they go. A kill loses what was not committed. It must not know queries.
Nothing here runs on the event loop but the handing over of batches. Follows ``dreyfus_index_updater``.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final, TypeVar

from docstore.database.active_tasks import ActiveTask, ActiveTasks
from docstore.database.database import Database
from docstore.database.reading.index_feed import FeedBatch, FeedEnd, feed_end
from docstore.errors import NotFound, StorageFailed, StorageFull
from docstore.query.design.languages import UNKNOWN_LANGUAGE
from docstore.query.errors import FunctionFailed
from docstore.query.following import GONE, SMALL, BeginAgain, by_halves, follow, reaches
from docstore.query.function_log import function_log
from docstore.query.search.folder import (
    FIRST_COLUMNS,
    MORE_COLUMNS,
    ColumnsTaken,
    Folder,
    Unusable,
    make_folder,
    open_folder,
    remove_folder,
)
from docstore.query.search.looking import Looks, is_damaged_by_its_end, tell_damage
from docstore.query.search.mapping import Entries, joined
from docstore.query.search.plan import SearchPlan
from docstore.query.views.reducing import Workers
from docstore.settings import SearchSettings

T = TypeVar("T")

log = logging.getLogger(__name__)

WORKER_INDEXES: Final = "docstore.query.search.mapping:index_documents"
TASK: Final = "search_indexer"
COMMIT_AFTER: Final = 5.0
"""Seconds of work that a kill may cost."""
NONE: Final = Entries(entries=[], none=[], log=[])


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
        opening: asyncio.Lock,
        *,
        ahead: int,
    ) -> None:
        """``opening``: that of its folder, of all that are there one after the other; ``ahead``: batches in hand."""
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
        self._opening = opening
        self._looking = asyncio.Lock()
        self._looks = Looks(path)
        self._damaged = False  # as was found out; nothing more is made of these files
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
                self._damaged = False
                self._show(self.folder)
        return self.folder

    async def current(self, end: FeedEnd | None = None) -> Folder:
        """Its files, when they show what the database has now; arguments and errors as of ``update`` and ``opened``."""
        while True:
            end = await self.update(end)
            folder = await self.opened()
            if reaches(self.shown, end):  # else it was begun anew in between
                return folder

    async def update(self, end: FeedEnd | None = None, *, unasked: bool = False) -> FeedEnd:
        """Wait until the index shows what the database has now.

        ``end``: how far the database goes, if that was just read; ``unasked``: it gives way to those that somebody
        waits for. Returns how far the database went. Raises what the function fails with, DatabaseNotFound,
        StorageFull, StorageFailed, Unavailable.
        """
        if end is None:
            end = feed_end(self.database.environment, self.database.number)
        self.waiting += not unasked
        try:
            while not reaches(self.shown, end):
                task = self._task or self._start()
                await asyncio.wait([task])
                if task.cancelled():
                    raise NotFound(GONE)
                task.result()
        finally:
            self.waiting -= not unasked
        return end

    def start(self) -> None:
        """Begin to bring it up to date, and do not wait."""
        if self._task is None:
            self._start()

    async def mend(self, folder: Folder) -> bool:
        """Look whether files that could not be used are damaged, and let the index be built anew if they are.

        True if others are in their place, or will be with the next update; False if they are as they were written.
        Raises NotNow.
        """
        async with self._looking:
            if self.folder is not folder or self._damaged:
                return True
            damaged = await finished(self._looks.damaged)
            async with self._opening:  # else they may just be going
                if self._dropped or self.folder not in {None, folder}:
                    return True
                if damaged is None:
                    return False
                tell_damage(damaged, self.path)
                self._damaged, self.shown = True, FeedEnd(-1, -1)  # though they were closed meanwhile
                return True

    async def rest(self) -> None:
        """Give back memory, threads and files, until it is needed again."""
        async with self._opening:
            if self._task is None:
                await self._close()

    async def stop(self) -> None:
        """Do nothing any more."""
        self._dropped = True
        async with self._opening:
            await self._end()

    async def remove(self) -> None:
        """Stop, and remove its files; whoever comes to their place meanwhile waits for that."""
        self._dropped = True
        async with self._opening:
            await self._end()
            await finished(partial(remove_folder, self.path))

    async def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._close()

    async def _close(self) -> None:
        if self.folder is not None:
            folder, self.folder = self.folder, None
            self.shown = FeedEnd(-1, -1)
            await finished(folder.close)

    def _start(self) -> "asyncio.Task[None]":
        if self._dropped:
            raise NotFound(GONE)
        task = self._task = asyncio.create_task(self._run(), name=f"search index {self.plan.signature}")
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()  # whoever waits is told; otherwise who asks next
        if isinstance(error, StorageFailed | StorageFull):  # what was kept is what the disk has
            self.folder, self.shown = None, FeedEnd(-1, -1)
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
        again = False
        end = feed_end(self.database.environment, self.database.number)
        while folder is not None and not reaches(self.shown, end):
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
                except StorageFailed as error:
                    if again or not await self._is_lost(folder, error):
                        raise
                    again = True
                    built = False
                if not built:
                    folder = await self._anew(folder.state.columns)
                    end = feed_end(self.database.environment, self.database.number)

    async def _is_lost(self, folder: Folder, error: StorageFailed) -> bool:
        """Whether what an update fails with is that its files are gone or damaged."""
        if not await asyncio.to_thread(folder.is_there):
            log.warning("%s was removed while it was open; the search index is built anew", self.path)
            return True
        return isinstance(error, Unusable) and await self.mend(folder)

    def _is_damaged(self) -> bool:
        return self._damaged

    async def _build(self, folder: Folder, end: FeedEnd, task: ActiveTask) -> bool:
        """Follow the database to its end. False if it has to be begun again without what there is."""
        if self._is_damaged():
            return False
        began = FeedEnd(folder.state.seq, folder.state.purge_seq)
        following = follow(self.database, self.plan.feed, began, end, self._map, ahead=self._ahead)
        committed = monotonic()
        try:
            async with aclosing(following) as batches:
                async for batch, entries, fresh, last in batches:
                    commit = last or monotonic() - committed > COMMIT_AFTER
                    await finished(partial(self._write, folder, batch, entries, fresh=fresh, commit=commit))
                    if self._is_damaged():  # as a search has found
                        return False
                    if commit:
                        committed = monotonic()
                        self._show(folder)
                    seen, total = batch.seq - began.update_seq, max(batch.update_seq - began.update_seq, 1)
                    task.update(changes_done=seen, total_changes=total, progress=seen * 100 // total)
        except BeginAgain:
            return False
        except BaseException:
            await finished(folder.forget)
            raise
        return True

    def _write(self, folder: Folder, batch: FeedBatch, entries: Entries, *, fresh: bool, commit: bool) -> None:
        gone = [*batch.gone, *entries["none"]]
        folder.write(entries["entries"], gone, self._settings, fresh=fresh)
        if commit:
            folder.commit(batch.seq, batch.purge_seq)

    async def _map(self, batch: FeedBatch) -> Entries:
        return await self._map_documents(batch.ids, batch.texts) if batch.ids else NONE

    async def _map_documents(self, ids: list[str], texts: list[bytes]) -> Entries:
        """The entries of some documents."""
        entries: Entries = await by_halves(self._ask, joined, ids, texts)
        function_log.tell(self._where, entries["log"], self.plan.limits)
        return entries

    def _ask(self, ids: list[str], texts: list[bytes]) -> Awaitable[object]:
        plan = self.plan
        return self._pool.run(
            WORKER_INDEXES,
            plan.definition,
            plan.crossing_limits,
            plan.with_partitions,
            self._settings.max_document_terms,
            ids,
            texts,
            urgent=self.waiting > 0 and len(ids) < SMALL,
            affinity=plan.signature,
        )

    # --- Files

    def _open(self) -> Folder:
        epoch = self.database.environment.epoch
        folder = None if self._damaged or is_damaged_by_its_end(self.path) else open_folder(self.path, epoch)
        return self._made(FIRST_COLUMNS) if folder is None else folder

    def _made(self, columns: int) -> Folder:
        self._looks.forget()
        return make_folder(self.path, self.database.environment.epoch, columns)

    async def _anew(self, columns: int) -> Folder:
        """An empty index in the place of what there is."""
        async with self._opening:
            old, self.folder = self.folder, None
            if old is not None:
                await finished(old.close)
            self.folder = await finished(partial(self._made, columns))
            self._damaged = False
            self._show(self.folder)
        return self.folder

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
