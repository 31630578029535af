"""Documents with attachments: written, kept by stubs, copied, replicated, and read."""

import asyncio
import base64
import contextlib
import json
import os

import pytest

from docstore.core.attachment import Follows, Inline, Linked
from docstore.core.document import Document, parse_document
from docstore.core.json_text import decode
from docstore.database.commands import DropStagings, EditDocuments
from docstore.database.reading.documents import OpenOptions
from docstore.database.results import EditResult
from docstore.errors import (
    BadRequest,
    BytesGone,
    Conflict,
    DatabaseNotFound,
    DocumentDeleted,
    MissingStub,
    NotFound,
    StorageFull,
)
from docstore.storage.attachments.staging import scan_stagings
from tests.database.helpers import LIMITS, all_docs, changes, document, replicated, rev

TEXT = {"content_type": "text/plain", "data": base64.b64encode(b"hello").decode()}
PIXELS = {"content_type": "image/png", "data": base64.b64encode(b"\x89PNG\r\n").decode()}
STUB = {"stub": True}


def attachments(**members):
    return {"_attachments": {name.replace("_", "."): member for name, member in members.items()}}


def opened(db, doc_id, **options):
    return decode(db.open_doc(doc_id, OpenOptions(**options)).json)


def names(db, doc_id, **options):
    return list(opened(db, doc_id, **options).get("_attachments", {}))


async def content(db, doc_id, name, revision=None):
    return b"".join([piece async for piece in db.open_attachment(doc_id, name, revision).decoded()])


def with_path(doc_id, *path, deleted=False, **members):
    """A replicated revision that may have attachments."""
    revs = tuple(rev(each) for each in path)
    parsed = parse_document(members, doc_id=doc_id, limits=LIMITS)
    return Document(doc_id, revs[0], deleted, parsed.body, parsed.term, revs, parsed.attachments)


def no_stagings(node):
    with node.env.snapshot() as snapshot:
        return list(scan_stagings(snapshot)) == []


async def linked(db, data, name="a", content_type="image/png"):
    async with db.blobs.stage(content_type) as staging:
        await staging.write(data)
        return (await staging.seal()).linked(name, content_type)


# --- writing documents


async def test_inline_and_stubs_as_recorded(node, db):
    first = await db.update_doc(
        document("d", **attachments(a_txt=TEXT, b_png={"content_type": "image/png", "data": "iVBORwA="}))
    )
    assert str(first.rev) == "1-64530a3ad5799300f08f32c89dc62e60"
    second = await db.update_doc(document("d", on=first.rev, x=1, **attachments(a_txt=STUB)))
    assert str(second.rev) == "2-d0277859eb2e17555e3fb252d573e6f3"
    assert json.loads(db.open_doc("d").json) == {
        "_id": "d",
        "_rev": str(second.rev),
        "x": 1,
        "_attachments": {
            "a.txt": {
                "content_type": "text/plain",
                "revpos": 1,
                "digest": "md5-iMaiC8wqiFlD2NjLTemvCQ==",
                "length": 5,
                "stub": True,
            }
        },
    }
    third = await db.update_doc(document("d", on=second.rev, x=2))
    assert names(db, "d") == []
    assert str(third.rev) == "3-ffbd006e627684dba500d6480a733e57"
    assert names(db, "d", rev=first.rev) == ["a.txt", "b.png"]
    assert await content(db, "d", "b.png", first.rev) == base64.b64decode("iVBORwA=")
    assert no_stagings(node)


async def test_a_stub_may_tell_its_generation(db):
    first = await db.update_doc(document("d", **attachments(a=TEXT)))
    with pytest.raises(MissingStub, match=r"^Invalid attachment stub in d for a$"):
        await db.update_doc(document("d", on=first.rev, **attachments(a={"stub": True, "revpos": 99})))
    await db.update_doc(document("d", on=first.rev, **attachments(a={"stub": True, "revpos": 1, "digest": "md5-AAAA"})))
    assert opened(db, "d")["_attachments"]["a"]["revpos"] == 1


