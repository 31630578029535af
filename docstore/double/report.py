"""What a test that failed has to tell of its server: rules, requests, and the trees of documents in conflict.

Owns the choice and its bounds. It must not know any test framework.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final, Protocol

from docstore.core.drawing.tree_text import draw_text
from docstore.database.database import Database
from docstore.database.reading.trees import read_tree
from docstore.double.double import Double
from docstore.errors import DocstoreError
from docstore.node import Node
from docstore.storage.documents.scans import scan_conflicts

MOST_REQUESTS: Final = 50
MOST_TREES: Final = 10
MOST_LINES: Final = 60
"""Of one tree."""


class Reported(Protocol):
    """A server with a double around it."""

    @property
    def node(self) -> Node:
        """The server's parts."""

    @property
    def double(self) -> Double:
        """What stands around it."""


def failure_report(server: Reported) -> str:
    """The text, some hundred lines at most. Any thread will do; of a server that has ended only the journal is told."""
    double = server.double
    lines = [f"seed of the faults: {double.faults.seed}"]
    lines += [
        f"fault {fault.id}: {fault.rule.action} met {fault.seen}, hit {fault.hits} times, seed {fault.seed}"
        for fault in double.faults
    ]
    entries = list(double.journal)
    left_out = len(entries) - MOST_REQUESTS
    lines.append(f"requests: {len(entries)}" + (f", the last {MOST_REQUESTS} of them" if left_out > 0 else ""))
    lines += [f"  {entry}" for entry in entries[-MOST_REQUESTS:]]
    try:
        lines += _trees(server.node)
    except DocstoreError as error:
        lines.append(f"documents in conflict cannot be read: {error.reason}")
    except RuntimeError as error:  # the store is closed
        lines.append(f"documents in conflict cannot be read: {error}")
    return "\n".join(lines)


def _trees(node: Node) -> Iterator[str]:
    for name in node.registry.names():
        database = node.registry.open(name)
        found = _in_conflict(database)
        if found:
            yield f"documents in conflict in {name}: {'more than ' if len(found) > MOST_TREES else ''}{len(found)}"
        for doc_id in found[:MOST_TREES]:
            lines = [line for line, _ in islice(draw_text(read_tree(database, doc_id)), MOST_LINES + 1)]
            yield from (f"  {line}".rstrip() for line in lines[:MOST_LINES])
            if len(lines) > MOST_LINES:
                yield "  ..."


def _in_conflict(database: Database) -> list[str]:
    with database.environment.snapshot() as snapshot:
        return [row.document[0] for row in islice(scan_conflicts(snapshot, database.number), MOST_TREES + 1)]
