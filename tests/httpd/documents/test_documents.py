"""Documents: statuses, headers and words of GET, PUT, DELETE, COPY and POST."""

import asyncio
import gzip
import json

import pytest

from docstore.core import document
from docstore.core.revision_hash import encode_term

SUE = "1-877206fdfc192b2a566b6eac4eaa4205"
NO_REV = (400, "bad_request", "Invalid rev format")
CONFLICT = (409, "conflict", "Document update conflict.")


async def test_put_and_get(db):
    written = await db.put("sue", {"name": "Sue"})
    assert written.status == 201
    assert written.body == b'{"ok":true,"id":"sue","rev":"%b"}\n' % SUE.encode()
    assert written.headers["ETag"] == f'"{SUE}"'
    assert written.headers["Location"].endswith("/db/sue")
    read = await db.get("sue")
    assert read.body == b'{"_id":"sue","_rev":"%b","name":"Sue"}\n' % SUE.encode()
    assert read.headers["ETag"] == f'"{SUE}"'
    assert read.headers["Cache-Control"] == "must-revalidate"
    assert read.headers["Content-Type"] == "application/json"


async def test_missing(db):
    assert (await db.get("none")).error == (404, "not_found", "missing")
    assert (await db.delete("none")).error == (404, "not_found", "missing")
    assert (await db.get("none?rev=1-a")).error == (404, "not_found", "missing")


@pytest.mark.parametrize("path", ["_all_docs", "doc", "_changes", "_local/x"])
async def test_no_database(db, path):
    db.name = "nothere"
    assert (await db.get(path)).error == (404, "not_found", "Database does not exist.")


async def test_head(db):
    await db.write("sue", {"name": "Sue"})
    answer = await db.ask("HEAD", "/sue")
    assert (answer.status, answer.body, answer.headers["ETag"]) == (200, b"", f'"{SUE}"')
    assert (await db.ask("HEAD", "/none")).status == 404


async def test_delete_and_create_again(db):
    first = await db.write("d", {"n": 1})
    deleted = await db.delete(f"d?rev={first}")
    assert deleted.status == 200
    assert deleted.headers["ETag"] == f'"{deleted.json["rev"]}"'
    assert "Location" not in deleted.headers
    assert (await db.get("d")).error == (404, "not_found", "deleted")
    assert (await db.delete("d")).error == (404, "not_found", "deleted")
    assert (await db.get("d?deleted=true")).json["_deleted"] is True
    assert (await db.get(f"d?rev={deleted.json['rev']}")).json["_deleted"] is True
    assert (await db.write("d", {"n": 2})).startswith("3-")


async def test_deleting_put_is_200(db):
    rev = await db.write("d", {})
    assert (await db.put("d", {"_rev": rev, "_deleted": True})).status == 200
    answer = await db.post("", {"_id": "e", "_deleted": True})
    assert answer.status == 201


@pytest.mark.parametrize("rev", ["foo", "", "-1", "1", "1-0000000000000000000000000000000g"])
async def test_no_rev(db, rev):
    await db.write("d", {})
    assert (await db.put(f"d?rev={rev}", {})).error == NO_REV
    assert (await db.get(f"d?rev={rev}")).error == NO_REV
    assert (await db.delete(f"d?rev={rev}")).error == NO_REV
    assert (await db.put("d", {"_rev": rev})).error == NO_REV


async def test_a_delete_looks_for_the_document_first(db):
    assert (await db.delete("none?rev=foo")).error == (404, "not_found", "missing")


async def test_revs_that_differ(db):
    rev = await db.write("d", {})
    other = "1-" + "0" * 32
    differ = (400, "bad_request", "Document rev from request body and query string have different values")
    etag = (400, "bad_request", "Document rev and etag have different values")
    assert (await db.put(f"d?rev={other}", {"_rev": rev})).error == differ
    assert (await db.put("d", {"_rev": rev}, If_Match=other)).error == etag
    assert (await db.put(f"d?rev={rev}", {}, If_Match=f'"{other}"')).error == etag
    assert (await db.delete(f"d?rev={rev}", If_Match=other)).error == etag


async def test_if_match(db):
    rev = await db.write("d", {"n": 1})
    second = await db.put("d", {"n": 2}, If_Match=f'"{rev}"')
    assert second.status == 201
    assert (await db.put("d", {"n": 3}, If_Match=rev)).error == CONFLICT
    assert (await db.put("d", {"n": 3}, If_Match="*")).error == NO_REV
    assert (await db.delete("d", If_Match=second.json["rev"])).status == 200


