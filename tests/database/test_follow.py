"""Feeds that wait."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from docstore.core.json_text import decode
from docstore.database.reading.changes import ChangesQuery, follow_changes
from docstore.errors import Unavailable
from tests.database.helpers import document

LONG = 60.0


class Feed:
    """A feed that is read by a task of its own."""

    def __init__(self, database, query: ChangesQuery, **how: object) -> None:
        self.ids: list[str] = []
        self.slices = []
        self.heartbeats = 0
        self.waits = asyncio.Event()
        self._got = asyncio.Condition()
        self._feed = follow_changes(database, query, **how)
        self.task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async with aclosing(self._feed):
            async for part in self._feed:
                async with self._got:
                    self.ids += [decode(row)["id"] for row in part.rows]
                    self.slices.append(part)
                    self.heartbeats += part.heartbeat
                    self._got.notify_all()

    async def until(self, condition) -> None:
        async with self._got, asyncio.timeout(5):
            await self._got.wait_for(lambda: condition(self))

    async def end(self) -> None:
        async with asyncio.timeout(5):
            await self.task


async def settle() -> None:
    """Let tasks that are ready run until they wait."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_longpoll_ends_after_what_is_there(db):
    await db.update_doc(document("a"))
    feed = Feed(db, ChangesQuery(), once=True, patience=LONG)
    await feed.end()
    assert feed.ids == ["a"]
    assert (feed.slices[-1].last_seq, feed.slices[-1].pending) == (1, 0)


async def test_longpoll_waits_for_a_write(db):
    feed = Feed(db, ChangesQuery(), once=True, patience=LONG)
    await settle()
    assert not feed.task.done()
    await db.update_doc(document("a"))
    await feed.end()
    assert feed.ids == ["a"]
    assert feed.slices[-1].last_seq == 1
    assert db.environment.open_snapshots == 0


async def test_longpoll_ends_after_silence(db):
    await db.update_doc(document("a"))
    feed = Feed(db, ChangesQuery(doc_ids=frozenset({"zz"})), once=True, patience=0.01)
    await feed.end()
    assert feed.ids == []
    assert (feed.slices[-1].last_seq, feed.slices[-1].pending) == (1, 1)


async def test_longpoll_goes_on_waiting_when_nothing_passes(db):
    feed = Feed(db, ChangesQuery(filter=lambda doc, _: doc["_id"] == "b"), once=True, patience=LONG)
    await settle()
    await db.update_doc(document("a"))
    await settle()
    assert not feed.task.done()
    await db.update_doc(document("b"))
    await feed.end()
    assert feed.ids == ["b"]


async def test_longpoll_of_no_rows_waits_for_its_end(db):
    await db.update_doc(document("a"))
    feed = Feed(db, ChangesQuery(limit=0), once=True, patience=0.01)
    await feed.end()
    assert feed.slices[-1][2:4] == (0, 1)


async def test_continuous_gives_what_comes_until_its_limit(db):
    await db.update_doc(document("a"))
    feed = Feed(db, ChangesQuery(limit=3), once=False, patience=LONG)
    await feed.until(lambda feed: feed.ids == ["a"])
    for doc_id in "bcd":
        await db.update_doc(document(doc_id))
    await feed.end()
    assert feed.ids == ["a", "b", "c"]
    assert feed.slices[-1].last_seq == 3


@pytest.mark.parametrize("limit", [0, 1])
async def test_continuous_ends_at_once_at_its_limit(db, limit):
    await db.update_docs([document("a"), document("b")])
    feed = Feed(db, ChangesQuery(limit=limit), once=False, patience=LONG)
    await feed.end()
    assert feed.ids == ["a"][:limit]
    assert feed.slices[-1].pending == 2 - limit


async def test_continuous_from_now(db):
    await db.update_doc(document("a"))
    feed = Feed(db, ChangesQuery(since=db.parse_since("now"), limit=1), once=False, patience=LONG)
    await settle()
    await db.update_doc(document("b"))
    await feed.end()
    assert feed.ids == ["b"]


async def test_heartbeats_come_instead_of_an_end(db):
    feed = Feed(db, ChangesQuery(limit=1), once=False, patience=0.0, heartbeat=0.005)
    await feed.until(lambda feed: feed.heartbeats >= 3)
    assert feed.ids == []
    await db.update_doc(document("a"))
    await feed.end()
    assert feed.ids == ["a"]


async def test_heartbeats_come_during_a_long_filtered_pass(db, monkeypatch):
    monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 0.0)
    monkeypatch.setattr("docstore.database.reading.changes.CHUNK_ROWS", 1)
    await db.update_docs([document(f"d{n}") for n in range(20)])
    feed = Feed(db, ChangesQuery(filter=lambda doc, _: doc["_id"] == "d9"), once=True, heartbeat=0.0)
    await feed.end()
    assert feed.ids == ["d9"]
    assert feed.heartbeats > 10


