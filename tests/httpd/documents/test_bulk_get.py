"""``_bulk_get``: revisions of many documents."""

import pytest

from tests.core.test_multipart import read

C, D = "3-" + "c" * 32, "2-" + "d" * 32


@pytest.fixture
async def tree(db):
    ids = ["c" * 32, "b" * 32, "a" * 32]
    await db.replicate(
        {"_id": "t", "_rev": C, "_revisions": {"start": 3, "ids": ids}, "n": 1},
        {"_id": "t", "_rev": D, "_revisions": {"start": 2, "ids": ["d" * 32, "a" * 32]}, "n": 2},
        {"_id": "one", "_rev": "1-aa"},
    )
    return db


def missing(doc_id, rev):
    return {"error": {"id": doc_id, "rev": rev, "error": "not_found", "reason": "missing"}}


def refused(doc_id, rev, reason, error="bad_request"):
    return {"id": doc_id, "docs": [{"error": {"id": doc_id, "rev": rev, "error": error, "reason": reason}}]}


async def results(db, *docs, query=""):
    answer = await db.post(f"_bulk_get{query}", {"docs": list(docs)})
    assert answer.status == 200
    return answer.json["results"]


async def test_all_leaves(tree):
    first, second, third = await results(tree, {"id": "t"}, {"id": "one"}, {"id": "none"})
    assert first["id"] == "t"
    assert {row["ok"]["_rev"] for row in first["docs"]} == {C, D}
    assert second == {"id": "one", "docs": [{"ok": {"_id": "one", "_rev": "1-aa"}}]}
    assert third == {"id": "none", "docs": [missing("none", "undefined")]}


async def test_named(tree):
    assert await results(tree, {"id": "t", "rev": D}, {"id": "t", "rev": "9-9"}, {"id": "none", "rev": "1-a"}) == [
        {"id": "t", "docs": [{"ok": {"_id": "t", "_rev": D, "n": 2}}]},
        {"id": "t", "docs": [missing("t", "9-9")]},
        {"id": "none", "docs": [missing("none", "1-a")]},
    ]


async def test_revs_and_latest(tree):
    (row,) = await results(tree, {"id": "t", "rev": D}, query="?revs=true")
    assert row["docs"][0]["ok"]["_revisions"] == {"start": 2, "ids": ["d" * 32, "a" * 32]}
    (row,) = await results(tree, {"id": "t", "rev": "1-" + "a" * 32}, query="?latest=true")
    assert {row["ok"]["_rev"] for row in row["docs"]} == {C, D}


async def test_nothing(tree):
    assert (await tree.post("_bulk_get", {"docs": []})).body == b'{"results":[]}\n'


async def test_rows_that_cannot_be_read(tree):
    rows = await results(
        tree,
        5,
        {},
        {"rev": "1-a"},
        {"id": "t", "rev": "bad"},
        {"id": "t", "rev": 3},
        {"id": "_foo"},
        {"id": "one"},
        {"id": "one", "atts_since": "x"},
        {"id": "one", "atts_since": ["x"]},
    )
    assert rows == [
        refused(None, None, "document must be a JSON object"),
        refused(None, None, "document must be a JSON object"),
        refused(None, None, "document id missed"),
        refused("t", "bad", "Invalid rev format"),
        refused("t", 3, "Invalid rev format"),
        refused("_foo", None, "Only reserved document ids may start with underscore.", "illegal_docid"),
        {"id": "one", "docs": [{"ok": {"_id": "one", "_rev": "1-aa"}}]},
        refused("one", "x", "att_since value must be array of revs."),
        refused("one", "x", "Invalid rev format"),
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"x", "invalid UTF-8 JSON"),
        ({}, "Missing JSON list of 'docs'."),
        ({"docs": {}}, "`docs` parameter must be an array."),
        ({"docs": [{"id": 5}]}, "Document id must be a string"),
        ([], "Request body must be a JSON object"),
    ],
)
async def test_refused_as_a_whole(tree, body, reason):
    assert (await tree.post("_bulk_get", body)).error == (400, "bad_request", reason)


@pytest.mark.parametrize("name", ["open_revs", "new_edits", "w", "rev", "atts_since"])
async def test_parameters_of_other_requests(tree, name):
    answer = await tree.post(f"_bulk_get?{name}=x", {"docs": []})
    assert answer.error == (400, "bad_request", f'"{name}" query parameter is not acceptable')


async def test_content_type(tree):
    answer = await tree.post("_bulk_get", {"docs": []}, Content_Type="text/plain")
    assert answer.error == (415, "bad_content_type", "Content-Type must be application/json")


@pytest.mark.parametrize("subtype", ["mixed", "related"])
async def test_multipart(tree, subtype):
    docs = [{"id": "one"}, {"id": "t", "rev": "9-9"}, {"id": "none"}, {"id": "t", "rev": "bad"}]
    answer = await tree.post("_bulk_get", {"docs": docs}, Accept=f"multipart/{subtype}")
    assert answer.headers["Content-Type"].startswith(f'multipart/{subtype}; boundary="')
    assert "Cache-Control" not in answer.headers
    parts = read(answer.headers["Content-Type"], answer.body).get_payload()
    error = 'application/json; error="true"'
    assert [part["Content-Type"] for part in parts] == ["application/json", error, error, error]
    assert parts[0].get_payload(decode=True) == b'{"_id":"one","_rev":"1-aa"}'
    assert b'"rev":"9-9"' in parts[1].get_payload(decode=True)
    assert b'"rev":"undefined"' in parts[2].get_payload(decode=True)
    assert b'"reason":"Invalid rev format"' in parts[3].get_payload(decode=True)


@pytest.mark.parametrize("accept", [None, "*/*", "text/html", "application/json, multipart/mixed"])
async def test_json_unless_only_multipart_will_do(tree, accept):
    answer = await tree.post("_bulk_get", {"docs": []}, Accept=accept)
    assert answer.headers["Content-Type"] == "application/json"


async def test_more_than_a_chunk(db):
    docs = [{"_id": f"d{number}", "s": "x" * 1_000} for number in range(500)]
    await db.post("_bulk_docs", {"docs": docs})
    rows = await results(db, *({"id": doc["_id"]} for doc in docs))
    assert [row["docs"][0]["ok"]["_id"] for row in rows] == [doc["_id"] for doc in docs]
