"""Unique indexes over HTTP: every way to write obeys them, and what stands twice is listed."""

import asyncio

import pytest

from docstore.replication.backup.backup import restore, save
from docstore.replication.backup.file import BackupWriter, verify
from docstore.replication.local.peer import LocalPeer
from tests.httpd.asking import Database

PROBLEMS = {"Accept": "application/problem+json"}
DESIGN = {
    "language": "query",
    "views": {
        "email": {
            "map": {"fields": {"email": "asc"}},
            "reduce": "_count",
            "options": {"def": {"fields": ["email"]}, "unique": True},
        }
    },
}
TAKES = {"updates": {"take": "function (doc, req) { return [{_id: req.id, email: 'x'}, 'done']; }"}}


@pytest.fixture
async def people(server, db):
    """A database whose documents have an ``email`` of their own; ``sue`` has x."""
    await db.write("_design/people", DESIGN)
    await db.write("_design/takes", TAKES)
    await server.node.registry.unique.finish()
    await db.write("sue", {"email": "x"})
    return db


async def test_the_refusal_in_words(people):
    answer = await people.put("susan", {"email": "x"})
    assert answer.status == 409
    assert answer.json == {
        "error": "conflict",
        "reason": 'The document "sue" has the same value of "email", which is to be unique.',
    }


async def test_the_problem(people):
    answer = await people.put("susan", {"email": "x"}, **PROBLEMS)
    assert answer.status == 409
    problem = answer.json
    assert problem["type"] == "urn:docstore:problem:not-unique"
    assert problem["doc_id"] == "susan"
    assert problem["other_id"] == "sue"
    assert problem["fields"] == ["email"]
    assert problem["index"] == {"ddoc": "_design/people", "name": "email"}
    assert [step["href"].rpartition("/db/")[2] for step in problem["suggested_actions"]] == [
        "sue",
        "_conflicts?kind=unique",
    ]


@pytest.mark.parametrize("lenient", [{}, {"Prefer": "handling=lenient"}])
async def test_rows_of_a_bulk(people, lenient):
    docs = [{"_id": "a", "email": "x"}, {"_id": "b", "email": "y"}, {"_id": "c", "email": "y"}]
    answer = await people.post("_bulk_docs", {"docs": docs}, **PROBLEMS, **lenient)
    rows = answer.json
    assert [row.get("error") for row in rows] == ["conflict", None, "conflict"]
    assert [row["problem"]["other_id"] for row in rows if "problem" in row] == ["sue", "b"]
    assert rows[0]["problem"]["type"].endswith(":not-unique")


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("PUT", "a", {"email": "x"}, {}),
        ("PUT", "a?batch=ok", {"email": "x"}, {}),
        ("POST", "", {"_id": "a", "email": "x"}, {}),
        ("POST", "", {"email": "x"}, {}),
        ("PUT", "a", {"email": "x", "_attachments": {"f": {"content_type": "a/b", "data": "YQ=="}}}, {}),
        ("PUT", "a", {"email": "x"}, {"Idempotency-Key": "k"}),
        ("PUT", "a", {"email": "x"}, {"Prefer": "handling=lenient"}),
        ("PUT", "a", {"email": "x"}, {"If-None-Match": "*"}),
        ("COPY", "sue", None, {"Destination": "a"}),
        ("POST", "_design/takes/_update/take/a", None, {}),
        ("POST", "_bulk_docs", {"docs": [{"_id": "a", "email": "x"}]}, {}),
        ("POST", "_bulk_docs", {"docs": [{"_id": "a", "email": "x"}]}, {"Idempotency-Key": "k"}),
    ],
)
async def test_every_way_to_write_obeys(people, method, path, body, headers):
    answer = await people.ask(method, f"/{path}" if path else "", body, **headers)
    if path == "_bulk_docs":
        assert [row["error"] for row in answer.json] == ["conflict"]
    elif "batch=ok" not in path:
        assert answer.status == 409, answer
        assert "to be unique" in answer.json["reason"]
    listed = await people.post("_all_docs", {"keys": ["a"]})
    assert listed.json["rows"] == [{"key": "a", "error": "not_found"}]


async def test_an_attachment_is_no_new_value(people):
    rev = (await people.get("sue")).json["_rev"]
    answer = await people.ask("PUT", f"/sue/f?rev={rev}", b"a", Content_Type="a/b")
    assert answer.status == 201, answer


