"""List functions over views that are longer than what crosses at once, and those that misbehave in the middle."""

import asyncio
import contextlib
import json

import aiohttp
import pytest

from docstore.settings import MIB, FunctionSettings, WorkerSettings
from docstore.testing import run_node
from tests.httpd.asking import Database
from tests.workers.test_pool import until

COUNT = 2_000
SMALL = FunctionSettings(time=1.0, list_rows=4_096, result=1 * MIB, memory=32 * MIB)

VIEW = {"v": {"map": "function(d) { emit(d._id, d.text) }", "reduce": "_count"}}
LISTS = {
    "ids": "function(head) { var row; send(head.total_rows + ':'); while (row = getRow()) send(row.id + ','); "
    "return '.' }",
    "first": "function() { return getRow().id }",
    "nothing": "function() { return 'nothing' }",
    "late": "function() { getRow(); start({code: 201, headers: {'X-Late': 'yes'}}); send('a'); "
            "start({code: 202}); getRow(); return 'b' }",
    "silent": "function() { var row, n = 0; while (row = getRow()) n++; send(String(n)); return getRow() }",
    "long": "function() { var row; while (row = getRow()) send(new Array(500).join(row.id)) }",
    "much": "function() { getRow(); for (;;) send(new Array(9999).join('x')) }",
    "stubborn": "function() { getRow(); for (;;) { try { send(new Array(9999).join('x')) } catch (e) {} } }",
    "throws": "function() { var row, n = 0; while (row = getRow()) { if (n++ == 3) throw {error: 'e', reason: 'r'} } }",
    "sent": "function() { var row, n = 0; while (row = getRow()) { send('abc'); if (n++ == 999) throw 'late' } }",
    "loops": "function() { getRow(); for (;;) {} }",
    "eats": "function() { var a = [], row; getRow(); for (;;) a.push('x'.repeat(4194304) + a.length) }",
    "recurses": "function() { getRow(); function f() { return f() + 1 }; return f() }",
    "hidden": "function() { return typeof exchange + Object.keys(globalThis).filter(n => /exch/.test(n)).length }",
    "half": "function() { send('\\ud800x') }",
}  # fmt: skip


@pytest.fixture
async def view(tmp_path):
    """A view of some thousand rows, of which a list function is given some twenty at once."""
    async with (
        run_node(data=tmp_path / "data", functions=SMALL) as server,
        aiohttp.ClientSession(server.url) as client,
    ):
        db = await Database(client).create()
        docs = [{"_id": f"d{n:04}", "text": "x" * 100} for n in range(COUNT)]
        await db.post("_bulk_docs", {"docs": docs})
        await db.write("_design/l", {"views": VIEW, "lists": LISTS})
        db.node = server.node
        yield db


def path(name: str, query: str = "reduce=false") -> str:
    return f"_design/l/_list/{name}/v?{query}"


async def test_all_rows_come_one_after_the_other(view):
    whole = await view.get(path("ids"))
    assert whole.body.decode() == f"{COUNT}:" + "".join(f"d{n:04}," for n in range(COUNT)) + "."
    assert whole.headers["Content-Type"] == "application/json"
    assert whole.headers["Transfer-Encoding"] == "chunked"
    some = await view.get(path("ids", "reduce=false&descending=true&limit=2"))
    assert some.body == b"2000:d1999,d1998,."
    assert some.headers["Content-Length"] == str(len(some.body))


async def test_a_function_that_does_not_want_all_of_them(view):
    assert (await view.get(path("first"))).body == b"d0000"
    assert (await view.get(path("nothing"))).body == b"nothing"
    assert (await view.get(path("silent"))).body == b"2000null"
    pids = view.node.pool.reserve.pids
    assert len(pids) == 1  # one process, since each call came to its end


async def test_the_head_can_be_changed_until_something_is_sent(view):
    late = await view.get(path("late"))
    assert (late.status, late.body) == (202, b"ab")


async def test_what_is_sent_in_between_is_not_bounded_as_a_whole(view):
    whole = await view.get(path("long"))
    assert len(whole.body) == COUNT * 499 * 5


@pytest.mark.parametrize(
    ("name", "error", "reason"),
    [
        ("much", "os_process_error", "result"),
        ("stubborn", "os_process_error", "timed out"),
        ("throws", "e", "r"),
        ("loops", "os_process_error", "OS process timed out."),
        ("eats", "os_process_error", "memory"),
        ("recurses", "os_process_error", "stack"),
    ],
)
async def test_a_function_that_fails_before_anything_was_sent(view, name, error, reason):
    answer = await view.get(path(name))
    assert answer.error[:2] == (500, error)
    assert reason in answer.error[2]
    assert (await view.get(path("first"))).body == b"d0000"


async def test_a_function_that_fails_after_something_was_sent_breaks_the_reply(view):
    with pytest.raises(aiohttp.ClientPayloadError):
        await view.get(path("sent"))
    assert (await view.get(path("first"))).body == b"d0000"


async def test_what_a_function_sees(view):
    assert (await view.get(path("hidden"))).body == b"undefined0"
    assert (await view.get(path("half"))).body.decode() == "\ufffdx"


