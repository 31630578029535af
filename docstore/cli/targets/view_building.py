"""Building the views of a database: of a running server, docstore or any CouchDB, or of a data folder.

Owns the two ways. A server is asked for a row of each design document's first view, which it answers when the index is
built, and meanwhile for ``_info``. It must not know how progress is shown.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol
from urllib.parse import quote

import click

from docstore.cli.targets.name_target import open_with_node
from docstore.cli.targets.places import NameTarget, UrlTarget
from docstore.cli.targets.url_target import RefusedRequest, RemoteDatabase, open_session
from docstore.core.document import DESIGN_PREFIX
from docstore.core.json_text import JsonValue, decode
from docstore.database.database import Database
from docstore.database.reading.at_once import in_thread
from docstore.database.reading.index_feed import design_texts
from docstore.node import Node

Progress = Callable[[int], None]
"""Is told how many changes are left to be looked at."""

LOOK_EVERY: Final = 0.25
LANGUAGE_OF_QUERIES: Final = "query"
PARTITIONS: Final = 24
"""So many partitions a partitioned view is asked for, which need not be there. CouchDB builds the shard of each alone;
which one that is nobody tells, but among so many names all of a few shards are.
"""


class ViewBuilding(Protocol):
    """An open database."""

    async def designs(self) -> list[str]:
        """The names of the design documents that have views, in their order."""

    async def build(self, name: str, progress: Progress) -> None:
        """Bring the index of a design document up to date. Raises click.ClickException, DocstoreError."""


@asynccontextmanager
async def open_view_building(where: UrlTarget | NameTarget) -> AsyncIterator[ViewBuilding]:
    """The database. Raises click.ClickException if it is not there, or a server has the folder."""
    if isinstance(where, UrlTarget):
        async with open_session(where, seconds=None) as session:
            yield _OfUrl(RemoteDatabase(session, where.url))
    else:
        async with open_with_node(where) as (node, database):
            yield _OfNode(node, database)


class _OfNode:
    def __init__(self, node: Node, database: Database) -> None:
        self._views = node.query.views
        self._database = database

    async def designs(self) -> list[str]:
        texts = await in_thread(self._database.environment, lambda txn: design_texts(txn, self._database.number))
        return [name for text in texts if (name := _name_of(decode(text))) is not None]

    async def build(self, name: str, progress: Progress) -> None:
        design = await self._views.design(self._database, name)
        building = asyncio.create_task(design.index.update(whole=True))
        while not (await asyncio.wait([building], timeout=LOOK_EVERY))[0]:
            progress(_pending(self._views.info(design.index)))
        await building


class _OfUrl:
    def __init__(self, remote: RemoteDatabase) -> None:
        self._remote = remote
        self._views: dict[str, str] = {}
        self._partitioned: set[str] = set()

    async def designs(self) -> list[str]:
        info: Any = await self._remote.request("GET", "")
        partitioned = info.get("props", {}).get("partitioned") is True
        start, end = quote(f'"{DESIGN_PREFIX}"'), quote(f'"{DESIGN_PREFIX[:-1]}0"')
        listed: Any = await self._remote.request("GET", f"/_all_docs?include_docs=true&startkey={start}&endkey={end}")
        for row in listed["rows"]:
            name = _name_of(row["doc"])
            if name is not None:
                self._views[name] = next(view for view in row["doc"]["views"] if view != "lib")
                if partitioned and row["doc"].get("options", {}).get("partitioned") is not False:
                    self._partitioned.add(name)
        return list(self._views)

    async def build(self, name: str, progress: Progress) -> None:
        design = f"/_design/{quote(name, safe='')}"
        view = quote(self._views[name], safe="")
        path = f"{design}/_view/{view}?limit=0&reduce=false"
        paths = [f"{path}&partition={one}" for one in range(PARTITIONS)] if name in self._partitioned else [path]
        building = asyncio.create_task(self._ask(paths))
        while not (await asyncio.wait([building], timeout=LOOK_EVERY))[0]:
            info: Any = await self._remote.request("GET", f"{design}/_info")
            progress(_pending(info["view_index"]))
        await building

    async def _ask(self, paths: Sequence[str]) -> None:
        for path in paths:
            try:
                await self._remote.request("GET", path)
            except RefusedRequest as error:
                raise click.ClickException(f"{self._remote.url}{path}: {error.reason}") from None


def _name_of(design: JsonValue) -> str | None:
    """The name of a design document that has views to be built; None of another."""
    if not isinstance(design, dict) or design.get("language") == LANGUAGE_OF_QUERIES:
        return None
    views, doc_id = design.get("views"), design.get("_id")
    if not isinstance(views, dict) or not any(view != "lib" for view in views) or not isinstance(doc_id, str):
        return None
    return doc_id.removeprefix(DESIGN_PREFIX)


def _pending(info: Mapping[str, JsonValue]) -> int:
    """How many changes an index is behind."""
    pending = info.get("updates_pending")
    total = pending.get("total") if isinstance(pending, dict) else 0
    return total if isinstance(total, int) else 0
