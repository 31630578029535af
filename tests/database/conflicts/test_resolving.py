"""Resolving conflicts: what is planned on snapshots, what one command makes of it."""

import base64

import pytest

from docstore.core.document import parse_document
from docstore.core.merge_strategies import Keep, Latest, Replace, ThreeWay
from docstore.core.resolution import Resolved
from docstore.core.revision_hash import EMPTY_BODY_TERM, encode_term, new_revision
from docstore.database.conflicts import resolving
from docstore.database.conflicts.planning import Plan, ResolveRequest
from docstore.database.reading.documents import OpenOptions
from docstore.database.write_hooks import Actor
from docstore.errors import (
    AncestorUnavailable,
    BadRequest,
    DatabaseNotFound,
    DocumentDeleted,
    DocumentTooLarge,
    Forbidden,
    MergeClash,
    MissingStub,
    NotFound,
    ResolveStaleLeaves,
)
from docstore.storage.attachments.staging import scan_stagings
from tests.database.conflicting import MAX_SIZE, conflict, leaf, opened, planned, previewed, resolve
from tests.database.helpers import LIMITS, changes, document, ids_changed, replicated, rev

ANN = {"name": "Ann", "age": 30}
OLDER = {"name": "Ann", "age": 31}
EVE = {"name": "Eve", "age": 30}

TEXT = {"content_type": "text/plain", "data": base64.b64encode(b"hello").decode()}
PIXELS = {"content_type": "image/png", "data": base64.b64encode(b"\x89PNG\r\n").decode()}
OTHERS = {"content_type": "image/png", "data": base64.b64encode(b"\x89PNG\n\n").decode()}


def body(doc_id="a", **members):
    return Replace(parse_document(members, doc_id=doc_id, limits=LIMITS))


def tombstone(of):
    return new_revision(True, rev(of) if isinstance(of, str) else of, EMPTY_BODY_TERM)


async def content(db, doc_id, name):
    return b"".join([piece async for piece in db.open_attachment(doc_id, name).decoded()])


def no_stagings(node):
    with node.env.snapshot() as snapshot:
        return list(scan_stagings(snapshot)) == []


# --- the strategies


async def test_three_way(db):
    leaves = await conflict(db, "a", ANN, OLDER, EVE)
    answer = await resolve(db, "a", ThreeWay(), leaves)
    assert answer.tombstones == (tombstone("2-e"),)
    assert opened(db, "a") == {"_id": "a", "_rev": str(answer.rev), "name": "Eve", "age": 31}
    assert opened(db, "a", deleted_conflicts=True)["_deleted_conflicts"] == [str(tombstone("2-e"))]
    assert db.info().doc_count == 1
    assert db.resolver.conflict_count() == 0


async def test_the_result_is_what_an_edit_of_the_winner_would_have_made(db):
    for doc_id in "ab":
        await conflict(db, doc_id, ANN, OLDER, EVE)
    answer = await resolve(db, "a", ThreeWay())
    edited = await db.update_doc(document("b", rev("2-f"), name="Eve", age=31))
    deleted = await db.delete_doc("b", rev("2-e"))
    assert (edited.rev, (deleted.rev,)) == answer


async def test_keep_the_winner_or_a_loser(db):
    for doc_id, kept, others in (("a", "2-f", "ed"), ("b", "2-d", "fe")):
        leaves = await conflict(db, doc_id, ANN, {"n": 1}, {"n": 2}, {"n": 3})
        answer = await resolve(db, doc_id, Keep(rev(kept)), leaves)
        assert answer == Resolved(rev(kept), tuple(tombstone(f"2-{letter}") for letter in others))
        assert opened(db, doc_id) == {"_id": doc_id, "_rev": str(rev(kept)), "n": 1 if kept == "2-f" else 3}


async def test_a_body(db):
    leaves = await conflict(db, "a", ANN, OLDER, EVE)
    answer = await resolve(db, "a", body(_rev=str(rev("2-e")), name="both"), leaves)
    assert answer.rev.generation == 3
    assert opened(db, "a") == {"_id": "a", "_rev": str(answer.rev), "name": "both"}


async def test_a_body_that_is_a_deletion(db):
    await conflict(db, "a", ANN, OLDER, EVE)
    answer = await resolve(db, "a", body(_deleted=True))
    assert answer == Resolved(tombstone("2-f"), (tombstone("2-e"),))
    with pytest.raises(DocumentDeleted):
        db.open_doc("a")
    assert db.info().doc_del_count == 1


