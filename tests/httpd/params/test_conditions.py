"""Conditional requests: documents, ``_local`` documents, security objects."""

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.httpd.serving import Wire

EXISTS = (412, "precondition_failed", "If-None-Match failed: it exists already.")
OTHER = (412, "precondition_failed", "If-Match failed: the current ETag is none of those named.")
NAMED = (412, "precondition_failed", "If-None-Match failed: the current ETag is one of those named.")
CONFLICT = (409, "conflict", "Document update conflict.")
NO_REV = (400, "bad_request", "Invalid rev format")
DIFFERS = (400, "bad_request", "Document rev and etag have different values")
MISSING = (404, "not_found", "missing")
STALE = "1-" + "9" * 32


def tags(*values: str) -> str:
    return ", ".join(f'"{value}"' for value in values)


# --- create only ------------------------------------------------------------------------------------------------


async def test_create_only(db):
    created = await db.put("d", {"n": 1}, If_None_Match="*")
    assert created.status == 201
    assert (await db.put("d", {"n": 2}, If_None_Match="*")).error == EXISTS
    assert (await db.put("d", {"n": 2, "_rev": created.json["rev"]}, If_None_Match="*")).error == EXISTS
    assert (await db.put("d", {"n": 2}, If_None_Match="*", If_Match=tags(created.json["rev"]))).error == EXISTS
    assert (await db.get("d")).json["n"] == 1


async def test_create_only_continues_a_deleted_document(db):
    rev = await db.write("d", {"n": 1})
    await db.delete(f"d?rev={rev}")
    again = await db.put("d", {"n": 2}, If_None_Match="*")
    assert again.json["rev"].startswith("3-")


async def test_create_only_with_a_revision_that_is_not_there(db):
    assert (await db.put("d", {"_rev": STALE}, If_None_Match="*")).error == CONFLICT
    assert (await db.put("d", {"_rev": STALE})).error == CONFLICT, "as without the condition"


async def test_create_only_of_a_new_document_by_post(db):
    assert (await db.post("", {"_id": "d"}, If_None_Match="*")).status == 201
    assert (await db.post("", {"_id": "d"}, If_None_Match="*")).error == EXISTS
    assert (await db.post("", {"_id": "d"})).error == CONFLICT
    assert (await db.post("", {"n": 1}, If_None_Match="*")).status == 201


async def test_create_only_of_a_copy_is_about_the_copy(db):
    await db.write("d", {"n": 1})
    assert (await db.ask("COPY", "/d", Destination="e", If_None_Match="*")).status == 201
    assert (await db.ask("COPY", "/d", Destination="e", If_None_Match="*")).error == EXISTS
    assert (await db.ask("COPY", "/d", Destination="e")).error == CONFLICT


async def test_create_only_deletes_nothing(db):
    rev = await db.write("d", {})
    assert (await db.delete(f"d?rev={rev}", If_None_Match="*")).error == EXISTS
    assert (await db.delete("nope", If_None_Match="*")).error == MISSING


async def test_create_only_of_a_revision_made_elsewhere(db):
    body = {"_rev": "2-" + "a" * 32}
    assert (await db.put("d?new_edits=false", body, If_None_Match="*")).status == 201
    assert (await db.put("d?new_edits=false", {"_rev": "2-" + "b" * 32}, If_None_Match="*")).error == EXISTS
    assert (await db.get("d?conflicts=true")).json == {"_id": "d", "_rev": "2-" + "a" * 32}


async def test_create_only_is_not_asked_of_many(db):
    await db.write("d", {"n": 1})
    [row] = (await db.post("_bulk_docs", {"docs": [{"_id": "d"}]}, If_None_Match="*")).json
    assert row["error"] == "conflict"
    [row] = (await db.post("_bulk_docs", {"docs": [{"_id": "e"}]}, If_None_Match="*")).json
    assert row["ok"]


async def test_a_batch_write_with_a_condition_is_waited_for(db):
    assert (await db.put("d?batch=ok", {"n": 1}, If_None_Match="*")).json == {"ok": True, "id": "d"}
    assert (await db.put("d?batch=ok", {"n": 2}, If_None_Match="*")).error == EXISTS
    assert (await db.post("?batch=ok", {"_id": "d"}, If_None_Match="*")).error == EXISTS
    assert (await db.put("d?batch=ok", {"n": 2}, If_Match=tags(STALE, "x"))).error == OTHER


