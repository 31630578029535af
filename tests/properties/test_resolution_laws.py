"""Stores that have the same leaves and the same ancestor, however they came, resolve to the same revisions.

Every example fills two databases with one history in two orders, resolves in both, and sends what came of it to the
other one and to a third.
"""

import asyncio
import base64
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from docstore.core.document import Document, parse_document
from docstore.core.json_text import JsonValue, decode
from docstore.core.merge_strategies import Keep, Latest, Replace, Strategy, ThreeWay
from docstore.core.resolution import Resolved, live_leaves
from docstore.core.rev import Rev
from docstore.core.revtree import RevTree
from docstore.database.database import Database
from docstore.database.reading.documents import OpenedDoc, OpenOptions
from docstore.errors import MergeClash
from docstore.node import Node
from docstore.storage.documents.documents import get_record, get_tree
from tests.database import helpers
from tests.database.conflicting import leaf, resolve
from tests.properties.test_merging_laws import BODIES
from tests.storage_findings import storage_findings

ID = "doc"
BASE = helpers.rev("1-0")
FILES = st.dictionaries(st.sampled_from("xyz"), st.sampled_from(["one", "two"]), max_size=2)
REPLACEMENT = parse_document({"n": 1, "_attachments": {}}, doc_id=ID, limits=helpers.LIMITS)


class Side(NamedTuple):
    """One leaf: its content, how many revisions lie between it and the base, and whether it is a deletion."""

    body: dict[str, JsonValue]
    files: dict[str, str]
    between: int = 0
    deleted: bool = False


SIDES = st.builds(Side, BODIES, FILES, st.integers(0, 2), st.sampled_from([False, False, False, True]))
BASES = st.builds(Side, BODIES, FILES, st.just(0), st.just(False))
HOW = st.sampled_from(
    [ThreeWay(), ThreeWay("winner"), ThreeWay("winner", "if-available"), Latest("/a"), Keep(), Replace(REPLACEMENT)]
)


class Stores:
    """A node that lends databases, which the examples fill."""

    def __init__(self, folder: Path) -> None:
        self.runner = asyncio.Runner()
        self.node = Node(helpers.settings(folder))
        self.numbers = count()
        self.runner.run(self.node.start())

    def close(self) -> None:
        findings = storage_findings(self.node)
        self.runner.run(self.node.stop())
        self.runner.close()
        assert findings == []


@pytest.fixture(scope="module")
def stores() -> Iterator[Stores]:
    with tempfile.TemporaryDirectory() as folder:
        lent = Stores(Path(folder))
        yield lent
        lent.close()


def written(side: Side, path: tuple[Rev, ...]) -> Document:
    attached = {
        name: {"content_type": "image/png", "data": base64.b64encode(text.encode()).decode()}
        for name, text in side.files.items()
    }
    members = side.body | ({"_attachments": attached} if attached else {})
    return leaf(ID, path, deleted=side.deleted, **members)


def history(base: Side, sides: list[Side]) -> list[Document]:
    """The base and the leaves, each with its path to the base."""
    documents = [written(base, (BASE,))]
    for side, letter in zip(sides, "abcdef", strict=False):
        newest = 2 + side.between
        path = tuple(helpers.rev(f"{generation}-{letter}") for generation in range(newest, 1, -1))
        documents.append(written(side, (*path, BASE)))
    return documents


async def tree(db: Database) -> RevTree:
    with db.environment.snapshot() as snapshot:
        record = get_record(snapshot, db.number, ID)
        assert record is not None
        return get_tree(snapshot, db.number, record)


async def shape(db: Database) -> dict[Rev, tuple[Rev | None, bool]]:
    """The tree without what differs from store to store."""
    return {rev: (node.parent, node.deleted) for rev, node in (await tree(db)).nodes.items()}


async def send(source: Database, target: Database) -> None:
    """All leaves with their histories, as a replicator sends them."""
    leaves = source.open_revs(ID, "all", OpenOptions(revs=True, attachments=True))
    texts = [one.json for one in leaves if isinstance(one, OpenedDoc)]
    documents = [parse_document(decode(text), limits=helpers.LIMITS) for text in texts]
    assert all(result.error is None for result in await target.update_docs(documents, new_edits=False))


async def resolved(db: Database, how: Strategy) -> object:
    """The answer, or where the leaves clash."""
    try:
        return await resolve(db, ID, how)
    except MergeClash as error:
        return error.details


async def check(stores: Stores, documents: list[Document], order: list[Document], how: Strategy) -> None:
    one, two, three = [await stores.node.registry.create(f"db{next(stores.numbers)}") for _ in range(3)]
    for db, arriving in ((one, documents), (two, order)):
        for document in arriving:
            await db.update_docs([document], new_edits=False)
    assume(live_leaves(await tree(one)))
    answer = await resolved(one, how)
    assert await resolved(two, how) == answer
    if not isinstance(answer, Resolved):
        return
    assert live_leaves(await tree(one)) == (answer.rev,)
    assert await shape(one) == await shape(two)
    assert one.open_doc(ID).json == two.open_doc(ID).json
    before = two.update_seq()
    await send(one, two)
    assert two.update_seq() == before
    await send(one, three)
    assert await shape(three) == await shape(one)
    assert three.open_doc(ID).json == one.open_doc(ID).json


@given(data=st.data(), base=BASES, sides=st.lists(SIDES, min_size=1, max_size=4), how=HOW)
@settings(max_examples=60)
def test_stores_converge(stores: Stores, data: st.DataObject, base: Side, sides: list[Side], how: Strategy) -> None:
    documents = history(base, sides)
    order = data.draw(st.permutations(documents))
    stores.runner.run(check(stores, documents, order, how))
