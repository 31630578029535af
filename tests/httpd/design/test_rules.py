"""``validate_doc_update``: on every way by which a document can be written, and in CouchDB's words."""

import asyncio
import json
from itertools import product
from pathlib import Path

import pytest

from docstore.testing import run_node
from tests.httpd.asking import Database
from tests.httpd.uploading import Tus

MAP = "Compilation of the map function in the 'a' view failed:"
PROBLEM = {"Accept": "application/problem+json"}

NO_BAD_ONES = """function(doc, before, user, security) {
  if (doc.bad) throw({forbidden: 'no bad ones'});
  if (doc._attachments && doc._attachments.bad) throw({forbidden: 'no bad attachments'});
  if (doc._deleted && before && before.keep) throw({forbidden: 'keep it'});
}"""


async def rule(db: Database, source: str, name: str = "rule", **more) -> str:
    return await db.write(f"_design/{name}", {"validate_doc_update": source, **more})


async def refused(answer, reason: object = "no bad ones", status: int = 403, error: str = "forbidden") -> None:
    assert (answer.status, answer.json["error"], answer.json["reason"]) == (status, error, reason)


async def test_what_is_remembered_of_rules_lets_nothing_through(db):
    """A single edit is submitted by what is remembered; the writer knows if other rules hold by now."""
    await db.write("a", {})
    rev = await rule(db, NO_BAD_ONES)
    await refused(await db.put("b", {"bad": 1}))
    await db.write("b", {})
    await rule(db, "function() { throw({forbidden: 'nothing at all'}); }", _rev=rev)
    await refused(await db.put("c", {}), "nothing at all")


async def test_no_way_around(db):
    await rule(db, NO_BAD_ONES)
    await db.write("source", {"good": 1, "keep": 1})
    bad = {"bad": 1}
    await refused(await db.put("a", bad))
    await refused(await db.post("", {"_id": "a", **bad}))
    await refused(await db.put("a?new_edits=false", {"_rev": "1-a", **bad}))
    await refused(await db.put("a", {"_deleted": True, **bad}))
    rows = (await db.post("_bulk_docs", {"docs": [{"_id": "a", **bad}, {"_id": "b"}]})).json
    assert [row.get("error") for row in rows] == ["forbidden", None]
    rows = (await db.post("_bulk_docs", {"docs": [{"_id": "a", "_rev": "1-a", **bad}], "new_edits": False})).json
    assert rows == [{"id": "a", "rev": "1-a", "error": "forbidden", "reason": "no bad ones"}]
    assert (await db.get("a")).status == 404
    rev = (await db.get("source")).json["_rev"]
    await refused(await db.delete(f"source?rev={rev}"), "keep it")


async def test_two_edits_of_one_document_in_one_request(db):
    """The second is one of a revision that the first would make: it is a conflict, and cannot slip through."""
    await rule(db, NO_BAD_ONES)
    made = "1-967a00dff5e02add41819138abb3284d"  # of {}
    rows = (await db.post("_bulk_docs", {"docs": [{"_id": "a"}, {"_id": "a", "_rev": made, "bad": 1}]})).json
    assert [row.get("error") for row in rows] == [None, "conflict"]
    assert (await db.get("a")).json == {"_id": "a", "_rev": made}


async def test_attachments_and_copies(db):
    await rule(db, NO_BAD_ONES)
    await refused(await db.put("a/bad", b"bytes"), "no bad attachments")
    await refused(await db.put("a", {"_attachments": {"bad": {"data": "aGk="}}}), "no bad attachments")
    await db.put("a/good", b"bytes")
    await db.put("_design/other", {"bad": 1})
    await refused(await db.ask("COPY", "/_design/other", Destination="copy"))


async def test_a_resumable_upload(db):
    await rule(db, NO_BAD_ONES)
    tus = Tus(db)
    upload = await tus.begin("/a/bad", 5)
    answer = await tus.send(upload, 0, b"bytes")
    assert answer.status == 403
    assert (await db.get("a")).status == 404
    good = await tus.begin("/a/good", 5)
    assert (await tus.send(good, 0, b"bytes")).status < 300