@pytest.mark.parametrize("header", ['"x"', 'W/"x", "y"', "x", "nonsense, x", ""])
async def test_on_a_write_other_tags_than_the_asterisk_count_for_nothing(db, header):
    rev = await db.write("d", {})
    assert (await db.put("d", {"_rev": rev}, If_None_Match=header.replace("x", rev))).status == 201


async def test_an_asterisk_beside_tags(db):
    malformed = (400, "bad_request", "Invalid If-None-Match header.")
    for header in ('*, "x"', '"x",*'):
        assert (await db.put("d", {}, If_None_Match=header)).error == malformed
    assert (await db.get("d")).error == MISSING


async def test_a_bad_condition_of_a_document_that_is_not_there(db):
    assert (await db.delete("nope", If_None_Match='*, "x"')).error == MISSING


# --- lists in If-Match ------------------------------------------------------------------------------------------


async def test_a_list_that_names_the_winner(db):
    first = await db.write("d", {"n": 1})
    second = (await db.put("d", {"n": 2}, If_Match=tags(STALE, first))).json["rev"]
    assert second.startswith("2-")
    third = (await db.put("d", {"n": 3}, If_Match=f'{tags(second)},, W/"{STALE}"')).json["rev"]
    assert (await db.delete("d", If_Match=tags(third, first))).status == 200


async def test_a_list_that_does_not(db):
    first = await db.write("d", {"n": 1})
    await db.write(f"d?rev={first}", {"n": 2})
    for header in (tags(first, STALE), f'W/"{first}", W/"{STALE}"'):
        assert (await db.put("d", {"n": 3}, If_Match=header)).error == OTHER
        assert (await db.delete("d", If_Match=header)).error == OTHER
    assert (await db.get("d")).json["n"] == 2


async def test_strong_comparison(db):
    rev = await db.write("d", {})
    assert (await db.put("d", {}, If_Match=f'W/"{rev}", "x"')).error == OTHER
    assert (await db.get("d", If_None_Match=f'W/"{rev}", "x"')).status == 304


async def test_a_list_about_nothing(db):
    assert (await db.put("d", {}, If_Match=tags(STALE, "x"))).error == OTHER
    assert (await db.get("d")).error == MISSING
    assert (await db.delete("d", If_Match=tags(STALE, "x"))).error == MISSING
    rev = await db.write("d", {})
    gone = (await db.delete(f"d?rev={rev}")).json["rev"]
    assert (await db.put("d", {}, If_Match=tags(rev, gone))).error == OTHER


async def test_a_list_and_a_revision(db):
    await db.replicate({"_id": "d", "_rev": "1-a"}, {"_id": "d", "_rev": "1-b"})
    assert (await db.put("d?rev=1-b", {}, If_Match=tags("1-a", "x"))).error == DIFFERS
    assert (await db.put("d", {"_rev": "1-b"}, If_Match=tags("1-a", "x"))).error == DIFFERS
    assert (await db.put("d?rev=1-a", {}, If_Match=tags("1-a", "x"))).error == OTHER, "the winner is 1-b"
    answer = await db.put("d?rev=1-a", {}, If_Match=tags("1-a", "1-b"))
    assert answer.status == 201, "the list names the winner, and rev what is changed"
    assert (await db.get("d?revs=true")).json["_revisions"]["ids"][1] == "a"


async def test_a_list_of_a_copy_is_about_what_is_copied(db):
    rev = await db.write("d", {"n": 1})
    assert (await db.ask("COPY", "/d", Destination="e", If_Match=tags(rev, STALE))).status == 201
    assert (await db.ask("COPY", "/d", Destination="f", If_Match=tags(STALE, "x"))).error == OTHER
    assert (await db.ask("COPY", "/nope", Destination="f", If_Match=tags(STALE, "x"))).error == OTHER


