"""``_changes``: feeds, parameters, filters and their errors."""

import asyncio
import json

import pytest
from yarl import URL

from tests.httpd.asking import JSON
from tests.httpd.attaching import wire


def ids(answer):
    return [row["id"] for row in answer.json["results"]]


def lines(answer):
    return [json.loads(line) for line in answer.body.splitlines() if line.strip()]


def events(answer):
    """Data and id of each event with data."""
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in answer.body.decode().split("\n\n")]
    return [(json.loads(block["data"]), block["id"]) for block in blocks if block.get("data")]


class Listener:
    """A feed read piece by piece; ``await listener.until(text)`` waits for a text in it."""

    def __init__(self, reply):
        self.reply = reply
        self.text = b""

    async def until(self, text):
        async with asyncio.timeout(5):
            while text not in self.text:
                piece = await self.reply.content.readany()
                assert piece, f"the feed ended with {self.text!r}"
                self.text += piece

    async def rest(self):
        async with asyncio.timeout(5):
            self.text += await self.reply.read()
        return self.text


@pytest.fixture
async def listen(db):
    """Open a feed; the reply's head has come when it returns."""
    replies = []

    async def open_feed(query, method="GET", body=None):
        url = URL(f"/{db.name}/_changes?{query}", encoded=True)
        headers = JSON | ({"Content-Type": "application/json"} if body else {})
        reply = await db.client.request(method, url, headers=headers, data=json.dumps(body) if body else None)
        replies.append(reply)
        assert reply.status == 200
        return Listener(reply)

    yield open_feed
    for reply in replies:
        reply.close()


@pytest.fixture
async def abc(db):
    for name in "abc":
        await db.write(name, {"v": name})
    return db


async def test_text(abc):
    answer = await abc.get("_changes")
    rows = answer.json["results"]
    assert answer.body.startswith(b'{"results":[\n{"seq":"1-')
    assert [list(row) for row in rows] == [["seq", "id", "changes"]] * 3
    last = rows[-1]["seq"]
    assert answer.body.endswith(b'}]}\n],\n"last_seq":"%b","pending":0}\n' % last.encode())
    assert answer.headers["Cache-Control"] == "must-revalidate"


async def test_nothing(db):
    answer = await db.get("_changes")
    assert answer.json["results"] == []
    assert answer.json["pending"] == 0


async def test_since_and_limit(abc):
    rows = (await abc.get("_changes")).json["results"]
    assert ids(await abc.get(f"_changes?since={rows[0]['seq']}")) == ["b", "c"]
    assert ids(await abc.get(f'_changes?since="{rows[0]["seq"]}"')) == ["b", "c"]
    assert ids(await abc.get(f"_changes?last-event-id={rows[1]['seq']}")) == ["c"]
    assert ids(await abc.get("_changes?since=now")) == []
    for limit, pending in ((0, 3), (2, 1), (9, 0)):
        answer = await abc.get(f"_changes?limit={limit}")
        assert (ids(answer), answer.json["pending"]) == ([*"abc"][:limit], pending)
    assert ids(await abc.get("_changes?limit=-1")) == [*"abc"]


async def test_descending(abc):
    assert ids(await abc.get("_changes?descending=true")) == [*"cba"]
    answer = await abc.get("_changes?descending=true&limit=1&since=nonsense")
    assert (ids(answer), answer.json["pending"]) == (["c"], 2)
    assert ids(await abc.get("_changes?descending=foo")) == [*"abc"]


async def test_documents(abc):
    rev = (await abc.get("a")).json["_rev"]
    await abc.delete(f"a?rev={rev}")
    await abc.replicate({"_id": "b", "_rev": "1-0"})
    row = (await abc.get("_changes?include_docs=true")).json["results"][1]
    assert row["deleted"] is True
    assert row["doc"]["_deleted"] is True
    row = (await abc.get("_changes?include_docs=true&conflicts=true")).json["results"][-1]
    assert row["doc"]["_conflicts"] == ["1-0"]
    assert "doc" not in (await abc.get("_changes?include_docs=1")).json["results"][0]


