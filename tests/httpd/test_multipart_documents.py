"""Documents that travel with their attachments as parts, in both directions."""

import asyncio
import json
from hashlib import md5

import pytest

from docstore.settings import Limits
from docstore.testing import run_node
from tests.core.test_multipart import read
from tests.httpd.attaching import (
    BOUNDARY,
    NOISE,
    RELATED,
    digest,
    follows,
    gzipped,
    inline,
    related,
    stagings,
    until,
    wire,
)

TOO_LONG = (400, "bad_request", "attachment longer than expected")
TOO_SHORT = (400, "bad_request", "attachment shorter than expected")
MISMATCH = (400, "content_md5_mismatch", "Possible message corruption.")
EARLY = (400, "bad_request", "expected more data")
MALFORMED = (400, "bad_request", "The multipart body is malformed.")
MIXED = "multipart/mixed"


async def send(db, path, body, content_type=RELATED, **headers):
    return await db.put(path, body, Content_Type=content_type, **headers)


def parts_of(answer):
    message = read(answer.headers["Content-Type"], answer.body)
    assert message.defects == []
    return message.get_payload()


def content(part):
    return part.get_payload(decode=True)


# --- PUT ------------------------------------------------------------------------------------------------------------


async def test_a_document_and_its_attachments(server, db):
    document = {
        "v": 1,
        "_attachments": {
            "t": follows(b"text", "text/plain"),
            "i": inline(b"within"),
            "n": follows(NOISE * 5, "image/x", digest=digest(NOISE * 5)),
            "e": follows(b""),
        },
    }
    answer = await send(db, "d", related(document, b"text", NOISE * 5, b""))
    assert answer.status == 201
    assert answer.headers["ETag"] == f'"{answer.json["rev"]}"'
    assert answer.headers["Location"].endswith("/db/d")
    stored = (await db.get("d")).json
    assert stored["v"] == 1
    assert list(stored["_attachments"]) == ["t", "i", "n", "e"]
    assert [one["length"] for one in stored["_attachments"].values()] == [4, 6, len(NOISE) * 5, 0]
    assert (await db.get("d/n")).body == NOISE * 5
    assert (await db.get("d/t")).body == b"text"
    assert stagings(server) == 0


async def test_the_revision_is_that_of_the_same_edit_otherwise(db):
    attachments = {"b": inline(b"x", "text/plain"), "a": inline(b"y")}
    rev = await db.write("d", {"v": 1, "_attachments": attachments})
    document = {"v": 1, "_attachments": {"b": follows(b"x", "text/plain"), "a": follows(b"y")}}
    assert (await send(db, "e", related(document, b"x", b"y"))).json["rev"] == rev


async def test_stubs_and_the_revision_in_the_body_or_beside_it(db):
    rev = await db.write("d", {"_attachments": {"a": inline(b"old")}})
    document = {"_attachments": {"a": {"stub": True}, "b": follows(b"new")}}
    assert (await send(db, "d", related(document, b"new"))).error[0] == 409
    answer = await send(db, f"d?rev={rev}", related(document, b"new"))
    assert answer.status == 201
    answer = await send(db, "d", related(document, b"new"), If_Match=answer.json["rev"])
    assert answer.status == 201
    document["_rev"] = answer.json["rev"]
    assert (await send(db, f"d?rev={rev}", related(document, b"new"))).error[0] == 400
    assert (await send(db, "d", related(document, b"newer")[:-3])).error[0] == 400
    assert (await send(db, "d", related(document, b"new"))).status == 201
    assert [(await db.get(f"d/{name}")).body for name in "ab"] == [b"old", b"new"]


async def test_without_attachments_that_follow(db):
    assert (await send(db, "d", related({"v": 1}))).status == 201
    answer = await send(db, "e", related({"_attachments": {"a": inline(b"x")}}))
    assert (answer.status, (await db.get("e/a")).body) == (201, b"x")
    assert (await send(db, "f", related({"_deleted": True}))).status == 200


async def test_replicated_with_gzip(db):
    packed = gzipped(b"hello")
    attachment = follows(
        b"hello", "text/plain", encoding="gzip", encoded_length=len(packed), digest=digest(packed), revpos=2
    )
    document = {"_id": "d", "_revisions": {"start": 2, "ids": ["b", "a"]}, "_attachments": {"t": attachment}}
    answer = await send(db, "d?new_edits=false", related(document, packed))
    assert (answer.status, answer.json["rev"]) == (201, "2-b")
    stub = (await db.get("d?att_encoding_info=true")).json["_attachments"]["t"]
    assert (stub["revpos"], stub["length"], stub["encoded_length"]) == (2, 5, len(packed))
    assert (await db.get("d/t", Accept_Encoding=None)).body == b"hello"
    assert (await send(db, "d?new_edits=false", related({"v": 1}))).error[:2] == (400, "bad_request")