async def test_a_header_that_comes_twice_is_a_list(db, server):
    rev = await db.write("d", {})
    url = urlsplit(server.url)
    wire = Wire(*await asyncio.open_connection(url.hostname, url.port))
    answer = await wire.get("/db/d", f'If-Match: "{STALE}"', f'If-Match: "{rev}"', method="PUT", body=b"{}")
    assert answer.status == 201
    answer = await wire.get("/db/d", f'If-Match: "{STALE}"', f'If-Match: "{rev}"', method="PUT", body=b"{}")
    assert answer.status == 412
    wire.close()


async def test_a_list_and_inline_attachments(db):
    first = await db.write("d", {"_attachments": {"a": {"data": "YQ=="}}})
    stub = {"_attachments": {"a": {"stub": True}}}
    assert (await db.put("d", stub, If_Match=tags(STALE, "x"))).error == OTHER
    assert (await db.put("d", stub, If_Match=tags(STALE, first))).status == 201
    assert (await db.put("d", stub, If_None_Match="*")).error == EXISTS
    assert (await db.get("d/a")).body == b"a"


async def test_what_couchdb_answers_to_a_single_tag_stands(db):
    first = await db.write("d", {})
    second = await db.write(f"d?rev={first}", {})
    assert (await db.put("d", {}, If_Match=tags(first))).error == CONFLICT
    assert (await db.put("d", {}, If_Match=first)).error == CONFLICT
    for header in ("*", "", "nonsense", f'W/"{second}"'):
        assert (await db.put("d", {}, If_Match=header)).error == NO_REV
    assert (await db.put(f"d?rev={second}", {}, If_Match=tags(first))).error == DIFFERS
    assert (await db.put("e", {}, If_Match=tags(STALE))).error == CONFLICT
    assert (await db.get("d", If_Match=tags(STALE))).status == 200


async def test_what_is_neither_a_revision_nor_a_list(db):
    rev = await db.write("d", {})
    for header in (f"{rev}, {STALE}", f'"{rev}", {STALE}', f'"{rev}" "{STALE}"', f'*, "{rev}"', f'"{rev}", "{STALE}'):
        assert (await db.put("d", {}, If_Match=header)).error == NO_REV
    assert (await db.put("new", {}, If_Match=f"{rev}, {STALE}")).error == NO_REV, "no odd parent comes of it"


async def test_revisions_made_elsewhere_may_have_commas(db):
    await db.replicate({"_id": "d", "_rev": "1-a,b"})
    assert (await db.get("d", If_None_Match='"x", "1-a,b"')).status == 304
    assert (await db.put("d", {}, If_Match='"1-a,b"')).status == 201


# --- _local documents -------------------------------------------------------------------------------------------


async def test_local_documents_follow_the_rfc(db):
    assert (await db.put("_local/x", {}, If_Match="*")).error == OTHER
    assert (await db.put("_local/x", {}, If_Match='"y"')).error == OTHER
    created = await db.put("_local/x", {"n": 1}, If_None_Match="*")
    assert created.status == 201
    assert (await db.put("_local/x", {"n": 2}, If_None_Match="*")).error == EXISTS
    tag = created.headers["ETag"]
    assert (await db.put("_local/x", {"n": 2}, If_None_Match=f'"y", W/{tag}')).error == NAMED
    assert (await db.put("_local/x", {"n": 2}, If_Match=f"W/{tag}")).error == OTHER
    second = await db.put("_local/x", {"n": 2}, If_Match=f'"y", {tag}')
    assert second.status == 201
    assert (await db.put("_local/x", {"n": 3}, If_Match=tag)).error == OTHER
    assert (await db.put("_local/x", {"n": 3}, If_Match=second.headers["ETag"].strip('"'))).status == 201
    assert (await db.put("_local/x", {"n": 4}, If_Match="*")).status == 201
    assert (await db.get("_local/x")).json["n"] == 4


async def test_a_revision_is_no_tag_of_a_local_document(db):
    await db.put("_local/x", {})
    assert (await db.put("_local/x", {}, If_Match='"0-1"')).error == OTHER
    assert (await db.put("_local/x", {"_rev": "0-1"}, If_Match="*")).json["rev"] == "0-2"


