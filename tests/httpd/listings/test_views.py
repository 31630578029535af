"""Views: rows, what cannot be asked, what becomes of indexes."""

import json
import threading
from pathlib import Path

import pytest

from docstore.core.collation_key import order_key

RECORDED = json.loads((Path(__file__).parents[2] / "conformance" / "data" / "collation_open.json").read_text())

DESIGN = {
    "_id": "_design/v",
    "views": {
        "k": {"map": "function(doc) { emit(doc.k, doc.v); }"},
        "sum": {"map": "function(doc) { emit([doc.g, doc.k], doc.v); }", "reduce": "_sum"},
        "js": {
            "map": "function(doc) { emit([doc.g, doc.k], doc.v); }",
            "reduce": "function(keys, values, rereduce) { return sum(values); }",
        },
    },
}


@pytest.fixture
async def numbers(db):
    """Six documents in two groups, and three views."""
    docs = [{"_id": f"d{n}", "k": n, "v": 1, "g": "ab"[n % 2]} for n in range(6)]
    await db.post("_bulk_docs", {"docs": [*docs, DESIGN]})
    return db


async def rows(db, path):
    answer = await db.get(f"_design/v/_view/{path}")
    assert answer.status == 200, answer
    return [(row.get("id", row["key"]), row["value"]) for row in answer.json["rows"]]


async def test_text(numbers):
    answer = await numbers.get("_design/v/_view/k?startkey=4&update_seq=true")
    lines = ",\r\n".join(f'{{"id":"d{n}","key":{n},"value":1}}' for n in (4, 5))
    head, _, text = answer.body.decode().partition('"update_seq":"')
    assert head == '{"total_rows":6,"offset":4,'
    assert text.partition('",')[2] == f'"rows":[\r\n{lines}\r\n]}}\n'
    assert "ETag" not in answer.headers
    reduced = await numbers.get("_design/v/_view/sum")
    assert reduced.body == b'{"rows":[\r\n{"key":null,"value":6}\r\n]}\n'
    assert (await numbers.ask("HEAD", "/_design/v/_view/k")).body == b""
    assert (await numbers.ask("HEAD", "/_design/v/_view/k?limit=x")).status == 400


async def test_the_collation_file_as_keys_of_a_view(db):
    docs = [{"_id": row["id"], "k": row["sent"]} for row in RECORDED["rows"]]
    await db.post("_bulk_docs", {"docs": [*docs, DESIGN]})
    path = "_design/v/_view/k"
    expected = [row["id"] for row in RECORDED["rows"]]
    listed = (await db.get(path)).json["rows"]
    assert [row["id"] for row in listed] == expected
    assert [row["key"] for row in listed] == [row["key"] for row in RECORDED["rows"]]
    assert [row["id"] for row in (await db.get(f"{path}?descending=true")).json["rows"]] == expected[::-1]
    group_of = {doc_id: group for group in RECORDED["groups"] for doc_id in group}
    queries = [{"startkey": row["key"], "endkey": row["key"]} for row in RECORDED["rows"]]
    results = (await db.post(f"{path}/queries", {"queries": queries})).json["results"]
    for row, result in zip(RECORDED["rows"], results, strict=True):
        assert [one["id"] for one in result["rows"]] == group_of.get(row["id"], [row["id"]])
    cuts = [{"endkey": row["key"], "inclusive_end": False} for row in RECORDED["rows"]]
    for row, result in zip(
        RECORDED["rows"], (await db.post(f"{path}/queries", {"queries": cuts})).json["results"], strict=True
    ):
        first = min(expected.index(doc_id) for doc_id in group_of.get(row["id"], [row["id"]]))
        assert [one["id"] for one in result["rows"]] == expected[:first]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("k?reduce=true", "Reduce is invalid for map-only views."),
        ("k?group=true", "Invalid use of grouping on a map view."),
        ("k?group_level=1", "Invalid use of grouping on a map view."),
        ("k?keys=5", "`keys` must be an array of strings."),
        ("k?keys=[1,2]&key=1", "`keys` is incompatible with `key`, `start_key` and `end_key`"),
        ("k?partition=x", "`partition` parameter is not supported in this design doc"),
        ("k?limit=576460752303423488", "Limit is too large, must not exceed 576460752303423487"),
        ("sum?include_docs=true", "`include_docs` is invalid for reduce"),
        ("sum?conflicts=true", "`conflicts` is invalid for reduce views."),
        ("sum?keys=[1,2]", "Multi-key fetches for reduce views must use `group=true`"),
        ("sum?group=false&group_level=1", "Can't specify group=false and group_level>0 at the same time"),
        (
            "k?startkey=1&endkey=true",
            "No rows can match your key range, reverse your start_key and end_key or set descending=true",
        ),
        (
            "k?startkey=2&endkey=1",
            "No rows can match your key range, reverse your start_key and end_key or set descending=true",
        ),
        (
            "sum?startkey=1&endkey=2&descending=true",
            "No rows can match your key range, reverse your start_key and end_key or set descending=false",
        ),
    ],
)
async def test_what_cannot_be_asked(numbers, path, reason):
    assert (await numbers.get(f"_design/v/_view/{path}")).error == (400, "query_parse_error", reason)


