"""The views of one node: their indexes, kept up to date and cleaned up.

Owns which indexes there are in memory, what is asked of them, the sweep of those that are gone, and the updates that
nobody waits for: of indexes that somebody has asked for since the node started, a while after their database was
written to (``ken`` of CouchDB). It must not know HTTP. Many may wait for one index: it is brought up to date once.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from docstore.core.collation import collation_version
from docstore.core.document import DESIGN_PREFIX
from docstore.core.edit import Head
from docstore.core.json_text import JsonValue, decode
from docstore.core.rev import Rev
from docstore.database.active_tasks import ActiveTasks
from docstore.database.apply.administration import GONE
from docstore.database.background import Work, persist
from docstore.database.database import Database
from docstore.database.reading.at_once import in_thread
from docstore.database.reading.index_feed import FeedEnd, design_texts, feed_end
from docstore.errors import DocstoreError, Unavailable
from docstore.query.design.document import Design, parse_design
from docstore.query.design.languages import Languages
from docstore.query.following import Overtaken
from docstore.query.views import layout
from docstore.query.views.index import Index
from docstore.query.views.index_file import INDEX_FILE, IndexFile, WriteIndex
from docstore.query.views.map_reader import ViewSlice, read_map
from docstore.query.views.plan import Plan, PlannedView, plan_of
from docstore.query.views.reduce_reader import read_reduced
from docstore.query.views.reducing import Workers
from docstore.query.views.view_query import Update, ViewQuery, check_query, check_range
from docstore.settings import Settings

log = logging.getLogger(__name__)

SWEPT_AT_ONCE: Final = 10_000
MAX_PLANS: Final = 1_000


class Views:
    """All views of a node. Used on its event loop."""

    def __init__(
        self, workers: Workers, tasks: ActiveTasks, settings: Settings, languages: Languages, *, ahead: int
    ) -> None:
        """``ahead``: batches that are mapped at the same time."""
        self._file: IndexFile | None = None
        self._storage = settings.storage
        self._data = settings.data
        self._workers = workers
        self._tasks = tasks
        self._settings = settings.views
        self._limits = settings.functions
        self._languages = languages
        self._ahead = ahead
        self._indexes: dict[tuple[int, str], Index] = {}
        self._plans: dict[tuple[int, str, Rev | None], Plan] = {}
        self._sweep: asyncio.Task[None] | None = None
        self._sweep_again = False
        self._written: set[int] = set()
        self._behind: asyncio.Task[None] | None = None
        self._going: set[asyncio.Task[None]] = set()
        self._stopped = False

    def start(self, known: Callable[[], set[int]]) -> None:
        """Go on with what the last stop cut short. Where the file cannot be opened, whoever asks a view is told.

        ``known``: the numbers of the databases that there are.
        """
        if (self._data / INDEX_FILE).exists():
            try:
                self._start_sweep()
            except DocstoreError as error:
                log.warning("the file of indexes cannot be opened: %s", error.reason)
                return
            self._go("dropping indexes of databases that are gone", partial(self._drop_unknown, known))

    async def _drop_unknown(self, known: Callable[[], set[int]]) -> None:
        with self.file.read() as txn:
            found = {layout.decode_state(value).database for _, value in txn.cursor(txn.tables.indexes)}
        numbers = await asyncio.to_thread(known)  # later: a database may be made, and its index, meanwhile
        for number in found.difference(numbers):
            await self._drop(number, frozenset())

    def _go(self, name: str, work: Work) -> None:
        """Do something that nobody waits for."""
        task = asyncio.create_task(persist(name, work), name=name)
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def stop(self) -> None:
        """Leave everything as it is, and close the file."""
        self._stopped = True
        running = [task for task in (self._sweep, self._behind, *self._going) if task is not None]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        await asyncio.gather(*(index.stop() for index in self._indexes.values()))
        if self._file is not None:
            await self._file.close()

    @property
    def file(self) -> IndexFile:
        """The file, opened when it is first needed. Raises StoreUnusable, StorageFull, StorageFailed, Unavailable."""
        if self._file is None:
            if self._stopped:
                raise Unavailable
            self._file = IndexFile(self._data, self._storage)
            self._file.attach_loop(asyncio.get_running_loop())
        return self._file

    # --- Asking

    async def design(self, database: Database, name: str) -> "OpenedDesign":
        """The views of a design document. Raises NotFound, InvalidDesignDoc."""
        return self.design_of(database, name, database.head(DESIGN_PREFIX + name))

    def design_of(self, database: Database, name: str, head: Head | None, end: FeedEnd | None = None) -> "OpenedDesign":
        """The same of a design document whose head was just read, and how far the database goes as well."""
        key = (database.number, name, None if head is None or head.deleted else head.winner)
        plan = self._plans.get(key)
        if plan is None:
            opened = database.open_doc(DESIGN_PREFIX + name)
            key = (database.number, name, opened.rev)
            design = parse_design(cast("dict[str, JsonValue]", decode(opened.json)))
            plan = self._plans[key] = plan_of(design, self._limits, self._languages, partitioned=database.partitioned)
            if len(self._plans) > MAX_PLANS:
                del self._plans[next(iter(self._plans))]
        return OpenedDesign(plan, self.index(database, plan), self._workers, end)

    def index(self, database: Database, plan: Plan) -> Index:
        """The index of a plan, which others with equal views share."""
        key = (database.number, plan.signature)
        index = self._indexes.get(key)
        if index is None:
            index = Index(self.file, self._workers, self._tasks, database, plan, ahead=self._ahead)
            self._indexes[key] = index
        return index

    def info(self, index: Index) -> dict[str, JsonValue]:
        """What ``_info`` tells of an index."""
        with self.file.read() as txn:
            state = index.state(txn)
        seq, purge_seq = (0, 0) if state is None else (state.seq, state.purge_seq)
        pending = max(0, feed_end(index.database.environment, index.database.number).update_seq - seq)
        size, text = (0, 0) if state is None else (state.rows_bytes, state.text_bytes)
        return {
            "updates_pending": {"minimum": pending, "preferred": pending, "total": pending},
            "waiting_commit": True,
            "waiting_clients": index.waiting,
            "updater_running": index.updating,
            "update_seq": seq,
            "sizes": {"file": size, "external": text, "active": size},
            "signature": index.plan.signature,
            "purge_seq": purge_seq,
            "language": index.plan.language,
            "compact_running": False,
            "collator_versions": [collation_version()],
        }

    # --- What goes

    async def clean_up(self, database: Database) -> None:
        """Drop the indexes of a database that no design document has any more. Raises DatabaseNotFound."""
        texts = await in_thread(database.environment, partial(design_texts, database=database.number))
        kept = {signature for text in texts if (signature := _signature_of(text)) is not None}
        await self._drop(database.number, kept)

    async def database_gone(self, number: int) -> None:
        """A database was deleted: its indexes go."""
        self._plans = {key: plan for key, plan in self._plans.items() if key[0] != number}
        await self._drop(number, frozenset())

    async def _drop(self, number: int, kept: Iterable[str]) -> None:
        keep = set(kept)
        for key in [key for key in self._indexes if key[0] == number and key[1] not in keep]:
            if (index := self._indexes.pop(key, None)) is not None:
                await index.stop()
        dropped = await self.file.write(partial(_drop_rows, database=number, kept={bytes.fromhex(one) for one in keep}))
        if dropped:
            self._start_sweep()

    def _start_sweep(self) -> None:
        self._sweep_again = True  # one that runs may have taken its last look already
        if self._sweep is None and not self._stopped:
            self.file.read().snapshot.close()
            self._sweep = asyncio.create_task(persist("the sweep of indexes", self._sweep_all), name="index sweep")
            self._sweep.add_done_callback(self._swept)

    def _swept(self, _: "asyncio.Task[None]") -> None:
        self._sweep = None
        if self._sweep_again and not self._stopped:
            self._start_sweep()

    async def _sweep_all(self) -> None:
        more = True
        while more:
            self._sweep_again = False
            more = await self.file.write(_sweep_some) or self._sweep_again

    # --- What is done unasked

    def committed(self, changed: Mapping[int, int]) -> None:
        """These databases were written to, or are gone."""
        if self._stopped or self._file is None:
            return
        for number, seq in changed.items():
            if seq == GONE:
                self._go(f"dropping the indexes of database {number}", partial(self.database_gone, number))
        if self._settings.background and self._indexes:
            self._written |= {number for number, _ in self._indexes}.intersection(changed)
            self._follow_soon()

    def _follow_soon(self) -> None:
        if self._written and self._behind is None and not self._stopped:
            self._behind = asyncio.create_task(self._follow(), name="indexes behind their databases")
            self._behind.add_done_callback(self._followed)

    def _followed(self, _: "asyncio.Task[None]") -> None:
        self._behind = None
        self._follow_soon()

    async def _follow(self) -> None:
        """Bring the indexes of databases that were written to up to date, one after the other."""
        await asyncio.sleep(self._settings.background_delay)
        written, self._written = self._written, set()
        for index in [index for (number, _), index in self._indexes.items() if number in written]:
            if not self._is_defined(index):
                if not index.updating:
                    self._indexes.pop((index.database.number, index.plan.signature), None)
                continue
            try:
                await index.update(unasked=True, whole=True)
            except DocstoreError as error:
                log.info("the index of %s in %s is not updated: %s", index.plan.design_id, index.database.name, error)

    def _is_defined(self, index: Index) -> bool:
        """Whether the design document that the index was asked for by still has these views."""
        try:
            opened = index.database.open_doc(index.plan.design_id)
        except DocstoreError:
            return False
        return _signature_of(opened.json) == index.plan.signature


@dataclass(frozen=True, slots=True)
class OpenedDesign:
    """The views of a design document, as it is now. ``end``: how far the database goes, if that was read with it."""

    plan: Plan
    index: Index
    workers: Workers
    end: FeedEnd | None = None

    def view(self, name: str) -> "OpenedView":
        """One of them. Raises NotFound."""
        return OpenedView(self.index, self.plan.view(name), self.workers, self.plan, self.end)


@dataclass(frozen=True, slots=True)
class OpenedView:
    """A view that can be asked."""

    index: Index
    planned: PlannedView
    workers: Workers
    plan: Plan
    end: FeedEnd | None = None

    @property
    def reducible(self) -> bool:
        """Whether it has a reduce function."""
        return self.planned.reducer is not None

    def check(self, query: ViewQuery) -> None:
        """Raises QueryParseError for a query that this view does not take."""
        self.check_members(query)
        self.check_range(query)

    async def check_slowly(self, query: ViewQuery) -> None:
        """``check``, of a large query in a thread."""
        if query.large:
            await asyncio.to_thread(self.check, query)
        else:
            self.check(query)

    def check_members(self, query: ViewQuery) -> None:
        """The same for what cannot be combined."""
        check_query(query, reducible=self.reducible, partitioned=self.plan.partitioned)

    def check_range(self, query: ViewQuery) -> None:
        """The same for a range that can match no row."""
        check_range(query, self.plan.slots[self.planned.slot].key_of)

    async def read(self, query: ViewQuery) -> AsyncGenerator[ViewSlice]:
        """The rows of a query, brought up to date before if it says so.

        Raises what functions of the design document fail with, NotFound if the index goes meanwhile.
        """
        reduced = query.reduces(reducible=self.reducible)
        end = None
        while True:
            if query.update is Update.TRUE:
                end = await self.index.update(self.end, whole=reduced)
            reading = (
                read_reduced(self.index, self.planned, query, self.workers, end)
                if reduced
                else read_map(self.index, self.planned.slot, query, end)
            )
            try:
                async with aclosing(reading) as slices:
                    async for part in slices:
                        yield part
            except Overtaken:
                continue
            break
        if query.update is Update.LAZY:
            self.index.start()


def _signature_of(text: bytes) -> str | None:
    """The signature of a design document's views; None if it is none that can be read."""
    try:
        design: Design = parse_design(cast("dict[str, JsonValue]", decode(text)))
    except DocstoreError:
        return None
    return design.signature


