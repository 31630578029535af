"""Requests with an Idempotency-Key over HTTP: carried out once, answered as often as they come."""

import gzip
from dataclasses import dataclass
from typing import Any

import pytest

from docstore.errors import BadRequest
from docstore.httpd.app import ONCE, ROUTER
from docstore.httpd.writing.idempotency import MAX_KEY, read_key
from tests.httpd.asking import Answer, Database

EMPTY_REV = "1-967a00dff5e02add41819138abb3284d"
"""The revision of a new document without members."""

MOMENTARY = {"Date", "X-Couch-Request-ID", "X-CouchDB-Body-Time", "Idempotency-Replayed"}
DOC = {"n": 1}
INLINE = {"a": {"data": "YWJj", "content_type": "text/plain"}}
RELATED = (
    b'--x\r\nContent-Type: application/json\r\n\r\n{"_attachments":{"a":{"follows":true,"length":3}}}'
    b"\r\n--x\r\n\r\nabc\r\n--x--\r\n"
)


@dataclass(frozen=True)
class Case:
    """A write that makes, changes or removes something below a database."""

    method: str
    path: str
    body: Any = None
    status: int = 201
    headers: tuple[tuple[str, str], ...] = ()

    async def ask(self, db: Database, key: str | None = "k") -> Answer:
        return await db.ask(self.method, self.path, self.body, **dict(self.headers), Idempotency_Key=key)


def bulk(*documents: Any, **members: Any) -> Case:
    return Case("POST", "/_bulk_docs", {"docs": documents, **members})


CASES = {
    "post": Case("POST", "", {"_id": "new", "n": 1}),
    "put": Case("PUT", "/new", DOC),
    "put on a parent": Case("PUT", "/old", DOC, headers=(("If_Match", EMPTY_REV),)),
    "put a design document": Case("PUT", "/_design/new", DOC),
    "put a deletion": Case("PUT", "/new", {"_deleted": True}, 200),
    "put what was made elsewhere": Case("PUT", "/new?new_edits=false", {"_rev": "3-abc", "n": 1}),
    "put with an inline attachment": Case("PUT", "/new", {"_attachments": INLINE}),
    "put with parts": Case("PUT", "/new", RELATED, headers=(("Content_Type", "multipart/related; boundary=x"),)),
    "delete": Case("DELETE", f"/old?rev={EMPTY_REV}", status=200),
    "copy": Case("COPY", "/old", headers=(("Destination", "new"),)),
    "copy to a local document": Case("COPY", "/old", headers=(("Destination", "_local/new"),)),
    "post a local document": Case("POST", "", {"_id": "_local/new"}),
    "put a local document": Case("PUT", "/_local/new", DOC),
    "put a local deletion": Case("PUT", "/_local/new", {"_deleted": True}, 200),
    "delete a local document": Case("DELETE", "/_local/old", status=200),
    "bulk": bulk({"_id": "new"}, {"_id": "old"}, {"_id": 'é"x'}),
    "bulk of what was made elsewhere": bulk({"_id": "new", "_rev": "1-abc"}, new_edits=False),
    "bulk with local documents": bulk(
        {"_id": "_local/x", "_rev": "1-x"}, {"_id": "n"}, {"_id": "_local/n"}, {"_id": "old"}
    ),
    "bulk of local documents": bulk({"_id": "_local/new"}, {"_id": "_local/x"}),
    "bulk of local documents made elsewhere": bulk(
        {"_id": "_local/new", "_rev": "1-a"}, {"_id": "new", "_rev": "1-a"}, new_edits=False
    ),
    "put a local document made elsewhere": Case("PUT", "/_local/new?new_edits=false", {"_rev": "1-a"}),
    "bulk of known revisions with stubs": bulk(
        {"_id": "old", "_rev": EMPTY_REV, "_attachments": {"none": {"stub": True}}},
        {"_id": "new", "_rev": "1-a"},
        new_edits=False,
    ),
    "bulk of nothing": bulk(),
    "bulk with inline attachments": bulk(
        {"_id": "old", "_attachments": INLINE}, {"_id": "new", "_attachments": INLINE}
    ),
    "bulk of attachments and local documents": bulk({"_id": "new", "_attachments": INLINE}, {"_id": "_local/new"}),
    "put an attachment": Case("PUT", "/new/a/b.txt", b"bytes", headers=(("Content_Type", "text/plain"),)),
    "put a long attachment": Case("PUT", "/new/a", bytes(300_000), headers=(("Content_Type", "image/png"),)),
    "put an attachment strictly": Case("PUT", "/new/a", b"bytes", headers=(("Prefer", "handling=strict"),)),
    "purge": Case("POST", "/_purge", {"old": [EMPTY_REV, "1-abc"], "é": ["1-abc"]}),
    "purge nothing": Case("POST", "/_purge", {}),
}