async def test_the_latest(db):
    await conflict(db, "a", ANN, {"at": "2024-01-01", "n": 1}, {"at": "2024-02-01", "n": 2}, {"n": 3})
    answer = await resolve(db, "a", Latest("/at"))
    assert answer.rev.generation == 3
    assert opened(db, "a") == {"_id": "a", "_rev": str(answer.rev), "at": "2024-02-01", "n": 2}


async def test_clashes_fail_or_the_winner_prevails(db):
    await conflict(db, "a", {"n": 1, "m": 1}, {"n": 2, "m": 1}, {"n": 3, "m": 2})
    with pytest.raises(MergeClash) as raised:
        await resolve(db, "a", ThreeWay())
    assert raised.value.details == {"clashes": ["/n"]}
    plan = await planned(db, "a", ThreeWay("winner"))
    assert (plan.merged, plan.clashes) == (True, ("/n",))
    assert plan.ancestor in db.open_revs("a", [plan.ancestor])[0]
    await resolve(db, "a", ThreeWay("winner"))
    assert opened(db, "a")["n"] == 2
    assert opened(db, "a")["m"] == 2


async def test_bodies_as_deep_as_json_may_be(db):
    def nested(inner):
        for _ in range(LIMITS.max_json_depth - 3):
            inner = {"a": inner}
        return {"t": inner}

    await conflict(db, "a", nested({"n": 1}), nested({"n": 2}), nested({"n": 1, "m": [3]}))
    answer = await resolve(db, "a", ThreeWay())
    merged = nested({"n": 2, "m": [3]})
    await db.update_docs([replicated("b", "2-f")], new_edits=False)
    assert (await db.update_doc(document("b", rev("2-f"), **merged))).rev == answer.rev


# --- the ancestor


async def test_an_ancestor_that_was_never_here(db):
    leaves = await conflict(db, "a", None, OLDER, EVE)
    with pytest.raises(AncestorUnavailable) as raised:
        await resolve(db, "a", ThreeWay())
    assert raised.value.details == {"leaves": list(map(str, leaves)), "common_ancestor": str(rev("1-9"))}
    with pytest.raises(MergeClash) as raised:
        await resolve(db, "a", ThreeWay("fail", "if-available"))
    assert raised.value.details == {"clashes": ["/name", "/age"]}
    await resolve(db, "a", ThreeWay("winner", "if-available"))
    assert opened(db, "a") | OLDER == opened(db, "a")


async def test_leaves_without_a_common_ancestor(db):
    await db.update_docs([leaf("a", ["1-a"], n=1), leaf("a", ["1-b"], n=2)], new_edits=False)
    with pytest.raises(AncestorUnavailable) as raised:
        await resolve(db, "a", ThreeWay())
    assert raised.value.details["common_ancestor"] is None


async def test_compaction_keeps_the_ancestor(db):
    """Bodies of other ancestors go; that of the branch point stays as long as there is a conflict."""
    first = (await db.update_doc(document("a", n=0))).rev
    second = (await db.update_doc(document("a", first, name="Ann", age=30))).rev
    sides = [leaf("a", ["4-f", "3-f", second], **OLDER), leaf("a", ["4-e", "3-e", second], **EVE)]
    await db.update_docs(sides, new_edits=False)
    await db.compact()
    assert db.open_revs("a", [first]) == [(first,)]
    plan = await planned(db, "a", ThreeWay())
    assert plan.ancestor == second
    await db.resolver.carry_out([plan])
    assert opened(db, "a") | {"name": "Eve", "age": 31} == opened(db, "a")
    await db.compact()
    assert db.open_revs("a", [second]) == [(second,)]
    assert opened(db, "a") | {"name": "Eve", "age": 31} == opened(db, "a")


async def test_an_ancestor_that_compaction_dropped_before_there_was_a_conflict(db):
    first = (await db.update_doc(document("a", **ANN))).rev
    await db.update_doc(document("a", first, **OLDER))
    await db.compact()
    await db.update_docs([leaf("a", ["2-f", first], **EVE)], new_edits=False)
    with pytest.raises(AncestorUnavailable):
        await resolve(db, "a", ThreeWay())


