"""Mango over HTTP: what is found, page by page, and what indexes are told."""

import asyncio
import json
import threading
from contextlib import aclosing

import aiohttp
import pytest

from docstore.core.collation_key import order_key
from docstore.core.selector import operators
from docstore.query.mango.finding import Finding
from docstore.settings import FindSettings, Limits
from docstore.testing import run_node
from tests.httpd.asking import Database

DOCS = [{"_id": f"d{n:02}", "n": n, "s": "abc"[n % 3], "o": {"p": n % 5}} for n in range(30)]


@pytest.fixture
async def docs(db):
    await db.post("_bulk_docs", {"docs": DOCS})
    return db


async def index(db, fields, name="i", **more):
    answer = await db.post("_index", {"index": {"fields": fields, **more}, "ddoc": name, "name": name})
    assert answer.status == 200, answer
    return answer.json["result"]


async def find(db, selector, **members):
    answer = await db.post("_find", {"selector": selector, **members})
    assert answer.status == 200, answer
    return answer.json


async def ids(db, selector, **members):
    return [doc["_id"] for doc in (await find(db, selector, fields=["_id"], limit=100, **members))["docs"]]


async def test_text(docs):
    answer = await docs.post("_find", {"selector": {"n": {"$lt": 2}}, "fields": ["n"], "execution_stats": True})
    head, _, rest = answer.body.decode().partition('"bookmark": ')
    assert head == '{"docs":[\r\n{"n":0},\r\n{"n":1}\r\n],\r\n'
    assert '",\r\n"execution_stats": {"total_keys_examined":30,"total_docs_examined":30,' in rest
    assert rest.endswith('"warning": "No matching index found, create an index to optimize query time.\\n' + SCANNED)
    nothing = await docs.post("_find", {"selector": {"$or": []}})
    assert nothing.body == b'{"docs":[\r\n]}\r\n'
    no_rows = await docs.post("_find", {"selector": {"_id": "x"}, "use_index": []})
    assert no_rows.body.startswith(b'{"docs":[\r\n],\r\n"bookmark": "nil",')


SCANNED = (
    "The number of documents examined is high in proportion to the number of results returned."
    ' Consider adding a more specific index to improve this."}\r\n'
)


@pytest.mark.parametrize(
    "selector",
    [
        {"n": {"$gt": 5, "$lte": 9}},
        {"n": {"$gte": 5, "$lt": 9}, "s": "a"},
        {"s": "b", "n": {"$gt": 10}},
        {"o.p": 3},
        {"n": {"$in": [3, 4, 40]}},
        {"$or": [{"n": 1}, {"s": "c"}]},
        {"_id": {"$gt": "d10", "$lte": "d20"}},
        {"n": {"$exists": True}},
        {},
    ],
)
async def test_by_index_and_without(docs, selector):
    """The same documents whichever index answers, also as they change."""
    before = await ids(docs, selector)
    for name, fields in (("n", ["n"]), ("sn", ["s", "n"]), ("op", ["o.p"])):
        await index(docs, fields, name)
    assert sorted(await ids(docs, selector)) == before
    for use_index in ("n", "sn", "op"):
        assert sorted(await ids(docs, selector, use_index=use_index)) == before
    rev = (await docs.get("d07")).json["_rev"]
    await docs.put("d07", {"_rev": rev, "n": 100, "s": "b", "o": {"p": 3}})
    await docs.put("new", {"n": 6, "s": "a", "o": {"p": 3}})
    everything = (await docs.get("_all_docs?include_docs=true")).json["rows"]
    changed = [row["doc"] for row in everything if not row["id"].startswith("_design/")]
    assert sorted(await ids(docs, selector)) == naive(changed, selector)


def naive(docs, selector):
    from docstore.core.selector.selector import compile_selector

    matches = compile_selector(selector)
    return sorted(doc["_id"] for doc in docs if matches(doc))


