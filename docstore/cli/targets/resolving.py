"""Resolving conflicts: what ``docstore resolve`` asks of a database, wherever it is.

Owns that question and its answers. A data folder is resolved by ``name_resolving``, a docstore server by
``url_resolving``, any other CouchDB by ``couchdb_resolving``; which of them it is, is said in ``opening``.
"""

from collections.abc import AsyncGenerator
from typing import NamedTuple, Protocol, TypeAlias

from docstore.core.merge_strategies import Keep, Merge

Strategy: TypeAlias = Keep | Merge


class Outcome(NamedTuple):
    """What became of one document.

    ``resolved`` is how many leaves got a tombstone; with 0 the document was not in conflict. Where it is still in
    conflict ``error`` is the word for it, and ``reason`` the sentence. ``text`` is, in a dry run, the JSON of the
    document that would be left.
    """

    id: str
    resolved: int = 0
    error: str | None = None
    reason: str = ""
    text: bytes = b""


class Resolving(Protocol):
    """An open database whose conflicts are resolved."""

    async def count(self) -> int:
        """How many documents are in conflict."""

    def resolve_all(self, how: Strategy, *, dry_run: bool) -> AsyncGenerator[list[Outcome]]:
        """Resolve all documents that are in conflict, a page at a time."""

    async def resolve_one(self, doc_id: str, how: Strategy, *, dry_run: bool) -> Outcome:
        """Resolve one document."""