async def test_a_length_that_nobody_told(db):
    document = {"_attachments": {"a": {"follows": True}}}
    assert (await send(db, "d", related(document, b"any"))).status == 201
    assert (await db.get("d/a")).body == b"any"


A5 = {"_attachments": {"a": follows(b"12345"), "b": follows(b"123")}}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (related(A5, b"123456", b"123"), TOO_LONG),
        (related(A5, b"123", b"12345"), TOO_LONG),
        (related(A5, b"1234", b"123"), TOO_LONG),
        (related(A5, b"123", b"12"), TOO_SHORT),
        (related(A5, b"12", b"1"), TOO_SHORT),
        (related(A5, b"12345", b"12"), TOO_SHORT),
        (related(A5, b"12345"), TOO_SHORT),
        (related(A5), TOO_SHORT),
        (related(A5, b"12345", b"123")[:-2], EARLY),
        (related(A5, b"12345", b"123")[:-20], EARLY),
        (related(A5)[:-2], EARLY),
        (b"", EARLY),
        (b"--", EARLY),
        (b"{}", EARLY),
        (f"--{BOUNDARY}--".encode(), (400, "bad_request", "The multipart body has no part with the document.")),
        (f"--{BOUNDARY}\r\nbad header\r\n\r\n{{}}\r\n--{BOUNDARY}--".encode(), MALFORMED),
        (
            related(A5, b"12345", b"123", b"1"),
            (400, "bad_request", "The multipart body has more than the 3 parts that its document names."),
        ),
        (
            related({"v": 1}, b"x"),
            (400, "bad_request", "The multipart body has more than the 1 parts that its document names."),
        ),
        (related(b"{"), (400, "bad_request", "invalid UTF-8 JSON")),
        (related([]), (400, "bad_request", "Document must be a JSON object")),
        (related({"_x": 1}), (400, "doc_validation", "Bad special document member: _x")),
        (related({}, first_type="text/plain"), (415, "bad_content_type", "Content-Type must be application/json")),
        (related({"_attachments": {"a": follows(b"x", digest=digest(b"y"))}}, b"x"), MISMATCH),
        (related({"_attachments": {"a": follows(b"x", digest="md5-AAAA")}}, b"x"), MISMATCH),
        (related({"_attachments": {"a": {"stub": True}}}), (412, "missing_stub", "Invalid attachment stub in d for a")),
        (
            related({"_attachments": {"b": follows(b"x"), "a": {"stub": True}}}, b"x"),
            (412, "missing_stub", "Invalid attachment stub in d for a"),
        ),
    ],
)
async def test_refused_at_once(server, db, body, error):
    async with asyncio.timeout(10):
        assert (await send(db, "d", body)).error == error
    assert (await db.get("d")).status == 404
    assert stagings(server) == 0


@pytest.mark.parametrize(
    ("content_type", "headers", "error"),
    [
        ("multipart/related", {}, (400, "bad_request", "The Content-Type of a multipart body must name its boundary.")),
        (
            RELATED,
            {"Content_Encoding": "gzip"},
            (415, "bad_content_type", "A multipart body cannot have a Content-Encoding."),
        ),
        ("multipart/mixed; boundary=xyz", {}, (400, "bad_request", "invalid UTF-8 JSON")),
    ],
)
async def test_refused_for_its_headers(db, content_type, headers, error):
    assert (await send(db, "d", related({}), content_type, **headers)).error == error


async def test_a_conflict_is_told_before_the_attachments_are_sent(server, db):
    await db.write("d", {})
    body = related({"_attachments": {"a": follows(NOISE * 100)}}, b"")
    async with wire(server) as raw:
        raw.writer.write(
            b"PUT /db/d HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nContent-Type: %b\r\n\r\n"
            % (len(body) + len(NOISE) * 100, RELATED.encode())
        )
        answer = await raw.ask(body[: -len(BOUNDARY) - 6])
    assert answer.status == 409


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(server, db):
    body = related({"_attachments": {"a": follows(b"x"), "b": follows(NOISE * 9)}}, b"x", NOISE * 9)
    async with wire(server) as raw:
        raw.writer.write(
            b"PUT /db/d HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nContent-Type: %b\r\n\r\n"
            % (len(body), RELATED.encode())
        )
        raw.writer.write(body[:-100])
        await until(lambda: stagings(server) == 2)
    await until(lambda: not stagings(server))
    assert (await db.get("d")).status == 404


async def test_cut_anywhere(server, db):
    body = related({"_attachments": {"a": follows(b"\r\n--xy")}}, b"\r\n--xy")
    head = b"PUT /db/%b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: %b\r\n\r\n"
    async with wire(server) as raw:
        for size in (1, 2, 3, 7):
            chunks = [body[start : start + size] for start in range(0, len(body), size)]
            framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
            answer = await raw.ask(head % (b"d%d" % size, RELATED.encode()) + framed + b"0\r\n\r\n")
            assert answer.status == 201
            assert (await db.get(f"d{size}/a")).body == b"\r\n--xy"


