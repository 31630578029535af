"""Stubs of replicated revisions, beyond what the recorded scenarios show."""

import pytest

from docstore.core.document import parse_document
from docstore.database.attachments import replicated_stubs
from docstore.database.reading.documents import OpenOptions
from docstore.errors import MissingStub, NotFound
from tests.database.helpers import LIMITS, document, replicated, rev

STUB = {"_attachments": {"none": {"stub": True}}}


def with_stub(doc_id: str, *path: str):
    """A replicated revision with a stub that names nothing."""
    revisions = {"start": int(path[0][0]), "ids": [rev(each).id_text for each in path]}
    return parse_document({"_id": doc_id, "_revisions": revisions, **STUB}, limits=LIMITS)


@pytest.mark.parametrize("count", [1, replicated_stubs.AT_ONCE, 3 * replicated_stubs.AT_ONCE])
async def test_known_revisions_are_passed_over_however_many(db, count):
    known = [replicated(f"d{number}", "2-b", "1-a", n=number) for number in range(count)]
    await db.update_docs(known, new_edits=False)
    before = db.info()
    sent = [with_stub(f"d{number}", ("2-b", "1-a")[number % 2]) for number in range(count)]
    results = await db.update_docs([*sent, replicated("new", "1-a")], new_edits=False)
    assert [result.error for result in results] == [None] * (count + 1)
    assert results[0].rev == rev("2-b")
    assert db.info().update_seq.split("-")[0] == str(int(before.update_seq.split("-")[0]) + 1), "only the new one"
    with pytest.raises(NotFound):
        db.open_doc("d0", OpenOptions(rev=rev("1-a")))


async def test_what_another_document_of_the_request_tells_as_an_ancestor(db):
    await db.update_docs([replicated("d", "1-a")], new_edits=False)
    batch = [with_stub("d", "2-b", "1-a"), replicated("d", "3-c", "2-b", "1-a")]
    assert [result.error for result in await db.update_docs(batch, new_edits=False)] == [None, None]
    with pytest.raises(NotFound):
        db.open_doc("d", OpenOptions(rev=rev("2-b")))
    assert db.open_doc("d").rev == rev("3-c")


@pytest.mark.parametrize("batch", [[("d", "2-e", "1-a")], [("e", "1-a")], [("d", "2-b", "1-a"), ("d", "3-f")]])
async def test_a_new_leaf_without_its_attachment_refuses_all(db, batch):
    await db.update_docs([replicated("d", "2-b", "1-a")], new_edits=False)
    with pytest.raises(MissingStub):
        await db.update_docs([replicated("f", "1-f"), *(with_stub(*each) for each in batch)], new_edits=False)
    with pytest.raises(NotFound):
        db.open_doc("f")


async def test_interactive_edits_are_not_passed_over(db):
    first = (await db.update_doc(document("d", n=1))).rev
    with pytest.raises(MissingStub):
        await db.update_doc(parse_document({"_id": "d", "_rev": str(first), **STUB}, limits=LIMITS))
