"""Conditional requests to attachments: their own tags, and the revisions of their documents."""

from tests.httpd.attaching import BINARY, etag, stagings
from tests.httpd.uploading import Resumable, Tus

EXISTS = (412, "precondition_failed", "If-None-Match failed: it exists already.")
OTHER = (412, "precondition_failed", "If-Match failed: the current ETag is none of those named.")
CONFLICT = (409, "conflict", "Document update conflict.")
NO_REV = (400, "bad_request", "Invalid rev format")
STALE = '"1-' + "9" * 32 + '"'


async def put(db, path, body=b"x", /, **headers):
    return await db.put(path, body, **BINARY, **headers)


async def test_create_only_is_about_the_attachment(db):
    first = (await put(db, "d/a", b"1", If_None_Match="*")).json["rev"]
    assert (await put(db, "d/a", b"2", If_None_Match="*")).error == EXISTS
    assert (await put(db, f"d/a?rev={first}", b"2", If_None_Match="*")).error == EXISTS
    assert (await put(db, "d/b", b"2", If_None_Match="*")).error == CONFLICT, "the document's revision is needed"
    second = await put(db, f"d/b?rev={first}", b"2", If_None_Match="*")
    assert second.status == 201
    assert (await put(db, f"d/c?rev={first}", b"3", If_None_Match="*")).error == CONFLICT
    assert ((await db.get("d/a")).body, (await db.get("d/b")).body) == (b"1", b"2")


async def test_create_only_takes_up_a_deleted_document(db):
    rev = (await put(db, "d/a", b"1")).json["rev"]
    await db.delete(f"d?rev={rev}")
    assert (await put(db, "d/a", b"2", If_None_Match="*")).json["rev"].startswith("3-")


async def test_a_list_names_the_document_or_the_attachment(db):
    first = (await put(db, "d/a", b"1")).json["rev"]
    second = (await put(db, "d/a", b"2", If_Match=f'{STALE}, "{first}"')).json["rev"]
    third = (await put(db, "d/a", b"3", If_Match=f"{STALE}, {etag(b'2')}")).json["rev"]
    assert (second[:2], third[:2]) == ("2-", "3-")
    for names in (f'{STALE}, "{second}"', f"{STALE}, {etag(b'2')}", f'W/{etag(b"3")}, W/"{third}"'):
        assert (await put(db, "d/a", b"4", If_Match=names)).error == OTHER
        assert (await db.delete("d/a", If_Match=names)).error == OTHER
    assert (await put(db, "d/new", b"4", If_Match=f"{STALE}, {etag(b'3')}")).error == OTHER, "of another attachment"
    assert (await put(db, "d/new", b"4", If_Match=f'{STALE}, "{third}"')).status == 201
    assert (await db.delete("d/a", If_Match=f"{STALE}, {etag(b'3')}")).status == 200
    assert (await db.get("d/a")).status == 404


async def test_a_list_about_nothing(db):
    assert (await put(db, "d/a", If_Match=f'{STALE}, "x"')).error == OTHER
    assert (await db.delete("d/a", If_Match=f'{STALE}, "x"')).error == OTHER
    assert (await db.get("d")).status == 404


async def test_a_list_and_a_revision(db):
    first = (await put(db, "d/a", b"1")).json["rev"]
    second = (await put(db, f"d/a?rev={first}", b"2")).json["rev"]
    differ = (400, "bad_request", "Document rev and etag have different values")
    assert (await put(db, f"d/a?rev={second}", If_Match=f'{STALE}, "{first}"')).error == differ
    assert (await put(db, f"d/a?rev={first}", If_Match=f'"{first}", "{second}"')).error == CONFLICT
    assert (await put(db, f"d/a?rev={second}", If_Match=f'"{first}", "{second}"')).status == 201


async def test_what_couchdb_answers_to_a_single_tag_stands(db):
    first = (await put(db, "d/a", b"1")).json["rev"]
    assert (await put(db, "d/a", If_Match="*")).error == NO_REV
    assert (await put(db, "d/a", If_Match=etag(b"1"))).error == NO_REV
    assert (await put(db, "d/a", If_None_Match='"x"', If_Match=first)).status == 201


async def test_what_is_refused_leaves_no_bytes_behind(db, server):
    await put(db, "d/a", b"1")
    assert (await put(db, "d/a", b"2" * 100_000, If_None_Match="*")).error == EXISTS
    assert stagings(server) == 0


async def test_a_condition_that_fails_is_told_before_the_body_is_sent(db):
    await put(db, "d/a", b"1")
    answer = await put(db, "d/a", b"2" * 1_000_000, If_None_Match="*", Expect="100-continue")
    assert answer.error == EXISTS


async def test_an_upload_looks_at_conditions_when_it_begins(db):
    rev = (await put(db, "d/a", b"1")).json["rev"]
    for condition in ({"If_None_Match": "*"}, {"If_Match": f'{STALE}, "x"'}):
        answer = await db.put("d/a", b"hello", Upload_Complete="?1", **condition)
        assert answer.error[:2] == (412, "precondition_failed")
    taken = await db.put("d/a", b"hello", Upload_Complete="?1", If_Match=f'{STALE}, "{rev}"')
    assert (taken.status, (await db.get("d/a")).body) == (201, b"hello")


async def test_an_upload_by_tus_does_too(db):
    rev = (await put(db, "d/a", b"1")).json["rev"]
    tus = Tus(db)
    for condition in ({"If_None_Match": "*"}, {"If_Match": f'{STALE}, "x"'}):
        assert (await tus.create("/d/a", 5, **condition)).error[:2] == (412, "precondition_failed")
    taken = await tus.create("/d/a", 5, b"hello", If_Match=f'{STALE}, "{rev}"')
    assert (taken.status, (await db.get("d/a")).body) == (201, b"hello")


async def test_an_upload_is_completed_under_a_condition(db):
    rev = await db.write("d", {})
    client = Resumable(db)
    upload = await client.begin("/d/a", b"hello", If_None_Match="*")
    assert (await client.send(upload, 5, complete=True)).error == CONFLICT
    assert (await db.ask("POST", upload, If_Match=f'{STALE}, "x"')).error == OTHER
    assert (await db.ask("POST", upload, If_Match=f'{STALE}, "{rev}"')).status == 201
    assert (await db.get("d/a")).body == b"hello"
