"""tus 1.0.0: its headers and statuses, and the conflict that a client must not take for success."""

import hashlib
import os
from base64 import b64encode
from email.utils import parsedate_to_datetime

import pytest

from tests.httpd.uploading import OFFSET_STREAM, Tus, path_of, text64

DATA = os.urandom(50_000)


@pytest.fixture
def tus(db) -> Tus:
    return Tus(db)


def checksum(data: bytes, algorithm: str = "sha1") -> str:
    return f"{algorithm} {b64encode(hashlib.new(algorithm, data).digest()).decode()}"


async def test_creation(db, server, tus):
    metadata = f"filename {text64('á.png')},filetype {text64('image/png')},empty"
    answer = await tus.create("/doc/a/b.png", 5, Upload_Metadata=metadata)
    assert (answer.status, answer.body) == (201, b"")
    assert answer.headers["Location"].startswith(f"{server.url}/db/_uploads/")
    assert answer.headers["Upload-Offset"] == "0"
    expires = parsedate_to_datetime(answer.headers["Upload-Expires"])
    now = parsedate_to_datetime(answer.headers["Date"])
    assert 86_390 < (expires - now).total_seconds() <= 86_401
    upload = path_of(answer)
    shown = await tus.ask("HEAD", upload)
    assert shown.status == 200
    assert shown.headers["Upload-Offset"] == "0"
    assert shown.headers["Upload-Length"] == "5"
    assert shown.headers["Upload-Metadata"] == metadata
    assert shown.headers["Cache-Control"] == "no-store"
    await tus.send(upload, 0, b"hello")
    stored = (await db.get("doc")).json["_attachments"]
    assert stored == {
        "a/b.png": {
            "content_type": "image/png",
            "revpos": 1,
            "digest": "md5-XUFAKrxLKna5cZ2REBfFkg==",
            "length": 5,
            "stub": True,
        }
    }


@pytest.mark.parametrize(
    ("metadata", "content_type"),
    [
        ("", "application/octet-stream"),
        (f"filename {text64('x')}", "application/octet-stream"),
        (f"type {text64('image/gif')}", "image/gif"),
        (f"type {text64('image/gif')},filetype {text64('image/png')}", "image/png"),
        (f"content_type {text64('text/css')},type {text64('image/gif')}", "text/css"),
        ("filetype", "application/octet-stream"),
    ],
)
async def test_the_content_type_is_in_the_metadata(db, tus, metadata, content_type):
    await tus.create("/doc/a", 1, b"x", Upload_Metadata=metadata)
    assert (await db.get("doc/a")).headers["Content-Type"] == content_type


@pytest.mark.parametrize(
    "wrong",
    [
        {"Upload_Length": None},
        {"Upload_Length": "-1"},
        {"Upload_Length": "x"},
        {"Upload_Length": "٣".encode().decode("latin-1")},
        {"Upload_Length": None, "Upload_Defer_Length": "1"},
        {"Upload_Concat": "partial"},
        {"Upload_Metadata": "filetype !"},
        {"Upload_Metadata": f"filetype {b64encode(bytes([255])).decode()}"},
        {"Upload_Checksum": "sha1 !"},
        {"Upload_Checksum": "crc32 AAAA"},
    ],
)
async def test_a_creation_that_cannot_be_read(db, tus, wrong):
    answer = await tus.ask("POST", "/doc/a", **{"Upload_Length": "5", **wrong})
    assert answer.error[:2] == (400, "bad_request")


@pytest.mark.parametrize("digits", [*map(str, (2**53, 2**53 + 1, 2**63, 10**18, 10**30)), "9" * 4500, None])
async def test_a_creation_that_is_too_large(server, tus, digits):
    too_many = digits or str(server.settings.limits.max_attachment_size + 1)
    answer = await tus.ask("POST", "/doc/a", Upload_Length=too_many)
    assert answer.error == (413, "attachment_too_large", "a")


async def test_a_creation_for_what_cannot_be(tus):
    assert (await tus.create("/doc/_a", 1)).status == 400
    assert (await tus.create("/doc/a?rev=x", 1)).status == 400


@pytest.mark.parametrize("version", ["0.2.2", "1", ""])
async def test_another_version_is_refused(db, tus, version):
    upload = await tus.begin("/doc/a", 5)
    for method, path in [("POST", "/doc/a"), ("HEAD", upload), ("PATCH", upload), ("DELETE", upload)]:
        answer = await tus.ask(method, path, Tus_Resumable=version)
        assert answer.status == 412
        assert answer.headers["Tus-Version"] == "1.0.0"
    assert await tus.offset(upload) == 0