async def test_if_none_match(db):
    rev = await db.write("d", {"n": 1})
    for tags in (f'"{rev}"', f'W/"{rev}"', f'"1-a", "{rev}"'):
        answer = await db.get("d", If_None_Match=tags)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", f'"{rev}"')
        assert (await db.ask("HEAD", "/d", If_None_Match=tags)).status == 304
    for tags in ("*", '"1-a"', rev):
        assert (await db.get("d", If_None_Match=tags)).status == 200


async def test_what_stands_beside_a_revision_has_no_etag(db):
    await db.replicate({"_id": "t", "_rev": "1-a"}, {"_id": "t", "_rev": "1-b"}, {"_id": "one", "_rev": "1-a"})
    for query in ("conflicts=true", "revs_info=true", "meta=true", "local_seq=true"):
        assert "ETag" not in (await db.get(f"t?{query}")).headers
    for path in ("t?revs=true", "t?rev=1-a&meta=true&local_seq=true", "one?conflicts=true&deleted_conflicts=true"):
        assert "ETag" in (await db.get(path)).headers


async def test_bad_flags_are_ignored(db):
    await db.write("d", {})
    plain = (await db.get("d")).json
    for query in ("conflicts=foo", "revs=1", "revs=TRUE", "meta=false", "unknown=true", "latest=x"):
        assert (await db.get(f"d?{query}")).json == plain


async def test_latest_is_the_winner(db):
    await db.replicate({"_id": "t", "_rev": "1-a"}, {"_id": "t", "_rev": "1-b"})
    assert (await db.get("t?rev=1-a")).json["_rev"] == "1-a"
    assert (await db.get("t?rev=1-a&latest=true")).json["_rev"] == "1-b"
    assert (await db.get("t?rev=9-9&latest=true")).json["_rev"] == "1-b"
    assert (await db.get("t?rev=bad&latest=true")).error == NO_REV


async def test_revision_made_elsewhere(db):
    path = "d?new_edits=false"
    assert (await db.put(path, {"_rev": "3-abc", "v": 1})).json == {"ok": True, "id": "d", "rev": "3-abc"}
    needs = (400, "bad_request", "When `new_edits: false`, the document needs `_rev` or `_revisions` specified")
    assert (await db.put(path, {"v": 1})).error == needs
    assert (await db.put(f"{path}&rev=4-a", {"v": 1})).json["rev"] == "4-a"
    assert (await db.put(path, {"_rev": "5-a", "_deleted": True})).status == 200
    revisions = {"start": 2, "ids": ["b", "a"]}
    assert (await db.put("e?new_edits=false", {"_rev": "1-z", "_revisions": revisions})).json["rev"] == "2-b"


@pytest.mark.parametrize("rev", ["1-\u00e9", '1-"', "1- \u2028", "1-\r\nSet-Cookie: a=b", "1-\\"])
async def test_odd_revisions_break_nothing(db, rev):
    answer = await db.put("d?new_edits=false", {"_rev": rev})
    assert answer.json["rev"] == rev
    assert "Set-Cookie" not in answer.headers
    etag = answer.headers["ETag"]
    read = await db.get("d")
    assert (read.json["_rev"], read.headers["ETag"]) == (rev, etag)
    assert (await db.get("d", If_None_Match=etag)).status == 304
    for query in ("revs=true", "revs_info=true", "open_revs=all"):
        assert (await db.get(f"d?{query}")).json
    assert (await db.get("_changes")).json["results"][0]["changes"] == [{"rev": rev}]
    assert (await db.get("_all_docs")).json["rows"][0]["value"] == {"rev": rev}


@pytest.mark.parametrize("body", [b"", b"{", b"{'a':1}", b'{"a":"\xff"}', b"{} x"])
async def test_no_json(db, body):
    assert (await db.put("d", body)).error == (400, "bad_request", "invalid UTF-8 JSON")
    assert (await db.post("", body)).error == (400, "bad_request", "invalid UTF-8 JSON")


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null"])
async def test_no_object(db, body):
    assert (await db.put("d", body)).error == (400, "bad_request", "Document must be a JSON object")
    assert (await db.post("", body)).error == (400, "bad_request", "Document must be a JSON object")


async def test_content_type(db):
    assert (await db.put("a", {}, Content_Type="text/plain")).status == 201
    assert (await db.put("b", b"{}", Content_Type=None)).status == 201
    assert (await db.post("", {}, Content_Type="application/json; charset=utf-8")).status == 201
    for content_type in ("text/plain", None):
        answer = await db.post("", b"{}", Content_Type=content_type)
        assert answer.error == (415, "bad_content_type", "Content-Type must be application/json")