async def test_replicated_ones_stand_and_are_listed(people):
    await people.replicate({"_id": "susan", "_rev": "1-" + "a" * 32, "email": "x"})
    answer = await people.get("_conflicts?kind=unique")
    listed = answer.json
    assert listed["rows"] == [
        {"ddoc": "_design/people", "name": "email", "fields": ["email"], "values": ["x"], "ids": ["sue", "susan"]}
    ]
    assert listed["total_rows"] == 1
    posted = await people.post("_conflicts", {"kind": "unique", "bookmark": listed["bookmark"]})
    assert posted.json == {"total_rows": 1, "rows": [], "bookmark": listed["bookmark"]}
    assert (await people.get("_conflicts?kind=unique&skip=1")).json["rows"] == []
    assert (await people.get("_conflicts?kind=unique&limit=0")).json["rows"] == []
    assert (await people.ask("HEAD", "/_conflicts?kind=unique")).status == 200
    assert (await people.get("_conflicts")).json["total_rows"] == 0
    metrics = (await people.client.get("/_node/_local/_prometheus")).text
    assert "docstore_unique_duplicates 1.0" in await metrics()


@pytest.mark.parametrize(
    "query", ["kind=other", "kind=", "kind=unique&startkey=1", "kind=unique&bookmark=zz", "kind=unique&bookmark=00",
              "kind=unique&limit=-1", "kind=unique&skip=x"],
)  # fmt: skip
async def test_what_the_listing_refuses(people, query):
    answer = await people.get(f"_conflicts?{query}")
    assert answer.status == 400, answer
    assert answer.json["error"] == "query_parse_error"


async def test_of_many_at_once_one_has_each_value(people):
    answers = await asyncio.gather(
        *(people.put(f"d{writer}-{value}", {"email": value}) for value in range(8) for writer in range(4))
    )
    assert [answer.status for answer in answers].count(201) == 8
    docs = [[{"_id": f"b{writer}-{value}", "email": f"b{value}"} for value in range(50)] for writer in range(4)]
    bulk = [people.post("_bulk_docs", {"docs": each}) for each in docs]
    written = [row for answer in await asyncio.gather(*bulk) for row in answer.json if "ok" in row]
    assert len(written) == 50


async def test_refusals_are_counted_by_their_kind(people):
    await people.put("a", {"email": "x"})
    await people.post("_bulk_docs", {"docs": [{"_id": "a", "email": "x"}]})
    stats = await people.client.get("/_node/_local/_prometheus")
    assert 'docstore_conflicts_total{db="db",kind="not-unique"} 2.0' in await stats.text()


# --- _index


async def finished(server):
    await server.node.registry.unique.finish()


async def test_an_index_is_made_listed_used_and_removed(server, db):
    for n in range(3):
        await db.write(f"d{n}", {"email": n, "on": True})
    index = {"fields": ["email"], "partial_filter_selector": {"on": True}}
    made = await db.post("_index", {"index": index, "ddoc": "people", "name": "email", "unique": True})
    assert made.status == 200
    assert made.json == {"result": "created", "id": "_design/people", "name": "email"}
    again = await db.post("_index", {"index": index, "ddoc": "people", "name": "email", "unique": True})
    assert again.json["result"] == "exists"
    [_, listed] = (await db.get("_index")).json["indexes"]
    assert listed == {
        "ddoc": "_design/people",
        "name": "email",
        "type": "json",
        "partitioned": False,
        "unique": True,
        "def": {"fields": [{"email": "asc"}], "partial_filter_selector": {"on": {"$eq": True}}},
        "state": "active",
    }
    assert (await db.put("x", {"email": 1, "on": True})).status == 409
    assert (await db.put("x", {"email": 1})).status == 201
    found = await db.post("_find", {"selector": {"email": 1, "on": True}, "use_index": "people"})
    assert [doc["_id"] for doc in found.json["docs"]] == ["d1"]
    assert (await db.delete("_index/people/json/email")).json == {"ok": True}
    assert (await db.put("x2", {"email": 1, "on": True})).status == 201
    assert len((await db.get("_index")).json["indexes"]) == 1
    await finished(server)


async def test_an_index_over_duplicates_is_refused_and_lists_some(server, db):
    await db.write("a", {"email": "x"})
    await db.write("b", {"email": "x"})
    asked = {"index": {"fields": ["email"]}, "unique": True}
    answer = await db.post("_index", asked)
    assert answer.error == (
        409, "conflict", 'Documents have the same value of "email", so it cannot be unique: "a", "b".'
    )  # fmt: skip
    problem = (await db.post("_index", asked, **PROBLEMS)).json
    assert problem["type"] == "urn:docstore:problem:duplicates-exist"
    assert problem["duplicates"] == [["a", "b"]]
    assert (await db.get("_index")).json["total_rows"] == 1
    assert (await db.get("_design_docs")).json["rows"] == []
    await db.write("c", {"email": "x"})
    await finished(server)


