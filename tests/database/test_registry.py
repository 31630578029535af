"""Databases by name."""

import asyncio

import pytest

from docstore.database.commands import SweepDatabase
from docstore.database.reading.key_range import RangeQuery
from docstore.errors import (
    DatabaseExists,
    DatabaseNameTooLong,
    DatabaseNotFound,
    IllegalDatabaseName,
    StorageFull,
    Unavailable,
)
from docstore.node import Node
from docstore.storage.databases import pending_sweeps
from tests.database.helpers import document, ids, settings
from tests.storage_findings import storage_findings


async def test_create_open_delete(node):
    registry = node.registry
    assert not registry.exists("db")
    made = await registry.create("db", shards=1)
    assert registry.open("db") is made
    assert (made.name, made.info().shards) == ("db", 1)
    with pytest.raises(DatabaseExists):
        await registry.create("db")
    await registry.delete("db")
    for attempt in (lambda: registry.open("db"), made.info):
        with pytest.raises(DatabaseNotFound):
            attempt()
    with pytest.raises(DatabaseNotFound):
        await registry.delete("db")


@pytest.mark.parametrize("name", ["db", "a_$()+/-9", "a/b/c", "_users", "_replicator", "_global_changes", "a" * 238])
async def test_legal_names(node, name):
    await node.registry.create(name)
    assert node.registry.exists(name)
    assert node.registry.names() == [name]


@pytest.mark.parametrize("name", ["", "_bad", "Upper", "1abc", "has.dot", "has space", "été", "a\n", "_nodes", "a\x00"])
async def test_illegal_names(node, name):
    with pytest.raises(IllegalDatabaseName, match="Must begin with a letter"):
        await node.registry.create(name)
    with pytest.raises(DatabaseNotFound):
        node.registry.open(name)
    with pytest.raises(DatabaseNotFound):
        await node.registry.delete(name)


async def test_names_too_long(node):
    with pytest.raises(DatabaseNameTooLong):
        await node.registry.create("a" * 239)
    for length in (239, 600):
        with pytest.raises(DatabaseNotFound):
            node.registry.open("a" * length)
        with pytest.raises(DatabaseNotFound):
            await node.registry.delete("a" * length)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, "abcd"),
        ({"start_key": "b", "end_key": "c"}, "bc"),
        ({"start_key": "b", "limit": 2}, "bc"),
        ({"start_key": "a", "limit": 2, "skip": 1}, "bc"),
        ({"start_key": "d", "end_key": "b", "descending": True}, "dcb"),
        ({"descending": True, "skip": 3}, "a"),
        ({"end_key": "c", "inclusive_end": False}, "ab"),
        ({"key": "b"}, "b"),
        ({"key": "bb"}, ""),
        ({"key": 5}, ""),
        ({"end_key": None}, ""),
        ({"limit": 0}, ""),
    ],
)
async def test_ranges_of_names(node, query, names):
    for name in "cadb":
        await node.registry.create(name)
    assert "".join(node.registry.names(RangeQuery(**query))) == names


async def test_a_database_made_again_is_another(node):
    old = await node.registry.create("db")
    await old.update_doc(document("a"))
    since = old.info().update_seq
    await node.registry.delete("db")
    new = await node.registry.create("db")
    assert node.registry.open("db") is new
    assert (new.number != old.number, new.uuid != old.uuid, new.info().doc_count) == (True, True, 0)
    await new.update_docs([document("b"), document("c")])
    assert new.parse_since(since) == 0
    assert await ids(new) == ["b", "c"]
    with pytest.raises(DatabaseNotFound):
        await old.update_doc(document("z"))
    with pytest.raises(DatabaseNotFound):
        old.open_doc("z")
    assert await ids(new) == ["b", "c"]


async def test_the_table_is_the_truth_whatever_handles_are_kept(node):
    await node.registry.create("db")
    kept = dict(node.registry._handles)
    await node.registry.delete("db")
    node.registry._handles.update(kept)
    with pytest.raises(DatabaseNotFound):
        node.registry.open("db")
    new = await node.registry.create("db")
    assert node.registry.open("db") is new


