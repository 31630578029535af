"""A view's rows, ranges and reductions are those of a plain recomputation, whatever happened to the documents."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from unittest.mock import patch
from zlib import crc32

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from docstore.core.collation_key import order_key, raw_key
from docstore.core.json_text import JsonValue
from docstore.core.rev import Rev
from docstore.database.active_tasks import ActiveTasks
from docstore.database.database import Database
from docstore.database.reading import index_feed
from docstore.errors import Unavailable
from docstore.node import Node
from docstore.query.design.document import parse_design
from docstore.query.design.languages import Languages
from docstore.query.views import blocks, layout, mapping, reduce_reader
from docstore.query.views.erlang_order import term_order
from docstore.query.views.index import Index
from docstore.query.views.index_file import IndexFile
from docstore.query.views.plan import Plan, plan_of
from docstore.query.views.view_query import ViewQuery
from docstore.query.views.views import OpenedView
from docstore.settings import FunctionSettings, StorageSettings
from docstore.storage.documents.documents import get_record, get_tree
from tests.database.helpers import all_docs, document, replicated
from tests.database.helpers import settings as node_settings
from tests.query.views.inline import MAPS, InlineWorkers, engine_for, source_of

DESIGN: dict[str, JsonValue] = {
    "_id": "_design/v",
    "views": {
        "k": {"map": source_of("k")},
        "raw": {"map": source_of("k"), "options": {"collation": "raw"}},
        "sum": {"map": source_of("pair"), "reduce": "_sum"},
        "stats": {"map": source_of("pair"), "reduce": "_stats"},
        "count": {"map": source_of("many"), "reduce": "_count"},
        "js": {"map": source_of("pair"), "reduce": "the sum"},
    },
}
PLAN = plan_of(parse_design(DESIGN), FunctionSettings(), Languages({}))

SMALL = StorageSettings(map_size=1 << 26, map_size_smallest=1 << 24)

IDS = st.sampled_from(["a", "b", "c\x00", "c", "d" * 490, "d" * 491, "e" * 700, "ä"])
LONG = "x" * 600
KEYS: st.SearchStrategy[Any] = (
    st.sampled_from([None, True, 1, 1.0, 2, "", "\x00", "a", "B", LONG, LONG + "a", LONG + "b", ["a"], ["a", 1], {}])
    | st.integers(-3, 3)
    | st.lists(st.sampled_from(["g", "h", 1, LONG]), max_size=3)
)
BODIES = st.fixed_dictionaries(
    {"k": KEYS, "g": st.sampled_from(["g", "h", LONG]), "v": st.integers(-5, 5), "many": st.lists(KEYS, max_size=4)}
)
OF_DOCUMENTS = ["put", "put", "put", "delete", "conflict", "conflict", "purge", "purge"]
OF_THE_WHOLE = ["look", "look", "cut", "compact", "reopen", "restart", "limit", "race", "race"]
STEPS = st.lists(st.tuples(st.sampled_from([*OF_DOCUMENTS, *OF_THE_WHOLE]), IDS, BODIES), max_size=25)
Step = tuple[str, str, dict[str, Any]]


class LosingWorkers(InlineWorkers):
    """Workers that are lost after so many calls; None for never. ``meanwhile`` happens beside the next call, once."""

    left: int | None = None
    meanwhile: Callable[[], Awaitable[None]] | None = None

    def run(self, function: str, *arguments: Any, **how: Any) -> Awaitable[Any]:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            return _after(meanwhile, super().run(function, *arguments, **how))
        if self.left is None:
            return super().run(function, *arguments, **how)
        self.left -= 1
        return super().run(function, *arguments, **how) if self.left >= 0 else _lost()


async def _after(before: Callable[[], Awaitable[None]], call: Awaitable[Any]) -> Any:
    await before()
    return await call


async def _lost() -> Any:
    raise Unavailable("the worker is gone")


class Place:
    """A database, its index, and what a recomputation gives."""

    node: Node
    database: Database
    file: IndexFile
    index: Index

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers = LosingWorkers()

    async def begin(self) -> None:
        self.node = Node(node_settings(self.folder / "data"))
        await self.node.start()
        registry = self.node.registry
        self.database = registry.open("db") if "db" in registry.names() else await registry.create("db")
        self.open_index()

    async def end(self) -> None:
        await self.index.stop()
        await self.file.close()
        await self.node.stop()

    def open_index(self) -> None:
        self.file = IndexFile(self.folder, SMALL)
        tasks = ActiveTasks(lambda: 0.0)
        self.index = Index(self.file, self.workers, tasks, self.database, PLAN, ahead=2)

    async def apply(self, step: Step) -> None:
        kind, doc_id, body = step
        if kind in OF_DOCUMENTS:
            await self.change(kind, doc_id, body)
        elif kind == "look":
            await self.index.update(whole=body["v"] > 0)
        elif kind == "cut":
            self.workers.left = body["v"] % 4
            with suppress(Unavailable):
                await self.index.update(whole=True)
            self.workers.left = None
        elif kind == "compact":
            await self.database.compact()
        elif kind == "race":
            self.workers.meanwhile = partial(self.change, ("put", "delete", "purge")[body["v"] % 3], doc_id, body)
            await self.index.update(whole=True)
            self.workers.meanwhile = None
        elif kind == "limit":
            await self.database.set_purged_infos_limit(1 if body["v"] < 3 else 1_000)
        elif kind == "reopen":
            await self.index.stop()
            await self.file.close()
            self.open_index()
        elif kind == "restart":
            await self.end()
            await self.begin()

    async def change(self, kind: str, doc_id: str, body: dict[str, Any]) -> None:
        head = self.database.head(doc_id)
        if kind == "put":
            on = None if head is None or head.deleted else head.winner
            await self.database.update_docs([document(doc_id, on, **body)])
        elif kind == "delete" and head is not None and not head.deleted:
            await self.database.update_docs([document(doc_id, head.winner, deleted=True)])
        elif kind == "conflict":
            rev = f"2-{body['v'] % 7:032x}"
            await self.database.update_docs([replicated(doc_id, rev, f"1-{7:032x}", **body)], new_edits=False)
        elif kind == "purge" and head is not None:
            await self.database.purge({doc_id: self.leaves(doc_id) if body["v"] > 2 else [head.winner]})

    def leaves(self, doc_id: str) -> list[Rev]:
        with self.node.env.snapshot() as txn:
            record = get_record(txn, self.database.number, doc_id)
            assert record is not None
            return list(get_tree(txn, self.database.number, record).leaves())

    async def rows(self, view: str, **query: Any) -> list[dict[str, Any]]:
        opened = OpenedView(self.index, PLAN.view(view), self.workers, PLAN)
        found: list[dict[str, Any]] = []
        async for part in opened.read(ViewQuery(**query)):
            found += [json.loads(cast("bytes", row)) for row in part.rows]
        return found

    async def offset(self, view: str, **query: Any) -> tuple[int | None, int | None]:
        opened = OpenedView(self.index, PLAN.view(view), self.workers, PLAN)
        async for part in opened.read(ViewQuery(**query)):
            return part.total_rows, part.offset
        raise AssertionError("a query has one slice at least")

    async def documents(self) -> list[dict[str, Any]]:
        _, _, rows = await all_docs(self.database, include_docs=True)
        return [row["doc"] for row in rows]  # type: ignore[misc]

    async def computed(self, function: str, key_of: Callable[[JsonValue], bytes]) -> list[dict[str, Any]]:
        rows: list[tuple[bytes, bytes, bytes, dict[str, Any]]] = []
        for doc in await self.documents():

            def emit(key: JsonValue, value: JsonValue, doc: dict[str, Any] = doc) -> None:
                row = {"id": doc["_id"], "key": key, "value": value}
                rows.append((key_of(key), doc["_id"].encode(), term_order(value), row))

            MAPS[function](doc, emit)
        return [row for *_, row in sorted(rows, key=lambda one: one[:3])]


async def check(place: Place) -> None:
    for view, key_of in (("k", order_key), ("raw", raw_key)):
        expected = await place.computed("k", key_of)
        assert await place.rows(view) == expected
        assert await place.rows(view, limit=2, skip=1) == expected[1:3]
        by_place = [(key_of(row["key"]), row["id"].encode()) for row in expected]
        turned = [row for _, row in sorted(zip(by_place, expected, strict=True), key=lambda one: one[0], reverse=True)]
        assert await place.rows(view, descending=True) == turned
        for number, row in enumerate(expected):
            key = row["key"]
            before = sum(key_of(one["key"]) < key_of(key) for one in expected)
            same = [one for one in expected if key_of(one["key"]) == key_of(key)]
            assert await place.rows(view, start_key=key, end_key=key) == same
            assert await place.rows(view, keys=(key, key)) == same + same
            assert await place.offset(view, start_key=key) == (len(expected), before)
            assert await place.rows(view, start_key=key, start_key_docid=row["id"]) == expected[number:]
    await check_reductions(place)


async def check_reductions(place: Place) -> None:
    pairs = await place.computed("pair", order_key)
    many = await place.computed("many", order_key)
    assert await place.rows("count") == ([{"key": None, "value": len(many)}] if many else [])
    for low in (None, *(row["key"] for row in pairs)):
        inside = [row for row in pairs if low is None or order_key(row["key"]) >= order_key(low)]
        total = sum(row["value"] for row in inside)
        expected = [{"key": None, "value": total}] if inside else []
        query = {} if low is None else {"start_key": low}
        assert await place.rows("sum", **query) == expected
        assert await place.rows("js", **query) == expected
    for level in (1, 2):
        groups: dict[bytes, list[dict[str, Any]]] = {}
        for row in pairs:
            groups.setdefault(order_key(row["key"][:level]), []).append(row)
        expected = [
            {"key": rows[0]["key"][:level], "value": sum(row["value"] for row in rows)}
            for _, rows in sorted(groups.items())
        ]
        assert await place.rows("sum", group_level=level) == expected
        backward = await place.rows("sum", group_level=level, descending=True)
        assert [row["value"] for row in backward] == [row["value"] for row in reversed(expected)]
    stats = await place.rows("stats", group=True)
    assert sum(row["value"]["count"] for row in stats) == len(pairs)


async def run(steps: list[Step]) -> None:
    with (
        TemporaryDirectory() as folder,
        patch.object(mapping, "engine_for", engine_for),
        patch.object(reduce_reader, "LONG_KEY", len(LONG)),
        small_batches(),
    ):
        place = Place(Path(folder))
        await place.begin()
        try:
            for step in steps:
                await place.apply(step)
            await check(place)
            check_blocks(place.file, PLAN)
        finally:
            await place.end()


def small_batches() -> Any:
    return patch.object(index_feed.read_feed, "__kwdefaults__", {"documents": 2})


def check_blocks(file: IndexFile, plan: Plan) -> None:
    """Every block begins at a row that begins one, and none is dirty, but of an index that waits to be swept."""
    with file.read() as txn:
        for value in [value for _, value in txn.cursor(txn.tables.indexes)]:
            state = layout.decode_state(value)
            for slot in range(len(plan.slots)):
                prefix = layout.slot_prefix(state.number, slot)
                places = [place for place, _ in blocks.scan_rows(txn, prefix, b"", b"\xff")]
                for level in range(1, blocks.LEVELS + 1):
                    expected = [b"", *(place for place in places if blocks.level_of(place) >= level)]
                    begin = layout.block_prefix(prefix, level)
                    keys = [key for key, _ in txn.cursor(txn.tables.blocks) if key.startswith(begin)]
                    assert [key[len(begin) :] for key in keys] == expected
                assert blocks.count_rows(txn, prefix, b"", b"\xff") == state.counts[slot]
            own = layout.number_prefix(state.number)
            assert [key for key, _ in txn.cursor(txn.tables.dirty) if key.startswith(own)] == []


def _small_level(place: bytes) -> int:
    """Levels as ``blocks.level_of`` gives them, with blocks of two."""
    if not place:
        return blocks.LEVELS
    bits = crc32(place) * 0x9E3779B1 >> 8
    return next((level for level in range(blocks.LEVELS) if bits >> level & 1), blocks.LEVELS)


PUT: Step = ("put", "a", {"k": 1, "g": "g", "v": 1, "many": [1, 2]})
CUT: Step = ("cut", "a", {"v": 1})
CROWDED: list[Step] = [
    ("put", "a", {**PUT[2], "many": [LONG + "b"]}),
    ("look", "a", {"v": 1}),
    ("put", "b", {**PUT[2], "many": [LONG + "a" * count for count in range(1, 80)]}),
    ("look", "a", {"v": 1}),
    ("put", "b", {**PUT[2], "many": [LONG + "a" * count for count in range(2, 80, 3)]}),
]
MANY: list[Step] = [("put", doc_id, PUT[2]) for doc_id in ("a", "b", "c", "c\x00", "d" * 490, "d" * 491, "e" * 700)]
CHANGED: Step = ("race", "a", {**PUT[2], "k": 2, "v": 3})
PURGED: Step = ("race", "a", {**PUT[2], "v": 2})
FORGOTTEN: list[Step] = [
    PUT,
    ("put", "b", PUT[2]),
    ("look", "a", {"v": 1}),
    ("limit", "a", {"v": 1}),
    ("purge", "a", {"v": 3}),
    ("purge", "b", {"v": 3}),
    ("limit", "a", {"v": 3}),
]


ANEW: list[Step] = [PUT, CUT, ("purge", "a", PUT[2]), PUT, ("purge", "a", PUT[2]), ("limit", "a", PUT[2])]


@settings(max_examples=15, deadline=None)
@example([PUT, CUT])  # the rows are there, and the blocks are not
@example(CROWDED)  # there is no label left between two long keys, so that others have to make room
@example([*MANY, CHANGED])  # a document is mapped and changes again, all in the first build
@example([*MANY, PURGED])
@example(ANEW)  # an index that was cut short is begun again: the log of purges does not reach back to it
@example(FORGOTTEN)  # the log of purges may have more again than it has
@given(STEPS)
def test_a_view_equals_its_recomputation(steps: list[Step]) -> None:
    with patch.multiple(blocks, level_of=_small_level, _beginning=lambda places: list(filter(_small_level, places))):
        asyncio.run(run(steps))


@pytest.mark.long
@settings(max_examples=1_000, deadline=None)
@given(STEPS)
def test_a_view_equals_its_recomputation_at_length(steps: list[Step]) -> None:
    with patch.multiple(blocks, level_of=_small_level, _beginning=lambda places: list(filter(_small_level, places))):
        asyncio.run(run(steps))
