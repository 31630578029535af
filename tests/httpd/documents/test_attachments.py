"""One attachment by its own path: PUT, GET, HEAD, DELETE."""

import asyncio
import json

import pytest

from docstore.settings import Limits
from docstore.storage.keys import pack_chunk_key
from docstore.testing import run_node
from tests.httpd.asking import Database
from tests.httpd.attaching import (
    BINARY,
    NOISE,
    TEXT,
    digest,
    etag,
    gzipped,
    inflated,
    inline,
    stagings,
    until,
    wire,
)

CONFLICT = (409, "conflict", "Document update conflict.")
MISSING_REV = (409, "not_found", "missing_rev")
MISSING = (404, "not_found", "missing")
NO_ATTACHMENT = (404, "not_found", "Document is missing attachment")
NO_RANGE = (416, "requested_range_not_satisfiable", "Requested range not satisfiable")


async def attach(db, path, data, **headers):
    """Put an attachment, of a type that is not compressed, and give the new revision."""
    answer = await db.put(path, data, **(BINARY | headers))
    assert answer.status == 201, answer
    return answer.json["rev"]


@pytest.mark.parametrize("rev", ["", "x"])
async def test_a_missing_database_goes_before_a_bad_revision(client, rev):
    """As in CouchDB."""
    answer = await Database(client, "none").get(f"d/a?rev={rev}")
    assert answer.error == (404, "not_found", "Database does not exist.")


# --- PUT and DELETE -------------------------------------------------------------------------------------------------


async def test_an_attachment_makes_a_document(db):
    answer = await db.put("d/a.txt", b"hello", **TEXT)
    assert answer.status == 201
    assert list(answer.json) == ["ok", "id", "rev"]
    assert answer.headers["Location"].endswith("/db/d/a.txt")
    assert "ETag" not in answer.headers
    assert (await db.get("d")).json["_attachments"] == {
        "a.txt": {
            "content_type": "text/plain",
            "revpos": 1,
            "digest": digest(gzipped(b"hello")),
            "length": 5,
            "stub": True,
        }
    }


@pytest.mark.parametrize(
    ("path", "name", "location"),
    [
        ("d/a/b/c.txt", "a/b/c.txt", "d/a%2Fb%2Fc.txt"),
        ("d/a%2Fb", "a/b", "d/a%2Fb"),
        ("d//a//b/", "a/b", "d/a%2Fb"),
        ("d/x+y%2Bz", "x y+z", "d/x%20y%2Bz"),
        ("d/%C3%A9%22%0A", 'é"\n', "d/%C3%A9%22%0A"),
        ("_design/e/_x/y", None, None),
        ("_design/e/att", "att", "_design%2Fe/att"),
        ("_design%2Fe/att", "att", "_design%2Fe/att"),
    ],
)
async def test_names(db, path, name, location):
    answer = await db.put(path, b"x", **BINARY)
    if name is None:
        assert answer.error == (400, "bad_request", "Attachment name '_x/y' starts with prohibited character '_'")
        return
    assert answer.headers["Location"].endswith(f"/db/{location}")
    document = (await db.get(answer.json["id"])).json
    assert list(document["_attachments"]) == [name]
    assert (await db.get(path.replace("_design%2F", "_design/"))).body == b"x"


async def test_the_new_one_comes_first_and_the_others_stay(db):
    rev = await db.write("d", {"v": 1, "_attachments": {"a": inline(b"1"), "b": inline(b"2"), "c": inline(b"3")}})
    await attach(db, f"d/b?rev={rev}", b"new")
    document = (await db.get("d")).json
    assert document["v"] == 1
    assert [(name, one["revpos"], one["length"]) for name, one in document["_attachments"].items()] == [
        ("b", 2, 3),
        ("a", 1, 1),
        ("c", 1, 1),
    ]


async def test_revisions_that_do_not_fit(db):
    rev = await attach(db, "d/a", b"1")
    second = await attach(db, f"d/a?rev={rev}", b"2")
    assert (await db.put("d/a", b"x")).error == CONFLICT
    assert (await db.put(f"d/a?rev={rev}", b"x")).error == CONFLICT
    assert (await db.put("d/a", b"x", If_Match=f'"{rev}"')).error == CONFLICT
    assert (await db.put(f"d/a?rev=1-{'0' * 32}", b"x")).error == MISSING_REV
    assert (await db.put(f"none/a?rev={rev}", b"x")).error == MISSING_REV
    assert (await db.put("d/a?rev=x", b"x")).error == (400, "bad_request", "Invalid rev format")
    differ = (400, "bad_request", "Document rev and etag have different values")
    assert (await db.put(f"d/a?rev={rev}", b"x", If_Match=second)).error == differ
    assert (await db.get("d")).json["_rev"] == second
    await attach(db, "d/a", b"3", If_Match=f'"{second}"')


