"""Filters, shows, lists and updates; and what functions that misbehave are answered with."""

import asyncio
import json

import pytest

from docstore.settings import MIB, FunctionSettings
from docstore.testing import run_node
from tests.httpd.asking import Database

QUICK = FunctionSettings(time=0.4, memory=16 * MIB, result=2 * MIB)


@pytest.fixture
async def docs(db):
    await db.post("_bulk_docs", {"docs": [{"_id": "a", "t": 1}, {"_id": "b", "t": 2}, {"_id": "c", "t": 2}]})
    return db


async def ids_of(db, query: str) -> list[str]:
    return [row["id"] for row in (await db.get(f"_changes?{query}")).json["results"]]


FILTERS = {
    "filters": {
        "kind": "function(doc, req) { return doc.t == req.query.kind }",
        "revs": "function(doc) { return doc._revisions.start == 1 }",
        "deleted": "function(doc) { return doc._deleted }",
        "throws": "function() { throw({error: 'odd', reason: 'so'}) }",
        "none": "function() { return 0 }",
        "changes": "function(doc, req) { var keys = Object.keys(req).join(), fresh = !req.seen && !req.secObj.seen; "
        "var whole = req.secObj.large.length == 2000 && keys == Object.keys(JSON.parse(toJSON(req))).join(); "
        "req.seen = req.secObj.seen = 1; var kept = req.secObj.seen == 1; req.secObj = 5; "
        "return fresh && whole && kept && req.secObj === 5 }",
    },
    "views": {"two": {"map": "function(doc) { if (doc.t == 2) emit(doc._id) }"}},
}


async def test_filters(docs):
    await docs.write("_design/f", FILTERS)
    assert await ids_of(docs, "filter=f/kind&kind=2") == ["b", "c"]
    assert await ids_of(docs, "filter=f/kind&kind=2&limit=1") == ["b"]
    assert await ids_of(docs, "filter=f/kind&kind=2&descending=true") == ["c", "b"]
    assert await ids_of(docs, "filter=_view&view=f/two") == ["b", "c"]
    assert await ids_of(docs, "filter=f/revs") == ["a", "b", "c", "_design/f"]
    assert await ids_of(docs, "filter=f/none") == []
    rows = (await docs.get("_changes?filter=f/kind&kind=1&include_docs=true")).json
    assert [row["doc"]["t"] for row in rows["results"]] == [1]
    assert rows["last_seq"].startswith("4-")
    rev = (await docs.get("a")).json["_rev"]
    await docs.delete(f"a?rev={rev}")
    assert await ids_of(docs, "filter=f/deleted") == ["a"]


async def test_each_document_has_a_request_of_its_own_however_large_it_is(docs):
    await docs.write("_design/f", FILTERS)
    assert (await docs.put("_security", {"large": "x" * 2000})).status == 200
    assert await ids_of(docs, "filter=f/changes") == ["a", "b", "c", "_design/f"]


async def test_a_filter_that_throws_and_those_that_are_not_there(docs):
    await docs.write("_design/f", FILTERS)
    assert (await docs.get("_changes?filter=f/throws")).error == (500, "odd", "so")
    assert (await docs.get("_changes?filter=f/more")).error == (404, "not_found", "missing json key: more")
    assert (await docs.get("_changes?filter=g/more")).error == (404, "not_found", "missing")
    assert (await docs.get("_changes?filter=_view&view=f/one")).error == (404, "not_found", "missing json key: one")
    assert (await docs.get("_changes?filter=f")).error[0] == 400


async def test_of_several_leaves_those_are_told_that_pass(docs):
    for t, rev in enumerate(("1-b", "1-c"), 7):
        await docs.replicate({"_id": "x", "_rev": rev, "t": t})
    await docs.write("_design/f", FILTERS)
    row = (await docs.get("_changes?filter=f/kind&kind=7&style=all_docs")).json["results"][0]
    assert row["changes"] == [{"rev": "1-b"}]


async def test_a_feed_waits_for_what_passes(docs):
    await docs.write("_design/f", FILTERS)
    now = (await docs.get("")).json["update_seq"]
    waiting = asyncio.create_task(docs.get(f"_changes?feed=longpoll&since={now}&filter=f/kind&kind=9"))
    await docs.write("no", {"t": 1})
    await docs.write("yes", {"t": 9})
    assert [row["id"] for row in (await waiting).json["results"]] == ["yes"]


