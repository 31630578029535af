"""``POST /{db}/{doc}/_resolve`` and ``POST /{db}/_resolve``."""

import base64

import pytest

from docstore.core.rev import parse_rev
from docstore.core.revision_hash import EMPTY_BODY_TERM, new_revision
from tests.httpd.asking import Database

F, E = (f"2-{letter * 32}" for letter in "fe")
LEAVES = [F, E]
GONE = str(new_revision(True, parse_rev(E), EMPTY_BODY_TERM))
"""The tombstone of E."""

PROBLEM = {"Accept": "application/problem+json"}
PIXELS = {"content_type": "image/png", "data": base64.b64encode(b"\x89PNG\r\n").decode()}


async def conflict(db: Database, path: str = "a", *, known_base: bool = True) -> str:
    """A document with the leaves F (older) and E (renamed) of one revision, which is returned."""
    base = await db.write(path, {"name": "Ann", "age": 30}) if known_base else "1-" + "0" * 32
    await db.replicate(
        *(
            {"_id": path, "_rev": rev, "_revisions": {"start": 2, "ids": [rev[2:], base[2:]]}, **body}
            for rev, body in ((F, {"name": "Ann", "age": 31}), (E, {"name": "Eve", "age": 30}))
        )
    )
    return base


async def read(db: Database, path: str = "a") -> dict[str, object]:
    return (await db.get(f"{path}?conflicts=true")).json


# --- one document


async def test_three_way(db):
    base = await conflict(db)
    answer = await db.post("a/_resolve", {"leaves": LEAVES, "merge": "three-way"})
    rev = answer.json["rev"]
    assert answer.status == 201
    assert answer.json == {
        "ok": True, "id": "a", "rev": rev, "tombstones": [GONE], "ancestor": base, "clashes": []
    }  # fmt: skip
    assert answer.headers["ETag"] == f'"{rev}"'
    assert answer.headers["Location"].endswith("/db/a")
    assert await read(db) == {"_id": "a", "_rev": rev, "name": "Eve", "age": 31}


@pytest.mark.parametrize("kept", [F, E, "winner"])
async def test_keep(db, kept):
    await conflict(db)
    answer = await db.post("a/_resolve", {"leaves": [E, F], "keep": kept})
    rev = F if kept == "winner" else kept
    assert (answer.status, answer.json["rev"], len(answer.json["tombstones"])) == (201, rev, 1)
    assert "clashes" not in answer.json
    assert (await read(db))["_rev"] == rev


async def test_a_body(db):
    await conflict(db)
    body = {"_id": "ignored", "_rev": E, "_conflicts": [E], "name": "both", "_attachments": {"x": PIXELS}}
    answer = await db.post("a/_resolve", {"leaves": LEAVES, "body": body})
    assert answer.status == 201
    shown = await read(db)
    assert (shown["_rev"], shown["name"], list(shown["_attachments"])) == (answer.json["rev"], "both", ["x"])
    assert (await db.get("a/x")).body == b"\x89PNG\r\n"


async def test_a_large_body_is_read_in_a_thread(db):
    await conflict(db)
    answer = await db.post("a/_resolve", {"leaves": LEAVES, "body": {"text": "x" * 300_000}})
    assert answer.status == 201
    assert len((await read(db))["text"]) == 300_000


async def test_the_latest(db):
    await conflict(db)
    answer = await db.post("a/_resolve", {"leaves": LEAVES, "merge": "latest", "by": "/name"})
    assert answer.status == 201
    assert (await read(db))["name"] == "Eve"


async def test_one_leaf(db):
    rev = await db.write("a", {"n": 1})
    for form in ({"keep": rev}, {"merge": "three-way"}, {"merge": "latest", "by": "/n"}):
        answer = await db.post("a/_resolve", {"leaves": [rev], **form})
        assert (answer.status, answer.json["rev"], answer.json["tombstones"]) == (200, rev, [])
    assert (await db.post("a/_resolve", {"leaves": [rev], "body": {"n": 2}})).status == 201


async def test_design_documents(db):
    for doc_id, path in (("_design/a", "_design/a"), ("_design/b", "_design%2Fb")):
        await conflict(db, doc_id)
        answer = await db.post(f"{path}/_resolve", {"leaves": LEAVES, "merge": "three-way"})
        assert answer.status == 201
        assert answer.json["id"] == doc_id


async def test_a_dry_run(db):
    await conflict(db)
    asked = {"leaves": LEAVES, "merge": "three-way"}
    before = await read(db)
    tried = await db.post("a/_resolve?dry_run=true", asked)
    assert tried.status == 200
    assert await read(db) == before
    told = tried.json
    assert (told.pop("dry_run"), told.pop("doc")) == (True, {"_id": "a", "_rev": told["rev"], "name": "Eve", "age": 31})
    assert (await db.post("a/_resolve?dry_run=false", asked)).json == told


