"""Readers that stop in the middle, as behind clients that do not read: they hold no snapshot, and nobody is refused.

More readers than there are snapshots take their first slice and no more. Everybody else is served meanwhile; then they
read on, in newer snapshots, and have a whole and right answer.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest

from docstore.core.attachment import Inline
from docstore.core.document import Document
from docstore.core.json_text import decode
from docstore.database.database import Database
from docstore.database.reading import all_docs, bulk_reading, changes, conflicts
from docstore.database.reading.all_docs import AllDocsQuery, Namespace, read_all_docs
from docstore.database.reading.changes import ChangesQuery, follow_changes, read_changes
from docstore.database.reading.conflicts import ConflictsQuery, read_conflicts
from docstore.database.reading.document_text import stream_text
from docstore.database.reading.documents import OpenedDoc, OpenOptions
from docstore.node import Node
from tests.database.helpers import document, replicated, settings, until_none_is_open
from tests.storage_findings import storage_findings

FEW_SNAPSHOTS = {"max_snapshots": 12, "snapshot_reserve": 4}
CROWDS = [
    (14, FEW_SNAPSHOTS),
    pytest.param((70, {}), marks=pytest.mark.long),
    pytest.param((300, {}), marks=pytest.mark.long),
]
"""How many readers there are of a kind, and how many snapshots."""
NAMES = [f"doc{number:03}" for number in range(200)]
LOCALS = [f"_local/{number:03}" for number in range(100)]
Row = tuple[str, object]
"""The id of a row, and all that it shows."""

Read = Callable[[Database], AsyncGenerator[list[Row]]]


async def rows_of(parts: AsyncGenerator) -> AsyncGenerator[list[Row]]:
    """The rows of slices, parsed, a list a slice; attachments that are streamed are read."""
    async with aclosing(parts):
        async for part in parts:
            found = []
            for row in part.rows:
                pieces = (row,) if isinstance(row, bytes) else row
                shown = decode(b"".join([piece async for piece in stream_text(pieces)]))
                shown.pop("seq", None)
                found.append((shown["id"], shown))
            yield found


async def rows_of_bulk_get(db: Database) -> AsyncGenerator[list[Row]]:
    requests = [(name, "all") for name in NAMES]
    async with aclosing(db.bulk_get(requests, OpenOptions(revs=True, attachments=True))) as found:
        place = 0
        async for entries in found:
            shown = []
            for one in entries:
                assert isinstance(one, OpenedDoc)
                shown.append(decode(b"".join([piece async for piece in one.stream()])))
            yield [(NAMES[place], shown)]
            place += 1


def listing(**query: object) -> Read:
    return lambda db: rows_of(read_all_docs(db, AllDocsQuery(**query)))


def passing(**query: object) -> Read:
    return lambda db: rows_of(read_changes(db, ChangesQuery(**query)))


def following(*, once: bool, **query: object) -> Read:
    return lambda db: rows_of(follow_changes(db, ChangesQuery(**query), once=once))


READS: dict[str, Read] = {
    "_all_docs": listing(),
    "_all_docs include_docs": listing(include_docs=True),
    "_all_docs backwards": listing(include_docs=True, descending=True),
    "_all_docs keys": listing(include_docs=True, keys=tuple(NAMES)),
    "_all_docs attachments": listing(include_docs=True, attachments=True),
    "_all_docs conflicts_only": listing(include_docs=True, conflicts_only=True),
    "_local_docs": listing(include_docs=True, namespace=Namespace.LOCAL),
    "_conflicts": lambda db: rows_of(read_conflicts(db, ConflictsQuery(include_docs=True))),
    "_changes": passing(),
    "_changes include_docs": passing(include_docs=True),
    "_changes attachments": passing(include_docs=True, attachments=True),
    "_changes filtered": passing(filter=lambda shown, steps: True),
    "_changes doc_ids": passing(doc_ids=frozenset(NAMES[:90]), include_docs=True),
    "_changes backwards": passing(descending=True),
    "_changes conflicts_only": passing(conflicts_only=True, include_docs=True),
    "_changes continuous": following(once=False, include_docs=True, limit=len(NAMES)),
    "_changes longpoll": following(once=True, include_docs=True),
    "_bulk_get": rows_of_bulk_get,
}


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows a slice, so that a short answer has many."""
    for module in (all_docs, changes, conflicts, bulk_reading):
        monkeypatch.setattr(module, "SLICE_BYTES", 2_000)
    for module in (all_docs, changes, conflicts):
        monkeypatch.setattr(module, "CHUNK_ROWS", 8)


