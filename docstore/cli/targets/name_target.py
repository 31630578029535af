"""A database in a data folder, opened in the place of a server.

Owns the node, and with it the folder's lock, for as long as the target is open. What writing means is the
database's business.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import quote

import click

from docstore.cli.rows import Members
from docstore.cli.targets.places import WRITTEN, NameTarget, Target, WriteResult
from docstore.core.document import Document, parse_document
from docstore.core.json_text import decode
from docstore.database.database import Database
from docstore.errors import DocstoreError, NotFound
from docstore.node import Node
from docstore.settings import Limits, Settings
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.folder_lock import FolderInUse


class _OpenDatabase:
    """The open target."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    async def write(self, documents: Sequence[Members]) -> list[WriteResult]:
        results = [WRITTEN] * len(documents)
        parsed: list[tuple[int, Document]] = []
        for index, members in enumerate(documents):
            try:
                document = parse_document(members, limits=self._limits)
                self._database.check_id(document.id)
                parsed.append((index, document))
            except DocstoreError as error:
                results[index] = WriteResult(error.error, error.reason)
        written = await self._database.update_docs([document for _, document in parsed])
        for (index, _), result in zip(parsed, written, strict=True):
            if result.error is not None:
                results[index] = WriteResult(result.error.error, result.error.reason)
        return results

    async def read(self, doc_ids: Sequence[str]) -> list[Members | None]:
        return [self._read(doc_id) for doc_id in doc_ids]

    def _read(self, doc_id: str) -> Members | None:
        try:
            members = decode(self._database.open_doc(doc_id).json)
        except NotFound:
            return None
        assert isinstance(members, dict)
        return members


@asynccontextmanager
async def open_name_target(target: NameTarget) -> AsyncIterator[Target]:
    """The open target. Raises click.ClickException when another process has the folder."""
    async with open_node(target) as node:
        database = await _open_or_create(node, target.name)
        yield _OpenDatabase(database, node.settings.limits)


@asynccontextmanager
async def open_existing(target: NameTarget) -> AsyncIterator[Database]:
    """The database itself, which must be there. Raises click.ClickException otherwise, and as above."""
    async with open_with_node(target) as (_, database):
        yield database


@asynccontextmanager
async def open_with_node(target: NameTarget) -> AsyncIterator[tuple[Node, Database]]:
    """The same, and the running node of its folder."""
    if not (target.data / DATA_FILE).exists():
        raise click.ClickException(f"{target.data} is no data folder")
    async with open_node(target) as node:
        try:
            database = node.registry.open(target.name)
        except NotFound as error:
            raise click.ClickException(f"{target.name}: {error.reason}") from None
        yield node, database


@asynccontextmanager
async def open_node(target: NameTarget) -> AsyncIterator[Node]:
    """The running node of the target's folder. Raises click.ClickException when another process has the folder."""
    node = Node(Settings(data=target.data))
    try:
        await node.start()
    except FolderInUse as error:
        advice = f"; give {error.url}/{quote(target.name, safe='')} as the target instead" if error.url else ""
        raise click.ClickException(f"{error.reason}{advice}") from None
    try:
        yield node
    finally:
        await node.stop()


async def _open_or_create(node: Node, name: str) -> Database:
    if node.registry.exists(name):
        return node.registry.open(name)
    return await node.registry.create(name)