async def test_over_a_deleted_document(db):
    rev = await db.write("d", {"v": 1})
    deleted = (await db.delete(f"d?rev={rev}")).json["rev"]
    assert (await db.put(f"d/a?rev={deleted}", b"x")).error == CONFLICT
    assert (await attach(db, "d/a", b"x")).startswith("3-")
    assert "v" not in (await db.get("d")).json


async def test_of_conflicting_revisions(db):
    for rev, data in (("1-aa", b"a"), ("1-bb", b"b")):
        await db.replicate({"_id": "d", "_rev": rev, "_attachments": {"f": inline(data)}})
    assert (await db.get("d/f")).body == b"b"
    assert (await db.get("d/f?rev=1-aa")).body == b"a"
    rev = await attach(db, "d/g?rev=1-aa", b"more")
    assert (await db.get(f"d/f?rev={rev}")).body == b"a"
    assert (await db.get("d?conflicts=true")).json["_conflicts"] == ["1-bb"]
    assert (await db.delete("d/f?rev=1-bb")).status == 200
    assert (await db.get("d/f?rev=1-bb")).body == b"b"


async def test_delete(db):
    rev = await attach(db, "d/a", b"1")
    second = await attach(db, f"d/b?rev={rev}", b"2")
    assert (await db.delete("d/a")).error == CONFLICT
    assert (await db.delete(f"d/a?rev={rev}")).error == CONFLICT
    assert (await db.delete("d/none")).error == NO_ATTACHMENT
    assert (await db.delete(f"d/none?rev={second}")).error == NO_ATTACHMENT
    assert (await db.delete("none/a")).error == MISSING
    assert (await db.delete("none/a?rev=1-a")).error == MISSING_REV
    assert (await db.delete(f"d/_a?rev={second}")).error[:2] == (400, "bad_request")
    answer = await db.delete("d/a", If_Match=second)
    assert answer.status == 200
    assert "Location" not in answer.headers
    assert list((await db.get("d")).json["_attachments"]) == ["b"]
    assert (await db.get("d/a")).error == NO_ATTACHMENT
    assert (await db.get(f"d/a?rev={second}")).body == b"1"


@pytest.mark.parametrize("size", [0, 1, 300_000])
@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream"])
async def test_lengths(db, size, content_type):
    data = NOISE[:size]
    await attach(db, "d/a", data, Content_Type=content_type)
    answer = await db.get("d/a", Accept_Encoding=None)
    assert answer.body == data
    stored = gzipped(data) if content_type == "text/plain" else data
    assert answer.headers["ETag"] == etag(stored)
    stub = (await db.get("d?att_encoding_info=true")).json["_attachments"]["a"]
    assert (stub["length"], stub.get("encoded_length", size)) == (size, len(stored))


async def test_without_content_type(db):
    await db.ask("PUT", "/d/a", b"x", Content_Type=None)
    assert (await db.get("d/a")).headers["Content-Type"] == "application/octet-stream"


async def test_types_beyond_ascii(server, db):
    head = b"PUT /db/d/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Type: text/%b\r\n\r\nx"
    async with wire(server) as raw:
        answer = await raw.ask(head % b"\xff")
        assert json.loads(answer.body) == {"error": "bad_request", "reason": "Content-Type is not UTF-8 encoded"}
        assert (await raw.ask(head % "é".encode())).status == 201
    assert (await db.get("d")).json["_attachments"]["a"]["content_type"] == "text/é"
    assert (await db.get("d/a")).headers["Content-Type"] == "text/é"


