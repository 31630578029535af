"""Problem details: each type over HTTP, who gets them, and every route's errors."""

import asyncio
import json
import logging
from base64 import b64encode
from pathlib import Path

import aiohttp
import pytest

from docstore.database.conflicts.attempts import ConflictKind
from docstore.errors import DatabaseNotFound
from docstore.httpd.app import ROUTER
from docstore.httpd.problems import refusing
from docstore.httpd.problems.details import PREFIX, TYPES, UPLOAD_PROBLEMS
from docstore.httpd.writing import leniency
from docstore.settings import Admin
from docstore.testing import run_node
from tests.httpd.asking import Answer, Database
from tests.httpd.attaching import BINARY, RELATED, follows, related
from tests.test_error_shape import JSON_TYPE, WRITES, path_of

PROBLEM = "application/problem+json"
ASKING = {"Accept": f"application/json, {PROBLEM}"}
EVERY = ["type", "title", "status", "detail", "instance", "error", "reason"]
DOCUMENTED = (Path(__file__).parents[3] / "docs" / "problems.md").read_text()
UNKNOWN_REV = f"1-{'0' * 32}"


def problem(answer: Answer, kind: str | None, status: int = 409) -> dict:
    """The problem details of a reply, of this type; None for about:blank."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.headers["Vary"] == "Accept"
    assert answer.body.endswith(b"}\n")
    body = answer.json
    assert list(body)[: len(EVERY)] == EVERY
    assert body["type"] == ("about:blank" if kind is None else PREFIX + kind)
    assert body["status"] == status
    assert body["instance"] == f"urn:docstore:request:{answer.headers['X-Couch-Request-ID']}"
    return body


def actions(body: dict) -> list[tuple[str, str]]:
    assert all(set(step) == {"method", "href", "why"} for step in body["suggested_actions"])
    return [(step["method"], step["href"]) for step in body["suggested_actions"]]


class Documents:
    """A database that is asked for problem details; ``url`` is its own."""

    def __init__(self, db: Database, server) -> None:
        self.db = db
        self.url = f"{server.url}/{db.name}"

    async def ask(self, method: str, path: str, body=None, /, **headers: str) -> Answer:
        return await self.db.ask(method, path, body, **(ASKING | headers))


@pytest.fixture
def docs(db, server) -> Documents:
    return Documents(db, server)


# --- the types


async def test_document_already_exists(docs, db):
    rev = await db.write("a", {"n": 1})
    body = problem(await docs.ask("PUT", "/a", {"n": 2}), "document-already-exists")
    assert (body["error"], body["reason"]) == ("conflict", "Document update conflict.")
    assert body["title"] == "The document exists already"
    assert (body["doc_id"], body["current_rev"], body["relation"]) == ("a", rev, "none")
    assert body["already_applied"] == "no"
    assert actions(body) == [("GET", f"{docs.url}/a"), ("PUT", f"{docs.url}/a?rev={rev}")]
    assert not {"supplied_rev", "common_ancestor", "changed_fields", "your_conflicting_fields"} & body.keys()
    body = problem(await docs.ask("POST", "", {"_id": "a", "n": 2}), "document-already-exists")
    assert body["doc_id"] == "a"


async def test_revision_superseded(docs, db):
    first = await db.write("a", {"n": 1, "a": 1})
    second = await db.write(f"a?rev={first}", {"n": 2, "a": 1})
    body = problem(await docs.ask("PUT", "/a", {"_rev": first, "n": 3, "a": 2}), "revision-superseded")
    assert (body["supplied_rev"], body["current_rev"], body["common_ancestor"]) == (first, second, first)
    assert (body["relation"], body["already_applied"]) == ("ancestor", "no")
    assert (body["changed_fields"], body["your_conflicting_fields"]) == (["/n"], ["/n"])
    assert "fields_complete" not in body
    assert actions(body) == [
        ("GET", f"{docs.url}/a"),
        ("GET", f"{docs.url}/a?rev={first}"),
        ("PUT", f"{docs.url}/a?rev={second}"),
    ]
    assert first in body["detail"]


async def test_a_conflicted_document(docs, db):
    first = await db.write("a", {"n": 1})
    second = await db.write(f"a?rev={first}", {"n": 2})
    await db.write(f"a?rev={second}", {"n": 3})
    revisions = {"start": 4, "ids": ["4" * 32, "3" * 32, first[2:]]}
    await db.replicate(
        {
            "_id": "a",
            "_rev": f"4-{'4' * 32}",
            "_revisions": revisions | {"ids": ["4" * 32, "3" * 32, "2" * 32, first[2:]]},
        }
    )
    body = problem(await docs.ask("PUT", "/a", {"_rev": second, "n": 9}), "revision-superseded")
    assert (body["relation"], body["common_ancestor"]) == ("sibling", first)
    assert actions(body)[-2:] == [("GET", f"{docs.url}/a/_tree"), ("POST", f"{docs.url}/a/_resolve")]
    for method, href in actions(body):
        if method == "GET":
            async with db.client.get(href) as reply:
                assert reply.status == 200


async def test_revision_unknown(docs, db):
    rev = await db.write("a", {"n": 1})
    body = problem(await docs.ask("PUT", "/a", {"_rev": UNKNOWN_REV, "n": 3}), "revision-unknown")
    assert (body["supplied_rev"], body["current_rev"], body["relation"]) == (UNKNOWN_REV, rev, "unknown")
    body = problem(await docs.ask("PUT", "/_design/d", {"_rev": UNKNOWN_REV}), "revision-unknown")
    assert "current_rev" not in body
    assert actions(body) == [("PUT", f"{docs.url}/_design%2Fd")]


async def test_document_deleted(docs, db):
    first = await db.write("a", {"n": 1})
    deleted = (await db.delete(f"a?rev={first}")).json["rev"]
    body = problem(await docs.ask("PUT", "/a", {"_rev": deleted, "n": 3}), "document-deleted")
    assert (body["relation"], body["current_rev"]) == ("deleted-leaf", deleted)
    assert actions(body) == [("GET", f"{docs.url}/a?rev={deleted}"), ("PUT", f"{docs.url}/a")]
    body = problem(await docs.ask("DELETE", f"/a?rev={deleted}"), "document-deleted", 404)
    assert (body["error"], body["reason"], body["relation"]) == ("not_found", "deleted", "deleted-leaf")
    assert actions(body) == [("GET", f"{docs.url}/a?rev={deleted}")]
    body = problem(await docs.ask("GET", "/a"), "document-deleted", 404)
    assert (body["doc_id"], actions(body)) == ("a", [("PUT", f"{docs.url}/a")])


SAID = "two clients that make the same edit of the same revision cannot be told apart"


async def test_already_applied(docs, db):
    first = await db.write("a", {"n": 1})
    second = await db.write(f"a?rev={first}", {"n": 2})
    answer = await docs.ask("PUT", "/a", {"_rev": first, "n": 2})
    body = problem(answer, "already-applied")
    assert (body["already_applied"], body["applied_rev"]) == ("yes", second)
    assert SAID in body["detail"]
    assert SAID in DOCUMENTED.replace("\n", " ")
    assert actions(body) == [("GET", f"{docs.url}/a?rev={second}")]
    third = await db.write(f"a?rev={second}", {"n": 3})
    body = problem(await docs.ask("PUT", "/a", {"_rev": first, "n": 2}), "already-applied")
    assert (body["applied_rev"], body["current_rev"]) == (second, third)
    assert actions(body) == [("GET", f"{docs.url}/a?rev={second}"), ("GET", f"{docs.url}/a")]
    deleted = (await db.delete(f"a?rev={third}")).json["rev"]
    body = problem(await docs.ask("DELETE", f"/a?rev={third}"), "already-applied", 404)
    assert body["applied_rev"] == deleted
    assert actions(body) == [("GET", f"{docs.url}/a?rev={deleted}")]
    body = problem(await docs.ask("PUT", "/a", {"_rev": first, "n": 2}), "already-applied")
    assert actions(body) == [("GET", f"{docs.url}/a?rev={second}"), ("GET", f"{docs.url}/a?rev={deleted}")]


async def test_unknown_whether_it_was_applied(docs, db):
    await db.put("_revs_limit", 1)
    first = await db.write("a", {"n": 1})
    second = await db.write(f"a?rev={first}", {"n": 2})
    await db.write(f"a?rev={second}", {"n": 3})
    body = problem(await docs.ask("PUT", "/a", {"_rev": first, "n": 2}), "revision-unknown")
    assert body["already_applied"] == "unknown"
    assert "cannot be told any more" in body["detail"]


async def test_attachment_revision_stale(docs, db):
    first = await db.write("a", {"n": 1})
    second = (await db.put(f"a/x?rev={first}", b"1", **BINARY)).json["rev"]
    body = problem(await docs.ask("PUT", f"/a/x?rev={first}", b"2", **BINARY), "attachment-revision-stale")
    assert (body["supplied_rev"], body["current_rev"], body["relation"]) == (first, second, "ancestor")
    assert body["changed_fields"] == body["your_conflicting_fields"] == ["/_attachments/x"]
    assert actions(body)[-1] == ("PUT", f"{docs.url}/a/x?rev={second}")
    body = problem(await docs.ask("PUT", f"/a/x?rev={UNKNOWN_REV}", b"2", **BINARY), "attachment-revision-stale")
    assert (body["error"], body["reason"], body["relation"]) == ("not_found", "missing_rev", "unknown")
    third = (await db.delete(f"a/x?rev={second}")).json["rev"]
    body = problem(await docs.ask("DELETE", f"/a/x?rev={second}"), "already-applied")
    assert body["applied_rev"] == third
    body = problem(await docs.ask("PUT", f"/a/x?rev={first}", b"1", **BINARY), "already-applied")
    assert body["applied_rev"] == second
    body = problem(await docs.ask("PUT", "/a/x", b"1", **BINARY), "document-already-exists")
    assert actions(body)[-1] == ("PUT", f"{docs.url}/a/x?rev={third}")


async def test_a_document_with_parts(docs, db):
    document = {"n": 1, "_attachments": {"x": follows(b"bytes")}}
    headers = {"Content_Type": RELATED}
    first = (await db.put("a", related(document, b"bytes"), **headers)).json["rev"]
    body = problem(await docs.ask("PUT", "/a", related(document, b"bytes"), **headers), "already-applied")
    assert body["applied_rev"] == first
    body = problem(await docs.ask("PUT", "/a", related(document, b"other"), **headers), "document-already-exists")
    assert body["already_applied"] == "no"


async def test_a_copy(docs, db):
    await db.write("a", {"n": 1})
    await db.write("b", {"n": 2})
    body = problem(await docs.ask("COPY", "/a", None, Destination="b"), "document-already-exists")
    assert (body["doc_id"], body["already_applied"]) == ("b", "unknown")
    await db.ask("COPY", "/a", None, Destination="c")
    assert problem(await docs.ask("COPY", "/a", None, Destination="c"), "already-applied")["doc_id"] == "c"


async def test_a_copy_is_sent_again_as_a_copy(docs, db):
    source = await db.write("_design/a", {"n": 1})
    await db.write("b%20c", {"n": 2})
    body = problem(
        await docs.ask("COPY", f"/_design/a?rev={source}", None, Destination="b%20c"), "document-already-exists"
    )
    step = body["suggested_actions"][-1]
    assert (step["method"], step["href"]) == ("COPY", f"{docs.url}/_design/a?rev={source}")
    destination = step["why"].partition("Destination: ")[2]
    assert destination == f"b%20c?rev={body['current_rev']}"
    copied = await db.ask("COPY", step["href"].removeprefix(docs.url), None, Destination=destination)
    assert (copied.status, copied.json["id"]) == (201, "b c")


async def test_database_exists(docs):
    body = problem(await docs.ask("PUT", ""), "database-exists", 412)
    assert body["error"] == "file_exists"
    assert actions(body) == [("GET", docs.url)]


async def test_precondition_failed(docs, db):
    first = await db.write("a", {"n": 1})
    create_only = {"If_None_Match": "*"}
    body = problem(await docs.ask("PUT", "/a", {"n": 2}, **create_only), "precondition-failed", 412)
    assert (body["current_rev"], body["already_applied"], body["relation"]) == (first, "no", "none")
    body = problem(await docs.ask("PUT", "/a", {"n": 1}, **create_only), "already-applied", 412)
    assert body["applied_rev"] == first
    body = problem(await docs.ask("PUT", "/_local/a", {}, If_Match='"x", "y"'), "precondition-failed", 412)
    assert body["doc_id"] == "_local/a"
    problem(await docs.ask("PUT", "/b", {"_attachments": {"x": {"stub": True}}}), None, 412)


async def test_idempotency_key_reused(docs):
    assert (await docs.ask("PUT", "/a", {"n": 1}, Idempotency_Key="k")).status == 201
    body = problem(await docs.ask("PUT", "/a", {"n": 2}, Idempotency_Key="k"), "idempotency-key-reused", 422)
    assert actions(body) == [("PUT", f"{docs.url}/a")]


async def test_resolve_stale_leaves(docs, db):
    rev = await db.write("a", {"n": 1})
    body = problem(
        await docs.ask("POST", "/a/_resolve", {"leaves": [UNKNOWN_REV], "keep": UNKNOWN_REV}), "resolve-stale-leaves"
    )
    assert body["doc_id"] == "a"
    assert rev in json.dumps(body)
    assert actions(body) == [("GET", f"{docs.url}/a/_tree"), ("POST", f"{docs.url}/a/_resolve")]


async def test_merge_clash_and_ancestor_unavailable(docs, db):
    first = await db.write("a", {"n": 1})
    leaf = await db.write(f"a?rev={first}", {"n": 2})
    other = f"2-{'f' * 32}"
    await db.replicate({"_id": "a", "n": 3, "_revisions": {"start": 2, "ids": ["f" * 32, first[2:]]}})
    asked = {"leaves": [leaf, other], "merge": "three-way"}
    body = problem(await docs.ask("POST", "/a/_resolve", asked), "merge-clash")
    assert "/n" in json.dumps(body)
    assert {method for method, _ in actions(body)} == {"POST"}
    await db.replicate({"_id": "b", "_rev": f"2-{'e' * 32}", "n": 1}, {"_id": "b", "_rev": other, "n": 2})
    asked["leaves"] = [f"2-{'e' * 32}", other]
    body = problem(await docs.ask("POST", "/b/_resolve", asked), "ancestor-unavailable")
    assert len(actions(body)) == 3


async def test_uploads(docs, db):
    creation = {"Tus_Resumable": "1.0.0", "Upload_Length": "3"}
    created = await docs.ask("POST", "/a/x", None, **creation)
    assert created.status == 201
    upload = created.headers["Location"].removeprefix(docs.url)
    sent = {"Content_Type": "application/offset+octet-stream", "Tus_Resumable": "1.0.0"}
    answer = await docs.ask("PATCH", upload, b"x", Upload_Offset="7", **sent)
    body = problem(answer, "upload-offset-mismatch")
    assert actions(body) == [("HEAD", f"{docs.url}{upload}")]
    assert answer.headers["Upload-Offset"] == "0"
    rev = await db.write("a", {"n": 1})
    answer = await docs.ask("PATCH", upload, b"abc", Upload_Offset="0", **sent)
    assert answer.status == 412  # to a client of tus a conflict is no reason to try again
    body = problem(answer, "document-already-exists", 412)
    assert actions(body)[-1] == ("POST", f"{docs.url}{upload}?rev={rev}")
    # Clients of the draft get its own types, whatever they accept.
    draft = await db.ask(
        "PATCH", upload, b"x", Upload_Complete="?0", Upload_Offset="7", Content_Type="application/partial-upload"
    )
    assert draft.json["type"].startswith("https://iana.org/")
    assert draft.headers["Content-Type"] == PROBLEM
    answer = await docs.ask("POST", upload)
    assert problem(answer, "document-already-exists")["doc_id"] == "a"
    assert answer.headers["Upload-Complete"] == "?0"


def test_every_type_is_documented():
    for kind in TYPES.values():
        assert f"## {kind.name}\n" in DOCUMENTED
        assert kind.title in DOCUMENTED
    assert {kind.value for kind in ConflictKind} <= {kind.name for kind in TYPES.values()}
    assert all(kind.name in DOCUMENTED for kind in UPLOAD_PROBLEMS.values())


# --- who gets them


async def test_others_get_what_couchdb_says(db):
    await db.write("a", {"n": 1})
    for accept in (None, "*/*", "application/json", "application/*", f"{PROBLEM};q=0, */*", "text/html"):
        answer = await db.put("a", {"n": 2}, Accept=accept)
        assert answer.error == (409, "conflict", "Document update conflict.")
        assert answer.headers["Content-Type"] == "application/json"
        assert "Vary" not in answer.headers


async def test_who_does_not_ask_costs_no_explanation(db, monkeypatch):
    async def asked(*_):
        raise AssertionError("nobody asked")

    monkeypatch.setattr(refusing, "explain", asked)
    monkeypatch.setattr(leniency, "already_applied", asked)
    rev = await db.write("a", {"n": 1})
    await db.write(f"a?rev={rev}", {"n": 2})
    for path in ("a", f"a?rev={rev}", f"a/x?rev={rev}"):
        assert (await db.put(path, b"{}")).status == 409
    assert (await db.post("_bulk_docs", {"docs": [{"_id": "a"}]})).json[0]["error"] == "conflict"


async def test_several_accept_headers(server, db):
    await db.write("a", {"n": 1})
    reply = await raw(
        server,
        b"PUT /db/a HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nAccept: "
        + PROBLEM.encode()
        + b"\r\nContent-Length: 2\r\n\r\n{}",
    )
    assert b"Content-Type: application/problem+json\r\n" in reply


async def test_a_head(server, db):
    await db.write("a", {"n": 1})
    for accept in (b"*/*", PROBLEM.encode()):
        got, head = [
            await raw(
                server,
                method
                + b" /db/none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: "
                + accept
                + b"\r\n\r\n",
            )
            for method in (b"GET", b"HEAD")
        ]
        assert head.partition(b"\r\n\r\n")[2] == b""
        names = [line.partition(b":")[0] for line in got.partition(b"\r\n\r\n")[0].split(b"\r\n")]
        assert [line.partition(b":")[0] for line in head.partition(b"\r\n\r\n")[0].split(b"\r\n")] == names
        assert (b"Content-Type: application/problem+json" in head) == (accept != b"*/*")


async def test_a_page_that_only_browsers_ask_for(client):
    async with client.get("/favicon.ico", headers=ASKING) as reply:
        assert reply.status == 404
        await assert_problem(reply)


async def test_headers_of_the_error_stay(docs):
    answer = await docs.ask("PATCH", "")
    problem(answer, None, 405)
    assert answer.headers["Allow"] == "DELETE,GET,HEAD,POST"
    assert answer.headers["Cache-Control"] == "must-revalidate"


async def test_who_may_not_read_learns_nothing(tmp_path):
    async with (
        run_node(data=tmp_path / "secret", admin=Admin("anna", "pw")) as server,
        aiohttp.ClientSession(server.url) as client,
    ):
        anna = {"Authorization": f"Basic {b64encode(b'anna:pw').decode()}"}
        for path in ("/db", "/db/a"):
            async with client.put(path, data=b"{}", headers=anna) as reply:
                assert reply.status == 201
        for method, path in (("PUT", "/db/a"), ("PUT", "/db"), ("GET", "/db/none"), ("DELETE", "/db/a")):
            async with client.request(method, path, data=b"{}", headers=ASKING) as reply:
                assert (reply.status, reply.content_type) == (401, PROBLEM)
                assert list(await reply.json()) == EVERY
        async with client.post("/_session", json={"name": "anna", "password": "no"}, headers=ASKING) as reply:
            assert (reply.status, reply.content_type) == (401, PROBLEM)
            assert "AuthSession" in reply.headers["Set-Cookie"]
        async with client.put("/db/a", data=b"{}", headers=anna | ASKING) as reply:
            assert (await reply.json())["current_rev"]


async def test_what_may_not_be_read_is_not_told_of_conflicts(docs, db, monkeypatch):
    first = await db.write("a", {"n": 1})
    monkeypatch.setattr(refusing, "may_read", lambda request: False)
    answer = await docs.ask("PUT", "/a", {"n": 2})
    assert list(problem(answer, None)) == EVERY
    assert first.encode() not in answer.body
    answer = await docs.ask("POST", "/_bulk_docs", {"docs": [{"_id": "a", "n": 2}]})
    assert list(answer.json[0]["problem"]) == EVERY
    assert list(problem(await docs.ask("PUT", ""), "database-exists", 412)) == EVERY


async def test_a_report_that_cannot_be_made(docs, db, monkeypatch, caplog):
    await db.write("a", {"n": 1})

    async def failing(*_):
        raise KeyError("defect")

    monkeypatch.setattr(refusing, "explain", failing)
    with caplog.at_level(logging.ERROR):
        answer = await docs.ask("PUT", "/a", {"n": 2})
    assert answer.error == (409, "conflict", "Document update conflict.")
    assert "problem details" in caplog.text


async def test_a_database_that_is_gone_by_then(docs, db, monkeypatch):
    await db.write("a", {"n": 1})

    async def gone(*_):
        raise DatabaseNotFound

    monkeypatch.setattr(refusing, "explain", gone)
    assert list(problem(await docs.ask("PUT", "/a", {"n": 2}), None)) == EVERY


async def test_ids_and_hosts_of_any_text(docs, db):
    await db.write("%22%3Cx%3E%2F%C3%A9", {"n": 1})
    answer = await docs.ask("PUT", "/%22%3Cx%3E%2F%C3%A9", {"n": 2}, X_Forwarded_Host="exämple.org")
    body = problem(answer, "document-already-exists")
    assert body["doc_id"] == '"<x>/é'
    assert actions(body)[0][1].endswith("/db/%22%3Cx%3E%2F%C3%A9")


async def test_a_host_that_is_no_text(server, db):
    await db.write("a", {"n": 1})
    reply = await raw(
        server,
        b"PUT /db/a HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: \xff\r\nConnection: close\r\nAccept: "
        + PROBLEM.encode()
        + b"\r\nContent-Length: 2\r\n\r\n{}",
    )
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"X-Forwarded-Host is not UTF-8 encoded" in reply


async def raw(server, request: bytes) -> bytes:
    """A request as it stands; the reply up to where it ends."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths and not request.startswith(b"HEAD") else 0
    body = await reader.readexactly(length)
    writer.close()
    return head + body


