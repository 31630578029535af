"""Unique indexes as the tests of the database layer make them."""

from contextlib import suppress

from docstore.core.json_text import decode
from docstore.core.unique.definition import definition_of
from docstore.database.database import Database
from docstore.database.reading.unique_duplicates import DuplicatesQuery, read_duplicates
from docstore.errors import DocumentDeleted, NotFound
from docstore.node import Node
from tests.database.helpers import document

DDOC = "_design/u"


def view(*fields: str, selector: object = None, unique: bool = True) -> dict:
    """A view of a design document with this index."""
    index: dict = {"fields": dict.fromkeys(fields, "asc")}
    if selector is not None:
        index["partial_filter_selector"] = selector
    return {"map": index, "reduce": "_count", "options": {"def": {"fields": list(fields)}, "unique": unique}}


def current_rev(db: Database, doc_id: str) -> str | None:
    """The revision that an edit changes."""
    with suppress(NotFound, DocumentDeleted):
        return str(db.open_doc(doc_id).rev)
    return None


async def define(db: Database, views: dict, ddoc: str = DDOC) -> None:
    """Write a design document with these views by hand."""
    await db.update_doc(document(ddoc, current_rev(db, ddoc), language="query", views=views))


async def make(node: Node, db: Database, *fields: str, name: str = "v", selector: object = None) -> None:
    """Make an index as ``POST _index`` does."""
    definition = definition_of(list(fields), selector)
    async with node.registry.unique.making(db.number, DDOC, name, definition):
        await define(db, {name: view(*fields, selector=selector)})


async def duplicates(db: Database, **query: object) -> list[dict]:
    """What stands twice."""
    return [decode(row) async for part in read_duplicates(db, DuplicatesQuery(**query)) for row in part.rows]
