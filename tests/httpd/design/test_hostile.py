"""Functions that take all they can get, in each kind of function, over HTTP: each ends its own request, and no more."""

import asyncio

import aiohttp
import pytest

from docstore.settings import KIB, MIB, FunctionSettings
from docstore.testing import run_node
from tests.httpd.asking import Database

QUICK = FunctionSettings(time=0.2, memory=16 * MIB, result=2 * MIB, stack=512 * KIB, batch=6 * MIB)

DEEDS = {
    "loop": ("while (true) {}", "os_process_error", "OS process timed out."),
    "catches": ("for (;;) { try { for (;;) {} } catch (e) {} }", "os_process_error", "OS process timed out."),
    "allocation": (
        "var a = []; for (;;) a.push('x'.repeat(1000000))",
        "os_process_error",
        f"The function takes more memory than it may (memory: {16 * MIB} bytes).",
    ),
    "recursion": (
        "function f() { return f() + 1 }; f()",
        "os_process_error",
        f"The function takes more stack than it may (stack: {512 * KIB} bytes).",
    ),
    "regex": ("/^(a+)+$/.test(new Array(40).join('a') + 'b')", "os_process_error", "OS process timed out."),
}

KINDS = ("map", "reduce", "filter", "validate", "show", "update", "list", "rewrite", "filter_view")


def design_of(kind: str, body: str) -> dict[str, object]:
    source = f"function(doc, req) {{ {body} }}"
    emits = "function(d) { emit(d._id, 1) }"
    return {
        "map": {"views": {"v": {"map": source}}},
        "reduce": {"views": {"v": {"map": emits, "reduce": source}}},
        "filter": {"filters": {"f": source}},
        "filter_view": {"views": {"v": {"map": source}}},
        "validate": {"validate_doc_update": source},
        "show": {"shows": {"f": source}},
        "update": {"updates": {"f": source}},
        "list": {"views": {"v": {"map": emits}}, "lists": {"f": source}},
        "rewrite": {"rewrites": source},
    }[kind]


ASKED = {
    "map": ("GET", "/_design/x/_view/v"),
    "reduce": ("GET", "/_design/x/_view/v"),
    "filter": ("GET", "/_changes?filter=x/f"),
    "filter_view": ("GET", "/_changes?filter=_view&view=x/v"),
    "validate": ("PUT", "/new"),
    "show": ("GET", "/_design/x/_show/f/a"),
    "update": ("POST", "/_design/x/_update/f/a"),
    "list": ("GET", "/_design/x/_list/f/v"),
    "rewrite": ("GET", "/_design/x/_rewrite/y"),
}


@pytest.fixture
async def hostile(tmp_path):
    async with run_node(data=tmp_path / "data", functions=QUICK) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client, "calm").create()
        await db.write("a", {"n": 1})
        db.node = server.node
        yield db


async def ask(db: Database, kind: str, deed: str, body: str):
    one = await Database(db.client, f"{kind}-{deed}".lower()).create()
    await one.write("a", {"n": 1})
    await one.write("_design/x", design_of(kind, body))
    method, path = ASKED[kind]
    return await one.ask(method, path, {} if method == "PUT" else None)


LONG = ("catches", "regex")


@pytest.mark.parametrize("deed", [pytest.param(deed, marks=pytest.mark.long if deed in LONG else ()) for deed in DEEDS])
async def test_each_kind_of_function_ends_its_own_request(hostile, deed):
    body, error, reason = DEEDS[deed]
    asked = [asyncio.create_task(ask(hostile, kind, deed, body)) for kind in KINDS]
    while not all(task.done() for task in asked):
        assert (await hostile.get("a")).status == 200
        await asyncio.wait(asked, timeout=0.1)
    for kind, task in zip(KINDS, asked, strict=True):
        answer = task.result()
        assert answer.error == (500, error, reason), (kind, answer)
    good = await ask(hostile, "show", "after", "return 'good'")
    assert good.body == b"good"


THROWS = ("'text'", "5", "null", "undefined", "[]", "{}", "new Error('e')", "new TypeError('t')", "Symbol('s')",
          "{error: 'e', reason: 'r'}", "['error', 'e', 'r']", "['fatal', 'e', 'r']", "{forbidden: 'f'}",
          "{get error() { throw 1 }}", "new Proxy({}, {get() { throw 2 }})", "10n", "function() {}",
          "{toString: 5, valueOf: 6}", "(function() { var a = {}; a.a = a; return a })()")  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("map", "filter_view")])
