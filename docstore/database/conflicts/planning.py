"""How the conflict of one document is going to be resolved, found out on snapshots.

Owns the way from a request to a plan: which leaves there are, what they and their ancestor hold, what the result is.
How contents are merged is the business of ``core.merge_strategies``, what is done to the tree that of
``core.resolution``. It works in slices on any thread, one leaf in memory at a time, and holds the blobs of the
attachments that it meets, until the plan is released. It must not know who asks, nor the writer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from docstore.core.attachment import (
    Attachment,
    EditAttachment,
    Inline,
    Linked,
    Stub,
    attachments_member,
    unpack_attachments,
)
from docstore.core.document import Document, splice
from docstore.core.edit import Edit, Rejected, settle_attachments
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import encode
from docstore.core.merge_strategies import Content, Keep, Latest, Merge, MergeResult, Replace, Strategy, merge_leaves
from docstore.core.resolution import Resolution, Resolved, decide_resolution, live_leaves, refuse_leaves, stale_leaves
from docstore.core.rev import Rev
from docstore.core.revision_hash import encode_term
from docstore.core.revtree import RevTree, common_ancestor
from docstore.database.apply.resolve_forms import PlannedRow
from docstore.database.attachments.blob_reader import Hold
from docstore.database.attachments.blob_store import BlobStore, measured
from docstore.database.attachments.edits import NO_PARTS, edit_of
from docstore.database.reading.document_text import stub_text
from docstore.database.slices import LongSnapshot
from docstore.errors import AncestorUnavailable, BadRequest, DocumentTooLarge, NotFound
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import get_merge_body, get_record, get_tree
from docstore.storage.documents.records import DocRecord
from docstore.storage.rows import decode_body

KEEPS_DELETION: Final = "The leaf to be kept is a deletion."


@dataclass(frozen=True, slots=True)
class ResolveRequest:
    """A conflict to be resolved. ``leaves`` are those that the asker saw, None for whatever leaves there are."""

    doc_id: str
    how: Strategy
    leaves: tuple[Rev, ...] | None = None


@dataclass(slots=True)
class Plan:
    """How one document is going to be resolved.

    ``live`` are its live leaves in winner order, ``seen`` those that the command will name. Either ``keep`` stays, or
    ``document`` is the result, an edit of the winner. Of a three-way merge (``merged``) ``ancestor`` is what it was
    made against, and ``clashes`` are the places (JSON Pointers) where the winner prevailed. Of a dry run ``outcome`` is
    what would come of it, and ``text`` the document that would be left.
    """

    doc_id: str
    live: tuple[Rev, ...]
    seen: tuple[Rev, ...]
    keep: Rev | None = None
    document: Document | None = None
    merged: bool = False
    ancestor: Rev | None = None
    clashes: tuple[str, ...] = ()
    outcome: Resolved | None = None
    text: bytes = b""
    holds: list[Hold] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of what it will write or tell."""
        body = 0 if self.document is None else len(self.document.body)
        return body + len(self.text) + sum(map(len, self.clashes))

    def release(self) -> None:
        """Let go of the blobs."""
        for hold in self.holds:
            hold.close()

    def resolution(self, result: Edit | None) -> Resolution:
        """What the command says; ``result`` is the edit of ``document``."""
        return Resolution(self.doc_id, self.seen, self.keep, result)

    def row(self) -> PlannedRow:
        """What is told of it."""
        return PlannedRow(self.doc_id, len(self.live), self.merged, self.ancestor, encode(list(self.clashes)))


