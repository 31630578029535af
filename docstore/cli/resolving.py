"""Resolving conflicts: what ``docstore resolve`` asks of a database, wherever it is.

Owns that question and its answers. A data folder is resolved by ``name_resolving``, a docstore server by
``url_resolving``, any other CouchDB by ``couchdb_resolving``; each is imported only when such a database is opened.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol, TypeAlias

from docstore.cli.targets import NameTarget, UrlTarget
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


def open_resolving(where: UrlTarget | NameTarget) -> AbstractAsyncContextManager[Resolving]:
    """The open database. Raises click.ClickException if it is not there or cannot be reached."""
    if isinstance(where, UrlTarget):
        from docstore.cli.url_resolving import open_url_resolving

        return open_url_resolving(where)
    from docstore.cli.name_resolving import open_name_resolving

    return open_name_resolving(where)