async def test_pieces(db, tus):
    upload = await tus.begin("/doc/a", len(DATA))
    for start in range(0, len(DATA), 20_000):
        answer = await tus.send(upload, start, DATA[start : start + 20_000])
        end = min(start + 20_000, len(DATA))
        assert (answer.status, answer.headers["Upload-Offset"]) == (204, str(end))
        assert await tus.offset(upload) == end
    assert answer.headers["X-Couch-Update-NewRev"] == (await db.get("doc")).json["_rev"]
    assert (await db.get("doc/a")).body == DATA


@pytest.mark.parametrize("data", [b"", b"hello", DATA])
async def test_creation_with_all_bytes(db, tus, data):
    answer = await tus.create("/doc/a", len(data), data)
    assert (answer.status, answer.headers["Upload-Offset"]) == (201, str(len(data)))
    assert (await db.get("doc/a")).body == data
    assert await tus.offset(path_of(answer)) == len(data)


@pytest.mark.parametrize("length", ["4", "6", "0", "x", "", str(10**30)])
async def test_a_length_that_contradicts_the_one_that_is_known(db, tus, length):
    upload = await tus.begin("/doc/a", 5)
    answer = await tus.send(upload, 0, b"he", Upload_Length=length)
    assert answer.error[:2] == (400, "inconsistent_upload_length" if length.isdigit() else "bad_request")
    assert await tus.offset(upload) == 0
    assert (await tus.send(upload, 0, b"hel", Upload_Length="5")).status == 204
    assert (await tus.send(upload, 3, b"lo", Upload_Length="05")).status == 204
    assert (await db.get("doc/a")).body == b"hello"


@pytest.mark.parametrize("offset", [10**18, 10**30])
async def test_an_offset_beyond_all_bytes_is_not_the_right_one(tus, offset):
    upload = await tus.begin("/doc/a", 5)
    answer = await tus.send(upload, offset, b"he")
    assert (answer.status, answer.headers["Upload-Offset"]) == (409, "0")


async def test_creation_with_some_bytes(db, tus):
    answer = await tus.create("/doc/a", 5, b"he", Upload_Checksum=checksum(b"he"))
    assert (answer.status, answer.headers["Upload-Offset"]) == (201, "2")
    await tus.send(path_of(answer), 2, b"llo")
    assert (await db.get("doc/a")).body == b"hello"


async def test_an_empty_upload_needs_no_further_request(db, tus):
    await tus.begin("/doc/a", 0)
    assert (await db.get("doc/a")).body == b""


async def test_text_is_stored_gzipped(db, tus):
    await tus.create("/doc/a", 5, b"hello", Upload_Metadata=f"filetype {text64('text/plain')}")
    assert (await db.get("doc")).json["_attachments"]["a"]["digest"] == "md5-iMaiC8wqiFlD2NjLTemvCQ=="
    assert (await db.get("doc/a")).body == b"hello"


@pytest.mark.parametrize("offset", [0, 2, 4, 99])
async def test_a_wrong_offset_is_told_the_right_one(tus, offset):
    upload = await tus.begin("/doc/a", 5)
    await tus.send(upload, 0, b"abc")
    answer = await tus.send(upload, offset, b"de")
    assert (answer.status, answer.headers["Upload-Offset"]) == (409, "3")
    assert await tus.offset(upload) == 3


async def test_a_late_request_after_the_end(db, tus):
    upload = await tus.begin("/doc/a", 5)
    for _ in range(2):
        last = await tus.send(upload, 0, b"hello")
    assert last.status == 409
    assert (await tus.send(upload, 5, b"")).status == 204
    assert (await tus.send(upload, 5, b"x")).status == 400
    assert (await db.get("doc")).json["_rev"].startswith("1-")


async def test_more_than_the_length_is_refused(tus):
    upload = await tus.begin("/doc/a", 5)
    assert (await tus.send(upload, 0, b"too long")).error[:2] == (400, "inconsistent_upload_length")
    assert await tus.offset(upload) == 0
    assert (await tus.create("/doc/a", 1, b"too long")).status == 400


async def test_bytes_have_their_own_type(tus):
    upload = await tus.begin("/doc/a", 5)
    for kind in ("application/octet-stream", "application/partial-upload", None):
        answer = await tus.send(upload, 0, b"hello", Content_Type=kind)
        assert answer.error[:2] == (415, "bad_content_type")
    assert (await tus.create("/doc/a", 5, b"hello", Content_Type="image/png")).status == 415
    assert (await tus.send(upload, 0, b"hello", Content_Type=f"{OFFSET_STREAM}; x=y")).status == 204


@pytest.mark.parametrize("offset", [None, "x", "-1"])
async def test_an_offset_is_needed(tus, offset):
    upload = await tus.begin("/doc/a", 5)
    answer = await tus.ask("PATCH", upload, b"hello", Upload_Offset=offset)
    assert answer.error[:2] == (400, "bad_request")