async def test_a_chunked_body(server, db):
    async with wire(server) as raw:
        answer = await raw.ask(
            b"PUT /db/d/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n2\r\nde\r\n0\r\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert answer.status == 201
        assert (await raw.get("/db/d/a")).body == b"abcde"


async def test_a_client_that_waits_for_leave_to_send(server, db):
    await attach(db, "d/a", b"x")
    head = b"PUT /db/%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    async with wire(server) as raw:
        assert (await raw.ask(head % b"new/a")).status == 100
        assert (await raw.ask(b"abc")).status == 201
    async with wire(server) as raw:
        assert (await raw.ask(head % b"d/a")).status == 409


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(server, db):
    async with wire(server) as raw:
        raw.writer.write(b"PUT /db/d/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n" + NOISE * 7)
        await until(lambda: stagings(server))
    await until(lambda: not stagings(server))
    assert (await db.get("d")).error == MISSING


async def test_a_conflict_during_the_upload_leaves_nothing(server, db):
    rev = await db.write("d", {})
    async with wire(server) as raw:
        raw.writer.write(b"PUT /db/d/a?rev=%b HTTP/1.1\r\nHost: localhost\r\n" % rev.encode())
        raw.writer.write(b"Content-Length: %d\r\n\r\n" % (len(NOISE) * 7) + NOISE * 6)
        await until(lambda: stagings(server))
        await db.write("d", {"_rev": rev, "first": True})
        answer = await raw.ask(NOISE)
    assert (answer.status, json.loads(answer.body)["error"]) == (409, "conflict")
    assert stagings(server) == 0
    assert (await db.get("d")).json["first"]


async def test_a_broken_chunked_body(server, db):
    async with wire(server) as raw:
        raw.writer.write(
            b"PUT /db/d/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\nzz\r\n"
        )
        answer = await raw.answer()
    assert answer.status == 400
    assert (await db.get("d")).error == MISSING


async def test_limit(tmp_path):
    async with run_node(data=tmp_path, limits=Limits(max_attachment_size=1000)) as server:
        async with wire(server) as raw:
            await raw.get("/db", method="PUT")
            for path, length in (("d/small", 1000), ("e/large", 1001)):
                answer = await raw.get(f"/db/{path}", method="PUT", body=b"x" * length)
                assert answer.status == (201 if length == 1000 else 413)
            assert json.loads(answer.body) == {"error": "attachment_too_large", "reason": "large"}
        async with wire(server) as raw:
            head = b"PUT /db/e/large HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            answer = await raw.ask(head + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n")
            assert answer.status == 413
            document = {"_attachments": {"large": inline(b"x" * 1001)}}
            answer = await raw.get("/db/f", method="PUT", body=json.dumps(document).encode())
            assert json.loads(answer.body) == {"error": "attachment_too_large", "reason": "large"}
        async with wire(server) as raw:
            head = (
                b"PUT /db/e/large HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n"
            )
            assert (await raw.ask(head)).status == 413
        assert stagings(server) == 0


async def test_content_md5_is_passed_over_as_in_couchdb(db):
    for value in ("AAAAAAAAAAAAAAAAAAAAAA==", "junk"):
        await attach(db, f"{value[:1]}/a", b"hello", Content_MD5=value)


@pytest.mark.parametrize("prefer", ["handling=strict", "respond-async, Handling=Strict; x=y"])
@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream"])
async def test_content_md5_is_checked_for_who_asks(server, db, prefer, content_type):
    md5 = "XUFAKrxLKna5cZ2REBfFkg=="
    for value in ("AAAAAAAAAAAAAAAAAAAAAA==", "junk", md5[:-2]):
        answer = await db.put("d/a", b"hello", Content_MD5=value, Prefer=prefer, Content_Type=content_type)
        assert answer.error == (400, "content_md5_mismatch", "Possible message corruption.")
    assert stagings(server) == 0
    answer = await db.put("d/a", b"hello", Content_MD5=md5, Prefer=prefer, Content_Type=content_type)
    assert (answer.status, answer.headers["Preference-Applied"]) == (201, "handling=strict")
    assert (await db.put("e/a", b"hello", Prefer=prefer)).status == 201


# --- GET ------------------------------------------------------------------------------------------------------------


async def test_headers(db):
    await attach(db, "d/a", b"hello", Content_Type="image/png; x=y")
    for method, body in (("GET", b"hello"), ("HEAD", b"")):
        answer = await db.ask(method, "/d/a")
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["Content-Type"] == "image/png; x=y"
        assert answer.headers["Content-Length"] == "5"
        assert answer.headers["ETag"] == etag(b"hello")
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["Cache-Control"] == "must-revalidate"
        assert answer.headers["Content-Security-Policy"] == "sandbox"
        assert "Content-Encoding" not in answer.headers


async def test_not_found(db):
    await attach(db, "d/a", b"1")
    assert (await db.get("none/a")).error == MISSING
    assert (await db.get("d/b")).error == NO_ATTACHMENT
    assert (await db.get("d/_a")).error == NO_ATTACHMENT
    assert (await db.get("d/a?rev=1-a")).error == MISSING
    assert (await db.get("d/a?rev=x")).error == (400, "bad_request", "Invalid rev format")
    rev = (await db.get("d")).json["_rev"]
    deleted = (await db.delete(f"d?rev={rev}")).json["rev"]
    assert (await db.get("d/a")).error == (404, "not_found", "deleted")
    assert (await db.get(f"d/a?rev={deleted}")).error == NO_ATTACHMENT
    assert (await db.get(f"d/a?rev={rev}")).body == b"1"


