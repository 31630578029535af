"""A filter that is asked elsewhere: told is what a filter on the spot lets through, and a tree is read once."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docstore.core.attachment import Inline
from docstore.core.document import Document
from docstore.database.database import Database
from docstore.database.reading import selected_changes
from docstore.database.reading.changes import ChangesQuery, Style, read_changes
from docstore.database.reading.selected_changes import read_selected
from docstore.database.slices import SLICE_BYTES
from docstore.errors import DatabaseNotFound
from docstore.storage.documents.documents import get_tree
from tests.database.helpers import replicated

LEAVES = 1_000


def accepts(members: dict[str, object], modulus: int) -> bool:
    return sum(str(members["_id"]).encode() + str(members["_rev"]).encode()) % modulus == 0


class Asked:
    """A filter that is asked elsewhere, and what it was asked."""

    def __init__(self, modulus: int) -> None:
        self._modulus = modulus
        self.portions: list[list[bytes]] = []

    async def __call__(self, documents: Sequence[bytes]) -> list[bool]:
        self.portions.append(list(documents))
        return [accepts(json.loads(document), self._modulus) for document in documents]


@pytest.fixture
async def full(db):
    docs: list[Document] = []
    for number in range(40):
        doc_id = f"d{number}"
        docs.append(replicated(doc_id, "2-b", "1-a", n=number))
        if number % 3 == 0:
            docs += [replicated(doc_id, f"2-{leaf}", "1-a", deleted=leaf == "d") for leaf in "cde"]
        if number % 5 == 0:
            one = replicated(doc_id, "1-f")
            spec = (Inline("t", "text/plain", b"t" * number),)
            docs.append(Document(one.id, one.rev, one.deleted, one.body, one.term, one.path, spec))
    await db.update_docs(docs, new_edits=False)
    return db


async def told(slices) -> tuple[list[object], int, int]:
    rows: list[object] = []
    last = (0, 0)
    async for piece in slices:
        rows += map(json.loads, piece.rows)
        last = (piece.last_seq, piece.pending)
    return rows, *last


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(Style),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(0, 12)),
    st.booleans(),
    st.booleans(),
    st.integers(0, 60),
    st.sampled_from([1, 400, SLICE_BYTES]),
)
async def test_told_is_what_a_filter_on_the_spot_lets_through(
    full: Database, style, modulus, limit, descending, include_docs, since, portion
):
    query = ChangesQuery(since=since, limit=limit, descending=descending, style=style, include_docs=include_docs)
    on_the_spot = ChangesQuery(
        since=since,
        limit=limit,
        descending=descending,
        style=style,
        include_docs=include_docs,
        filter=lambda members, steps: accepts(members, modulus),
    )
    asked = Asked(modulus)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selected_changes, "SLICE_BYTES", portion)
        assert await told(read_selected(full, query, asked)) == await told(read_changes(full, on_the_spot))
    for document in (json.loads(text) for texts in asked.portions for text in texts):
        start, ids = document["_revisions"]["start"], document["_revisions"]["ids"]
        assert document["_rev"] == f"{start}-{ids[0]}"
        assert len(ids) == start


@pytest.fixture
async def leaves(db):
    padding = "x" * 2_000
    docs = [replicated("leaves", f"2-{number:04}", "1-a", text=padding) for number in range(LEAVES)]
    await db.update_docs([*docs, replicated("other", "1-a")], new_edits=False)
    return db


async def test_a_tree_is_read_once_and_its_leaves_are_shown_in_portions(leaves, monkeypatch):
    read: list[str] = []

    def counted(txn, db, record):
        read.append(str(record.winner))
        return get_tree(txn, db, record)

    monkeypatch.setattr("docstore.database.reading.documents.get_tree", counted)
    asked = Asked(1)
    rows, _, _ = await told(read_selected(leaves, ChangesQuery(style=Style.ALL_DOCS), asked))
    assert [len(row["changes"]) for row in rows] == [LEAVES, 1]
    assert len(read) == 2
    sizes = [sum(map(len, texts)) for texts in asked.portions]
    assert len(sizes) > 4
    assert max(sizes) < 3 * SLICE_BYTES


async def test_what_goes_meanwhile(node, leaves):
    """A body that is compacted away does not pass; a database that is gone ends the feed."""
    asked = Asked(1)
    query = ChangesQuery(style=Style.ALL_DOCS)

    async def compacting(documents: Sequence[bytes]) -> list[bool]:
        if not asked.portions:
            last = "2-0000"
            await leaves.update_docs([replicated("leaves", "3-f", last, "1-a")], new_edits=False)
            await leaves.compact()
        return await asked(documents)

    rows, _, _ = await told(read_selected(leaves, query, compacting))
    assert [len(row["changes"]) for row in rows if row["id"] == "leaves"] == [LEAVES - 1]

    async def deleting(documents: Sequence[bytes]) -> list[bool]:
        await node.registry.delete("db")
        return [True] * len(documents)

    with pytest.raises(DatabaseNotFound):
        await told(read_selected(leaves, query, deleting))