async def test_sorting_both_ways(docs):
    await index(docs, ["s", "n"])
    up = await ids(docs, {"s": {"$gt": None}}, sort=["s", "n"])
    assert up == [doc["_id"] for doc in sorted(DOCS, key=lambda doc: (doc["s"], doc["n"]))]
    assert await ids(docs, {"s": {"$gt": None}}, sort=[{"s": "desc"}, {"n": "desc"}]) == up[::-1]
    assert await ids(docs, {"s": "a", "n": {"$gt": 3}}, sort=["n"]) == up[2:10]
    assert await ids(docs, {"_id": {"$lt": "d03"}}, sort=[{"_id": "desc"}]) == ["d02", "d01", "d00"]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("by_index", [False, True])
async def test_pages_lose_and_repeat_nothing(docs, by_index, descending):
    """Documents that the page ends at are deleted, and others come before and behind it, all the time."""
    selector, sort = {"_id": {"$gte": "d"}}, "_id"
    if by_index:
        await index(docs, ["n"])
        selector, sort = {"n": {"$gte": 0}}, "n"
    seen, bookmark, turn = [], None, 0
    while True:
        page = await find(docs, selector, limit=4, sort=[{sort: "desc" if descending else "asc"}], bookmark=bookmark)
        if not page["docs"]:
            assert page["bookmark"] == bookmark
            break
        seen += [doc["_id"] for doc in page["docs"]]
        bookmark = page["bookmark"]
        last, turn = page["docs"][-1], turn + 1
        await docs.ask("DELETE", f"/{last['_id']}?rev={last['_rev']}")
        await docs.put(f"c{turn}", {"n": -turn})
    assert [one for one in seen if one.startswith("d")] == [doc["_id"] for doc in DOCS][:: -1 if descending else 1]
    assert len(seen) == len(set(seen))


async def test_skip_and_limit(docs):
    await index(docs, ["n"])
    page = await find(docs, {"n": {"$gte": 0}}, skip=28, limit=25)
    assert [doc["n"] for doc in page["docs"]] == [28, 29]
    assert (await find(docs, {"n": {"$gte": 0}}, limit=0))["docs"] == []
    over = await find(docs, {"n": {"$gte": 0}}, skip=40)
    assert over["docs"] == []
    assert over["bookmark"] != "nil"


async def test_covered_queries_open_no_document(docs):
    await index(docs, ["s", "o.p"], "nested")
    await index(docs, ["n", "s"], "flat")
    flat = await find(docs, {"n": {"$lt": 2}, "s": {"$exists": True}}, fields=["s", "_id", "n"], execution_stats=True)
    assert flat["docs"] == [{"s": "a", "_id": "d00", "n": 0}, {"s": "b", "_id": "d01", "n": 1}]
    nested = await find(docs, {"s": "a", "o.p": {"$in": [0, 1]}}, fields=["o.p", "_id"], execution_stats=True)
    assert nested["docs"][0] == {"o": {"p": 0}, "_id": "d00"}
    for found in (flat, nested):
        assert found["execution_stats"]["total_docs_examined"] == 0
        assert found["execution_stats"]["results_returned"] == len(found["docs"])


async def test_an_index_that_is_not_brought_up_to_date(docs):
    """What changed behind it is looked at, and does not come as what it was."""
    await index(docs, ["n"])
    assert await ids(docs, {"n": {"$lt": 2}}) == ["d00", "d01"]
    await docs.put("d00", {"_rev": (await docs.get("d00")).json["_rev"], "n": 50})
    await docs.put("new", {"n": 1})
    stale = (await find(docs, {"n": {"$lt": 2}}, update=False))["docs"]
    assert [doc["_id"] for doc in stale] in (["d01"], ["d01", "new"])
    assert await ids(docs, {"n": {"$lt": 2}}) == ["d01", "new"]


async def test_partial_indexes(docs):
    await index(docs, ["n"], partial_filter_selector={"s": "a"})
    assert await ids(docs, {"n": {"$lt": 5}}) == ["d00", "d01", "d02", "d03", "d04"]
    assert await ids(docs, {"n": {"$lt": 5}}, use_index="i") == ["d00", "d03"]


