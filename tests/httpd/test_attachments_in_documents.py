"""Attachments within documents: inline, stubs, and how reads show them."""

import asyncio
import json
from base64 import b64decode

import pytest

from docstore.storage.attachments.garbage import is_waiting
from tests.httpd.attaching import NOISE, digest, gzipped, inline, stagings, until

MISSING_STUB = (412, "missing_stub", "Invalid attachment stub in d for f")
A_PNG = inline(b"\x89PNG", "image/png")
LARGE = NOISE[:300_001]
"""More than is read at once, and no multiple of three."""


@pytest.fixture
async def two(db):
    """A document with a compressible attachment and another one; the revision that added the second."""
    rev = await db.write("d", {"v": 1, "_attachments": {"a.txt": inline(b"hello", "text/plain")}})
    rev = await db.write("d", {"v": 2, "_rev": rev, "_attachments": {"a.txt": {"stub": True}, "b.png": A_PNG}})
    return db, rev


def member(data, content_type, revpos, /, **shown):
    stored = gzipped(data) if content_type == "text/plain" else data
    return {"content_type": content_type, "revpos": revpos, "digest": digest(stored), **shown}


async def attachments(db, path):
    return (await db.get(path)).json["_attachments"]


# --- writing --------------------------------------------------------------------------------------------------------


async def test_stubs_keep_and_nothing_drops(two):
    db, rev = two
    document = (await db.get("d")).json
    assert list(document) == ["_id", "_rev", "v", "_attachments"]
    rev = await db.write("d", document | {"v": 3})
    assert (await db.get("d")).json["_attachments"] == document["_attachments"]
    rev = await db.write("d", {"_rev": rev, "_attachments": {"b.png": {"stub": True}}})
    assert list(await attachments(db, "d")) == ["b.png"]
    await db.write("d", {"_rev": rev})
    assert "_attachments" not in (await db.get("d")).json


async def test_post(db):
    answer = await db.post("", {"_id": "d", "_attachments": {"f": inline(b"x")}})
    assert answer.status == 201
    assert (await db.get("d/f")).body == b"x"


@pytest.mark.parametrize(
    "stub", [{"stub": True}, {"stub": True, "revpos": 7}, {"stub": True, "revpos": "x"}, {"stub": True, "revpos": None}]
)
async def test_stubs_of_nothing(server, db, stub):
    document = {"_id": "d", "_attachments": {"g": inline(b"new"), "f": stub}}
    assert (await db.put("d", document)).error == MISSING_STUB
    rev = await db.write("d", {})
    assert (await db.put("d", document | {"_rev": rev})).error == MISSING_STUB
    bulk = await db.post("_bulk_docs", {"docs": [{"_id": "other"}, document | {"_rev": rev}]})
    assert bulk.error == MISSING_STUB
    bulk = await db.post("_bulk_docs", {"docs": [document | {"_rev": "2-b"}], "new_edits": False})
    assert bulk.error == MISSING_STUB
    assert (await db.get("other")).status == 404
    assert stagings(server) == 0


@pytest.mark.parametrize(
    ("attachment", "reason"),
    [
        ({"data": "%%%"}, "Invalid attachment data for f"),
        ({"data": 5}, "Invalid attachment data for f"),
        ({"data": None}, "Invalid attachment data for f"),
        ({}, "Invalid attachment data for f"),
        ({"data": "eA=="[:3]}, "Invalid attachment data for f"),
        ({"data": "eA==", "content_type": 5}, "Invalid attachment content type for f"),
        ({"follows": True, "length": -1}, "Invalid attachment length for f"),
        ({"follows": True, "length": 1, "encoding": "br"}, "Invalid attachment encoding for f"),
        ({"follows": True, "length": 1}, "Attachment `f` is said to follow, but there are no parts."),
    ],
)
async def test_malformed(server, db, attachment, reason):
    document = {"_id": "d", "_attachments": {"g": inline(b"new"), "f": attachment}}
    for answer in (
        await db.put("d", document),
        await db.post("", document),
        await db.post("_bulk_docs", {"docs": [{"_id": "other"}, document]}),
    ):
        assert answer.error == (400, "bad_request", reason)
    assert (await db.get("_all_docs")).json["total_rows"] == 0
    assert stagings(server) == 0


async def test_bulk(server, db):
    docs = [{"_id": f"d{number}", "_attachments": {"f": inline(b"%d" % number)}} for number in range(50)]
    rows = (await db.post("_bulk_docs", {"docs": docs})).json
    assert all(row["ok"] for row in rows)
    again = (await db.post("_bulk_docs", {"docs": [docs[7], docs[7] | {"_id": "new"}]})).json
    assert (again[0]["error"], again[1]["ok"]) == ("conflict", True)
    assert (await db.get("d7/f")).body == (await db.get("new/f")).body == b"7"
    assert stagings(server) == 0