async def test_an_edit_during_the_pass_is_not_lost(db, monkeypatch):
    await db.update_doc(document("a"))
    feed = follow_changes(db, ChangesQuery(), once=False, patience=LONG)
    async with aclosing(feed):
        part = await anext(feed)
        assert [decode(row)["id"] for row in part.rows] == ["a"]
        await db.update_doc(document("b"))
        async with asyncio.timeout(5):
            part = await anext(feed)
        assert [decode(row)["id"] for row in part.rows] == ["b"]


async def test_many_feeds_wake_on_one_commit(db):
    feeds = [Feed(db, ChangesQuery(), once=True, patience=LONG) for _ in range(50)]
    await settle()
    await db.update_doc(document("a"))
    for feed in feeds:
        await feed.end()
        assert feed.ids == ["a"]


async def test_a_write_elsewhere_wakes_nobody(node, db):
    other = await node.registry.create("other")
    feed = Feed(db, ChangesQuery(), once=True, patience=LONG)
    await settle()
    before = len(feed.slices)
    await other.update_doc(document("a"))
    await db.update_doc(document("_local/a"))
    await settle()
    assert len(feed.slices) == before
    feed.task.cancel()


async def test_the_end_of_the_database_ends_the_feed(node, db):
    await db.update_doc(document("a"))
    feed = Feed(db, ChangesQuery(), once=False, heartbeat=LONG)
    await feed.until(lambda feed: feed.ids == ["a"])
    await node.registry.delete("db")
    await feed.end()


async def test_a_feed_of_a_deleted_database_ends_at_once(node, db):
    await node.registry.delete("db")
    feed = Feed(db, ChangesQuery(), once=False, heartbeat=LONG)
    await feed.end()
    assert feed.slices == []


async def test_the_stop_of_the_node_ends_the_feed(node, db):
    feed = Feed(db, ChangesQuery(), once=False, heartbeat=LONG)
    await settle()
    node.notifier.close()
    await feed.end()


async def test_reading_down_ends_after_a_pass(db):
    await db.update_docs([document("a"), document("b")])
    feed = Feed(db, ChangesQuery(descending=True), once=False, heartbeat=LONG)
    await feed.end()
    assert feed.ids == ["b", "a"]


async def test_a_left_feed_leaves_nothing_behind(node, db):
    feed = Feed(db, ChangesQuery(), once=False, heartbeat=LONG)
    await settle()
    feed.task.cancel()
    await asyncio.wait([feed.task])
    assert node.env.open_snapshots == 0
    assert node.notifier._subscriptions == {}


def fail(*_: object) -> None:
    raise RuntimeError("broken")


@pytest.mark.parametrize("broken", ["unique indexes", "handles"])
async def test_feeds_learn_of_a_commit_whatever_else_fails_after_it(node, db, broken, monkeypatch, caplog):
    if broken == "unique indexes":
        monkeypatch.setattr(node.registry.unique, "wake", fail)
        told = node.registry.committed
        monkeypatch.setattr(node.registry, "committed", lambda summary: told(replace(summary, unique_work={1})))
    else:
        monkeypatch.setattr(node.registry, "_rows", None)
    feeds = [Feed(db, ChangesQuery(), once=once, patience=None, heartbeat=LONG) for once in (True, False)]
    await settle()
    await db.update_doc(document("a"))
    await feeds[0].end()
    await settle()
    assert [feed.ids for feed in feeds] == [["a"], ["a"]]
    monkeypatch.setattr(node.registry, "_start_sweep", lambda number: None)
    await node.registry.delete("db")
    await feeds[1].end()
    assert "broken" in caplog.text or "NoneType" in caplog.text
    monkeypatch.undo()


async def test_feeds_end_with_their_database_even_if_waking_fails(node, db, monkeypatch):
    feed = Feed(db, ChangesQuery(), once=False, patience=None, heartbeat=LONG)
    await settle()
    monkeypatch.setattr(node.notifier, "written", fail)
    await node.registry.delete("db")
    await feed.end()


async def test_a_commit_is_told_of_when_there_is_no_snapshot_for_the_collector(node, db, monkeypatch):
    def refuse() -> None:
        raise Unavailable

    feed = Feed(db, ChangesQuery(), once=True, patience=LONG)
    await settle()
    monkeypatch.setattr(node.env, "snapshot", refuse)
    await db.update_doc(document("a"))
    await feed.end()
    assert feed.ids == ["a"]
    await settle()