async def test_names_of_unique_indexes_are_their_own(db):
    index = {"fields": ["email"]}
    made = [(await db.post("_index", {"index": index, "unique": unique})).json for unique in (False, True)]
    assert [one["result"] for one in made] == ["created", "created"]
    assert made[0]["id"] != made[1]["id"]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"unique": 1}, "invalid_boolean"),
        ({"unique": True, "type": "text"}, "invalid_index"),
        ({"unique": True, "index": {"fields": ["_id"]}}, "bad_request"),
        ({"unique": True, "index": {"fields": []}}, "bad_request"),
        ({"unique": True, "index": {"fields": "email"}}, "invalid_sort_json"),
        (
            {"unique": True, "index": {"fields": ["a"], "partial_filter_selector": {"b": {"$regex": "x"}}}},
            "bad_request",
        ),
        (
            {"unique": True, "index": {"fields": ["a"], "partial_filter_selector": {"b": {"$no": 1}}}},
            "invalid_operator",
        ),
        ({"unique": True, "index": {"fields": [f"f{n}" for n in range(17)]}}, "bad_request"),
    ],
)
async def test_an_index_that_cannot_be(server, db, more, error):
    answer = await db.post("_index", {"index": {"fields": ["email"]}, "ddoc": "u"} | more)
    assert 400 <= answer.status < 504, answer
    assert answer.json["error"] == error
    assert (await db.get("_design_docs")).json["rows"] == []
    assert server.node.registry.unique.status(server.node.registry.open("db").number) == {}


async def test_one_that_is_not_enforced_says_so(db):
    views = {"v": {"map": {"fields": {"_id": "asc"}}, "reduce": "_count", "options": {"def": {}, "unique": True}}}
    await db.write("_design/u", {"language": "query", "views": views})
    [_, listed] = (await db.get("_index")).json["indexes"]
    assert listed["state"] == "not enforced"


async def test_a_request_that_replaces_an_index_leaves_one(server, db):
    await db.write("a", {"email": "x", "name": "y"})
    for fields in (["email"], ["name"]):
        answer = await db.post("_index", {"index": {"fields": fields}, "ddoc": "u", "name": "v", "unique": True})
        assert answer.status == 200, answer
    await db.write("b", {"email": "x"})
    assert (await db.put("c", {"name": "y"})).status == 409
    await finished(server)
    assert len((await db.get("_index")).json["indexes"]) == 2


async def test_many_ask_for_one_index_and_others_write(server, db):
    docs = [{"_id": f"d{n}", "email": n} for n in range(1_000)]
    await db.post("_bulk_docs", {"docs": docs})
    asked = {"index": {"fields": ["email"]}, "ddoc": "u", "name": "v", "unique": True}
    asking = [db.post("_index", asked) for _ in range(4)]
    writing = [db.put(f"w{n}", {"email": f"w{n % 5}"}) for n in range(20)]
    answers = await asyncio.gather(*asking, *writing)
    assert {answer.status for answer in answers[:4]} <= {200, 409}
    if all(answer.status == 200 for answer in answers[:4]):
        assert (await db.put("late", {"email": 5})).status == 409
        listed = (await db.get("_conflicts?kind=unique")).json
        assert listed["rows"] == []
    await finished(server)


# --- elsewhere


async def test_an_index_replicates_with_its_design_document(server, people):
    await people.replicate({"_id": "susan", "_rev": "1-" + "a" * 32, "email": "x"})
    async with people.client.post(
        "/_replicate", json={"source": f"{server.url}/db", "target": f"{server.url}/copy", "create_target": True}
    ) as reply:
        assert (await reply.json())["ok"]
    await finished(server)
    copy = Database(people.client, "copy")
    listed = (await copy.get("_conflicts?kind=unique")).json
    assert [row["ids"] for row in listed["rows"]] == [["sue", "susan"]]
    assert (await copy.put("new", {"email": "x"})).status == 409


async def test_an_index_comes_back_with_a_backup(server, people, tmp_path):
    registry = server.node.registry
    source = LocalPeer(registry, "db")
    with BackupWriter.create(tmp_path / "file", "db") as writer:
        await save(source, writer, lambda saved: None)
    await source.close()
    await registry.create("restored")
    target = LocalPeer(registry, "restored")
    failures: list[object] = []
    await restore(tmp_path / "file", verify(tmp_path / "file"), target, lambda restored: None, failures.append)
    assert failures == []
    await target.close()
    await finished(server)
    restored = Database(people.client, "restored")
    assert (await restored.put("new", {"email": "x"})).status == 409
    assert (await restored.get("_index")).json["indexes"][1]["state"] == "active"
