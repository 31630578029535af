"""Mango in partitioned databases: queries of one partition, its indexes beside global ones, and what is refused."""

import json
from random import Random

import pytest

from tests.httpd.asking import Database

WORDS = ("x", "y", None, 1.5)


@pytest.fixture
async def parts(client):
    """A partitioned database with a partitioned and a global index of the same field."""
    db = Database(client)
    assert (await db.ask("PUT", "?partitioned=true")).status == 201
    random = Random(7)
    docs = [
        {"_id": f"{name}:{n:02}", "n": random.randrange(4), "w": random.choice(WORDS)}
        for name in ("a", "b", "a\x00", "ab", "p" * 480)
        for n in range(random.randrange(5, 12))
    ]
    await db.post("_bulk_docs", {"docs": docs})
    for name, more in (("i", {}), ("g", {"partitioned": False})):
        made = await db.post("_index", {"index": {"fields": ["n"]}, "ddoc": name, "name": name} | more)
        assert made.json["result"] == "created"
    return db


async def found(db, path, **query):
    answer = await db.post(path, query)
    assert answer.status == 200, answer
    return answer.json["docs"]


async def by_global(db, partition, selector):
    docs = await found(db, "_find", selector=selector, limit=1000, use_index="g")
    return [doc for doc in docs if doc["_id"].startswith(f"{partition}:")]


SELECTORS = [
    {"n": {"$gt": 0}},
    {"n": 2},
    {"n": {"$lte": 2}, "w": "x"},
    {"$or": [{"n": 0}, {"w": None}]},
    {"w": {"$exists": True}},
    {"_id": {"$gt": "a:03"}},
    {"_id": {"$lt": "b:02"}, "n": {"$gte": 1}},
    {"_id": "a:01"},
    {},
]


@pytest.mark.parametrize("selector", SELECTORS)
async def test_a_partition_is_its_documents_alone(parts, selector):
    for name, path in (("a", "a"), ("b", "b"), ("a\x00", "a%00"), ("none", "none"), ("p" * 480, "p" * 480)):
        expected = await by_global(parts, name, selector)
        docs = await found(parts, f"_partition/{path}/_find", selector=selector, limit=1000)
        assert sorted(docs, key=json.dumps) == sorted(expected, key=json.dumps)
        assert await found(parts, "_find", selector=selector, limit=1000, partition=name) == docs


@pytest.mark.parametrize("sort", [None, ["n"], [{"n": "desc"}]])
async def test_pages_of_a_partition(parts, sort):
    query = {"selector": {"n": {"$gte": 0}}, "limit": 2} | ({} if sort is None else {"sort": sort})
    whole = await found(parts, "_partition/a/_find", **query | {"limit": 1000})
    seen, bookmark = [], ""
    while True:
        page = (await parts.post("_partition/a/_find", query | {"bookmark": bookmark})).json
        if not page["docs"]:
            break
        seen += page["docs"]
        bookmark = page["bookmark"]
    assert seen == whole
    assert len(whole) > 4


async def test_which_index_a_query_has(parts):
    async def index_of(path, **query):
        told = (await parts.post(path, {"selector": {"n": 1}} | query)).json
        assert told["partitioned"] is True
        return told["index"]["name"]

    assert await index_of("_partition/a/_explain") == "i"
    assert await index_of("_explain") == "g"
    assert await index_of("_explain", partition="a") == "i"
    assert await index_of("_explain", use_index="i") == "g"
    assert await index_of("_partition/a/_explain", use_index="g") == "i"
    mrargs = (await parts.post("_partition/a/_explain", {"selector": {"n": 1}})).json["mrargs"]
    assert mrargs["partition"] == "a"


@pytest.mark.parametrize(
    ("path", "query", "error", "reason"),
    [
        ("_partition/a/_find", {"sort": ["w"]}, "no_usable_index",
         "No partitioned index exists for this sort, try indexing by the sort fields."),
        ("_find", {"sort": ["w"]}, "no_usable_index",
         "No global index exists for this sort, try indexing by the sort fields."),
        ("_partition/a/_find", {"use_index": "g", "allow_fallback": False}, "invalid_index",
         "_design/g specified by `use_index` could not be found or it is not suitable."),
        ("_partition/_a/_find", {}, "illegal_partition", "Partition must not start with an underscore"),
        ("_find", {"partition": "_a"}, "illegal_partition", "Partition must not start with an underscore"),
        ("_find?partition=_a", {}, "illegal_partition", "Partition must not start with an underscore"),
        ("_find", {"partition": 5}, "illegal_partition", "Partition must be a string"),
        ("_find", {"partition": None}, "illegal_partition", "Partition must be a string"),
        ("_partition/a/_find?partition=b", {}, "bad_request", "Conflicting value for `partition` in query string"),
        ("_partition/a/_find", {"partition": "b"}, "bad_partition", None),
    ],
)  # fmt: skip
async def test_what_is_refused(parts, path, query, error, reason):
    answer = await parts.post(path, {"selector": {"n": 1}} | query)
    assert (answer.status, answer.json["error"]) == (400, error)
    assert reason is None or answer.json["reason"] == reason


async def test_indexes_of_a_design_document_are_of_one_kind(parts):
    reason = "Requested partitioned option does not match existing value on design document _design/g"
    answer = await parts.post("_index", {"index": {"fields": ["w"]}, "ddoc": "g", "name": "j", "partitioned": True})
    assert answer.error == (400, "invalid_partitioned_option", reason)
    listed = (await parts.get(f"_partition/a/_index?limit={10**20}")).json["indexes"]
    assert {one["name"]: one.get("partitioned") for one in listed} == {"_all_docs": None, "g": False, "i": True}


async def test_a_database_without_partitions(db):
    answer = await db.post("_find", {"selector": {}, "partition": "a"})
    assert (answer.status, answer.json["reason"]) == (400, "`partition` parameter is not supported on this db")
    assert (await db.post("_partition/a/_find", {"selector": {}})).json["reason"] == "database is not partitioned"


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({"$or": [{}]}, 0),
        ({"$and": [{}, {"n": {"$gte": 0}}]}, 0),
        ({"$nor": [{}]}, 3),
        ({"$or": [{"": {"$gt": 1}}]}, 3),
        ({"$or": [{"": {"$gt": 1}}, {"n": 1}]}, 3),
    ],
)
async def test_a_condition_without_a_field_is_about_the_document(db, selector, matches):
    await db.post("_bulk_docs", {"docs": [{"_id": f"d{n}", "n": n} for n in range(3)]})
    assert len(await found(db, "_find", selector=selector)) == matches
    assert len(await found(db, "_find", selector=selector, fields=["n"])) == matches
    index = {"fields": ["n"], "partial_filter_selector": selector}
    assert (await db.post("_index", {"index": index, "ddoc": "p"})).json["result"] == "created"
    narrowed = {"selector": {"n": {"$gte": 0}}, "use_index": "p"}
    assert len(await found(db, "_find", **narrowed)) == matches