async def test_a_missing_stub_fails_all_and_leaves_nothing(node, db):
    first = await db.update_doc(document("d", **attachments(a=TEXT)))
    many = [document("new", **attachments(b=PIXELS)), document("d", on=first.rev, **attachments(zz=STUB))]
    with pytest.raises(MissingStub, match=r"^Invalid attachment stub in d for zz$"):
        await db.update_docs(many)
    with pytest.raises(MissingStub):
        await db.update_doc(document("d2", **attachments(zz=STUB)))
    assert db.info().doc_count == 1
    assert no_stagings(node)


async def test_a_stub_of_a_stale_revision_is_a_conflict(db):
    first = await db.update_doc(document("d", **attachments(a=TEXT)))
    second = await db.update_doc(document("d", on=first.rev, **attachments(a=STUB)))
    results = await db.update_docs(
        [document("d", on=first.rev, **attachments(zz=STUB)), document("d", **attachments(zz=STUB)), document("ok")]
    )
    assert [type(result.error) for result in results] == [Conflict, Conflict, type(None)]
    assert (await db.update_doc(document("d", on=second.rev, **attachments(a=STUB)))).rev.generation == 3


async def test_an_edit_that_fails_leaves_no_bytes(node, db):
    await db.update_doc(document("d"))
    results = await db.update_docs([document("d", **attachments(a=TEXT)), document("e", **attachments(a=PIXELS))])
    assert isinstance(results[0].error, Conflict)
    assert await content(db, "e", "a") == b"\x89PNG\r\n"
    assert no_stagings(node)
    await db.blobs.collector.collect()
    with node.env.snapshot() as snapshot:
        assert snapshot.transaction.stat(snapshot.tables.blobs)["entries"] == 1


async def test_a_disk_that_fails_leaves_no_bytes(node, db, monkeypatch):
    submit = node.writer.submit

    def fail(command):
        if isinstance(command, EditDocuments):
            raise StorageFull
        return submit(command)

    monkeypatch.setattr(node.writer, "submit", fail)
    with pytest.raises(StorageFull):
        await db.update_doc(document("d", **attachments(a=TEXT)))
    assert no_stagings(node)


@pytest.mark.parametrize("turns", range(5))
async def test_a_writer_that_is_cancelled_leaves_no_bytes(node, db, turns):
    task = asyncio.create_task(db.update_doc(document("d", **attachments(a=TEXT))))
    for _ in range(turns):
        await node.writer.submit(DropStagings(()))
    task.cancel()
    done = await asyncio.gather(task, return_exceptions=True)
    assert turns == 0 or isinstance(done[0], asyncio.CancelledError | EditResult)
    assert no_stagings(node)
    if not isinstance(done[0], EditResult):
        with contextlib.suppress(NotFound):
            assert await content(db, "d", "a") == b"hello"


async def test_several_edits_of_one_document_in_one_request(db):
    first = await db.update_doc(document("d", **attachments(a=TEXT)))
    results = await db.update_docs(
        [
            document("d", on=first.rev, **attachments(a=STUB, b=PIXELS)),
            document("d", on=first.rev, **attachments(a=STUB)),
        ]
    )
    assert [result.error is None for result in results] == [True, False]
    assert names(db, "d") == ["a", "b"]
    assert opened(db, "d")["_attachments"]["b"]["revpos"] == 2


async def test_edits_that_share_a_group_commit_see_each_others_attachments(db):
    first = await db.update_doc(document("d", **attachments(a=TEXT)))
    edit = document("d", on=first.rev, n=1, **attachments(a=STUB))
    two = await asyncio.gather(*(db.update_doc(edit) for _ in range(2)), return_exceptions=True)
    assert sorted(isinstance(one, Conflict) for one in two) == [False, True]
    assert await content(db, "d", "a") == b"hello"


async def test_two_names_for_the_same_bytes(db):
    await db.update_doc(document("d", **attachments(a=TEXT, b=TEXT)))
    await db.update_doc(document("e", **attachments(c=TEXT)))
    assert [await content(db, *place) for place in (("d", "a"), ("d", "b"), ("e", "c"))] == [b"hello"] * 3


async def test_a_tombstone_may_keep_attachments(db):
    first = await db.update_doc(document("d", **attachments(a=TEXT)))
    second = await db.update_doc(document("d", on=first.rev, deleted=True, **attachments(a=STUB)))
    assert names(db, "d", deleted=True) == ["a"]
    with pytest.raises(DocumentDeleted):
        db.open_attachment("d", "a")
    assert await content(db, "d", "a", second.rev) == b"hello"