async def test_a_deleted_ancestor_is_one(db):
    first = (await db.update_doc(document("a", n=1))).rev
    gone = (await db.delete_doc("a", first)).rev
    await db.update_docs([leaf("a", ["3-f", gone], n=1), leaf("a", ["3-e", gone], m=2)], new_edits=False)
    await resolve(db, "a", ThreeWay())
    assert {"n": 1, "m": 2}.items() <= opened(db, "a").items()


# --- which leaves


async def test_leaves_that_are_not_those_of_the_document(db):
    leaves = await conflict(db, "a", ANN, OLDER, EVE)
    await db.update_docs([leaf("a", ["2-d", "1-9"], **EVE)], new_edits=False)
    for seen in (leaves, (*leaves, rev("2-d"), rev("2-b")), (*leaves, rev("2-d"), rev("1-9"))):
        with pytest.raises(ResolveStaleLeaves) as raised:
            await resolve(db, "a", Keep(), seen)
        assert raised.value.details["leaves"] == [str(rev(f"2-{letter}")) for letter in "fed"]
    assert len(opened(db, "a")["_conflicts"]) == 2


async def test_leaves_that_change_after_the_plan(db):
    await conflict(db, "a", ANN, OLDER, EVE)
    plan = await planned(db, "a", ThreeWay())
    moved = (await db.update_doc(document("a", rev("2-e"), name="Zoe"))).rev
    before = db.update_seq()
    [answer] = await db.resolver.carry_out([plan])
    assert isinstance(answer, ResolveStaleLeaves)
    assert answer.details["leaves"] == [str(moved), str(rev("2-f"))]
    assert db.update_seq() == before


async def test_one_live_leaf(db):
    first = (await db.update_doc(document("a", at=1))).rev
    before = db.update_seq()
    for how in (Keep(), Keep(first), ThreeWay(), Latest("/none")):
        assert await resolve(db, "a", how, [first]) == Resolved(first)
    assert db.update_seq() == before
    second = await resolve(db, "a", body(at=2), [first])
    await db.update_docs([replicated("b", first)], new_edits=False)
    assert second == Resolved((await db.update_doc(document("b", first, at=2))).rev)
    assert opened(db, "a")["at"] == 2


async def test_a_deleted_document_and_none(db):
    first = (await db.update_doc(document("a", at=1))).rev
    gone = (await db.delete_doc("a", first)).rev
    with pytest.raises(DocumentDeleted):
        await resolve(db, "a", Keep())
    with pytest.raises(DocumentDeleted):
        await resolve(db, "a", Keep(), [gone])
    with pytest.raises(ResolveStaleLeaves):
        await resolve(db, "a", Keep(), [first])
    with pytest.raises(NotFound, match=r"^missing$"):
        await resolve(db, "b", Keep())


async def test_a_deleted_leaf_beside_live_ones(db):
    """It wins nothing, stays as it is, and may be named or not."""
    leaves = await conflict(db, "a", ANN, OLDER, EVE)
    await db.update_docs([leaf("a", ["9-a"], deleted=True)], new_edits=False)
    with pytest.raises(BadRequest, match="is a deletion"):
        await resolve(db, "a", Keep(rev("9-a")), [*leaves, rev("9-a")])
    answer = await resolve(db, "a", ThreeWay(), [*leaves, rev("9-a")])
    assert str(answer.rev) == opened(db, "a")["_rev"]
    assert str(rev("9-a")) in opened(db, "a", deleted_conflicts=True)["_deleted_conflicts"]


async def test_the_document_takes_one_place_in_changes(db):
    await conflict(db, "a", ANN, OLDER, EVE, EVE)
    await db.update_doc(document("b"))
    before = db.update_seq()
    answer = await resolve(db, "a", ThreeWay())
    assert await ids_changed(db) == ["b", "a"]
    [row] = await changes(db, since=before)
    assert row["changes"] == [{"rev": str(answer.rev)}]
    assert db.update_seq() == before + 3


async def test_readers_are_woken(db):
    await conflict(db, "a", ANN, OLDER, EVE)
    with db.notifier.subscribe(db.number) as subscription:
        await resolve(db, "a", Keep())
        assert await subscription.wait(5)


# --- attachments