async def test_a_client_that_leaves_gives_its_process_back(view):
    async with view.client.get(f"/db/{path('long')}") as reply:
        await reply.content.readany()
        pid = view.node.pool.reserve.pids[0]
        reply.close()
    await until(lambda: pid not in view.node.pool.reserve.pids)
    assert (await view.get(path("first"))).body == b"d0000"


async def test_lists_beside_each_other(view):
    answers = await asyncio.gather(*(view.get(path("ids")) for _ in range(4)))
    assert len({answer.body for answer in answers}) == 1
    assert len(view.node.pool.reserve.pids) <= view.node.pool.processes  # the others were ended


async def test_a_client_that_takes_nothing_is_left(tmp_path):
    limits = FunctionSettings(list_patience=0.2)
    settings = WorkerSettings(reserved=1, reserved_patience=30.0)
    async with (
        run_node(data=tmp_path / "data", functions=limits, workers=settings) as server,
        aiohttp.ClientSession(server.url) as client,
    ):
        db = await Database(client).create()
        await db.write("a", {})
        source = "function() { for (var n = 0; n < 9999; n++) { getRow(); send(new Array(9999).join('x')) } }"
        many = "function(d) { for (var n = 0; n < 2000; n++) emit(n, null) }"
        lists = {"f": source, "quick": "function() { return 'q' }"}
        await db.write("_design/l", {"views": {"v": {"map": many}}, "lists": lists})
        host, port = server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(b"GET /db/_design/l/_list/f/v HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200" in await reader.readline()
        assert (await db.get("_design/l/_list/quick/v")).body == b"q"  # waits for the only process
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_lists_need_a_process(view, monkeypatch):
    view.node.pool.reserve._places = asyncio.Semaphore(0)
    view.node.pool.reserve._settings = WorkerSettings(reserved_patience=0.01)
    answer = await view.get(path("first"))
    assert answer.status == 503
    assert json.loads(answer.body)["error"] == "workers_busy"


ALL_DOCS_LIST = (
    "function(head, req) { start({headers: {'Content-Type': 'application/json'}}); var row, rows = [];"
    " while (row = getRow()) rows.push(row);"
    " return JSON.stringify({total_rows: head.total_rows, offset: head.offset, rows: rows}) }"
)


async def test_all_documents_are_listed_as_a_view(db):
    await db.post("_bulk_docs", {"docs": [{"_id": letter} for letter in "abc"]})
    await db.write("_design/l", {"lists": {"all": ALL_DOCS_LIST}})
    for query in ("", "?include_docs=true&limit=1", "?startkey=%22b%22&descending=true"):
        listed = (await db.get(f"_all_docs{query}")).json
        assert (await db.get(f"_design/l/_list/all/_all_docs{query}")).json == listed
        assert (await db.get(f"_design/l/_list/all/other/_all_docs{query}")).json == listed
    asked = {"keys": ["c", "none"]}
    answer = await db.post("_design/l/_list/all/_all_docs", asked)
    assert answer.json == (await db.post("_all_docs", asked)).json
    assert (await db.ask("OPTIONS", "/_design/l/_list/all/_all_docs")).json == (await db.get("_all_docs")).json
    assert (await db.get("_design/l/_list/all/_all_docs?limit=x")).status == 400


async def test_a_single_key_is_a_list_of_keys_to_a_list_and_a_range_to_a_view(db):
    views = {"sum": {"map": "function(d) { emit(d.k, 1) }", "reduce": "_sum"}}
    await db.write("_design/l", {"views": views, "lists": {"f": "function() { return toJSON(getRow()) }"}})
    await db.write("a", {"k": 3})
    listed, asked = "_design/l/_list/f/sum", {"keys": [3]}
    assert (await db.post("_design/l/_view/sum", asked)).json["rows"] == [{"key": None, "value": 1}]
    grouped = (400, "query_parse_error", "Multi-key fetches for reduce views must use `group=true`")
    for answer in (await db.post(listed, asked), await db.get(f"{listed}?keys=[3]")):
        assert answer.error == grouped
    assert (await db.post(f"{listed}?group=true", asked)).json == {"key": 3, "value": 1}
    plain = f"{listed}?reduce=false"
    assert (await db.post(plain, asked)).json["key"] == 3
    assert (await db.post(f"{plain}&key=3", asked)).json["key"] == 3
    for query in ("key=4", "key=true", "startkey=3&endkey=4"):
        refused = (await db.post(f"{plain}&{query}", asked)).error
        assert refused == (400, "query_parse_error", "`keys` is incompatible with `key`, `start_key` and `end_key`")
    assert (await db.post(plain, {"keys": 5})).error[1] == "query_parse_error"


async def test_other_methods_than_those_of_a_view(db):
    await db.write("_design/l", {"lists": {"f": "function() { return 'x' }"}})
    for path in ("", "/f", "/f/_all_docs", "/none/v", "/a/b/c/d"):
        for method in ("PUT", "DELETE", "COPY"):
            answer = await db.ask(method, f"/_design/l/_list{path}")
            assert answer.error == (405, "method_not_allowed", "Only GET,POST,HEAD allowed")
    assert (await db.get("_design/l/_list/a/b/c/d")).error == (404, "list_error", "Invalid path.")