async def test_what_a_request_looks_like(db):
    source = "function(doc, req) { return {json: req} }"
    await db.write("_design/s", {"shows": {"req": source}})
    req = (await db.get("_design/s/_show/req/some/doc?x=1&key=%5B2%5D", Cookie="AuthSession=x")).json
    assert (req["id"], req["method"], req["body"]) == ("some/doc", "GET", "undefined")
    assert req["path"] == ["db", "_design", "s", "_show", "req", "some", "doc"]
    assert req["query"] == {"x": "1", "key": [2]}
    assert req["userCtx"] == {"db": "db", "name": None, "roles": ["_admin"]}
    assert "Cookie" not in req["headers"]
    assert req["info"]["db_name"] == "db"
    assert req["cookie"] == {}


FAILING = [
    ("function() { throw 'plain' }", 500, "render_error", "function raised error: plain"),
    ("function() { throw null }", 500, "render_error", "function raised error: null"),
    ("function() { throw {error: 'e', reason: 'r'} }", 500, "e", "r"),
    ("function() { throw {error: 'not_found', reason: 'r'} }", 404, "not_found", "r"),
    ("function() { throw ['error', 'named', 'why'] }", 500, "named", "why"),
    ("function() { return null.x }", 500, "render_error", "TypeError"),
    ("function() { return 5 }", 500, "render_error", "undefined response from show function"),
    ("function() { return {foo: 1} }", 500, "external_response_error", '{<<"foo">>,1}'),
    ("function() { return {code: 'x'} }", 500, "external_response_error", "code"),
    ("function() { return {body: 5} }", 500, "external_response_error", "body"),
    ("function() { return {base64: '!!'} }", 500, "external_response_error", "base64"),
    ("function() { return {headers: {a: 'x\\r\\ny: z'}} }", 500, "external_response_error", "headers"),
    ("function() { return ", 500, "compilation_error", "SyntaxError"),
    ("1+1", 500, "compilation_error", "Expression does not eval to a function. (1+1)"),
    ("function() { while (true) {} }", 500, "os_process_error", "OS process timed out."),
    (
        "function() { var a = []; while (true) a.push('x'.repeat(4194304) + a.length) }",
        500,
        "os_process_error",
        "memory",
    ),
    ("function() { function f() { return f() + 1 }; return f() }", 500, "os_process_error", "stack"),
    ("function() { return new Array(3000000).join('x') }", 500, "os_process_error", "result"),
    ("function() { var a = {}; a.a = a; return {json: a} }", 500, "TypeError", "circular"),
]


async def test_shows_that_fail(hostile):
    shows = {f"f{place}": source for place, (source, *_) in enumerate(FAILING)}
    await hostile.write("_design/s", {"shows": shows | {"good": "function() { return 'good' }"}})
    for place, (source, status, error, reason) in enumerate(FAILING):
        answer = await hostile.get(f"_design/s/_show/f{place}")
        assert (answer.status, answer.json["error"]) == (status, error), source
        assert reason in answer.json["reason"], source
        assert (await hostile.get("_design/s/_show/good")).body == b"good"


@pytest.fixture
async def hostile(tmp_path):
    """A database of a server that is quick to lose its patience."""
    import aiohttp

    async with run_node(data=tmp_path / "data", functions=QUICK) as server, aiohttp.ClientSession(server.url) as client:
        yield await Database(client).create()


LOOP = "while (true) {}"


async def test_an_endless_loop_in_each_kind_of_function(hostile):
    """Each ends its own request; what is asked beside it is answered meanwhile."""
    await hostile.write("a", {"n": 1})
    await hostile.write("_design/e", {
        "filters": {"f": f"function() {{ {LOOP} }}"},
        "updates": {"f": f"function() {{ {LOOP} }}"},
        "lists": {"f": f"function() {{ {LOOP} }}"},
        "views": {"v": {"map": "function(d) { emit(d._id) }"}},
    })  # fmt: skip
    await hostile.write("_design/w", {"views": {"loop": {"map": f"function(d) {{ {LOOP} }}"}}})
    paths = [
        ("GET", "/_changes?filter=e/f"),
        ("GET", "/_changes?filter=_view&view=w/loop"),
        ("POST", "/_design/e/_update/f/a"),
        ("GET", "/_design/e/_list/f/v"),
    ]
    running = [asyncio.create_task(hostile.ask(method, path)) for method, path in paths]
    assert (await hostile.get("a")).status == 200
    for answer in await asyncio.gather(*running):
        assert answer.error == (500, "os_process_error", "OS process timed out."), answer