async def test_conflicts(docs):
    other = {"_id": "d03", "n": 3, "_revisions": {"start": 1, "ids": ["f" * 32]}}
    await docs.post("_bulk_docs", {"new_edits": False, "docs": [other]})
    [shown] = (await find(docs, {"n": 3}, conflicts=True))["docs"]
    assert len(shown["_conflicts"]) == 1
    stats = await find(docs, {"n": {"$gt": 1}}, conflicts_only=True, execution_stats=True)
    assert [doc["_id"] for doc in stats["docs"]] == ["d03"]
    assert stats["execution_stats"]["total_docs_examined"] == 1
    await index(docs, ["n"])
    assert await ids(docs, {"n": {"$gt": 1}}, conflicts_only=True) == ["d03"]
    assert await ids(docs, {"n": {"$gt": 3}}, conflicts_only=True) == []


async def test_warnings(docs):
    await index(docs, ["n"])
    assert "warning" not in await find(docs, {"n": 3})
    for use_index, words in (("x", "_design/x was not used"), (["_design/i", "y"], "_design/i, y was not used")):
        assert (await find(docs, {"n": 3}, use_index=use_index))["warning"].startswith(words)
    scanned = await find(docs, {"n": {"$gte": 0}, "s": "x"})
    assert scanned["warning"].startswith("The number of documents examined is high")


async def test_odd_ids_and_texts(db):
    """Ids that are long, quoted or not ASCII, empty bodies, attachments."""
    odd = ["a" * 600, "a" * 600 + "b", 'q"\\', "é\u0000", "z"]
    for doc_id in odd:
        await db.post("_bulk_docs", {"docs": [{"_id": doc_id, "k": ["x" * 500, doc_id]}]})
    await db.put("with", {"k": 1, "_attachments": {"a": {"data": "YQ=="}}})
    await db.put("empty", {})
    await index(db, ["k"])
    assert set(await ids(db, {"k": {"$gt": None}})) == {*odd, "with"}
    up = await ids(db, {"k": {"$gt": []}}, sort=["k"])
    assert sorted(up) == sorted(odd)
    assert await ids(db, {"k": {"$gt": []}}, sort=[{"k": "desc"}]) == up[::-1]
    for doc_id in odd:
        assert await ids(db, {"_id": doc_id}) == [doc_id]
    [with_stub] = (await find(db, {"_attachments.a.stub": True}))["docs"]
    assert with_stub["_attachments"]["a"]["length"] == 1
    [empty] = (await find(db, {"k": {"$exists": False}}))["docs"]
    assert list(empty) == ["_id", "_rev"]


async def test_large_documents_come_from_a_thread(db):
    large = [{"_id": f"l{n}", "n": n, "t": "x" * 50_000} for n in range(8)]
    await db.post("_bulk_docs", {"docs": large})
    await index(db, ["n"])
    found = await find(db, {"n": {"$gte": 0}}, limit=100)
    assert [len(doc["t"]) for doc in found["docs"]] == [50_000] * 8


async def test_indexes_that_are_made_at_the_same_time(db):
    bodies = [{"index": {"fields": [f"f{n}"]}, "ddoc": "d", "name": f"n{n}"} for n in range(10)]
    made = await asyncio.gather(*(db.post("_index", body) for body in bodies))
    assert {answer.json["result"] for answer in made} == {"created"}
    assert (await db.get("_index")).json["total_rows"] == 11


async def test_exists_and_other_languages(db):
    assert await index(db, ["a"]) == "created"
    assert await index(db, ["a"]) == "exists"
    assert await index(db, ["b"]) == "created"
    await db.put("_design/js", {"language": "javascript"})
    await db.put("_design/none", {})
    for name, words in (("js", "{<<108,97,110,"), ("none", "false")):
        answer = await db.post("_index", {"index": {"fields": ["a"]}, "ddoc": name})
        assert (answer.status, answer.json["error"]) == (400, "invalid_ddoc_lang")
        assert words in answer.json["reason"]


