"""Functions in another language, run by the query server of the docs: each kind of function, over HTTP."""

import json
import os
from pathlib import Path

import aiohttp
import pytest

from docstore.settings import FunctionSettings
from docstore.testing import run_node
from tests.httpd.asking import Database
from tests.query.servers.programs import PYTHON, misbehaving
from tests.workers.test_pool import gone

SETTINGS = {
    "query_servers": {"python": PYTHON, "odd": misbehaving("time.sleep(60)"), "dies": misbehaving("os._exit(1)")},
    "functions": FunctionSettings(time=2.0),
}


@pytest.fixture
async def py(tmp_path):
    """A database of a server that speaks Python."""
    async with run_node(data=tmp_path / "data", **SETTINGS) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client).create()
        db.node = server.node
        yield db


async def design(db, name="_design/p", language="python", **members):
    await db.write(name, {"language": language, **members})


async def test_views(py):
    await py.post("_bulk_docs", {"docs": [{"_id": f"d{n:03}", "k": n % 3, "n": n} for n in range(250)]})
    await design(py, views={
        "n": {"map": "def f(doc):\n  yield doc['k'], {'n': doc['n'], 'f': 1.0}"},
        "sum": {
            "map": "def f(doc):\n  yield [doc['k'], doc['n']], doc['n']",
            "reduce": "def r(keys, values, rereduce): return sum(values)",
        },
        "count": {"map": "def f(doc):\n  yield doc['k'], None", "reduce": "_count"},
        "throws": {"map": "def f(doc):\n  if doc['n']: raise ValueError('no')\n  yield 1, 1"},
    })  # fmt: skip
    rows = (await py.get("_design/p/_view/n?limit=2&key=1")).json["rows"]
    assert rows[0] == {"id": "d001", "key": 1, "value": {"n": 1, "f": 1.0}}
    assert (await py.get("_design/p/_view/sum")).json["rows"] == [{"key": None, "value": sum(range(250))}]
    grouped = (await py.get("_design/p/_view/sum?group_level=1")).json["rows"]
    assert grouped == [{"key": [k], "value": sum(range(k, 250, 3))} for k in range(3)]
    assert (await py.get("_design/p/_view/count")).json["rows"] == [{"key": None, "value": 250}]
    assert (await py.get("_design/p/_view/throws")).json["total_rows"] == 1
    await py.write("more", {"k": 1, "n": 1000})
    assert (await py.get("_design/p/_view/count?key=1")).json["rows"][0]["value"] == 84


async def test_a_reduction_that_does_not_shrink(py):
    await py.post("_bulk_docs", {"docs": [{"n": n} for n in range(10)]})
    await design(py, views={"v": {
        "map": "def f(doc): yield 1, 1",
        "reduce": "def r(keys, values, rereduce):\n  raise QueryError('reduce_overflow_error', 'too long')",
    }})  # fmt: skip
    answer = await py.get("_design/p/_view/v")
    assert answer.error == (500, "NameError", "name 'QueryError' is not defined")


async def test_a_function_that_does_not_compile_is_refused_with_its_document(py):
    answer = await py.put("_design/p", {"language": "python", "views": {"v": {"map": "def f(doc:"}}})
    assert answer.status == 400
    assert answer.json["error"] == "compilation_error"
    assert "Compilation of the map function in the 'v' view failed: SyntaxError" in answer.json["reason"]


RULE = """
def rule(new, old, user, security):
    if new.get("locked") and "_admin" in user["roles"]:
        raise Forbidden("locked")
    if old and old["n"] > new["n"]:
        raise Unauthorized("backwards")
"""