async def test_large_inline(db):
    await db.write("d", {"_attachments": {"f": inline(NOISE * 6), "t": inline(NOISE, "text/plain")}})
    assert (await db.get("d/f")).body == NOISE * 6
    assert (await db.get("d/t")).body == NOISE


async def test_replicated_revisions(db):
    path = {"start": 2, "ids": ["b", "a"]}
    await db.replicate({"_id": "d", "_rev": "1-a", "_attachments": {"f": inline(b"one") | {"revpos": 1}}})
    await db.replicate(
        {
            "_id": "d",
            "_revisions": path,
            "_attachments": {"f": {"stub": True, "revpos": 1}, "g": inline(b"two") | {"revpos": 2}},
        }
    )
    shown = await attachments(db, "d")
    assert [(name, one["revpos"]) for name, one in shown.items()] == [("f", 1), ("g", 2)]
    assert (await db.get("d/f")).body == b"one"
    answer = await db.put("e?new_edits=false", {"_rev": "3-x", "_attachments": {"f": inline(b"x") | {"revpos": 3}}})
    assert answer.status == 201
    assert (await attachments(db, "e"))["f"]["revpos"] == 3


async def test_an_edit_that_is_refused_leaves_nothing(server, db):
    await db.write("d", {})
    assert (await db.put("d", {"_attachments": {"f": inline(NOISE)}})).error[0] == 409
    assert stagings(server) == 0
    registry = server.node.registry
    await until(lambda: not garbage(registry))


def garbage(registry):
    with registry._environment.snapshot() as snapshot:
        return is_waiting(snapshot)


async def test_many_edits_at_once(server, db):
    documents = [{"_attachments": {"f": inline(NOISE[number : number + 70_000])}} for number in range(20)]
    answers = await asyncio.gather(*(db.put(f"d{number % 5}", one) for number, one in enumerate(documents)))
    assert sorted(answer.status for answer in answers) == [201] * 5 + [409] * 15
    assert stagings(server) == 0


async def test_local_documents_have_none(db):
    assert (await db.put("_local/x", {"v": 1, "_attachments": {"f": inline(b"x")}})).status == 201
    assert (await db.get("_local/x?attachments=true")).json == {"_id": "_local/x", "_rev": "0-1", "v": 1}
    assert (await db.put("_local/x", {"_attachments": {"f": {"data": 5}}})).error[0] == 400


# --- reading one document -------------------------------------------------------------------------------------------


async def test_stubs(two):
    db, _ = two
    assert await attachments(db, "d") == {
        "a.txt": member(b"hello", "text/plain", 1, length=5, stub=True),
        "b.png": member(b"\x89PNG", "image/png", 2, length=4, stub=True),
    }
    assert list(await attachments(db, "d?revs=true&conflicts=true")) == ["a.txt", "b.png"]


async def test_data(two):
    db, rev = two
    answer = await db.get("d?attachments=true")
    assert answer.headers["ETag"] == f'"{rev}"'
    assert answer.body.endswith(b"}\n")
    assert answer.json["_attachments"] == {
        "a.txt": member(b"hello", "text/plain", 1, data="aGVsbG8="),
        "b.png": member(b"\x89PNG", "image/png", 2, data="iVBORw=="),
    }
    assert (await db.get("d?attachments=true", If_None_Match=f'"{rev}"')).status == 304
    assert "stub" in (await attachments(db, "d?attachments=1"))["a.txt"]


async def test_encoding_info(two):
    db, _ = two
    info = {"encoding": "gzip", "encoded_length": len(gzipped(b"hello"))}
    shown = await attachments(db, "d?att_encoding_info=true")
    assert shown["a.txt"] == member(b"hello", "text/plain", 1, length=5, stub=True, **info)
    assert "encoding" not in shown["b.png"]
    shown = await attachments(db, "d?att_encoding_info=true&attachments=true")
    assert shown["a.txt"] == member(b"hello", "text/plain", 1, data="aGVsbG8=", **info)


async def test_atts_since(two):
    db, rev = two
    first = (await db.get("d?revs=true")).json["_revisions"]["ids"][1]
    for since, shown in (
        ("[]", {"a.txt", "b.png"}),
        (f'["1-{first}"]', {"b.png"}),
        (f'["{rev}"]', set()),
        (f'["7-x","1-{first}"]', {"b.png"}),
        ('["1-x"]', {"a.txt", "b.png"}),
    ):
        found = await attachments(db, f"d?atts_since={since}")
        assert {name for name, one in found.items() if "data" in one} == shown
        assert all("stub" in one for name, one in found.items() if name not in shown)
        found = await attachments(db, f"d?atts_since={since}&rev={rev}")
        assert {name for name, one in found.items() if "data" in one} == shown


