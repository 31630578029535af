"""Whether an edit is in the tree already: the ways of an edit one by one. The laws are in tests/properties."""

import pytest

from docstore.core.conditions import CREATE_ONLY, Condition, rev_etag
from docstore.core.document import EMPTY_BODY, Document
from docstore.core.revision_hash import EMPTY_BODY_TERM
from docstore.database.conflicts import already_applied as module
from docstore.database.conflicts.already_applied import Applied, Verdict, is_heavy
from docstore.database.conflicts.attempts import Attempt, Operation
from docstore.database.conflicts.report import already_applied
from docstore.errors import DocstoreError
from tests.database.helpers import document, replicated, rev

NO, UNKNOWN = Verdict(Applied.NO), Verdict(Applied.UNKNOWN)
INLINE = {"x": {"data": "AAEC", "content_type": "image/png"}, "y": {"data": "aGFsbG8=", "content_type": "text/plain"}}
STUBS = {"x": {"stub": True}, "y": {"stub": True}}


def yes(rev) -> Verdict:
    return Verdict(Applied.YES, rev)


async def ask(db, edit: Document, operation: Operation = Operation.WRITE) -> Verdict:
    return await already_applied(db.environment, Attempt(db.number, edit.id, edit.rev, operation, edit))


async def ask_of(db, write) -> Verdict:
    """The verdict on an edit that is refused."""
    with pytest.raises(DocstoreError) as caught:
        await write
    return await already_applied(db.environment, caught.value.attempt)


async def write(db, *args, **members):
    return (await db.update_doc(document(*args, **members))).rev


# --- without attachments


async def test_an_edit_of_a_revision(db):
    first = await write(db, "a", n=1)
    second = await write(db, "a", first, n=2)
    await write(db, "a", second, n=3)
    assert await ask(db, document("a", first, n=2)) == yes(second)
    assert await ask(db, document("a", first, n=9)) == NO
    assert await ask(db, document("a", second, n=2)) == NO
    assert await ask(db, document("a", first, n=2.0)) == NO
    assert await ask(db, document("a", rev("1-f"), n=2)) == NO


async def test_an_edit_without_a_revision(db):
    first = await write(db, "a", n=1)
    await write(db, "a", first, n=2)
    assert await ask(db, document("a", n=1)) == yes(first)
    assert await ask(db, document("a", n=2)) == NO
    assert await ask(db, document("a", n=1, deleted=True)) == NO


async def test_a_document_that_was_created_again(db):
    first = await write(db, "a", n=1)
    deleted = (await db.delete_doc("a", first)).rev
    third = await write(db, "a", n=1)
    fourth = await write(db, "a", third, n=4)
    assert third.generation == 3
    assert await ask(db, document("a", n=1)) == yes(first)
    assert await ask(db, document("a", n=4)) == NO
    again = (await db.delete_doc("a", fourth)).rev
    sixth = await write(db, "a", n=6)
    assert await ask(db, document("a", n=6)) == yes(sixth)
    # A deletion without a revision was never made of a deletion.
    gone = (await db.delete_doc("a", sixth)).rev
    assert await ask(db, document("a", deleted=True)) == NO
    assert {deleted.generation, again.generation, gone.generation} == {2, 5, 7}


async def test_created_again_on_a_branch_that_lost_since(db):
    first = await write(db, "a", n=1)
    await db.delete_doc("a", first)
    third = await write(db, "a", n=3)
    await db.update_docs(
        [replicated("a", "9-b", "8-b", "7-b", "6-b", "5-b", "4-b", "3-b", "2-b", first)], new_edits=False
    )
    assert db.open_doc("a").rev == rev("9-b")
    assert await ask(db, document("a", n=3)) == yes(third)


async def test_created_again_from_a_deletion_that_is_known_by_name_only(db, node):
    first = await write(db, "a", n=1)
    deleted = (await db.delete_doc("a", first)).rev
    third = await write(db, "a", n=3)
    other = await node.registry.create("other")
    await other.update_docs([document("a", n=3)._replace(path=(third, deleted, first))], new_edits=False)
    assert await ask(other, document("a", n=3)) == yes(third)
    assert await ask(other, document("a", n=4)) == NO


async def test_a_delete(db):
    first = await write(db, "a", n=1)
    deletion = Document("a", first, True, EMPTY_BODY, EMPTY_BODY_TERM)
    assert await ask(db, deletion) == NO
    deleted = (await db.delete_doc("a", first)).rev
    assert await ask_of(db, db.delete_doc("a", first)) == yes(deleted)
    assert await ask_of(db, db.delete_doc("a", deleted)) == NO