@pytest.fixture
async def db(client) -> Database:
    return await filled(client, "db")


async def filled(client, name: str) -> Database:
    """A database with a document ``old`` and a local one."""
    db = await Database(client, name).create()
    assert await db.write("old", {}) == EMPTY_REV
    await db.write("_local/old", DOC)
    return db


def said(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """What a replay has in common with the first reply."""
    headers = {name: value for name, value in answer.headers.items() if name not in MOMENTARY}
    return answer.status, headers, answer.body


def is_replay(answer: Answer) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"


async def everything(db: Database) -> Any:
    """All that can be read of a database."""
    docs = await db.get("_all_docs?include_docs=true&attachments=true&conflicts=true")
    changes = await db.get("_changes?style=all_docs")
    local = await db.get("_local_docs?include_docs=true")
    purged = await db.get("_purged_infos")
    rows = [{**row, "seq": int(row["seq"].partition("-")[0])} for row in changes.json["results"]]
    return docs.json, rows, local.json, purged.json


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_retry_gets_the_same_reply_and_does_nothing(client, db, case: Case) -> None:
    twin = await filled(client, "twin")
    plain, first = await case.ask(twin, None), await case.ask(db)
    assert first.status == case.status
    assert not is_replay(first)
    status, headers, body = said(plain)
    headers = {name: value.replace("/twin", "/db") for name, value in headers.items()}
    assert said(first) == (status, headers, body)
    after = await everything(db)
    assert after == await everything(twin)
    for _ in range(2):
        again = await case.ask(db)
        assert is_replay(again)
        assert said(again) == said(first)
    assert await everything(db) == after


async def test_another_request_with_the_key_is_refused(db) -> None:
    refusal = (422, "idempotency_key_reused", "This Idempotency-Key was used for another request.")
    assert not is_replay(await db.put("other", DOC, Idempotency_Key="k"))
    before = await everything(db)
    assert {name: (await case.ask(db)).error for name, case in CASES.items()} == dict.fromkeys(CASES, refusal)
    assert await everything(db) == before


async def test_the_stored_reply_comes_before_every_refusal(client) -> None:
    """Also when there is no database any more."""
    for number, case in enumerate(CASES.values()):
        db = await filled(client, f"db{number}")
        first = await case.ask(db)
        assert (await db.delete("")).status == 200
        assert said(await case.ask(db)) == said(first)
        assert (await case.ask(db, "other")).status == 404


async def test_a_document_without_id_is_made_once(db) -> None:
    first, again, other = [await db.ask("POST", "", DOC, Idempotency_Key=key) for key in ("k", "k", "l")]
    assert said(again) == said(first)
    assert other.json["id"] != first.json["id"]
    assert (await db.get("")).json["doc_count"] == 3


async def test_an_attachment_is_removed_once(db) -> None:
    rev = (await db.put("new/a", b"abc")).json["rev"]
    first, again = [await db.delete(f"new/a?rev={rev}", Idempotency_Key="k") for _ in range(2)]
    assert (first.status, is_replay(again), said(again)) == (200, True, said(first))
    assert first.json["rev"].startswith("2-")
    assert (await db.delete(f"new/a?rev={rev}")).status == 409


@pytest.mark.parametrize("path", ["c/_resolve", "_resolve"])
async def test_a_conflict_is_resolved_once(db, path: str) -> None:
    leaves = ["1-bbb", "1-aaa"]
    await db.replicate(*({"_id": "c", "_rev": leaf, "n": leaf} for leaf in leaves))
    body = {"leaves": leaves, "body": {"n": "both"}}
    if path == "_resolve":
        body = {"docs": [{"id": "c", **body}]}
    first, again = [await db.post(path, body, Idempotency_Key="k") for _ in range(2)]
    assert (first.status, is_replay(first), b'"tombstones":["2-' in first.body) == (201, False, True)
    assert (is_replay(again), said(again)) == (True, said(first))
    assert (await db.get("c?conflicts=true")).json["_rev"].startswith("2-")
    assert (await db.post(path, body | {"more": 1}, Idempotency_Key="k")).status == 422
    assert b"stale" in (await db.post(path, body, Idempotency_Key="other")).body


async def test_a_database_is_made_and_deleted_once(client) -> None:
    db = Database(client)
    made = [await db.ask("PUT", "", Idempotency_Key="made") for _ in range(2)]
    assert [(one.status, is_replay(one)) for one in made] == [(201, False), (201, True)]
    assert said(made[0]) == said(made[1])
    assert made[0].headers["Location"].endswith("/db")
    assert (await db.ask("PUT", "", Idempotency_Key="other")).status == 412
    gone = [await db.delete("", Idempotency_Key="gone") for _ in range(2)]
    assert [(one.status, is_replay(one)) for one in gone] == [(200, False), (200, True)]
    assert said(gone[0]) == said(gone[1])
    assert (await db.delete("", Idempotency_Key="another")).status == 404
    assert is_replay(await db.ask("PUT", "", Idempotency_Key="made"))
    assert (await db.get("")).status == 404
    assert (await db.ask("PUT", "", Idempotency_Key="anew")).status == 201
    assert is_replay(await db.delete("", Idempotency_Key="gone"))
    assert (await db.get("")).status == 200
    assert (await db.ask("PUT", "", Idempotency_Key="gone")).status == 422


async def test_a_failure_is_not_stored(db) -> None:
    for _ in range(2):
        assert (await db.put("old", DOC, Idempotency_Key="k")).status == 409
    for _ in range(2):
        assert (await db.delete("none", Idempotency_Key="k")).status == 404
    written = await db.put("old", {"_rev": EMPTY_REV}, Idempotency_Key="k")
    assert (written.status, is_replay(written)) == (201, False)


async def test_failed_rows_of_a_bulk_are_stored(db) -> None:
    case = CASES["bulk"]
    assert (await case.ask(db)).json[1]["error"] == "conflict"
    assert (await db.delete(f"old?rev={EMPTY_REV}")).status == 200
    assert (await case.ask(db)).json[1]["error"] == "conflict"
    assert (await case.ask(db, "new")).json[1]["rev"].startswith("3-")


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_batch_write_with_a_key_is_written_at_once(db, method: str) -> None:
    path, body = ("/new?batch=ok", {}) if method == "PUT" else ("?batch=ok", {"_id": "new"})
    first, again = [await db.ask(method, path, body, Idempotency_Key="k") for _ in range(2)]
    assert first.status == 201
    assert first.json["rev"] == EMPTY_REV
    assert said(again) == said(first)
    assert (await db.ask(method, path, body, Idempotency_Key="l")).status == 409
    assert (await db.put("_local/new?batch=ok", {}, Idempotency_Key="m")).json["rev"] == "0-1"


@pytest.mark.parametrize(
    "change",
    [
        {"method": "POST"},
        {"path": "/new2"},
        {"path": "/new?rev=1-abc"},
        {"body": {"n": 2}},
        {"body": b'{"n": 1 }'},
        {"headers": (("If_Match", "1-abc"),)},
    ],
)
async def test_what_makes_another_request(db, change: dict[str, Any]) -> None:
    case = CASES["put"]
    await case.ask(db)
    other = Case(**({"method": case.method, "path": case.path, "body": case.body} | change))
    if other.method == "POST":
        other = Case("POST", "", other.body)
    assert (await other.ask(db)).status == 422


async def test_where_a_copy_goes_makes_another_request(db) -> None:
    await CASES["copy"].ask(db)
    assert (await Case("COPY", "/old", headers=(("Destination", "new2"),)).ask(db)).status == 422


async def test_the_type_of_an_attachment_makes_another_request(db) -> None:
    await CASES["put an attachment"].ask(db)
    assert (await db.put("new/a/b.txt", b"bytes", Content_Type="text/html", Idempotency_Key="k")).status == 422
    assert is_replay(await db.put("new/a/b.txt", b"bytes", Content_Type="text/plain", Idempotency_Key="k"))


async def test_what_does_not_make_another_request(db) -> None:
    first = await db.put("a%62", DOC, Idempotency_Key="k")
    again = await db.put("/ab/", DOC, Idempotency_Key='"k";x=1', Accept="text/html", X_Anything="else")
    assert is_replay(again)
    assert again.body == first.body


async def test_spelling_of_the_body_counts_but_not_how_it_is_packed(db) -> None:
    plain = b'{"n": 1}'
    await db.put("new", plain, Idempotency_Key="k")
    for packed in (gzip.compress(plain), gzip.compress(plain, 1, mtime=0)):
        assert is_replay(await db.put("new", packed, Content_Encoding="gzip", Idempotency_Key="k"))
    other = gzip.compress(b'{"n":1}')
    assert (await db.put("new", other, Content_Encoding="gzip", Idempotency_Key="k")).status == 422


def test_which_endpoints_heed_a_key() -> None:
    heeding = {
        (row.pattern, method) for row in ROUTER.routes for method, handler in row.handlers.items() if handler in ONCE
    }
    documents = ("/{db}/{doc}", "/{db}/_design/{doc}", "/{db}/_design%2F{doc}")
    local = ("/{db}/_local/{doc}", "/{db}/_local%2F{doc}")
    assert heeding == {
        *(("/{db}", method) for method in ("PUT", "POST", "DELETE")),
        *((f"/{{db}}/{name}", "POST") for name in ("_bulk_docs", "_purge", "_resolve")),
        *((path, method) for path in (*documents, *local) for method in ("PUT", "DELETE", "COPY")),
        *((f"{path}/_resolve", "POST") for path in documents),
        *((f"{path}/{{path...}}", method) for path in documents for method in ("PUT", "DELETE")),
    }


async def test_reads_and_other_endpoints_pass_the_header_over(db) -> None:
    for path in ("old", "_all_docs", "", "_security"):
        for method in ("GET", "HEAD"):
            answer = await db.ask(method, f"/{path}", Idempotency_Key="not a key")
            assert (answer.status, is_replay(answer)) == (200, False)
    for _ in range(2):
        answer = await db.put("_revs_limit", 5, Idempotency_Key="not a key")
        assert (answer.status, is_replay(answer)) == (200, False)
    assert (await db.post("_revs_diff", {}, Idempotency_Key="not a key")).status == 200


MALFORMED = [
    "",
    '""',
    " ",
    "a b",
    '"a',
    'a"',
    '"a" b',
    "a,b",
    '"a", "b"',
    "é",
    '"é"',
    "x" * (MAX_KEY + 1),
    "\\",
    "(a)",
]


@pytest.mark.parametrize("key", MALFORMED)
async def test_a_malformed_key_is_refused(db, key: str) -> None:
    answer = await db.put("new", DOC, Idempotency_Key=key)
    assert answer.error[:2] == (400, "bad_request")
    assert "Idempotency-Key" in answer.error[2]
    assert (await db.get("new")).status == 404


async def test_a_type_that_says_nothing_here(client) -> None:
    """Parts belong to documents; elsewhere such a body is any other."""
    related = {"Content_Type": "multipart/related; boundary=x"}
    db = Database(client)
    for _ in range(2):
        assert (await db.ask("PUT", "", b"{}", **related, Idempotency_Key="k")).status == 201
        assert (await db.put("_local/a", {}, **related, Idempotency_Key="l")).status == 201
        assert (await db.delete("_local/a", **related, Idempotency_Key="m")).status == 200


async def test_two_keys_are_refused(client, db) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    async with client.put("/db/new", data=b"{}", headers=headers) as reply:
        assert reply.status == 400


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("a", "a"),
        ('"a"', "a"),
        (' "a b" ', "a b"),
        ('"a\\"b\\\\"', 'a"b\\'),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ('"a";v=1;w="x"', "a"),
        ("x" * MAX_KEY, "x" * MAX_KEY),
        ("user:42/a+b=", "user:42/a+b="),
        ("(a)", None),
        ('"a\\b"', None),
    ],
)
def test_keys(header: str, key: str | None) -> None:
    if key is None:
        with pytest.raises(BadRequest):
            read_key([header])
    else:
        assert read_key([header]) == key
