"""What becomes of indexes: updates that fail, that nobody asked for, databases that go."""

import asyncio
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from docstore.core.json_text import JsonValue
from docstore.database.active_tasks import ActiveTasks
from docstore.database.database import Database
from docstore.database.reading import index_feed
from docstore.errors import NotFound, Unavailable
from docstore.node import Node
from docstore.query.design.languages import Languages
from docstore.query.views.index_check import index_findings
from docstore.query.views.index_file import IndexFile
from docstore.query.views.index_rows import write_batch
from docstore.query.views.view_query import Update, ViewQuery
from docstore.query.views.views import Views, _drop_rows, _sweep_some
from docstore.settings import Settings, StorageSettings, ViewSettings
from docstore.workers.errors import WorkerTimedOut
from tests.database.helpers import document
from tests.query.views.inline import InlineWorkers, source_of

DESIGN: dict[str, JsonValue] = {
    "views": {"k": {"map": source_of("k")}, "c": {"map": source_of("many"), "reduce": "_count"}}
}


class FailingWorkers(InlineWorkers):
    """Workers that are lost after so many calls."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def run(self, function: str, *arguments: Any, **how: Any) -> Awaitable[Any]:
        self.left -= 1
        if self.left < 0:
            failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            failed.set_exception(Unavailable("the worker is gone"))
            return failed
        return super().run(function, *arguments, **how)


@pytest.fixture
async def node(tmp_path: Path) -> Any:
    async with Node(Settings(data=tmp_path / "data")) as node:
        yield node


@pytest.fixture
async def db(node: Node) -> Database:
    db = await node.registry.create("db")
    await db.update_docs([document("_design/v", **DESIGN), *(document(f"d{n}", k=n, many=[n]) for n in range(20))])
    return db


def views_of(node: Node, workers: InlineWorkers, tmp_path: Path, **how: Any) -> Views:
    settings = Settings(data=tmp_path, storage=StorageSettings(map_size=1 << 26), views=ViewSettings(**how))
    return Views(workers, ActiveTasks(lambda: 0.0), settings, Languages({}), ahead=2)


async def rows(views: Views, db: Database, name: str = "k", **query: Any) -> list[Any]:
    view = (await views.design(db, "v")).view(name)
    return [row async for part in view.read(ViewQuery(**query)) for row in part.rows]


async def test_a_build_that_is_cut_short_goes_on(
    node: Node, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_feed.read_feed, "__kwdefaults__", {"documents": 3})
    failing = views_of(node, FailingWorkers(3), tmp_path)
    with pytest.raises(Unavailable):
        await rows(failing, db)
    some = await rows(failing, db, update=Update.FALSE)
    assert 0 < len(some) < 20
    info = failing.info((await failing.design(db, "v")).index)
    assert info["update_seq"]
    await failing.stop()
    workers = InlineWorkers()
    views = views_of(node, workers, tmp_path)
    assert len(await rows(views, db)) == 20
    assert workers.calls.count("docstore.query.views.mapping:map_documents") < 7  # of seven batches some were done
    assert await rows(views, db, "c") == [b'{"key":null,"value":20}']
    await views.stop()


async def test_many_wait_for_one_update(node: Node, db: Database, tmp_path: Path) -> None:
    workers = InlineWorkers()
    views = views_of(node, workers, tmp_path)
    found = await asyncio.gather(*(rows(views, db) for _ in range(5)))
    assert [len(one) for one in found] == [20] * 5
    assert workers.calls.count("docstore.query.views.mapping:map_documents") == 1
    await views.stop()


async def test_an_index_that_was_asked_for_follows_unasked(node: Node, db: Database, tmp_path: Path) -> None:
    views = views_of(node, InlineWorkers(), tmp_path, background_delay=0.0)
    await rows(views, db)
    await db.update_docs([document("new", k=1)])
    views.committed({db.number: db.update_seq()})
    while len(await rows(views, db, update=Update.FALSE)) < 21:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await views.stop()


async def test_nothing_follows_where_the_setting_says_so(node: Node, db: Database, tmp_path: Path) -> None:
    views = views_of(node, InlineWorkers(), tmp_path, background=False)
    await rows(views, db)
    views.committed({db.number: db.update_seq()})
    assert views._behind is None
    await views.stop()


async def test_a_database_that_goes_takes_its_indexes_with_it(node: Node, db: Database, tmp_path: Path) -> None:
    views = views_of(node, InlineWorkers(), tmp_path)
    await rows(views, db)
    await rows(views, db, "c")
    views.committed({db.number: -1})
    while not is_empty(views.file):  # noqa: ASYNC110
        await asyncio.sleep(0)
    await views.stop()


async def test_an_index_that_goes_under_a_reader_is_told(
    node: Node, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docstore.query.views.map_reader.SLICE_BYTES", 1)
    views = views_of(node, InlineWorkers(), tmp_path)
    reading = (await views.design(db, "v")).view("k").read(ViewQuery())
    await anext(reading)
    await views.database_gone(db.number)
    views.file._gate.max_age = -1  # the reader has to take a newer snapshot
    with pytest.raises(NotFound):
        async for _ in reading:
            pass
    await views.stop()


@pytest.mark.parametrize("view", ["k", "c"])
async def test_who_waits_for_an_index_that_goes_is_told(node: Node, db: Database, tmp_path: Path, view: str) -> None:
    class Stuck(InlineWorkers):
        def run(self, function: str, *arguments: Any, **how: Any) -> Awaitable[Any]:
            asked.set()
            return asyncio.get_running_loop().create_future()

    asked = asyncio.Event()
    views = views_of(node, Stuck(), tmp_path)
    waiting = asyncio.create_task(rows(views, db, view))
    await asked.wait()
    await views.database_gone(db.number)
    with pytest.raises(NotFound, match="updated or deleted"):
        await waiting
    await views.stop()


async def test_a_store_that_went_back_in_time_has_its_indexes_built_anew(
    node: Node, db: Database, tmp_path: Path
) -> None:
    views = views_of(node, InlineWorkers(), tmp_path)
    await rows(views, db)
    node.env.epoch += 1
    assert await rows(views, db, update=Update.FALSE) == []
    await views.stop()
    views = views_of(node, InlineWorkers(), tmp_path)
    assert len(await rows(views, db)) == 20
    await views.stop()


async def test_a_database_that_went_while_nobody_looked_is_found_at_the_start(
    node: Node, db: Database, tmp_path: Path
) -> None:
    views = views_of(node, InlineWorkers(), tmp_path)
    await rows(views, db)
    await views.stop()
    views = views_of(node, InlineWorkers(), tmp_path)
    views.start(node.registry.numbers)
    assert len(await rows(views, db, update=Update.FALSE)) == 20
    await views.stop()
    views = views_of(node, InlineWorkers(), tmp_path)
    views.start(set)
    while not is_empty(views.file):  # noqa: ASYNC110
        await asyncio.sleep(0)
    await views.stop()


async def test_what_goes_while_a_sweep_takes_its_last_look_goes_too(
    node: Node, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = views_of(node, InlineWorkers(), tmp_path)
    await rows(views, db)
    write, looked = views.file.write, []

    async def last_look(work: Any) -> Any:
        more = await write(work)
        if work is _sweep_some and not more and not looked:
            looked.append(work)
            await views.database_gone(db.number)
        return more

    monkeypatch.setattr(views.file, "write", last_look)
    views._start_sweep()
    async with asyncio.timeout(60):
        while not is_empty(views.file):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await views.stop()


async def test_documents_that_are_too_much_at_once_are_mapped_by_halves(
    node: Node, db: Database, tmp_path: Path
) -> None:
    class Overtaxed(InlineWorkers):
        def run(self, function: str, *arguments: Any, **how: Any) -> Awaitable[Any]:
            if function.endswith(":map_documents") and len(arguments[4]) > self.most:
                failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                failed.set_exception(WorkerTimedOut())
                return failed
            return super().run(function, *arguments, **how)

        most = 3

    workers = Overtaxed()
    views = views_of(node, workers, tmp_path)
    assert len(await rows(views, db)) == 20
    assert await rows(views, db, "c") == [b'{"key":null,"value":20}']
    workers.most = 0
    await db.update_docs([document("slow", k=1)])
    with pytest.raises(WorkerTimedOut):
        await rows(views, db)
    await views.stop()


async def assert_right(views: Views, db: Database) -> None:
    """The rows, their number, and what blocks say of them."""
    view = (await views.design(db, "v")).view("k")
    parts = [part async for part in view.read(ViewQuery())]
    assert [part.total_rows for part in parts] == [20] * len(parts)
    assert sorted(row for part in parts for row in part.rows) == sorted(
        b'{"id":"d%d","key":%d,"value":null}' % (n, n) for n in range(20)
    )
    assert await rows(views, db, "c") == [b'{"key":null,"value":20}']


class Slow(InlineWorkers):
    """Workers that take so many turns of the loop."""

    def __init__(self, held: int) -> None:
        super().__init__()
        self.held = held

    def run(self, function: str, *arguments: Any, **how: Any) -> Awaitable[Any]:
        ask = super().run

        async def later() -> Any:
            for _ in range(self.held):
                await asyncio.sleep(0)
            return await ask(function, *arguments, **how)

        return later()


@pytest.mark.parametrize("held", [0, 3, 50])
async def test_two_that_build_one_index_do_not_spoil_it(
    node: Node, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    """As when one was let go, while somebody waited for it, and then asked for again."""
    monkeypatch.setattr(index_feed.read_feed, "__kwdefaults__", {"documents": 3})
    views = views_of(node, Slow(held), tmp_path)
    first = (await views.design(db, "v")).index
    updating = asyncio.create_task(first.update(whole=True))
    while first._shown.update_seq <= 0:  # noqa: ASYNC110
        await asyncio.sleep(0)
    views._indexes.clear()
    second = (await views.design(db, "v")).index
    assert second is not first
    await asyncio.gather(updating, second.update(whole=True))
    await assert_right(views, db)
    await first.stop()
    await views.stop()
    assert list(index_findings(tmp_path, StorageSettings())) == []


@pytest.mark.parametrize("after", range(4))
async def test_an_index_that_is_dropped_while_it_is_built_is_built_again(
    node: Node, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """By a cleanup that had read the design documents before this one was written. ``after`` so many batches."""
    monkeypatch.setattr(index_feed.read_feed, "__kwdefaults__", {"documents": 3})
    views = views_of(node, InlineWorkers(), tmp_path)
    write, seen = views.file.write, [0]

    async def drop_between(work: Any) -> Any:
        if isinstance(work, partial) and work.func is write_batch:
            seen[0] += 1
            if seen[0] == after + 1:
                await write(partial(_drop_rows, database=db.number, kept=set()))
                views._start_sweep()
        return await write(work)

    monkeypatch.setattr(views.file, "write", drop_between)
    await assert_right(views, db)
    while views._sweep is not None:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await assert_right(views, db)
    await views.stop()
    assert list(index_findings(tmp_path, StorageSettings())) == []


@pytest.mark.parametrize("name", ["k", "c"])
async def test_what_goes_between_the_update_and_the_first_row_is_no_empty_view(
    node: Node, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    views = views_of(node, InlineWorkers(), tmp_path)
    expected = await rows(views, db, name)
    index = (await views.design(db, "v")).index
    update, seen = index.update, []

    async def update_and_lose(*arguments: Any, **how: Any) -> Any:
        end = await update(*arguments, **how)
        if not seen:
            seen.append(end)
            await views.file.write(partial(_drop_rows, database=db.number, kept=set()))
        return end

    monkeypatch.setattr(index, "update", update_and_lose)
    assert await rows(views, db, name) == expected
    await views.stop()


def is_empty(file: IndexFile) -> bool:
    with file.read() as txn:
        tables = (txn.tables.indexes, txn.tables.gone, txn.tables.rows, txn.tables.owners, txn.tables.blocks)
        return not any(list(txn.cursor(table)) for table in (*tables, txn.tables.dirty))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("aging", [False, True])
async def test_rows_of_long_keys_are_gone_on_with_behind_the_last(
    node: Node, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, descending: bool, aging: bool
) -> None:
    """Within a snapshot, and in a newer one, in which a row between them has come."""
    long = "x" * 600
    await db.update_docs([document(f"l{n}", k=[long, n // 2]) for n in range(0, 20, 2)])
    views = views_of(node, InlineWorkers(), tmp_path)
    expected = await rows(views, db, descending=descending)
    monkeypatch.setattr("docstore.query.views.map_reader.SLICE_BYTES", 1)
    monkeypatch.setattr("docstore.query.views.blocks.SLICE_BYTES", 1)
    if aging:
        views.file._gate.max_age = -1
    assert await rows(views, db, descending=descending) == expected
    view = (await views.design(db, "v")).view("k")
    found: list[Any] = []
    async for part in view.read(ViewQuery(descending=descending)):
        if not found:
            await db.update_docs([document(f"l{n}", k=[long, n // 2 + 0.5]) for n in range(0, 20, 4)])
            await (await views.design(db, "v")).view("k").read(ViewQuery(limit=1)).__anext__()
        found += part.rows
    assert [row for row in found if row in expected] == expected
    assert len(found) == len(set(found))
    await views.stop()


async def test_large_rows_are_not_gathered(node: Node, db: Database, tmp_path: Path) -> None:
    await db.update_docs([document(f"large{n}", k=["x" * 200_000, n]) for n in range(20)])
    views = views_of(node, InlineWorkers(), tmp_path)
    view = (await views.design(db, "v")).view("k")
    parts = [len(part.rows) async for part in view.read(ViewQuery(start_key=["x"]))]
    assert sum(parts) == 20
    assert max(parts) <= 2
    await views.stop()