async def test_a_delete_drops_them_and_the_document_may_be_made_again(db):
    first = await db.update_doc(document("d", **attachments(a=TEXT)))
    await db.delete_doc("d", first.rev)
    with pytest.raises(MissingStub):
        await db.update_doc(document("d", **attachments(a=STUB)))
    again = await db.update_doc(document("d", **attachments(b=PIXELS)))
    assert again.rev.generation == 3
    assert opened(db, "d")["_attachments"]["b"]["revpos"] == 3


async def test_local_documents_lose_them(node, db):
    await db.update_doc(document("_local/y", **attachments(a={"data": "aGk="})))
    assert opened(db, "_local/y") == {"_id": "_local/y", "_rev": "0-1"}
    assert no_stagings(node)


async def test_parts_that_never_came(node, db):
    follows = document("d", **attachments(b=TEXT, a={"follows": True, "length": 5}))
    with pytest.raises(BadRequest, match="`a` is said to follow"):
        await db.update_doc(follows)
    assert no_stagings(node)


async def test_bytes_that_waited_too_long(node, db):
    waiting = await linked(db, b"bytes")
    await db.blobs.drop([waiting.staging])
    await db.blobs.collector.collect()
    for new_edits in (True, False):
        plain = document("d", on=None if new_edits else rev("1-a"))
        with pytest.raises(BytesGone):
            await db.update_doc(
                Document("d", plain.rev, False, plain.body, plain.term, plain.path, (waiting,)), new_edits=new_edits
            )
    with pytest.raises(NotFound):
        db.open_doc("d")


async def test_a_database_that_is_gone(node, db):
    waiting = await linked(db, b"bytes")
    await node.registry.delete("db")
    for write in (
        db.update_doc(document("d", **attachments(a=TEXT))),
        db.put_attachment("d", None, waiting),
        db.put_attachment("d", rev("1-a"), waiting),
        db.delete_attachment("d", None, "a"),
    ):
        with pytest.raises(DatabaseNotFound):
            await write
    await db.blobs.drop([waiting.staging])
    assert no_stagings(node)


# --- replicated revisions


async def test_replicated_revisions_keep_their_revpos(db):
    await db.update_doc(with_path("d", "3-c", "2-b", **attachments(a=TEXT | {"revpos": 2}, b=PIXELS)), new_edits=False)
    found = opened(db, "d")["_attachments"]
    assert [found[name]["revpos"] for name in ("a", "b")] == [2, 0]


async def test_a_replicated_stub_takes_what_the_nearest_ancestor_has(db):
    await db.update_doc(with_path("d", "1-a", **attachments(a=TEXT)), new_edits=False)
    await db.update_doc(with_path("d", "2-b", "1-a"), new_edits=False)
    await db.update_doc(with_path("d", "3-c", "2-9", "1-a", **attachments(a=STUB)), new_edits=False)
    assert await content(db, "d", "a", rev("3-c")) == b"hello"
    with pytest.raises(MissingStub):
        await db.update_doc(with_path("d", "3-d", "2-b", "1-a", **attachments(a=STUB)), new_edits=False)
    await db.compact()
    with pytest.raises(MissingStub):
        await db.update_doc(with_path("d", "2-e", "1-f", **attachments(a=STUB)), new_edits=False)


async def test_a_replicated_stub_of_nothing(node, db):
    many = [with_path("ok", "1-a", **attachments(a=TEXT)), with_path("s", "1-a", **attachments(f=STUB))]
    with pytest.raises(MissingStub, match=r"^Invalid attachment stub in s for f$"):
        await db.update_docs(many, new_edits=False)
    assert db.info().doc_count == 0
    assert no_stagings(node)


async def test_a_revision_that_is_there_is_passed_over(node, db):
    one = with_path("d", "2-b", "1-a", **attachments(a=TEXT))
    for _ in range(2):
        await db.update_doc(one, new_edits=False)
    await db.update_doc(with_path("d", "2-b", "1-a", **attachments(a=STUB)), new_edits=False)
    assert no_stagings(node)
    assert names(db, "d") == ["a"]