async def test_style(db):
    await db.replicate({"_id": "t", "_rev": "1-a"}, {"_id": "t", "_rev": "1-b"})
    assert (await db.get("_changes")).json["results"][0]["changes"] == [{"rev": "1-b"}]
    answer = await db.get("_changes?style=all_docs")
    assert answer.json["results"][0]["changes"] == [{"rev": "1-b"}, {"rev": "1-a"}]


async def test_seq_interval(abc):
    answer = await abc.get("_changes?seq_interval=2&limit=4")
    assert [row["seq"] is None for row in answer.json["results"]] == [False, True, False]


async def test_etag(abc):
    etag = (await abc.get("_changes")).headers["ETag"]
    answer = await abc.get("_changes?limit=1", If_None_Match=etag)
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", etag)
    head = await abc.ask("HEAD", "/_changes")
    assert (head.status, head.headers["ETag"]) == (200, etag)
    await abc.write("d", {})
    assert (await abc.get("_changes", If_None_Match=etag)).status == 200


@pytest.mark.parametrize(
    ("query", "error", "reason"),
    [
        ("since=foo", "bad_request", "Malformed sequence supplied in 'since' parameter."),
        ("since=99999", "bad_request", "Malformed sequence supplied in 'since' parameter."),
        ("since=", "bad_request", "Malformed sequence supplied in 'since' parameter."),
        ("feed=longpoll&since=foo", "bad_request", "Malformed sequence supplied in 'since' parameter."),
        (
            "feed=bogus",
            "bad_request",
            "Supported `feed` types: normal, continuous, live, longpoll, eventsource",
        ),
        ("style=bogus", "bad_request", "Supported `style` types: main_only, all_docs"),
        ("since=" + "9" * 30, "bad_request", "Malformed sequence supplied in 'since' parameter."),
        ("limit=x", "query_parse_error", 'Invalid value for integer: "x"'),
        ("timeout=x", "query_parse_error", 'Invalid value for integer: "x"'),
        ("timeout=-1", "query_parse_error", "The timeout value should not be negative (in milliseconds)."),
        ("heartbeat=0", "bad_request", "The heartbeat value should be a positive integer (in milliseconds)."),
        ("heartbeat=-5", "bad_request", "The heartbeat value should be a positive integer (in milliseconds)."),
        (
            "heartbeat=foo",
            "bad_request",
            "Invalid heartbeat value. Expecting a positive integer value (in milliseconds).",
        ),
        ("seq_interval=0", "bad_request", "invalid_seq_interval"),
        ("seq_interval=x", "bad_request", "invalid_seq_interval"),
        ("filter=_nope", "bad_request", "unknown builtin filter name"),
        ("filter=_doc_ids", "bad_request", "`doc_ids` filter parameter is not a list of doc ids."),
        ('filter=_doc_ids&doc_ids="a"', "bad_request", "`doc_ids` filter parameter is not a list of doc ids."),
        ("filter=_doc_ids&doc_ids=[5]", "bad_request", "`doc_ids` filter parameter is not a list of doc ids."),
        ("filter=_doc_ids&doc_ids=[", "bad_request", "invalid UTF-8 JSON"),
        ("filter=_selector", "bad_request", "Selector must be specified in POST payload"),
        ("filter=_view", "bad_request", "`view` filter parameter is not provided."),
        ("filter=_view&view=d", "bad_request", "`view` must be of the form `designname/viewname`"),
        ("filter=x", "bad_request", "`filter` must be of the form `designname/filtername`"),
    ],
)
async def test_bad_parameters(abc, query, error, reason):
    assert (await abc.get(f"_changes?{query}")).error == (400, error, reason)


async def test_wrong_method(abc):
    assert (await abc.delete("_changes")).error == (405, "method_not_allowed", "Only GET,POST,HEAD allowed")


