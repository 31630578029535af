"""Queries and indexes of a database: of a running server, docstore, CouchDB or Cloudant, or of a data folder.

Owns the two ways, and the pages in which a server is asked. Queries and indexes are the bodies of ``_find`` and
``_index``. It must not know how anything is shown.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final, Protocol
from urllib.parse import quote

from docstore.cli.rows import Members
from docstore.cli.targets.name_target import open_with_node
from docstore.cli.targets.places import NameTarget, UrlTarget
from docstore.cli.targets.url_target import RemoteDatabase, members_of, odd_answer, open_session
from docstore.core.document import DESIGN_PREFIX
from docstore.core.json_text import JsonValue, decode
from docstore.database.database import Database
from docstore.node import Node
from docstore.query.mango.mango import FoundEnd
from docstore.query.mango.options import read_find, read_new_index

PAGE: Final = 1_000
"""Documents that a server is asked for at once."""

ALL: Final = 1 << 53


class Querying(Protocol):
    """An open database."""

    warning: str
    """What the last query was answered with, besides its documents."""

    def find(self, query: Members, limit: int | None) -> AsyncGenerator[Members]:
        """The documents that a query finds, at most so many. Raises click.ClickException, DocstoreError."""

    async def explain(self, query: Members) -> JsonValue:
        """How it would be answered. Raises as ``find``."""

    async def indexes(self) -> list[Members]:
        """The indexes, as ``_index`` lists them. Raises as ``find``."""

    async def create(self, index: Members) -> Members:
        """Define an index: ``result`` (``created`` or ``exists``), ``id`` and ``name``. Raises as ``find``."""

    async def delete(self, index: Members) -> None:
        """Remove one that was listed. Raises as ``find``."""


@asynccontextmanager
async def open_querying(where: UrlTarget | NameTarget) -> AsyncIterator[Querying]:
    """The database. Raises click.ClickException if it is not there, or a server has the folder."""
    if isinstance(where, UrlTarget):
        async with open_session(where, seconds=None) as session:
            yield _OfUrl(RemoteDatabase(session, where.url))
    else:
        async with open_with_node(where) as (node, database):
            yield _OfNode(node, database)


class _OfNode:
    def __init__(self, node: Node, database: Database) -> None:
        self._mango = node.query.mango
        self._unique = node.registry.unique
        self._settings = node.settings
        self._database = database
        self.warning = ""

    async def find(self, query: Members, limit: int | None) -> AsyncGenerator[Members]:
        end = FoundEnd()
        options = read_find(query, default_limit=ALL if limit is None else limit)
        async with aclosing(self._mango.find(self._database, options, end, self._settings)) as pieces:
            async for texts in pieces:
                for text in texts:
                    yield members_of(decode(text), self._database.name)
        self.warning = end.warning or ""

    async def explain(self, query: Members) -> JsonValue:
        return await self._mango.explain(self._database, read_find(query, default_limit=ALL))

    async def indexes(self) -> list[Members]:
        return [index.listed() for index in await self._mango.indexes(self._database)]

    async def create(self, index: Members) -> Members:
        new = read_new_index(index)
        return await self._mango.make_index(self._database, new, self._settings.limits, self._unique)

    async def delete(self, index: Members) -> None:
        ddoc, kind, name = (str(index[member]) for member in ("ddoc", "type", "name"))
        await self._mango.remove_index(self._database, ddoc, kind, name, self._settings.limits)


class _OfUrl:
    def __init__(self, remote: RemoteDatabase) -> None:
        self._remote = remote
        self.warning = ""

    async def find(self, query: Members, limit: int | None) -> AsyncGenerator[Members]:
        """In pages, each behind the bookmark of the one before."""
        page: Members = dict(query)
        left = ALL if limit is None else limit
        while left:
            asked = min(left, PAGE)
            answer = await self._remote.members("POST", "/_find", page | {"limit": asked})
            self.warning = str(answer.get("warning", ""))
            documents = answer.get("docs")
            if not isinstance(documents, list):
                raise odd_answer(self._remote.url)
            for document in documents:
                yield members_of(document, self._remote.url)
            left -= len(documents)
            if len(documents) < asked or "bookmark" not in answer:
                return
            page |= {"bookmark": answer["bookmark"], "skip": 0}

    async def explain(self, query: Members) -> JsonValue:
        return await self._remote.request("POST", "/_explain", query)

    async def indexes(self) -> list[Members]:
        listed = (await self._remote.members("GET", "/_index")).get("indexes")
        if not isinstance(listed, list):
            raise odd_answer(self._remote.url)
        return [members_of(index, self._remote.url) for index in listed]

    async def create(self, index: Members) -> Members:
        return await self._remote.members("POST", "/_index", index)

    async def delete(self, index: Members) -> None:
        ddoc, kind, name = (str(index[member]) for member in ("ddoc", "type", "name"))
        path = f"{DESIGN_PREFIX}{quote(ddoc.removeprefix(DESIGN_PREFIX), safe='')}"
        await self._remote.request("DELETE", f"/_index/{path}/{quote(kind, safe='')}/{quote(name, safe='')}")
