"""``Prefer: handling=lenient``: an edit that is applied already is answered as it was then."""

import asyncio

import pytest

from docstore.httpd.writing import leniency
from tests.httpd.asking import Answer, Database
from tests.httpd.attaching import BINARY, RELATED, TEXT, follows, inline, related

LENIENT = "handling=lenient"


async def twice(db: Database, method: str, path: str, body=None, /, **headers: str) -> tuple[Answer, Answer]:
    """The answers to a request and to the same sent again by a lenient client."""
    first = await db.ask(method, path, body, **headers)
    again = await db.ask(method, path, body, Prefer=LENIENT, **headers)
    return first, again


def assert_same(first: Answer, again: Answer) -> str:
    """The second reply is the first one, and says so; the revision."""
    assert first.status in (200, 201), first
    assert (again.status, again.body) == (first.status, first.body)
    for name in ("ETag", "Location", "Content-Type", "Cache-Control"):
        assert again.headers.get(name) == first.headers.get(name)
    assert again.headers["Preference-Applied"] == LENIENT
    assert again.headers["Vary"] == "Prefer"
    assert "Preference-Applied" not in first.headers
    return first.json["rev"]


async def test_every_kind_of_write(db):
    rev = assert_same(*await twice(db, "PUT", "/a", {"n": 1}))
    rev = assert_same(*await twice(db, "PUT", f"/a?rev={rev}", {"n": 2}))
    rev = assert_same(*await twice(db, "PUT", "/a", {"_rev": rev, "n": 3}))
    rev = assert_same(*await twice(db, "PUT", "/a", {"n": 4}, If_Match=f'"{rev}"'))
    assert_same(*await twice(db, "POST", "", {"_id": "posted", "n": 1}))
    assert_same(*await twice(db, "COPY", "/a", None, Destination="copied"))
    assert_same(*await twice(db, "COPY", f"/a?rev={rev}", None, Destination="again"))
    rev = assert_same(*await twice(db, "PUT", f"/a/x?rev={rev}", b"bytes", **BINARY))
    rev = assert_same(*await twice(db, "PUT", f"/a/y?rev={rev}", b"text", **TEXT))
    rev = assert_same(*await twice(db, "DELETE", f"/a/x?rev={rev}"))
    assert_same(*await twice(db, "PUT", "/new/x", b"bytes", **BINARY))
    document = {"_rev": rev, "_attachments": {"y": {"stub": True}, "z": follows(b"more")}}
    rev = assert_same(*await twice(db, "PUT", "/a", related(document, b"more"), Content_Type=RELATED))
    document = {"_rev": rev, "_attachments": {"y": {"stub": True}, "v": inline(b"text", "text/plain")}}
    rev = assert_same(*await twice(db, "PUT", "/a", document))
    rev = assert_same(*await twice(db, "PUT", "/a", {"_rev": rev, "_deleted": True}))
    rev = assert_same(*await twice(db, "PUT", "/a", {"n": 9}))
    assert_same(*await twice(db, "DELETE", f"/a?rev={rev}"))
    assert_same(*await twice(db, "PUT", "/_design/d", {"language": "x"}))
    assert_same(*await twice(db, "PUT", "/created", {"n": 1}, If_None_Match="*"))


async def test_it_is_the_reply_of_then(db):
    first = await db.write("a", {"n": 1})
    second = await db.write(f"a?rev={first}", {"n": 2})
    await db.write(f"a?rev={second}", {"n": 3})
    again = await db.put(f"a?rev={first}", {"n": 2}, Prefer=LENIENT)
    assert (again.status, again.json["rev"]) == (201, second)
    assert again.headers["ETag"] == f'"{second}"'


async def test_what_is_not_there_is_refused_as_ever(db):
    first = await db.write("a", {"n": 1})
    await db.write(f"a?rev={first}", {"n": 2})
    answer = await db.put(f"a?rev={first}", {"n": 3}, Prefer=LENIENT)
    assert answer.error == (409, "conflict", "Document update conflict.")
    assert not {"Preference-Applied", "Vary"} & answer.headers.keys()
    assert (await db.put(f"a/x?rev={first}", b"1", Prefer=LENIENT)).status == 409
    assert (await db.delete("none?rev=1-a", Prefer=LENIENT)).status == 404
    rev = (await db.get("a")).json["_rev"]
    await db.delete(f"a?rev={rev}")
    assert (await db.delete(f"a?rev={first}", Prefer=LENIENT)).error == (404, "not_found", "deleted")


