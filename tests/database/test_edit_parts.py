"""Long requests become several commands, and others get in between."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.attachment import Stub
from docstore.core.document import Document
from docstore.core.edit import Edit
from docstore.core.rev import Rev
from docstore.database.apply.edit_work import EDIT, TOO_MUCH_WORK, most_work, portions, work_of, work_of_all
from docstore.database.apply.reply_forms import BulkForm
from docstore.database.commands import EditDocuments
from docstore.database.database import Database
from docstore.database.edit_parts import submit_edits
from docstore.database.reading.changes import Style
from docstore.errors import Conflict, StorageFull, TooLarge
from docstore.node import Node
from docstore.settings import Settings, StorageSettings
from tests.database.helpers import changes, document, replicated, rev, settings
from tests.storage_findings import storage_findings

BOUND = 10 * EDIT


def bounded(folder: Path) -> Settings:
    return settings(folder / "data", command_max_work=BOUND, keyed_command_max_work=20 * EDIT)


@pytest.fixture
async def node(tmp_path: Path):
    async with Node(bounded(tmp_path)) as node:
        yield node
        assert storage_findings(node) == []


def leaves(count: int, doc_id: str = "a", first: int = 0) -> list[Document]:
    return [replicated(doc_id, rev(f"1-{number:032x}"), n=number) for number in range(first, first + count)]


def edits(documents: Sequence[Document]) -> list[Edit]:
    return [Edit(one.id, one.rev, one.deleted, one.body, one.term, path=one.path) for one in documents]


# --- the cut


@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 40), st.booleans()), max_size=30))
def test_the_quick_measure_is_no_less_than_the_work(drawn: list[tuple[int, int, bool]]) -> None:
    named = (Stub("f"),)
    made = [
        Edit("a", None, False, bytes(size), b"", path=(rev("1-a"),) * length, attachments=named if attached else ())
        for size, length, attached in drawn
    ]
    assert most_work(made) >= work_of_all(made)
    assert most_work(made) <= work_of_all(made) + 2 * len(made)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40_000), st.integers(1, 40)), max_size=30),
    st.integers(1, 60),
    st.booleans(),
)
def test_a_portion_is_within_the_bound_or_a_single_edit(
    drawn: list[tuple[str, int, int]], bound: int, new_edits: bool
) -> None:
    made = [
        Edit(doc_id, None, False, bytes(size), b"", path=tuple(Rev(g, b"x") for g in range(length, 0, -1)))
        for doc_id, size, length in drawn
    ]
    counts = list(portions(made, bound, new_edits=new_edits))
    assert sum(counts) == len(made)
    start = 0
    for count in counts:
        portion = made[start : start + count]
        start += count
        again = [not new_edits and place > 0 and portion[place - 1].id == edit.id for place, edit in enumerate(portion)]
        work = sum(work_of(edit, further=further) for edit, further in zip(portion, again, strict=True))
        assert count == 1 or 0 < work <= bound


def test_bytes_paths_and_further_arrivals_are_work() -> None:
    [small], [large] = edits([document("a")]), edits([document("a", text="x" * 100_000)])
    [long] = edits([replicated("a", *(Rev(generation, b"x" * 16) for generation in range(1000, 0, -1)))])
    assert work_of(small) == EDIT
    assert work_of(small, further=True) < EDIT
    assert work_of(large) > 5 * EDIT
    assert work_of(long) > 10 * EDIT


# --- on the way to the writer


async def test_another_write_gets_in_between(node: Node, db: Database) -> None:
    bulk = asyncio.ensure_future(db.update_docs([document(f"d{number:03}") for number in range(200)]))
    await asyncio.sleep(0)
    await db.update_doc(document("other"))
    assert not bulk.done()
    assert all(result.error is None for result in await bulk)
    seqs = {row["id"]: row["seq"] for row in await changes(db)}
    assert seqs["other"] <= 2 * BOUND // EDIT + 1
    assert seqs["d199"] == 201


async def test_no_command_has_more_than_its_work(node: Node, db: Database, monkeypatch) -> None:
    submitted: list[EditDocuments] = []
    submit = node.writer.submit

    def noted(command: object) -> object:
        submitted.append(command)
        return submit(command)

    monkeypatch.setattr(node.writer, "submit", noted)
    await db.update_docs([document(f"d{number}") for number in range(95)])
    assert [len(command.edits) for command in submitted] == [10] * 9 + [5]
    submitted.clear()
    await db.update_docs(leaves(95), new_edits=False)
    assert len(submitted[0].edits) > 10  # arrivals of one document are merged together
    await db.update_doc(document("alone", text="x" * 100_000))
    assert submitted[-1].max_work == 0


async def test_a_large_tree_is_work_that_shows_only_when_it_is_read(node: Node, db: Database) -> None:
    """Each edit of such a document writes its tree anew, so a command does not take on all of them."""
    await db.update_docs(leaves(100), new_edits=False)
    await db.update_docs(leaves(3, "b"), new_edits=False)
    mine = [document("a", rev(f"1-{number:032x}"), n="new") for number in range(5)]
    command = EditDocuments(db.number, tuple(edits([*mine, document("b")])), max_work=BOUND)
    answers = await node.writer.submit(command)
    assert [answer is None for answer in answers] == [False, True, True, True, True, True]
    again = await db.update_docs([*mine, document("c")])
    assert [result.error is None for result in again] == [False, True, True, True, True, True]
    assert isinstance(again[0].error, Conflict)


async def test_what_is_still_to_come_leaves_room_for_trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is nearly full by its edits does no fewer of them than one that is cut by their trees."""
    monkeypatch.setattr("docstore.database.edit_parts.monotonic", lambda: 100.0)
    async with Node(settings(tmp_path / "data", command_max_work=100 * EDIT)) as node:
        db = await node.registry.create("db")
        named = [f"d{number:02}" for number in range(99)]
        for n in range(10):
            await db.update_docs([one for name in named for one in leaves(1, name, n)], new_edits=False)
        before = node.writer.commands
        results = await db.update_docs([document(name, rev(f"1-{9:032x}"), n="new") for name in named])
        assert all(result.error is None for result in results)
        assert node.writer.commands - before <= 99 * (EDIT + 30) // (100 * EDIT) + 1
        assert storage_findings(node) == []