async def test_limits(tmp_path):
    limits = Limits(max_attachment_size=100, max_request_body=2000)
    async with run_node(data=tmp_path, limits=limits) as server, wire(server) as raw:
        await raw.get("/db", method="PUT")
        told = related({"_attachments": {"a": follows(b"x" * 101)}}, b"x" * 101)
        untold = related({"_attachments": {"a": {"follows": True}}}, b"x" * 101)
        for body in (told, untold):
            answer = await raw.get("/db/d", f"Content-Type: {RELATED}", method="PUT", body=body)
            assert (answer.status, json.loads(answer.body)["error"]) == (413, "attachment_too_large")
        body = related(b'{"x":"%b"}' % (b"x" * 2000))
        assert (await raw.get("/db/d", f"Content-Type: {RELATED}", method="PUT", body=body)).status == 413
        many = {"_attachments": {str(number): follows(b"x" * 100) for number in range(15)}}
        body = related(many, *[b"x" * 100] * 15)
        assert len(body) > 2000
        assert (await raw.get("/db/d", f"Content-Type: {RELATED}", method="PUT", body=body)).status == 201
        assert stagings(server) == 0


# --- GET ------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def full(db):
    """A document with a compressible, a large and an oddly named attachment; its revision."""
    attachments = {
        "t.txt": inline(b"hello", "text/plain"),
        "n": inline(NOISE, "image/x"),
        'é"\r\n': inline(b"odd", 'x/y; a="b"'),
    }
    return db, await db.write("d", {"v": 1, "_attachments": attachments})


def assert_parts(parts, follow=("t.txt", "n", 'é"\r\n')):
    """The document's part and those that follow it."""
    data = {"t.txt": gzipped(b"hello"), "n": NOISE, 'é"\r\n': b"odd"}
    document = json.loads(content(parts[0]))
    shown = document["_attachments"]
    assert {name for name, one in shown.items() if one.get("follows")} == set(follow)
    assert all(one.get("stub") for name, one in shown.items() if name not in follow)
    assert shown["t.txt"]["encoding"] == "gzip"
    assert shown["t.txt"]["length"] == 5
    assert [content(part) for part in parts[1:]] == [data[name] for name in follow]
    for name, part in zip(follow, parts[1:], strict=True):
        assert int(part["Content-Length"]) == len(data[name])
        assert part["Content-Encoding"] == ("gzip" if name == "t.txt" else None)
        assert part.get_content_type() == {"t.txt": "text/plain", "n": "image/x"}.get(name, "x/y")
        escaped = "%C3%A9" if name.startswith("é") else name
        assert part["Content-Disposition"].startswith("attachment; filename=")
        assert "\n" not in part["Content-Disposition"], escaped
    return document


@pytest.mark.parametrize("accept", [None, "*/*", "multipart/related", "application/json;q=0.1, multipart/related"])
async def test_related(full, accept):
    db, rev = full
    answer = await db.get("d?attachments=true", Accept=accept)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith('multipart/related; boundary="')
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["ETag"] == f'"{rev}"'
    assert "Cache-Control" not in answer.headers
    document = assert_parts(parts_of(answer))
    assert (document["_id"], document["_rev"], document["v"]) == ("d", rev, 1)
    head = await db.ask("HEAD", "/d?attachments=true", Accept=accept)
    assert (head.headers["Content-Length"], head.body) == (answer.headers["Content-Length"], b"")
    assert (await db.get("d?attachments=true", Accept=accept, If_None_Match=f'"{rev}"')).status == 304


async def test_json_otherwise(full):
    db, _ = full
    for path, accept in (("d?attachments=true", "application/json"), ("d", None), ("d?att_encoding_info=true", None)):
        assert (await db.get(path, Accept=accept)).headers["Content-Type"] == "application/json"
    await db.write("plain", {"v": 1})
    assert (await db.get("plain?attachments=true", Accept=None)).body.endswith(b'"v":1}\n')


async def test_only_what_the_reader_lacks(full):
    db, rev = full
    document = (await db.get("d")).json
    document["_attachments"]["new"] = inline(b"!")
    await db.write("d", document)
    answer = await db.get(f'd?atts_since=["{rev}"]', Accept=None)
    first, second = parts_of(answer)
    shown = json.loads(content(first))["_attachments"]
    assert {name for name, one in shown.items() if "follows" in one} == {"new"}
    assert content(second) == b"!"
    now = (await db.get("d")).json["_rev"]
    answer = await db.get(f'd?atts_since=["{now}"]', Accept=None)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert all(one["stub"] for one in answer.json["_attachments"].values())


