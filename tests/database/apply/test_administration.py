"""Security objects, limits, compaction."""

import asyncio
import errno
from dataclasses import replace

import pytest

from docstore.core.json_text import decode
from docstore.database.reading.documents import OpenOptions
from docstore.errors import DatabaseNotFound, DocstoreError, StorageFailed
from docstore.settings import Durability
from tests.database.helpers import document, replicated, rev


async def test_default_security(db):
    default = decode(db.security_text())
    assert default == {"members": {"roles": ["_admin"]}, "admins": {"roles": ["_admin"]}}
    assert list(default) == ["members", "admins"]


@pytest.mark.parametrize(
    "value",
    [
        {"admins": {"names": ["x"], "roles": ["r"]}, "members": {"names": ["y"], "roles": []}, "extra": 1},
        {},
        {"admins": {}},
        {"readers": {"names": ["z"]}, "cloudant": {"nobody": ["_reader"]}},
    ],
)
async def test_security_is_returned_as_it_was_set(db, value):
    await db.set_security(value)
    assert decode(db.security_text()) == value


@pytest.mark.parametrize(
    "value",
    [
        {"admins": 5},
        {"admins": None},
        {"admins": {"names": "x"}},
        {"members": {"names": [5]}},
        {"members": {"roles": {}}},
        {"readers": {"roles": [None]}},
        [],
        None,
        "x",
    ],
)
async def test_malformed_security_gets_couchdbs_odd_answer(db, value):
    with pytest.raises(DocstoreError, match=r"^no_majority$") as caught:
        await db.set_security(value)
    assert (type(caught.value), caught.value.error) == (DocstoreError, "error")
    assert decode(db.security_text()) == {"members": {"roles": ["_admin"]}, "admins": {"roles": ["_admin"]}}


async def test_revs_limit_stems_at_the_next_write(db):
    assert db.revs_limit() == 1000
    await db.update_docs([replicated("a", "4-d", "3-c", "2-b", "1-a")], new_edits=False)
    await db.set_revs_limit(2)
    assert db.revs_limit() == 2
    written = await db.update_doc(document("a", rev("4-d")))
    info = decode(db.open_doc("a", OpenOptions(revs_info=True)).json)["_revs_info"]
    assert [row["rev"] for row in info] == [str(written.rev), str(rev("4-d"))]


async def test_compaction_drops_what_was_superseded(db):
    last = None
    for n in range(5):
        last = (await db.update_doc(document("a", last, n=n, filler="x" * 1000))).rev
    before = db.info()
    await db.compact()
    after = db.info()
    assert after.size_file < before.size_file - 4000
    assert (after.size_active, after.size_external) == (before.size_active, before.size_external)
    assert decode(db.open_doc("a").json)["n"] == 4


async def test_compaction_shows_while_it_runs(node, db, monkeypatch):
    first = (await db.update_doc(document("a"))).rev
    await db.update_doc(document("a", first))
    shown = []
    submit = node.writer.submit

    def watched(command):
        shown.append((db.info().compact_running, node.active_tasks.entries()))
        return submit(command)

    monkeypatch.setattr(node.writer, "submit", watched)
    await db.compact()
    [(running, [task]), *_] = shown
    assert running
    assert (task["type"], task["database"], task["total_changes"]) == ("database_compaction", "db", 2)
    assert not db.info().compact_running
    assert node.active_tasks.entries() == []


async def test_compaction_in_many_steps(db, monkeypatch):
    monkeypatch.setattr(
        "docstore.storage.documents.compaction.compact_documents.__kwdefaults__", {"limit": 2, "bodies": 1}
    )
    for n in range(5):
        first = (await db.update_doc(document(f"d{n}"))).rev
        await db.update_doc(document(f"d{n}", first, n=n))
    await db.compact()
    statuses = [
        [row["status"] for row in decode(db.open_doc(f"d{n}", OpenOptions(revs_info=True)).json)["_revs_info"]]
        for n in range(5)
    ]
    assert statuses == [["available", "missing"]] * 5


async def test_a_second_compaction_returns_at_once(db, monkeypatch):
    db._compacting = True
    monkeypatch.setattr(db, "_writer", None)
    await db.compact()


async def test_a_failing_compaction_is_over(node, db):
    await db.update_doc(document("a"))
    await node.registry.delete("db")
    with pytest.raises(DatabaseNotFound):
        await db.compact()
    assert not db._compactor.running


async def test_deleted_database(node, db):
    await node.registry.delete("db")
    for setting in (db.set_security({}), db.set_revs_limit(5), db.set_purged_infos_limit(5)):
        with pytest.raises(DatabaseNotFound):
            await setting


async def test_who_waits_for_a_sync_is_told_of_it_and_whoever_wrote_beside_him_of_the_write(db, monkeypatch):
    environment = db.environment
    settings = replace(environment.settings, durability=Durability.RELAXED)
    monkeypatch.setattr(environment, "settings", settings)
    sync = environment.committed

    def fails(transaction):
        sync(transaction)
        if transaction.wants_sync:
            raise OSError(errno.ENOSPC, "the sync")

    monkeypatch.setattr(environment, "committed", fails)
    waiting = [asyncio.ensure_future(db.make_durable()), asyncio.ensure_future(db.update_doc(document("a")))]
    refused, written = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(refused, StorageFailed)
    assert written.rev == db.open_doc("a", OpenOptions()).rev