async def test_what_never_goes_through_without_a_revision(db):
    empty = await write(db, "a", _attachments={})
    assert await ask_of(db, db.delete_doc("a", None)) == NO
    await write(db, "a", empty, _attachments=INLINE)
    assert await ask_of(db, db.delete_attachment("a", None, "x")) == NO
    assert await ask(db, document("a")) == yes(empty)


async def test_an_edit_of_a_document_that_was_not_there(db):
    await db.update_docs([replicated("a", "1-a")], new_edits=False)
    made = await write(db, "a", rev("1-a"), n=2)
    await db.update_docs([replicated("b", made, "1-a")], new_edits=False)
    # The revision below is known by its name alone, but it is known that there is nothing else.
    assert await ask(db, document("b", rev("1-a"), n=2)) == yes(made)
    assert await ask(db, document("b", rev("1-a"), n=3)) == NO
    assert await ask(db, document("none", rev("1-a"), n=3)) == NO


async def test_conditions_that_name_revisions(db):
    first = await write(db, "a", n=1)
    second = await write(db, "a", first, n=2)
    tags = (rev_etag(rev("1-f")), rev_etag(first))
    edit = document("a", n=2)
    assert await ask(db, edit._replace(condition=Condition(tags))) == yes(second)
    assert await ask(db, edit._replace(condition=Condition(tags[:1]))) == NO
    assert await ask(db, edit._replace(condition=Condition((*tags[:1], "no-revision")))) == UNKNOWN
    assert await ask(db, edit._replace(condition=Condition("*"))) == UNKNOWN
    assert await ask(db, document("a", n=1)._replace(condition=CREATE_ONLY)) == yes(first)


# --- what is not known any more


async def test_stemmed(db):
    await db.set_revs_limit(2)
    first = await write(db, "a", n=1)
    second = await write(db, "a", first, n=2)
    third = await write(db, "a", second, n=3)
    fourth = await write(db, "a", third, n=4)
    assert await ask(db, document("a", third, n=4)) == yes(fourth)
    assert await ask(db, document("a", second, n=3)) == yes(third)
    assert await ask(db, document("a", first, n=2)) == UNKNOWN
    assert await ask(db, document("a", n=1)) == UNKNOWN
    assert await ask(db, document("a", third, n=9)) == NO
    assert await ask(db, document("a", second, n=9)) == NO
    assert await ask(db, document("a", fourth, n=9)) == NO


async def test_replicated_without_its_history(db):
    await db.update_docs([replicated("a", "5-a", "4-a")], new_edits=False)
    assert await ask(db, document("a", rev("2-f"), n=1)) == UNKNOWN
    assert await ask(db, document("a", n=1)) == UNKNOWN
    assert await ask(db, document("a", rev("4-a"), n=1)) == NO
    await db.update_docs([replicated("a", "2-b", "1-b")], new_edits=False)
    assert await ask(db, document("a", rev("1-b"), n=1)) == UNKNOWN


async def test_purged(db):
    first = await write(db, "a", n=1)
    second = await write(db, "a", first, n=2)
    await db.purge({"a": [second]})
    await write(db, "a", n=3)
    assert await ask(db, document("a", first, n=2)) == UNKNOWN
    assert await ask(db, document("a", n=1)) == UNKNOWN
    other = await write(db, "b", n=1)
    assert await ask(db, document("b", other, n=2)) == NO


async def test_purges_that_are_not_remembered(db, monkeypatch):
    first = await write(db, "b", n=1)
    for name in "xyz":
        await db.purge({name: [await write(db, name, n=1)]})
    assert await ask(db, document("b", first, n=2)) == NO
    monkeypatch.setattr(module, "MAX_PURGES", 2)
    assert await ask(db, document("b", first, n=2)) == UNKNOWN
    monkeypatch.undo()
    await db.set_purged_infos_limit(1)
    await db.purge({"v": [await write(db, "v", n=1)]})
    assert await ask(db, document("b", first, n=2)) == UNKNOWN


async def test_compaction_changes_nothing_without_stubs(db):
    first = await write(db, "a", n=1)
    second = await write(db, "a", first, n=2)
    await write(db, "a", second, n=3)
    await db.compact()
    assert await ask(db, document("a", first, n=2)) == yes(second)
    assert await ask(db, document("a", first, n=9)) == NO


async def test_a_copy_of_what_may_have_changed(db):
    source = await write(db, "a", n=1)
    copied = (await db.copy_doc("a", None, "b", None)).rev
    assert await ask_of(db, db.copy_doc("a", None, "b", None)) == yes(copied)
    await write(db, "a", source, n=2)
    assert await ask_of(db, db.copy_doc("a", None, "b", None)) == UNKNOWN
    assert await ask_of(db, db.copy_doc("a", source, "b", None)) == yes(copied)


