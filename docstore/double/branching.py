"""Writes that become branches: conflicts as a cluster makes them, on one node.

Owns which revision a refused write would have been on a node that had not heard of the other, and its writing as a
replicated one. It must not know which requests are hit, nor how a request says what is to be written (``refused.py``).
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from aiohttp import hdrs
from aiohttp.web import BaseRequest

from docstore.core.attachment import Attachment, Inline
from docstore.core.document import Document, parse_document
from docstore.core.json_text import JsonValue, decode
from docstore.core.rev import Rev, parse_rev
from docstore.core.revision_hash import attachments_term, new_revision
from docstore.core.revtree import RevTree
from docstore.database.conflicts.already_applied import Digests, attachments_of, digests_of, inline_digests
from docstore.database.database import Database
from docstore.database.reading.trees import read_tree
from docstore.double.actions import Action, SpuriousConflict
from docstore.double.facts import Facts
from docstore.double.refused import Sent, attachment_name, refused_document, sent_attachment
from docstore.errors import DocstoreError
from docstore.httpd.endpoint_kinds import ATTACHMENT
from docstore.httpd.replies import Reply, json_reply, location
from docstore.httpd.wire.streaming import StreamReply
from docstore.node import Node
from docstore.settings import Limits

logger = logging.getLogger(__name__)

BULK: Final = "_bulk_docs"
CONFLICT: Final = "conflict"
WRITTEN: Final = frozenset({200, 201})
MAX_DEPTH: Final = 500

Members = Mapping[str, JsonValue]


def may_branch(facts: Facts, reply: Reply | StreamReply, action: Action) -> bool:
    """Whether there is something to do: a write that was refused as a conflict, or with a rival one that was made."""
    if not isinstance(reply, Reply) or not isinstance(action, SpuriousConflict):
        return False
    if facts.endpoint == BULK:
        return any(
            bool(row.get("ok")) if action.rival is not None else row.get("error") == CONFLICT for row in _rows(reply)
        )
    return reply.status == 409 if action.rival is None else reply.status in WRITTEN


async def branched(action: SpuriousConflict, raw: BaseRequest, facts: Facts, reply: Reply, node: Node) -> Reply:
    """The reply to a write once it is a branch, or has got one beside it."""
    try:
        branches = _Branches(node.registry.open(facts.database), node.settings.limits)
    except DocstoreError:  # it has gone since
        return reply
    if facts.endpoint == BULK:
        return await _bulk(action, branches, facts, reply)
    if action.rival is not None:
        told = decode(reply.body, max_depth=MAX_DEPTH)
        if isinstance(told, dict):
            await branches.write_rival(str(told["id"]), parse_rev(told["rev"]), action.rival)
        return reply
    members = await refused_document(facts, branches.database)
    if members is None:
        return reply
    doc_id = facts.document or str(members.get("_id", ""))
    rev = await branches.write(doc_id, members, sent_attachment(facts))
    if rev is None:
        return reply
    place = location(f"{raw.scheme}://{raw.host}", facts.database, doc_id, *attachment_name(facts))
    deleted = facts.method == hdrs.METH_DELETE
    of_document = facts.endpoint != ATTACHMENT
    made = json_reply(
        _accepted(doc_id, rev),
        200 if deleted else 201,
        headers=(("Location", place),) if of_document or not deleted else (),
        etag=str(rev) if of_document else None,
    )
    made.request_id = reply.request_id
    return made


async def _bulk(action: SpuriousConflict, branches: "_Branches", facts: Facts, reply: Reply) -> Reply:
    """The same for each row, which stands where its document stood."""
    sent = facts.json.get("docs") if isinstance(facts.json, dict) else None
    rows = _rows(reply)
    if not isinstance(sent, list) or len(sent) != len(rows):
        return reply
    made: list[JsonValue] = []
    for row, members in zip(rows, sent, strict=True):
        doc_id = str(row.get("id"))
        rev = None
        if action.rival is not None and row.get("ok"):
            await branches.write_rival(doc_id, parse_rev(row["rev"]), action.rival)
        elif action.rival is None and row.get("error") == CONFLICT and isinstance(members, dict):
            rev = await branches.write(doc_id, members)
        made.append(row if rev is None else _accepted(doc_id, rev))
    changed = json_reply(made, reply.status, headers=reply.headers)
    changed.request_id = reply.request_id
    return changed


def _accepted(doc_id: str, rev: Rev) -> dict[str, JsonValue]:
    return {"ok": True, "id": doc_id, "rev": str(rev)}


def _rows(reply: Reply) -> list[dict[str, JsonValue]]:
    try:
        rows = decode(reply.body, max_depth=MAX_DEPTH)
    except DocstoreError:
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _next(parent: Rev | None) -> int:
    return 1 if parent is None else parent.generation + 1


class _Branches:
    """Writing into one database what another node would have written there."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self.database = database
        self._limits = limits

    async def write(self, doc_id: str, members: Members, sent: Sent | None = None) -> Rev | None:
        """Write a document, with an attachment that was sent alone before its others.

        Returns its revision, None if no node would have taken it, or it cannot be told.
        """
        try:
            document = parse_document(dict(members), doc_id=doc_id, limits=self._limits)
            tree = await self._tree(doc_id)
            if sent is None:
                return await self._write(tree, document, document.rev)
            name, content_type, encoding, data = sent
            limit = self._limits.max_attachment_size
            blobs = self.database.blobs
            async with blobs.stage(content_type, name=name, encoding=encoding, limit=limit) as staging:
                await staging.write(data)
                linked = (await staging.seal()).linked(name, content_type, revpos=_next(document.rev))
                document = document._replace(attachments=(linked, *document.attachments))
                return await self._write(tree, document, document.rev)
        except DocstoreError as error:
            logger.warning("a branch of %s was not written: %s", doc_id, error.reason)
            return None

    async def write_rival(self, doc_id: str, rev: Rev, body: Members) -> None:
        """Write a sibling of a revision."""
        try:
            tree = await self._tree(doc_id)
            node = tree.nodes.get(rev)
            if node is not None:
                document = parse_document(dict(body), doc_id=doc_id, limits=self._limits)
                await self._write(tree, document, node.parent)
        except DocstoreError as error:
            logger.warning("a rival of %s was not written: %s", doc_id, error.reason)

    async def _tree(self, doc_id: str) -> RevTree:
        return (await asyncio.to_thread(read_tree, self.database, doc_id)).tree

    async def _write(self, tree: RevTree, document: Document, parent: Rev | None) -> Rev | None:
        if (parent is None and document.deleted) or (parent is not None and parent not in tree.nodes):
            return None
        digests = await asyncio.to_thread(self._digests, tree, document, parent)
        rev = new_revision(document.deleted, parent, document.term, attachments_term(digests))
        path = (rev,) if parent is None else (rev, *tree.path_to(parent))
        attachments = tuple(
            replace(one, revpos=rev.generation) if isinstance(one, Inline) else one for one in document.attachments
        )
        written = document._replace(path=path, rev=rev, attachments=attachments)
        [result] = await self.database.update_docs([written], new_edits=False)
        return None if result.error is not None else rev

    def _digests(self, tree: RevTree, document: Document, parent: Rev | None) -> Digests:
        """Of the attachments that the revision has. Raises MissingStub."""
        if not document.attachments:
            return ()
        stored: Sequence[Attachment] | None = ()
        if parent is not None:
            with self.database.environment.snapshot() as txn:
                stored = attachments_of(txn, self.database.number, tree, parent)
        return digests_of(document, inline_digests(document), stored or ())
