import re

import pytest

from docstore.httpd.replies import (
    HeadLines,
    Reply,
    etag_matches,
    json_reply,
    location,
    new_request_id,
    not_modified,
    raw_json_reply,
    redirect,
)
from tests.httpd.serving import router, serving


async def answer(reply, *headers, method="GET"):
    async def handler(request):
        return reply

    async with serving(router(x=handler)) as server:
        return await server.get("/_x", *headers, method=method)


async def test_a_json_reply():
    got = await answer(json_reply({"ok": True, "é": 1e22}, 201, etag="1-a", headers=(("Location", "http://h/"),)))
    assert got.status == 201
    assert got.body == '{"ok":true,"é":1e+22}\n'.encode()
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["Cache-Control"] == "must-revalidate"
    assert got.headers["Content-Length"] == str(len(got.body))
    assert got.headers["ETag"] == '"1-a"'
    assert got.headers["X-CouchDB-Body-Time"] == "0"
    assert re.fullmatch(r"docstore/[0-9.]+ \(Python/3\.[0-9.]+\)", got.headers["Server"])
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", got.headers["Date"])
    assert re.fullmatch("[0-9a-f]{10}", got.headers["X-Couch-Request-ID"])
    assert "Connection" not in got.headers


async def test_raw_json_gets_a_line_end():
    assert (await answer(raw_json_reply(b'{"a":1}'))).body == b'{"a":1}\n'


async def test_a_head_has_the_headers_of_a_get():
    whole, head = [await answer(json_reply({"a": 1}, etag="x"), method=method) for method in ("GET", "HEAD")]
    del whole.headers["X-Couch-Request-ID"], head.headers["X-Couch-Request-ID"]
    assert head.body == b""
    assert {**head.headers, "Date": ""} == {**whole.headers, "Date": ""}


async def test_not_modified_has_no_body_and_no_length():
    got = await answer(not_modified("1-a"))
    assert (got.status, got.body, got.headers["ETag"]) == (304, b"", '"1-a"')
    assert not {"Content-Length", "Content-Type", "Cache-Control"} & set(got.headers)


async def test_a_redirect():
    got = await answer(redirect("http://h/x"))
    assert (got.status, got.body, got.headers["Location"]) == (301, b"", "http://h/x")


async def test_a_large_body():
    body = b"x" * 3_000_000
    assert (await answer(Reply(200, body))).body == body


async def test_what_is_left_out_and_what_is_set():
    got = await answer(Reply(200, b"hi", content_type="text/plain", cache_control="no-cache", headers=(("A", "b"),)))
    assert got.headers["Content-Type"] == "text/plain"
    assert got.headers["Cache-Control"] == "no-cache"
    assert got.headers["A"] == "b"
    got = await answer(Reply(200, content_type=None, cache_control=None))
    assert not {"Content-Type", "Cache-Control"} & set(got.headers)
    assert got.headers["Content-Length"] == "0"


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x", "a\nb", "a\0b"])
async def test_a_header_cannot_break_out_of_its_line(value):
    with pytest.raises(ValueError, match="control character"):
        Reply(200, headers=(("Location", value),))


async def test_an_etag_of_any_text():
    assert (await answer(Reply(200, etag="1-é"))).headers["ETag"].encode("latin-1").decode() == '"1-é"'
    got = await answer(Reply(200, etag="1-a\r\nInjected: yes"))
    assert not {"ETag", "Injected"} & set(got.headers)


def test_the_common_lines_are_printed_once_a_second(monkeypatch):
    lines = HeadLines()
    first = lines.lines(200, "application/json", None)
    assert lines.lines(200, "application/json", None) is first or lines._second != int(first == b"")
    assert first.startswith(b"HTTP/1.1 200 OK\r\nServer: docstore/")
    assert first.endswith(b"GMT\r\nX-Couch-Request-ID: ")
    monkeypatch.setattr("docstore.httpd.replies.time.time", lambda: 0.5)
    assert b"\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" in lines.lines(200, "application/json", None)


def test_request_ids_differ():
    assert len({new_request_id() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        (None, False),
        ("", False),
        ("*", False),
        ('"1-a"', True),
        ('W/"1-a"', True),
        ('"x", "1-a"', True),
        ('"x","1-a"', True),
        ("1-a", False),
        ('"1-b"', False),
    ],
)
def test_if_none_match(header, matches):
    assert etag_matches(header, "1-a") is matches


def test_a_location():
    assert location("http://h:1", "a/b", "_design/x") == "http://h:1/a%2Fb/_design%2Fx"


@pytest.mark.parametrize("named", ["E7498DE1-B661-42FA-943D-17F890143068", "a", "_-9"])
async def test_a_client_may_name_its_request(client, named):
    async with client.get("/", headers={"X-Couch-Request-ID": named}) as reply:
        assert reply.headers["X-Couch-Request-ID"] == named


@pytest.mark.parametrize("named", ["", "a" * 37, "a b", "a\u00fc", "a;b"])
async def test_but_not_as_it_likes(client, named):
    async with client.get("/", headers={"X-Couch-Request-ID": named}) as reply:
        assert re.fullmatch("[0-9a-f]{10}", reply.headers["X-Couch-Request-ID"])