async def test_gzip(db):
    body = gzip.compress(b'{"name":"Sue"}')
    assert (await db.put("sue", body, Content_Encoding="gzip")).json["rev"] == SUE


async def test_large_documents(db):
    text = json.dumps({"s": "x" * 300_000, "a": 1}).encode()
    assert (await db.put("large", text)).status == 201
    assert len((await db.get("large")).json["s"]) == 300_000
    answer = await db.put("larger", json.dumps({"s": "x" * 8_000_000}).encode())
    assert answer.error == (413, "document_too_large", "larger")


async def test_ids(db):
    for path, doc_id in (("a%2Fb", "a/b"), ("x%2By", "x+y"), ("sp%20ace", "sp ace"), ("%C3%A9%3F%23%25", "é?#%")):
        written = await db.put(path, {})
        assert written.json["id"] == doc_id
        assert written.headers["Location"].endswith(f"/db/{path}")
        assert (await db.get(path)).json["_id"] == doc_id
    assert (await db.get("x+y")).status == 404  # a space
    illegal = (400, "illegal_docid", "Only reserved document ids may start with underscore.")
    assert (await db.put("_foo", {})).error == illegal
    assert (await db.get("_foo")).error == (404, "not_found", "missing")


@pytest.mark.parametrize("path", ["_foo", "x" * 7_169, "_local/" + "x" * 7_162])
async def test_an_id_that_cannot_be_is_told_before_the_body(db, path):
    answer = await db.put(path, b"{")
    assert (answer.status, answer.json["error"]) == (400, "illegal_docid")


async def test_id_in_the_body(db):
    assert (await db.put("a", {"_id": "b"})).json["id"] == "a"
    assert (await db.put("a", {"_id": 5})).error == (400, "illegal_docid", "Document id must be a string")


async def test_design_documents(db):
    written = await db.put("_design/a", {})
    assert written.headers["Location"].endswith("/db/_design%2Fa")
    assert (await db.get("_design/a")).json["_id"] == "_design/a"
    assert (await db.delete(f"_design/a?rev={written.json['rev']}")).status == 200


async def test_create(db):
    named = await db.post("", {"_id": "mine", "x": 1})
    assert (named.status, named.json["id"]) == (201, "mine")
    assert named.headers["Location"].endswith("/db/mine")
    assert "ETag" not in named.headers
    assert (await db.post("", {"_id": "mine"})).error == CONFLICT
    unnamed = await db.post("", {"x": 1})
    assert len(unnamed.json["id"]) == 32
    assert unnamed.headers["Location"].endswith(unnamed.json["id"])
    assert (await db.post("", {"_id": ""})).error == (400, "illegal_docid", "Document id must not be empty")


async def test_a_revision_counts_for_nothing_where_an_id_is_made(db):
    assert (await db.post("", {"_rev": "1-a"})).json["rev"].startswith("1-")


async def test_batch(db):
    for answer in (
        await db.put("b1?batch=ok", {"x": 1}),
        await db.post("?batch=ok", {"_id": "b2"}),
        await db.put("_design/b3?batch=ok", {}),
    ):
        assert answer.status == 202
        assert list(answer.json) == ["ok", "id"]
        assert not {"ETag", "Location"} & set(answer.headers)
    await db.write("after", {})  # the writer takes one after the other
    for doc_id in ("b1", "b2", "_design/b3"):
        assert (await db.get(doc_id)).status == 200
    assert (await db.put("b4?batch=notok", {})).status == 201
    assert (await db.put("b1?batch=ok", {"x": 2})).status == 202
    assert (await db.put("b1?batch=ok", {"_foo": 2})).status == 400
    await db.write("last", {})
    assert (await db.get("b1")).json["x"] == 1


async def test_copy(db):
    source = await db.write("src", {"v": 1})
    copied = await db.ask("COPY", "/src", Destination="dst")
    assert (copied.status, copied.json) == (201, {"ok": True, "id": "dst", "rev": source})
    assert copied.headers["Location"].endswith("/db/dst")
    assert copied.headers["ETag"] == f'"{source}"'
    assert (await db.get("dst")).json["v"] == 1
    assert (await db.ask("COPY", "/src", Destination="dst")).error == CONFLICT
    again = await db.ask("COPY", "/src", Destination=f"dst?rev={source}")
    assert again.json["rev"].startswith("2-")
    odd = await db.ask("COPY", "/src", Destination="with%20space%2Fslash")
    assert odd.json["id"] == "with space/slash"
    assert odd.headers["Location"].endswith("/db/with%20space%2Fslash")
    assert (await db.ask("COPY", "/src", Destination="_design/x")).json["id"] == "_design/x"


