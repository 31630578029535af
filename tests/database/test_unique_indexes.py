"""Unique indexes of a database: what writes they refuse, how they come and go, and what stands twice."""

import asyncio
import itertools
from pathlib import Path

import pytest

from docstore.core.json_text import decode
from docstore.core.merge_strategies import Keep, Replace
from docstore.core.rev import parse_rev
from docstore.core.unique.definition import definition_of
from docstore.core.unique.errors import DuplicatesExist, NotUnique
from docstore.database.apply.unique import BeginUnique, BuildUnique
from docstore.database.database import Database
from docstore.database.reading.unique_duplicates import DuplicatesQuery, read_duplicates
from docstore.errors import BadRequest, Conflict, DatabaseNotFound
from docstore.node import Node
from docstore.settings import MAX_UNIQUE_INDEXES
from docstore.storage import rows
from docstore.storage.databases import get_state
from docstore.storage.documents import unique_building
from docstore.storage.documents.unique_rows import UniqueState, list_indexes
from docstore.storage.keys import prefix
from tests.database.conflicting import conflict, resolve
from tests.database.helpers import document, replicated, rev, settings
from tests.database.unique import DDOC, current_rev, define, duplicates, make, view
from tests.storage_findings import storage_findings


@pytest.fixture
async def indexed(node: Node, db: Database) -> Database:
    """``db`` with a unique index on ``email``."""
    await make(node, db, "email")
    return db


def state_of(node: Node, db: Database) -> list[tuple[str, bool, UniqueState]]:
    """(name, provisional, state) of all indexes that have rows."""
    with node.env.snapshot() as snapshot:
        return [(index.name, index.provisional, index.state) for index in list_indexes(snapshot, db.number)]


async def refused(db: Database, doc_id: str, **members: object) -> NotUnique:
    with pytest.raises(NotUnique) as caught:
        await db.update_doc(document(doc_id, current_rev(db, doc_id), **members))
    return caught.value


async def put(db: Database, doc_id: str, **members: object) -> str:
    result = await db.update_doc(document(doc_id, current_rev(db, doc_id), **members))
    return str(result.rev)


# --- what writes are refused


async def test_the_second_document_with_a_value_is_refused(indexed):
    await put(indexed, "a", email="x")
    error = await refused(indexed, "b", email="x")
    assert error.error == "conflict"
    assert error.reason == 'The document "a" has the same value of "email", which is to be unique.'
    assert error.details == {
        "doc_id": "b", "index": {"ddoc": DDOC, "name": "v"}, "fields": ["email"], "other_id": "a",
    }  # fmt: skip
    assert current_rev(indexed, "b") is None
    await put(indexed, "b", email="y")
    await refused(indexed, "b", email="x")
    await put(indexed, "c")
    await put(indexed, "d")


async def test_a_value_is_free_again_once_nobody_has_it(indexed):
    await put(indexed, "a", email="x")
    await put(indexed, "a", email="y")
    await put(indexed, "b", email="x")
    await refused(indexed, "a", email="x")
    await indexed.delete_doc("b", parse_rev(current_rev(indexed, "b")))
    await put(indexed, "a", email="x")
    await indexed.purge({"a": [parse_rev(current_rev(indexed, "a"))]})
    await put(indexed, "c", email="x")


async def test_a_document_keeps_its_value_through_edits(indexed):
    await put(indexed, "a", email="x")
    await put(indexed, "a", email="x", n=1)
    await put(indexed, "a", email="x", n=2)
    await refused(indexed, "b", email="x")
    assert await duplicates(indexed) == []


async def test_documents_of_one_request_see_each_other(indexed):
    results = await indexed.update_docs([document(name, email="x") for name in "abc"])
    assert [type(result.error) for result in results] == [type(None), NotUnique, NotUnique]
    last = current_rev(indexed, "a")
    results = await indexed.update_docs([document("a", last, email="y"), document("b", email="x")])
    assert [result.error for result in results] == [None, None]


