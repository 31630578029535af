"""Headers that are not UTF-8: refused before anything is written, wherever somebody would read them."""

import asyncio
import base64
import json

import pytest

from docstore.errors import BadRequest
from docstore.httpd.auth import Authenticator
from docstore.httpd.params.header_text import READ, check_header_text
from docstore.settings import Admin
from docstore.testing import run_node
from tests.httpd.attaching import wire

LATIN = b"caf\xe9"
TARGETS = {
    b"PUT /db/new": b"{}",
    b"PUT /db/new/att": b"bytes",
    b"POST /db": b"{}",
    b"POST /db/_bulk_docs": b'{"docs":[{}]}',
    b"DELETE /db/doc?rev=1-a": b"",
    b"COPY /db/doc": b"",
}


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    length = b"Content-Length: %d" % len(body)
    lines = (line + b" HTTP/1.1", b"Host: localhost", length, *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.mark.parametrize("name", sorted(READ - {"expect", "host", "origin"}))
async def test_what_is_read_must_be_utf8(server, db, name):
    before = server.node.registry.open("db").info().update_seq
    for line, body in TARGETS.items():
        async with wire(server) as raw:
            answer = await raw.ask(request(line, name.encode() + b": " + LATIN, body=body))
        assert answer.status == 400, (line, answer)
        assert json.loads(answer.body)["error"] == "bad_request"
    assert server.node.registry.open("db").info().update_seq == before


async def test_it_may_come_behind_other_requests_and_in_pieces(server, db):
    sent = request(b"PUT /db/new", b"If-Match: " + LATIN, body=b"{}")
    for cut in (0, 20, sent.index(LATIN) + len(LATIN) - 1, sent.index(LATIN) + len(LATIN)):
        async with wire(server) as raw:
            assert (await raw.ask(request(b"GET /db"))).status == 200
            raw.writer.write(sent[:cut])
            await raw.writer.drain()
            await asyncio.sleep(0)
            answer = await raw.ask(sent[cut:])
        assert (answer.status, json.loads(answer.body)["error"]) == (400, "bad_request")


async def test_upload_metadata_of_tus(server, db):
    metadata = (b"Tus-Resumable: 1.0.0", b"Upload-Length: 5", b"Upload-Metadata: caf\xe9 aGk=")
    async with wire(server) as raw:
        answer = await raw.ask(request(b"POST /db/doc/att", *metadata))
    assert answer.status == 400
    assert "Location" not in answer.headers


async def test_utf8_and_other_headers_are_taken(server, db):
    for headers in ((b"X-City: caf\xe9",), (b"User-Agent: \xff",), ("Content-Type: té/xt".encode(),)):
        async with wire(server) as raw:
            answer = await raw.ask(request(b"PUT /db/new/att%d" % len(headers[0]), *headers, body=b"x"))
            assert answer.status in (201, 409)
            assert (await raw.ask(request(b"GET /db", b"Authorization: \xff"))).status == 200


def test_the_check_names_the_header():
    with pytest.raises(BadRequest, match="Upload-Metadata is not UTF-8 encoded"):
        check_header_text({"Accept": "x", "Upload-Metadata": LATIN.decode("utf-8", "surrogateescape")})


@pytest.mark.parametrize("value", [b"Basic \xff", b"Basic " + base64.b64encode(b"\xff:x"), b"Basic YWRt\xffaW4="])
async def test_authorization_that_is_no_text(tmp_path, value):
    async with run_node(data=tmp_path / "guarded", admin=Admin("admin", "secret")) as server:
        authenticator = Authenticator(server.node.accounts, server.node.clock.now)
        headers = {"Authorization": value.decode("utf-8", "surrogateescape")}
        with pytest.raises(BadRequest, match="invalid base64"):
            await authenticator.authenticate(headers, None, "GET", ["db"])