async def test_conflicting_revisions_have_their_own(db):
    await db.update_docs(
        [with_path("d", "1-a", **attachments(a=TEXT)), with_path("d", "1-b", **attachments(a=PIXELS))], new_edits=False
    )
    assert await content(db, "d", "a") == b"\x89PNG\r\n"
    assert await content(db, "d", "a", rev("1-a")) == b"hello"
    edited = await db.update_doc(document("d", on=rev("1-a"), **attachments(a=STUB)))
    assert await content(db, "d", "a", edited.rev) == b"hello"


# --- standalone requests and COPY


async def test_standalone_as_recorded(node, db):
    first = await db.put_attachment("d", None, await linked(db, b"hello", "a.txt", "text/plain"))
    assert str(first.rev) == "1-2c13af7bc89e7804203dd6bc778549ac"
    with pytest.raises(Conflict, match=r"^Document update conflict\.$"):
        await db.put_attachment("d", None, await linked(db, b"again", "a.txt", "text/plain"))
    second = await db.put_attachment("d", first.rev, await linked(db, b"again", "a.txt", "text/plain"))
    assert str(second.rev) == "2-5f1af86810ab1cf1d31e53ea5afe93e9"
    octets = "application/octet-stream"
    third = await db.put_attachment(
        "d",
        second.rev,
        await linked(
            db, bytes([0, 1, 2, 4, 0xD3 ^ 0xD3, 255, 254])[:0] + base64.b64decode("AAECAwT//g=="), "b.bin", octets
        ),
    )
    assert str(third.rev) == "3-27db385f8fe0e52be69ccf6578085487"
    assert names(db, "d") == ["b.bin", "a.txt"]
    with pytest.raises(Conflict):
        await db.delete_attachment("d", None, "a.txt")
    with pytest.raises(Conflict):
        await db.delete_attachment("d", second.rev, "a.txt")
    fourth = await db.delete_attachment("d", third.rev, "a.txt")
    assert str(fourth.rev) == "4-e561d6ccec6ce30643f7c65d8aef9a4c"
    assert opened(db, "d")["_attachments"]["b.bin"]["revpos"] == 3
    assert await content(db, "d", "a.txt", third.rev) == b"again"


async def test_the_leases_of_edits_that_failed_are_the_callers(node, db):
    await db.update_doc(document("d"))

    async def upload():
        async with db.blobs.stage("image/png") as staging:
            await staging.write(b"bytes")
            staged = await staging.seal()
            await db.put_attachment("d", None, staged.linked("a", "image/png"))

    with pytest.raises(Conflict):
        await upload()
    assert no_stagings(node)


@pytest.mark.parametrize("doc_id", ["d", "none"])
async def test_a_revision_that_is_not_there(node, db, doc_id):
    await db.update_doc(document("d", **attachments(a=TEXT)))
    waiting = await linked(db, b"x")
    for request in (db.put_attachment(doc_id, rev("1-0"), waiting), db.delete_attachment(doc_id, rev("1-0"), "a")):
        with pytest.raises(Conflict) as caught:
            await request
        assert (caught.value.error, caught.value.reason) == ("not_found", "missing_rev")
    await db.blobs.drop([waiting.staging])


async def test_deleting_what_is_not_there(db):
    first = await db.update_doc(document("d", **attachments(a=TEXT)))
    for revision in (None, first.rev):
        with pytest.raises(NotFound, match=r"^Document is missing attachment$"):
            await db.delete_attachment("d", revision, "none")
    with pytest.raises(NotFound, match=r"^missing$"):
        await db.delete_attachment("none", None, "a")
    await db.delete_doc("d", first.rev)
    with pytest.raises(DocumentDeleted):
        await db.delete_attachment("d", None, "a")


async def test_what_cannot_be_opened(db):
    first = await db.update_doc(document("d", **attachments(a=TEXT)))
    for place, told in (
        (("none", "a"), "missing"),
        (("d", "none"), "Document is missing attachment"),
        (("d", "a", rev("1-0")), "missing"),
    ):
        with pytest.raises(NotFound, match=f"^{told}$"):
            db.open_attachment(*place)
    await db.delete_doc("d", first.rev)
    with pytest.raises(DocumentDeleted):
        db.open_attachment("d", "a")