async def test_of_two_simultaneous_edits_one_wins(indexed):
    for value in range(20):
        outcomes = await asyncio.gather(
            *(indexed.update_doc(document(f"{name}{value}", email=value)) for name in "ab"), return_exceptions=True
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["EditResult", "NotUnique"]


async def test_a_stale_edit_is_a_conflict_like_any_other(indexed):
    await put(indexed, "a", email="x")
    first = await put(indexed, "b", email="y")
    await put(indexed, "b", email="z")
    with pytest.raises(Conflict) as caught:
        await indexed.update_doc(document("b", first, email="x"))
    assert not isinstance(caught.value, NotUnique)


async def test_design_documents_and_local_ones_have_no_values(indexed):
    await put(indexed, "a", email="x")
    await put(indexed, "_design/d", email="x")
    await indexed.update_doc(document("_local/d", email="x"))


async def test_several_fields_count_together(node, db):
    await make(node, db, "first", "last.name")
    await put(db, "a", first=1, last={"name": 1})
    await put(db, "b", first=1, last={"name": 2})
    error = await refused(db, "c", first=1.0, last={"name": 1})
    assert error.reason == 'The document "a" has the same value of "first", "last.name", which is to be unique.'


async def test_only_documents_that_the_selector_matches_count(node, db):
    await make(node, db, "email", selector={"active": True})
    await put(db, "a", email="x", active=False)
    await put(db, "b", email="x", active=True)
    await put(db, "c", email="x")
    await refused(db, "a", email="x", active=True)
    await put(db, "b", email="x")
    await put(db, "a", email="x", active=True)


async def test_long_ids(indexed):
    long = "long " * 120
    await put(indexed, long + "a", email="x")
    error = await refused(indexed, long + "b", email="x")
    assert error.details["other_id"] == long + "a"


async def test_every_live_leaf_counts(indexed):
    """Any of them may win one day."""
    await conflict(indexed, "a", {}, {"email": "x"}, {"email": "y"})
    await refused(indexed, "b", email="x")
    await refused(indexed, "b", email="y")
    await resolve(indexed, "a", Keep(rev("2-f")))
    await refused(indexed, "b", email="x")
    await put(indexed, "b", email="y")


async def test_what_a_conflict_is_resolved_to_must_be_free(indexed):
    await put(indexed, "b", email="z")
    await conflict(indexed, "a", {}, {"email": "x"}, {"email": "y"})
    with pytest.raises(NotUnique):
        await resolve(indexed, "a", Replace(document("a", email="z")))
    await resolve(indexed, "a", Replace(document("a", email="y")))
    await put(indexed, "c", email="x")
    await refused(indexed, "d", email="y")


# --- what replication brings


async def test_replicated_revisions_are_never_refused_and_stand_until_they_are_resolved(node, indexed):
    await put(indexed, "a", email="x")
    results = await indexed.update_docs([replicated("b", "1-b", email="x", n=1)], new_edits=False)
    assert [result.error for result in results] == [None]
    assert await duplicates(indexed) == [
        {"ddoc": DDOC, "name": "v", "fields": ["email"], "values": ["x"], "ids": ["a", "b"]}
    ]
    assert node.registry.unique.duplicates() == 1
    await refused(indexed, "c", email="x")
    await put(indexed, "a", email="x", still="there")
    await put(indexed, "b", email="x", still="there")
    await put(indexed, "b", email="y")
    assert await duplicates(indexed) == []
    assert node.registry.unique.duplicates() == 0
    await refused(indexed, "b", email="x")


@pytest.mark.parametrize("how", ["delete", "purge"])
async def test_a_duplicate_is_resolved_by_its_end_too(indexed, how):
    await put(indexed, "a", email="x")
    await indexed.update_docs([replicated("b", "1-b", email="x")], new_edits=False)
    if how == "delete":
        await indexed.delete_doc("b", rev("1-b"))
    else:
        await indexed.purge({"b": [rev("1-b")]})
    assert await duplicates(indexed) == []


async def test_leaves_of_one_document_are_no_duplicates(indexed):
    await conflict(indexed, "a", {}, {"email": "x"}, {"email": "x"}, {"email": "x"})
    assert await duplicates(indexed) == []
    await indexed.update_doc(document("a", rev("2-e"), email="x", n=1))
    await refused(indexed, "b", email="x")


async def test_revisions_below_what_is_there_and_compaction_change_nothing(indexed):
    await put(indexed, "a", email="x")
    await indexed.update_docs([replicated("a", "3-c", "2-b", "1-a", email="y")], new_edits=False)
    await indexed.set_revs_limit(1)
    await indexed.compact()
    await refused(indexed, "b", email="x")
    await refused(indexed, "b", email="y")


async def test_the_listing_goes_page_by_page(indexed):
    copies = [replicated(f"{name}{value}", "1-a", email=value) for name in "ab" for value in range(150)]
    await indexed.update_docs(copies, new_edits=False)
    everything = await duplicates(indexed)
    assert sorted(row["values"][0] for row in everything) == list(range(150))
    assert all(len(row["ids"]) == 2 for row in everything)
    paged: list[dict] = []
    after = b""
    while page := [part async for part in read_duplicates(indexed, DuplicatesQuery(limit=7, after=after))]:
        paged += [decode(row) for part in page for row in part.rows]
        if after == page[-1].last:
            break
        after = page[-1].last
    assert paged == everything
    assert await duplicates(indexed, skip=149) == everything[149:]
    assert await duplicates(indexed, limit=0) == []


async def test_a_row_names_no_more_documents_than_it_may(indexed):
    await indexed.update_docs([replicated(f"{n:03}", "1-a", email="x") for n in range(120)], new_edits=False)
    [row] = await duplicates(indexed)
    assert row["ids"] == [f"{n:03}" for n in range(100)]
    assert row["more"] is True


# --- how an index comes


async def test_an_index_over_duplicates_is_refused_and_leaves_nothing(node, db):
    for name in "abc":
        await put(db, name, email="x")
    await put(db, "d", email="y")
    with pytest.raises(DuplicatesExist) as caught:
        await make(node, db, "email")
    assert caught.value.details["duplicates"] == [["a", "b", "c"]]
    assert '"a", "b", "c"' in caught.value.reason
    await node.registry.unique.finish()
    assert state_of(node, db) == []
    assert current_rev(db, DDOC) is None
    await put(db, "e", email="x")


async def test_writes_obey_an_index_while_it_is_built(node, db, monkeypatch):
    monkeypatch.setattr(unique_building, "STEP_BYTES", 1)
    for number in range(5):
        await put(db, str(number), email=number)
    definition = definition_of(["email"])
    index = await db._writer.submit(BeginUnique(db.number, DDOC, "v", definition))
    await put(db, "new", email="x")
    await refused(db, "newer", email="x")
    await put(db, "3", email="z")
    await db.delete_doc("4", parse_rev(current_rev(db, "4")))
    steps = []
    while not steps or steps[-1].state is UniqueState.BUILDING:
        steps.append(await db._writer.submit(BuildUnique(db.number, index, "1")))
        assert storage_findings(node) == []
    assert len(steps) > 3
    assert steps[-1].state is UniqueState.ACTIVE
    await refused(db, "newer", email=2)
    await put(db, "newer", email=3)


async def test_a_write_that_met_no_key_yet_makes_the_index_fail(node, db):
    await put(db, "a", email="x")
    index = await db._writer.submit(BeginUnique(db.number, DDOC, "v", definition_of(["email"])))
    await put(db, "b", email="x")
    step = await db._writer.submit(BuildUnique(db.number, index, "1"))
    assert step.state is UniqueState.GOING
    assert step.duplicates[0].ids == ("a", "b")


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, None])
async def test_whoever_asks_and_goes_leaves_nothing(node, db, monkeypatch, turns):
    monkeypatch.setattr(unique_building, "STEP_BYTES", 1)
    for number in range(200):
        await put(db, str(number), email=number)
    asked = asyncio.create_task(make(node, db, "email"))
    for turn in itertools.count():
        if turn == turns or (turns is None and state_of(node, db)):
            break
        await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await put(db, "after", email=1.5)
    async with asyncio.timeout(30):  # giving it up is not waited for by anybody
        while state_of(node, db):
            await node.registry.unique.finish()
            await asyncio.sleep(0)


