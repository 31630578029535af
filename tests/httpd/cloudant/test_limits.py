"""Cloudant's limits to the byte: what is just small enough is taken, and one more is refused."""

import base64
import gzip
import io
import json
from collections.abc import AsyncIterator

import pytest

from tests.httpd.cloudant.conftest import basic

MIB = 1024 * 1024
DOCUMENT, ATTACHMENT, REQUEST, DATABASES = MIB, 10 * MIB, 64 * MIB, 200
TOO_LARGE = {"error": "too_large", "reason": "the request entity is too large"}
JSON = {"Content-Type": "application/json"}
BOUNDARY = b"between"
RELATED = {"Content-Type": 'multipart/related; boundary="between"'}
PIECE = 256 * 1024


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    """A body whose length is not told before it comes."""
    for begin in range(0, len(data), PIECE):
        yield data[begin : begin + PIECE]


@pytest.fixture
async def send(account):
    """Send a body as it is, in a database that there is."""
    assert (await account("PUT", "/db", basic()))[0] == 201

    async def send(method, path, data, headers=JSON, *, chunked=False):
        body = pieces(data) if chunked else io.BytesIO(data)
        sent = account.session.request(
            method, f"/db{path}", data=body, headers=basic() | headers, expect100=not chunked
        )
        async with sent as response:
            return response.status, await response.json()

    return send


def document(size, doc_id=None):
    """The text of a document whose members take so many bytes; its id does not count, nor what is between them."""
    beginning = b"{" if doc_id is None else b'{"_id":"%b",' % doc_id.encode()
    return beginning + b' "text":  "' + b"x" * (size - len('{"text":""}')) + b'" }'


def related(head, *files):
    parts = [b"Content-Type: application/json\r\n\r\n" + json.dumps(head).encode(), *(b"\r\n" + file for file in files)]
    return b"".join(b"--" + BOUNDARY + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + BOUNDARY + b"--"


def follows(length):
    return {"follows": True, "content_type": "image/x", "length": length}


# --- documents


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("method", "path"), [("PUT", "/a"), ("POST", "")])
async def test_a_document(send, method, path, chunked):
    assert (await send(method, path, document(DOCUMENT, "a"), chunked=chunked))[0] == 201
    told = {"error": "document_too_large", "reason": "b"}
    larger = document(DOCUMENT + 1, "b")
    assert await send(method, path and "/b", larger, chunked=chunked) == (413, told)


async def test_one_of_many(send, account):
    docs = b'{"docs":[%b,%b]}'
    fits = docs % (document(DOCUMENT, "a"), document(DOCUMENT, "b"))
    assert [row["ok"] for row in (await send("POST", "/_bulk_docs", fits))[1]] == [True, True]
    larger = docs % (document(DOCUMENT, "c"), document(DOCUMENT + 1, "d"))
    assert await send("POST", "/_bulk_docs", larger) == (413, {"error": "document_too_large", "reason": "d"})
    assert (await account("GET", "/db/c", basic()))[0] == 404


