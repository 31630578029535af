"""Resumable uploads of the IETF's draft: its headers, statuses, problems and interim responses."""

import hashlib
import os
from base64 import b64encode

import pytest

from tests.httpd.serving import Answer as WireAnswer
from tests.httpd.uploading import PARTIAL_UPLOAD, Resumable, head_of, path_of, wire_to

DATA = os.urandom(50_000)
PROBLEM = "https://iana.org/assignments/http-problem-types#"
ANNOUNCED = "Upload-Draft-Interop-Version: 10"


@pytest.fixture
def resumable(db) -> Resumable:
    return Resumable(db)


def problem(answer, status: int, kind: str) -> dict:
    """The members of problem details besides those that all have."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    body = answer.json
    assert answer.headers["Upload-Complete"] == "?0"
    assert body.pop("type") == PROBLEM + kind
    assert body.pop("status") == status
    assert body.pop("title")
    assert body.pop("detail")
    return body


# --- creation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("data", [b"", b"hello", DATA])
async def test_all_bytes_at_once(db, server, method, data):
    answer = await db.ask(method, "/doc/a", data, Upload_Complete="?1", Content_Type="image/png")
    assert answer.status == 201
    assert answer.headers["Upload-Complete"] == "?1"
    assert answer.headers["Upload-Offset"] == str(len(data))
    assert answer.headers["Location"] == f"{server.url}/db/doc/a"
    plain = await db.put("plain/a", data, Content_Type="image/png")
    assert answer.json == plain.json | {"id": "doc"}
    stored = await db.get("doc/a")
    assert (stored.body, stored.headers["Content-Type"]) == (data, "image/png")


async def test_some_bytes(db, server, resumable):
    answer = await db.ask("POST", "/doc/a", b"he", Upload_Complete="?0", Upload_Length="5", Content_Type="image/png")
    assert answer.status == 201
    assert answer.headers["Location"].startswith(f"{server.url}/db/_uploads/")
    assert answer.headers["Upload-Complete"] == "?0"
    assert answer.headers["Upload-Offset"] == "2"
    size = server.settings.limits.max_attachment_size
    assert answer.headers["Upload-Limit"].startswith(f"max-size={size}, max-age=86")
    upload = path_of(answer)
    answer = await resumable.send(upload, 2, b"l")
    assert (answer.status, answer.headers["Upload-Complete"], answer.headers["Upload-Offset"]) == (204, "?0", "3")
    answer = await resumable.send(upload, 3, b"lo", complete=True)
    assert (answer.status, answer.headers["Upload-Complete"]) == (201, "?1")
    assert answer.json["ok"] is True
    assert (await db.get("doc/a")).body == b"hello"


async def test_the_offset_can_be_asked(db, resumable):
    upload = await resumable.begin("/doc/a", b"he", Content_Type="image/png")
    shown = await db.ask("HEAD", upload)
    assert (shown.status, shown.body) == (204, b"")
    assert shown.headers["Upload-Offset"] == "2"
    assert shown.headers["Upload-Complete"] == "?0"
    assert "Upload-Length" not in shown.headers
    assert shown.headers["Upload-Limit"].startswith("max-size=")
    assert shown.headers["Cache-Control"] == "no-store"
    assert (await db.ask("GET", upload)).headers["Upload-Offset"] == "2"
    await resumable.send(upload, 2, b"llo", complete=True)
    shown = await db.ask("HEAD", upload)
    assert shown.headers["Upload-Offset"] == shown.headers["Upload-Length"] == "5"
    assert shown.headers["Upload-Complete"] == "?1"
    assert shown.headers["X-Couch-Update-NewRev"] == (await db.get("doc")).json["_rev"]


async def test_the_length_is_known_from_the_last_request(db, resumable):
    upload = await resumable.begin("/doc/a", b"he")
    await resumable.send(upload, 2, b"llo", complete=True)
    assert (await db.ask("HEAD", upload)).headers["Upload-Length"] == "5"


async def test_the_length_may_be_told_later(db, resumable):
    upload = await resumable.begin("/doc/a", b"he")
    await resumable.send(upload, 2, b"l", Upload_Length="5")
    assert (await db.ask("HEAD", upload)).headers["Upload-Length"] == "5"


async def test_an_end_without_bytes(db, resumable):
    upload = await resumable.begin("/doc/a", b"hello")
    assert (await resumable.send(upload, 5, complete=True)).status == 201
    assert (await db.get("doc/a")).body == b"hello"


async def test_text_is_stored_gzipped(db, resumable):
    upload = await resumable.begin("/doc/a", b"he", Content_Type="text/plain")
    await resumable.send(upload, 2, b"llo", complete=True)
    assert (await db.get("doc")).json["_attachments"]["a"]["digest"] == "md5-iMaiC8wqiFlD2NjLTemvCQ=="


async def test_content_that_comes_gzipped(db):
    import gzip

    packed = gzip.compress(b"hello")
    headers = {"Upload_Complete": "?1", "Content_Encoding": "gzip", "Content_Type": "text/plain"}
    assert (await db.put("doc/a", packed, **headers)).status == 201
    assert (await db.get("doc/a")).body == b"hello"
    assert (await db.put("other/a", packed, **headers | {"Content_Encoding": "br"})).error[0] == 415


async def test_a_digest_of_the_whole(db):
    right = b64encode(hashlib.md5(b"hello").digest()).decode()
    assert (await db.put("doc/a", b"hello", Upload_Complete="?1", Content_MD5=right)).status == 201
    wrong = await db.put("other/a", b"hullo", Upload_Complete="?1", Content_MD5=right)
    assert wrong.error[:2] == (400, "content_md5_mismatch")
    assert wrong.headers["Upload-Complete"] == "?1"  # there is nothing to resume
    assert "Location" not in wrong.headers
    assert (await db.put("other/a", b"hullo", Upload_Complete="?1", Content_MD5="x")).status == 400
    assert (await db.get("other")).status == 404


async def test_the_limit_is_told_with_its_violation(db, server):
    size = server.settings.limits.max_attachment_size
    for headers in ({"Upload_Complete": "?0"}, {"Upload_Complete": "?1"}):
        answer = await db.ask("POST", "/doc/a", Upload_Length=str(size + 1), **headers)
        assert answer.status in (400, 413)
    assert answer.status == 400  # ?1 without a body says that there are no bytes
    answer = await db.ask("POST", "/doc/a", Upload_Length=str(size + 1), Upload_Complete="?0")
    assert answer.error == (413, "attachment_too_large", "a")
    assert answer.headers["Upload-Limit"].startswith(f"max-size={size}, max-age=")


async def test_bytes_beyond_the_limit_that_nobody_announced(db, server, resumable):
    server.node.uploads.max_size = 5
    answer = await send_chunked(server, "PUT", "/db/doc/a", b"hello!", "Upload-Complete: ?1")
    assert answer.status == 413
    assert answer.headers["Upload-Limit"].startswith("max-size=5, ")
    assert "Location" not in answer.headers
    assert server.node.uploads.counts["cancelled"] == 1
    upload = await resumable.begin("/doc/a", b"hel")
    answer = await resumable.send(upload, 3, b"lo!")
    assert answer.status == 413
    assert await resumable.offset(upload) == 3


# --- lengths ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("complete", "length"), [("?1", "4"), ("?1", "6"), ("?0", "4")], ids=["all, less", "all, more", "some, less"]
)
async def test_a_creation_that_contradicts_itself(db, server, complete, length):
    answer = await db.put("doc/a", b"hello", Upload_Complete=complete, Upload_Length=length)
    assert problem(answer, 400, "inconsistent-upload-length") == {}
    assert server.node.uploads.counts == {}


async def test_an_append_that_contradicts_the_creation(db, resumable):
    upload = await resumable.begin("/doc/a", b"he", Upload_Length="5")
    for wrong in (
        await resumable.send(upload, 2, b"llo!"),
        await resumable.send(upload, 2, b"llo!", complete=True),
        await resumable.send(upload, 2, b"l", complete=True),
        await resumable.send(upload, 2, complete=True),
        await resumable.send(upload, 2, b"l", Upload_Length="6"),
        await resumable.send(upload, 2, b"l", Upload_Length="1"),
    ):
        assert problem(wrong, 400, "inconsistent-upload-length") == {}
    assert await resumable.offset(upload) == 2
    assert (await resumable.send(upload, 2, b"llo", complete=True)).status == 201


async def send_chunked(server, method: str, path: str, body: bytes, *headers: str) -> WireAnswer:
    """A request whose length is not announced."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", *headers, "", ""]
    chunks = [b"1\r\n%c\r\n" % byte for byte in body]
    async with wire_to(server) as wire:
        return await wire.ask("\r\n".join(lines).encode() + b"".join(chunks) + b"0\r\n\r\n")