async def test_resolving(db):
    leaves = ["2-" + letter * 32 for letter in "fe"]
    for rev in leaves:
        await db.replicate(
            {"_id": "a", "_rev": rev, "_revisions": {"start": 2, "ids": [rev[2:], "0" * 32]}, "keep": rev[2]}
        )
    await rule(db, NO_BAD_ONES)
    await refused(await db.post("a/_resolve", {"leaves": leaves, "body": {"bad": 1}}))
    await refused(await db.post("a/_resolve", {"leaves": leaves, "keep": leaves[0]}), "keep it")  # deletes the other
    assert len((await db.get("a?conflicts=true")).json["_conflicts"]) == 1
    row = (await db.post("_resolve", {"ids": ["a"], "keep": "winner"})).json["rows"][0]
    assert row["error"] == "forbidden"


async def test_with_an_idempotency_key(db):
    await rule(db, NO_BAD_ONES)
    for _ in range(2):  # told, and told again
        answer = await db.post("_bulk_docs", {"docs": [{"_id": "a", "bad": 1}, {"_id": "b"}]}, Idempotency_Key='"k"')
        assert [(row["id"], row.get("error")) for row in answer.json] == [("a", "forbidden"), ("b", None)]
    await refused(await db.put("a", {"bad": 1}, Idempotency_Key='"one"'))


async def test_replication_counts_what_is_refused(client, db):
    await client.put("/source")
    await client.post("/source/_bulk_docs", json={"docs": [{"_id": "a", "bad": 1}, {"_id": "b"}]})
    await rule(db, NO_BAD_ONES)
    async with client.post("/_replicate", json={"source": "source", "target": "db"}) as answer:
        history = (await answer.json())["history"][0]
    assert (history["docs_written"], history["doc_write_failures"]) == (1, 1)
    assert (await db.get("a")).status == 404


@pytest.mark.parametrize(
    ("target", "thrown"),
    [
        *product(["db", "{url}/db"], ["{forbidden: 'no'}", "{unauthorized: 'no'}", "{conflict: 'no'}"]),
        *product(["db"], ["'odd'", "null"]),  # behind a URL a 500 may be anything, and is tried again
    ],
)
async def test_whatever_a_rule_throws_replication_goes_on(server, client, db, target, thrown):
    source = await Database(client, "source").create()
    attachment = {"data": "eHh4" * 40_000}
    for doc_id, members in (("a", {"bad": 1, "_attachments": {"n": attachment}}), ("b", {"bad": 1}), ("c", {})):
        await source.write(doc_id, members)
    await rule(db, f"function(doc) {{ if (doc.bad) throw({thrown}) }}")
    asked = {"source": f"{server.url}/source", "target": target.format(url=server.url)}
    async with client.post("/_replicate", json=asked) as answer:
        history = (await answer.json())["history"][0]
    assert (history["docs_written"], history["doc_write_failures"]) == (1, 2)


async def test_local_and_design_documents_are_no_matter_for_rules(db):
    await rule(db, "function() { throw({forbidden: 'nothing'}) }")
    await db.write("_local/a", {"bad": 1})
    await db.write("_design/other", {"bad": 1})
    await refused(await db.put("a", {}), "nothing")


@pytest.mark.parametrize(
    ("thrown", "status", "error", "reason"),
    [
        ("{forbidden: 'no'}", 403, "forbidden", "no"),
        ("{forbidden: {code: 1}}", 403, "forbidden", {"code": 1}),
        ("{unauthorized: 'log in'}", 401, "unauthorized", "log in"),
        ("{conflict: 'not now'}", 409, "conflict", "not now"),
        ("'plain'", 500, "unknown_error", "plain"),
        ("{other: 'x'}", 500, "unknown_error", "x"),
        ("['error', 'named', 'why']", 500, "named", "why"),
        ("['fatal', 'not_found', 'why']", 404, "not_found", "why"),
        ("new RangeError('far')", 500, "RangeError", "far"),
        ("null", 500, "TypeError", "The function throws null."),
        ("5", 500, "unknown_error", "5"),
    ],
)
async def test_what_is_thrown(db, thrown, status, error, reason):
    await rule(db, f"function() {{ throw({thrown}) }}")
    await refused(await db.put("a", {}), reason, status, error)