# --- what is refused


SENSELESS = [
    ({"keep": F}, "`leaves` is missing: the live leaves that you saw."),
    ({"leaves": [], "keep": F}, "`leaves` is empty."),
    ({"leaves": F, "keep": F}, "Invalid list of revisions"),
    ({"leaves": ["x"], "keep": F}, "Invalid rev format"),
    ({"leaves": LEAVES}, "One of `keep`, `body` and `merge` must say how to resolve."),
    ({"leaves": LEAVES, "keep": F, "merge": "latest"}, "`keep` and `merge` do not go together."),
    ({"leaves": LEAVES, "keep": "x"}, "Invalid rev format"),
    ({"leaves": LEAVES, "keep": "1-a"}, "`keep`, and `_rev` in `body`, must be one of `leaves`."),
    ({"leaves": LEAVES, "body": {"_rev": "1-a"}}, "`keep`, and `_rev` in `body`, must be one of `leaves`."),
    ({"leaves": LEAVES, "body": []}, "Document must be a JSON object"),
    ({"leaves": LEAVES, "merge": "best"}, '`merge` must be "three-way" or "latest".'),
    ({"leaves": LEAVES, "merge": "latest"}, "`by` must be a JSON Pointer, such as /updated_at."),
    ({"leaves": LEAVES, "merge": "latest", "by": "at"}, "`by` must be a JSON Pointer, such as /updated_at."),
    ({"leaves": LEAVES, "merge": "latest", "by": "/at", "ancestor": "required"}, "`ancestor` has no meaning here."),
    ({"leaves": LEAVES, "merge": "three-way", "by": "/at"}, "`by` has no meaning here."),
    ({"leaves": LEAVES, "merge": "three-way", "on_conflict": "x"}, "`on_conflict` must be fail or winner."),
    (
        {"leaves": LEAVES, "merge": "three-way", "ancestor": True},
        "`ancestor` must be required or if-available.",
    ),
    ({"leaves": LEAVES, "keep": F, "on_conflict": "winner"}, "`on_conflict` has no meaning here."),
    ({"leaves": LEAVES, "keep": F, "dry_run": True}, "`dry_run` has no meaning here."),
    ([], "Request body must be a JSON object"),
]


async def test_a_body_that_makes_no_sense(db):
    await conflict(db)
    for body, reason in SENSELESS:
        assert (await db.post("a/_resolve", body)).error == (400, "bad_request", reason), body
    assert (await read(db))["_conflicts"] == [E]


async def test_what_a_put_would_refuse_too(db):
    await conflict(db)
    for body, error in (
        ({"_what": 1}, (400, "doc_validation", "Bad special document member: _what")),
        ({"_attachments": {"x": {"stub": True}}}, (412, "missing_stub", "Invalid attachment stub in a for x")),
        ({"x": "y" * 8_000_001}, (413, "document_too_large", "a")),
    ):
        assert (await db.post("a/_resolve", {"leaves": LEAVES, "body": body})).error == error


async def test_other_requests(db):
    asked = {"leaves": LEAVES, "keep": F}
    assert (await db.post("a/_resolve?dry_run=1", asked)).error == (
        400, "query_parse_error", "`dry_run` must be true or false."
    )  # fmt: skip
    assert (await db.post("a/_resolve", asked)).error == (404, "not_found", "missing")
    rev = await db.write("a", {})
    await db.delete(f"a?rev={rev}")
    deleted = (await db.get("a?deleted=true")).json["_rev"]
    assert (await db.post("a/_resolve", {"leaves": [deleted], "merge": "three-way"})).error == (
        404, "not_found", "deleted"
    )  # fmt: skip
    assert (await db.post("a/_resolve", asked, Content_Type="text/plain")).status == 415
    answer = await db.get("a/_resolve")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_stale_leaves(db):
    await conflict(db)
    moved = (await db.put(f"a?rev={E}", {"name": "Zoe"})).json["rev"]
    asked = {"leaves": LEAVES, "merge": "three-way"}
    status, error, _ = (await db.post("a/_resolve", asked)).error
    assert (status, error) == (409, "resolve_stale_leaves")
    answer = await db.post("a/_resolve", asked, **PROBLEM)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["type"] == "urn:docstore:problem:resolve-stale-leaves"
    assert (answer.json["leaves"], answer.json["supplied_leaves"]) == ([moved, F], LEAVES)