async def test_a_length_that_only_shows_in_the_end(db, server, resumable):
    kind = f"Content-Type: {PARTIAL_UPLOAD}"
    upload = await resumable.begin("/doc/a", b"he", Upload_Length="5")
    headers = (kind, "Upload-Offset: 2", "Upload-Complete: ?1")
    answer = await send_chunked(server, "PATCH", f"/db{upload}", b"l", *headers)
    assert answer.status == 400
    assert await resumable.offset(upload) == 3
    headers = (kind, "Upload-Offset: 3", "Upload-Complete: ?1")
    answer = await send_chunked(server, "PATCH", f"/db{upload}", b"lo!", *headers)
    assert answer.status == 400
    assert (await db.ask("HEAD", upload)).status == 404  # the draft wants it to end there


async def test_an_upload_whose_length_was_never_told(db, server, resumable):
    answer = await send_chunked(server, "PUT", "/db/doc/a", b"hello", "Upload-Complete: ?1")
    assert answer.status == 201
    assert (await db.get("doc/a")).body == b"hello"


# --- offsets ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0, 2, 4, 99])
async def test_a_wrong_offset_is_told_the_right_one(db, resumable, offset):
    upload = await resumable.begin("/doc/a", b"hel", Upload_Length="5")
    answer = await resumable.send(upload, offset, b"lo", complete=True)
    assert problem(answer, 409, "mismatching-upload-offset") == {"expected-offset": 3, "provided-offset": offset}
    assert answer.headers["Upload-Offset"] == "3"
    assert answer.headers["Upload-Complete"] == "?0"
    answer = await resumable.send(upload, int(answer.headers["Upload-Offset"]), b"lo", complete=True)
    assert answer.status == 201
    assert (await db.get("doc/a")).body == b"hello"


