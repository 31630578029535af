import pytest

from docstore.core.drawing.tree_view import State
from docstore.database.database import Database
from docstore.database.reading.trees import read_tree
from docstore.errors import DatabaseNotFound, NotFound
from docstore.node import Node
from tests.database.helpers import document, replicated, rev


async def test_a_tree_and_what_is_stored_of_it(db: Database):
    first = (await db.update_doc(document("d", n=1))).rev
    second = (await db.update_doc(document("d", first, n=2))).rev
    await db.update_docs([replicated("d", "3-a", "2-b", first, deleted=True)], new_edits=False)
    view = read_tree(db, "d")
    assert {str(each): (view.state(each), view.is_stored(each)) for each in view.tree.nodes} == {
        str(first): (State.INNER, True),
        str(second): (State.WINNER, True),
        str(rev("2-b")): (State.INNER, False),
        str(rev("3-a")): (State.DELETED, True),
    }
    await db.compact()
    assert read_tree(db, "d").is_stored(first) is False


async def test_a_deleted_document_has_a_tree(db: Database):
    first = (await db.update_doc(document("d"))).rev
    await db.delete_doc("d", first)
    assert read_tree(db, "d").summary() == "2 revisions, 1 leaf (0 live, 1 deleted), deleted"


async def test_a_long_chain(db: Database):
    path = [f"{generation}-{'a' if generation % 2 else 'b'}" for generation in range(1000, 0, -1)]
    await db.update_docs([replicated("d", *path)], new_edits=False)
    assert len(read_tree(db, "d").tree.nodes) == 1000


async def test_nothing(node: Node, db: Database):
    with pytest.raises(NotFound) as missing:
        read_tree(db, "d")
    assert missing.type is NotFound
    await node.registry.delete("db")
    with pytest.raises(DatabaseNotFound):
        read_tree(db, "d")
