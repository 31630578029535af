"""Looking at conflicts and revision trees: what the commands that do so ask of a database, wherever it is.

Owns those questions. How they are put to a server is in ``url_inspection``, to a data folder in ``name_inspection``;
which of the two it is, in ``opening``.
"""

from collections.abc import AsyncGenerator
from typing import NamedTuple, Protocol

from docstore.core.drawing.tree_view import TreeView
from docstore.core.json_text import JsonValue


class ConflictedDocument(NamedTuple):
    """A document with more than one live leaf: the winning revision and the others, in winner order."""

    id: str
    winner: str
    conflicts: tuple[str, ...]


class Inspection(Protocol):
    """An open database that is looked at. Nothing is made or changed."""

    def conflicts(self, *, limit: int | None = None) -> AsyncGenerator[ConflictedDocument]:
        """The documents in conflict, in the order of their ids, at most ``limit``."""

    async def tree(self, doc_id: str) -> TreeView:
        """The revision tree of a document. Raises click.ClickException if there is no such document."""


def conflicted_of_row(row: JsonValue) -> ConflictedDocument:
    """What a row of ``_conflicts`` tells. Raises ValueError for anything else."""
    value = row.get("value") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(value, dict):
        raise ValueError("no row of _conflicts")
    return conflicted(row.get("id"), value.get("rev"), value.get("conflicts"))


def conflicted(doc_id: JsonValue, winner: JsonValue, conflicts: JsonValue) -> ConflictedDocument:
    """A document in conflict, from the members of a JSON answer. Raises ValueError for what these cannot be."""
    if not isinstance(doc_id, str) or not isinstance(winner, str) or not isinstance(conflicts, list):
        raise ValueError("no document in conflict")
    return ConflictedDocument(doc_id, winner, tuple(map(str, conflicts)))
