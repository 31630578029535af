"""What functions are shown of a request's body: as it was sent, or the object that it had to be read as before."""

import gzip
import json

import pytest

from docstore.core.loose_text import loose_text

SEEN = "function(doc, req) { return {json: [req.body, req.form]} }"
DESIGN = {
    "filters": {
        "object": "function(doc, req) { return req.body && req.body.keep == doc._id }",
        "empty": "function(doc, req) { return req.body === '' }",
        "none": "function(doc, req) { return req.body === 'undefined' }",
    },
    "shows": {"f": "function(doc, req) { return '[' + req.body + ']' }", "seen": SEEN},
    "updates": {"seen": "function(doc, req) { return [null, {json: [req.body, req.form]}] }"},
    "lists": {"seen": "function(head, req) { return JSON.stringify([typeof req.body, req.body, getRow().id]) }"},
    "views": {"v": {"map": "function(doc) { emit(doc._id) }"}},
    "rewrites": "function(req) { return {path: '../../made', method: 'PUT'} }",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip"}
ZIPPED = gzip.compress(b'{"keys":["b"]}', mtime=0)


@pytest.fixture
async def docs(db):
    await db.post("_bulk_docs", {"docs": [{"_id": "a"}, {"_id": "b"}]})
    await db.write("_design/f", DESIGN)
    return db


async def test_a_body_of_no_bytes_is_not_no_body(db):
    await db.write("_design/f", {"shows": {"f": "function(doc, req) { return '[' + req.body + ']' }"}})
    assert (await db.get("_design/f/_show/f")).body == b"[undefined]"
    assert (await db.ask("POST", "/_design/f/_show/f", b"")).body == b"[]"


@pytest.mark.parametrize("encoding", ["gzip", "identity", "zip"])
async def test_shows_and_updates_see_what_was_sent_however_it_is_said_to_be_encoded(docs, encoding):
    for path in ("_show/seen", "_update/seen"):
        sent = await docs.ask("POST", f"/_design/f/{path}", b"a=b&c=d", **FORM | {"Content-Encoding": encoding})
        assert sent.json == ["a=b&c=d", {"a": "b", "c": "d"}]
        zipped = await docs.ask("POST", f"/_design/f/{path}", ZIPPED, **{"Content-Encoding": encoding})
        assert zipped.json == [loose_text(ZIPPED), {}]


@pytest.mark.parametrize("body", [{"keys": ["b"]}, {"limit": 1, "skip": 1}])
async def test_lists_see_the_object_of_a_query(docs, body):
    assert (await docs.post("_design/f/_list/seen/v", body)).json == ["object", body, "b"]
    text = json.dumps(body).encode()
    zipped = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    reply = await docs.ask("POST", "/_design/f/_list/seen/v", gzip.compress(text), **zipped)
    assert reply.json == ["object", body, "b"]
    assert (await docs.ask("POST", "/_design/f/_list/seen/v", text, **zipped)).status == 400


async def test_lists_see_a_large_object(docs):
    body = {"keys": ["b"], "more": ["x" * 1_000] * 100}
    assert (await docs.post("_design/f/_list/seen/v", body)).json == ["object", body, "b"]


async def test_lists_see_the_text_beside_a_query_of_the_url(docs):
    reply = await docs.ask("GET", "/_design/f/_list/seen/v", b'{"keys":["b"]}', **{"Content-Type": "application/json"})
    assert reply.json == ["string", '{"keys":["b"]}', "a"]


async def test_filters_see_the_object_that_was_posted(docs):
    found = (await docs.post("_changes?filter=f/object", {"keep": "b"})).json
    assert [row["id"] for row in found["results"]] == ["b"]
    empty = await docs.ask("POST", "/_changes?filter=f/empty", b"", **{"Content-Type": "application/json"})
    assert len(empty.json["results"]) == 3
    assert len((await docs.get("_changes?filter=f/none")).json["results"]) == 3
    assert (await docs.get("_changes?filter=f/object")).json["results"] == []


async def test_what_a_request_is_rewritten_to_is_inflated_after_all(docs):
    zipped = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    path = "/_design/f/_rewrite/x"
    assert (await docs.ask("PUT", path, b'{"n":1}', **zipped)).status == 400
    assert (await docs.ask("PUT", path, gzip.compress(b'{"n":2}'), **zipped)).status == 201
    assert (await docs.get("made")).json["n"] == 2


@pytest.mark.parametrize("length", [1, 10_000])
async def test_a_rewrite_gives_a_body_to_a_request_that_has_none(db, length):
    """As in CouchDB, however long it is."""
    source = "function(req) { return {path: '../../made', method: 'PUT', body: JSON.stringify({t: '%s'})} }"
    await db.write("_design/f", {"rewrites": source % ("x" * length)})
    assert (await db.get("_design/f/_rewrite/x")).status == 201
    assert (await db.get("made")).json["t"] == "x" * length