async def test_functions_of_design_documents(abc):
    assert (await abc.get("_changes?filter=d/f")).error == (404, "not_found", "missing")
    view = {"map": "function (doc) { if (doc._id == 'b') emit(1) }"}
    await abc.write("_design/d", {"filters": {"f": "function (doc) { return doc._id > 'a' }"}, "views": {"v": view}})
    assert (await abc.get("_changes?filter=d/g")).error == (404, "not_found", "missing json key: g")
    assert (await abc.get("_changes?filter=_view&view=d/w")).error == (404, "not_found", "missing json key: w")
    assert ids(await abc.get("_changes?filter=d/f")) == ["b", "c"]
    assert ids(await abc.get("_changes?filter=_view&view=d/v")) == ["b"]


async def test_no_filter(abc):
    for name in ("", "/"):
        assert ids(await abc.get(f"_changes?filter={name}")) == [*"abc"]


@pytest.mark.parametrize("doc_ids", [5, {}, "a", [5], ["a", None], ["a", ["b"]], ["a", {}]])
async def test_what_are_no_doc_ids(abc, doc_ids):
    answer = await abc.post("_changes?filter=_doc_ids", {"doc_ids": doc_ids})
    assert answer.error == (400, "bad_request", "`doc_ids` filter parameter is not a list of doc ids.")


async def test_doc_ids(abc):
    answer = await abc.get('_changes?filter=_doc_ids&doc_ids=["b","zz"]')
    assert (ids(answer), answer.json["pending"]) == (["b"], 2)
    answer = await abc.post("_changes?filter=_doc_ids", {"doc_ids": ["c", "a"]})
    assert ids(answer) == ["a", "c"]
    assert ids(await abc.post("_changes", {"doc_ids": ["a"]})) == [*"abc"]
    assert ids(await abc.post("_changes?filter=_doc_ids", {"doc_ids": []})) == []


async def test_design(abc):
    await abc.put("_design/d", {})
    answer = await abc.get("_changes?filter=_design")
    assert (ids(answer), answer.json["pending"]) == (["_design/d"], 3)


async def test_selector(abc):
    path = "_changes?filter=_selector"
    assert ids(await abc.post(path, {"selector": {"v": {"$gte": "b"}}})) == ["b", "c"]
    assert ids(await abc.post(path, {"selector": {}})) == [*"abc"]
    answer = await abc.post(f"{path}&include_docs=true", {"selector": {"_id": "a"}, "fields": ["v"]})
    assert answer.json["results"][0]["doc"] == {"v": "a"}
    for body, reason in (
        ({}, "Selector error: expected a JSON object"),
        ({"selector": [1]}, "Selector error: expected a JSON object"),
        ({"selector": {"v": {"$bad": 1}}}, "Invalid operator: $bad"),
        ({"selector": {}, "fields": "v"}, "Selector error: fields must be JSON array"),
        ({"selector": {}, "fields": [5]}, "Invalid JSON for field spec: 5"),
    ):
        assert (await abc.post(path, body)).error == (400, "bad_request", reason)
    assert ids(await abc.post(path, {"selector": {"v": {"$regex": "^[ac](?!x)"}}})) == ["a", "c"]
    answer = await abc.post(path, {"selector": {"$text": "x"}})
    assert answer.error == (400, "bad_request", "Unsupported operator: $text")


async def test_selector_of_all_leaves(db):
    await db.replicate({"_id": "t", "_rev": "1-a", "n": 1}, {"_id": "t", "_rev": "1-b", "n": 2})
    path = "_changes?filter=_selector&style=all_docs"
    answer = await db.post(path, {"selector": {"n": 1}})
    assert answer.json["results"][0]["changes"] == [{"rev": "1-a"}]
    assert ids(await db.post(path, {"selector": {"n": 3}})) == []