async def test_a_late_request_after_the_end(db, resumable):
    upload = await resumable.begin("/doc/a", b"hel")
    assert (await resumable.send(upload, 3, b"lo", complete=True)).status == 201
    late = await resumable.send(upload, 3, b"lo", complete=True)
    assert problem(late, 409, "mismatching-upload-offset") == {"expected-offset": 5, "provided-offset": 3}
    assert (await db.get("doc/a")).body == b"hello"


async def test_a_completed_upload_takes_no_more(db, resumable):
    upload = await resumable.begin("/doc/a", b"hel")
    await resumable.send(upload, 3, b"lo", complete=True)
    for complete in (False, True):
        assert problem(await resumable.send(upload, 5, complete=complete), 400, "completed-upload") == {}
        more = await resumable.send(upload, 5, b"!", complete=complete)
        assert problem(more, 400, "inconsistent-upload-length") == {}
    assert (await db.get("doc")).json["_rev"].startswith("1-")


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"Content_Type": "application/octet-stream"}, 415),
        ({"Content_Type": None}, 415),
        ({"Upload_Offset": None}, 400),
        ({"Upload_Offset": "-1"}, 400),
        ({"Upload_Offset": "x"}, 400),
        ({"Upload_Complete": None}, 400),
        ({"Upload_Complete": "1"}, 400),
        ({"Upload_Complete": "true"}, 400),
    ],
)
async def test_an_append_that_cannot_be_read(db, resumable, wrong, status):
    upload = await resumable.begin("/doc/a", b"hel")
    answer = await resumable.send(upload, 3, b"lo", **wrong)
    assert answer.status == status
    assert list(answer.json) == ["error", "reason"]
    assert await resumable.offset(upload) == 3


# --- conflicts --------------------------------------------------------------------------------------------------


async def test_a_conflict_leaves_an_upload_that_can_be_completed(db, resumable):
    rev = await db.write("doc", {"n": 1})
    upload = await resumable.begin(f"/doc/a?rev={rev}", b"hel")
    latest = await db.write(f"doc?rev={rev}", {"n": 2})
    for body, offset in ((b"lo", 3), (b"", 5), (b"", 5)):
        answer = await resumable.send(upload, offset, body, complete=True)
        assert answer.error == (409, "conflict", "Document update conflict.")
        assert answer.headers["Upload-Complete"] == "?0"
        assert answer.headers["Upload-Offset"] == "5"
        shown = await db.ask("HEAD", upload)
        assert (shown.headers["Upload-Complete"], shown.headers["Upload-Offset"]) == ("?0", "5")
    assert problem(await resumable.send(upload, 5, b"!"), 400, "inconsistent-upload-length") == {}
    contradicting = await resumable.send(upload, 5, complete=True, Upload_Length="6")
    assert problem(contradicting, 400, "inconsistent-upload-length") == {}
    assert (await resumable.send(upload, 5)).status == 204
    answer = await resumable.send(f"{upload}?rev={latest}", 5, complete=True)
    assert (answer.status, answer.headers["Upload-Complete"]) == (201, "?1")
    assert (await db.get("doc/a")).body == b"hello"