async def test_deleting_a_local_document_under_a_condition(db):
    assert (await db.delete("_local/x", If_Match="*")).error == MISSING
    tag = (await db.put("_local/x", {})).headers["ETag"]
    assert (await db.delete("_local/x", If_Match='"y"')).error == OTHER
    assert (await db.put("_local/x", {"_deleted": True}, If_Match='"y"')).error == OTHER
    assert (await db.delete("_local/x", If_None_Match="*")).error == EXISTS
    assert (await db.delete("_local/x", If_Match=tag)).status == 200
    assert (await db.put("_local/x", {"_deleted": True}, If_Match="*")).error == OTHER


async def test_reading_a_local_document_under_a_condition(db):
    tag = (await db.put("_local/x", {})).headers["ETag"]
    for header in (tag, f"W/{tag}", f'"y", {tag}', "*"):
        for method in ("GET", "HEAD"):
            answer = await db.ask(method, "/_local/x", If_None_Match=header)
            assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
    assert (await db.get("_local/x", If_None_Match='"y"')).status == 200
    assert (await db.get("_local/x", If_Match=tag)).status == 200
    assert (await db.get("_local/x", If_Match='"y"')).error == OTHER
    assert (await db.get("_local/x", If_Match='"y"', If_None_Match=tag)).error == OTHER, "If-Match comes first"


@pytest.mark.parametrize("path", ["_local/x", "_security"])
async def test_headers_that_are_no_conditions(db, path):
    await db.put(path, {})
    for header in ("", '"a', "a, b", '"a" "b"', '*, "a"'):
        for name in ("If-Match", "If-None-Match"):
            malformed = (400, "bad_request", f"Invalid {name} header.")
            assert (await db.put(path, {}, **{name.replace("-", "_"): header})).error == malformed
            assert (await db.get(path, **{name.replace("-", "_"): header})).error == malformed


async def test_a_copy_to_a_local_document_can_be_create_only(db):
    await db.write("d", {"n": 1})
    assert (await db.ask("COPY", "/d", Destination="_local/x", If_None_Match="*")).status == 201
    assert (await db.ask("COPY", "/d", Destination="_local/x", If_None_Match="*")).error == EXISTS


async def test_a_batch_write_of_a_local_document_with_a_condition(db):
    assert (await db.put("_local/x?batch=ok", {}, If_Match="*")).error == OTHER
    assert (await db.put("_local/x?batch=ok", {}, If_None_Match="*")).status == 202
    assert (await db.get("_local/x")).status == 200


# --- the security object ----------------------------------------------------------------------------------------


async def test_the_security_object_has_an_etag_for_those_who_ask(db):
    plain = await db.get("_security")
    assert "ETag" not in plain.headers, "CouchDB has none"
    asked = await db.get("_security", If_None_Match='"?"')
    assert (asked.status, asked.body) == (200, plain.body)
    tag = asked.headers["ETag"]
    for method in ("GET", "HEAD"):
        for header in (tag, f"W/{tag}", "*"):
            answer = await db.ask(method, "/_security", If_None_Match=header)
            assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
    assert (await db.get("_security", If_Match="*")).headers["ETag"] == tag
    assert (await db.get("_security", If_Match='"?"')).error == OTHER


async def test_replacing_the_security_object_under_a_condition(db):
    tag = (await db.get("_security", If_None_Match='"?"')).headers["ETag"]
    value = {"members": {"names": ["é"]}, "n": [1.0, -0.0, 1e300], "a": {"b": None}}
    assert (await db.put("_security", value, If_Match='"?"')).error == OTHER
    assert (await db.put("_security", value, If_None_Match="*")).error == EXISTS
    assert (await db.put("_security", value, If_None_Match=tag)).error == NAMED
    stored = await db.put("_security", value, If_Match=tag)
    assert (stored.status, stored.json) == (200, {"ok": True})
    assert stored.headers["ETag"] == (await db.get("_security", If_Match="*")).headers["ETag"] != tag
    assert (await db.put("_security", {}, If_Match=tag)).error == OTHER
    assert (await db.put("_security", {}, If_Match=stored.headers["ETag"])).status == 200
    plain = await db.put("_security", {})
    assert "ETag" not in plain.headers


async def test_a_security_object_that_is_none_is_told_first(db):
    assert (await db.put("_security", [], If_Match='"?"')).status == 500
