"""``_bulk_docs``: rows, refusals of rows and of whole requests."""

import json

import pytest

CONFLICT = {"error": "conflict", "reason": "Document update conflict."}
EMPTY = "1-967a00dff5e02add41819138abb3284d"


async def test_rows_stand_where_their_documents_stood(db):
    await db.write("taken", {})
    docs = [{"_id": "z"}, {"_id": "taken"}, {}, {"_id": "a", "_deleted": True}]
    answer = await db.post("_bulk_docs", {"docs": docs})
    assert answer.status == 201
    first, refused, unnamed, deleted = answer.json
    assert first == {"ok": True, "id": "z", "rev": EMPTY}
    assert refused == {"id": "taken", **CONFLICT}
    assert len(unnamed["id"]) == 32
    assert deleted["ok"]
    assert (await db.get("a")).error == (404, "not_found", "deleted")


async def test_the_same_document_twice(db):
    first, second = (await db.post("_bulk_docs", {"docs": [{"_id": "a", "n": 1}, {"_id": "a", "n": 2}]})).json
    assert first["ok"]
    assert second == {"id": "a", **CONFLICT}
    assert (await db.get("a")).json["n"] == 1


async def test_nothing(db):
    assert (await db.post("_bulk_docs", {"docs": []})).body == b"[]\n"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "invalid UTF-8 JSON"),
        (b"", "invalid UTF-8 JSON"),
        ([], "Request body must be a JSON object"),
        ({}, "POST body must include `docs` parameter."),
        ({"docs": {}}, "`docs` parameter must be an array."),
        ({"docs": None}, "`docs` parameter must be an array."),
        ({"docs": [{"_id": "a"}, 5]}, "Document must be a JSON object"),
        ({"docs": [{"_id": "a"}], "new_edits": "false"}, "`new_edits` parameter must be a boolean."),
        ({"docs": [{"_id": "a"}, {"_id": "b", "_rev": "x"}]}, "Invalid rev format"),
    ],
)
async def test_refused_as_a_whole(db, body, reason):
    assert (await db.post("_bulk_docs", body)).error == (400, "bad_request", reason)
    assert (await db.get("_all_docs")).json["total_rows"] == 0


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"_id": "_bad"}, (400, "illegal_docid", "Only reserved document ids may start with underscore.")),
        ({"_id": 5}, (400, "illegal_docid", "Document id must be a string")),
        ({"_foo": 1}, (400, "doc_validation", "Bad special document member: _foo")),
    ],
)
async def test_one_bad_document_spoils_the_request(db, document, error):
    assert (await db.post("_bulk_docs", {"docs": [{"_id": "a"}, document]})).error == error
    assert (await db.get("a")).status == 404


async def test_content_type(db):
    answer = await db.post("_bulk_docs", {"docs": []}, Content_Type="text/plain")
    assert answer.error == (415, "bad_content_type", "Content-Type must be application/json")


async def test_made_elsewhere(db):
    await db.replicate({"_id": "a", "_rev": "1-abc", "v": 1}, {"_rev": "1-b"})
    await db.replicate({"_id": "a", "_rev": "1-abc", "v": 2})
    assert (await db.get("a")).json == {"_id": "a", "_rev": "1-abc", "v": 1}
    assert (await db.get("_all_docs")).json["total_rows"] == 2
    needs = "When `new_edits: false`, the document needs `_rev` or `_revisions` specified"
    answer = await db.post("_bulk_docs", {"docs": [{"_id": "ok", "_rev": "1-a"}, {"_id": "no"}], "new_edits": False})
    assert answer.error == (400, "bad_request", needs)
    assert (await db.get("ok")).status == 404


async def test_local_documents_among_others(db):
    rows = (await db.post("_bulk_docs", {"docs": [{"_id": "_local/x", "v": 1}, {"_id": "a"}]})).json
    assert rows == [{"ok": True, "id": "_local/x", "rev": "0-1"}, {"ok": True, "id": "a", "rev": EMPTY}]
    assert (await db.get("_local/x")).json["v"] == 1


@pytest.mark.parametrize(("count", "size"), [(3_000, 100), (20, 30_000)])
async def test_many_and_large(db, count, size):
    docs = [{"_id": f"d{number:05}", "s": "x" * size} for number in range(count)]
    body = json.dumps({"docs": docs}).encode()
    assert len(body) > 256 * 1024
    rows = (await db.post("_bulk_docs", body)).json
    assert [row["id"] for row in rows] == [doc["_id"] for doc in docs]
    assert (await db.get("_all_docs?limit=0")).json["total_rows"] == count


async def test_large_without_ids(db):
    answer = await db.post("_bulk_docs", {"docs": [{"s": "x" * 30_000}] * 20})
    assert len({row["id"] for row in answer.json}) == 20