def _drop_rows(txn: WriteIndex, database: int, kept: set[bytes]) -> int:
    """Forget the indexes of a database but for those of these signatures; how many they were."""
    prefix = layout.number_prefix(database)
    dropped: list[tuple[bytes, int]] = []
    with txn.cursor(txn.tables.indexes) as cursor:
        if cursor.set_range(prefix):
            for key, value in cursor.iternext():
                if not key.startswith(prefix):
                    break
                state = layout.decode_state(value)
                if state.signature not in kept:
                    dropped.append((key, state.number))
    for key, number in dropped:
        txn.delete(txn.tables.indexes, key)
        txn.put(txn.tables.gone, layout.number_prefix(number), b"")
    return len(dropped)


def _sweep_some(txn: WriteIndex) -> bool:
    """Remove some rows of indexes that are gone; whether there may be more."""
    with txn.cursor(txn.tables.gone) as cursor:
        if not cursor.first():
            return False
        prefix = cursor.key()
    tables = txn.tables
    for table in (tables.rows, tables.owners, tables.blocks, tables.dirty):
        with txn.cursor(table) as cursor:
            removed = 0
            while removed < SWEPT_AT_ONCE and cursor.set_range(prefix) and cursor.key().startswith(prefix):
                removed += cursor.delete()
        if removed:
            return True
    txn.delete(tables.gone, prefix)
    return True