async def test_copy_of_a_revision(db):
    first = await db.write("src", {"v": 1})
    second = await db.write("src", {"v": 2, "_rev": first})
    assert (await db.ask("COPY", f"/src?rev={first}", Destination="a")).status == 201
    told = await db.ask("COPY", f"/src?rev={first}&rev=no&open_revs=1")  # of the query string the first rev is read
    assert told.error == (400, "bad_request", "Destination header is mandatory for COPY.")
    assert (await db.ask("COPY", "/src", Destination="b", If_Match=f'"{first}"')).status == 201
    assert [(await db.get(doc_id)).json["v"] for doc_id in "ab"] == [1, 1]
    answer = await db.ask("COPY", f"/src?rev={second}", Destination="c", If_Match=first)
    assert answer.error == (400, "bad_request", "Document rev and etag have different values")


@pytest.mark.parametrize(
    ("destination", "error"),
    [
        (None, (400, "bad_request", "Destination header is mandatory for COPY.")),
        ("http://localhost/db/abs", (400, "bad_request", "Destination URL must be relative.")),
        ("https://localhost/db/abs", (400, "bad_request", "Destination URL must be relative.")),
        ("dst?rev=bad", NO_REV),
        ("_foo", (400, "illegal_docid", "Only reserved document ids may start with underscore.")),
        ("%FF", (400, "illegal_docid", "Document id must be valid UTF-8")),
    ],
)
async def test_bad_destinations(db, destination, error):
    await db.write("src", {})
    assert (await db.ask("COPY", "/src", Destination=destination)).error == error


async def test_copy_of_nothing(db):
    assert (await db.ask("COPY", "/none", Destination="x")).error == (404, "not_found", "missing")
    await db.write("src", {})
    assert (await db.ask("COPY", "/src?rev=9-a", Destination="x")).error == (404, "not_found", "missing")
    assert (await db.ask("COPY", "/src", Destination="x?5")).status == 400


async def test_copy_between_local_and_other_documents(db):
    await db.write("src", {"v": 1})
    copied = await db.ask("COPY", "/src", Destination="_local/x")
    assert (copied.status, copied.json) == (201, {"ok": True, "id": "_local/x", "rev": "0-1"})
    assert (await db.get("_local/x")).json["v"] == 1
    assert (await db.ask("COPY", "/_local/x", Destination="back")).status == 201
    assert (await db.get("back")).json["v"] == 1


async def test_post_to_a_document(db):
    assert (await db.post("d", {})).error == (400, "bad_request", "Referer header required.")
    answer = await db.post("d", {}, Referer="http://elsewhere/")
    assert answer.error == (400, "bad_request", "Referer header must match host.")
    answer = await db.post("d", {}, Referer=str(db.client._base_url))
    assert answer.error == (415, "bad_content_type", "Content-Type must be multipart/form-data")


async def test_wrong_method(db):
    answer = await db.ask("PATCH", "/d")
    assert answer.status == 405
    assert answer.headers["Allow"] == "DELETE,GET,HEAD,POST,PUT,COPY"


async def test_many_writers_of_one_document(db):
    answers = await asyncio.gather(*(db.put("d", {"n": n}) for n in range(20)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 19


async def test_a_certain_conflict_costs_no_hash(db, monkeypatch):
    """It is refused before the revision that it would make is computed; so is a stale rev, in the path or the body."""
    first = await db.write("a", {"n": 1})
    second = await db.write(f"a?rev={first}", {"n": 2})
    hashed = []
    monkeypatch.setattr(document, "encode_term", lambda body: hashed.append(body) or encode_term(body))
    for path, body in (("a", {}), (f"a?rev={first}", {}), ("a", {"_rev": first}), (f"a?rev={first}", {"_rev": first})):
        assert (await db.put(path, body)).error == (409, "conflict", "Document update conflict.")
    assert hashed == []
    assert (await db.put("a", {}, Accept="application/problem+json")).status == 409
    assert (await db.put(f"a?rev={second}", {"n": 3})).status == 201
    assert hashed == [{}, {"n": 3}]


async def test_what_is_told_before_a_conflict(db):
    first = await db.write("a", {"n": 1})
    await db.write(f"a?rev={first}", {"n": 2})
    assert (await db.put("a", b"{")).status == 400
    assert (await db.put("a", {"_foo": 1})).error[1] == "doc_validation"
    assert (await db.put(f"a?rev={first}", {"_rev": "1-other"})).error[0] == 400
    assert (await db.put("a", {"_attachments": {"x": {"data": "!"}}})).status == 400
    assert (await db.put("a?batch=ok", {})).status == 202
    assert (await db.put("a?new_edits=false", {"_rev": "1-abc"})).status == 201
