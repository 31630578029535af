"""Uploads whatever the protocol: what is supported, how far one is, completing it by hand, forgetting it."""

import pytest

from tests.httpd.uploading import Resumable, Tus, path_of

NOBODY = "/_uploads/" + "0" * 32


@pytest.fixture
def tus(db) -> Tus:
    return Tus(db)


@pytest.fixture
def resumable(db) -> Resumable:
    return Resumable(db)


@pytest.mark.parametrize("path", ["/doc/a", "/doc/a/b", "/_design/doc/a", NOBODY])
async def test_what_is_supported_can_be_asked(db, server, path):
    answer = await db.ask("OPTIONS", path)
    size, age = server.settings.limits.max_attachment_size, int(server.settings.upload_lifetime)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Tus-Resumable"] == answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Extension"] == "creation,creation-with-upload,termination,checksum,expiration"
    assert answer.headers["Tus-Max-Size"] == str(size)
    assert "sha1" in answer.headers["Tus-Checksum-Algorithm"].split(",")
    assert "application/partial-upload" in answer.headers["Accept-Patch"]
    assert answer.headers["Upload-Limit"] == f"max-size={size}, max-age={age}"


async def test_a_post_that_is_no_upload_is_refused_as_by_couchdb(db):
    answer = await db.post("doc/a", b"x")
    assert answer.error == (405, "method_not_allowed", "Only DELETE,GET,HEAD,PUT allowed")
    assert answer.headers["Allow"] == "DELETE,GET,HEAD,PUT"


async def test_a_put_that_is_no_upload_is_a_plain_one(db, server):
    for headers in ({}, {"Upload_Complete": "yes"}, {"Upload_Offset": "0"}):
        assert (await db.put("_design/x/a", b"x", **headers)).status in (201, 409)
    assert server.node.uploads.counts == {}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "POST", "DELETE"])
@pytest.mark.parametrize("path", [NOBODY, "/_uploads/short", "/_uploads/" + "g" * 32, "/_uploads/" + "0" * 34])
async def test_an_upload_that_is_not_there(db, method, path):
    kind = "application/offset+octet-stream" if method == "PATCH" else None
    for version in (None, "1.0.0"):
        answer = await db.ask(method, path, Tus_Resumable=version, Upload_Offset="0", Content_Type=kind)
        assert answer.status == 404
        assert "Upload-Offset" not in answer.headers


async def test_no_such_database(db):
    assert (await db.delete("")).status == 200
    for method, path in [("POST", "/doc/a"), ("OPTIONS", "/doc/a"), ("GET", NOBODY), ("PATCH", NOBODY)]:
        answer = await db.ask(method, path, Tus_Resumable="1.0.0", Content_Type="application/offset+octet-stream")
        assert answer.error[:2] == (404, "not_found"), (method, path)


async def test_an_upload_tells_what_it_is(db, resumable):
    rev = await db.write("doc", {})
    upload = await resumable.begin(f"/doc/a%2Fb?rev={rev}", b"abc", Content_Type="image/png", Upload_Length="5")
    answer = await db.ask("GET", upload)
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json
    assert 0 < told.pop("expires_in") <= 86_400
    assert told == {
        "id": "doc",
        "name": "a/b",
        "content_type": "image/png",
        "parent": rev,
        "offset": 3,
        "length": 5,
        "complete": False,
        "rev": None,
    }
    await resumable.send(upload, 3, b"de", complete=True)
    told = (await db.ask("GET", upload)).json
    assert told["complete"]
    assert told["rev"].startswith("2-")