async def test_attachments_of_the_leaves_are_merged(node, db):
    stub = {"stub": True}
    first = (await db.update_doc(document("a", _attachments={"kept": PIXELS, "changed": PIXELS, "gone": PIXELS}))).rev
    winner = leaf("a", ["2-f", first], _attachments={"kept": stub, "changed": stub, "mine": TEXT})
    loser = leaf("a", ["2-e", first], _attachments={"kept": stub, "changed": OTHERS, "gone": stub, "theirs": TEXT})
    await db.update_docs([winner, loser], new_edits=False)
    answer = await resolve(db, "a", ThreeWay())
    shown = opened(db, "a")["_attachments"]
    assert {name: one["revpos"] for name, one in shown.items()} == {"kept": 1, "changed": 3, "mine": 0, "theirs": 3}
    assert await content(db, "a", "changed") == b"\x89PNG\n\n"
    assert await content(db, "a", "theirs") == b"hello"
    sent = {name: TEXT if name in ("mine", "theirs") else OTHERS if name == "changed" else PIXELS for name in shown}
    await db.update_docs([leaf("b", ["2-f", "1-9"])], new_edits=False)
    assert (await db.update_doc(document("b", rev("2-f"), _attachments=sent))).rev == answer.rev
    await db.compact()
    assert await content(db, "a", "changed") == b"\x89PNG\n\n"
    assert no_stagings(node)


async def test_attachments_clash_by_name(db):
    first = (await db.update_doc(document("a"))).rev
    sides = [leaf("a", [f"2-{side}", first], _attachments={"x": data}) for side, data in (("f", TEXT), ("e", PIXELS))]
    await db.update_docs(sides, new_edits=False)
    with pytest.raises(MergeClash) as raised:
        await resolve(db, "a", ThreeWay())
    assert raised.value.details == {"clashes": ["/_attachments/x"]}
    await resolve(db, "a", ThreeWay("winner"))
    assert await content(db, "a", "x") == b"hello"


async def test_a_body_with_attachments_as_in_a_put(node, db):
    first = (await db.update_doc(document("a"))).rev
    sides = [leaf("a", [f"2-{side}", first], _attachments={side: PIXELS}) for side in "fe"]
    await db.update_docs(sides, new_edits=False)
    with pytest.raises(MissingStub):
        await resolve(db, "a", body(_attachments={"e": {"stub": True}}))
    with pytest.raises(BadRequest, match="no parts"):
        await resolve(db, "a", body(_attachments={"e": {"follows": True}}))
    wanted = body(n=1, _attachments={"f": {"stub": True}, "t": TEXT})
    tried = await previewed(db, "a", wanted)
    assert tried.outcome is not None
    assert no_stagings(node)
    answer = await resolve(db, "a", wanted)
    assert answer == tried.outcome
    assert await content(db, "a", "t") == b"hello"
    assert opened(db, "a")["_attachments"]["f"]["revpos"] == 0
    assert no_stagings(node)


async def test_a_body_whose_leaves_are_stale_leaves_nothing_behind(node, db):
    leaves = await conflict(db, "a", ANN, OLDER, EVE)
    plan = await planned(db, "a", body(_attachments={"t": TEXT}), leaves)
    await db.update_doc(document("a", rev("2-e"), name="Zoe"))
    [answer] = await db.resolver.carry_out([plan])
    assert isinstance(answer, ResolveStaleLeaves)
    assert no_stagings(node)


async def test_a_plan_holds_the_blobs_that_it_takes(node, db):
    first = (await db.update_doc(document("a"))).rev
    sides = [leaf("a", [f"2-{side}", first], _attachments={side: PIXELS}) for side in "fe"]
    await db.update_docs(sides, new_edits=False)
    plan = await planned(db, "a", ThreeWay())
    db.blobs.holds.take_touched()
    assert len(db.blobs.holds.take_touched()) == 1
    await db.resolver.carry_out([plan])
    db.blobs.holds.take_touched()
    assert db.blobs.holds.take_touched() == set()


# --- a dry run


async def test_a_dry_run_tells_what_would_come_of_it(db):
    for how in (ThreeWay(), Keep(rev("2-e")), Latest("/age"), body(name="both"), body(_deleted=True)):
        doc_id = f"{type(how).__name__}{getattr(getattr(how, 'document', None), 'deleted', '')}"
        await conflict(db, doc_id, ANN, OLDER, EVE)
        if isinstance(how, Replace):
            how = body(doc_id, **({"_deleted": True} if how.document.deleted else {"name": "both"}))
        before = db.update_seq()
        tried = await previewed(db, doc_id, how)
        assert db.update_seq() == before
        assert tried.outcome == await resolve(db, doc_id, how)
        assert tried.text == db.open_doc(doc_id, OpenOptions(rev=tried.outcome.rev)).json