async def test_removing(db):
    await index(db, ["a"], "x")
    await db.post("_index", {"index": {"fields": ["b"]}, "ddoc": "x", "name": "y"})
    refused = await db.post("_index/_bulk_delete", {"docids": ["x"]})
    assert (refused.status, refused.json["error"]) == (400, "invalid_index")
    assert (await db.ask("DELETE", "/_index/_design%2Fx/json/x")).json == {"ok": True}
    answer = await db.post("_index/_bulk_delete", {"docids": ["none", "_design/x", "x"]})
    assert answer.json == {
        "success": [{"id": "_design/x", "ok": True}],
        "fail": [{"id": "_design/none", "error": "not_found"}],
    }
    assert (await db.get("_design/x")).status == 404
    assert await index(db, ["a"], "x") == "created"


async def test_listing_in_parts(db):
    for name in "abc":
        await index(db, [name], name)
    names = [one["name"] for one in (await db.get("_index?limit=2;skip=1")).json["indexes"]]
    assert names == ["a", "b"]
    for wrong in ("limit=0", "skip=-1", "limit=x"):
        assert (await db.get(f"_index?{wrong}")).status == 500


async def test_no_index_of_nouveau(db):
    answer = await db.post("_index", {"index": {}, "type": "nouveau"})
    assert answer.error == (503, "required index service unavailable", "nouveau")


async def test_unique_indexes(docs):
    unique = {"index": {"fields": ["n"]}, "ddoc": "u", "name": "u", "unique": True}
    assert (await docs.post("_index", unique)).json["result"] == "created"
    assert (await docs.post("_index", unique)).json["result"] == "exists"
    assert (await docs.get("_index")).json["indexes"][1]["unique"] is True
    assert (await docs.put("other", {"n": 3})).status == 409
    duplicates = await docs.post("_index", {"index": {"fields": ["s"]}, "unique": True})
    assert duplicates.status == 409
    assert (await docs.get("_index")).json["total_rows"] == 2
    assert (await docs.ask("DELETE", "/_index/u/json/u")).status == 200
    assert (await docs.put("other", {"n": 3})).status == 201
    refused = await docs.post("_index", {"index": {"fields": ["_id"]}, "unique": True})
    assert refused.status == 400


async def test_scans_go_on_beside_others_and_end_with_their_reader(db):
    await db.post("_bulk_docs", {"docs": [{"n": n} for n in range(3_000)]})
    scans = [asyncio.create_task(db.post("_find", {"selector": {"n": -1}})) for _ in range(6)]
    assert (await db.get("")).status == 200
    scans[0].cancel()
    for answer in await asyncio.gather(*scans[1:]):
        assert json.loads(answer.body)["docs"] == []