async def test_edits_of_one_document_keep_their_order(db: Database) -> None:
    twice = [document(f"d{number % 40:02}", n=number) for number in range(80)]
    results = await db.update_docs(twice)
    assert [result.id for result in results] == [one.id for one in twice]
    assert [result.error is None for result in results] == [True] * 40 + [False] * 40


@pytest.mark.parametrize("bound", [1, 40, 400, 1_000_000])
async def test_many_leaves_are_the_same_however_they_are_cut(tmp_path: Path, bound: int) -> None:
    async with Node(settings(tmp_path / "data", command_max_work=bound)) as node:
        db = await node.registry.create("db")
        sent = [one for number in range(40) for one in leaves(1, "a", number) + leaves(1, "b", number)]
        assert all(result.error is None for result in await db.update_docs(sent, new_edits=False))
        for doc_id in "ab":
            assert str(db.head(doc_id).winner) == f"1-{39:032x}"
            assert len(db.open_revs(doc_id, "all")) == 40
        [a, b] = await changes(db, style=Style.ALL_DOCS)
        assert a["changes"] == b["changes"]
        assert len(a["changes"]) == 40
        assert storage_findings(node) == []


async def test_what_was_written_before_a_failure_stays(db: Database, node: Node, monkeypatch) -> None:
    submit = node.writer.submit
    commands = 0

    def failing(command: object) -> object:
        nonlocal commands
        commands += 1
        if commands == 3:
            raise StorageFull
        return submit(command)

    monkeypatch.setattr(node.writer, "submit", failing)
    with pytest.raises(StorageFull):
        await db.update_docs([document(f"d{number}") for number in range(50)])
    assert db.info().doc_count == 20


