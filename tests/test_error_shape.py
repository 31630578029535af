"""Whatever goes wrong, on whatever route: an error is ``{"error", "reason"}`` and nothing else, and never a 500.

Every row of the route table is asked with a method it does not have, a database that is not there, bodies and
parameters that cannot be read.
"""

import asyncio
import json

import aiohttp
import pytest

from docstore.httpd.app import ROUTER
from docstore.testing import TestNode
from tests.httpd.serving import Wire

WRITES = ("PUT", "POST")
JSON_TYPE = {"Content-Type": "application/json"}


def path_of(pattern: str, *, database: str = "db") -> str:
    """A path with the pattern's shape; the document is one that exists."""
    filled = pattern.replace("{db}", database).replace("{doc}", "doc").replace("{name}", "_local")
    return filled.replace("{path...}", "x/y").replace("{uuid}", "0" * 32)


def rows(*methods: str) -> list:
    """(path, method) of every row that has one of these methods."""
    return [
        pytest.param(row.pattern, method, id=f"{method} {row.pattern}")
        for row in ROUTER.routes
        for method in row.handlers
        if method in methods
    ]


SAID_WITH_500 = "invalid_list_index_params"
"""A request that cannot be understood, for which CouchDB has this status."""


async def assert_error(response: aiohttp.ClientResponse, *statuses: int, sent: object = None) -> None:
    text = await response.text()
    asked = f"{response.method} {response.url.raw_path_qs} with {sent}: {response.status} {text}"
    if statuses:
        assert response.status in statuses, asked
    assert 400 <= response.status < 500 or response.status in (501, 503) or SAID_WITH_500 in text, asked
    assert response.content_type == "application/json", asked
    assert text.endswith("}\n"), asked
    assert response.headers["X-Couch-Request-ID"], asked
    body = json.loads(text)
    assert list(body) == ["error", "reason"], asked
    assert isinstance(body["error"], str), asked
    assert isinstance(body["reason"], str), asked
    assert body["error"] != "unknown_error", asked


@pytest.fixture
async def filled(server: TestNode, client: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """A client of a server with a database and a document."""
    for path in ("/db", "/db/doc", "/db/_design/doc", "/db/_local/doc"):
        async with client.put(path, data=b"{}") as response:
            assert response.status == 201, path
    return client


@pytest.mark.parametrize("pattern", [row.pattern for row in ROUTER.routes])
async def test_an_unknown_method(filled, pattern):
    allowed, known = next((row.allow, row.handlers) for row in ROUTER.routes if row.pattern == pattern)
    for method in {"PATCH", "OPTIONS", "TRACE", "MOVE"} - known.keys():
        async with filled.request(method, path_of(pattern)) as response:
            await assert_error(response, 405 if allowed else 404)
            assert response.headers.get("Allow", "") == allowed


@pytest.mark.parametrize("row", [row for row in ROUTER.routes if row.below_database], ids=lambda row: row.pattern)
async def test_no_such_database(filled, row):
    path = path_of(row.pattern, database="nope")
    for method in row.handlers:
        body = b"{}" if method in WRITES else None
        async with filled.request(method, path, data=body, headers=JSON_TYPE, allow_redirects=False) as response:
            if (row.pattern, method) == ("/{db}", "PUT"):
                assert response.status == 201
                await filled.delete("/nope")
            else:
                await assert_error(response, 404)
                assert await response.json() == {"error": "not_found", "reason": "Database does not exist."}


UNREADABLE = (b"", b"{", b"\xff", b"[" * 501, b"[]", b'"x"', b"null", b"1e999")


@pytest.mark.parametrize(("pattern", "method"), rows(*WRITES))
async def test_a_body_that_cannot_be_read(filled, pattern, method):
    for body in UNREADABLE:
        async with filled.request(method, path_of(pattern), data=body, headers=JSON_TYPE) as response:
            if response.status >= 400 and not is_crash_of_couchdb(pattern, response):
                await assert_error(response, sent=body)
    for encoding in ("gzip", "br"):
        headers = {**JSON_TYPE, "Content-Encoding": encoding}
        async with filled.request(method, path_of(pattern), data=b"plain", headers=headers) as response:
            if response.status >= 400:
                await assert_error(response, sent=encoding)


def is_crash_of_couchdb(pattern: str, response: aiohttp.ClientResponse) -> bool:
    """A malformed security object is a 500 "no_majority" in CouchDB, and so it is here."""
    return pattern == "/{db}/_security" and response.status == 500


@pytest.mark.parametrize("path", ["/%", "/db/%zz", "/%FF", "/db/%FF", "/db/doc?rev=%", "/db/_all_docs?key=%FF"])
@pytest.mark.usefixtures("filled")
async def test_a_url_that_cannot_be_decoded(server, path):
    reader, writer = await open_connection(server.url)
    answer = await Wire(reader, writer).get(path)  # a client library would mend such a URL
    writer.close()
    assert answer.status == 400
    assert list(json.loads(answer.body)) == ["error", "reason"]


@pytest.mark.parametrize(("pattern", "method"), rows("GET", "DELETE", "COPY"))
async def test_parameters_that_cannot_be_read(filled, pattern, method):
    bad = (
        "rev=x",
        "limit=x",
        "skip=-1",
        "count=x",
        "keys={",
        "startkey=x",
        "open_revs=x",
        "descending=x",
        "feed=x",
        "since=x",
        "q=0",
        "style=x",
        "heartbeat=x",
        "seq_interval=0",
        "timeout=x",
        "filter=x",
        "conflicts=x",
        "basic=x",
        "partitioned=x",
    )
    for parameter in bad:
        if pattern == "/favicon.ico":  # a file for browsers, whose absence is told in plain text
            continue
        url = f"{path_of(pattern)}?{parameter}"
        async with filled.request(method, url, allow_redirects=False) as response:
            if response.status >= 400:
                await assert_error(response)


async def open_connection(url: str):
    host, _, port = url.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))