async def test_much_to_be_hashed(db, monkeypatch):
    first = await write(db, "a", n=1)
    await db.delete_doc("a", first)
    await write(db, "a", n=3)
    assert await ask(db, document("a", n=4)) == NO
    monkeypatch.setattr(module, "MAX_HASHED", 0)
    assert await ask(db, document("a", n=1)) == yes(first)
    assert await ask(db, document("a", n=3)) == UNKNOWN


# --- attachments


async def test_inline_attachments_as_they_are_stored(db):
    first = await write(db, "a", n=1, _attachments=INLINE)
    second = await write(db, "a", first, n=2)
    assert await ask(db, document("a", n=1, _attachments=INLINE)) == yes(first)
    assert await ask(db, document("a", n=1, _attachments=INLINE | {"x": {"data": "AAED"}})) == NO
    assert await ask(db, document("a", n=1)) == NO
    assert await ask(db, document("a", second, n=1, _attachments=INLINE)) == NO


async def test_stubs_are_those_of_the_parent(db):
    first = await write(db, "a", n=1, _attachments=INLINE)
    second = await write(db, "a", first, n=2, _attachments=STUBS)
    await write(db, "a", second, n=3)
    edit = document("a", first, n=2, _attachments=STUBS)
    assert await ask(db, edit) == yes(second)
    assert await ask(db, document("a", first, n=2, _attachments=INLINE)) == yes(second)
    assert await ask(db, document("a", first, n=2, _attachments={"x": {"stub": True}})) == NO
    # An edit with a stub that names nothing can never have been applied.
    assert await ask(db, document("a", first, n=2, _attachments={"z": {"stub": True}})) == NO
    counted = {"x": {"stub": True, "revpos": 7}, "y": {"stub": True, "revpos": 1}}
    assert await ask(db, document("a", first, n=2, _attachments=counted)) == yes(second)
    await db.compact()
    assert await ask(db, edit) == UNKNOWN
    # ... but without a revision of that generation it needs no parent to say no.
    third = db.open_doc("a").rev
    assert await ask(db, document("a", third, n=4, _attachments=STUBS)) == NO


async def test_stubs_of_a_parent_that_was_never_here(db):
    await write(db, "a", n=1)
    assert await ask(db, document("a", rev("1-f"), n=2, _attachments=STUBS)) == NO
    await write(db, "a", db.open_doc("a").rev, n=2)
    assert await ask(db, document("a", rev("1-f"), n=2, _attachments=STUBS)) == UNKNOWN


async def test_an_attachment_that_follows_never_came(db):
    first = await write(db, "a", n=1)
    await write(db, "a", first, n=2)
    follows = {"x": {"follows": True, "length": 3, "content_type": "image/png"}}
    assert await ask(db, document("a", first, n=2, _attachments=follows)) == NO


@pytest.mark.parametrize("content_type", ["image/png", "text/plain"])
async def test_attachment_requests(db, content_type):
    async def linked(name):
        async with db.blobs.stage(content_type, name=name) as staging:
            await staging.write(b"some bytes")
            return (await staging.seal()).linked(name, content_type)

    first = await write(db, "a", n=1)
    second = (await db.put_attachment("a", first, await linked("x"))).rev
    assert await ask_of(db, db.put_attachment("a", first, await linked("x"))) == yes(second)
    assert await ask_of(db, db.put_attachment("a", first, await linked("y"))) == NO
    third = (await db.put_attachment("a", second, await linked("y"))).rev
    fourth = (await db.delete_attachment("a", third, "x")).rev
    assert await ask_of(db, db.put_attachment("a", second, await linked("y"))) == yes(third)
    assert await ask_of(db, db.delete_attachment("a", third, "x")) == yes(fourth)
    assert await ask_of(db, db.delete_attachment("a", third, "y")) == NO
    # The other attachments and the body are those of the revision; without them nobody can tell.
    await db.compact()
    assert await ask_of(db, db.put_attachment("a", first, await linked("x"))) == UNKNOWN
    assert await ask_of(db, db.delete_attachment("a", third, "x")) == UNKNOWN
    assert await ask_of(db, db.put_attachment("a", rev("7-f"), await linked("x"))) == NO
    created = (await db.put_attachment("new", None, await linked("x"))).rev
    assert await ask_of(db, db.put_attachment("new", None, await linked("x"))) == yes(created)


async def test_what_is_heavy(db):
    large = document("a", text="x" * 40_000)
    attached = document("a", _attachments={"x": {"data": "AAAA" * 20_000}})
    assert [
        is_heavy(Attempt(1, "a", None, Operation.WRITE, edit)) for edit in (document("a", n=1), large, attached)
    ] == [
        False,
        True,
        True,
    ]
    assert not is_heavy(Attempt(1, "a", None))
    written = (await db.update_doc(large)).rev
    assert await ask(db, large) == yes(written)
