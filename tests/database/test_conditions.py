"""Conditions hold inside the write transaction: what a snapshot said before does not count."""

import asyncio

import pytest

from docstore.core.attachment import Linked
from docstore.core.conditions import CREATE_ONLY, Condition, content_etag, rev_etag
from docstore.core.document import Document
from docstore.database import commands
from docstore.database.attachments.edits import edit_of
from docstore.database.database import Database
from docstore.errors import Conflict, DocstoreError, NotFound, PreconditionFailed
from tests.database.apply.test_updater import DB, Store
from tests.database.helpers import document, replicated, rev


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    yield store
    store.close()


def edits(*documents: Document, new_edits: bool = True) -> commands.EditDocuments:
    return commands.EditDocuments(DB, tuple(edit_of(one, new_edits=new_edits) for one in documents), new_edits)


def under(condition: Condition, made: Document) -> Document:
    return Document(made.id, made.rev, made.deleted, made.body, made.term, made.path, condition=condition)


def kinds(results: list[object]) -> list[object]:
    return [type(result) for result in results]


# --- one group commit -------------------------------------------------------------------------------------------


def test_of_many_creations_in_one_group_one_goes_through(store):
    creations = [edits(under(CREATE_ONLY, document("d", n=number))) for number in range(5)]
    answers = [answer for [answer] in store.apply(*creations)]
    assert isinstance(answers[0], tuple)
    assert kinds(answers[1:]) == [PreconditionFailed] * 4


def test_a_creation_that_names_a_parent_does_not_become_an_edit_of_it(store):
    """The document was not there when the client looked, and now just that parent is its winner."""
    parent = rev("1-a")
    [_], [answer] = store.apply(
        edits(replicated("d", parent), new_edits=False), edits(under(CREATE_ONLY, document("d", parent)))
    )
    assert isinstance(answer, PreconditionFailed)


def test_a_list_is_judged_by_the_winner_that_the_edit_meets(store):
    [first] = store.apply(edits(document("d", n=1)))[0]
    named = Condition((rev_etag(first),))
    [second], [third] = store.apply(edits(under(named, document("d", n=2))), edits(under(named, document("d", n=3))))
    assert second.generation == 2
    assert isinstance(third, PreconditionFailed)
    both = Condition((rev_etag(first), rev_etag(second)))
    [[fourth]] = store.apply(edits(under(both, document("d", n=4))))
    assert fourth.generation == 3, "the edit of the winner that it found"


def test_a_winner_that_has_lost_meanwhile(store):
    [first] = store.apply(edits(document("d", n=1)))[0]
    [_], [answer] = store.apply(
        edits(replicated("d", "5-f"), new_edits=False),
        edits(under(Condition((rev_etag(first),)), document("d", first, n=2))),
    )
    assert isinstance(answer, PreconditionFailed), "its parent is still a leaf, but not what a reader gets"


def test_replicated_edits_may_state_a_condition(store):
    created, refused, beside = store.apply(
        edits(under(CREATE_ONLY, replicated("d", "2-a")), new_edits=False),
        edits(under(CREATE_ONLY, replicated("d", "2-b")), replicated("e", "1-a"), new_edits=False),
        edits(under(CREATE_ONLY, document("e", n=1)), document("f")),
    )
    assert created == [rev("2-a")]
    assert kinds(refused) == [PreconditionFailed, type(rev("1-a"))]
    assert isinstance(beside[0], PreconditionFailed), "another edit of the group made it"
    assert isinstance(beside[1], tuple), "an edit fails alone"


def test_local_documents_and_the_security_object(store):
    def put(body: bytes, condition: Condition | None) -> commands.PutLocal:
        return commands.PutLocal(DB, "_local/x", 1, body, condition)

    tag = content_etag(b'{"_id":"_local/x","_rev":"0-1","n":1}')
    results = store.apply(
        put(b'{"n":1}', CREATE_ONLY),
        put(b'{"n":2}', CREATE_ONLY),
        put(b'{"n":3}', Condition((tag,))),
        put(b'{"n":4}', Condition((tag,))),
        commands.DeleteLocal(DB, "_local/x", Condition((tag,))),
        commands.DeleteLocal(DB, "_local/x", Condition("*")),
        put(b'{"n":5}', Condition("*")),
    )
    assert [result if isinstance(result, int) else type(result) for result in results] == [
        1,
        PreconditionFailed,
        1,
        PreconditionFailed,
        PreconditionFailed,
        True,
        PreconditionFailed,
    ]
    default = content_etag(b'{"members":{"roles":["_admin"]},"admins":{"roles":["_admin"]}}')
    results = store.apply(
        commands.SetSecurity(DB, b'{"n":1}', Condition((default,))),
        commands.SetSecurity(DB, b'{"n":2}', Condition((default,))),
        commands.SetSecurity(DB, b'{"n":3}', Condition(none_match=(content_etag(b'{"n":1}'),))),
        commands.SetSecurity(DB, b'{"n":4}', Condition((content_etag(b'{"n":1}'),))),
    )
    assert kinds(results) == [type(None), PreconditionFailed, PreconditionFailed, type(None)]