async def test_what_is_unknown_is_refused(db):
    await db.put("_revs_limit", 1)
    first = await db.write("a", {"n": 1})
    second = await db.write(f"a?rev={first}", {"n": 2})
    await db.write(f"a?rev={second}", {"n": 3})
    assert (await db.put(f"a?rev={first}", {"n": 2}, Prefer=LENIENT)).status == 409


async def test_others_are_not_judged_leniently(db):
    await db.write("a", {"n": 1})
    for prefer in (None, "handling=strict", "return=minimal", "handling=strict, handling=lenient"):
        assert (await db.put("a", {"n": 1}, Prefer=prefer)).status == 409


async def test_a_fresh_write_does_not_say_so(db):
    answer = await db.put("a", {"n": 1}, Prefer=LENIENT)
    assert answer.status == 201
    assert not {"Preference-Applied", "Vary"} & answer.headers.keys()


async def test_a_key_goes_before(db):
    await db.write("a", {"n": 1})
    answer = await db.put("a", {"n": 1}, Prefer=LENIENT, Idempotency_Key="k")
    assert answer.error == (409, "conflict", "Document update conflict.")
    rows = await db.post("_bulk_docs", {"docs": [{"_id": "a", "n": 1}]}, Prefer=LENIENT, Idempotency_Key="l")
    assert rows.json == [{"id": "a", "error": "conflict", "reason": "Document update conflict."}]
    first = await db.put("b", {"n": 1}, Prefer=LENIENT, Idempotency_Key="m")
    again = await db.put("b", {"n": 1}, Prefer=LENIENT, Idempotency_Key="m")
    assert (again.status, again.body) == (first.status, first.body)
    assert "Preference-Applied" not in again.headers
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_batches_are_told_nothing(db):
    await db.write("a", {"n": 1})
    assert (await db.put("a?batch=ok", {"n": 1}, Prefer=LENIENT)).status == 202


async def test_nothing_of_an_upload_is_left_behind(db, server):
    rev = await db.write("a", {"n": 1})
    for _ in range(2):
        assert (await db.put(f"a/x?rev={rev}", b"bytes", Prefer=LENIENT, **BINARY)).status == 201
        document = {"_attachments": {"x": follows(b"bytes")}}
        assert (await db.put("b", related(document, b"bytes"), Content_Type=RELATED, Prefer=LENIENT)).status == 201
    from docstore.storage.attachments.staging import scan_stagings

    with server.node.env.snapshot() as snapshot:
        assert list(scan_stagings(snapshot)) == []


async def test_two_at_once(db):
    """Whichever comes second finds the edit there, or conflicts with nothing."""
    first = await db.write("a", {"n": 1})
    answers = await asyncio.gather(*(db.put(f"a?rev={first}", {"n": 2}, Prefer=LENIENT) for _ in range(8)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["rev"] for answer in answers}) == 1
    assert sum("Preference-Applied" in answer.headers for answer in answers) == 7


async def test_a_database_that_is_gone_by_then(db, monkeypatch):
    from docstore.errors import DatabaseNotFound

    await db.write("a", {"n": 1})

    async def gone(*_):
        raise DatabaseNotFound

    monkeypatch.setattr(leniency, "already_applied", gone)
    assert (await db.put("a", {"n": 1}, Prefer=LENIENT)).status == 409


async def test_it_is_counted(db, server):
    await db.write("a", {"n": 1})
    await db.put("a", {"n": 1}, Prefer=LENIENT)
    await db.put("a", {"n": 2}, Prefer=LENIENT)
    stats = server.node.conflict_stats
    assert stats.leniencies == {"db": 1}
    assert stats.conflicts == {("document-already-exists", "db"): 1}


# --- rows of _bulk_docs


PROBLEM = "application/problem+json"