@pytest.mark.parametrize("code", [299, 499, 520, 599, 999])
async def test_a_status_that_nobody_knows(db, code):
    """As CouchDB answers it, whose words are those of a 500."""
    await db.write("_design/s", {"shows": {"odd": f"function() {{ return {{code: {code}, body: 'x'}} }}"}})
    async with db.client.get(f"/{db.name}/_design/s/_show/odd") as reply:
        assert (reply.status, reply.reason, await reply.text()) == (code, "Internal Server Error", "x")


async def test_updates(db):
    await db.write("_design/u", {"updates": {
        "count": "function(doc, req) { doc = doc || {_id: req.id, n: 0}; doc.n++; return [doc, 'n is ' + doc.n] }",
        "nothing": "function() { return [null, {code: 418, body: 'short and stout'}] }",
        "bad": "function(doc) { return [{_id: 'x', n: 1}, {foo: 1}] }",
        "form": "function(doc, req) { return [null, {json: req.form}] }",
    }})  # fmt: skip
    first = await db.post("_design/u/_update/count/a", None)
    assert (first.status, first.body, first.headers["X-Couch-Id"]) == (201, b"n is 1", "a")
    assert (await db.put("_design/u/_update/count/a", b"")).body == b"n is 2"
    assert (await db.get("a")).json["n"] == 2
    assert (await db.get("a")).json["_rev"].startswith("2-")
    teapot = await db.post("_design/u/_update/nothing", None)
    assert (teapot.status, teapot.body) == (418, b"short and stout")
    assert teapot.headers["Content-Security-Policy"] == "sandbox"
    assert (await db.post("_design/u/_update/bad", None)).error[1] == "external_response_error"
    assert (await db.get("x")).status == 404  # an answer that is none changes nothing
    form = await db.post("_design/u/_update/form", b"a=1&b=%20", Content_Type="application/x-www-form-urlencoded")
    assert form.json == {"a": "1", "b": " "}
    for query in ("key", "key=abc", "descending=x", "endkey=[1"):
        refused = await db.post(f"_design/u/_update/form?{query}", b"")
        assert refused.error == (400, "bad_request", "invalid UTF-8 JSON")
    large = b"a=%C3%BC" + b"x" * 100_000
    form = await db.post("_design/u/_update/form", large, Content_Type="application/x-www-form-urlencoded")
    assert form.json == {"a": "ü" + "x" * 100_000}
    form = await db.post("_design/u/_update/form", b"&a" * 1_000, Content_Type="application/x-www-form-urlencoded")
    assert form.error == (413, "too_large", "A form has at most 1000 fields.")
    assert (await db.get("_design/u/_update/count/a")).error[:2] == (405, "method_not_allowed")


async def test_an_update_cannot_get_round_a_rule(db):
    await db.write("_design/u", {
        "updates": {"f": "function(doc, req) { return [{_id: 'bad'}, 'done'] }"},
        "validate_doc_update": "function(doc) { if (doc._id == 'bad') throw({forbidden: 'no'}) }",
    })  # fmt: skip
    assert (await db.post("_design/u/_update/f", None)).error == (403, "forbidden", "no")


async def test_lists(docs):
    await docs.write("_design/l", {
        "views": {"v": {"map": "function(d) { emit(d.t, d._id) }", "reduce": "_count"}},
        "lists": {
            "rows": "function(head, req) { var row, all = []; while (row = getRow()) all.push(row); "
                    "return toJSON({head: head, rows: all.length, first: all[0]}) }",
            "csv": "function(head, req) { provides('csv', function() { var row; send('id\\n'); "
                   "while (row = getRow()) send(row.value + '\\n') }) }",
        },
    })  # fmt: skip
    whole = await docs.get("_design/l/_list/rows/v?reduce=false")
    assert whole.json == {
        "head": {"total_rows": 3, "offset": 0},
        "rows": 3,
        "first": {"id": "a", "key": 1, "value": "a"},
    }
    grouped = await docs.get("_design/l/_list/rows/v?group=true")
    assert grouped.json == {"head": {}, "rows": 2, "first": {"key": 1, "value": 1}}
    csv = await docs.get("_design/l/_list/csv/v?reduce=false&key=2", Accept="text/csv")
    assert (csv.headers["Content-Type"], csv.body) == ("text/csv", b"id\nb\nc\n")
    html = await docs.get("_design/l/_list/csv/v?reduce=false", Accept="text/html")
    assert html.error[:2] == (406, "not_acceptable")


