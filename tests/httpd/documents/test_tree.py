"""``_tree`` of a document."""

from xml.etree import ElementTree

import pytest
from yarl import URL

A, B, C, D = (letter * 32 for letter in "abcd")


async def fork(db, doc_id: str) -> None:
    await db.replicate(
        {"_id": doc_id, "_rev": f"1-{A}"},
        {"_id": doc_id, "_rev": f"3-{C}", "_revisions": {"start": 3, "ids": [C, B, A]}},
        {"_id": doc_id, "_rev": f"2-{D}", "_revisions": {"start": 2, "ids": [D, A]}, "_deleted": True},
    )


def node(rev, parent, **members):
    plain = {"rev": rev, "parent": parent, "deleted": False, "leaf": False, "winner": False, "available": True}
    unknown = {"at": None, "by": None} if members.get("leaf") else {}
    return plain | {"seq": None} | unknown | members


async def test_json(db):
    await fork(db, "d")
    answer = await db.get("d/_tree")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {
        "id": "d",
        "winner": f"3-{C}",
        "live_leaves": 1,
        "deleted_leaves": 1,
        "nodes": [
            node(f"1-{A}", None, seq=1),
            node(f"2-{B}", f"1-{A}", available=False),
            node(f"2-{D}", f"1-{A}", deleted=True, leaf=True, seq=3),
            node(f"3-{C}", f"2-{B}", leaf=True, winner=True, seq=2),
        ],
    }


async def test_text(db):
    await fork(db, "d")
    answer = await db.get("d/_tree?format=text")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.body.decode().splitlines() == [
        '"d": 4 revisions, 2 leaves (1 live, 1 deleted)',
        "",
        f"● 1-{A}",
        f"├─× 2-{D}  deleted",
        f"○ 2-{B}",
        f"★ 3-{C}  winner",
        "",
        "○ the body of the revision is not stored here",
    ]


async def test_svg(db):
    await fork(db, "d")
    answer = await db.get("d/_tree?format=svg")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert len(list(ElementTree.fromstring(answer.body).iter("{http://www.w3.org/2000/svg}circle"))) == 4


async def test_other_formats(db):
    await fork(db, "d")
    answer = await db.get("d/_tree?format=png")
    assert answer.error == (400, "query_parse_error", "Supported `format` types: json, text, svg")
    assert (await db.get("d/_tree?format=json")).body == (await db.get("d/_tree")).body


@pytest.mark.parametrize(
    ("doc_id", "path"),
    [
        ("d", "d/_tree"),
        ("d", "d/%5Ftree/"),
        ("a/b", "a%2Fb/_tree"),
        ("é", "%C3%A9/_tree"),
        ("_design/x", "_design/x/_tree"),
        ("_design/x/y", "_design/x%2Fy/_tree"),
    ],
)
async def test_every_id(db, doc_id, path):
    await fork(db, doc_id)
    answer = await db.get(path)
    assert (answer.status, answer.json["id"]) == (200, doc_id)


async def test_an_escaped_design_document_leads_to_the_plain_path(db, server):
    await fork(db, "_design/x")
    url = URL(f"{server.url}/db/_design%2Fx/_tree?format=text", encoded=True)
    async with db.client.get(url, allow_redirects=False) as reply:
        assert (reply.status, reply.headers["Location"]) == (301, f"{server.url}/db/_design/x/_tree?format=text")
    async with db.client.get(url) as reply:
        assert (await reply.text()).startswith('"_design/x": 4 revisions')


async def test_documents_that_are_not_there(db):
    missing = (404, "not_found", "missing")
    for path in ("nope/_tree", "_design/nope/_tree", "_local%2Fx/_tree", "_nope/_tree"):
        assert (await db.get(path)).error == missing
    await db.put("_local/x", {})
    assert (await db.get("_local%2Fx/_tree")).error == missing
    assert (await db.get("_local/x/_tree")).error[0] == 400
    assert (await db.client.get("/nope/d/_tree")).status == 404


async def test_a_deleted_document_has_a_tree(db):
    rev = await db.write("d", {})
    await db.delete(f"d?rev={rev}")
    answer = (await db.get("d/_tree")).json
    assert (answer["live_leaves"], answer["deleted_leaves"], answer["nodes"][-1]["winner"]) == (0, 1, True)


async def test_a_condition(db):
    await fork(db, "d")
    for query in ("", "?format=svg"):
        tag = (await db.get(f"d/_tree{query}")).headers["ETag"]
        assert (await db.get(f"d/_tree{query}", If_None_Match=tag)).status == 304
        assert (await db.ask("HEAD", f"/d/_tree{query}")).headers["ETag"] == tag
        await db.write(f"d?rev=3-{C}" if not query else "e", {})
    assert (await db.get("d/_tree", If_None_Match=tag)).status == 200


async def test_no_attachment_can_have_the_name(db):
    """So the path is free; an attachment whose name goes on, or begins otherwise, is one."""
    rev = await db.write("d", {})
    refused = (400, "bad_request", "Attachment name '_tree' starts with prohibited character '_'")
    assert (await db.put("d", {"_rev": rev, "_attachments": {"_tree": {"data": ""}}})).error == refused
    assert (await db.put("d/_tree", b"x")).error == (405, "method_not_allowed", "Only GET,HEAD allowed")
    assert (await db.delete(f"d/_tree?rev={rev}")).status == 405
    assert (await db.put(f"d/a/_tree?rev={rev}", b"x")).status == 201
    assert (await db.get("d/a/_tree")).body == b"x"
    assert (await db.get("d/_tree/x")).error == (404, "not_found", "Document is missing attachment")


async def test_a_thousand_revisions_and_several_branches(db):
    trunk = [f"{number:032x}" for number in range(1000, 0, -1)]
    documents = [{"_id": "d", "_rev": f"1000-{trunk[0]}", "_revisions": {"start": 1000, "ids": trunk}}]
    for branch, fork_at in enumerate((100, 500, 990)):
        ids = [f"{branch + 1:x}{number:031x}" for number in range(20, 0, -1)] + trunk[1000 - fork_at :]
        start = fork_at + 20
        documents.append({"_id": "d", "_rev": f"{start}-{ids[0]}", "_revisions": {"start": start, "ids": ids}})
    await db.replicate(*documents)
    assert len((await db.get("d/_tree")).json["nodes"]) == 1060
    text = (await db.get("d/_tree?format=text")).body.decode()
    assert text.count("\n") < 25
    assert "┆ 399 revisions" in text
    assert len((await db.get("d/_tree?format=svg")).body) < 8_000
