"""One index: brought up to date, by one task at a time.

Owns the update: batches of documents are read, mapped by workers while the batch before is written, and written in
transactions that each leave the index consistent, with the sequence that it shows. A kill loses the batches in hand. It
must not know queries. Reads and writes of documents go on meanwhile: nothing here runs on the event loop but the
handing over of batches. Follows ``couch_mrview_updater`` and ``couch_index_updater``.
"""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import aclosing
from functools import partial
from typing import Final

from docstore.database.active_tasks import ActiveTask, ActiveTasks
from docstore.database.database import Database
from docstore.database.reading.index_feed import FeedBatch, FeedEnd, feed_end
from docstore.errors import NotFound
from docstore.query.design.languages import UNKNOWN_LANGUAGE
from docstore.query.errors import FunctionFailed
from docstore.query.following import GONE, SMALL, BeginAgain, Overtaken, by_halves, follow, reaches
from docstore.query.function_log import function_log
from docstore.query.views import layout
from docstore.query.views.blocks import count_rows, new_slot
from docstore.query.views.filling import fill_blocks
from docstore.query.views.index_file import IndexFile, ReadIndex, WriteIndex
from docstore.query.views.index_rows import write_batch, write_state
from docstore.query.views.layout import IndexState
from docstore.query.views.mapped import Mapped, joined
from docstore.query.views.plan import Plan
from docstore.query.views.reducing import Workers, tell_log

log = logging.getLogger(__name__)

WORKER_MAPS: Final = "docstore.query.views.mapping:map_documents"
WORKER_INDEXES: Final = "docstore.query.mango.mapping:map_documents"
"""The same for maps that are declared."""

TASK: Final = "indexer"
BATCHES_AHEAD: Final = 3
"""Batches that are being mapped or wait to be written."""

MAX_COUNTED: Final = 1_000
"""Places of which the number of rows before them is kept: who reads pages, or the same range again, asks for them."""

NOTHING: Final = FeedEnd(-1, -1)
EMPTY: Final = Mapped(ids=[], places=[], keys=[], values=[], long=[], log=[])


