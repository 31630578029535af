"""`_local` documents."""

import pytest

from docstore.core.json_text import decode
from docstore.database.reading.documents import OpenOptions
from docstore.errors import BadRequest, DatabaseNotFound, DocstoreError, NotFound
from tests.database.helpers import document, rev


async def put(db, on=None, *, doc_id="_local/x", **members):
    return str((await db.update_doc(document(doc_id, on, **members))).rev)


async def test_revisions_count_from_the_one_named(db):
    assert await put(db, a=1) == "0-1"
    assert await put(db, a=2) == "0-1"
    assert await put(db, "0-1", a=3) == "0-2"
    assert await put(db, "0-1", a=4) == "0-2"
    assert await put(db, "0-41", a=5) == "0-42"
    opened = db.open_doc("_local/x")
    assert opened.json == b'{"_id":"_local/x","_rev":"0-42","a":5}'
    assert str(opened.rev) == "0-42"


@pytest.mark.parametrize("on", ["5-abc", "0-abc", "0-", "0--1", "1-1", "0-" + "0" * 31 + "1", "0-999999999999999"])
async def test_a_revision_that_is_no_number(db, on):
    with pytest.raises(DocstoreError, match=r"^Invalid rev format$") as caught:
        await put(db, on)
    assert (type(caught.value), caught.value.error) == (DocstoreError, "error")


async def test_delete(db):
    await put(db, a=1)
    assert str((await db.delete_doc("_local/x", None)).rev) == "0-0"
    for on in (None, rev("0-9")):
        with pytest.raises(NotFound, match=r"^missing$"):
            await db.delete_doc("_local/x", on)
    with pytest.raises(NotFound):
        db.open_doc("_local/x")


async def test_delete_takes_any_revision(db):
    await put(db)
    assert str((await db.delete_doc("_local/x", rev("0-7"))).rev) == "0-0"


async def test_deleted_member_deletes(db):
    await put(db, a=1)
    assert await put(db, deleted=True) == "0-0"
    assert await put(db, deleted=True) == "0-0"
    with pytest.raises(NotFound):
        db.open_doc("_local/x")


async def test_no_revision_can_be_asked_for(db):
    await put(db, a=1)
    with pytest.raises(NotFound):
        db.open_doc("_local/x", OpenOptions(rev=rev("0-1")))
    plain = db.open_doc("_local/x", OpenOptions(revs_info=True, conflicts=True))
    assert plain.json == db.open_doc("_local/x").json
    told = decode(db.open_doc("_local/x", OpenOptions(revs=True)).json)
    assert told == decode(plain.json) | {"_revisions": {"start": 0, "ids": ["1"]}}


async def test_they_are_no_part_of_the_database(db):
    before = db.info()
    await put(db, a=1)
    after = db.info()
    assert (after.doc_count, after.update_seq) == (before.doc_count, before.update_seq)
    assert after.size_file > before.size_file


async def test_in_bulk_they_stand_where_they_stood(db):
    documents = [
        document("a"),
        document("_local/x", n=1),
        document("b"),
        document("_local/y", "bad-rev"[:0] or None),
    ]
    results = await db.update_docs([*documents, document("_local/z", "1-x")])
    assert [result.id for result in results] == ["a", "_local/x", "b", "_local/y", "_local/z"]
    assert [str(result.rev) for result in results][1::2] == ["0-1", "0-1"]
    assert results[4].error.reason == "Invalid rev format"
    assert decode(db.open_doc("_local/x").json)["n"] == 1
    assert db.info().doc_count == 2


async def test_replicators_are_told_what_they_sent(db):
    """What they are told is the revision that they sent, and the document is kept whatever that is."""
    sent = {"_local/x": "0-1", "_local/y": "1-a", "_local/z": "0-abc"}
    results = await db.update_docs([document(doc_id, each, n=1) for doc_id, each in sent.items()], new_edits=False)
    assert {result.id: str(result.rev) for result in results} == sent
    stored = {doc_id: decode(db.open_doc(doc_id).json) for doc_id in sent}
    assert [(one["_rev"], one["n"]) for one in stored.values()] == [("0-2", 1), ("0-1", 1), ("0-1", 1)]
    single = await db.update_doc(document("_local/x", "7-b", deleted=True), new_edits=False)
    assert str(single.rev) == "7-b"
    with pytest.raises(NotFound):
        db.open_doc("_local/x")


@pytest.mark.parametrize("lacking", ["_local/x", "a"])
async def test_replicators_must_name_a_revision(db, lacking):
    documents = [document("_local/y", "0-1"), document("b", "1-a"), document(lacking)]
    with pytest.raises(BadRequest, match="needs `_rev`"):
        await db.update_docs(documents, new_edits=False)
    for doc_id in ("_local/y", "b", lacking):
        with pytest.raises(NotFound):
            db.open_doc(doc_id)


async def test_long_ids(db):
    names = [f"_local/{'l' * 600}{end}" for end in "bac"]
    for name in names:
        await put(db, doc_id=name, name=name)
    assert [decode(db.open_doc(name).json)["name"] for name in names] == names
    await db.delete_doc(names[0], None)
    with pytest.raises(NotFound):
        db.open_doc(names[0])


async def test_deleted_database(node, db):
    await node.registry.delete("db")
    with pytest.raises(DatabaseNotFound):
        await put(db)
    with pytest.raises(DatabaseNotFound):
        await db.delete_doc("_local/x", None)
