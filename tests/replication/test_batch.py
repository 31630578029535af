"""One batch: what is asked for, in which portions it is written, and what is counted."""

import asyncio

import pytest

from docstore.replication import batch
from docstore.replication.batch import Route
from docstore.replication.peer import Change
from docstore.replication.statistics import Statistics
from tests.replication.memory_peer import MemoryPeer


class Way:
    """A route between two databases of plain dicts."""

    def __init__(self, *, use_bulk_get: bool = True) -> None:
        self.source, self.target = MemoryPeer("source"), MemoryPeer("target")
        self.statistics = Statistics()
        self.moved = 0
        self.route = Route(
            self.source, self.target, self.statistics, asyncio.sleep, self._move, use_bulk_get=use_bulk_get
        )

    def _move(self) -> None:
        self.moved += 1


async def test_portions_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "PORTION_DOCS", 3)
    way = Way()
    for number in range(7):
        way.source.put(f"doc{number}", "1-a")
    await way.route.replicate([Change(n, f"doc{n}", ("1-a",), False) for n in range(7)])
    assert way.target.leaves() == way.source.leaves()
    assert way.target.calls["write"] == way.moved == 3


async def test_portions_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "PORTION_BYTES", 1000)
    way = Way()
    for number in range(4):
        way.source.put(f"doc{number}", "1-a", text="x" * 600)
    await way.route.replicate([Change(n, f"doc{n}", ("1-a",), False) for n in range(4)])
    assert way.target.calls["write"] == 2


async def test_what_the_target_has_is_not_fetched() -> None:
    way = Way()
    for peer in (way.source, way.target):
        peer.put("a", "1-a")
    await way.route.replicate([Change(1, "a", ("1-a",), False)])
    assert way.statistics == Statistics(missing_checked=1)
    assert not way.source.calls["fetch"]


async def test_a_document_that_stands_in_a_batch_twice_is_asked_for_once() -> None:
    way = Way()
    way.source.put("a", "1-a")
    way.source.put("a", "1-b")
    changes = [Change(1, "a", ("1-a",), False), Change(2, "a", ("1-b", "1-a"), False), Change(3, "", ("1-c",), False)]
    await way.route.replicate(changes)
    assert way.statistics.missing_checked == 2
    assert way.target.leaves() == {"a": ["1-b", "1-a"]}


async def test_a_batch_of_nothing_asks_nobody() -> None:
    way = Way()
    await way.route.replicate([])
    assert not way.target.calls


async def test_without_bulk_get_nothing_is_counted_for_it() -> None:
    way = Way(use_bulk_get=False)
    way.source.put("a", "1-a")
    await way.route.replicate([Change(1, "a", ("1-a",), False)])
    assert way.statistics == Statistics(1, 1, 1, 1)