def test_a_group_is_the_same_one_by_one(tmp_path):
    """What conditions decide does not depend on how commands came to share a commit."""
    first = document("d", n=0)
    group = [
        edits(first),
        edits(under(CREATE_ONLY, document("d", n=1))),
        edits(under(CREATE_ONLY, document("e", n=1))),
        edits(under(Condition(("1-x",)), document("e", n=2))),
        commands.PutLocal(DB, "_local/x", 1, b"{}", CREATE_ONLY),
        commands.PutLocal(DB, "_local/x", 2, b"{}", CREATE_ONLY),
    ]
    together, apart = Store(tmp_path / "together"), Store(tmp_path / "apart")
    results = together.apply(*group)
    singly = [result for command in group for result in apart.apply(command)]
    assert list(map(repr, results)) == list(map(repr, singly))
    assert together.tables() == apart.tables()
    together.close()
    apart.close()


# --- the database -----------------------------------------------------------------------------------------------


async def outcomes(*writes) -> list[object]:
    done = await asyncio.gather(*writes, return_exceptions=True)
    return [type(one) if isinstance(one, DocstoreError) else "ok" for one in done]


async def test_creations_at_the_same_time(db: Database):
    writes = [db.update_doc(under(CREATE_ONLY, document("d", n=number))) for number in range(8)]
    assert sorted(map(str, await outcomes(*writes))) == sorted(["ok", *[str(PreconditionFailed)] * 7])
    local = [db.update_doc(under(CREATE_ONLY, document("_local/d", n=number))) for number in range(8)]
    assert sorted(map(str, await outcomes(*local))) == sorted(["ok", *[str(PreconditionFailed)] * 7])


async def test_a_counter_by_lists_loses_nothing(db: Database):
    """Eight writers add to one document; who is refused looks again."""
    await db.update_doc(document("d", n=0))

    async def add(times: int) -> None:
        while times:
            opened = db.open_doc("d")
            number = int(opened.json.split(b'"n":')[1].rstrip(b"}"))
            named = Condition((rev_etag(opened.rev), "1-nobody"))
            try:
                await db.update_doc(under(named, document("d", n=number + 1)))
                times -= 1
            except PreconditionFailed:
                await asyncio.sleep(0)

    await asyncio.gather(*(add(10) for _ in range(8)))
    assert b'"n":80' in db.open_doc("d").json


async def test_a_conflict_of_an_attachment_that_somebody_else_made_is_a_failed_condition(db: Database):
    async def linked(name: str) -> Linked:
        async with db.blobs.stage("image/png", name=name) as staging:
            await staging.write(name.encode())
            return (await staging.seal()).linked(name, "image/png")

    staged = [await linked("a"), await linked("a"), await linked("b")]
    answers = await outcomes(*(db.put_attachment("d", None, one, CREATE_ONLY) for one in staged))
    assert answers[0] == "ok"
    assert set(answers[1:]) == {PreconditionFailed, Conflict}
    assert answers[2] is Conflict, "there is no attachment of this name, but a document whose revision must be named"
    await db.blobs.give_up([one.staging for one in staged[1:]])


async def test_deleting_under_a_condition(db: Database):
    first = (await db.update_doc(document("d", n=1))).rev
    with pytest.raises(NotFound):
        await db.delete_doc("nope", None, CREATE_ONLY)
    with pytest.raises(PreconditionFailed):
        await db.delete_doc("d", first, CREATE_ONLY)
    with pytest.raises(PreconditionFailed):
        await db.delete_doc("d", None, Condition(("1-x",)))
    assert (await db.delete_doc("d", None, Condition((rev_etag(first),)))).rev.generation == 2