async def test_rules(py):
    await design(py, validate_doc_update=RULE)
    assert (await py.put("a", {"locked": True})).error == (403, "forbidden", "locked")
    rev = await py.write("a", {"n": 5})
    assert (await py.put("a", {"_rev": rev, "n": 4})).error == (401, "unauthorized", "backwards")
    answer = await py.post("_bulk_docs", {"docs": [{"_id": "b", "locked": 1}, {"_id": "c", "n": 1}]})
    assert [row.get("error") for row in answer.json] == ["forbidden", None]
    await py.write("_design/js", {"validate_doc_update": "function(doc) { if (doc.js) throw({forbidden: 'js'}) }"})
    assert (await py.put("d", {"n": 1, "js": True})).error == (403, "forbidden", "js")
    assert (await py.put("d", {"locked": 1, "js": True})).error == (403, "forbidden", "js")  # the first one's word
    assert (await py.put("d", {"locked": 1})).error == (403, "forbidden", "locked")


async def test_a_rule_that_fails_lets_nothing_through(py):
    await design(py, validate_doc_update="def rule(*args): 1 / 0")
    assert (await py.put("a", {})).error == (500, "ZeroDivisionError", "division by zero")
    await design(py, "_design/q", "dies", validate_doc_update="whatever")
    await py.delete(f"_design/p?rev={(await py.get('_design/p')).json['_rev']}")
    assert (await py.put("a", {})).error == (500, "os_process_error", "{exit_status,1}")
    assert (await py.get("a")).status == 404


async def test_filters(py):
    await py.post("_bulk_docs", {"docs": [{"_id": "a", "t": 1}, {"_id": "b", "t": 2}, {"_id": "c", "t": 2}]})
    await design(
        py,
        filters={"kind": "def f(doc, req): return doc.get('t') == int(req['query']['kind'])"},
        views={"one": {"map": "def f(doc):\n  if doc.get('t') == 1: yield None, None"}},
    )
    kind = (await py.get("_changes?filter=p/kind&kind=2")).json["results"]
    assert [row["id"] for row in kind] == ["b", "c"]
    view = (await py.get("_changes?filter=_view&view=p/one")).json["results"]
    assert [row["id"] for row in view] == ["a"]


async def test_shows_updates_and_rewrites(py):
    await py.write("a", {"n": 1})
    await design(
        py,
        shows={
            "page": "def show(doc, req): return {'body': f'{doc[\"n\"]} {req[\"query\"]}', 'headers': {'X-Own': 'y'}}",
            "text": "def show(doc, req):\n  log('shown')\n  return 'text'",
            "bad": "def show(doc, req): return 5",
        },
        updates={
            "up": "def up(doc, req):\n  doc['n'] += 1\n  return doc, f\"n is {doc['n']}\"",
            "none": "def up(doc, req): return None, {'code': 418, 'body': 'no'}",
        },
        rewrites="def rewrite(req): return '../../a' if req['path'][-1] == 'there' else None",
    )
    page = await py.get("_design/p/_show/page/a?x=7")
    assert (page.status, page.body, page.headers["X-Own"]) == (200, b"1 {'x': '7'}", "y")
    assert (await py.get("_design/p/_show/text")).body == b"text"
    assert (await py.get("_design/p/_show/bad")).error[:2] == (500, "external_response_error")
    up = await py.post("_design/p/_update/up/a", None)
    assert (up.status, up.body) == (201, b"n is 2")
    assert (await py.get("a")).json["n"] == 2
    assert (await py.post("_design/p/_update/none/a", None)).status == 418
    assert (await py.get("_design/p/_update/up/a")).error[:2] == (405, "method_not_allowed")
    assert (await py.get("_design/p/_rewrite/there")).json["n"] == 2
    assert (await py.get("_design/p/_rewrite/else")).error == (404, "rewrite_error", "Invalid path.")


async def test_a_changed_design_document_is_taught_anew(py):
    await design(py, shows={"f": "def f(doc, req): return 'one'"})
    assert (await py.get("_design/p/_show/f")).body == b"one"
    rev = (await py.get("_design/p")).json["_rev"]
    await py.put("_design/p", {"_rev": rev, "language": "python", "shows": {"f": "def f(doc, req): return 'two'"}})
    assert (await py.get("_design/p/_show/f")).body == b"two"
    assert (await py.get("_design/p/_show/more")).error == (404, "not_found", "missing json key: more")