@pytest.mark.parametrize("thrown", ["true", "1"])
async def test_what_is_thrown_and_lets_through(db, thrown):
    await rule(db, f"function() {{ throw({thrown}) }}")
    assert (await db.put("a", {})).status == 201


async def test_what_a_rule_sees(db):
    source = "function(d, b, u, s) { if (d.show) throw({forbidden: [d, b, u, s, this._id]}) }"
    await rule(db, source)
    rev = await db.write("a", {"n": 1, "_attachments": {"x": {"content_type": "text/plain", "data": "aGVsbG8="}}})
    answer = await db.put(f"a?rev={rev}", {"show": 1, "_attachments": {"x": {"stub": True}}})
    document, before, user, security, this = answer.json["reason"]
    history = {"start": 1, "ids": [rev[2:]]}
    stub = {"content_type": "text/plain", "revpos": 1, "digest": "md5-iMaiC8wqiFlD2NjLTemvCQ==", "length": 5}
    stubs = {"x": stub | {"stub": True}}
    assert document == {"_id": "a", "_rev": rev, "show": 1, "_revisions": history, "_attachments": stubs}
    assert before == {"_id": "a", "_rev": rev, "n": 1, "_revisions": history, "_attachments": stubs}
    assert user == {"db": "db", "name": None, "roles": ["_admin"]}
    assert security == {"members": {"roles": ["_admin"]}, "admins": {"roles": ["_admin"]}}
    assert this == "_design/rule"
    new = (await db.put("new", {"show": 1})).json["reason"]
    assert new[:2] == [{"_id": "new", "show": 1}, None]
    replicated = {"_rev": "3-c", "_revisions": {"start": 3, "ids": ["c", "b", rev[2:]]}, "show": 1}
    told = (await db.put("a?new_edits=false", replicated)).json["reason"]
    assert told[0] == {"_id": "a", **replicated}
    assert told[1]["_rev"] == rev


async def test_all_rules_in_order(db):
    await rule(db, "function(d) { if (d.n) throw({forbidden: 'first'}) }", "a")
    await rule(db, "function(d) { throw({forbidden: 'second'}) }", "b")
    await refused(await db.put("x", {"n": 1}), "first")
    await refused(await db.put("x", {}), "second")


async def test_a_rule_that_does_not_compile_refuses_everything(db):
    await rule(db, "function(")
    answer = await db.put("a", {})
    assert (answer.status, answer.json["error"]) == (500, "compilation_error")


async def test_rules_come_and_go_with_their_documents(db):
    rev = await rule(db, "function() { throw({forbidden: 'no'}) }")
    await refused(await db.put("a", {}), "no")
    rev = await db.write("_design/rule", {"_rev": rev, "validate_doc_update": "function() {}"})
    await db.write("a", {})
    rev = await db.write("_design/rule", {"_rev": rev, "validate_doc_update": "function() { throw({forbidden: 2}) }"})
    await refused(await db.put("b", {}), 2)
    await db.post("_purge", {"_design/rule": [rev]})
    await db.write("b", {})


async def test_a_rule_holds_from_its_commit_on(db):
    """Documents that are under way when the rule comes either are before it, or are checked by it."""
    flood = [asyncio.create_task(db.put(f"doc{n}", {"bad": 1})) for n in range(60)]
    await asyncio.sleep(0)
    await rule(db, NO_BAD_ONES)
    answers = await asyncio.gather(*flood)
    changes = (await db.get("_changes")).json["results"]
    order = [row["id"] for row in changes]
    assert order[-1] == "_design/rule"  # nothing bad came after
    assert len(order) == 1 + sum(answer.status == 201 for answer in answers)