async def test_handles_are_made_anew_when_there_are_too_many(node, monkeypatch):
    monkeypatch.setattr("docstore.database.registry.MAX_HANDLES", 3)
    for name in "abcdefg":
        await node.registry.create(name)
        assert node.registry.open_databases <= 3
    for name in "abcdefg":
        assert node.registry.open(name).name == name


async def test_many_databases_at_once(node):
    made = await asyncio.gather(*(node.registry.create(f"db{n}") for n in range(50)))
    assert sorted(database.number for database in made) == list(range(1, 51))
    assert len(node.registry.names()) == 50


async def test_one_of_many_creations_wins(node):
    tries = await asyncio.gather(*(node.registry.create("db") for _ in range(5)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in tries) == ["Database", *["DatabaseExists"] * 4]


def rows_left(node: Node) -> int:
    with node.env.snapshot() as snapshot:
        return sum(1 for _, table in snapshot.tables.of_database() for _ in snapshot.cursor(table).iternext())


async def test_what_is_deleted_is_swept(node):
    db = await node.registry.create("db")
    await db.update_docs([document(f"d{n}", n=n) for n in range(5000)])
    await db.update_doc(document("_local/a"))
    await node.registry.delete("db")
    await node.registry.finish_sweeps()
    assert rows_left(node) == 0


class FailingSweeps:
    """A writer that refuses each kind of error once for every step of a sweep but the third."""

    def __init__(self, node: Node) -> None:
        self.refused = 0
        self._submit = node.writer.submit
        self._errors = [StorageFull(), ValueError("odd"), None, StorageFull(), Unavailable()]

    def submit(self, command: object):
        if isinstance(command, SweepDatabase) and self._errors and (error := self._errors.pop(0)) is not None:
            self.refused += 1
            failed = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed
        return self._submit(command)


async def test_a_sweep_is_tried_until_it_is_done(node, monkeypatch):
    monkeypatch.setattr("docstore.database.background.FIRST_PAUSE", 0.0)
    db = await node.registry.create("db")
    await db.update_docs([document(f"d{n}", n=n) for n in range(2000)])
    failing = FailingSweeps(node)
    monkeypatch.setattr(node.writer, "submit", failing.submit)
    await node.registry.delete("db")
    await node.registry.finish_sweeps()
    assert failing.refused == 4
    assert rows_left(node) == 0


async def test_what_is_deleted_is_swept_though_nobody_waits_for_the_deletion(node):
    await node.registry.create("db")
    deletion = asyncio.create_task(node.registry.delete("db"))
    await asyncio.sleep(0)
    deletion.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deletion
    while node.registry.exists("db"):
        await node.writer.submit(SweepDatabase(99))
    await node.registry.finish_sweeps()
    assert rows_left(node) == 0


async def test_a_sweep_goes_on_after_a_restart(tmp_path):
    async with Node(settings(tmp_path)) as node:
        db = await node.registry.create("db")
        await db.update_docs([document(f"d{n}", n=n) for n in range(5000)])
        await node.registry.create("other")
        await node.registry.delete("db")
        await node.registry.stop()
        left = rows_left(node)
        assert left > 0
        assert storage_findings(node) == []
    async with Node(settings(tmp_path)) as node:
        await node.registry.finish_sweeps()
        with node.env.snapshot() as snapshot:
            assert pending_sweeps(snapshot) == []
        assert 0 < rows_left(node) < left
        assert node.registry.names() == ["other"]
        assert storage_findings(node) == []


async def test_writes_waiting_beside_the_delete_fail_or_went_before(node):
    db = await node.registry.create("db")
    writes = [db.update_doc(document(f"d{n}")) for n in range(20)]
    deletion = node.registry.delete("db")
    later = [db.update_doc(document(f"e{n}")) for n in range(20)]
    results = await asyncio.gather(*writes, deletion, *later, return_exceptions=True)
    assert all(not isinstance(result, Exception) for result in results[:21])
    assert all(isinstance(result, DatabaseNotFound) for result in results[21:])
    await node.registry.finish_sweeps()
    with pytest.raises(DatabaseNotFound):
        db.open_doc("d1")
