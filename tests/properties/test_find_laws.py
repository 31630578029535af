"""Mango: what is found by an index is what a full scan finds, and what a plain filter of the documents finds.

The filter here is written from what the normal form means, by the order-keeping keys and not by ``operators.py``. Pages
are read while documents come, change and go.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docstore.core.collation_key import order_key
from docstore.core.json_text import decode
from docstore.core.selector.normal_form import normalize, parse_field
from docstore.database.database import Database
from docstore.node import Node
from docstore.query.mango.mango import FoundEnd
from docstore.query.mango.options import read_find, read_new_index
from docstore.query.views import blocks
from tests.database import helpers

SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Few values, so that they meet: of all types, and some that collate equal.
VALUES = st.sampled_from([None, True, 0, 1, 1.0, 2, "", "a", "A", "\u0000", [1], [1, "a"], {"b": 1}, {"b": "a"}])
NAMES = ["a", "b", "a.b"]
BODIES = st.fixed_dictionaries({"a": VALUES}, optional={"b": VALUES}) | st.fixed_dictionaries({"b": VALUES})
COMPARISONS = st.builds(
    lambda operator, value: {operator: value}, st.sampled_from(["$lt", "$lte", "$eq", "$ne", "$gte", "$gt"]), VALUES
)
CONDITIONS = st.one_of(
    COMPARISONS,
    COMPARISONS,
    VALUES,
    COMPARISONS,
    COMPARISONS,
    st.builds(lambda values: {"$in": values}, st.lists(VALUES, max_size=3)),
    st.builds(lambda low, high: {"$gte": low, "$lt": high}, VALUES, VALUES),
    st.sampled_from(
        [{"$exists": True}, {"$exists": False}, {"$type": "number"}, {"$beginsWith": "a"}, {"$regex": "^[aA]?$"}]
    ),
    st.builds(lambda value: {"$elemMatch": {"$eq": value}}, VALUES),
    st.builds(lambda value: {"$not": {"$gt": value}}, VALUES),
)
SELECTORS = st.recursive(
    st.builds(lambda name, condition: {name: condition}, st.sampled_from(["a", "b", "a", "b", "a.b"]), CONDITIONS)
    | st.builds(
        lambda condition: {"_id": condition}, st.sampled_from([{"$gt": "d3"}, {"$lte": "d3"}, "d2", {"$gt": 1}])
    ),
    lambda inner: (
        st.builds(
            lambda name, parts: {name: parts},
            st.sampled_from(["$and", "$or", "$nor"]),
            st.lists(inner, min_size=1, max_size=3),
        )
        | st.just({"$or": []})
    ),
    max_leaves=3,
)
MANY = st.lists(BODIES, min_size=4, max_size=9)
FIELDS = st.lists(st.sampled_from([*NAMES, "_id"]), min_size=1, max_size=2, unique=True)
ABSENT = object()


# --- The plain filter


def member(document, path):
    """What stands at a path; ABSENT where the last thing on the way to it has no such member, None where it cannot."""
    value = document
    for name in parse_field(path):
        if isinstance(value, dict):
            if name not in value:
                return ABSENT
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return ...
    return value


def key(value, path):
    return (1, value.encode()) if path == "_id" and isinstance(value, str) else (0, order_key(value))


def matches(normal, document):
    if not normal:
        return True
    ((name, argument),) = normal.items()
    if name == "$and":
        return all(matches(part, document) for part in argument)
    if name == "$or":
        return not argument or any(matches(part, document) for part in argument)
    if not name:
        return holds(argument, document, "")
    value = member(document, name)
    if value is ABSENT or value is ...:
        return value is ABSENT and argument == {"$exists": False}
    return holds(argument, value, name)


def holds(condition, value, path):
    ((operator, argument),) = condition.items()
    mine, theirs = key(value, path), None if operator in ("$in", "$nin") else key(argument, path)
    members = value if isinstance(value, list) else [value]
    among = operator in ("$in", "$nin") and {key(one, path) for one in members} & {key(one, path) for one in argument}
    kind = "boolean" if isinstance(value, bool) else {type(None): "null", str: "string", list: "array", dict: "object"}
    return {
        "$lt": lambda: mine < theirs,
        "$lte": lambda: mine <= theirs,
        "$eq": lambda: mine == theirs,
        "$ne": lambda: mine != theirs,
        "$gte": lambda: mine >= theirs,
        "$gt": lambda: mine > theirs,
        "$in": lambda: bool(among),
        "$nin": lambda: not among,
        "$exists": lambda: argument,
        "$type": lambda: argument == (kind if isinstance(kind, str) else kind.get(type(value), "number")),
        "$beginsWith": lambda: isinstance(value, str) and value.startswith(argument),
        "$regex": lambda: value in ("", "a", "A"),
        "$elemMatch": lambda: isinstance(value, list) and any(matches(argument, one) for one in value),
        "$not": lambda: not holds(argument, value, path),
    }[operator]()


# --- The database


class Asked:
    """A node with a loop of its own, and the database of an example."""

    def __init__(self, folder: Path) -> None:
        self.runner = asyncio.Runner()
        self.node = Node(helpers.settings(folder))
        self.runner.run(self.node.start())
        self.db: Database

    def close(self) -> None:
        self.runner.run(self.node.stop())
        self.runner.close()

    async def begin(self, bodies) -> None:
        if self.node.registry.exists("db"):
            await self.node.registry.delete("db")
        self.db = await self.node.registry.create("db")
        await self.write({f"d{place}": body for place, body in enumerate(bodies)})

    async def write(self, documents) -> None:
        edits = []
        for doc_id, body in documents.items():
            head = self.db.head(doc_id)
            on = None if head is None or head.deleted else head.winner
            if body is not None or on is not None:
                edits.append(helpers.document(doc_id, on, deleted=body is None, **(body or {})))
        for result in await self.db.update_docs(edits):
            assert result.error is None

    async def index(self, fields, name, partial=None) -> None:
        definition = {"fields": fields} | ({} if partial is None else {"partial_filter_selector": partial})
        new = read_new_index({"index": definition, "name": name, "ddoc": name})
        await self.node.query.mango.make_index(self.db, new, self.node.settings.limits, self.node.registry.unique)

    async def find(self, selector, **how):
        """The documents, and the bookmark behind them."""
        end = FoundEnd()
        options = read_find({"selector": selector, **how}, default_limit=1_000)
        found = self.node.query.mango.find(self.db, options, end, self.node.settings)
        return [decode(text) async for texts in found for text in texts], end.bookmark

    async def ids(self, selector, **how):
        return [document["_id"] for document in (await self.find(selector, **how))[0]]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    asked = Asked(tmp_path_factory.mktemp("find"))
    yield asked
    asked.close()


# --- The laws


@SLOW
@given(
    bodies=MANY,
    indexes=st.lists(FIELDS, max_size=2),
    selectors=st.lists(SELECTORS, min_size=4, max_size=8),
    piece=st.sampled_from([1, 100, blocks.SLICE_BYTES]),
)
def test_by_index_as_by_scan_as_by_a_filter(asked: Asked, bodies, indexes, selectors, piece) -> None:
    """``piece``: bytes of an index's rows that are read together."""

    async def law() -> None:
        await asked.begin(bodies)
        documents = [{"_id": f"d{place}", **body} for place, body in enumerate(bodies)]
        expected = []
        for selector in selectors:
            normal = normalize(selector)
            nothing = list(normal.values()) == [[]]  # of a selector that is an empty combination CouchDB finds nothing
            expected.append([doc["_id"] for doc in documents if not nothing and matches(normal, doc)])
            assert await asked.ids(selector) == expected[-1], selector
        for place, fields in enumerate(indexes):
            await asked.index(fields, f"i{place}")
        for selector, ids in zip(selectors, expected, strict=True):
            for use in ({}, *({"use_index": f"i{place}"} for place in range(len(indexes)))):
                assert sorted(await asked.ids(selector, **use)) == ids, (selector, use)
                short = await asked.ids(selector, fields=["_id"], **use)
                assert sorted(short) == ids, (selector, use)
                assert await asked.ids(selector, limit=2, skip=1, **use) == short[1:3]

    with mock.patch.object(blocks, "SLICE_BYTES", piece):
        asked.runner.run(law())


