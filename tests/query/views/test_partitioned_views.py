"""A partition's rows and reductions are those of its documents alone, whatever happens to the others."""

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from docstore.core.collation_key import order_key, raw_key
from docstore.core.json_text import JsonValue
from docstore.core.partition import partition_of
from docstore.database.active_tasks import ActiveTasks
from docstore.database.database import Database
from docstore.node import Node
from docstore.query.design.document import parse_design
from docstore.query.design.languages import Languages
from docstore.query.views import blocks, mapping
from docstore.query.views.index import Index
from docstore.query.views.index_file import IndexFile
from docstore.query.views.plan import Plan, plan_of
from docstore.query.views.view_query import ViewQuery
from docstore.query.views.views import OpenedView
from docstore.settings import FunctionSettings
from tests.database.helpers import document
from tests.database.helpers import settings as node_settings
from tests.query.views.inline import InlineWorkers, engine_for, source_of
from tests.query.views.test_views_against_model import KEYS, SMALL, _small_level

VIEWS: dict[str, JsonValue] = {
    "k": {"map": source_of("k")},
    "raw": {"map": source_of("k"), "options": {"collation": "raw"}},
    "sum": {"map": source_of("pair"), "reduce": "_sum"},
    "count": {"map": source_of("many"), "reduce": "_count"},
    "js": {"map": source_of("pair"), "reduce": "the sum"},
}
PARTITIONED = plan_of(
    parse_design({"_id": "_design/p", "views": VIEWS}), FunctionSettings(), Languages({}), partitioned=True
)
GLOBAL = plan_of(
    parse_design({"_id": "_design/g", "views": VIEWS, "options": {"partitioned": False}}),
    FunctionSettings(),
    Languages({}),
    partitioned=True,
)

LONG = "p" * 476
PARTITIONS = ["a", "a\x00", "aa", "B", "ä", LONG, LONG + "q" * 4, LONG + "q" * 5, "p" * 900]
IDS = st.tuples(st.sampled_from(PARTITIONS), st.sampled_from(["1", "2", "\x00", "x" * 300])).map(":".join)
BODIES = st.fixed_dictionaries(
    {"k": KEYS, "g": st.sampled_from(["g", "h"]), "v": st.integers(-5, 5), "many": st.lists(KEYS, max_size=3)}
)
STEPS = st.lists(st.tuples(IDS, st.none() | BODIES), min_size=1, max_size=14)
Row = dict[str, Any]


class Place:
    """A database, and one index of each kind."""

    def __init__(self, database: Database, file: IndexFile) -> None:
        self.database = database
        self.workers = InlineWorkers()
        self.indexes = {
            plan.design_id: Index(file, self.workers, ActiveTasks(lambda: 0.0), database, plan, ahead=2)
            for plan in (PARTITIONED, GLOBAL)
        }

    async def apply(self, doc_id: str, body: dict[str, Any] | None) -> None:
        head = self.database.head(doc_id)
        on = None if head is None or head.deleted else head.winner
        if body is not None:
            await self.database.update_docs([document(doc_id, on, **body)])
        elif on is not None:
            await self.database.update_docs([document(doc_id, on, deleted=True)])

    async def rows(self, plan: Plan, view: str, **query: Any) -> list[Row]:
        opened = OpenedView(self.indexes[plan.design_id], plan.view(view), self.workers, plan)
        asked = ViewQuery(**query)
        opened.check_members(asked)
        found: list[Row] = []
        async for part in opened.read(asked):
            found += [json.loads(cast("bytes", row)) for row in part.rows]
        return found

    async def check(self) -> None:
        for partition in PARTITIONS:
            await self.check_rows(partition)
            await self.check_reductions(partition)

    async def both(self, partition: str, view: str, **query: Any) -> tuple[list[Row], list[Row]]:
        """What a partition answers, and what of it is among the rows of all."""
        every = await self.rows(GLOBAL, view, **query)
        kept = [row for row in every if partition_of(row["id"]) == partition]
        return await self.rows(PARTITIONED, view, partition=partition, **query), kept

    async def check_rows(self, partition: str) -> None:
        for view, key_of in (("k", order_key), ("raw", raw_key)):
            found, expected = await self.both(partition, view)
            assert found == expected
            limited = await self.rows(PARTITIONED, view, partition=partition, skip=1, limit=2)
            assert limited == expected[1:3]
            keys = sorted({key_of(row["key"]): row["key"] for row in expected}.items())
            for _, key in keys[:2]:
                for query in (
                    {"start_key": key},
                    {"end_key": key, "inclusive_end": False},
                    {"start_key": key, "descending": True},
                    {"keys": (key, "no such key", key)},
                    {"start_key": key, "end_key": key, "start_key_docid": expected[0]["id"]},
                ):
                    found, expected_too = await self.both(partition, view, **query)
                    assert found == expected_too

    async def check_reductions(self, partition: str) -> None:
        _, pairs = await self.both(partition, "sum", reduce=False)
        _, many = await self.both(partition, "count", reduce=False)
        counted = [{"key": None, "value": len(many)}] if many else []
        assert await self.rows(PARTITIONED, "count", partition=partition) == counted
        summed = [{"key": None, "value": sum(row["value"] for row in pairs)}] if pairs else []
        for view in ("sum", "js"):
            assert await self.rows(PARTITIONED, view, partition=partition) == summed
        for level, query in ((1, {"group_level": 1}), (2, {"group": True})):
            groups: dict[bytes, Row] = {}
            for row in pairs:
                key = row["key"][:level]
                group = groups.setdefault(order_key(key), {"key": key, "value": 0})
                group["value"] += row["value"]
            expected = [group for _, group in sorted(groups.items())]
            assert await self.rows(PARTITIONED, "sum", partition=partition, **query) == expected
            backward = await self.rows(PARTITIONED, "sum", partition=partition, descending=True, **query)
            assert [row["value"] for row in backward] == [row["value"] for row in reversed(expected)]


async def run(steps: list[tuple[str, dict[str, Any] | None]]) -> None:
    with TemporaryDirectory() as folder, patch.object(mapping, "engine_for", engine_for):
        async with Node(node_settings(Path(folder) / "data")) as node:
            file = IndexFile(Path(folder), SMALL)
            try:
                place = Place(await node.registry.create("db", partitioned=True), file)
                for number, (doc_id, body) in enumerate(steps):
                    await place.apply(doc_id, body)
                    if number == len(steps) // 2:
                        await place.check()
                await place.check()
            finally:
                await file.close()


@settings(max_examples=10, deadline=None)
@given(STEPS)
def test_a_partition_is_its_documents_alone(steps: list[tuple[str, dict[str, Any] | None]]) -> None:
    with patch.object(blocks, "level_of", _small_level):
        asyncio.run(run(steps))