async def test_of_what_a_function_provides_the_last_is_looked_at_first(db):
    provides = "provides('json', () => '1'); provides('xml', () => '<a/>'); provides('xml', () => '<b/>')"
    await db.write("_design/s", {"shows": {"f": f"function() {{ {provides} }}"}})
    asked = await db.get("_design/s/_show/f", Accept="image/png")
    assert asked.error[2].endswith(
        "try one of: application/xml, text/xml, application/x-xml, application/xml, text/xml, application/x-xml,"
        " application/json, text/x-json"
    )
    assert (await db.get("_design/s/_show/f", Accept="text/xml")).body == b"<b/>"
    assert (await db.get("_design/s/_show/f?format=xml", Accept="text/xml")).body == b"<a/>"


async def test_a_couchapp_is_served(db):
    await db.write("_design/app", {"_attachments": {"index.html": {"content_type": "text/html", "data": "PGI+"}}})
    page = await db.get("_design/app/index.html")
    assert (page.headers["Content-Type"], page.body) == ("text/html", b"<b>")


async def test_a_show_has_an_etag(docs):
    await docs.write("_design/s", {"shows": {"f": "function(doc) { return doc ? doc._id : 'none' }"}})
    first = await docs.get("_design/s/_show/f/a")
    again = await docs.get("_design/s/_show/f/a", If_None_Match=first.headers["ETag"])
    assert (first.body, again.status) == (b"a", 304)
    other = await docs.get("_design/s/_show/f/b", If_None_Match=first.headers["ETag"])
    assert json.dumps(other.status) == "200"


RULES = [
    {"from": "/home", "to": "index.html"},
    {"from": "/doc/:id", "to": "../../:id"},
    {"from": "/kind/:t", "to": "_view/v", "query": {"key": ":t", "reduce": "false"}},
    {"from": "/api/*", "to": "../../*", "method": "GET"},
    {"from": "/again", "to": "_rewrite/again"},
]


async def test_rewriting_by_rules(docs):
    await docs.write("_design/r", {
        "rewrites": RULES,
        "views": {"v": {"map": "function(d) { emit(String(d.t), d._id) }"}},
        "_attachments": {"index.html": {"content_type": "text/html", "data": "PGI+"}},
    })  # fmt: skip
    assert (await docs.get("_design/r/_rewrite/home")).body == b"<b>"
    assert (await docs.get("_design/r/_rewrite/doc/a")).json["t"] == 1
    assert [row["id"] for row in (await docs.get("_design/r/_rewrite/kind/2")).json["rows"]] == ["b", "c"]
    assert len((await docs.get("_design/r/_rewrite/api/_all_docs?limit=2")).json["rows"]) == 2
    assert (await docs.put("_design/r/_rewrite/doc/new", {"t": 3})).status == 201
    assert (await docs.get("new")).json["t"] == 3
    assert (await docs.ask("HEAD", "/_design/r/_rewrite/api/a")).status == 200  # as the GET of a rule
    assert (await docs.put("_design/r/_rewrite/api/x", {})).error == (404, "not_found", "missing")
    assert (await docs.get("_design/r/_rewrite/again")).error[:2] == (400, "bad_request")


async def test_rewriting_by_a_function(docs):
    source = """function(req) {
      if (req.path[4] == 'doc') return '../../' + req.path[5];
      if (req.path[4] == 'own') return {code: 201, headers: {'X-Own': 'yes'}, body: 'mine'};
      if (req.path[4] == 'bad') return {path: 5};
      if (req.path[4] == 'put') return {path: '../../made', method: 'PUT', body: '{"by": "rewrite"}'};
    }"""
    await docs.write("_design/r", {"rewrites": source})
    assert (await docs.get("_design/r/_rewrite/doc/a")).json["t"] == 1
    own = await docs.get("_design/r/_rewrite/own")
    assert (own.status, own.headers["X-Own"], own.body) == (201, "yes", b"mine")
    assert (await docs.get("_design/r/_rewrite/bad")).error == (500, "rewrite_error", "bad path")
    assert (await docs.get("_design/r/_rewrite/else")).error == (404, "rewrite_error", "Invalid path.")
    assert (await docs.post("_design/r/_rewrite/put", {})).status == 201
    assert (await docs.get("made")).json["by"] == "rewrite"


async def test_a_replication_by_a_filter(docs):
    """Of databases that are named: no request goes anywhere."""
    await docs.write("_design/f", FILTERS)
    copy = await Database(docs.client, "copy").create()
    asked = {"source": "db", "target": "copy", "filter": "f/kind", "query_params": {"kind": "2"}}
    async with docs.client.post("/_replicate", json=asked) as answer:
        assert answer.status == 200, await answer.text()
    assert [row["id"] for row in (await copy.get("_all_docs")).json["rows"]] == ["b", "c"]


