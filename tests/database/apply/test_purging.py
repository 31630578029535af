"""Purging."""

import pytest

from docstore.database.commands import Purge, PurgeRequest
from docstore.errors import BadRequest, DatabaseNotFound, NotFound
from docstore.storage.documents import purges
from tests.database.helpers import document, ids_changed, pass_end, replicated, rev


async def test_the_only_leaf(db):
    first = (await db.update_doc(document("a", n=1))).rev
    second = (await db.update_doc(document("a", first, n=2))).rev
    assert await db.purge({"a": [first]}) == {"a": []}
    assert db.open_doc("a").rev == second
    assert await db.purge({"a": [second], "none": [rev("1-a")]}) == {"a": [second], "none": []}
    with pytest.raises(NotFound, match=r"^missing$"):
        db.open_doc("a")
    assert await ids_changed(db) == []
    assert db.info().doc_count == 0


async def test_the_document_may_be_made_again(db):
    first = (await db.update_doc(document("a", n=1))).rev
    await db.purge({"a": [first]})
    assert (await db.update_doc(document("a", n=1))).rev == first
    assert await ids_changed(db) == ["a"]


async def test_one_of_several_leaves_moves_the_document(db):
    await db.update_docs(
        [replicated("t", "2-b", "1-a"), replicated("t", "2-f", "1-a"), replicated("u", "1-a")], new_edits=False
    )
    before = db.update_seq()
    assert await db.purge({"t": [rev("2-f"), rev("1-a"), rev("2-f")]}) == {"t": [rev("2-f")]}
    assert db.open_doc("t").rev == rev("2-b")
    assert await ids_changed(db) == ["u", "t"]
    assert await pass_end(db, since=before) == (before + 1, 0)


async def test_nothing_purged_moves_nothing(db):
    await db.update_doc(document("a"))
    before = db.update_seq()
    assert await db.purge({}) == {}
    assert await db.purge({"a": []}) == {"a": []}
    assert await db.purge({"a": [rev("1-f")]}) == {"a": []}
    assert db.update_seq() == before


async def test_every_request_is_logged(db):
    first = (await db.update_doc(document("a"))).rev
    await db.purge({"a": [first, rev("2-b")], "none": [rev("1-a")]})
    await db.purge({"a": []})
    assert db.purged_infos() == [("a", [first, rev("2-b")]), ("none", [rev("1-a")]), ("a", [])]
    assert db.info().purge_seq.startswith("3-")


async def test_the_log_keeps_the_newest(db):
    assert db.purged_infos_limit() == 1000
    for letter in "abcd":
        await db.purge({letter: []})
    await db.set_purged_infos_limit(2)
    assert db.purged_infos_limit() == 2
    assert [doc_id for doc_id, _ in db.purged_infos()] == ["c", "d"]
    await db.purge({"e": [], "f": [], "g": []})
    assert [doc_id for doc_id, _ in db.purged_infos()] == ["f", "g"]


async def test_a_long_log_is_cut_in_steps(db, monkeypatch):
    monkeypatch.setattr(purges, "STEP_PURGES", 3)
    for number in range(10):
        await db.purge({str(number): []})
    groups = db._writer.groups
    await db.set_purged_infos_limit(2)
    assert [doc_id for doc_id, _ in db.purged_infos()] == ["8", "9"]
    assert db._writer.groups - groups == 3


@pytest.mark.parametrize("value", [0, -1, "50", None, 1.0, True, 1 << 70])
async def test_limits_are_positive_integers(db, value):
    with pytest.raises(BadRequest, match=r"^`purged_infos_limit` must be positive integer$"):
        await db.set_purged_infos_limit(value)
    with pytest.raises(BadRequest, match=r"^`revs_limit` must be positive integer$"):
        await db.set_revs_limit(value)


async def test_a_request_that_comes_again_removes_nothing(node, db):
    first = (await db.update_doc(document("a", n=1))).rev
    again = Purge(db.number, (PurgeRequest("the same uuid", "a", (first,)),))
    assert await node.writer.submit(again) == [[first]]
    await db.update_doc(document("a", n=1))
    assert await node.writer.submit(again) == [[]]
    assert db.open_doc("a").rev == first
    assert len(db.purged_infos()) == 1


async def test_one_document_in_two_requests(node, db):
    await db.update_docs([replicated("t", "2-b", "1-a"), replicated("t", "2-f", "1-a")], new_edits=False)
    requests = tuple(PurgeRequest(uuid, "t", (rev(uuid), rev("2-b"))) for uuid in ("2-f", "2-e"))
    assert await node.writer.submit(Purge(db.number, requests)) == [[rev("2-f"), rev("2-b")], []]


async def test_deleted_database(node, db):
    await node.registry.delete("db")
    with pytest.raises(DatabaseNotFound):
        await db.purge({"a": [rev("1-a")]})