class Planner:
    """Plans documents of one database, one after another. ``bytes_read`` counts the bodies that were read."""

    def __init__(self, number: int, snapshot: LongSnapshot, blobs: BlobStore, max_size: int) -> None:
        self.bytes_read = 0
        self._number = number
        self._snapshot = snapshot
        self._blobs = blobs
        self._max_size = max_size

    def plan(self, request: ResolveRequest) -> Plan:
        """The plan for a document. Raises NotFound, DocumentDeleted, Conflict and what else refuses it."""
        record, tree = self._document(request.doc_id)
        live = live_leaves(tree)
        seen = request.leaves if request.leaves is not None else live or (record.winner,)
        refusal = refuse_leaves(tree, seen)
        if refusal is not None:
            raise refusal
        plan = Plan(request.doc_id, live, seen)
        winner = live[0]
        match request.how:
            case Keep(rev):
                plan.keep = winner if rev is None else rev
                if plan.keep not in live:
                    raise BadRequest(KEEPS_DELETION) if tree.is_leaf(plan.keep) else stale_leaves(live, (plan.keep,))
            case Replace(document):
                plan.document = document._replace(rev=winner, path=(winner,))
            case how if len(live) == 1:
                plan.keep = winner  # there is nothing to merge it with
                plan.merged = not isinstance(how, Latest)
            case how:
                self._merge(plan, tree, how)
        return plan

    def preview(self, plan: Plan) -> None:
        """Fill in what would come of a plan. Raises what would refuse it."""
        record, tree = self._document(plan.doc_id)
        txn = self._snapshot.current
        result = None if plan.document is None else self._settled(record, tree, plan.document)
        state = get_state(txn, self._number)
        decided = decide_resolution(tree, plan.resolution(result), state.update_seq + 1, state.revs_limit)
        if isinstance(decided, Rejected):
            raise decided.error
        plan.outcome = decided.answer
        rev = decided.answer.rev
        if result is None:
            value = get_merge_body(txn, self._number, tree.nodes[rev].seq)
            plan.text = b"" if value is None else stub_text(plan.doc_id, rev, False, value)
        else:
            attachments = [one.attachment for one in result.attachments if isinstance(one, Linked)]
            extra = attachments_member(attachments) if attachments else ()
            plan.text = splice(plan.doc_id, rev, result.deleted, result.body, extra)

    # --- steps

    def _document(self, doc_id: str) -> tuple[DocRecord, RevTree]:
        self._snapshot.renew()
        txn = self._snapshot.current
        record = get_record(txn, self._number, doc_id)
        if record is None:
            raise NotFound
        return record, get_tree(txn, self._number, record)

    def _merge(self, plan: Plan, tree: RevTree, how: Merge) -> None:
        """Fill in what comes of merging the leaves. Raises MergeClash, AncestorUnavailable, DocumentTooLarge."""
        rev = base = None
        if not isinstance(how, Latest):
            plan.merged = True
            rev = common_ancestor(tree, plan.live)
            base = None if rev is None else self._content(tree, rev)
        try:
            result = merge_leaves(how, self._leaves(plan, tree), base)
        except AncestorUnavailable as error:
            error.details = {"leaves": list(map(str, plan.live)), "common_ancestor": None if rev is None else str(rev)}
            raise
        plan.ancestor = None if base is None else rev
        plan.clashes = result.clashes
        plan.document = self._merged_document(plan, result)

    def _leaves(self, plan: Plan, tree: RevTree) -> Iterator[Content]:
        """The live leaves' contents, their blobs held."""
        for leaf in plan.live:
            content = self._content(tree, leaf)
            if content is None:  # purged since the tree was read
                raise stale_leaves((), plan.seen)
            if content.attachments:
                plan.holds.append(self._blobs.hold([one.blob for one in content.attachments]))
            yield content

    def _content(self, tree: RevTree, rev: Rev) -> Content | None:
        """What a revision holds; None if its body is not here."""
        seq = tree.nodes[rev].seq
        self._snapshot.renew()
        value = get_merge_body(self._snapshot.current, self._number, seq) if seq else None
        if value is None:
            return None
        self.bytes_read += len(value)
        text, metadata = decode_body(value)
        body = decode_in_slices(text)
        if not isinstance(body, dict):
            raise TypeError(f"the body under {seq} is no object")
        return Content(rev, body, unpack_attachments(metadata))

    def _merged_document(self, plan: Plan, result: MergeResult) -> Document:
        """The result as an edit of the winner. Raises DocumentTooLarge.

        An attachment that the winner does not have is new to its branch: it gets the new generation, so that a reader
        who has the winner is sent its bytes.
        """
        winner = plan.live[0]
        members = dict(result.body)
        body = encode(members)
        if len(body) > self._max_size:
            raise DocumentTooLarge(plan.doc_id)
        attachments = tuple(Linked(one.attachment, fresh=one.leaf != winner) for one in result.attachments)
        return Document(plan.doc_id, winner, False, body, encode_term(members), (winner,), attachments)

    def _settled(self, record: DocRecord, tree: RevTree, document: Document) -> Edit:
        """The edit of a document, its attachments as they would be stored. Raises MissingStub, BadRequest."""
        attachments: list[EditAttachment] = []
        for one in document.attachments:
            match one:
                case Inline():
                    attachments.append(Linked(measured(one), fresh=True))
                case Stub() | Linked():
                    attachments.append(one)
                case follows:
                    raise BadRequest(NO_PARTS.format(follows.name))
        edit = edit_of(document, new_edits=True, attachments=tuple(attachments))
        settled = settle_attachments(record.head(), lambda: tree, edit, lambda leaf: self._attachments_of(tree, leaf))
        if isinstance(settled, Rejected):
            raise settled.error
        return settled

    def _attachments_of(self, tree: RevTree, leaf: Rev) -> tuple[Attachment, ...]:
        content = self._content(tree, leaf)
        return () if content is None else content.attachments