async def test_reductions(numbers):
    for view in ("sum", "js"):
        assert await rows(numbers, f"{view}?group_level=1") == [(["a"], 3), (["b"], 3)]
        assert await rows(numbers, f'{view}?startkey=["a",2]&endkey=["b",1]') == [(None, 3)]
        assert await rows(numbers, f"{view}?group=true&limit=1&skip=1") == [(["a", 2], 1)]
        assert await rows(numbers, f"{view}?group_level=1&descending=true") == [(["b"], 3), (["a"], 3)]


async def test_an_index_follows_when_it_is_asked(numbers):
    assert len(await rows(numbers, "k")) == 6
    await numbers.put("d9", {"k": 9, "v": 1, "g": "a"})
    assert len(await rows(numbers, "k?update=false")) == 6
    assert len(await rows(numbers, "k?update=lazy")) == 6
    assert len(await rows(numbers, "k")) == 7


async def test_an_index_that_nobody_built_has_no_rows(numbers):
    assert await rows(numbers, "k?update=false") == []
    assert await rows(numbers, "sum?update=false") == []


async def test_documents_beside_rows(db):
    linked = "function(doc) { if (doc.to) emit(doc._id, {_id: doc.to, _rev: doc.at}); }"
    first = (await db.put("a", {"v": 1})).json["rev"]
    await db.put("a", {"_rev": first, "v": 2})
    await db.put("b", {"to": "a", "at": first})
    await db.put("c", {"to": "gone"})
    await db.put("_design/v", {"views": {"l": {"map": linked}}})
    found = (await db.get("_design/v/_view/l?include_docs=true")).json["rows"]
    assert [row["doc"] and row["doc"]["v"] for row in found] == [1, None]


async def test_a_reduction_that_fails_takes_nothing_with_it(numbers):
    bad = {
        "stats": {"map": "function(doc) { emit(doc.k, 'x'); }", "reduce": "_stats"},
        "throws": {"map": "function(doc) { emit(doc.k, 1); }", "reduce": "function() { throw(['fatal', 'a', 'b']); }"},
        "map": {"map": "function(doc) { if (doc.k == 3) throw('no'); emit(doc.k, 1); }"},
    }
    await numbers.put("_design/bad", {"views": bad})
    assert len((await numbers.get("_design/bad/_view/map")).json["rows"]) == 5
    assert (await numbers.get("_design/bad/_view/stats")).error[:2] == (400, "invalid_value")
    assert (await numbers.get("_design/bad/_view/throws")).status >= 400
    assert len((await numbers.get("_design/bad/_view/stats?reduce=false")).json["rows"]) == 6


