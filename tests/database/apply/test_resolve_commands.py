"""ResolveDocuments inside the write transaction."""

from docstore.core.edit import Edit
from docstore.core.resolution import Resolution, Resolved
from docstore.core.revision_hash import EMPTY_BODY_TERM, new_revision
from docstore.database.apply.updater import apply
from docstore.database.commands import CompactDatabase, EditDocuments, ResolveDocuments
from docstore.errors import BytesGone, Conflict, NotFound, ResolveStaleLeaves
from tests.core.trees import edit_of
from tests.database.conflicting import conflict, leaf, opened
from tests.database.helpers import document, ids_changed, rev
from tests.storage.stores import Store

F, E = rev("2-f"), rev("2-e")


def result(doc_id="a", **members):
    return edit_of(members, F, doc_id=doc_id)


async def carry_out(db, *resolutions):
    return await db._writer.submit(ResolveDocuments(db.number, resolutions))


async def test_each_for_itself_in_order(db):
    for doc_id in "ab":
        await conflict(db, doc_id, {}, {"n": 1}, {"n": 2})
    answers = await carry_out(
        db,
        Resolution("b", (F, E), keep=E),
        Resolution("a", (F,), keep=F),
        Resolution("none", (F,), keep=F),
        Resolution("a", (F, E), result=result(n=3)),
        Resolution("a", (F, E), keep=F),
    )
    assert [type(answer) for answer in answers] == [
        Resolved,
        ResolveStaleLeaves,
        NotFound,
        Resolved,
        ResolveStaleLeaves,
    ]
    assert await ids_changed(db) == ["b", "a"]
    assert opened(db, "a") == {"_id": "a", "_rev": str(answers[3].rev), "n": 3}


async def test_nothing_at_all(db):
    before = db.update_seq()
    assert await carry_out(db) == []
    assert db.update_seq() == before


async def test_seqs_are_taken_one_for_each_new_revision(db):
    await conflict(db, "a", {}, {"n": 1}, {"n": 2}, {"n": 3})
    before = db.update_seq()
    await carry_out(db, Resolution("a", (F, E, rev("2-d")), result=result(n=3)))
    assert db.update_seq() == before + 3
    await db.update_doc(document("b"))
    assert db.update_seq() == before + 4


async def test_revisions_that_are_known_write_nothing_twice(db):
    """The tombstone came before, by replication and without its parent."""
    await conflict(db, "a", {}, {"n": 1}, {"n": 2})
    known = new_revision(True, E, EMPTY_BODY_TERM)
    await db.update_docs([leaf("a", [known], deleted=True)], new_edits=False)
    [answer] = await carry_out(db, Resolution("a", (F, E), keep=F))
    assert answer == Resolved(F, (known,))
    assert opened(db, "a", deleted_conflicts=True)["_deleted_conflicts"] == [str(known)]


async def test_a_history_is_stemmed(db):
    await conflict(db, "a", {}, {"n": 1}, {"n": 2})
    await db.set_revs_limit(1)
    [answer] = await carry_out(db, Resolution("a", (F, E), result=result(n=3)))
    assert opened(db, "a", revs=True)["_revisions"] == {"start": 3, "ids": [answer.rev.id_text]}


async def test_an_edit_of_another_revision_than_the_winner_is_refused(db):
    await conflict(db, "a", {}, {"n": 1}, {"n": 2})
    [answer] = await carry_out(db, Resolution("a", (F, E), result=result()._replace(parent=E)))
    assert isinstance(answer, Conflict)


async def test_bytes_that_are_gone(db):
    staged = await db.blobs.stage_inline(leaf("x", ["1-a"], _attachments={"t": {"data": ""}}).attachments)
    linked = staged[0].linked("t", "image/png")
    await db.blobs.drop([linked.staging])
    await db.blobs.collector.collect()
    await conflict(db, "a", {}, {"n": 1}, {"n": 2})
    edit: Edit = result()._replace(attachments=(linked,))
    [answer] = await carry_out(db, Resolution("a", (F, E), result=edit))
    assert isinstance(answer, BytesGone)
    assert len(opened(db, "a")["_conflicts"]) == 1


def test_stores_that_kept_other_bodies_come_to_equal_tables(tmp_path):
    """One of two stores compacts between the same commands."""
    paths = ("1-9",), ("2-9", "1-9"), ("3-f", "2-9", "1-9"), ("2-e", "1-9")
    seen = (rev("3-f"), rev("2-e"))
    kept = []
    for compacts in (False, True):
        folder = tmp_path / str(compacts)
        folder.mkdir()
        store = Store(folder)
        db = store.create()
        edits = [edit_of({"n": 1}, doc_id="a")._replace(path=tuple(map(rev, path))) for path in paths]
        group = [EditDocuments(db, (edit,), False) for edit in edits]
        group += [CompactDatabase(db, 0)] * compacts
        result = edit_of({"n": 9}, seen[0], doc_id="a")
        with store.write() as txn:
            *_, answers = apply(txn, [*group, ResolveDocuments(db, (Resolution("a", seen, result=result),))])
        tables = {}
        with store.read() as txn:
            for name in ("docs", "runs", "changes", "conflicts", "doc_counts", "seq_counts", "bodies"):
                with txn.cursor(getattr(txn.tables, name)) as cursor:
                    tables[name] = list(cursor)
        assert store.findings() == []
        store.environment.close()
        kept.append((answers, tables, tables.pop("bodies")))
    whole, compacted = kept
    assert whole[:2] == compacted[:2]
    assert len(whole[2]) == len(compacted[2]) + 1