async def test_if_none_match(db):
    await attach(db, "d/a", b"1")
    for tag in (etag(b"1"), f"W/{etag(b'1')}", f'"x", {etag(b"1")}'):
        answer = await db.get("d/a", If_None_Match=tag)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", etag(b"1"))
        assert (await db.get("d/a", If_None_Match=tag, Range="bytes=5-")).status == 304
    assert (await db.get("d/a", If_None_Match='"x"')).status == 200


async def test_the_same_bytes_twice(db):
    await attach(db, "d/a", b"1")
    await attach(db, "e/b", b"1")
    assert (await db.get("d/a")).headers["ETag"] == (await db.get("e/b")).headers["ETag"]
    assert (await db.delete(f"d?rev={(await db.get('d')).json['_rev']}")).status == 200
    assert (await db.get("e/b")).body == b"1"


@pytest.mark.parametrize("content_type", ["text/plain", "TEXT/HTML; charset=x", "application/json", "application/xml"])
async def test_a_compressible_type(db, content_type):
    data = b"hello " * 100
    await attach(db, "d/a", data, Content_Type=content_type)
    plain = await db.get("d/a", Accept_Encoding=None)
    assert plain.headers["Content-Length"] == str(len(data))
    assert plain.headers["Accept-Ranges"] == "none"
    assert plain.body == data
    packed = await db.ask("HEAD", "/d/a", Accept_Encoding="deflate, gzip;q=0.5")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Content-Length"] == str(len(gzipped(data)))
    assert packed.headers["ETag"] == plain.headers["ETag"] == etag(gzipped(data))
    ranged = await db.get("d/a", Accept_Encoding=None, Range="bytes=0-4")
    assert (ranged.status, ranged.body) == (200, data)
    assert (await db.get("d/a", Accept_Encoding=None, Range="bytes=600-")).error == NO_RANGE


async def test_gzip_goes_out_as_it_is_stored(server, db):
    await attach(db, "d/a", b"hello " * 100, **TEXT)
    async with wire(server) as raw:
        answer = await raw.get("/db/d/a", "Accept-Encoding: gzip")
    assert answer.body == gzipped(b"hello " * 100)


async def test_encodings_that_nobody_has(db):
    await attach(db, "d/a", b"x", **TEXT)
    assert (await db.get("d/a", Accept_Encoding="identity;q=0")).error == (
        406,
        "not_acceptable",
        "unsupported encoding",
    )
    assert (await db.get("d/a", Accept_Encoding="gzip;q=x")).error[:2] == (400, "bad_request")
    refused = (415, "bad_content_type", "Only gzip and identity content-encodings are supported")
    assert (await db.put("e/a", b"x", Content_Encoding="br")).error == refused


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream"])
async def test_bytes_that_come_gzipped_are_kept_so(server, db, content_type):
    data = NOISE * 2
    sent = gzipped(data)
    await attach(db, "d/a", sent, Content_Encoding="gzip", Content_Type=content_type)
    member = (await db.get("d?att_encoding_info=true")).json["_attachments"]["a"]
    assert member["length"] == member["encoded_length"] == len(sent)  # nobody counted the plain bytes
    assert (member["encoding"], member["digest"]) == ("gzip", digest(sent))
    async with wire(server) as raw:
        packed = await raw.get("/db/d/a", "Accept-Encoding: gzip")
        assert packed.body == sent
        assert packed.headers["Content-Length"] == str(len(sent))
        plain = await raw.get("/db/d/a", "Range: bytes=0-1")
    assert (plain.status, plain.body) == (200, data)
    assert plain.headers["Transfer-Encoding"] == "chunked"
    assert plain.headers["Accept-Ranges"] == "none"


async def test_bytes_that_are_said_to_be_gzipped_and_are_not(server, db):
    await attach(db, "d/a", b"plain", Content_Encoding="gzip")
    async with wire(server) as raw:
        assert (await raw.get("/db/d/a", "Accept-Encoding: gzip")).body == b"plain"
    answer = await db.get("d/a", Accept_Encoding=None)
    assert answer.status == 500
    assert "not gzip" in answer.json["reason"]