# --- every route


@pytest.fixture
async def filled(server, client):
    """A client of a server with a database and a document."""
    for path in ("/db", "/db/doc", "/db/_design/doc", "/db/_local/doc"):
        async with client.put(path, data=b"{}") as response:
            assert response.status == 201, path
    return client


async def assert_problem(response: aiohttp.ClientResponse) -> None:
    text = await response.text()
    assert response.content_type == PROBLEM, text
    body = json.loads(text)
    assert list(body)[: len(EVERY)] == EVERY
    assert body["status"] == response.status
    assert body["type"] == "about:blank" or body["type"].startswith(PREFIX)


async def test_every_route_and_an_unknown_method(filled):
    for pattern in [row.pattern for row in ROUTER.routes]:
        async with filled.request("TRACE", path_of(pattern), headers=ASKING) as response:
            assert response.status == (405 if response.headers.get("Allow") else 404)
            await assert_problem(response)


async def test_every_route_without_its_database(filled):
    for row in ROUTER.routes:
        for method in row.handlers if row.below_database else ():
            if (row.pattern, method) == ("/{db}", "PUT"):
                continue
            url, body = path_of(row.pattern, database="nope"), b"{}" if method in WRITES else None
            asking = JSON_TYPE | ASKING
            async with filled.request(method, url, data=body, headers=asking, allow_redirects=False) as response:
                assert response.status == 404
                await assert_problem(response)


async def test_every_route_and_a_body_that_cannot_be_read(filled):
    for row in ROUTER.routes:
        for method in row.handlers.keys() & WRITES:
            async with filled.request(method, path_of(row.pattern), data=b"{", headers=JSON_TYPE | ASKING) as response:
                if response.status >= 400:
                    await assert_problem(response)


async def test_what_is_refused_before_there_is_a_handler(server, filled):
    for request in (
        b"GET /%zz HTTP/1.1\r\nHost: localhost\r\n",
        b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n",
        b"PUT /db/x HTTP/1.1\r\nHost: localhost\r\nOrigin: http://elsewhere.example\r\n",
        b"GET /_node/_local/none HTTP/1.1\r\nHost: localhost\r\n",
    ):
        reply = await raw(server, request + b"Connection: close\r\nAccept: " + PROBLEM.encode() + b"\r\n\r\n")
        assert b"Content-Type: application/problem+json\r\n" in reply
        assert b'"type":"about:blank"' in reply
    # What is no HTTP has no headers either, so nobody can have asked for anything.
    reply = await raw(server, b"NO HTTP\r\nAccept: " + PROBLEM.encode() + b"\r\n\r\n")
    assert b"Content-Type: application/json\r\n" in reply