async def test_what_goes_out_comes_in_again(full):
    db, rev = full
    answer = await db.get("d?attachments=true&revs=true", Accept=None)
    sent = await send(db, "e?new_edits=false", answer.body, answer.headers["Content-Type"])
    assert (sent.status, sent.json["rev"]) == (201, rev)
    original, copy = (await db.get("d?att_encoding_info=true")).json, (await db.get("e?att_encoding_info=true")).json
    assert copy == original | {"_id": "e"}
    assert (await db.get("e/n")).body == NOISE


async def test_open_revs(full):
    db, rev = full
    await db.replicate({"_id": "d", "_rev": "1-aa", "plain": True})
    answer = await db.get(f'd?open_revs=["{rev}","9-x","1-aa"]&atts_since=["1-none"]', Accept=MIXED)
    assert answer.headers["Content-Type"].startswith('multipart/mixed; boundary="')
    parts = {
        part["Content-Type"].split(";")[0] + ("!" if "error" in part["Content-Type"] else ""): part
        for part in parts_of(answer)
    }
    assert set(parts) == {"multipart/related", "application/json!", "application/json"}
    assert 'boundary="' in parts["multipart/related"]["Content-Type"]
    assert_parts(parts["multipart/related"].get_payload())
    assert json.loads(content(parts["application/json"]))["plain"]
    assert json.loads(content(parts["application/json!"])) == {"missing": "9-x"}


async def test_open_revs_whose_attachments_are_known(full):
    db, rev = full
    (part,) = parts_of(await db.get(f'd?open_revs=["{rev}"]&atts_since=["{rev}"]', Accept=MIXED))
    assert part["Content-Type"] == "application/json"
    assert json.loads(content(part))["_attachments"]["n"]["stub"]


async def test_bulk_get(full):
    db, rev = full
    await db.write("plain", {"v": 1})
    docs = [{"id": "d"}, {"id": "plain"}, {"id": "d", "rev": "9-x"}, {"id": "none"}, {"id": "d", "atts_since": [rev]}]
    answer = await db.post("_bulk_get?revs=true", {"docs": docs}, Accept=MIXED)
    nested, plain, no_rev, no_doc, stubs = parts_of(answer)
    assert nested["Content-Type"].startswith("multipart/related; boundary=")
    assert (nested["X-Doc-Id"], nested["X-Rev-Id"]) == ("d", rev)
    document = assert_parts(nested.get_payload())
    assert document["_revisions"] == {"start": 1, "ids": [rev[2:]]}
    assert (plain["Content-Type"], plain["X-Doc-Id"]) == ("application/json", None)
    assert json.loads(content(plain))["v"] == 1
    assert no_rev["Content-Type"] == no_doc["Content-Type"] == 'application/json; error="true"'
    assert json.loads(content(no_rev)) == {"rev": "9-x", "error": "not_found", "reason": "missing"}
    assert json.loads(content(no_doc)) == {"id": "none", "rev": "undefined", "error": "not_found", "reason": "missing"}
    assert stubs["Content-Type"] == "application/json"
    assert all(one["stub"] for one in json.loads(content(stubs))["_attachments"].values())


async def test_bulk_get_of_many_large_ones(db):
    for number in range(6):
        data = NOISE[number:] + NOISE[:number]
        assert (await db.put(f"d{number}/a", data, Content_Type="image/x")).status == 201
    docs = [{"id": f"d{number}"} for number in range(6)]
    answer = await db.post("_bulk_get", {"docs": docs}, Accept="multipart/related")
    assert answer.headers["Content-Type"].startswith("multipart/related;")
    digests = [md5(content(part.get_payload()[1])).digest() for part in parts_of(answer)]
    assert digests == [md5(NOISE[number:] + NOISE[:number]).digest() for number in range(6)]


async def test_what_has_no_bytes_stands_in_the_text(db):
    """A CouchDB that replicates from here would wait for its parts."""
    full, empty = inline(b"within", "image/png"), inline(b"", "image/png")
    await db.put("empty", {"_attachments": {"a": empty, "b": empty}})
    await db.put("mixed", {"_attachments": {"a": empty, "b": full, "c": empty}})
    (part,) = parts_of(await db.get("empty?open_revs=all&revs=true&latest=true", Accept=MIXED))
    assert part["Content-Type"] == "application/json"
    shown = json.loads(content(part))["_attachments"]
    assert [(one["data"], "follows" in one) for one in shown.values()] == [("", False)] * 2
    (part,) = parts_of(await db.get("mixed?open_revs=all", Accept=MIXED))
    text, within = part.get_payload()
    shown = json.loads(content(text))["_attachments"]
    assert [one.get("data", one.get("follows")) for one in shown.values()] == ["", True, ""]
    assert content(within) == b"within"
