"""Hooks that see documents before they are written, and who writes."""

import pytest

from docstore.core.json_text import decode
from docstore.core.rev import parse_rev
from docstore.database.reading.documents import OpenOptions
from docstore.database.write_hooks import Actor, no_write_hooks, settle
from docstore.errors import Forbidden
from docstore.node import Node
from tests.database.helpers import document, replicated, settings

SUE = Actor("sue", False)
ROOT = Actor("root", True, ("_admin",))


def hook(edit, actor):
    if b'"bad"' in edit.body:
        raise Forbidden(f"not by {actor.name}")
    return document(edit.id, edit.rev, deleted=edit.deleted, seen=actor.name)


@pytest.fixture
async def db(tmp_path, monkeypatch):
    async with Node(settings(tmp_path / "data")) as node:
        monkeypatch.setattr(node.registry, "_write_hooks", lambda name: hook if name == "db" else None)
        yield await node.registry.create("db")


def seen(db, doc_id="a"):
    return decode(db.open_doc(doc_id).json).get("seen")


async def test_every_interactive_edit_passes(db):
    mine = db.acting_for(SUE)
    first = (await mine.update_doc(document("a", v=1))).rev
    assert seen(db) == "sue"
    await mine.update_docs([document("b"), document("_local/c", v=1)])
    assert seen(db, "b") == "sue"
    assert seen(db, "_local/c") is None
    await mine.copy_doc("a", None, "d", None)
    assert seen(db, "d") == "sue"
    gone = await mine.delete_doc("a", first)
    assert decode(db.open_doc("a", OpenOptions(rev=gone.rev)).json)["seen"] == "sue"


async def test_a_refusal_refuses_all_and_writes_nothing(db):
    with pytest.raises(Forbidden, match="not by sue"):
        await db.acting_for(SUE).update_docs([document("a"), document("b", v="bad")])
    assert db.info().doc_count == 0


async def test_replicated_revisions_and_the_server_itself_pass_as_they_are(db):
    await db.acting_for(ROOT).update_docs([replicated("a", "1-a", v="bad")], new_edits=False)
    assert db.open_doc("a").rev == parse_rev("1-" + "a" * 32)
    await db.update_doc(document("b", v="bad"))
    assert seen(db, "b") is None


async def test_replicated_revisions_are_not_taken_from_others(db):
    with pytest.raises(Forbidden, match="made elsewhere"):
        await db.acting_for(SUE).update_docs([replicated("a", "1-a")], new_edits=False)
    with pytest.raises(Forbidden, match="made elsewhere"):
        await db.acting_for(SUE).update_doc(replicated("a", "1-a"), new_edits=False)
    assert db.info().doc_count == 0


async def test_a_slow_hook_has_all_documents_at_once(db, monkeypatch):
    class Slow:
        async def settle(self, documents, actor):
            return [hook(one, actor) for one in documents]

    slow = Slow()
    documents = [document("a"), document("b")]
    assert [decode(one.body)["seen"] for one in await settle(slow, SUE, documents)] == ["sue", "sue"]


async def test_the_refusal_comes_before_the_conflict(db):
    await db.update_doc(document("a"))
    with pytest.raises(Forbidden):
        await db.acting_for(SUE).update_doc(document("a", v="bad"))


async def test_documents_are_looked_at_in_a_thread():
    import threading

    threads = []

    def where(edit, actor):
        threads.append(threading.current_thread() is threading.main_thread())
        return edit

    documents = [document("a"), document("b")]
    assert await settle(where, SUE, documents) == documents
    assert threads == [False, False]


async def test_without_a_hook():
    documents = [document("a")]
    assert await settle(None, SUE, documents) is documents
    assert no_write_hooks("db") is None