FEW = st.sampled_from([None, 0, 1, "a", [1]])
BOUNDS = st.dictionaries(st.sampled_from(["$lt", "$lte", "$eq", "$gte", "$gt"]), FEW, min_size=1, max_size=2)


@SLOW
@given(
    values=st.lists(st.tuples(FEW, FEW), min_size=4, max_size=9),
    selectors=st.lists(st.builds(lambda a, b: {"a": a, "b": b}, BOUNDS, BOUNDS | FEW), min_size=6, max_size=10),
)
def test_the_bounds_of_a_range_are_in_it_or_not(asked: Asked, values, selectors) -> None:
    async def law() -> None:
        documents = [{"_id": f"d{place}", "a": a, "b": b} for place, (a, b) in enumerate(values)]
        await asked.begin([{"a": a, "b": b} for a, b in values])
        for place, fields in enumerate((["a"], ["b", "a"])):
            await asked.index(fields, f"i{place}")
        for selector in selectors:
            expected = [document["_id"] for document in documents if matches(normalize(selector), document)]
            for index in ("i0", "i1"):
                assert sorted(await asked.ids(selector, use_index=index)) == expected, (selector, index)

    asked.runner.run(law())


@SLOW
@given(bodies=MANY, fields=FIELDS, selector=SELECTORS, partial=SELECTORS)
def test_a_partial_index_has_what_its_filter_finds(asked: Asked, bodies, fields, selector, partial) -> None:
    async def law() -> None:
        await asked.begin(bodies)
        await asked.index(fields, "p", partial)
        documents = [{"_id": f"d{place}", **body} for place, body in enumerate(bodies)]
        both = {"$and": [normalize(selector), normalize(partial)]}
        everything = await asked.ids(selector)
        assert everything == await asked.ids(selector, fields=["_id"]), "it is not used where it is not named"
        explained = await asked.node.query.mango.explain(
            asked.db, read_find({"selector": selector, "use_index": "p"}, default_limit=25)
        )
        if explained["index"]["type"] == "json" and everything:
            indexed = [doc for doc in documents if all(is_there(member(doc, field)) for field in fields)]
            expected = [doc["_id"] for doc in indexed if matches(both, doc)]
            assert sorted(await asked.ids(selector, use_index="p")) == expected

    asked.runner.run(law())