# --- with an idempotency key


def remembering(node: Node, db: Database, count: int) -> Database:
    ticket = node.remembered.ticket("db", "", "k", lambda: bytes(32))
    return ticket.remembering(db, BulkForm(tuple(f"d{number}" for number in range(count))))


async def test_a_keyed_write_is_one_command_or_refused(node: Node, db: Database) -> None:
    documents = [document(f"d{number}") for number in range(21)]
    with pytest.raises(TooLarge) as refused:
        await remembering(node, db, 21).update_docs(documents)
    assert refused.value.reason == TOO_MUCH_WORK
    assert db.info().doc_count == 0
    groups = node.writer.groups
    assert len(await remembering(node, db, 20).update_docs(documents[:20])) == 20
    assert node.writer.groups == groups + 1


@pytest.mark.parametrize("local", [0, 1])
async def test_so_is_one_whose_work_shows_when_trees_are_read(node: Node, db: Database, local: int) -> None:
    await db.update_docs(leaves(100), new_edits=False)
    before = db.update_seq()
    documents = [document("a", rev(f"1-{number:032x}")) for number in range(5)] + [document("_local/x")] * local
    ticket = node.remembered.ticket("db", "", "k", lambda: bytes(32))
    keyed = ticket.remembering(db, BulkForm(tuple(one.id for one in documents)))
    beside = asyncio.ensure_future(db.update_docs([document("b"), document("c")]))
    with pytest.raises(TooLarge):
        await keyed.update_docs(documents)
    assert [result.error for result in await beside] == [None, None]
    assert db.update_seq() == before + 2
    assert ticket.find() is None
    with db.environment.snapshot() as snapshot:
        assert list(snapshot.cursor(snapshot.tables.local).iternext()) == []


async def test_so_are_many_local_documents(node: Node, db: Database) -> None:
    documents = [document(f"_local/{number}") for number in range(5)]
    ticket = node.remembered.ticket("db", "", "k", lambda: bytes(32))
    with pytest.raises(TooLarge):
        await ticket.remembering(db, BulkForm(tuple(one.id for one in documents))).update_docs(documents)


def test_the_defaults_are_more_than_clients_send() -> None:
    """PouchDB and couchbackup send batches of hundreds, replicators of 500, and they are one command."""
    assert StorageSettings().command_max_work >= 2_000 * EDIT
    assert StorageSettings().keyed_command_max_work >= 10_000 * EDIT


async def test_no_edits_are_no_command(node: Node, db: Database) -> None:
    commands = node.writer.commands
    assert await submit_edits(node.writer, db.environment.settings, db.number, [], new_edits=True) == []
    assert node.writer.commands == commands


@pytest.mark.parametrize(("alone", "commands"), [(True, 1), (False, 4)])
async def test_a_batch_is_cut_smaller_while_others_write_single_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: bool, commands: int
) -> None:
    monkeypatch.setattr("docstore.database.edit_parts.monotonic", lambda: 100.0)
    async with Node(settings(tmp_path / "shared", shared_command_max_work=10 * EDIT)) as node:
        database = await node.registry.create("db")
        if not alone:
            await database.update_doc(document("single"))
        before = node.writer.commands
        await database.update_docs([document(f"d{number}") for number in range(40)])
        assert node.writer.commands - before == commands
        assert database.info().doc_count == (40 if alone else 41)


async def test_what_the_server_notes_of_its_databases_is_nobody_who_waits(tmp_path: Path) -> None:
    async with Node(settings(tmp_path / "noted", shared_command_max_work=10 * EDIT)) as node:
        database = await node.registry.create("db")
        await node.registry.create("_global_changes")
        await database.update_docs([document("a"), document("b")])
        await node.global_changes.written()
        assert node.registry.open("_global_changes").info().doc_count == 1
        before = node.writer.commands
        await database.update_docs([document(f"d{number}") for number in range(40)])
        assert node.writer.commands - before == 1