async def test_older_revisions(two):
    db, _ = two
    first = (await db.get("d?revs=true")).json["_revisions"]["ids"][1]
    shown = await attachments(db, f"d?rev=1-{first}&attachments=true")
    assert shown == {"a.txt": member(b"hello", "text/plain", 1, data="aGVsbG8=")}


async def test_large_ones_are_streamed(db):
    data = {"b": LARGE, "t": LARGE[:200_000], "s": b"small"}
    types = {"b": "image/x", "t": "text/plain", "s": "text/plain"}
    document = {"_attachments": {name: inline(data[name], types[name]) for name in data}, "v": 1}
    rev = await db.write("d", document)
    for path in ("d?attachments=true", f"d?attachments=true&rev={rev}"):
        answer = await db.get(path)
        assert answer.headers["ETag"] == f'"{rev}"'
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert answer.json["v"] == 1
        assert {name: b64decode(one["data"]) for name, one in answer.json["_attachments"].items()} == data
    assert (await db.get("d?attachments=true", If_None_Match=f'"{rev}"')).status == 304
    head = await db.ask("HEAD", "/d?attachments=true")
    assert (head.status, head.body) == (200, b"")
    assert "ETag" not in (await db.get("d?attachments=true&local_seq=true")).headers


# --- reading many ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def many(db):
    """Documents with small and large attachments and without any."""
    docs = [
        {"_id": "a"},
        {"_id": "b", "_attachments": {"t": inline(b"hello", "text/plain")}},
        {"_id": "c", "_attachments": {"t": inline(b"x", "text/plain"), "l": inline(LARGE, "image/x")}},
        {"_id": "d", "v": 1},
    ]
    assert len((await db.post("_bulk_docs", {"docs": docs})).json) == 4
    return db


def shown_in(documents):
    """How much data of each attachment a listing shows, its stubs, and whether it tells of encodings."""
    return {
        (document["_id"], name): (
            len(b64decode(one["data"])) if "data" in one else "stub" if one.get("stub") else None,
            "encoding" in one,
        )
        for document in documents
        for name, one in document.get("_attachments", {}).items()
    }


STUBS = {("b", "t"): ("stub", False), ("c", "t"): ("stub", False), ("c", "l"): ("stub", False)}
INFO = {("b", "t"): ("stub", True), ("c", "t"): ("stub", True), ("c", "l"): ("stub", False)}
DATA = {("b", "t"): (5, False), ("c", "t"): (1, False), ("c", "l"): (len(LARGE), False)}
BOTH = {("b", "t"): (5, True), ("c", "t"): (1, True), ("c", "l"): (len(LARGE), False)}
PARAMETERS = [
    ("", STUBS),
    ("&att_encoding_info=true", INFO),
    ("&attachments=true", DATA),
    ("&attachments=true&att_encoding_info=true", BOTH),
]


@pytest.mark.parametrize(("parameters", "shown"), PARAMETERS)
async def test_all_docs(many, parameters, shown):
    for query in ("", "&descending=true", '&keys=["c","b","none"]'):
        rows = (await many.get(f"_all_docs?include_docs=true{parameters}{query}")).json["rows"]
        assert shown_in([row["doc"] for row in rows if row.get("doc")]) == shown
    body = {
        "include_docs": True,
        **{name: True for name in ("attachments", "att_encoding_info") if f"{name}=" in parameters},
    }
    rows = (await many.post("_all_docs", body)).json["rows"]
    assert shown_in([row["doc"] for row in rows]) == shown
    listings = (await many.post("_all_docs/queries", {"queries": [body, body]})).json["results"]
    assert [shown_in([row["doc"] for row in listing["rows"]]) for listing in listings] == [shown, shown]
    assert "doc" not in (await many.get("_all_docs?attachments=true")).json["rows"][1]


@pytest.mark.parametrize(("parameters", "shown"), PARAMETERS)
async def test_changes(many, parameters, shown):
    query = f"_changes?include_docs=true{parameters}"
    rows = (await many.get(query)).json["results"]
    assert shown_in([row["doc"] for row in rows]) == shown
    rows = (await many.get(f"{query}&feed=longpoll")).json["results"]
    assert shown_in([row["doc"] for row in rows]) == shown
    lines = (await many.get(f"{query}&feed=continuous&timeout=0")).body.splitlines()
    assert shown_in([json.loads(line)["doc"] for line in lines if b'"doc"' in line]) == shown
    events = (await many.get(f"{query}&feed=eventsource&timeout=0")).body.split(b"\n")
    assert shown_in([json.loads(line[6:])["doc"] for line in events if line.startswith(b"data: {")]) == shown
    rows = (await many.post(f"{query}&filter=_selector", {"selector": {"_id": {"$gt": "a"}}, "fields": ["_id"]})).json
    assert [row["doc"] for row in rows["results"]] == [{"_id": "b"}, {"_id": "c"}, {"_id": "d"}]