async def test_clashes(db):
    await conflict(db)
    await db.put(f"a?rev={E}", {"name": "Eve", "age": 32})
    leaves = [(await read(db))["_rev"], F]
    asked = {"leaves": leaves, "merge": "three-way"}
    assert (await db.post("a/_resolve", asked)).error == (409, "merge_clash", "The leaves differ at '/age'.")
    told = (await db.post("a/_resolve", asked, **PROBLEM)).json
    assert (told["type"], told["clashes"]) == ("urn:docstore:problem:merge-clash", ["/age"])
    answer = await db.post("a/_resolve", {**asked, "on_conflict": "winner"})
    assert (answer.status, answer.json["clashes"]) == (201, ["/age"])
    assert (await read(db))["age"] == 32


async def test_no_ancestor(db):
    base = await conflict(db, known_base=False)
    asked = {"leaves": LEAVES, "merge": "three-way"}
    assert (await db.post("a/_resolve", asked)).error[:2] == (409, "ancestor_unavailable")
    told = (await db.post("a/_resolve", {**asked, "ancestor": "required"}, **PROBLEM)).json
    assert (told["type"], told["common_ancestor"]) == ("urn:docstore:problem:ancestor-unavailable", base)
    answer = await db.post("a/_resolve", {**asked, "ancestor": "if-available", "on_conflict": "winner"})
    assert (answer.json["ancestor"], answer.json["clashes"]) == (None, ["/name", "/age"])


async def test_conflicts_are_counted(server, db):
    await conflict(db)
    await db.post("a/_resolve", {"leaves": [F], "keep": F})
    await db.post("_resolve", {"docs": [{"id": "a", "leaves": [E], "keep": E}]})
    stats = server.node.conflict_stats
    assert stats.conflicts["resolve-stale-leaves", "db"] == 2
    assert [one.id for one in stats.most_refused()] == ["a"]


# --- with a key


async def test_once(db):
    await conflict(db)
    asked = {"leaves": LEAVES, "merge": "three-way", "on_conflict": "winner"}
    first = await db.post("a/_resolve", asked, Idempotency_Key="k")
    again = await db.post("a/_resolve", asked, Idempotency_Key="k")
    assert (again.status, again.body, again.headers["ETag"]) == (201, first.body, first.headers["ETag"])
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await db.post("a/_resolve", {"leaves": LEAVES, "keep": F}, Idempotency_Key="k")
    assert other.status == 422


async def test_a_failure_is_not_kept(db):
    await conflict(db)
    stale = {"leaves": [F], "keep": F}
    assert (await db.post("a/_resolve", stale, Idempotency_Key="k")).status == 409
    assert (await db.post("a/_resolve", {"leaves": LEAVES, "keep": F}, Idempotency_Key="k")).status == 201


async def test_many_once(db):
    for doc_id in "ab":
        await conflict(db, doc_id)
    asked = {"keep": "winner", "limit": 1}
    first = await db.post("_resolve", asked, Idempotency_Key="k")
    again = await db.post("_resolve", asked, Idempotency_Key="k")
    assert (again.body, again.headers["Idempotency-Replayed"]) == (first.body, "true")
    assert "_conflicts" in await read(db, "b")
    nothing = {"ids": []}
    for expected in (None, "true"):
        answer = await db.post("_resolve", {**nothing, "keep": "winner"}, Idempotency_Key="n")
        assert (answer.status, answer.headers.get("Idempotency-Replayed")) == (201, expected)


# --- many documents


async def test_all_conflicted_documents_in_pages(db):
    for doc_id in "abcde":
        await conflict(db, doc_id)
    await db.write("not", {})
    seen, following = [], None
    asked = {"merge": "three-way", "limit": 2}
    while True:
        answer = await db.post("_resolve", asked if following is None else {**asked, "startkey": following})
        assert answer.status == 201
        assert all(row["ok"] and row["tombstones"] == [GONE] for row in answer.json["rows"])
        seen.append("".join(row["id"] for row in answer.json["rows"]))
        following = answer.json["next"]
        if following is None:
            break
    assert seen == ["ab", "cd", "e"]
    assert (await db.post("_resolve", {"merge": "three-way"})).json == {"rows": [], "next": None}


async def test_documents_by_id(db):
    await conflict(db, "a")
    await conflict(db, "b", known_base=False)
    rev = await db.write("c", {})
    rows = (await db.post("_resolve", {"ids": ["c", "b", "a", "none"], "merge": "three-way"})).json["rows"]
    assert rows[0] == {"ok": True, "id": "c", "rev": rev, "tombstones": [], "ancestor": None, "clashes": []}
    assert (rows[1]["id"], rows[1]["error"], rows[1]["leaves"]) == ("b", "ancestor_unavailable", LEAVES)
    assert rows[2]["tombstones"] == [GONE]
    assert rows[3] == {"id": "none", "error": "not_found", "reason": "missing"}
    assert (await db.get("_all_docs?keys=" + '["b"]')).json["rows"][0]["value"]["rev"] == F