async def test_a_type_cannot_write_headers(db):
    document = {"_attachments": {"a": {"data": "eA==", "content_type": 'text/x; a="b"\r\nSet-Cookie: c=d\r\n\r\nx'}}}
    await db.write("d", document)
    answer = await db.get("d/a")
    assert answer.headers["Content-Type"] == 'text/x; a="b"%0D%0ASet-Cookie: c=d%0D%0A%0D%0Ax'
    assert "Set-Cookie" not in answer.headers
    assert inflated(gzipped(b"x")) == answer.body


# --- ranges ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [("bytes=3-5", 3, 5), ("bytes=-3", 1048573, 1048575), ("bytes=262100-900000", 262100, 900000)],
)
async def test_a_range(db, header, first, last):
    await attach(db, "d/a", NOISE)
    for method in ("GET", "HEAD"):
        answer = await db.ask(method, "/d/a", Range=header)
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(NOISE)}"
        assert answer.headers["Content-Length"] == str(last - first + 1)
        assert answer.headers["ETag"] == etag(NOISE)
        assert answer.body == (NOISE[first : last + 1] if method == "GET" else b"")


async def test_a_range_of_bytes_that_were_replaced(db):
    await attach(db, "d/a", b"abc")
    assert (await db.get("d/a", Range="bytes=1-", If_Range=etag(b"abc"))).body == b"bc"
    for other in (etag(b"x"), f"W/{etag(b'abc')}", "Sat, 01 Jan 2022 00:00:00 GMT"):
        answer = await db.get("d/a", Range="bytes=1-", If_Range=other)
        assert (answer.status, answer.body) == (200, b"abc")


async def test_several_ranges(db):
    await attach(db, "d/a", NOISE, Content_Type="image/x")
    answer = await db.get("d/a", Range="bytes=0-1,262100-262200,-2")
    assert answer.status == 206
    assert answer.headers["Content-Type"].startswith('multipart/byteranges; boundary="')
    assert "Content-Length" not in answer.headers
    assert "ETag" not in answer.headers
    assert "Cache-Control" not in answer.headers
    boundary = answer.headers["Content-Type"].split('"')[1].encode()
    head = b"--" + boundary + b"\r\nContent-Range: bytes %d-%d/1048576\r\nContent-Type: image/x\r\n\r\n"
    assert answer.body == b"\r\n".join(
        [
            head % (0, 1) + NOISE[:2],
            head % (262100, 262200) + NOISE[262100:262201],
            head % (1048574, 1048575) + NOISE[-2:],
            b"--" + boundary + b"--",
        ]
    )


async def test_a_range_of_nothing(db):
    await attach(db, "d/a", b"abc")
    assert (await db.get("d/a", Range="bytes=3-")).error == NO_RANGE
    assert (await db.ask("HEAD", "/d/a", Range="bytes=3-")).status == 416


async def test_a_reader_that_stops_in_the_middle_lets_go(server, db):
    rev = await attach(db, "d/a", NOISE * 16)
    async with wire(server) as raw:
        raw.writer.write(b"GET /db/d/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await raw.reader.readexactly(100_000)
    (blob,) = held(server)
    assert (await db.ask("POST", "/_purge", {"d": [rev]})).status in (200, 201)
    await until(lambda: not held(server))
    await until(lambda: not is_stored(server, blob))


async def test_a_reader_keeps_what_it_reads(server, db):
    data = NOISE * 24
    rev = await attach(db, "d/a", data)
    async with wire(server) as raw:
        raw.writer.write(b"GET /db/d/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await raw.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert (await db.ask("POST", "/_purge", {"d": [rev]})).status in (200, 201)
        assert (await db.get("d/a")).error == MISSING
        assert await raw.reader.readexactly(len(data)) == data


def held(server):
    """The blobs that somebody reads."""
    return [number for number in range(1, 100) if number in server.node.registry.blobs.holds]


def is_stored(server, blob):
    with server.node.env.snapshot() as snapshot:
        return snapshot.get(snapshot.tables.blobs, pack_chunk_key(blob, 0)) is not None


async def test_both_ways_at_once(db):
    datas = [NOISE[start:] + NOISE[:start] for start in range(0, 8000, 1000)]
    await asyncio.gather(*(attach(db, f"d{place}/a", data) for place, data in enumerate(datas)))
    answers = await asyncio.gather(*(db.get(f"d{place}/a") for place in range(len(datas))))
    assert [answer.body for answer in answers] == datas


async def test_in_another_database(client, db):
    other = await Database(client, "other").create()
    await attach(db, "d/a", b"1")
    assert (await other.get("d/a")).error == MISSING