async def test_a_scan_ends_when_its_reader_leaves(docs, server, monkeypatch):
    mango = server.node.query.mango
    rest = mango.rest
    scanning, ended = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def never_done(self, *, at_once):
        loop.call_soon_threadsafe(scanning.set)
        return []

    async def watched(*arguments):
        try:
            async with aclosing(rest(*arguments)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            ended.set()

    monkeypatch.setattr(Finding, "work", never_done)
    monkeypatch.setattr(mango, "rest", watched)
    monkeypatch.setattr("docstore.httpd.listings.find.HALF_CLOSED_PATIENCE", 0.0)
    host, _, port = server.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = b'{"selector":{"n":-1}}'
    head = f"POST /db/_find HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await asyncio.wait_for(scanning.wait(), 30)
    writer.transport.abort()
    await asyncio.wait_for(ended.wait(), 30)


async def test_partitions(client):
    from tests.httpd.asking import Database

    db = Database(client)
    async with client.put("/db?partitioned=true") as made:
        assert made.status == 201
    await db.post("_bulk_docs", {"docs": [{"_id": f"{p}:{n}", "n": n} for p in ("a", "b", "ab") for n in range(5)]})
    expected = ["a:3", "a:4"]
    inside = {"selector": {"n": {"$gt": 2}}, "fields": ["_id"]}

    async def both():
        by_path = await db.post("_partition/a/_find", inside)
        by_member = await db.post("_find", inside | {"partition": "a"})
        for answer in (by_path, by_member):
            assert [doc["_id"] for doc in answer.json["docs"]] == expected, answer
        return "warning" in by_path.json

    assert await both()
    await index(db, ["n"])
    assert not await both()
    covered = await db.post("_partition/a/_find", {"selector": {"n": {"$gt": 2}}, "fields": ["n"], "limit": 1})
    assert covered.json["docs"] == [{"n": 3}]
    more = inside | {"limit": 1, "bookmark": covered.json["bookmark"]}
    assert (await db.post("_partition/a/_find", more)).json["docs"] == [{"_id": "a:4"}]
    assert (await db.post("_find?partition=a", inside | {"partition": "b"})).json["error"] == "bad_partition"
    await db.post("_index", {"index": {"fields": ["n"]}, "ddoc": "g", "name": "g", "partitioned": False})
    everywhere = await db.post("_find", inside)
    assert len(everywhere.json["docs"]) == 6
    again = await db.post("_index", {"index": {"fields": ["x"]}, "ddoc": "g", "name": "h", "partitioned": True})
    assert again.json["error"] == "invalid_partitioned_option"


async def test_no_partition_of_a_database_without(docs):
    answer = await docs.post("_find", {"selector": {}, "partition": "a"})
    assert (answer.status, answer.json["error"]) == (400, "query_parse_error")


async def test_long_values_are_brought_into_order_off_the_loop(docs, monkeypatch):
    await index(docs, ["n"])
    threads = []

    def watched(value):
        threads.append(threading.current_thread())
        return order_key(value)

    monkeypatch.setattr("docstore.query.views.plan.order_key", watched)
    assert await ids(docs, {"n": {"$gt": list(range(1_000))}}) == []
    assert threads
    assert threading.current_thread() not in threads


async def test_the_settings_count(tmp_path, monkeypatch):
    times = set()

    class Watched(operators.Regex):
        def __init__(self, pattern, time):
            times.add(time)
            super().__init__(pattern, time)

    monkeypatch.setattr(operators, "Regex", Watched)
    settings = {"limits": Limits(max_regex_time=0.25), "find": FindSettings(default_limit=2, scan_warning=0)}
    async with run_node(data=tmp_path / "data", **settings) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client).create()
        await db.post("_bulk_docs", {"docs": DOCS})
        await index(db, ["n"])
        found = await find(db, {"n": {"$gte": 0}, "s": {"$regex": "b(?!x)"}})
        assert len(found["docs"]) == 2
        assert "warning" not in await find(db, {"n": {"$gte": 0}, "s": "x"})
    assert 0.25 in times
    assert Limits().max_regex_time not in times


async def test_a_page_may_end_at_a_value_that_nests_as_deep_as_it_may(db):
    deep = 1
    for _ in range(499):
        deep = [deep]
    for doc_id in "ab":
        await db.write(doc_id, {"n": deep})
    await index(db, ["n"])
    first = await find(db, {"n": {"$gt": None}}, fields=["_id"], limit=1)
    second = await find(db, {"n": {"$gt": None}}, fields=["_id"], limit=1, bookmark=first["bookmark"])
    assert first["docs"] + second["docs"] == [{"_id": "a"}, {"_id": "b"}]


async def test_pages_of_an_index_that_is_gone_leave_nothing_out(db):
    for doc_id, n in (("a", 2), ("b", 1), ("c", 3)):
        await db.write(doc_id, {"n": n})
    await index(db, ["n"])
    selector = {"n": {"$gt": 0}}
    first = await find(db, selector, fields=["_id"], limit=1)
    assert first["docs"] == [{"_id": "b"}]
    assert (await db.delete("_index/i/json/i")).status == 200
    second = await find(db, selector, fields=["_id"], bookmark=first["bookmark"])
    assert second["docs"] == [{"_id": "a"}, {"_id": "b"}, {"_id": "c"}]