async def test_info_and_cleanup(numbers, server):
    views = server.node.query.views
    await rows(numbers, "k")
    info = (await numbers.get("_design/v/_info")).json
    assert info["name"] == "v"
    assert info["view_index"]["updates_pending"] == {"minimum": 0, "preferred": 0, "total": 0}
    assert info["view_index"]["sizes"]["external"] > 0
    rev = (await numbers.get("_design/v")).json["_rev"]
    assert (await numbers.post("_view_cleanup", {})).status == 202
    assert len(indexes(views)) == 1
    await numbers.delete(f"_design/v?rev={rev}")
    await numbers.post("_view_cleanup", {})
    assert indexes(views) == []


async def test_equal_views_share_an_index(numbers, server):
    await rows(numbers, "k")
    await numbers.put("_design/w", {"views": DESIGN["views"]})
    assert len((await numbers.get("_design/w/_view/k?update=false")).json["rows"]) == 6
    assert len(indexes(server.node.query.views)) == 1


def indexes(views):
    with views.file.read() as txn:
        return [key for key, _ in txn.cursor(txn.tables.indexes)]


MANY = list(range(10_000))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("_view/k", {"start_key": MANY, "end_key": [*MANY, 1]}),
        ("_view/k", {"keys": MANY, "limit": 3}),
        ("_view/sum", {"keys": MANY, "group": True, "limit": 3}),
        ("_view/k/queries", {"queries": [{"start_key": MANY, "end_key": [*MANY, 1]}]}),
    ],
)
async def test_long_keys_are_brought_into_order_off_the_loop(numbers, monkeypatch, path, body):
    threads = []

    def watched(value):
        threads.append(threading.current_thread())
        return order_key(value)

    monkeypatch.setattr("docstore.query.views.plan.order_key", watched)
    answer = await numbers.post(f"_design/v/{path}", body)
    assert answer.status == 200, answer
    assert threads
    assert threading.current_thread() not in threads


async def test_the_offset_is_of_the_rows_that_there_are_now(db):
    await db.put("_design/o", {"views": {"n": {"map": "function(doc) { emit(doc.n, null); }"}}})
    for doc_id, offset in (("z", 0), ("a", 1), ("b", 2)):
        await db.put(doc_id, {"n": {"z": 5, "a": 1, "b": 2}[doc_id]})
        for _ in range(2):
            assert (await db.get("_design/o/_view/n?startkey=5")).json["offset"] == offset
    await db.delete(f"a?rev={(await db.get('a')).json['_rev']}")
    assert (await db.get("_design/o/_view/n?startkey=5")).json["offset"] == 1


@pytest.mark.parametrize("query", ["group=true", "group_level=1", "group_level=2"])
async def test_groups_of_keys_that_take_a_while_to_collate(numbers, query):
    """Their places are found in a thread, between two slices."""
    long = [[letter, list(range(2_000)), n % 2] for letter in "ab" for n in range(3)]
    docs = [{"_id": f"long{place}", "g": key, "k": place, "v": 10} for place, key in enumerate(long)]
    await numbers.post("_bulk_docs", {"docs": docs})
    level = {"group=true": 9, "group_level=1": 1, "group_level=2": 2}[query]
    keys = [["ab"[n % 2], n] for n in range(6)] + [[key, place] for place, key in enumerate(long)]
    wanted = {}
    for key, value in zip(keys, [1] * 6 + [10] * 6, strict=True):
        shown = json.dumps(key[:level])
        wanted[shown] = wanted.get(shown, 0) + value
    ordered = sorted(wanted.items(), key=lambda group: order_key(json.loads(group[0])))
    for view in ("sum", "js"):
        answer = await numbers.get(f"_design/v/_view/{view}?{query}")
        assert [(json.dumps(row["key"]), row["value"]) for row in answer.json["rows"]] == ordered
        answer = await numbers.get(f"_design/v/_view/{view}?{query}&descending=true&skip=1&limit=4")
        assert [(json.dumps(row["key"]), row["value"]) for row in answer.json["rows"]] == ordered[::-1][1:5]
