"""The search indexes of one node: opened, asked, followed and cleaned up.

Owns which indexes there are in memory and which folders on the disk, the updates that nobody waits for, and how many
searches run at a time. It must not know HTTP. A folder is named by the number of its database and the signature of its
definition; one that no design document defines any more goes with ``_search_cleanup``, or as soon as it is noticed, and
those of databases that are gone when these go, or at the next start. All of them may be removed when no server runs.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeVar, cast
from weakref import WeakValueDictionary

from docstore.core.document import DESIGN_PREFIX
from docstore.core.json_text import JsonValue, decode
from docstore.core.lucene.parser import Bounds
from docstore.core.rev import Rev
from docstore.database.active_tasks import ActiveTasks
from docstore.database.apply.administration import GONE
from docstore.database.background import Work, persist
from docstore.database.database import Database
from docstore.database.reading.at_once import in_thread
from docstore.database.reading.index_feed import FeedEnd, design_texts, feed_end
from docstore.errors import DocstoreError, NotFound, Unavailable
from docstore.query.following import GONE as REPLACED
from docstore.query.search.answering import Answer
from docstore.query.search.asked import Question
from docstore.query.search.asking import Asking
from docstore.query.search.folder import Folder, Unusable, folder_size, remove_folder, told
from docstore.query.search.index import SearchIndex, finished
from docstore.query.search.plan import SearchPlan, plan_of, plans_of
from docstore.settings import SearchSettings, Settings
from docstore.workers.messages import Plain
from docstore.workers.pool import Pool

T = TypeVar("T")

log = logging.getLogger(__name__)

FOLDER: Final = "search"
MAX_PLANS: Final = 1_000
MOST_TRIES: Final = 3
"""As often an index may be built anew between two looks."""
NOT_AVAILABLE: Final = "Search is not available"
WORKER_ANALYZES: Final = "docstore.query.search.mapping:analyze"


class _PlanKey(NamedTuple):
    database: int
    design: str
    rev: Rev | None
    name: str


@dataclass(frozen=True, slots=True)
class OpenedSearch:
    """What a design document defines, and the index of it, which others may share."""

    plan: SearchPlan
    index: SearchIndex


class Searches:
    """All search indexes of a node. Used on its event loop."""

    def __init__(self, workers: Pool, tasks: ActiveTasks, settings: Settings, *, ahead: int) -> None:
        """``ahead``: batches that are made into entries at the same time."""
        self.settings: SearchSettings = settings.search
        self._root = settings.data / FOLDER
        self._workers = workers
        self._tasks = tasks
        self._limits = settings.functions
        self._views = settings.views
        self._ahead = ahead
        self._indexes: OrderedDict[tuple[int, str], SearchIndex] = OrderedDict()
        self._plans: dict[_PlanKey, SearchPlan] = {}
        self._openings: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()
        self._asking = Asking(workers.reserve, settings.search)
        self._written: set[int] = set()
        self._behind: asyncio.Task[None] | None = None
        self._going: set[asyncio.Task[None]] = set()
        self._stopped = False

    @property
    def bounds(self) -> Bounds:
        """What a query may be."""
        limits = self.settings
        return Bounds(limits.max_query_length, limits.max_query_depth, limits.max_query_clauses)

    def start(self, known: Callable[[], set[int]]) -> None:
        """Drop the indexes of databases that are gone. ``known``: the numbers of those that there are."""
        if self._root.is_dir():
            self._go("dropping search indexes of databases that are gone", partial(self._drop_unknown, known))

    async def stop(self) -> None:
        """Leave everything as it is, and close the files."""
        self._stopped = True
        running = [task for task in (self._behind, *self._going) if task is not None]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        await asyncio.gather(*(index.stop() for index in self._indexes.values()))

    # --- Asking

    def check_available(self) -> None:
        """Raises Unavailable where search is turned off."""
        if not self.settings.enabled or self._stopped:
            raise Unavailable(NOT_AVAILABLE)

    async def open(self, database: Database, design: str, name: str) -> OpenedSearch:
        """An index of a design document. Raises NotFound, InvalidDesignDoc, BadRequest, Unavailable."""
        self.check_available()
        head = database.head(DESIGN_PREFIX + design)
        key = _PlanKey(database.number, design, None if head is None or head.deleted else head.winner, name)
        plan = self._plans.get(key)
        if plan is None:
            opened = database.open_doc(DESIGN_PREFIX + design)
            body = cast("dict[str, JsonValue]", decode(opened.json))
            plan = plan_of(body, name, self._limits, with_partitions=database.partitioned)
            self._plans[key._replace(rev=opened.rev)] = plan
            if len(self._plans) > MAX_PLANS:
                del self._plans[next(iter(self._plans))]
        return OpenedSearch(plan, self.index(database, plan))

    def index(self, database: Database, plan: SearchPlan) -> SearchIndex:
        """The index of a plan, which others with equal definitions share. Raises Unavailable."""
        self.check_available()
        key = (database.number, plan.signature)
        index = self._indexes.get(key)
        if index is None:
            index = SearchIndex(
                self._path(database.number, plan.signature),
                self._workers,
                self._tasks,
                database,
                plan,
                self.settings,
                self._opening(self._path(*key)),
                ahead=self._ahead,
            )
            self._indexes[key] = index
        self._indexes.move_to_end(key)
        self._rest_others()
        return index

    async def ask(self, index: SearchIndex, question: Question, *, update: bool) -> Answer:
        """The answer to a question, of what the database has now, or of what the index shows already.

        Raises BadRequest, SearchTimedOut, what the function fails with, NotFound if the index goes meanwhile,
        StorageFailed; WorkersBusy, WorkerLost, Unavailable where it needs a process that there is not.
        """
        return await self.answered(index, lambda it: self._asking.answer(it, index.plan, question), update=update)

    async def answered(
        self,
        index: SearchIndex,
        ask: Callable[[Folder], Awaitable[T | None]],
        *,
        update: bool,
        end: FeedEnd | None = None,
    ) -> T:
        """What comes of asking an index's files, or those in their place, if they are damaged or gone, which is None.

        ``update``, ``end``: as of ``ask`` and of ``SearchIndex.current``; raises as these.
        """
        folder = await (index.current(end) if update else index.opened())
        for left in reversed(range(MOST_TRIES)):
            try:
                found = await ask(folder)
            except Unusable:
                if not (left and await index.mend(folder)):
                    raise
            else:
                if found is not None:
                    return found
                await index.rest()  # somebody has removed its files, unless it is just being built anew
            folder = await index.current()
        raise NotFound(REPLACED)

    async def info(self, index: SearchIndex) -> dict[str, JsonValue]:
        """What ``_search_info`` tells of an index."""
        folder = await index.opened()
        size, documents = await asyncio.to_thread(_measure, folder)
        return {
            "committed_seq": folder.state.seq,
            "disk_size": size,
            "doc_count": documents,
            "doc_del_count": 0,
            "pending_seq": feed_end(index.database.environment, index.database.number).update_seq
            if index.updating
            else folder.state.seq,
            "signature": index.plan.signature,
        }

    async def disk_size(self, index: SearchIndex) -> int:
        """Bytes of an index's files; 0 where nothing was built yet."""
        return await asyncio.to_thread(folder_size, index.path)

    async def analyze(self, analyzer: JsonValue, text: str) -> bytes:
        """The terms that an analyzer makes of a text, as a list in JSON. Raises BadRequest, Unavailable."""
        self.check_available()
        return cast("bytes", await self._workers.run(WORKER_ANALYZES, cast("Plain", analyzer), text))

    # --- What goes

    async def clean_up(self, database: Database) -> None:
        """Remove the indexes of a database that no design document defines any more. Raises DatabaseNotFound."""
        texts = await in_thread(database.environment, partial(design_texts, database=database.number))
        await self._drop(database.number, self._signatures(texts, with_partitions=database.partitioned))

    async def database_gone(self, number: int) -> None:
        """A database was deleted: its indexes go."""
        self._plans = {key: plan for key, plan in self._plans.items() if key.database != number}
        await self._drop(number, frozenset())

    def _signatures(self, texts: Iterable[bytes], *, with_partitions: bool) -> set[str]:
        return {
            plan.signature
            for text in texts
            if b'"indexes"' in text
            for plan in plans_of(
                cast("dict[str, JsonValue]", decode(text)), self._limits, with_partitions=with_partitions
            )
        }

    async def _drop(self, number: int, kept: Iterable[str]) -> None:
        keep = {self._path(number, signature) for signature in kept}
        for key in [key for key in self._indexes if key[0] == number and self._path(*key) not in keep]:
            if (index := self._indexes.pop(key, None)) is not None:
                await index.remove()
        for path in await asyncio.to_thread(_folders, self._root):
            if path not in keep and path.name.partition("-")[0] == str(number):
                await self._remove_unused(path)

    async def _drop_unknown(self, known: Callable[[], set[int]]) -> None:
        numbers = {str(number) for number in await asyncio.to_thread(known)}
        for path in await asyncio.to_thread(_folders, self._root):
            if path.name.partition("-")[0] not in numbers:
                await self._remove_unused(path)

    async def _remove_unused(self, path: Path) -> None:
        """Remove a folder, but for one that somebody asked for meanwhile."""
        async with self._opening(path):
            if path not in {self._path(*key) for key in self._indexes}:
                await finished(partial(remove_folder, path))

    def _opening(self, path: Path) -> asyncio.Lock:
        """What is held while a folder is opened, closed or removed, by whichever index is there."""
        return self._openings.setdefault(path, asyncio.Lock())

    def _path(self, number: int, signature: str) -> Path:
        return self._root / f"{number}-{signature}"

    def _rest_others(self) -> None:
        """Close the files of those that were not asked for the longest, if too many are open."""
        idle = [index for index in self._indexes.values() if index.folder is not None and not index.updating]
        for index in idle[: max(0, len(idle) - self.settings.max_open)]:
            self._go("closing a search index", index.rest)

    # --- What is done unasked

    def committed(self, changed: Mapping[int, int]) -> None:
        """These databases were written to, or are gone."""
        if self._stopped:
            return
        for number, seq in changed.items():
            if seq == GONE and self._root.is_dir():
                self._go(f"dropping the search indexes of database {number}", partial(self.database_gone, number))
        if self._views.background and self._indexes:
            self._written |= {number for number, _ in self._indexes}.intersection(changed)
            self._follow_soon()

    def _go(self, name: str, work: Work) -> None:
        """Do something that nobody waits for."""
        task = asyncio.create_task(persist(name, work), name=name)
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    def _follow_soon(self) -> None:
        if self._written and self._behind is None and not self._stopped:
            self._behind = asyncio.create_task(self._follow(), name="search indexes behind their databases")
            self._behind.add_done_callback(self._followed)

    def _followed(self, _: "asyncio.Task[None]") -> None:
        self._behind = None
        self._follow_soon()

    async def _follow(self) -> None:
        """Bring the indexes of databases that were written to up to date, one after the other."""
        await asyncio.sleep(self._views.background_delay)
        written, self._written = self._written, set()
        for index in [index for (number, _), index in self._indexes.items() if number in written]:
            try:
                if not self._is_defined(index):
                    await self.clean_up(index.database)
                    continue
                await index.update(unasked=True)
            except DocstoreError as error:
                where = f"{index.plan.design_id}/{index.plan.name} in {index.database.name}"
                log.info("the search index %s is not updated: %s", where, error)

    def _is_defined(self, index: SearchIndex) -> bool:
        """Whether the design document that the index was asked for by still defines it."""
        try:
            opened = index.database.open_doc(index.plan.design_id)
        except DocstoreError:
            return False
        texts = self._signatures([opened.json], with_partitions=index.plan.with_partitions)
        return index.plan.signature in texts


def _measure(folder: Folder) -> tuple[int, int]:
    """Bytes, and documents; one of tantivy's has the state."""
    with told():
        documents = int(folder.searcher().num_docs)
    return folder.size, max(0, documents - 1)


def _folders(root: Path) -> list[Path]:
    try:
        return [path for path in root.iterdir() if path.is_dir()]
    except OSError:
        return []
