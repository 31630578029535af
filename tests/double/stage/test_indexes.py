"""Indexes of views, of Mango and of search across a restore: what they show is of the state that is there."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from docstore.testing import TestNode, run_node
from tests.storage_findings import storage_findings

DESIGN = {
    "_id": "_design/d",
    "views": {"by_year": {"map": "function (doc) { emit(doc.year, doc.word); }", "reduce": "_count"}},
    "indexes": {"words": {"index": "function (doc) { index('default', doc.word, {store: true, facet: true}); }"}},
}
MANGO = [
    {"index": {"fields": ["year"]}, "name": "years", "ddoc": "years"},
    {"index": {"fields": [{"name": "word", "type": "string"}]}, "type": "text", "name": "texts", "ddoc": "texts"},
]
STALE: dict[str, dict[str, Any]] = {
    "view": {"update": "false"},
    "search": {"stale": "ok"},
    "json": {"update": False},
    "text": {"update": False},
}


class Gone(Exception):
    """What was asked for is not there."""


class Films:
    """The database ``films``, asked in four ways, each of which tells id -> word."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self.client = client

    async def ask(self, method: str, path: str, body: Any = None, **params: str) -> Any:
        async with self.client.request(method, f"/films{path}", json=body, params=params) as reply:
            told = await reply.json()
            if reply.status == 404:
                raise Gone
            assert reply.ok, told
            return told

    async def make(self) -> None:
        await self.ask("PUT", "")
        await self.ask("POST", "/_bulk_docs", {"docs": [DESIGN]})
        for index in MANGO:
            await self.ask("POST", "/_index", index)

    async def write(self, words: dict[str, str]) -> None:
        present = {row["id"]: row["value"]["rev"] for row in (await self.ask("GET", "/_all_docs"))["rows"]}
        docs = [
            {"_id": doc_id, "year": 1979, "word": word, **({"_rev": present[doc_id]} if doc_id in present else {})}
            for doc_id, word in words.items()
        ]
        rows = await self.ask("POST", "/_bulk_docs", {"docs": docs})
        assert all(row["ok"] for row in rows)

    async def view(self, **more: str) -> dict[str, str]:
        found = await self.ask("GET", "/_design/d/_view/by_year", None, key="1979", reduce="false", **more)
        return {row["id"]: row["value"] for row in found["rows"]}

    async def search(self, **more: str) -> dict[str, str]:
        asked = {"q": "*:*", "limit": 200, **more}
        found = await self.ask("POST", "/_design/d/_search/words", asked)
        return {row["id"]: row["fields"]["default"] for row in found["rows"]}

    async def json(self, **more: Any) -> dict[str, str]:
        return await self._find({"year": 1979}, "years", **more)

    async def text(self, **more: Any) -> dict[str, str]:
        return await self._find({"word": {"$in": [f"w{number}" for number in range(40)]}}, "texts", **more)

    async def _find(self, selector: Any, index: str, **more: Any) -> dict[str, str]:
        asked = {"selector": selector, "use_index": [index], "limit": 200, "execution_stats": True, **more}
        found = await self.ask("POST", "/_find", asked)
        assert "warning" not in found
        return {doc["_id"]: doc["word"] for doc in found["docs"]}

    async def all(self) -> dict[str, str]:
        """What all of them show."""
        first, *others = [await getattr(self, name)() for name in STALE]
        for other in others:
            assert other == first
        return first


@pytest.fixture
async def films() -> AsyncIterator[tuple[TestNode, Films]]:
    async with run_node() as server, aiohttp.ClientSession(server.url) as client:
        films = Films(client)
        await films.make()
        yield server, films
        assert storage_findings(server.node) == []


PAST = {"alien": "w1", "brazil": "w2"}
FUTURE = {"alien": "w9", "chinatown": "w3"}


async def test_there_and_back(films: tuple[TestNode, Films]) -> None:
    server, db = films
    await db.write(PAST)
    assert await db.all() == PAST
    past = await server.stage.snapshot()
    await db.write(FUTURE)
    assert await db.all() == PAST | FUTURE
    future = await server.stage.snapshot()
    for snapshot, words in ((past, PAST), (future, PAST | FUTURE), (past, PAST), (past, PAST)):
        await server.stage.restore(snapshot)
        assert await db.all() == words
        counts = await db.ask("POST", "/_design/d/_search/words", {"q": "*:*", "limit": 0, "counts": ["default"]})
        assert counts["counts"] == {"default": dict.fromkeys(sorted(words.values()), 1)}
        reduced = await db.ask("GET", "/_design/d/_view/by_year", None, key="1979")
        assert reduced["rows"][0]["value"] == len(words)


@pytest.mark.parametrize("name", STALE)
async def test_what_is_not_brought_up_to_date_shows_nothing_of_what_was_undone(
    films: tuple[TestNode, Films], name: str
) -> None:
    server, db = films
    await db.write(PAST)
    past = await server.stage.snapshot()
    await db.write(FUTURE)
    assert await db.all() == PAST | FUTURE
    await server.stage.restore(past)
    shown = await getattr(db, name)(**STALE[name])
    assert shown.items() <= PAST.items()
    await db.write({"chinatown": "w7"})  # under an id, and a sequence, that the other future had as well
    assert (await getattr(db, name)(**STALE[name])).items() <= (PAST | {"chinatown": "w7"}).items()
    assert await db.all() == PAST | {"chinatown": "w7"}


async def test_an_index_is_kept_where_nothing_has_changed(films: tuple[TestNode, Films]) -> None:
    server, db = films
    await db.write(PAST)
    await db.all()
    past = await server.stage.snapshot()
    await db.client.put("/others")
    await server.stage.restore(past)
    shown = [await getattr(db, name)(**how) for name, how in STALE.items()]
    assert shown == [PAST] * len(STALE)


async def test_while_they_are_built_and_asked(films: tuple[TestNode, Films]) -> None:
    """Whoever asks meanwhile is told of one of the states, or that there is no such thing any more."""
    server, db = films
    chance = random.Random(5)
    await db.write({f"film-{number}": "w1" for number in range(150)})
    states = [await server.stage.snapshot()]
    for word in ("w2", "w3"):
        await db.write({f"film-{number}": word for number in range(150)})
        states.append(await server.stage.snapshot())
    allowed = [{f"film-{number}": word for number in range(150)} for word in ("w1", "w2", "w3")]
    done = False

    async def ask() -> int:
        asked = 0
        while not done:
            name = chance.choice(list(STALE))
            try:
                shown = await getattr(db, name)()
            except Gone:
                continue
            assert shown in allowed, (name, Counter(shown.values()))
            asked += 1
        return asked

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    for _ in range(12):
        state = chance.randrange(3)
        await server.stage.restore(states[state])
        assert await getattr(db, chance.choice(list(STALE)))() == allowed[state]
    done = True
    assert sum(await asyncio.gather(*asking)) > 0


async def test_a_state_of_another_server(films: tuple[TestNode, Films], tmp_path: Path) -> None:
    """Whose databases have the same numbers, and its indexes the same definitions."""
    server, db = films
    await db.write(PAST)
    assert await db.all() == PAST
    file = tmp_path / "state"
    server.save(await server.stage.snapshot("here"), file)
    async with run_node() as other, aiohttp.ClientSession(other.url) as client:
        there = Films(client)
        await there.make()
        await there.write({"dune": "w4", "eraserhead": "w5"})
        assert await there.all() == {"dune": "w4", "eraserhead": "w5"}
        await other.stage.restore(file)
        for name, how in STALE.items():
            assert (await getattr(there, name)(**how)).items() <= PAST.items()
        assert await there.all() == PAST