async def test_post(abc):
    assert ids(await abc.post("_changes", b"")) == [*"abc"]
    assert ids(await abc.post("_changes?filter=_design", b"")) == []
    assert (await abc.post("_changes?filter=_nope", b"")).error == (400, "bad_request", "unknown builtin filter name")
    assert (await abc.post("_changes?filter=_selector", b"")).error == (400, "bad_request", "invalid UTF-8 JSON")
    assert (await abc.post("_changes", b"x")).error == (400, "bad_request", "invalid UTF-8 JSON")
    assert (await abc.post("_changes", [])).error == (400, "bad_request", "Request body must be a JSON object")
    assert (await abc.post("_changes?filter=_doc_ids", b"")).error == (400, "bad_request", "invalid UTF-8 JSON")
    answer = await abc.post("_changes", {}, Content_Type="text/plain")
    assert answer.error == (415, "bad_content_type", "Content-Type must be application/json")


@pytest.mark.parametrize("query", ["seq_interval=0", "limit=x", "style=bogus", "heartbeat=0", "since=bogus", "feed=x"])
async def test_a_body_is_judged_before_the_parameters(abc, query):
    answer = await abc.post(f"_changes?{query}", [], Content_Type="text/plain")
    assert answer.error == (415, "bad_content_type", "Content-Type must be application/json")
    answer = await abc.post(f"_changes?{query}", [])
    assert answer.error == (400, "bad_request", "Request body must be a JSON object")
    assert (await abc.post(f"_changes?{query}", {})).status == 400


async def test_longpoll_with_something_to_tell(abc):
    answer = await abc.get("_changes?feed=longpoll&limit=2")
    assert (ids(answer), answer.json["pending"]) == (["a", "b"], 1)
    assert "ETag" not in answer.headers


async def test_longpoll_ends_after_its_timeout(abc):
    answer = await abc.get("_changes?feed=longpoll&since=now&timeout=1")
    assert ids(answer) == []
    assert answer.json["last_seq"].startswith("3-")


async def test_longpoll_waits_for_a_write(abc, listen):
    feed = await listen("feed=longpoll&since=now")
    await feed.until(b'{"results":[\n')
    await abc.write("d", {})
    assert [row["id"] for row in json.loads(await feed.rest())["results"]] == ["d"]


async def test_longpoll_waits_for_what_its_filter_lets_through(abc, listen):
    feed = await listen("feed=longpoll&since=now&filter=_selector", "POST", {"selector": {"v": 1}})
    await abc.write("d", {"v": 2})
    await abc.write("e", {"v": 1})
    assert [row["id"] for row in json.loads(await feed.rest())["results"]] == ["e"]


async def test_longpoll_with_a_heartbeat(abc, listen):
    feed = await listen("feed=longpoll&since=now&heartbeat=1&timeout=1")
    await feed.until(b"\n\n\n")
    await abc.write("d", {})
    assert [row["id"] for row in json.loads(await feed.rest())["results"]] == ["d"]


async def test_continuous(abc):
    answer = await abc.get("_changes?feed=continuous&timeout=1")
    *rows, last = lines(answer)
    assert [row["id"] for row in rows] == [*"abc"]
    assert last == {"last_seq": rows[-1]["seq"], "pending": 0}
    answer = await abc.get("_changes?feed=live&limit=1&include_docs=true")
    row, last = lines(answer)
    assert row["doc"]["v"] == "a"
    assert last == {"last_seq": row["seq"], "pending": 2}


async def test_continuous_goes_on(abc, listen):
    feed = await listen("feed=continuous&since=now&limit=2")
    await feed.until(b"\n")
    for name in "def":
        await abc.write(name, {})
    rows = [json.loads(line) for line in (await feed.rest()).splitlines() if line]
    assert [row.get("id") for row in rows] == ["d", "e", None]


async def test_continuous_heartbeat(abc, listen):
    feed = await listen("feed=continuous&since=now&heartbeat=1")
    await feed.until(b"\n\n\n")
    await abc.write("d", {})
    await feed.until(b'"id":"d"')