async def test_a_design_document_that_is_refused_takes_its_index_with_it(node, db):
    with pytest.raises(Conflict):
        async with node.registry.unique.making(db.number, DDOC, "v", definition_of(["email"])):
            raise Conflict
    await put(db, "a", email="x")
    await put(db, "b", email="x")


async def test_asked_twice_at_once_it_is_one(node, db):
    await put(db, "a", email="x")

    async def ask() -> None:
        async with node.registry.unique.making(db.number, DDOC, "v", definition_of(["email"])):
            if current_rev(db, DDOC) is None:
                await define(db, {"v": view("email")})

    await asyncio.gather(ask(), ask(), return_exceptions=True)
    await node.registry.unique.finish()
    assert state_of(node, db) == [("v", False, UniqueState.ACTIVE)]
    await refused(db, "b", email="x")


async def test_an_index_of_a_design_document_that_comes_by_itself(node, db):
    for name in "ab":
        await put(db, name, email="x")
    await define(db, {"v": view("email"), "w": view("n", selector={"a": 1}), "x": view("o", unique=False)})
    await node.registry.unique.finish()
    assert state_of(node, db) == [("v", False, UniqueState.ACTIVE), ("w", False, UniqueState.ACTIVE)]
    assert [row["ids"] for row in await duplicates(db)] == [["a", "b"]]
    assert node.registry.unique.status(db.number)[DDOC, "v"] == (True, 1)
    await refused(db, "c", email="x")


async def test_design_documents_of_the_same_request_come_with_their_documents(node, db):
    ddoc = document(DDOC, language="query", views={"v": view("email")})
    await db.update_docs([document("a", email="x"), ddoc, document("b", email="x")])
    await node.registry.unique.finish()
    assert [row["ids"] for row in await duplicates(db)] == [["a", "b"]]


# --- how it goes


