"""Resolving conflicts on a CouchDB, by what every CouchDB has.

Owns the requests: all leaves by ``open_revs``, the ancestor's body by ``?rev=`` where it is still there, results and
tombstones by ``_bulk_docs``. How leaves are merged is ``core.merge_strategies``'s, as on a docstore, so both come to
the same revisions.

CouchDB takes no two edits in one transaction. So results are written first, and other leaves get their tombstones only
where that went through: whenever the work breaks off, or somebody else edits meanwhile, nothing is lost, and the
document is still in conflict. Resolving it again then comes to the same content.
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import quote

import aiohttp
import click
from yarl import URL

from docstore.cli.rows import Members
from docstore.cli.targets.resolving import Outcome, Strategy
from docstore.cli.targets.url_inspection import InspectedUrl, leaf_of, path_of
from docstore.cli.targets.url_target import RefusedRequest, RemoteDatabase, members_of, odd_answer
from docstore.core.attachment import Attachment, attachments_member
from docstore.core.document import splice
from docstore.core.drawing.tree_view import view_of_leaves
from docstore.core.json_text import JsonValue, encode
from docstore.core.merge_strategies import Content, Keep, Latest, Merge, Origin, merge_leaves
from docstore.core.resolution import live_leaves, stale_leaves
from docstore.core.rev import Rev, parse_rev
from docstore.core.revision_hash import attachments_term, body_members, encode_term, new_revision
from docstore.core.revtree import RevTree, common_ancestor
from docstore.errors import AttachmentTooLarge, BadRequest, DocstoreError, DocumentDeleted
from docstore.settings import MIB

AT_ONCE: Final = 8
"""Documents that are read at the same time, and resolved with one request."""

CARRIED_BYTES: Final = 16 * MIB
"""Bytes of attachments that one document may take over from leaves that lost: they have to be sent again."""

TOO_LARGE: Final = (
    f"The other leaves bring more than {CARRIED_BYTES // MIB} MiB of attachments; keep one of the leaves."
)


@dataclass(slots=True)
class _Plan:
    """How one document is going to be resolved: the result to be written, if any, and the leaves to be deleted.

    ``text`` is the document that would be left, ``refusal`` what stands against it.
    """

    doc_id: str
    losers: list[Rev]
    result: Members | None = None
    text: bytes = b""
    refusal: Outcome | None = field(default=None)

    def outcome(self, *, dry_run: bool) -> Outcome:
        return self.refusal or Outcome(self.doc_id, len(self.losers), text=self.text if dry_run else b"")


class OpenCouch:
    """The open database."""

    def __init__(self, session: aiohttp.ClientSession, remote: RemoteDatabase) -> None:
        self._session = session
        self._remote = remote
        self._ids: list[str] | None = None

    async def count(self) -> int:
        """How many documents are in conflict."""
        return len(await self._conflicted())

    async def resolve_all(self, how: Strategy, *, dry_run: bool) -> AsyncGenerator[list[Outcome]]:
        """Resolve all documents that are in conflict, a few at a time."""
        ids = await self._conflicted()
        for start in range(0, len(ids), AT_ONCE):
            yield await self._resolve(ids[start : start + AT_ONCE], how, dry_run=dry_run)

    async def resolve_one(self, doc_id: str, how: Strategy, *, dry_run: bool) -> Outcome:
        """Resolve one document."""
        [outcome] = await self._resolve([doc_id], how, dry_run=dry_run)
        return outcome

    async def _conflicted(self) -> list[str]:
        """The documents in conflict, looked for once."""
        if self._ids is None:
            async with aclosing(InspectedUrl(self._remote).conflicts()) as documents:
                self._ids = [document.id async for document in documents]
        return self._ids

    async def _resolve(self, doc_ids: Sequence[str], how: Strategy, *, dry_run: bool) -> list[Outcome]:
        plans = await asyncio.gather(*(self._plan(doc_id, how, dry_run=dry_run) for doc_id in doc_ids))
        if not dry_run:
            await self._write([(plan, plan.result) for plan in plans if plan.result is not None])
            tombstones: list[tuple[_Plan, Members]] = [
                (plan, {"_id": plan.doc_id, "_rev": str(leaf), "_deleted": True})
                for plan in plans
                if plan.refusal is None
                for leaf in plan.losers
            ]
            await self._write(tombstones)
        return [plan.outcome(dry_run=dry_run) for plan in plans]

    async def _write(self, edits: list[tuple[_Plan, Members]]) -> None:
        """Write documents; a plan whose document is refused notes that."""
        if not edits:
            return
        answer = await self._remote.request("POST", "/_bulk_docs", {"docs": [members for _, members in edits]})
        if not isinstance(answer, list) or len(answer) != len(edits):
            raise odd_answer(self._remote.url)
        for (plan, _), told in zip(edits, answer, strict=True):
            row = members_of(told, self._remote.url)
            if "error" in row:
                plan.refusal = Outcome(plan.doc_id, error=str(row["error"]), reason=str(row.get("reason")))

    # --- planning

    async def _plan(self, doc_id: str, how: Strategy, *, dry_run: bool) -> _Plan:
        try:
            return await self._planned(doc_id, how, dry_run=dry_run)
        except DocstoreError as error:
            return _Plan(doc_id, [], refusal=Outcome(doc_id, error=error.error, reason=error.reason))
        except RefusedRequest as error:
            return _Plan(doc_id, [], refusal=Outcome(doc_id, error=error.error, reason=error.reason))

    async def _planned(self, doc_id: str, how: Strategy, *, dry_run: bool) -> _Plan:
        """Raises what refuses the document."""
        documents, tree = await self._leaves(doc_id)
        live = live_leaves(tree)
        if not live:
            raise DocumentDeleted
        kept = live[0]
        if isinstance(how, Keep) and how.rev is not None:
            kept = how.rev
            if kept not in live:
                raise stale_leaves(live, (kept,))
        plan = _Plan(doc_id, [leaf for leaf in live if leaf != kept])
        if isinstance(how, Keep) or len(live) == 1:
            plan.text = encode({name: value for name, value in documents[kept].items() if name != "_revisions"})
            return plan
        await self._merge(plan, how, documents, tree, dry_run=dry_run)
        return plan

    async def _leaves(self, doc_id: str) -> tuple[dict[Rev, Members], RevTree]:
        """All leaves, and the tree that their histories make. Raises RefusedRequest."""
        path = f"{path_of(doc_id)}?open_revs=all&revs=true"
        rows = await self._remote.request("GET", path)
        if not isinstance(rows, list) or not rows:
            raise odd_answer(self._remote.url + path)
        try:
            tree = view_of_leaves(doc_id, [leaf_of(row) for row in rows]).tree
            found = [cast("Members", members_of(row, path)["ok"]) for row in rows]
            return {parse_rev(members["_rev"]): members for members in found}, tree
        except (BadRequest, ValueError, KeyError, TypeError):
            raise odd_answer(self._remote.url + path) from None

    async def _merge(
        self, plan: _Plan, how: Merge, documents: dict[Rev, Members], tree: RevTree, *, dry_run: bool
    ) -> None:
        """Fill in what comes of merging the live leaves. Raises MergeClash, AncestorUnavailable, AttachmentTooLarge."""
        live = live_leaves(tree)
        base = None
        if not isinstance(how, Latest):
            base = await self._ancestor(plan.doc_id, common_ancestor(tree, live))
        merged = merge_leaves(how, [_content(leaf, documents[leaf]) for leaf in live], base)
        body, origins = dict(merged.body), merged.attachments
        hashed = attachments_term([(one.name, one.content_type, one.md5) for one, _ in origins])
        rev = new_revision(False, live[0], encode_term(body), hashed)
        extra = attachments_member([one for one, _ in origins]) if origins else ()
        plan.text = splice(plan.doc_id, rev, False, encode(body), extra)
        if not dry_run:
            plan.result = {"_id": plan.doc_id, "_rev": str(live[0]), **body}
            if origins:
                plan.result["_attachments"] = await self._carried(plan.doc_id, live[0], origins, documents)

    async def _ancestor(self, doc_id: str, rev: Rev | None) -> Content | None:
        """What the common ancestor holds; None if there is none, or its body is not there any more."""
        if rev is None:
            return None
        try:
            return _content(rev, await self._remote.members("GET", f"{path_of(doc_id)}?rev={quote(str(rev), safe='')}"))
        except RefusedRequest as error:
            if error.error != "not_found":
                raise
            return None

    async def _carried(
        self, doc_id: str, winner: Rev, origins: Sequence[Origin], documents: dict[Rev, Members]
    ) -> Members:
        """``_attachments`` of the result: stubs for what the winner has, the bytes of what comes from other leaves."""
        foreign = sum(one.length for one, leaf in origins if leaf != winner)
        if foreign > CARRIED_BYTES:
            raise AttachmentTooLarge(TOO_LARGE)
        told = documents[winner].get("_attachments")
        stubs = told if isinstance(told, dict) else {}
        return {
            one.name: stubs[one.name] if leaf == winner else await self._inline(doc_id, leaf, one)
            for one, leaf in origins
        }

    async def _inline(self, doc_id: str, leaf: Rev, attachment: Attachment) -> Members:
        name = quote(attachment.name, safe="")
        url = f"{self._remote.url}{path_of(doc_id)}/{name}?rev={quote(str(leaf), safe='')}"
        try:
            async with self._session.get(URL(url, encoded=True), headers={"Accept": "*/*"}) as reply:
                data = await reply.read()
                reply.raise_for_status()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise click.ClickException(f"no attachment from {url}: {str(error) or type(error).__name__}") from None
        return {"content_type": attachment.content_type, "data": b64encode(data).decode()}


def _content(rev: Rev, members: Members) -> Content:
    """What a revision holds, as it was read. Raises BadRequest for attachments that no CouchDB would tell."""
    told = members.get("_attachments", {})
    attachments = []
    try:
        for name, value in told.items() if isinstance(told, dict) else ():
            stub = cast("dict[str, JsonValue]", value)
            digest, length = str(stub["digest"]), int(cast("int", stub["length"]))
            md5 = b64decode(digest.removeprefix("md5-"), validate=True)
            attachments.append(Attachment(name, str(stub["content_type"]), md5, length, length, None, 0, 0))
    except (KeyError, TypeError, ValueError):
        raise BadRequest("The server tells nothing of an attachment.") from None
    return Content(rev, body_members(members), tuple(attachments))