async def test_eventsource(abc):
    answer = await abc.get("_changes?feed=eventsource&timeout=1")
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-cache"
    found = events(answer)
    assert [data["id"] for data, _ in found] == [*"abc"]
    assert [json.loads(event_id) for _, event_id in found] == [data["seq"] for data, _ in found]
    last = found[1][1]
    again = await abc.get("_changes?feed=eventsource&timeout=1&since=0", Last_Event_ID=last)
    assert [data["id"] for data, _ in events(again)] == ["c"]
    assert ids(await abc.get("_changes?since=0", Last_Event_ID=last)) == [*"abc"]


async def test_eventsource_heartbeat(abc, listen):
    feed = await listen("feed=eventsource&since=now&heartbeat=1")
    await feed.until(b"event: heartbeat\ndata: \n\n")
    await abc.write("d", {})
    await feed.until(b'\nid: "4-')


async def test_a_deleted_database_ends_its_feeds(abc, listen):
    longpoll = await listen("feed=longpoll&since=now")
    continuous = await listen("feed=continuous&since=now")
    assert (await abc.ask("DELETE", "")).status == 200
    assert json.loads(await longpoll.rest())["results"] == []
    assert b'"last_seq"' in await continuous.rest()


async def test_head_of_a_feed_does_not_wait(abc):
    answer = await abc.ask("HEAD", "/_changes?feed=continuous")
    assert (answer.status, answer.body) == (200, b"")


async def test_a_stop_of_the_server_ends_feeds_properly(tmp_path):
    import aiohttp

    from docstore.testing import run_node
    from tests.httpd.asking import Database

    async with aiohttp.ClientSession() as session:
        async with run_node(data=tmp_path) as server:
            session._base_url = URL(server.url)
            await Database(session).create()
            feeds = [
                Listener(await session.get(f"{server.url}/db/_changes?since=now&feed={feed}"))
                for feed in ("longpoll", "continuous", "eventsource")
            ]
        longpoll, continuous, eventsource = [await feed.rest() for feed in feeds]
    assert json.loads(longpoll)["results"] == []
    assert json.loads(continuous)["pending"] == 0
    assert eventsource.strip() == b""


async def test_more_than_a_chunk(db):
    docs = [{"_id": f"d{number:04}"} for number in range(2_000)]
    await db.post("_bulk_docs", {"docs": docs})
    assert ids(await db.get("_changes")) == [doc["_id"] for doc in docs]
    assert len(lines(await db.get("_changes?feed=continuous&timeout=1"))) == 2_001


async def test_the_body_of_a_post_is_json_unless_it_is_announced_to_be_empty(server, db):
    head = b"POST /db/_changes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for rest, status in (
        (b"Content-Length: 0\r\n\r\n", 200),
        (b"Content-Length: 2\r\n\r\n{}", 200),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"\r\n", 400),
    ):
        async with wire(server) as raw:
            assert (await raw.ask(head + rest)).status == status


@pytest.mark.parametrize("path", ["", "_all_docs", "_bulk_docs", "_revs_diff", "_changes", "_purge", "_compact"])
@pytest.mark.parametrize("content_type", ["Application/JSON", "application/json ; charset=utf-8", "application/jsonx"])
async def test_the_type_of_json_is_taken_letter_for_letter(db, path, content_type):
    answer = await db.post(path, {}, Content_Type=content_type)
    assert answer.error == (415, "bad_content_type", "Content-Type must be application/json")
    assert (await db.post(path, {}, Content_Type="application/json;charset=utf-8")).status != 415


async def test_a_body_that_is_not_announced(server, db):
    for line in (b"PUT /db/doc", b"POST /db", b"POST /db/_all_docs", b"POST /db/_bulk_docs", b"PUT /db/_security"):
        async with wire(server) as raw:
            answer = await raw.ask(line + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n")
            assert (answer.status, json.loads(answer.body)["reason"]) == (400, "Missing request body")