async def test_a_conflict_at_once_tells_where_the_bytes_are(db):
    rev = await db.write("doc", {})
    answer = await db.put("doc/a", b"hello", Upload_Complete="?1")
    assert answer.error == (409, "conflict", "Document update conflict.")
    assert (answer.headers["Upload-Complete"], answer.headers["Upload-Offset"]) == ("?0", "5")
    assert (await db.ask("POST", f"{path_of(answer)}?rev={rev}")).status == 201
    assert (await db.get("doc/a")).body == b"hello"


async def test_the_parent_may_be_named_by_if_match(db):
    rev = await db.write("doc", {})
    answer = await db.put("doc/a", b"hello", Upload_Complete="?1", If_Match=f'"{rev}"')
    assert answer.json["rev"].startswith("2-")


# --- interim responses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["8", "9", "10"])
async def test_a_client_that_announces_the_draft_is_told_of_the_upload_at_once(db, server, version):
    announced = f"Upload-Draft-Interop-Version: {version}"
    async with wire_to(server) as wire:
        wire.writer.write(head_of("PUT", "/db/doc/a", 5, "Upload-Complete: ?1", announced))
        interim = await wire.answer()
        assert interim.status == 104
        assert interim.headers["Upload-Draft-Interop-Version"] == version
        assert interim.headers["Upload-Limit"].startswith("max-size=")
        assert "Upload-Offset" not in interim.headers
        upload = path_of(interim)
        wire.writer.write(b"hello")
        assert (await last_answer(wire)).status == 201
    assert (await db.ask("HEAD", upload)).headers["Upload-Complete"] == "?1"


async def last_answer(wire) -> WireAnswer:
    while (answer := await wire.answer()).status == 104:
        pass
    return answer


async def test_progress_is_told_of_bytes_that_are_safe(db, server, resumable, monkeypatch):
    monkeypatch.setattr("docstore.database.attachments.upload_receiver.FLUSH_SECONDS", 0.0)
    upload = await resumable.begin("/doc/a", b"")
    kind = f"Content-Type: {PARTIAL_UPLOAD}"
    head = head_of("PATCH", f"/db{upload}", 5, kind, "Upload-Offset: 0", "Upload-Complete: ?1", ANNOUNCED)
    async with wire_to(server) as wire:
        wire.writer.write(head + b"hel")
        interim = await wire.answer()
        assert interim.status == 104
        assert interim.headers["Upload-Offset"] == "3"
        assert "Location" not in interim.headers
        wire.writer.write(b"lo")
        assert (await last_answer(wire)).status == 201
    assert (await db.get("doc/a")).body == b"hello"


@pytest.mark.parametrize("announced", ["X: y", "Upload-Draft-Interop-Version: 7", "Upload-Draft-Interop-Version: x"])
@pytest.mark.usefixtures("db")
async def test_nobody_else_gets_interim_responses(server, announced):
    async with wire_to(server) as wire:
        answer = await wire.ask(head_of("PUT", "/db/doc/a", 5, "Upload-Complete: ?1", announced) + b"hello")
    assert answer.status == 201


@pytest.mark.usefixtures("db")
async def test_a_client_of_http_1_0_gets_no_interim_responses(server):
    head = head_of("PUT", "/db/doc/a", 5, "Upload-Complete: ?1", ANNOUNCED).replace(b"HTTP/1.1", b"HTTP/1.0")
    async with wire_to(server) as wire:
        assert (await wire.ask(head + b"hello")).status == 201


@pytest.mark.usefixtures("db")
async def test_leave_to_continue_is_given_besides(server):
    headers = ("Upload-Complete: ?1", ANNOUNCED, "Expect: 100-continue")
    async with wire_to(server) as wire:
        wire.writer.write(head_of("PUT", "/db/doc/a", 5, *headers))
        assert [(await wire.answer()).status, (await wire.answer()).status] == [104, 100]
        wire.writer.write(b"hello")
        assert (await last_answer(wire)).status == 201