async def test_a_throw_of_each_kind_is_an_error_of_the_request(hostile, kind):
    for number, thrown in enumerate(THROWS):
        answer = await ask(hostile, kind, str(number), f"throw {thrown}")
        if kind == "reduce" and answer.status == 200:  # it counts as null, as in CouchDB
            assert answer.json["rows"] == [{"key": None, "value": None}], thrown
            continue
        assert answer.status >= 400, (thrown, answer)
        assert list(answer.json) == ["error", "reason"], (thrown, answer)
    assert (await hostile.get("a")).status == 200


@pytest.mark.parametrize("kind", ["map", "filter_view"])
async def test_a_map_function_that_throws_passes_by_the_document(hostile, kind):
    for number, thrown in enumerate(THROWS):
        answer = await ask(hostile, kind, str(number), f"throw {thrown}")
        assert answer.status in (200, 500), (thrown, answer)
    assert (await hostile.get("a")).status == 200


@pytest.mark.parametrize("kind", KINDS)
async def test_a_syntax_error(hostile, kind):
    one = await Database(hostile.client, "syntax").create()
    await one.write("a", {"n": 1})
    answer = await one.put("_design/x", design_of(kind, "return ((("))
    if kind in ("map", "reduce", "filter_view"):
        assert answer.error[:2] == (400, "compilation_error")
        return
    method, path = ASKED[kind]
    answer = await one.ask(method, path, {} if method == "PUT" else None)
    assert answer.error[:2] == (500, "compilation_error"), answer


OUTPUTS = {
    "cycle": "var c = {}; c.c = c;",
    "bigint": "var c = 10n;",
    "much": "var c = new Array(5 << 19).join('x');",
    "deep": "var c = []; for (var i = 0; i < 2000; i++) c = [c];",
    "throws": "var c = {toJSON: function() { throw 'json' }};",
    "many": "var c = []; for (var i = 0; i < 400000; i++) c.push(1234567);",
}


@pytest.mark.parametrize("output", OUTPUTS)
async def test_what_cannot_be_given(hostile, output):
    """Emitted as key and value, reduced to, replied with."""
    made = OUTPUTS[output]
    answers = {
        "key": await ask(hostile, "map", f"{output}-k", f"{made} emit(c, 1)"),
        "value": await ask(hostile, "map", f"{output}-v", f"{made} emit(1, c)"),
        "reduce": await ask(hostile, "reduce", output, f"{made} return c"),
        "show": await ask(hostile, "show", output, f"{made} return {{json: c}}"),
        "update": await ask(hostile, "update", output, f"{made} return [{{_id: 'z', c: c}}, 'done']"),
        "list": await ask(hostile, "list", output, f"{made} getRow(); send(c)"),
        "rewrite": await ask(hostile, "rewrite", output, f"{made} return {{code: 200, body: 'x', c: c}}"),
    }
    for kind, answer in answers.items():
        assert answer.status < 400 or list(answer.json) == ["error", "reason"], (kind, answer.body[:300])
    assert answers["show"].status >= 400
    assert (await hostile.get("a")).status == 200


async def test_documents_that_emit_very_much_are_mapped_by_halves(hostile):
    one = await Database(hostile.client, "much").create()
    await one.post("_bulk_docs", {"docs": [{"_id": f"d{n:03}"} for n in range(40)]})
    source = "function(d) { for (var i = 0; i < 3; i++) emit(d._id, new Array(100001).join('x')) }"
    await one.write("_design/x", {"views": {"v": {"map": source, "reduce": "_count"}}})
    assert (await one.get("_design/x/_view/v")).json["rows"] == [{"key": None, "value": 120}]  # 12 MB, 6 at once


async def test_a_50_mb_emit(hostile):
    answer = await ask(hostile, "map", "fifty", "emit(1, new Array(50 << 20).join('x'))")
    assert answer.error[:2] == (500, "os_process_error")
    assert "result" in answer.error[2] or "memory" in answer.error[2]


NESTED = "var c = 1; for (var i = 0; i < 600; i++) c = {c: c};"


async def test_a_key_that_nests_too_deep_is_a_fault_of_the_function(hostile):
    answer = await ask(hostile, "map", "nested-k", f"{NESTED} emit(c, 1)")
    reason = "The function emits what cannot be a row. The JSON is nested more than 500 levels deep."
    assert answer.error == (500, "os_process_error", reason)


async def test_a_value_that_nests_deeper_than_documents_names_none(hostile):
    assert (await ask(hostile, "map", "nested-v", f"{NESTED} emit(1, c)")).status == 200
    answer = await Database(hostile.client, "map-nested-v").get("_design/x/_view/v?include_docs=true")
    assert [row["doc"]["_id"] for row in answer.json["rows"]] == ["a"]