@pytest.mark.parametrize("algorithm", ["sha1", "md5", "sha256", "sha512"])
async def test_a_checksum(db, tus, algorithm):
    upload = await tus.begin("/doc/a", len(DATA))
    first, last = DATA[:30_000], DATA[30_000:]
    wrong = await tus.send(upload, 0, b"x" + first[1:], Upload_Checksum=checksum(first, algorithm))
    assert wrong.error[:2] == (460, "checksum_mismatch")
    assert await tus.offset(upload) == 0
    assert (await tus.send(upload, 0, first, Upload_Checksum=checksum(first, algorithm))).status == 204
    wrong = await tus.send(upload, 30_000, b"x" + last[1:], Upload_Checksum=checksum(last, algorithm))
    assert wrong.status == 460
    assert await tus.offset(upload) == 30_000
    assert (await tus.send(upload, 30_000, last, Upload_Checksum=checksum(last, algorithm))).status == 204
    assert (await db.get("doc/a")).body == DATA


async def test_a_checksum_that_cannot_be_checked(tus):
    upload = await tus.begin("/doc/a", 5)
    for wrong in ("crc32 AAAA", "sha1", "sha1 !"):
        answer = await tus.send(upload, 0, b"hello", Upload_Checksum=wrong)
        assert answer.status in (400, 460), wrong
    assert await tus.offset(upload) == 0


# --- conflicts --------------------------------------------------------------------------------------------------


async def test_the_revision_is_looked_at_when_the_upload_is_completed(db, tus):
    upload = await tus.begin("/doc/a?rev=1-abc", 5)  # there is no such revision yet
    assert (await tus.send(upload, 0, b"he")).status == 204
    await db.replicate({"_id": "doc", "_rev": "1-abc"})
    assert (await tus.send(upload, 2, b"llo")).status == 204
    assert (await db.get("doc/a")).body == b"hello"


@pytest.mark.parametrize("kind", ["image/png", "text/plain"])
async def test_a_conflict_is_never_taken_for_success(db, tus, kind):
    rev = await db.write("doc", {"n": 1})
    upload = await tus.begin(f"/doc/a?rev={rev}", 5, Upload_Metadata=f"filetype {text64(kind)}")
    latest = await db.write(f"doc?rev={rev}", {"n": 2})
    last = await tus.send(upload, 0, b"hello")
    assert last.error == (412, "conflict", "Document update conflict.")
    assert "Upload-Offset" not in last.headers
    for _ in range(2):
        shown = await tus.ask("HEAD", upload)
        assert shown.status == 412
        assert "Upload-Offset" not in shown.headers
    assert (await tus.send(upload, 5, b"")).status == 412
    assert (await db.get("doc")).json["_rev"] == latest
    # the bytes are not sent again
    assert (await db.ask("POST", f"{upload}?rev={latest}")).status == 201
    assert await tus.offset(upload) == 5
    assert (await db.get("doc/a")).body == b"hello"


async def test_a_conflict_at_once(db, tus):
    await db.write("doc", {})
    for data in (b"hello", b""):
        answer = await tus.create("/doc/a", len(data), data)
        assert answer.status == 412
        assert (await tus.ask("HEAD", path_of(answer))).status == 412


async def test_only_the_client_ends_a_conflict(db, tus):
    """Though the document is deleted meanwhile, so that an attachment without a parent would do."""
    rev = await db.write("doc", {})
    upload = path_of(await tus.create("/doc/a", 5, b"hello"))
    await db.ask("DELETE", f"/doc?rev={rev}")
    assert (await tus.ask("HEAD", upload)).status == 412
    assert (await tus.send(upload, 5, b"")).status == 412
    assert (await db.get("doc")).status == 404
    assert (await db.ask("POST", upload)).status == 201
    assert (await db.get("doc/a")).body == b"hello"


async def test_a_document_that_is_gone(db, tus):
    rev = await db.write("doc", {})
    upload = await tus.begin(f"/doc/a?rev={rev}", 1)
    await db.ask("DELETE", f"/doc?rev={rev}")
    assert (await tus.send(upload, 0, b"x")).status == 412


async def test_a_head_completes_what_a_killed_server_did_not(db, server, tus):
    """All bytes are there, and nobody has tried to complete the upload."""
    from docstore.database.commands import AppendUpload

    rev = await db.write("doc", {})
    uploads = [await tus.begin("/other/a", 5), await tus.begin(f"/doc/a?rev={rev}", 5), await tus.begin("/doc/a", 5)]
    number = server.node.registry.open("db").number
    for upload in uploads:
        uuid = bytes.fromhex(upload.rpartition("/")[2])
        await server.node.writer.submit(AppendUpload(number, uuid, 0, b"hello", 0))
    assert await tus.offset(uploads[0]) == 5
    assert await tus.offset(uploads[1]) == 5
    for doc in ("doc", "other"):
        assert (await db.get(f"{doc}/a")).body == b"hello"
    refused = await tus.ask("HEAD", uploads[2])
    assert refused.status == 412
    assert "Upload-Offset" not in refused.headers
