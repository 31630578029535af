"""Writing through a database's handle, and what it tells about itself."""

import asyncio

import pytest

from docstore.core.json_text import decode
from docstore.core.rev import parse_rev
from docstore.errors import BadRequest, Conflict, DatabaseNotFound, DocumentDeleted, NotFound
from tests.database.helpers import document, ids_changed, replicated, rev


async def test_info_of_a_new_database(node):
    db = await node.registry.create("db", shards=1)
    members = db.info().members()
    assert list(members) == [
        "instance_start_time",
        "db_name",
        "purge_seq",
        "update_seq",
        "sizes",
        "props",
        "doc_del_count",
        "doc_count",
        "disk_format_version",
        "compact_running",
        "cluster",
    ]
    assert members["db_name"] == "db"
    assert members["update_seq"] == members["purge_seq"] == f"0-{db.opaque}"
    assert (members["props"], members["disk_format_version"], members["compact_running"]) == ({}, 8, False)
    assert members["cluster"] == {"q": 1, "n": 1, "w": 1, "r": 1}
    assert int(members["instance_start_time"]) > 1_600_000_000_000_000
    assert set(members["sizes"]) == {"file", "external", "active"}


async def test_info_counts(db):
    await db.update_docs([document("a"), document("b"), document("_design/d"), document("_local/l")])
    await db.delete_doc("a", db.head("a").winner)
    info = db.info()
    assert (info.doc_count, info.doc_del_count, info.shards) == (2, 1, 2)
    assert info.update_seq == f"4-{db.opaque}"


async def test_update_doc_raises_and_update_docs_tells(db):
    first = await db.update_doc(document("a", n=1))
    with pytest.raises(Conflict):
        await db.update_doc(document("a", n=2))
    results = await db.update_docs([document("a", n=2), document("b"), document("a", first.rev, n=3)])
    assert [result.id for result in results] == ["a", "b", "a"]
    assert [type(result.error) for result in results] == [Conflict, type(None), type(None)]
    assert results[2].rev.generation == 2


async def test_rows_of_one_request_are_in_the_order_of_ids(db):
    await db.update_docs([document(doc_id) for doc_id in ["b", "é", "_design/d", "a", "z"]])
    assert await ids_changed(db) == ["_design/d", "a", "b", "z", "é"]


async def test_nothing_to_write(db):
    assert await db.update_docs([]) == []
    assert db.update_seq() == 0


async def test_single_delete_looks_at_the_document_first(db):
    with pytest.raises(NotFound, match=r"^missing$"):
        await db.delete_doc("a", None)
    first = (await db.update_doc(document("a"))).rev
    for wrong in (None, rev("1-f")):
        with pytest.raises(Conflict):
            await db.delete_doc("a", wrong)
    second = (await db.delete_doc("a", first)).rev
    for any_rev in (None, first, second):
        with pytest.raises(DocumentDeleted):
            await db.delete_doc("a", any_rev)
    back = await db.update_doc(document("a"))
    assert back.rev.generation == 3


async def test_a_deletion_has_couchdbs_revision(db):
    first = (await db.update_doc(document("a", name="Sue"))).rev
    assert str(first) == "1-877206fdfc192b2a566b6eac4eaa4205"
    assert str((await db.delete_doc("a", first)).rev) == "2-c37a2f6b689f6d22881347c9515267a0"


async def test_replicated_documents_need_a_revision(db):
    message = r"^When `new_edits: false`, the document needs `_rev` or `_revisions` specified$"
    with pytest.raises(BadRequest, match=message):
        await db.update_docs([replicated("a", "1-a"), document("b")], new_edits=False)
    with pytest.raises(BadRequest, match=message):
        await db.update_doc(document("b"), new_edits=False)
    assert db.update_seq() == 0


async def test_replicated_document(db):
    result = await db.update_doc(replicated("a", "2-b", "1-a", n=1), new_edits=False)
    assert result.rev == rev("2-b")
    again = await db.update_doc(replicated("a", "2-b", n=2), new_edits=False)
    assert again.rev == rev("2-b")
    assert decode(db.open_doc("a").json)["n"] == 1
    assert db.update_seq() == 1


async def test_one_of_many_writers_of_a_document_wins(db):
    results = await asyncio.gather(*(db.update_doc(document("a", n=n)) for n in range(50)), return_exceptions=True)
    won = [result for result in results if not isinstance(result, Exception)]
    assert len(won) == 1
    assert all(isinstance(result, Conflict) for result in results if result is not won[0])
    assert db.open_doc("a").rev == won[0].rev


async def test_many_writers_of_many_documents(db):
    results = await asyncio.gather(*(db.update_doc(document(f"d{n}", n=n)) for n in range(500)))
    assert all(decode(db.open_doc(result.id).json)["_rev"] == str(result.rev) for result in results)
    assert db.info().doc_count == 500


async def test_sequences(db):
    await db.update_docs([document("a"), document("b")])
    assert db.update_seq() == 2
    assert db.update_seq_text(2) == f"2-{db.opaque}" == db.info().update_seq
    assert [db.parse_since(value) for value in ("now", 0, "0", f"1-{db.opaque}", f"9-{db.opaque}")] == [2, 0, 0, 1, 0]
    with pytest.raises(BadRequest):
        db.parse_since("foo")


async def test_head(db):
    assert db.head("a") is None
    first = (await db.update_doc(document("a"))).rev
    assert (db.head("a").winner, db.head("a").deleted, db.head("a").linear) == (first, False, True)


async def test_revisions_of_old_documents_are_long(db):
    last = None
    for n in range(300):
        last = (await db.update_doc(document("a", last, n=n))).rev
    assert last.generation == 300
    assert db.revs_diff({"a": [last, parse_rev("299-x")]})["a"].missing == [parse_rev("299-x")]


async def test_deleted_database(node, db):
    await node.registry.delete("db")
    for write in (
        db.update_doc(document("a")),
        db.update_docs([document("a"), document("b")]),
        db.delete_doc("a", None),
    ):
        with pytest.raises(DatabaseNotFound):
            await write
    for read in (db.update_seq, db.revs_limit, db.purged_infos_limit, lambda: db.parse_since("now")):
        with pytest.raises(DatabaseNotFound):
            read()