@pytest.fixture
def crowd(request: pytest.FixtureRequest) -> int:
    readers: int = request.param[0]
    return readers


@pytest.fixture
async def node(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Node]:
    """A node with as many snapshots as the crowd of the test is to find."""
    crowds = getattr(request.node, "callspec", None)
    snapshots = crowds.params["crowd"][1] if crowds is not None and "crowd" in crowds.params else {}
    async with Node(settings(tmp_path / "data", **snapshots)) as node:
        yield node
        assert storage_findings(node) == []


@pytest.fixture
async def full(db: Database) -> Database:
    """Documents, half of them in conflict, some with attachments, and local ones."""
    await db.update_docs([document(name, text="x" * 300) for name in NAMES])
    losing = [replicated(name, "1-0", text="y" * 300) for name in NAMES[::2]]
    await db.update_docs(losing, new_edits=False)
    await db.update_docs([document(name, text="z" * 300) for name in LOCALS])
    for number, name in enumerate(NAMES[1::20]):
        data = bytes([number]) * (100_000 if number % 2 else 1_000)
        [staged] = await db.blobs.stage_inline([Inline("a", "application/octet-stream", data)])
        winner = db.open_doc(name).rev
        await db.put_attachment(name, winner, staged.linked("a", "application/octet-stream"))
    return db


async def the_rest(reader: AsyncGenerator[list[Row]]) -> list[Row]:
    return [row async for rows in reader for row in rows]


async def disturb(db: Database) -> set[str]:
    """Write to what has been read, to what has not, and to what was not there. The ids that are touched."""
    touched = [NAMES[3], NAMES[len(NAMES) // 2 + 1], NAMES[-3]]
    for name in touched:
        await db.update_doc(document(name, on=db.open_doc(name).rev, text="new"))
    added: list[Document] = [document("new"), document("_local/new"), document("aaa")]
    await db.update_docs(added)
    return {*touched, "new", "aaa", "_local/new"}


def undisturbed(rows: list[Row], touched: set[str]) -> list[Row]:
    return [row for row in rows if row[0] not in touched]


async def stall(stack: AsyncExitStack, db: Database, read: Read) -> tuple[list[Row], AsyncGenerator[list[Row]]]:
    """A reader that has taken one slice."""
    reader = await stack.enter_async_context(aclosing(read(db)))
    return await anext(reader), reader


@pytest.mark.parametrize("crowd", CROWDS, indirect=True, ids=["14", "70", "300"])
@pytest.mark.parametrize("name", READS)
async def test_everybody_is_served_and_they_read_on(node: Node, crowd: int, full: Database, name: str):
    read = READS[name]
    whole = await the_rest(read(full))
    assert len(whole) >= 50
    async with AsyncExitStack() as stack:
        stalled = [await stall(stack, full, read) for _ in range(crowd)]
        assert all(len(rows) < len(whole) // 2 for rows, _ in stalled)
        assert full.open_doc(NAMES[0]).rev
        await full.update_doc(document("while they wait"))
        assert await the_rest(read(full)) != []
        await until_none_is_open(node.env)
        touched = await disturb(full) | {"while they wait"}
        for rows, reader in stalled:
            answer = rows + await the_rest(reader)
            assert undisturbed(answer, touched) == undisturbed(whole, touched)
            if name != "_changes continuous":  # which tells of an update after the document
                assert len({doc_id for doc_id, _ in answer}) == len(answer)
    assert node.env.open_snapshots == 0


@pytest.mark.parametrize("each", [6, pytest.param(30, marks=pytest.mark.long)])
async def test_hundreds_of_all_kinds_together(node: Node, full: Database, each: int):
    wholes = {name: await the_rest(read(full)) for name, read in READS.items()}
    async with AsyncExitStack() as stack:
        stalled = [(name, await stall(stack, full, read)) for name, read in READS.items() for _ in range(each)]
        await full.update_doc(document("while they wait"))
        answers = await asyncio.gather(*(the_rest(reader) for _, (_, reader) in stalled))
    for (name, (rows, _)), rest in zip(stalled, answers, strict=True):
        assert undisturbed(rows + rest, {"while they wait"}) == undisturbed(wholes[name], {"while they wait"})
    assert node.env.open_snapshots == 0


async def test_a_database_that_is_deleted_meanwhile_is_said_to_be_gone_or_ends_the_feed(node: Node, full: Database):
    async with AsyncExitStack() as stack:
        _, feed = await stall(stack, full, READS["_changes continuous"])
        await until_none_is_open(node.env)
        await node.registry.delete("db")
        assert await asyncio.wait_for(the_rest(feed), 10) == []
