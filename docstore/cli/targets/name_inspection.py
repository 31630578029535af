"""Looking at a database in a data folder that no server has open.

Owns the way from the listings of the database layer to what the commands show.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import click

from docstore.cli.targets.inspection import ConflictedDocument, Inspection, conflicted_of_row
from docstore.cli.targets.name_target import open_existing
from docstore.cli.targets.places import NameTarget
from docstore.core.drawing.tree_view import TreeView
from docstore.core.json_text import decode
from docstore.database.database import Database
from docstore.database.reading.conflicts import ConflictsQuery, read_conflicts
from docstore.database.reading.trees import read_tree
from docstore.errors import NotFound


class _OpenName:
    """The open database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def conflicts(self, *, limit: int | None = None) -> AsyncGenerator[ConflictedDocument]:
        async with aclosing(read_conflicts(self._database, ConflictsQuery(limit=limit))) as slices:
            async for part in slices:
                for row in part.rows:
                    assert isinstance(row, bytes), "only attachments are cut out of a row"
                    yield conflicted_of_row(decode(row))

    async def tree(self, doc_id: str) -> TreeView:
        try:
            return read_tree(self._database, doc_id)
        except NotFound as error:
            raise click.ClickException(f"{self._database.name}/{doc_id}: {error.reason}") from None


@asynccontextmanager
async def open_name_inspection(target: NameTarget) -> AsyncIterator[Inspection]:
    """The open database. Raises click.ClickException if it is not there, or another process has the folder."""
    async with open_existing(target) as database:
        yield _OpenName(database)
