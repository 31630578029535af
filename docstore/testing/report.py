"""What a failing test is told of a server: the rules, the requests, and the tree of each document in conflict.

Owns the words and their bounds. It must not know who prints them.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from typing import Final, cast

from docstore.core.drawing.tree_text import draw_text
from docstore.core.json_text import decode
from docstore.database.reading.conflicts import ConflictsQuery, read_conflicts
from docstore.database.reading.trees import read_tree
from docstore.errors import DocstoreError, NotFound
from docstore.testing.nodes import TestNode

MAX_REQUESTS: Final = 40
"""The last ones."""
MAX_DATABASES: Final = 20
MAX_TREES: Final = 10
MAX_TREE_LINES: Final = 30
PATIENCE: Final = 10.0
"""Seconds in which a server that is in trouble has to tell its trees."""


def report(server: TestNode) -> str:
    """The text, several lines. Not for the server's own event loop; raises nothing that the server meets."""
    lines = [f"{server.url} as {server.double.profile.name}, seed {server.faults.seed}"]
    lines += [f"rule {one.id}: {one.rule.action}, hit {one.hits} of {one.seen} that match" for one in server.faults]
    requests = list(server.journal)
    lines.append(f"{len(requests)} requests" + (f", the last {MAX_REQUESTS}:" if len(requests) > MAX_REQUESTS else ""))
    lines += [f"  {entry}" for entry in requests[-MAX_REQUESTS:]]
    try:
        lines += server.run(asyncio.wait_for(_trees(server), PATIENCE))
    except (DocstoreError, TimeoutError) as error:
        lines.append(f"the documents in conflict cannot be read: {error!r}")
    return "\n".join(lines)


async def _trees(server: TestNode) -> list[str]:
    lines: list[str] = []
    count = 0
    for name in server.node.registry.names()[:MAX_DATABASES]:
        try:
            database = server.node.registry.open(name)
            async with aclosing(read_conflicts(database, ConflictsQuery(limit=MAX_TREES))) as slices:
                ids = [str(_id_of(row)) async for part in slices for row in part.rows if isinstance(row, bytes)]
            for doc_id in ids[: MAX_TREES - count]:
                count += 1
                lines.append(f"{name}/{doc_id} is in conflict:")
                lines += _bounded(text for text, _ in draw_text(read_tree(database, doc_id)))
        except NotFound:
            continue  # deleted meanwhile
    return lines


def _id_of(row: bytes) -> object:
    return cast("dict[str, object]", decode(row)).get("id")


def _bounded(lines: Iterator[str]) -> Iterator[str]:
    for place, line in enumerate(lines):
        if place == MAX_TREE_LINES:
            yield "  ..."
            return
        yield f"  {line}"