async def test_characters_are_bytes(send):
    text = '{"text":"' + "ü" * ((DOCUMENT - 11) // 2) + 'x"}'
    assert len(text.encode()) == DOCUMENT
    assert (await send("PUT", "/a", text.encode()))[0] == 201
    assert (await send("PUT", "/b", text.replace("x", "ü").encode()))[1]["error"] == "document_too_large"


# --- attachments


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_attachment(send, account, chunked):
    headers = {"Content-Type": "image/x"}
    assert (await send("PUT", "/a/file", bytes(ATTACHMENT), headers, chunked=chunked))[0] == 201
    told = {"error": "attachment_too_large", "reason": "file"}
    assert await send("PUT", "/b/file", bytes(ATTACHMENT + 1), headers, chunked=chunked) == (413, told)
    assert (await account("GET", "/db/b", basic()))[0] == 404


async def test_an_attachment_in_its_document(send):
    def inline(size):
        data = base64.b64encode(bytes(size)).decode()
        return json.dumps({"_attachments": {"file": {"content_type": "image/x", "data": data}}}).encode()

    assert (await send("PUT", "/a", inline(ATTACHMENT)))[0] == 201
    told = {"error": "attachment_too_large", "reason": "file"}
    assert await send("PUT", "/b", inline(ATTACHMENT + 1)) == (413, told)


async def test_an_attachment_that_follows(send):
    def body(size):
        return related({"_attachments": {"file": follows(size)}}, bytes(size))

    assert (await send("PUT", "/a", body(ATTACHMENT), RELATED))[0] == 201
    told = {"error": "attachment_too_large", "reason": "file"}
    assert await send("PUT", "/b", body(ATTACHMENT + 1), RELATED) == (413, told)


# --- requests


def padded(size):
    """A request whose body has so many bytes, of which few say something."""
    return b'{"docs":[]' + b" " * (size - len('{"docs":[]}')) + b"}"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_request(send, chunked):
    assert await send("POST", "/_bulk_docs", padded(REQUEST), chunked=chunked) == (201, [])
    assert await send("POST", "/_bulk_docs", padded(REQUEST + 1), chunked=chunked) == (413, TOO_LARGE)


async def test_a_request_full_of_documents(send):
    """As large as it may be, each of its documents too."""
    docs = [document(DOCUMENT - 64, str(number)) for number in range(64)]
    text = b'{"docs":[%b]' % b",".join(docs)
    status, rows = await send("POST", "/_bulk_docs", text + b" " * (REQUEST - len(text) - 1) + b"}")
    assert (status, len(rows), all(row["ok"] for row in rows)) == (201, 64, True)


async def test_a_packed_request_counts_as_it_is_unpacked(send, account):
    packed = {**JSON, "Content-Encoding": "gzip"}
    await account.node.config.set("limits", "max_inflation", "2000", persist=False)
    assert await send("POST", "/_bulk_docs", gzip.compress(padded(REQUEST)), packed) == (201, [])
    assert await send("POST", "/_bulk_docs", gzip.compress(padded(REQUEST + 1)), packed) == (413, TOO_LARGE)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_request_of_attachments(send, account, chunked):
    """Each is small enough; IBM's guide to replication has them counted together with their document."""
    sizes = [9 * MIB] * 7
    head = {"_attachments": {str(place): follows(size) for place, size in enumerate(sizes)}}
    empty = related({**head, "pad": ""}, *map(bytes, sizes))
    head["pad"] = "x" * (REQUEST - len(empty))
    assert len(head["pad"]) < DOCUMENT
    body = related(head, *map(bytes, sizes))
    assert len(body) == REQUEST
    assert (await send("PUT", "/a", body, RELATED, chunked=chunked))[0] == 201
    larger = body.replace(b"xx", b"xxx", 1)
    assert await send("PUT", "/b", larger, RELATED, chunked=chunked) == (413, TOO_LARGE)
    assert (await account("GET", "/db/b", basic()))[0] == 404


# --- databases


async def test_databases(account):
    await account("PUT", "/_users", basic())  # which no account counts
    for number in range(DATABASES):
        assert (await account("PUT", f"/db{number}", basic()))[0] == 201
    told = (403, {"error": "forbidden", "reason": "There are 200 databases, and no more can be made."})
    assert await account("PUT", "/more", basic()) == told
    assert (await account("GET", "/_api/v2/user/capacity/databases", basic()))[1]["current"]["databases"][
        "total"
    ] == 200
    assert (await account("GET", "/_api/v2/user/current/databases", basic()))[1] == {"databases": {"total": 200}}
    assert (await account("PUT", "/db0", basic()))[0] == 412
    asked = {"source": f"{account.url}/db0", "target": "more", "create_target": True}
    assert (await account("POST", "/_replicate", basic(), body=asked))[0] >= 400
    assert (await account("DELETE", "/db0", basic()))[0] == 200
    assert (await account("PUT", "/more", basic()))[0] == 201
    assert await account("PUT", "/db0", basic()) == told