async def test_a_replication_by_a_view(docs):
    await docs.write("_design/f", FILTERS)
    copy = await Database(docs.client, "copy").create()
    asked = {"source": "db", "target": "copy", "filter": "_view", "query_params": {"view": "f/two"}}
    async with docs.client.post("/_replicate", json=asked) as answer:
        assert answer.status == 200, await answer.text()
    assert [row["id"] for row in (await copy.get("_all_docs")).json["rows"]] == ["b", "c"]
    asked["query_params"] = {"view": "f/none"}
    async with docs.client.post("/_replicate", json=asked) as answer:
        assert (await answer.json())["reason"] == "no filter _view in db: missing json key: none"


async def test_a_language_that_nobody_speaks_here(db):
    await db.write("_design/p", {"language": "python", "shows": {"f": "lambda doc, req: 'x'"}})
    assert (await db.get("_design/p/_show/f")).error == (500, "unknown_query_language", "python")


async def test_an_update_function_names_its_document(docs):
    source = "function(doc, req) { return [{}, 'oops'] }"
    await docs.write("_design/u", {"updates": {"empty": source}})
    answer = await docs.put("_design/u/_update/empty/foo", {})
    assert answer.error == (400, "illegal_docid", "Document id must not be empty")


async def test_a_reduction_that_does_not_shrink_is_an_error_in_its_row(docs):
    reduce = "function(keys, values) { return new Array(5000).join('x') }"
    await docs.write("_design/v", {"views": {"big": {"map": "function(doc) { emit(doc.t, 1) }", "reduce": reduce}}})
    for query in ("", "?group=true&key=2"):
        [row] = (await docs.get(f"_design/v/_view/big{query}")).json["rows"]
        assert list(row) == ["key", "error", "reason"]
        assert (row["key"], row["error"]) == (None, "reduce_overflow_error")
        assert row["reason"].startswith("Reduce output must shrink more rapidly")
    shown = {"map": "function(doc) { emit(doc.t, {reduce_overflow_error: 1, more: 2}) }", "reduce": "_sum"}
    await docs.write("_design/w", {"views": {"own": shown}})
    [row] = (await docs.get("_design/w/_view/own")).json["rows"]
    assert row["value"] == {"reduce_overflow_error": 3, "more": 6}


async def test_a_rewrite_function_that_says_no_query_keeps_the_requests(docs):
    shows = {"q": "function(doc, req) { return JSON.stringify(req.query) }"}
    source = "function(req) { return req.path[4] == 'own' ? {path: '_show/q', query: {b: '2'}} : '_show/q' }"
    await docs.write("_design/r", {"rewrites": source, "shows": shows})
    assert (await docs.get("_design/r/_rewrite/x?a=1&c=%26")).json == {"a": "1", "c": "&"}
    assert (await docs.get("_design/r/_rewrite/own?a=1")).json == {"b": "2"}


async def test_rules_may_leave_their_database_where_the_settings_let_them(docs):
    rules = [{"from": "ids", "to": "../../../_uuids"}, {"from": "again", "to": "_rewrite/ids"}]
    await docs.write("_design/r", {"rewrites": rules})
    insecure = (500, "insecure_rewrite_rule", "too many ../.. segments")
    assert (await docs.get("_design/r/_rewrite/ids")).error == insecure
    async with docs.client.put("/_node/_local/_config/chttpd/secure_rewrites", json="false") as reply:
        assert reply.status == 200
    assert len((await docs.get("_design/r/_rewrite/ids")).json["uuids"]) == 1
    assert (await docs.get("_design/r/_rewrite/again")).status == 200
    async with docs.client.put("/_node/_local/_config/chttpd/rewrite_limit", json="1") as reply:
        assert reply.status == 200
    assert (await docs.get("_design/r/_rewrite/again")).error == (
        400,
        "bad_request",
        "Exceeded rewrite recursion limit",
    )
    assert (await docs.get("_design/r/_rewrite/ids")).status == 200


async def test_a_head_is_a_get_to_functions(db):
    await db.write("_design/f", {
        "shows": {"f": "function(doc, req) { return {headers: {'X-Test': req.method}, body: 'b'} }"},
        "updates": {"u": "function(doc, req) { return [{_id: 'made'}, 'b'] }"},
    })  # fmt: skip
    assert (await db.ask("HEAD", "/_design/f/_show/f")).headers["X-Test"] == "GET"
    for method in ("GET", "HEAD"):
        assert (await db.ask(method, "/_design/f/_update/u")).status == 405
    assert (await db.get("made")).status == 404