async def test_a_conflict_of_states(db):
    await rule(db, "function() { throw({conflict: 'pay first', state: 'new', accepts: ['paid']}) }")
    answer = await db.put("order", {"state": "shipped"}, **PROBLEM)
    body = answer.json
    assert (answer.status, body["type"]) == (409, "urn:docstore:problem:state-conflict")
    assert (body["reason"], body["state"], body["accepts"]) == ("pay first", "new", ["paid"])
    assert body["doc_id"] == "order"
    assert [step["method"] for step in body["suggested_actions"]] == ["GET"]


async def test_rules_after_a_restart(tmp_path):
    import aiohttp

    async with run_node(data=tmp_path) as server, aiohttp.ClientSession(server.url) as client:
        await client.put("/db")
        await client.put("/db/_design/r", json={"validate_doc_update": NO_BAD_ONES})
    async with (
        run_node(data=tmp_path) as server,
        aiohttp.ClientSession(server.url) as client,
        client.put("/db/a", data=json.dumps({"bad": 1})) as answer,
    ):
        assert answer.status == 403


async def test_an_orderly_stop_waits_for_what_was_answered_before_it_was_judged(tmp_path):
    import aiohttp

    async with run_node(data=tmp_path) as server, aiohttp.ClientSession(server.url) as client:
        await client.put("/db")
        await client.put("/db/_design/r", json={"validate_doc_update": NO_BAD_ONES})
        for number in range(5):
            async with client.put(f"/db/a{number}?batch=ok", json={"good": 1}) as answer:
                assert answer.status == 202
    async with run_node(data=tmp_path) as server, aiohttp.ClientSession(server.url) as client:
        for number in range(5):
            async with client.get(f"/db/a{number}") as answer:
                assert answer.status == 200


@pytest.mark.parametrize(
    ("document", "error", "reason"),
    [
        ({"views": {"a": {"map": "function(doc){"}}}, "compilation_error",
         f"{MAP} SyntaxError: unexpected token in expression: '' (function(doc){{)"),
        ({"views": {"a": {"map": "1+1"}}}, "compilation_error",
         f"{MAP} Expression does not eval to a function. (1+1)"),
        ({"views": {"a": {"map": "function(d){}", "reduce": "function("}}}, "compilation_error",
         f"{MAP.replace('map', 'reduce')} SyntaxError: missing formal parameter (function()"),
        ({"views": 1}, "invalid_design_doc", "`views` field must have object type"),
        ({"_deleted": True, "views": 1}, "invalid_design_doc", "`views` field must have object type"),
        ({"options": {"partitioned": True}}, "invalid_design_doc",
         "partitioned option cannot be true in a non-partitioned database."),
    ],
)  # fmt: skip
async def test_design_documents_are_checked(db, document, error, reason):
    await refused(await db.put("_design/d", document), reason, 400, error)
    row = (await db.post("_bulk_docs", {"docs": [{"_id": "_design/d", **document}]})).json[0]
    assert (row["error"], row["reason"]) == (error, reason)
    await refused(await db.put("_design/d?new_edits=false", {"_rev": "1-a", **document}), reason, 400, error)


async def test_an_empty_function(db):
    await refused(await db.put("_design/d", {"views": {"a": {"map": ""}}}), "missing function", 404, "not_found")


async def test_the_recipe_of_the_docs(db):
    page = (Path(__file__).parents[3] / "docs" / "conflicts.md").read_text()
    source = page.partition("```javascript\n")[2].partition("```")[0]
    await rule(db, source, "orders")
    await refused(
        await db.put("1", {"state": "shipped"}), "An order must be paid before it is shipped.", 409, "conflict"
    )
    rev = await db.write("1", {"state": "new"})
    told = (await db.put(f"1?rev={rev}", {"state": "shipped"}, **PROBLEM)).json
    assert (told["type"], told["title"]) == (
        "urn:docstore:problem:state-conflict",
        "The document's state does not allow the edit",
    )
    assert (told["state"], told["accepts"], told["current_rev"]) == ("new", ["new", "paid"], rev)
    for state in ("paid", "shipped"):
        rev = await db.write(f"1?rev={rev}", {"state": state})
    await db.delete(f"1?rev={rev}")
    stats = (await db.client.get("/_docstore/conflict_stats")).status
    assert stats == 200