async def test_a_selector_sees_stubs(many):
    body = {"selector": {"_attachments.t.stub": True}}
    selector = {"selector": {"_attachments": {"$exists": True}}}
    rows = (await many.post("_changes?filter=_selector&include_docs=true&attachments=true", selector)).json["results"]
    assert shown_in([row["doc"] for row in rows]) == DATA
    rows = (await many.post("_changes?filter=_selector&include_docs=true", body)).json["results"]
    assert [row["id"] for row in rows] == ["b", "c"]


@pytest.mark.parametrize(("parameters", "shown"), PARAMETERS)
async def test_bulk_get(many, parameters, shown):
    docs = [{"id": name} for name in "abcd"]
    results = (await many.post(f"_bulk_get?x{parameters}", {"docs": docs})).json["results"]
    assert shown_in([result["docs"][0]["ok"] for result in results]) == shown


async def test_bulk_get_of_what_is_new_to_the_reader(many):
    rev = (await many.get("c")).json["_rev"]
    second = await many.write(f"c?rev={rev}", {"_attachments": {"t": {"stub": True}, "n": inline(b"new", "image/x")}})
    for since, shown in (([], ["stub", "stub"]), ([rev], ["stub", 3]), (["1-x"], [1, 3]), ([second], ["stub", "stub"])):
        answer = await many.post("_bulk_get", {"docs": [{"id": "c", "rev": second, "atts_since": since}, {"id": "b"}]})
        first, other = (result["docs"][0]["ok"] for result in answer.json["results"])
        assert [one for one, _ in shown_in([first]).values()] == shown
        assert shown_in([other]) == {("b", "t"): ("stub", False)}


@pytest.mark.parametrize(("parameters", "shown"), PARAMETERS)
async def test_open_revs(many, parameters, shown):
    (row,) = (await many.get(f"c?open_revs=all{parameters}")).json
    assert shown_in([row["ok"]]) == {key: value for key, value in shown.items() if key[0] == "c"}
    rev = row["ok"]["_rev"]
    rows = (await many.get(f'c?open_revs=["{rev}","9-x","{rev}"]{parameters}')).json
    assert [list(row) for row in rows] == [["ok"], ["missing"], ["ok"]] or {"missing": "9-x"} in rows
    assert shown_in([row["ok"] for row in rows if "ok" in row]) == {k: v for k, v in shown.items() if k[0] == "c"}


@pytest.mark.parametrize("parameters", ["", "&attachments=true"])
async def test_open_revs_of_what_is_new_to_the_reader(many, parameters):
    rev = (await many.get("c")).json["_rev"]
    second = await many.write(f"c?rev={rev}", {"_attachments": {"t": {"stub": True}, "n": inline(b"new", "image/x")}})
    for since, shown in (([], [1, 3]), ([rev], ["stub", 3]), (["1-x"], [1, 3]), ([second], ["stub", "stub"])):
        answer = await many.get(f"c?open_revs=all&atts_since={json.dumps(since)}{parameters}".replace(" ", ""))
        assert [one for one, _ in shown_in([answer.json[0]["ok"]]).values()] == shown


# --- COPY -----------------------------------------------------------------------------------------------------------


async def test_copy(two):
    db, rev = two
    source = (await db.get("d")).json["_attachments"]
    answer = await db.ask("COPY", "/d", Destination="e")
    assert answer.status == 201
    assert await attachments(db, "e") == source
    assert (await db.get("e/a.txt")).body == b"hello"
    first = (await db.get("d?revs=true")).json["_revisions"]["ids"][1]
    answer = await db.ask("COPY", f"/d?rev=1-{first}", Destination=f"e?rev={answer.json['rev']}")
    assert list(await attachments(db, "e")) == ["a.txt"]
    assert (await db.delete(f"d?rev={rev}")).status == 200
    assert (await db.get("e/a.txt")).body == b"hello"
    assert (await db.ask("COPY", "/e", Destination="e")).error[0] == 409
    assert (await db.ask("COPY", "/e", Destination="_local/x")).status == 201
    assert (await db.get("_local/x")).json == {"_id": "_local/x", "_rev": "0-1", "v": 1}
    assert (await db.ask("COPY", "/_local/x", Destination="from")).status == 201
    assert (await db.ask("COPY", "/e", Destination="_nope")).error[1] == "illegal_docid"
