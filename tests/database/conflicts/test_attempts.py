"""What is noted with a refused edit, and of what kind it is."""

import gc
import weakref

import pytest

from docstore.core.attachment import Stub
from docstore.database.conflicts.attempts import Attempt, ConflictKind, Operation, kind_of
from docstore.errors import Conflict, DocstoreError, DocumentDeleted, NotFound
from docstore.storage.documents import tree_runs
from tests.database.helpers import document, replicated, rev

UNKNOWN = rev("1-f")


async def refusal(write) -> DocstoreError:
    with pytest.raises(DocstoreError) as caught:
        await write
    return caught.value


def kind(db, error: DocstoreError) -> ConflictKind:
    with db.environment.snapshot() as snapshot:
        return kind_of(snapshot, error.attempt)


async def test_kinds(db):
    first = (await db.update_doc(document("a", n=1))).rev
    second = (await db.update_doc(document("a", first, n=2))).rev
    for parent, expected in (
        (None, ConflictKind.DOCUMENT_EXISTS),
        (first, ConflictKind.SUPERSEDED),
        (UNKNOWN, ConflictKind.UNKNOWN),
        (rev("7-f"), ConflictKind.UNKNOWN),
    ):
        error = await refusal(db.update_doc(document("a", parent, n=3)))
        assert isinstance(error, Conflict)
        assert error.attempt.kind is expected
        assert kind(db, error) is expected
    await db.delete_doc("a", second)
    error = await refusal(db.update_doc(document("a", second, n=3)))
    assert kind(db, error) is ConflictKind.DELETED


async def test_a_document_that_is_not_there(db):
    error = await refusal(db.update_doc(document("_design/d", UNKNOWN, n=1)))
    assert kind(db, error) is ConflictKind.UNKNOWN