# --- many


async def test_many_in_one_command(db):
    for doc_id in "abc":
        await conflict(db, doc_id, {"n": 1}, {"n": 2}, {"n": 1, "m": 1} if doc_id != "b" else {"n": 3})
    requests = [ResolveRequest(doc_id, ThreeWay()) for doc_id in ("a", "none", "b", "c")]
    plans = await db.resolver.plan(requests, MAX_SIZE)
    assert [type(plan) for plan in plans] == [Plan, NotFound, MergeClash, Plan]
    answers = await db.resolver.carry_out([plan for plan in plans if isinstance(plan, Plan)])
    assert all(isinstance(answer, Resolved) for answer in answers)
    assert db.resolver.conflicted(None, 9) == ["b"]


async def test_one_document_twice(db):
    await conflict(db, "a", ANN, OLDER, EVE)
    plans = await db.resolver.plan([ResolveRequest("a", ThreeWay())] * 2, MAX_SIZE)
    first, second = await db.resolver.carry_out(plans)
    assert isinstance(first, Resolved)
    assert isinstance(second, ResolveStaleLeaves)


async def test_conflicted_documents_in_order(db):
    long = ["x" * 450 + letter for letter in "cab"]
    for doc_id in ("b", "é", "a", *long):
        await conflict(db, doc_id, {}, {"n": 1}, {"n": 2})
    await db.update_doc(document("not"))
    everything = ["a", "b", *sorted(long), "é"]
    assert db.resolver.conflicted(None, 9) == everything
    assert db.resolver.conflict_count() == 6
    assert db.resolver.conflicted("b", 2) == everything[1:3]
    assert db.resolver.conflicted(everything[3], 2) == everything[3:5]
    assert db.resolver.conflicted("z", 1) == ["é"]


async def test_large_results_end_a_page(db, monkeypatch):
    for doc_id in "abc":
        await conflict(db, doc_id, {}, {"n": "x" * 600}, {"m": "y" * 600})
    monkeypatch.setattr(resolving, "PLANNED_BYTES", 2_000)
    requests = [ResolveRequest(doc_id, ThreeWay()) for doc_id in "abc"]
    plans = await db.resolver.plan(requests, MAX_SIZE)
    assert [plan.doc_id for plan in plans] == ["a", "b"]
    monkeypatch.setattr(resolving, "READ_BYTES", 1_000)
    assert len(await db.resolver.plan(requests, MAX_SIZE)) == 1


async def test_what_cannot_be_merged(db):
    await conflict(db, "a", {}, {"n": "x" * 600}, {"m": "y" * 600})
    [plan] = await db.resolver.plan([ResolveRequest("a", ThreeWay())], 1_000)
    assert isinstance(plan, DocumentTooLarge)


async def test_results_pass_the_write_hook(node, monkeypatch):
    def hook(edit, actor):
        if b"bad" in edit.body:
            raise Forbidden(f"not by {actor.name}")
        return edit._replace(body=b'{"seen":true}', term=encode_term({"seen": True}))

    monkeypatch.setattr(node.registry, "_write_hooks", lambda name: hook)
    plain = await node.registry.create("hooked")
    db = plain.acting_for(Actor("sue", False))
    for doc_id, name in (("a", "good"), ("b", "bad")):
        await conflict(plain, doc_id, None, {"name": name, "n": 1}, {"name": name, "n": 2})
    await resolve(db, "a", Latest("/n"))
    assert opened(db, "a")["seen"] is True
    with pytest.raises(Forbidden, match="not by sue"):
        await resolve(db, "b", Latest("/n"))
    assert len(opened(db, "b")["_conflicts"]) == 1
    await resolve(db, "b", Keep())


async def test_a_deleted_database(node, db):
    await conflict(db, "a", ANN, OLDER, EVE)
    plan = await planned(db, "a", Keep())
    await node.registry.delete("db")
    with pytest.raises(DatabaseNotFound):
        await db.resolver.carry_out([plan])
    for ask in (lambda: db.resolver.conflicted(None, 1), db.resolver.conflict_count):
        with pytest.raises(DatabaseNotFound):
            ask()
    with pytest.raises(DatabaseNotFound):
        await planned(db, "a", Keep())
    await node.registry.create("db")