class Index:
    """The index of one plan in one database. Of one event loop.

    ``waiting``  how many wait for it to be brought up to date
    """

    def __init__(
        self, file: IndexFile, pool: Workers, tasks: ActiveTasks, database: Database, plan: Plan, *, ahead: int
    ) -> None:
        self.file = file
        self.database = database
        self.plan = plan
        self.waiting = 0
        self.compacting = False
        self._pool = pool
        self._tasks = tasks
        self._ahead = ahead
        self._shown = NOTHING
        self._counted: dict[tuple[int, bytes], int] = {}
        self._counted_at = -1
        self._filled = False
        self._task: asyncio.Task[None] | None = None
        self._moved: asyncio.Future[None] | None = None
        self._dropped = False

    @property
    def updating(self) -> bool:
        """Whether it is being brought up to date."""
        return self._task is not None

    def state(self, txn: ReadIndex) -> IndexState | None:
        """What it holds, None where nothing was built yet, or what was is of another run of the store."""
        value = txn.get(txn.tables.indexes, layout.index_key(self.database.number, self.plan.signature_bytes))
        if value is None:
            return None
        state = layout.decode_state(value)
        return state if state.epoch == self.database.environment.epoch else None

    def state_showing(self, txn: ReadIndex, end: FeedEnd | None) -> IndexState | None:
        """The same, of an index that was brought up to this end; None: whatever it shows.

        Raises Overtaken if it does not show that: it was dropped, or begun anew, since. The next update looks again.
        """
        state = self.state(txn)
        if end is not None and (state is None or not reaches(FeedEnd(state.seq, state.purge_seq), end)):
            self._shown = NOTHING
            raise Overtaken
        return state

    def rows_before(self, txn: ReadIndex, slot: int, prefix: bytes, place: bytes) -> int:
        """How many rows of a slot come before a place, as its keys have it; kept as long as nothing is written."""
        txnid = txn.snapshot.txnid
        if self._counted_at != txnid or len(self._counted) >= MAX_COUNTED:
            self._counted_at = txnid
            self._counted.clear()
        found = self._counted.get((slot, place))
        if found is None:
            found = self._counted[slot, place] = count_rows(txn, prefix, b"", place)
        return found

    async def update(self, end: FeedEnd | None = None, *, whole: bool = False, unasked: bool = False) -> FeedEnd:
        """Wait until the index shows what the database has now; ``whole``: and its blocks are computed.

        ``end``: how far the database goes, if that was just read; ``unasked``: it gives way to those that somebody
        waits for. Returns how far the database went.

        Raises what the functions of the design document fail with, DatabaseNotFound, StorageFull, Unavailable.
        """
        if end is None:
            end = feed_end(self.database.environment, self.database.number)
        if self._task is None and reaches(self._shown, end) and (self._filled or not whole):
            return end
        self.waiting += not unasked
        try:
            while True:
                task = self._task or self._start()
                if whole:
                    await asyncio.wait([task])
                    _look_at(task)
                else:
                    await self._step(task)
                if reaches(self._shown, end):
                    return end
        finally:
            self.waiting -= not unasked

    def start(self) -> None:
        """Begin to bring it up to date, and do not wait."""
        if self._task is None:
            self._start()

    async def stop(self) -> None:
        """Do nothing any more."""
        self._dropped = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _start(self) -> "asyncio.Task[None]":
        if self._dropped:
            raise NotFound(GONE)
        task = self._task = asyncio.create_task(self._run(), name=f"index {self.plan.signature}")
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()  # whoever waits is told; otherwise who asks next
        if isinstance(error, FunctionFailed):
            function_log.tell_failure(f"{self.database.name}/{self.plan.design_id}, map", error, self.plan.limits)

    async def _step(self, task: "asyncio.Task[None]") -> None:
        """Wait until the index has moved on. Raises what the update ended with."""
        if self._moved is None:
            self._moved = asyncio.get_running_loop().create_future()
        moved = self._moved
        await asyncio.wait((task, moved), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            _look_at(task)

    # --- The update

    async def _run(self) -> None:
        if not self.plan.spoken:
            raise FunctionFailed(self.plan.language, error=UNKNOWN_LANGUAGE)
        self._filled = False  # until the end: an update that is cut short may leave blocks that are to be computed
        while not self._filled:
            try:
                await self._follow_and_fill()
            except Overtaken:
                continue  # by one of the same views, asked for while this one was let go: what it has written counts
            self._filled = True

    async def _follow_and_fill(self) -> None:
        state: IndexState | None = await self._begin()
        end = feed_end(self.database.environment, self.database.number)
        while state is not None and not reaches(FeedEnd(state.seq, state.purge_seq), end):
            about = {"database": self.database.name, "design_document": self.plan.design_id}
            total = max(end.update_seq - state.seq, 1)
            with self._tasks.running(TASK, **about, changes_done=0, total_changes=total, progress=0) as task:
                built = await self._build(state, end, task)
            state = built if built is not None else await self.file.write(self._reset)
            end = feed_end(self.database.environment, self.database.number) if built is None else end
        if state is not None:
            await fill_blocks(self.file, self._pool, self.plan, state)

    def _show(self, state: IndexState) -> None:
        self._shown = FeedEnd(state.seq, state.purge_seq)
        moved, self._moved = self._moved, None
        if moved is not None:
            moved.set_result(None)

    async def _begin(self) -> IndexState:
        with self.file.read() as txn:
            state = self.state(txn)
        if state is not None and len(state.counts) == len(self.plan.slots):
            self._show(state)
            return state
        return await self.file.write(self._reset)

    def _reset(self, txn: WriteIndex) -> IndexState:
        """An index without rows in the place of what there is."""
        key = layout.index_key(self.database.number, self.plan.signature_bytes)
        old = txn.get(txn.tables.indexes, key)
        if old is not None:
            txn.put(txn.tables.gone, layout.number_prefix(layout.decode_state(old).number), b"")
        number = int(txn.get(txn.tables.meta, layout.META_NEXT) or b"1")
        txn.put(txn.tables.meta, layout.META_NEXT, b"%d" % (number + 1))
        state = IndexState(
            number=number,
            database=self.database.number,
            epoch=self.database.environment.epoch,
            signature=self.plan.signature_bytes,
            seq=0,
            purge_seq=0,
            counts=[0] * len(self.plan.slots),
        )
        for slot in range(len(self.plan.slots)):
            new_slot(txn, layout.slot_prefix(number, slot))
        write_state(txn, state)
        return state

    async def _build(self, state: IndexState, end: FeedEnd, task: ActiveTask) -> IndexState | None:
        """Follow the database to its end. None if it has to be begun again without what there is."""
        began = FeedEnd(state.seq, state.purge_seq)
        following = follow(self.database, self.plan.feed, began, end, self._map, ahead=self._ahead)
        try:
            async with aclosing(following) as batches:
                async for batch, mapped, fresh, _ in batches:
                    state = await self.file.write(
                        partial(write_batch, state=state, mapped=mapped, end=batch.end, fresh=fresh)
                    )
                    self._show(state)
                    self._tell(task, batch.seq - began.update_seq, max(batch.update_seq - began.update_seq, 1))
        except BeginAgain:
            return None
        return state

    async def _map(self, batch: FeedBatch) -> Mapped:
        """What a batch emits; documents that are gone emit nothing."""
        mapped = await self._map_documents(batch.ids, batch.texts) if batch.ids else EMPTY
        if not batch.gone:
            return mapped
        return {**mapped, "ids": mapped["ids"] + batch.gone, "places": mapped["places"] + [b""] * len(batch.gone)}

    async def _map_documents(self, ids: list[str], texts: list[bytes]) -> Mapped:
        """What some documents emit."""
        mapped: Mapped = await by_halves(self._ask, joined, ids, texts)
        tell_log(self.plan, mapped["log"])
        return mapped

    def _ask(self, ids: list[str], texts: list[bytes]) -> Awaitable[object]:
        plan = self.plan
        function, about = WORKER_INDEXES, [plan.definition]
        if not plan.is_declared:
            function, about = WORKER_MAPS, [plan.signature, plan.definition]
        return self._pool.run(
            function,
            *about,
            plan.crossing_limits,
            plan.crossing_slots,
            ids,
            texts,
            urgent=self.waiting > 0 and len(ids) < SMALL,
            affinity=plan.signature,
        )

    def _tell(self, task: ActiveTask, done: int, total: int) -> None:
        task.update(changes_done=done, total_changes=total, progress=done * 100 // total)


def _look_at(task: "asyncio.Task[None]") -> None:
    """Raises what an update ended with; NotFound if it was ended because the index goes."""
    if task.cancelled():
        raise NotFound(GONE)
    task.result()
