"""Looking at a database behind a URL: by docstore's own endpoints, or by what every CouchDB has.

Owns the choice, and the longer way. A server that has no ``_conflicts`` is asked for ``_changes?style=all_docs``, which
names all leaves, and then for those documents that have several, since deleted leaves are among them. One that has no
``_tree`` is asked for all leaves of the document with their histories; it does not tell which older bodies it has.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode

import click

from docstore.cli.rows import Members
from docstore.cli.targets.inspection import ConflictedDocument, Inspection, conflicted, conflicted_of_row
from docstore.cli.targets.places import UrlTarget
from docstore.cli.targets.url_target import RefusedRequest, RemoteDatabase, members_of, odd_answer, open_session
from docstore.core.document import DESIGN_PREFIX
from docstore.core.drawing.tree_view import TreeView, view_of_leaves, view_of_members
from docstore.core.json_text import JsonValue, encode
from docstore.core.rev import Rev, id_from_text, parse_rev
from docstore.errors import BadRequest

PAGE: Final = 1_000
CHANGES_PAGE: Final = 10_000
LOOKED_UP_AT_ONCE: Final = 100
NO_DATABASE: Final = frozenset({"Database does not exist.", "no_db_file"})
NO_DOCUMENT: Final = "missing"
NOT_HERE: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
"""What servers answer for an endpoint that they do not have."""


class InspectedUrl:
    """The open database."""

    def __init__(self, remote: RemoteDatabase) -> None:
        self._remote = remote

    async def conflicts(self, *, limit: int | None = None) -> AsyncGenerator[ConflictedDocument]:
        """As ``Inspection.conflicts``."""
        try:
            first = await self._conflicts_page(None, limit)
        except RefusedRequest as error:
            if error.status not in NOT_HERE or error.reason in NO_DATABASE:
                raise
            found = self._search(limit)
        else:
            found = self._listed(first, limit)
        async with aclosing(found):
            async for document in found:
                yield document

    async def tree(self, doc_id: str) -> TreeView:
        """As ``Inspection.tree``."""
        path = path_of(doc_id)
        try:
            return view_of_members(await self._remote.request("GET", f"{path}/_tree"))
        except BadRequest:
            raise odd_answer(self._remote.url + path) from None
        except RefusedRequest as error:
            if error.status not in NOT_HERE or error.reason in NO_DATABASE:
                raise
            if error.reason == NO_DOCUMENT:
                raise click.ClickException(f"{self._remote.url}{path}: {error.reason}") from None
        leaves = await self._remote.request("GET", f"{path}?open_revs=all&revs=true")
        if not isinstance(leaves, list):
            raise odd_answer(self._remote.url + path)
        try:
            return view_of_leaves(doc_id, [leaf_of(row) for row in leaves])
        except (BadRequest, ValueError, KeyError, TypeError):
            raise odd_answer(self._remote.url + path) from None

    # --- conflicts of a docstore

    async def _conflicts_page(self, after: str | None, limit: int | None) -> list[JsonValue]:
        query = {"limit": str(PAGE if limit is None else min(PAGE, limit))}
        if after is not None:
            query |= {"startkey": encode(after).decode(), "skip": "1"}
        answer = await self._remote.members("GET", f"/_conflicts?{urlencode(query)}")
        return self._rows(answer)

    async def _listed(self, page: list[JsonValue], limit: int | None) -> AsyncGenerator[ConflictedDocument]:
        given = 0
        while page:
            for row in page:
                try:
                    document = conflicted_of_row(row)
                except ValueError:
                    raise odd_answer(self._remote.url) from None
                yield document
                given += 1
            left = None if limit is None else limit - given
            page = [] if left == 0 else await self._conflicts_page(document.id, left)

    # --- conflicts of any CouchDB

    async def _search(self, limit: int | None) -> AsyncGenerator[ConflictedDocument]:
        candidates = sorted(await self._with_several_leaves())
        given = 0
        for start in range(0, len(candidates), LOOKED_UP_AT_ONCE):
            for document in await self._look_up(candidates[start : start + LOOKED_UP_AT_ONCE]):
                if given == limit:
                    return
                yield document
                given += 1

    async def _with_several_leaves(self) -> set[str]:
        """The ids of the living documents with more than one leaf."""
        found: set[str] = set()
        since: JsonValue = 0
        while True:
            query = {"style": "all_docs", "limit": str(CHANGES_PAGE), "since": since}
            answer = await self._remote.members("GET", f"/_changes?{urlencode(query)}")
            rows, since = answer.get("results"), answer.get("last_seq")
            if not isinstance(rows, list):
                raise odd_answer(self._remote.url)
            for row in rows:
                change = members_of(row, self._remote.url)
                leaves = change.get("changes")
                if isinstance(leaves, list) and len(leaves) > 1 and not change.get("deleted"):
                    found.add(str(change.get("id")))
            if len(rows) < CHANGES_PAGE:
                return found

    async def _look_up(self, doc_ids: Sequence[str]) -> list[ConflictedDocument]:
        """Those of these documents that are in conflict."""
        path = "/_all_docs?include_docs=true&conflicts=true"
        found: list[ConflictedDocument] = []
        for row in self._rows(await self._remote.members("POST", path, {"keys": list(doc_ids)})):
            doc = members_of(row, self._remote.url).get("doc")
            if isinstance(doc, dict) and "_conflicts" in doc:
                found.append(conflicted(doc["_id"], doc["_rev"], doc["_conflicts"]))
        return found

    def _rows(self, answer: Members) -> list[JsonValue]:
        rows = answer.get("rows")
        if not isinstance(rows, list):
            raise odd_answer(self._remote.url)
        return rows


def path_of(doc_id: str) -> str:
    """The path of a document below its database."""
    if doc_id.startswith(DESIGN_PREFIX):
        return f"/{DESIGN_PREFIX}{quote(doc_id.removeprefix(DESIGN_PREFIX), safe='')}"
    return f"/{quote(doc_id, safe='')}"


def leaf_of(row: JsonValue) -> tuple[tuple[Rev, ...], bool]:
    """(path, whether deleted) of a row of ``open_revs``. Raises BadRequest, ValueError, KeyError, TypeError."""
    doc = row["ok"] if isinstance(row, dict) else None
    revisions = doc.get("_revisions") if isinstance(doc, dict) else None
    if not isinstance(doc, dict) or not isinstance(revisions, dict):
        raise ValueError("no revision with its history")
    start, ids = revisions["start"], revisions["ids"]
    if not isinstance(start, int) or not isinstance(ids, list) or start < len(ids):
        raise ValueError("no history")
    path = tuple(Rev(start - place, id_from_text(str(text))) for place, text in enumerate(ids))
    return path or (parse_rev(doc["_rev"]),), doc.get("_deleted") is True


@asynccontextmanager
async def open_url_inspection(target: UrlTarget) -> AsyncIterator[Inspection]:
    """The open database. Raises click.ClickException when the server cannot be reached or refuses."""
    async with open_session(target) as session:
        remote = RemoteDatabase(session, target.url)
        await remote.request("GET", "")
        yield InspectedUrl(remote)