async def test_a_query_server_is_kept_and_ends_with_the_server(tmp_path):
    path = Path(tmp_path)
    async with run_node(data=path / "data", **SETTINGS) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client).create()
        await design(db, shows={"pid": "import os\ndef f(doc, req): return str(os.getpid())"})
        source = "def f(doc, req):\n  import os\n  return str(os.getpid())"
        await design(db, "_design/q", shows={"pid": source})
        first = (await db.get("_design/q/_show/pid")).body
        assert (await db.get("_design/q/_show/pid")).body == first
        pid = int(first)
        os.kill(pid, 0)
    await gone(pid)


async def test_programs_that_fail_and_the_others(py):
    """A program that hangs, or dies, ends its own requests; JavaScript beside it is answered."""
    await design(py, "_design/o", "odd", shows={"f": "x"})
    await design(py, "_design/d", "dies", shows={"f": "x"}, views={"v": {"map": "x"}})
    await py.write("_design/js", {"shows": {"f": "function() { return 'js' }"}})
    assert (await py.get("_design/o/_show/f")).error == (500, "os_process_error", "OS process timed out.")
    assert (await py.get("_design/d/_show/f")).error == (500, "os_process_error", "{exit_status,1}")
    assert (await py.get("_design/d/_view/v")).status == 200  # there is no document to be mapped
    await py.write("a", {})
    assert (await py.get("_design/d/_view/v")).error == (500, "os_process_error", "{exit_status,1}")
    assert (await py.get("_design/js/_show/f")).body == b"js"


LISTS = {
    "csv": """
def rows(head, req, rows):
    yield Start(headers={"Content-Type": "text/csv"})
    yield f"{head['total_rows']}\\n"
    for row in rows:
        yield f"{row['key']}\\n"
    yield "end"
""",
    "first": "def f(head, req, rows):\n  for row in rows:\n    yield row['key']\n    return",
    "none": "def f(head, req, rows):\n  yield 'nothing'",
    "fails": "def f(head, req, rows):\n  for row in rows: 1 / 0\n  yield 1",
}


async def test_lists(py):
    count = 3000
    await py.post("_bulk_docs", {"docs": [{"_id": f"d{n:05}", "text": "x" * 200} for n in range(count)]})
    await design(py, lists=LISTS, views={"v": {"map": "def f(doc): yield doc['_id'], doc['text']"}})
    csv = await py.get("_design/p/_list/csv/v")
    assert csv.headers["Content-Type"] == "text/csv"
    assert csv.body.decode() == f"{count}\n" + "".join(f"d{n:05}\n" for n in range(count)) + "end"
    assert (await py.get("_design/p/_list/first/v")).body == b"d00000"
    assert (await py.get("_design/p/_list/none/v")).body == b"nothing"
    assert (await py.get("_design/p/_list/fails/v")).error == (500, "ZeroDivisionError", "division by zero")
    assert (await py.get("_design/p/_list/first/v?limit=1")).body == b"d00000"


async def test_the_language_is_found_whatever_its_case(py):
    await design(py, language="Python", shows={"f": "def f(doc, req): return 'yes'"})
    assert (await py.get("_design/p/_show/f")).body == b"yes"


async def test_a_language_that_nobody_speaks(py):
    views = {"v": {"map": "(lambda (doc) nil)"}}
    await design(py, language="lisp", views=views, shows={"f": "x"}, filters={"f": "x"}, lists={"f": "x"})
    unknown = (500, "unknown_query_language", "lisp")
    for path in ("_show/f", "_view/v", "_list/f/v"):
        assert (await py.get(f"_design/p/{path}")).error == unknown, path
    await py.write("a", {})
    assert (await py.get("_changes?filter=p/f")).error == unknown
    await design(py, "_design/r", "lisp", validate_doc_update="x")
    assert (await py.put("b", {})).error == unknown
    assert json.dumps((await py.get("_design/p/_info")).json["view_index"]["language"]) == '"lisp"'