async def test_each_in_its_own_way(db):
    for doc_id in "abcd":
        await conflict(db, doc_id)
    docs = [
        {"id": "a", "leaves": LEAVES, "keep": E},
        {"id": "b", "leaves": LEAVES, "body": {"n": 1}},
        {"id": "c"},
        {"id": "d", "leaves": [F]},
    ]
    rows = (await db.post("_resolve", {"docs": docs, "merge": "latest", "by": "/age"})).json["rows"]
    assert [row.get("error") for row in rows] == [None, None, None, "resolve_stale_leaves"]
    assert (rows[3]["leaves"], rows[3]["supplied_leaves"]) == (LEAVES, [F])
    assert [(await read(db, doc_id)).get("name") for doc_id in "abc"] == ["Eve", None, "Ann"]


async def test_many_tried(db):
    await conflict(db)
    tried = (await db.post("_resolve?dry_run=true", {"ids": ["a", "x"], "merge": "three-way"})).json["rows"]
    assert tried[0]["doc"] == {"_id": "a", "_rev": tried[0]["rev"], "name": "Eve", "age": 31}
    assert tried[1]["error"] == "not_found"
    assert (await read(db))["_conflicts"] == [E]


SENSELESS_OF_MANY = [
    ({}, "One of `keep`, `body` and `merge` must say how to resolve."),
    ({"ids": ["a"]}, "One of `keep`, `body` and `merge` must say how to resolve."),
    ({"id": ["a"], "keep": "winner"}, "`id` has no meaning here."),
    ({"ids": ["a"], "docs": [], "keep": "winner"}, "Either `ids` or `docs`, not both."),
    ({"ids": "a", "keep": "winner"}, "`ids` and `docs` must be arrays."),
    ({"ids": ["a"] * 1_001, "keep": "winner"}, "At most 1000 documents in one request."),
    ({"docs": ["a"], "keep": "winner"}, "Each of `docs` must be an object."),
    ({"docs": [{"id": "a", "x": 1}], "keep": "winner"}, "`x` has no meaning here."),
    ({"docs": [{"id": "a", "body": {}}]}, "`leaves` is missing: the live leaves that you saw."),
    ({"docs": [{"id": "a", "keep": F}]}, "`leaves` is missing: the live leaves that you saw."),
    ({"keep": F}, '`keep` of many documents can only be "winner".'),
    ({"body": {}}, "`body` belongs to one document."),
    ({"keep": "winner", "limit": 0}, "`limit` must be an integer from 1 to 1000."),
    ({"keep": "winner", "limit": True}, "`limit` must be an integer from 1 to 1000."),
    ({"keep": "winner", "startkey": 1}, "`startkey` must be a document's id."),
    (
        {"ids": [], "keep": "winner", "limit": 1},
        "`startkey` and `limit` belong to requests about all conflicted documents.",
    ),
    ({"leaves": [F], "keep": "winner"}, "`leaves` has no meaning here."),
]


async def test_requests_about_many_that_make_no_sense(db):
    await conflict(db)
    for body, reason in SENSELESS_OF_MANY:
        assert (await db.post("_resolve", body)).error == (400, "bad_request", reason), body
    assert (await read(db))["_conflicts"] == [E]


async def test_ids_that_no_document_can_have(db):
    for wrong in (5, "", "_x"):
        assert (await db.post("_resolve", {"ids": [wrong], "keep": "winner"})).error[:2] == (400, "illegal_docid")


# --- what it leaves behind replicates


async def test_the_result_replicates_as_ordinary_revisions(client, db):
    """Sent to another store as a replicator sends it, the result leaves an equal tree."""
    await conflict(db)
    other = await Database(client, "other").create()
    for source, target in ((db, other),):
        leaves = (await source.get("a?open_revs=all&revs=true")).json
        await target.replicate(*(one["ok"] for one in leaves))
    await db.post("a/_resolve", {"leaves": LEAVES, "merge": "three-way"})
    missing = (await other.post("_revs_diff", {"a": [row["rev"] for row in await all_leaves(db)]})).json["a"]["missing"]
    assert len(missing) == 2
    fetched = [(await db.get(f"a?rev={rev}&revs=true")).json for rev in missing]
    await other.replicate(*fetched)
    assert (await other.get("a?conflicts=true&revs=true")).json == (await db.get("a?conflicts=true&revs=true")).json
    assert await all_leaves(other) == await all_leaves(db)
    for leaf in await all_leaves(db):
        path = f"a?rev={leaf['rev']}&revs=true"
        assert (await other.get(path)).json == (await db.get(path)).json


async def all_leaves(db: Database) -> list[dict[str, str]]:
    [row] = (await db.get("_changes?style=all_docs")).json["results"]
    return row["changes"]