@pytest.mark.parametrize("length", [3, 200])
async def test_a_conflicted_document_and_a_long_one(db, length):
    revs = [(await db.update_doc(document("a", n=0))).rev]
    for number in range(1, length):
        revs.append((await db.update_doc(document("a", revs[-1], n=number))).rev)
    for parent in (revs[0], revs[length // 2], revs[-2]):
        error = await refusal(db.update_doc(document("a", parent, n=-1)))
        assert kind(db, error) is ConflictKind.SUPERSEDED
    await db.update_docs([replicated("a", "2-b", revs[0])], new_edits=False)
    for parent, expected in ((revs[0], ConflictKind.SUPERSEDED), (UNKNOWN, ConflictKind.UNKNOWN)):
        error = await refusal(db.update_doc(document("a", parent, n=-1)))
        assert kind(db, error) is expected


@pytest.mark.parametrize("branched", [False, True])
async def test_no_tree_is_unpacked_for_a_plain_conflict(db, monkeypatch, branched):
    """A document may have thousands of revisions, and all this runs on the event loop."""
    revs = [(await db.update_doc(document("a", n=0))).rev]
    for number in range(1, 200):
        revs.append((await db.update_doc(document("a", revs[-1], n=number))).rev)
    if branched:
        await db.update_docs([replicated("a", "2-b", revs[0])], new_edits=False)
    error = await refusal(db.update_doc(document("a", revs[5], n=-1)))
    with monkeypatch.context() as patch:
        patch.delattr(tree_runs, "unpack_tree")
        patch.delattr(tree_runs, "chain_nodes")
        assert kind(db, error) is ConflictKind.SUPERSEDED
        for parent in (revs[5], UNKNOWN, revs[-1]):
            error = await refusal(db.delete_attachment("a", parent, "x"))
            assert isinstance(error, Conflict if parent is UNKNOWN else NotFound)


async def test_the_document_is_noted(db):
    edit = document("a", n=1)
    await db.update_doc(edit)
    error = await refusal(db.update_doc(edit))
    assert error.attempt == Attempt(db.number, "a", None, Operation.WRITE, edit, ConflictKind.DOCUMENT_EXISTS)


@pytest.mark.parametrize("parent", [None, UNKNOWN])
async def test_a_refusal_is_gone_when_it_was_answered(db, parent):
    """Nothing is left for the garbage collector, which comes by rarely."""
    await db.update_doc(document("a", n=1))
    await db.update_docs([replicated("a", "1-b")], new_edits=False)  # now the writer has to look at some edits
    gc.disable()
    try:
        try:
            await db.update_doc(document("a", parent, n=2))
        except Conflict as error:
            kept = weakref.ref(error)
        assert kept() is None
    finally:
        gc.enable()


async def test_rows_of_many(db):
    first = (await db.update_doc(document("a", n=1))).rev
    edits = [document("a", n=2), document("b", n=2), document("a", first, n=3), document("_local/a")]
    results = await db.update_docs(edits)
    assert [result.error is None for result in results] == [False, True, True, True]
    assert results[0].error.attempt.document is edits[0]


async def test_a_delete(db):
    first = (await db.update_doc(document("a", n=1))).rev
    second = (await db.update_doc(document("a", first, n=2))).rev
    error = await refusal(db.delete_doc("a", first))
    assert (error.attempt.operation, error.attempt.rev) == (Operation.DELETE, first)
    assert error.attempt.document.deleted
    await db.delete_doc("a", second)
    error = await refusal(db.delete_doc("a", second))
    assert isinstance(error, DocumentDeleted)
    assert (error.attempt.operation, error.attempt.rev) == (Operation.DELETE, second)
    assert isinstance(await refusal(db.delete_doc("none", second)), NotFound)


async def test_a_copy(db):
    first = (await db.update_doc(document("a", n=1))).rev
    await db.update_doc(document("b", n=1))
    error = await refusal(db.copy_doc("a", None, "b", None))
    assert (error.attempt.doc_id, error.attempt.operation) == ("b", Operation.COPY_LATEST)
    error = await refusal(db.copy_doc("a", first, "b", None))
    assert error.attempt.operation is Operation.COPY


async def test_attachments(db):
    first = (await db.update_doc(document("a", n=1))).rev
    async with db.blobs.stage("image/png", name="x") as staging:
        await staging.write(b"bytes")
        linked = (await staging.seal()).linked("x", "image/png")
    second = (await db.put_attachment("a", first, linked)).rev
    error = await refusal(db.put_attachment("a", first, linked))
    assert kind(db, error) is ConflictKind.ATTACHMENT_STALE
    assert error.attempt.document.attachments[0].name == "x"
    error = await refusal(db.put_attachment("a", None, linked))
    assert kind(db, error) is ConflictKind.DOCUMENT_EXISTS
    error = await refusal(db.put_attachment("a", UNKNOWN, linked))
    assert (error.reason, error.attempt.operation) == ("missing_rev", Operation.PUT_ATTACHMENT)
    assert (error.attempt.document, kind(db, error)) == (None, ConflictKind.ATTACHMENT_STALE)
    await db.update_doc(document("a", second, n=2, _attachments={}))
    error = await refusal(db.delete_attachment("a", second, "x"))
    assert (kind(db, error), error.attempt.operation) == (ConflictKind.ATTACHMENT_STALE, Operation.DELETE_ATTACHMENT)
    with pytest.raises(Conflict) as caught:
        db.check_attachment_parent("a", first)
    assert caught.value.attempt.operation is Operation.PUT_ATTACHMENT
    with pytest.raises(Conflict) as caught:
        db.check_parent("a", first)
    assert caught.value.attempt.kind is ConflictKind.SUPERSEDED


async def test_an_edit_with_a_stub(db):
    first = (await db.update_doc(document("a", n=1, _attachments={"x": {"data": "AAEC"}}))).rev
    await db.update_doc(document("a", first, n=2))
    error = await refusal(db.update_doc(document("a", first, n=3, _attachments={"x": {"stub": True}})))
    assert isinstance(error.attempt.document.attachments[0], Stub)
