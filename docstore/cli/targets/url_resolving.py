"""Resolving conflicts behind a URL: by docstore's own endpoint where the server is a docstore.

Owns the way to tell, and the requests to ``_resolve``. Any other server is ``couchdb_resolving``'s.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from docstore.cli.rows import Members
from docstore.cli.targets.couchdb_resolving import OpenCouch
from docstore.cli.targets.places import UrlTarget
from docstore.cli.targets.resolving import Outcome, Resolving, Strategy
from docstore.cli.targets.url_inspection import path_of
from docstore.cli.targets.url_target import RefusedRequest, RemoteDatabase, members_of, odd_answer, open_session
from docstore.core.json_text import JsonValue, encode
from docstore.core.merge_strategies import Keep, Latest

PAGE: Final = 100
VENDOR: Final = "docstore"


class _OpenDocstore:
    """The open database of a docstore."""

    def __init__(self, remote: RemoteDatabase) -> None:
        self._remote = remote

    async def count(self) -> int:
        total = (await self._remote.members("GET", "/_conflicts?limit=0")).get("total_rows")
        return total if isinstance(total, int) else 0

    async def resolve_all(self, how: Strategy, *, dry_run: bool) -> AsyncGenerator[list[Outcome]]:
        asked: Members = {"limit": PAGE, **_form(how)}
        following: JsonValue = None
        while True:
            page = asked if following is None else {**asked, "startkey": following}
            answer = await self._remote.members("POST", f"/_resolve{_query(dry_run)}", page)
            rows, following = answer.get("rows"), answer.get("next")
            if not isinstance(rows, list):
                raise odd_answer(self._remote.url)
            yield [_outcome(members_of(row, self._remote.url)) for row in rows]
            if following is None:
                return

    async def resolve_one(self, doc_id: str, how: Strategy, *, dry_run: bool) -> Outcome:
        path = path_of(doc_id)
        try:
            shown = await self._remote.members("GET", f"{path}?conflicts=true")
            others = shown.get("_conflicts", [])
            leaves: list[JsonValue] = [shown.get("_rev"), *(others if isinstance(others, list) else [])]
            answer = await self._remote.members(
                "POST", f"{path}/_resolve{_query(dry_run)}", {"leaves": leaves, **_form(how)}
            )
        except RefusedRequest as error:
            return Outcome(doc_id, error=error.error, reason=error.reason)
        return _outcome(answer)


def _form(how: Strategy) -> Members:
    """The members of a request that say how to resolve."""
    if isinstance(how, Keep):
        return {"keep": "winner" if how.rev is None else str(how.rev)}
    if isinstance(how, Latest):
        return {"merge": "latest", "by": how.by}
    return {"merge": "three-way", "on_conflict": how.on_conflict, "ancestor": how.ancestor}


def _query(dry_run: bool) -> str:
    return "?dry_run=true" if dry_run else ""


def _outcome(row: Members) -> Outcome:
    doc_id = str(row.get("id"))
    if "error" in row:
        return Outcome(doc_id, error=str(row["error"]), reason=str(row.get("reason")))
    tombstones = row.get("tombstones")
    text = encode(row["doc"]) if "doc" in row else b""
    return Outcome(doc_id, len(tombstones) if isinstance(tombstones, list) else 0, text=text)


@asynccontextmanager
async def open_url_resolving(target: UrlTarget) -> AsyncIterator[Resolving]:
    """The open database. Raises click.ClickException when the server cannot be reached or refuses."""
    async with open_session(target) as session:
        remote = RemoteDatabase(session, target.url)
        await remote.request("GET", "")
        root = urlsplit(target.url)
        welcome = await RemoteDatabase(session, f"{root.scheme}://{root.netloc}").members("GET", "/")
        vendor = welcome.get("vendor")
        if isinstance(vendor, dict) and vendor.get("name") == VENDOR:
            yield _OpenDocstore(remote)
        else:
            yield OpenCouch(session, remote)