@pytest.fixture
async def documents(db) -> list[dict]:
    """Edits of which the first and the last are applied already, the second is refused and the others go through."""
    first = await db.write("a", {"n": 1})
    await db.write(f"a?rev={first}", {"n": 2})
    await db.write("d", {"n": 1})
    return [
        {"_id": "a", "_rev": first, "n": 2},
        {"_id": "a", "_rev": first, "n": 3},
        {"_id": "b", "n": 1},
        {"_id": "_local/c", "n": 1},
        {"_id": "d", "n": 1},
    ]


async def test_lenient_rows(db, documents, server):
    answer = await db.post("_bulk_docs", {"docs": documents}, Prefer=LENIENT)
    assert (answer.status, answer.headers["Content-Type"]) == (201, "application/json")
    rows = answer.json
    assert [row.get("ok", False) for row in rows] == [True, False, True, True, True]
    assert rows[0]["rev"].startswith("2-")
    assert rows[1] == {"id": "a", "error": "conflict", "reason": "Document update conflict."}
    assert list(rows[4]) == ["ok", "id", "rev"]
    assert server.node.conflict_stats.leniencies == {"db": 2}
    assert server.node.conflict_stats.conflicts == {("revision-superseded", "db"): 1}


async def test_rows_with_problems(db, documents, server):
    answer = await db.post("_bulk_docs", {"docs": documents}, Accept=f"{PROBLEM}, application/json")
    assert (answer.status, answer.headers["Content-Type"]) == (201, "application/json")
    assert answer.headers["Vary"] == "Accept, Prefer"
    rows = answer.json
    kinds = [row["problem"]["type"].rpartition(":")[2] if "problem" in row else None for row in rows]
    assert kinds == ["already-applied", "revision-superseded", None, None, "already-applied"]
    assert list(rows[1]) == ["id", "error", "reason", "problem"]
    assert rows[1]["problem"]["status"] == 409
    assert rows[1]["problem"]["your_conflicting_fields"] == ["/n"]
    request_id = answer.headers["X-Couch-Request-ID"]
    assert [row["problem"]["instance"] for row in rows if "problem" in row] == [
        f"urn:docstore:request:{request_id}#{row}" for row in (0, 1, 4)
    ]
    stats = server.node.conflict_stats
    assert stats.conflicts == {("already-applied", "db"): 2, ("revision-superseded", "db"): 1}
    assert [(one.id, one.refusals) for one in stats.most_refused()] == [("a", 2), ("d", 1)]


async def test_rows_with_both(db, documents):
    answer = await db.post("_bulk_docs", {"docs": documents}, Accept=PROBLEM, Prefer=LENIENT)
    rows = answer.json
    assert [row.get("ok", False) for row in rows] == [True, False, True, True, True]
    assert rows[1]["problem"]["type"].endswith("revision-superseded")


async def test_plain_rows_are_counted(db, documents, server):
    answer = await db.post("_bulk_docs", {"docs": documents})
    assert ["problem" in row for row in answer.json] == [False] * 5
    assert "Vary" not in answer.headers
    assert server.node.conflict_stats.conflicts == {
        ("revision-superseded", "db"): 2,
        ("document-already-exists", "db"): 1,
    }


async def test_rows_of_a_key_are_counted(db, documents, server):
    answer = await db.post("_bulk_docs", {"docs": documents}, Idempotency_Key="k", Accept=PROBLEM)
    assert ["problem" in row for row in answer.json] == [False] * 5
    assert server.node.conflict_stats.conflicts.total() == 3


async def test_no_rows(db):
    for body in ({"docs": []}, {"docs": [{"_id": "x", "_rev": "1-a"}], "new_edits": False}):
        assert (await db.post("_bulk_docs", body, Prefer=LENIENT)).body == b"[]\n"


async def test_many_rows(db):
    documents = [{"_id": str(number), "n": number} for number in range(700)]
    await db.post("_bulk_docs", {"docs": documents})
    answer = await db.post("_bulk_docs", {"docs": documents}, Accept=PROBLEM)
    assert {row["problem"]["already_applied"] for row in answer.json} == {"yes"}
    answer = await db.post("_bulk_docs", {"docs": documents}, Prefer=LENIENT)
    assert all(row["ok"] for row in answer.json)