@pytest.mark.parametrize("protocol", ["tus", "resumable"])
async def test_a_refused_upload_is_completed_by_hand(db, tus, protocol):
    first = await db.write("doc", {"n": 1})
    if protocol == "tus":
        upload = path_of(await tus.create("/doc/a", 3, b"abc"))
    else:
        upload = path_of(await db.put("doc/a", b"abc", Upload_Complete="?1"))
    refused = (await db.ask("GET", upload)).json["refused"]
    assert refused == {"error": "conflict", "reason": "Document update conflict."}
    for rev in ("", "?rev=1-abc"):
        answer = await db.ask("POST", upload + rev)
        assert answer.status == 409
        assert answer.headers["Upload-Complete"] == "?0"
        assert answer.headers["Upload-Offset"] == "3"
    answer = await db.ask("POST", f"{upload}?rev={first}")
    assert answer.status == 201
    assert answer.headers["Upload-Complete"] == "?1"
    assert answer.headers["Location"].endswith("/db/doc/a")
    assert answer.json == {"ok": True, "id": "doc", "rev": (await db.get("doc")).json["_rev"]}
    assert (await db.get("doc/a")).body == b"abc"
    # its reply may have been lost
    again = await db.ask("POST", upload, If_Match=f'"{first}"')
    assert (again.status, again.json) == (201, answer.json)
    other = await db.ask("POST", f"{upload}?rev=1-abc")
    assert (other.status, other.headers["Content-Type"]) == (400, "application/problem+json")
    assert other.json["type"].endswith("#completed-upload")
    assert await tus.offset(upload) == 3
    assert (await db.ask("HEAD", upload)).headers["X-Couch-Update-NewRev"] == answer.json["rev"]


async def test_an_upload_that_lacks_bytes_is_not_completed_by_hand(db, tus, resumable):
    for upload in (await tus.begin("/doc/a", 5), await resumable.begin("/doc/a", b"abc")):
        answer = await db.ask("POST", upload)
        assert answer.status == 400
        assert "rev" not in (await db.get("doc")).json


async def test_completing_takes_no_bytes(db, resumable):
    upload = await resumable.begin("/doc/a", b"abc")
    assert (await db.ask("POST", upload, b"d")).error[:2] == (400, "bad_request")
    assert await resumable.offset(upload) == 3


async def test_an_upload_of_one_protocol_can_be_continued_in_the_other(db, tus, resumable):
    upload = await tus.begin("/doc/a", 6)
    assert (await tus.send(upload, 0, b"abc")).status == 204
    answer = await resumable.send(upload, 3, b"def", complete=True)
    assert answer.status == 201
    upload = await resumable.begin("/other/a", b"abc", Upload_Length="6")
    assert await tus.offset(upload) == 3
    assert (await tus.send(upload, 3, b"def")).status == 204
    for doc in ("doc", "other"):
        assert (await db.get(f"{doc}/a")).body == b"abcdef"


async def test_tus_needs_a_length(db, tus, resumable):
    upload = await resumable.begin("/doc/a", b"abc")
    answer = await tus.ask("HEAD", upload)
    assert (answer.status, answer.headers["Upload-Defer-Length"]) == (200, "1")
    assert (await tus.send(upload, 3, b"def")).status == 400


@pytest.mark.parametrize("speak", [{}, {"Tus_Resumable": "1.0.0"}])
async def test_an_upload_can_be_forgotten(db, tus, server, speak):
    upload = await tus.begin("/doc/a", 6)
    await tus.send(upload, 0, b"abc")
    assert (await db.ask("DELETE", upload, **speak)).status == 204
    assert (await db.ask("DELETE", upload, **speak)).status == 404
    assert (await db.ask("HEAD", upload, **speak)).status == 404
    assert server.node.uploads.counts["cancelled"] == 1


async def test_a_method_can_be_overridden(db, tus):
    upload = await tus.begin("/doc/a", 3)
    answer = await tus.ask("POST", upload, b"abc", Upload_Offset="0", X_HTTP_Method_Override="PATCH")
    assert answer.status == 204
    assert (await db.get("doc/a")).body == b"abc"


async def test_uploads_are_counted(db, tus, client):
    await tus.create("/doc/a", 3, b"abc")
    await tus.create("/doc/a", 3, b"abc")
    async with client.get("/_node/_local/_stats/docstore/uploads") as reply:
        told = await reply.json()
    values = {name: counter["value"] for name, counter in told.items()}
    assert values == {"created": 2, "completed": 1, "conflicts": 1, "cancelled": 0, "expired": 0, "bytes": 6}