def is_there(value) -> bool:
    return value is not ABSENT and value is not ...


@SLOW
@given(bodies=MANY, fields=FIELDS, descending=st.booleans(), data=st.data())
def test_sorted_as_the_collation_sorts(asked: Asked, bodies, fields, descending, data) -> None:
    async def law() -> None:
        await asked.begin(bodies)
        await asked.index(fields, "s")
        shown = fields[: data.draw(st.integers(1, len(fields)))]
        sort = [{field: "desc" if descending else "asc"} for field in shown]
        selector = {field: {"$exists": True} for field in fields}
        found, _ = await asked.find(selector, sort=sort)
        keys = [[order_key(member(doc, field)) for field in fields] + [doc["_id"].encode()] for doc in found]
        assert keys == sorted(keys, reverse=descending)
        documents = [{"_id": f"d{place}", **body} for place, body in enumerate(bodies)]
        assert {doc["_id"] for doc in found} == {
            doc["_id"] for doc in documents if all(is_there(member(doc, field)) for field in fields)
        }

    asked.runner.run(law())


@SLOW
@given(
    bodies=MANY,
    by=st.sampled_from([None, ["a"], ["b", "a"]]),
    limit=st.integers(1, 4),
    descending=st.booleans(),
    changes=st.lists(st.dictionaries(st.sampled_from([f"d{n}" for n in range(16)]), st.none() | BODIES, max_size=3)),
)
def test_pages_lose_and_repeat_nothing(asked: Asked, bodies, by, limit, descending, changes) -> None:
    async def law() -> None:
        await asked.begin(bodies)
        how = {}
        selector = {"_id": {"$gt": None}}
        if by is not None:
            await asked.index(by, "p")
            selector = {field: {"$exists": True} for field in by}
            how = {"sort": [{field: "desc" if descending else "asc"} for field in by]}
        before = set(await asked.ids(selector, **how))
        touched = set()
        seen = []
        bookmark = None
        todo = iter(changes)
        for _ in range(40):
            page, bookmark = await asked.find(selector, limit=limit, bookmark=bookmark, **how)
            seen += [document["_id"] for document in page]
            if len(page) < limit:
                break
            edits = next(todo, {})
            touched |= set(edits)
            await asked.write(edits)
        else:
            raise AssertionError("it does not end")
        untouched = [doc_id for doc_id in seen if doc_id not in touched]
        assert len(untouched) == len(set(untouched)), "none twice"
        assert set(untouched) == before - touched, "none lost"

    asked.runner.run(law())