async def test_standalone_keeps_the_body(db):
    first = await db.update_doc(document("d", n=[1, 2.5, {"x": None}]))
    await db.put_attachment("d", first.rev, await linked(db, b"x"))
    assert opened(db, "d")["n"] == [1, 2.5, {"x": None}]


async def test_a_copy_keeps_its_links(node, db):
    source = await db.update_doc(document("src", v=1, **attachments(a_txt=TEXT)))
    copied = await db.copy_doc("src", None, "dst", None)
    assert str(copied.rev) == "1-3fca8bb5774430d053d378fa4ec83daa"
    assert await content(db, "dst", "a.txt") == b"hello"
    await db.update_doc(document("src", on=source.rev, v=2, **attachments(a_txt=STUB, b=PIXELS)))
    with pytest.raises(Conflict):
        await db.copy_doc("src", None, "dst", None)
    again = await db.copy_doc("src", None, "dst", copied.rev)
    assert again.rev.generation == 2
    found = opened(db, "dst")["_attachments"]
    assert [found[name]["revpos"] for name in ("a.txt", "b")] == [1, 2]
    old = await db.copy_doc("src", source.rev, "old", None)
    assert (opened(db, "old")["v"], old.rev) == (1, copied.rev)
    with node.env.snapshot() as snapshot:
        assert snapshot.transaction.stat(snapshot.tables.blobs)["entries"] == 2


async def test_copies_of_and_to_local_documents(db):
    await db.update_doc(document("src", v=1, **attachments(a=TEXT)))
    await db.copy_doc("src", None, "_local/x", None)
    assert opened(db, "_local/x") == {"_id": "_local/x", "_rev": "0-1", "v": 1}
    await db.copy_doc("_local/x", None, "back", None)
    assert opened(db, "back")["v"] == 1
    for doc_id, revision in (("none", None), ("_local/none", None), ("src", rev("1-0")), ("_local/x", rev("0-1"))):
        with pytest.raises(NotFound):
            await db.copy_doc(doc_id, revision, "dst", None)


async def test_a_copy_of_a_deleted_document(db):
    first = await db.update_doc(document("src"))
    deleted = await db.delete_doc("src", first.rev)
    with pytest.raises(DocumentDeleted):
        await db.copy_doc("src", None, "dst", None)
    await db.copy_doc("src", deleted.rev, "dst", None)
    assert db.open_doc("dst", OpenOptions(deleted=True)).deleted


# --- reading documents


async def test_data_and_encoding_info(db):
    await db.update_doc(document("d", **attachments(a=TEXT, b=PIXELS)))
    found = opened(db, "d", attachments=True)["_attachments"]
    assert [found[name]["data"] for name in ("a", "b")] == [TEXT["data"], PIXELS["data"]]
    assert list(found["a"]) == ["content_type", "revpos", "digest", "data"]
    found = opened(db, "d", att_encoding_info=True)["_attachments"]
    assert (found["a"]["encoding"], found["a"]["encoded_length"], found["a"]["stub"]) == ("gzip", 25, True)
    assert "encoding" not in found["b"]


async def test_data_since_a_revision(db):
    first = await db.update_doc(document("d", **attachments(a=TEXT)))
    second = await db.update_doc(document("d", on=first.rev, **attachments(a=STUB, b=PIXELS)))

    def with_data(*since, **options):
        found = opened(db, "d", atts_since=since, **options)["_attachments"]
        return [name for name in found if "data" in found[name]]

    assert with_data() == ["a", "b"]
    assert with_data(first.rev) == ["b"]
    assert with_data(first.rev, second.rev) == []
    assert with_data(rev("1-0")) == ["a", "b"]
    assert with_data(first.rev, rev=second.rev) == ["b"]
    assert with_data(second.rev, attachments=True) == []