@pytest.mark.parametrize("how", ["delete", "purge", "replace", "change"])
async def test_an_index_goes_with_its_design_document(node, indexed, how):
    await put(indexed, "a", email="x")
    last = parse_rev(current_rev(indexed, DDOC))
    match how:
        case "delete":
            await indexed.delete_doc(DDOC, last)
        case "purge":
            await indexed.purge({DDOC: [last]})
        case "replace":
            await define(indexed, {"v": view("email", unique=False)})
        case _:
            await define(indexed, {"v": view("email", "other")})
    await put(indexed, "b", email="x")
    await node.registry.unique.finish()
    assert state_of(node, indexed) == ([("v", False, UniqueState.ACTIVE)] if how == "change" else [])


async def test_the_winner_of_a_design_document_says_what_is_unique(node, indexed):
    first = current_rev(indexed, DDOC)
    loser = replicated(DDOC, "1-0", language="query", views={"v": view("n")})
    await indexed.update_docs([loser], new_edits=False)
    assert current_rev(indexed, DDOC) == first
    assert list(node.registry.unique.status(indexed.number)) == [(DDOC, "v")]
    await put(indexed, "a", email="x")
    await refused(indexed, "b", email="x")
    await indexed.delete_doc(DDOC, parse_rev(first))
    await put(indexed, "b", email="x")
    await node.registry.unique.finish()
    await put(indexed, "c", n=1)
    await refused(indexed, "d", n=1)


async def test_a_large_index_goes_in_steps(node, indexed, monkeypatch):
    monkeypatch.setattr(unique_building, "STEP_ROWS", 10)
    await indexed.update_docs([document(f"{n}", email=n) for n in range(95)])
    await indexed.delete_doc(DDOC, parse_rev(current_rev(indexed, DDOC)))
    await node.registry.unique.finish()
    assert state_of(node, indexed) == []


async def test_a_database_goes_with_its_indexes(node, indexed):
    await put(indexed, "a", email="x")
    await node.registry.delete("db")
    with pytest.raises(DatabaseNotFound):
        async with node.registry.unique.making(indexed.number, DDOC, "w", definition_of(["n"])):
            pass
    await node.registry.finish_sweeps()
    await node.registry.unique.finish()
    with node.env.snapshot() as snapshot:
        for table in (snapshot.tables.unique_indexes, snapshot.tables.unique_keys):
            assert not snapshot.cursor(table).first()


async def test_there_are_no_more_than_a_database_may_have(node, db):
    await define(db, {f"v{n}": view(f"f{n}") for n in range(MAX_UNIQUE_INDEXES - 1)})
    await define(db, {f"w{n}": view(f"g{n}") for n in range(3)}, ddoc="_design/w")
    assert len(node.registry.unique.status(db.number)) == MAX_UNIQUE_INDEXES
    with pytest.raises(BadRequest, match="at most"):
        await make(node, db, "email")


# --- across a restart


async def test_a_start_goes_on_with_what_is_there_and_gives_up_what_nobody_waits_for(tmp_path: Path) -> None:
    async with Node(settings(tmp_path / "data")) as node:
        db = await node.registry.create("db")
        for number in range(5):
            await put(db, str(number), email=number)
        node.registry.unique._stopped = True  # so that nothing is built before the end
        await define(db, {"v": view("email")})
        await db._writer.submit(BeginUnique(db.number, "_design/other", "w", definition_of(["n"])))
        assert state_of(node, db) == [("v", False, UniqueState.BUILDING), ("w", True, UniqueState.BUILDING)]
    async with Node(settings(tmp_path / "data")) as node:
        db = node.registry.open("db")
        await node.registry.unique.finish()
        assert state_of(node, db) == [("v", False, UniqueState.ACTIVE)]
        await refused(db, "new", email=3)
        assert storage_findings(node) == []


async def test_what_an_older_docstore_did_not_keep_is_made_anew(tmp_path: Path) -> None:
    async with Node(settings(tmp_path / "data")) as node:
        db = await node.registry.create("db")
        await make(node, db, "email")
        await put(db, "a", email="x")
        transaction = node.env.begin_write()
        state = get_state(transaction, db.number)
        state.note_unique(0)
        transaction.put(transaction.tables.states, prefix(db.number), rows.encode_state(state))
        transaction.transaction.commit()
        await put(db, "a", email="y")
        await put(db, "b", email="y")
        await define(db, {"w": view("n")}, ddoc="_design/w")
        transaction = node.env.begin_write()
        state = get_state(transaction, db.number)
        state.note_unique(0)
        transaction.put(transaction.tables.states, prefix(db.number), rows.encode_state(state))
        transaction.transaction.commit()
        assert storage_findings(node) == ["db: unique is 0, counted 2"]
    async with Node(settings(tmp_path / "data")) as node:
        db = node.registry.open("db")
        await node.registry.unique.finish()
        assert storage_findings(node) == []
        assert [row["ids"] for row in await duplicates(db)] == [["a", "b"]]
        await refused(db, "c", email="y")
        await put(db, "c", email="x")
