"""Attachments and queries that are not there, design documents by an escaped path, and local ids that are none."""

import pytest


@pytest.fixture
async def documents(client):
    for path in ("/db", "/db/doc", "/db/_design/a"):
        async with client.put(path, data=b"{}") as response:
            assert response.status == 201


async def ask(client, method, path):
    async with client.request(method, path, data=b"x" if method == "PUT" else None, allow_redirects=False) as response:
        body = await response.json() if response.content_type == "application/json" else None
        return response.status, body and body["reason"], response.headers.get("Location")


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/db/nope/a.txt", 404, "missing"),
        ("GET", "/db/doc/a.txt", 404, "Document is missing attachment"),
        ("DELETE", "/db/doc/a.txt", 404, "Document is missing attachment"),
        ("GET", "/db/doc/a/b/c", 404, "Document is missing attachment"),
        ("PUT", "/db/doc/a.txt", 409, "Document update conflict."),
        ("PUT", "/db/_nope/a.txt", 400, "Only reserved document ids may start with underscore."),
        ("PUT", "/db/new/_a", 400, "Attachment name '_a' starts with prohibited character '_'"),
        ("GET", "/db/_design/a/x", 404, "Document is missing attachment"),
        ("GET", "/db/_design/nope/_view/x", 404, "missing"),
        ("PATCH", "/db/doc/a.txt", 405, "Only DELETE,GET,HEAD,PUT allowed"),
        ("GET", "/db/_local", 400, "Invalid _local document id."),
        ("PUT", "/db/_local/", 400, "Invalid _local document id."),
        ("GET", "/db/_local/a/b", 400, "_local documents do not accept attachments."),
        ("GET", "/db/_nope", 404, "missing"),
        ("GET", "/nope/_local", 404, "Database does not exist."),
        ("POST", "/db/_find", 415, "Content-Type must be application/json"),
        ("GET", "/db/_find", 405, "Only POST allowed"),
        ("PUT", "/db/_index", 405, "Only GET,POST allowed"),
        ("GET", "/db/_index/a", 404, "missing"),
        ("OPTIONS", "/db/_index/a", 404, "missing"),
        ("PATCH", "/db/_index/a/b/c/d", 404, "missing"),
        ("TRACE", "/db/_index/a/b", 404, "missing"),
        ("GET", "/db/_index/a/json/b", 405, "Only DELETE allowed"),
        ("DELETE", "/db/_index/_design/a/json/b", 404, "missing"),
        ("POST", "/_replicate", 415, "Content-Type must be application/json"),
    ],
)
@pytest.mark.usefixtures("documents")
async def test_answers(client, method, path, status, reason):
    assert (await ask(client, method, path))[:2] == (status, reason)


@pytest.mark.usefixtures("documents")
async def test_an_escaped_design_path_leads_to_the_plain_one(server, client):
    from yarl import URL

    for path, target in [("_design%2Fa", "_design/a"), ("_design%2fa/x?y=%2F", "_design/a/x?y=%2F")]:
        got = await ask(client, "GET", URL(f"{server.url}/db/{path}", encoded=True))
        assert got == (301, None, f"{server.url}/db/{target}")
    assert (await ask(client, "GET", URL(f"{server.url}/nope/_design%2Fa", encoded=True)))[0] == 404


async def test_plus_signs_in_paths_are_blanks_unless_the_settings_say_otherwise(db):
    assert (await db.put("a+b", {})).json["id"] == "a b"
    async with db.client.put("/_node/_local/_config/chttpd/decode_plus_to_space", json="false") as reply:
        assert reply.status == 200
    assert (await db.put("a+b", {})).json["id"] == "a+b"
    rows = (await db.get("_all_docs?startkey=%22a+b%22&limit=1")).json["rows"]
    assert [row["id"] for row in rows] == ["a b"]