async def test_attachments_as_parts(db):
    first = await db.update_doc(document("d", **attachments(a=TEXT, b=PIXELS)))
    found = db.open_doc("d", OpenOptions(attachments=True, follows=True, att_encoding_info=True))
    members = json.loads(found.json)["_attachments"]
    assert [members[name]["follows"] for name in ("a", "b")] == [True, True]
    assert members["a"]["encoded_length"] == 25
    assert [part.meta.name for part in found.follows] == ["a", "b"]
    assert found.attached
    assert b"".join([piece async for piece in found.follows[0].stored()])[:2] == b"\x1f\x8b"
    since = db.open_doc("d", OpenOptions(atts_since=(first.rev,), follows=True))
    assert (since.follows, since.attached) == ((), True)
    await db.update_doc(document("e"))
    assert not db.open_doc("e", OpenOptions(attachments=True, follows=True)).attached


async def test_several_revisions_with_attachments(db):
    await db.update_docs(
        [
            with_path("d", "1-a", **attachments(a=TEXT | {"revpos": 1})),
            with_path("d", "1-b", **attachments(b=PIXELS)),
        ],
        new_edits=False,
    )
    options = OpenOptions(attachments=True, revs=True)
    found = [json.loads(one.json) for one in db.open_revs("d", "all", options)]
    assert [list(one["_attachments"]) for one in found] == [["a"], ["b"]]
    assert found[0]["_attachments"]["a"]["data"] == TEXT["data"]
    assert list(found[0])[-2:] == ["_revisions", "_attachments"]
    requests = [("d", [rev("1-a")]), ("d", [rev("1-a")], None), ("d", [rev("1-a")], (rev("1-a"),))]
    shown = []
    async for [one] in db.bulk_get(requests, OpenOptions()):
        shown.append(json.loads(one.json)["_attachments"]["a"])
    assert ["data" in one for one in shown] == [False, False, False]
    async for [one] in db.bulk_get([("d", [rev("1-a")], (rev("1-0"),))]):
        assert "data" in json.loads(one.json)["_attachments"]["a"]


@pytest.mark.parametrize("sizes", [[10, 200_000, 10], [200_000, 200_000], [40_000, 40_000], [65_536], [65_537], [0]])
@pytest.mark.parametrize("content_type", ["image/png", "text/plain"])
async def test_large_data_are_streamed(db, sizes, content_type):
    datas = [os.urandom(size) for size in sizes]
    names = [f"a{place}" for place in range(len(sizes))]
    inline = tuple(Inline(name, content_type, data) for name, data in zip(names, datas, strict=True))
    plain = document("d", n=1)
    await db.update_doc(Document("d", None, False, plain.body, plain.term, (), inline))
    found = db.open_doc("d", OpenOptions(attachments=True, att_encoding_info=True))
    text = json.loads(b"".join([piece async for piece in found.stream()]))
    assert [base64.b64decode(text["_attachments"][name]["data"]) for name in names] == datas
    assert bool(found.rest) == (sum(sizes) > 65_536 or (content_type == "text/plain" and sizes == [65_536]))
    assert text["n"] == 1


async def test_listings_show_attachments(db):
    written = await db.update_doc(document("d", **attachments(a=TEXT)))
    for options, member in (({}, "stub"), ({"attachments": True}, "data"), ({"att_encoding_info": True}, "encoding")):
        [row] = (await all_docs(db, include_docs=True, **options))[2]
        assert member in row["doc"]["_attachments"]["a"]
        [row] = await changes(db, include_docs=True, **options)
        assert member in row["doc"]["_attachments"]["a"]
        assert row["doc"]["_rev"] == str(written.rev)


async def test_filters_see_stubs(db):
    await db.update_doc(document("d", **attachments(a=TEXT)))
    await db.update_doc(document("e"))
    rows = await changes(db, filter=lambda doc, _: "_attachments" in doc)
    assert [row["id"] for row in rows] == ["d"]


async def test_links_of_one_database_serve_another(node, db):
    other = await node.registry.create("other")
    await db.update_doc(document("d", **attachments(a=TEXT)))
    with node.env.snapshot():
        meta = db.open_attachment("d", "a").meta
    plain = replicated("d", "1-a")
    copy = Document("d", plain.rev, False, plain.body, plain.term, plain.path, (Linked(meta),))
    await other.update_doc(copy, new_edits=False)
    await node.registry.delete("db")
    await node.registry.finish_sweeps()
    assert await content(other, "d", "a") == b"hello"


def test_a_part_that_follows_is_no_edit():
    assert Follows("a", "image/png", 5).expected_length == 5
