"""Documents with attachments: from what a client sends to edits, and from a name to bytes.

Owns the way of attachments into an edit, and what the standalone requests and COPY make of a stored revision. Bytes
are staged before the edit is submitted; an edit that fails gives up what was staged for it here. The rule by which a
stub of an interactive edit is resolved is ``core.edit``'s, inside the write transaction: what is asked here before is
only whether one of many documents makes the whole request fail, as in CouchDB. Stubs of replicated revisions are
resolved before too (``replicated_stubs.py``). Follows ``chttpd_db:db_attachment_req`` and ``couch_db``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeAlias, cast

from docstore.core.attachment import (
    Attachment,
    EditAttachment,
    Follows,
    Inline,
    Linked,
    Stub,
    unpack_attachments,
)
from docstore.core.authorship import Written
from docstore.core.conditions import NOT_AMONG, Condition, rev_etag
from docstore.core.document import EMPTY_BODY, NEEDS_REV, Document
from docstore.core.edit import Edit, Rejected, meet_condition, settle_attachments
from docstore.core.local_document import is_local
from docstore.core.rev import Rev
from docstore.core.revision_hash import EMPTY_BODY_TERM, NIL
from docstore.core.revtree import RevTree
from docstore.database.attachments.blob_reader import Hold, OpenedAttachment
from docstore.database.attachments.blob_store import BlobStore
from docstore.database.attachments.replicated_stubs import NO_STUBS, ResolvedStubs, is_heavy, resolve_replicated
from docstore.database.conflicts import attempts
from docstore.database.conflicts.attempts import Attempt, Operation
from docstore.database.edit_parts import EditAnswer, submit_edits
from docstore.database.once import Once
from docstore.database.reading import local_docs
from docstore.database.reading.at_once import term_of
from docstore.database.write_gate import Check
from docstore.errors import BadRequest, DocstoreError, DocumentDeleted, NotFound, PreconditionFailed
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import find_revision, get_body, get_record, get_tree
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.writer import Writer
from docstore.storage.rows import body_metadata, decode_body
from docstore.storage.tables import ReadTransaction

SubmitEdits: TypeAlias = Callable[[tuple[Edit, ...]], Awaitable[Sequence[object]]]
"""Carries out edits; an answer for each, a DocstoreError for one that failed."""

_new = tuple.__new__

NO_ATTACHMENT: Final = "Document is missing attachment"
NO_PARTS: Final = "Attachment `{}` is said to follow, but there are no parts."


class HeldDocument(NamedTuple):
    """A document that is about to be written, and the hold on the blobs that it takes over from stored revisions."""

    document: Document
    hold: Hold


class _Revision(NamedTuple):
    """A stored revision. ``body`` is its JSON text."""

    rev: Rev
    deleted: bool
    body: bytes
    attachments: tuple[Attachment, ...]


def edit_of(document: Document, *, new_edits: bool, attachments: tuple[EditAttachment, ...] = ()) -> Edit:
    """The edit that a document asks for. Raises BadRequest for a replicated one without revision."""
    if not new_edits and not document.path:
        raise BadRequest(NEEDS_REV)
    return _new(  # as a call of the class is, without the frame of its own: this is done for every document
        Edit,
        (
            document.id,
            document.rev,
            document.deleted,
            document.body,
            document.term,
            NIL,
            document.path,
            attachments,
            document.condition,
            False,
            document.foreseen,
        ),
    )


class Attachments:
    """The attachments of one database."""

    def __init__(self, number: int, environment: Environment, writer: Writer | Once, blobs: BlobStore) -> None:
        self._number = number
        self._environment = environment
        self._writer = writer
        self._blobs = blobs

    # --- reading

    def open(self, doc_id: str, name: str, rev: Rev | None = None) -> OpenedAttachment:
        """An attachment of the winner or of another revision. Raises NotFound, DocumentDeleted."""
        with self._environment.snapshot() as snapshot:
            found = self._winner(snapshot, doc_id) if rev is None else self._revision(snapshot, doc_id, rev)
            if found is None:
                raise NotFound
            return self._blobs.open(_named(found.attachments, name))

    def meet_condition(
        self, doc_id: str, name: str, rev: Rev | None, condition: Condition | None
    ) -> tuple[Rev | None, Condition | None]:
        """The revision to be changed, and what must hold of the document when it is. Raises PreconditionFailed.

        If-None-Match is about the attachment of the revision that is changed. What revision has which attachments can
        not change, so nothing of it is left for the write transaction. If-Match may name the attachment of the
        winner or the winner itself; that it still is the winner then is left.
        """
        if condition is None:
            return rev, None
        with self._environment.snapshot() as snapshot:
            try:
                winner: _Revision | None = self._winner(snapshot, doc_id)
            except NotFound:
                winner = None
            changed = winner if rev is None else self._revision(snapshot, doc_id, rev)
        Condition(none_match=condition.none_match).check(*_tags_of(changed, name))
        if condition.match is None:
            return rev, None
        if winner is None:
            raise PreconditionFailed(NOT_AMONG)
        tag = rev_etag(winner.rev)
        Condition(condition.match).check(tag, *_tags_of(winner, name))
        return rev or winner.rev, Condition((tag,))

    def check_revision(self, doc_id: str, rev: Rev | None) -> None:
        """Raises Conflict, as ``with_attachment``, if a revision is named and not there."""
        with self._environment.snapshot() as snapshot:
            if rev is not None and self._revision(snapshot, doc_id, rev) is None:
                raise attempts.missing_rev(Attempt(self._number, doc_id, rev, Operation.PUT_ATTACHMENT))

    # --- what is to be written of a stored revision

    async def with_attachment(
        self, doc_id: str, rev: Rev | None, linked: Linked, condition: Condition | None = None
    ) -> HeldDocument:
        """The revision with this attachment, before all others; without ``rev`` a new document.

        Raises PreconditionFailed, and Conflict with CouchDB's odd words if there is no such revision.
        """
        rev, condition = self.meet_condition(doc_id, linked.name, rev, condition)
        if rev is None:
            return HeldDocument(_empty_document(doc_id, (linked,)), self._blobs.hold(()))
        return await self._changed(doc_id, rev, linked.name, (linked,), condition)

    async def without_attachment(
        self, doc_id: str, rev: Rev | None, name: str, condition: Condition | None = None
    ) -> HeldDocument:
        """The revision without the attachment. Raises NotFound if it has none of this name, and as above.

        Without ``rev`` it is looked for in the winner, and what comes back makes a conflict.
        """
        rev, condition = self.meet_condition(doc_id, name, rev, condition)
        if rev is None:
            with self._environment.snapshot() as snapshot:
                _named(self._winner(snapshot, doc_id).attachments, name)
            return HeldDocument(_empty_document(doc_id, ()), self._blobs.hold(()))
        return await self._changed(doc_id, rev, name, (), condition)

    async def copy_of(
        self, doc_id: str, rev: Rev | None, target: str, parent: Rev | None, condition: Condition | None = None
    ) -> HeldDocument:
        """The content of a revision, or of a ``_local`` document, as an edit of ``target``, whose ``parent`` is given.

        A ``_local`` document gets no attachments. What the condition says of revisions is about the document that is
        read, the rest about ``target``. Raises NotFound, DocumentDeleted, PreconditionFailed.
        """
        with self._environment.snapshot() as snapshot:
            if condition is not None and condition.match is not None:
                record = get_record(snapshot, self._number, doc_id)
                rev = meet_condition(None if record is None else record.head(), rev, Condition(condition.match))
                condition = condition._replace(match=None)
            if rev is None and is_local(doc_id):
                found = _Revision(*local_docs.read_body(snapshot, self._number, doc_id), ())
            else:
                one = self._winner(snapshot, doc_id) if rev is None else self._revision(snapshot, doc_id, rev)
                if one is None:
                    raise NotFound
                found = one
            kept = () if is_local(target) else found.attachments
            hold = self._blobs.hold([attachment.blob for attachment in kept])
        path = () if parent is None else (parent,)
        return HeldDocument(await _document(target, parent, found, path, tuple(map(Linked, kept)), condition), hold)

    # --- writing

    async def write(
        self,
        documents: Sequence[Document],
        *,
        new_edits: bool,
        check: Check | None = None,
        written: Written | None = None,
    ) -> list[EditAnswer]:
        """Write those documents that pass ``check``, some of which have attachments; an answer for each.

        ``written`` as of EditDocuments. Raises as ``write_by``.
        """

        async def submit(edits: tuple[Edit, ...]) -> Sequence[object]:
            settings = self._environment.settings
            return await submit_edits(
                self._writer, settings, self._number, edits, new_edits=new_edits, check=check, written=written
            )

        return cast("list[EditAnswer]", await self.write_by(documents, submit, new_edits=new_edits))

    async def write_by(
        self, documents: Sequence[Document], submit: SubmitEdits, *, new_edits: bool = True
    ) -> Sequence[object]:
        """Write documents by whatever ``submit`` does with their edits; its answers, one for each document.

        Raises MissingStub, AttachmentTooLarge and BadRequest before anything is written; then for all of them.
        """
        resolving = partial(self._resolve, documents, new_edits=new_edits)
        hold, resolved = await asyncio.to_thread(resolving) if is_heavy(documents) else resolving()
        own: dict[int, list[int]] = {}
        try:
            answers = await submit(await self._stage(documents, resolved, own, new_edits=new_edits))
        except BaseException:
            # If the edit went through nevertheless, it did so before this, and has taken the bytes over.
            await self._blobs.give_up([staging for stagings in own.values() for staging in stagings])
            raise
        finally:
            hold.close()
        failed = [place for place, answer in enumerate(answers) if isinstance(answer, DocstoreError)]
        await self._blobs.give_up([staging for place in failed for staging in own.get(place, ())])
        return answers

    def _resolve(self, documents: Sequence[Document], *, new_edits: bool) -> tuple[Hold, ResolvedStubs]:
        """Look at the stubs on a snapshot; of replicated revisions also what each stands for. Raises MissingStub."""
        resolved = NO_STUBS
        with self._environment.snapshot() as snapshot:
            if not new_edits:
                resolved = resolve_replicated(snapshot, self._number, documents)
            for document in documents if new_edits else ():
                stubs = tuple(spec for spec in document.attachments if isinstance(spec, Stub))
                if stubs:
                    self._check_stubs(snapshot, document, stubs)
            return self._blobs.hold(resolved.blobs), resolved

    async def _stage(
        self,
        documents: Sequence[Document],
        resolved: ResolvedStubs,
        own: dict[int, list[int]],
        *,
        new_edits: bool,
    ) -> tuple[Edit, ...]:
        """Stage what stands in the documents, noting the stagings in ``own``; the edits."""
        inline = [
            (place, spec)
            for place, document in enumerate(documents)
            for spec in document.attachments
            if isinstance(spec, Inline) and place not in resolved.passed_over
        ]
        linked: dict[tuple[int, str], Linked] = {}
        if inline:
            staged = await self._blobs.stage_inline([spec for _, spec in inline])
            for (place, spec), bytes_ in zip(inline, staged, strict=True):
                own.setdefault(place, []).append(bytes_.staging)
                linked[place, spec.name] = bytes_.linked(spec.name, spec.content_type, revpos=spec.revpos)
        edits = []
        for place, document in enumerate(documents):
            attachments: list[EditAttachment] = []
            if place in resolved.passed_over:
                edits.append(edit_of(document, new_edits=False)._replace(passed_over=True))
                continue
            for one in document.attachments:
                match one:
                    case Inline():
                        attachments.append(linked[place, one.name])
                    case Stub():
                        attachments.append(one if new_edits else Linked(resolved.found[place][one.name]))
                    case Linked():
                        attachments.append(one)
                    case Follows():
                        raise BadRequest(NO_PARTS.format(one.name))
            edits.append(edit_of(document, new_edits=new_edits, attachments=tuple(attachments)))
        return tuple(edits)

    def _check_stubs(self, txn: ReadTransaction, document: Document, stubs: tuple[Stub, ...]) -> None:
        """Raise MissingStub or PreconditionFailed as the edit would be. It is decided again when it is carried out."""
        record = get_record(txn, self._number, document.id)

        def tree() -> RevTree:
            return get_tree(txn, self._number, record) if record is not None else RevTree({})

        head = None if record is None else record.head()
        edit = edit_of(document, new_edits=True, attachments=stubs)
        date = None if record is None else record.date
        edit = edit._replace(parent=meet_condition(head, edit.parent, edit.condition, date))
        settled = settle_attachments(
            head,
            tree,
            edit,
            lambda leaf: self._attachments_at(txn, tree().nodes[leaf].seq),
        )
        if isinstance(settled, Rejected):
            raise settled.error

    # --- stored revisions

    async def _changed(
        self, doc_id: str, rev: Rev, name: str, first: tuple[Linked, ...], condition: Condition | None
    ) -> HeldDocument:
        """A revision without the attachment of this name, and with ``first`` before the others.

        Where nothing comes instead, there must be one of this name.
        """
        with self._environment.snapshot() as snapshot:
            found = self._revision(snapshot, doc_id, rev)
            if found is None:
                operation = Operation.PUT_ATTACHMENT if first else Operation.DELETE_ATTACHMENT
                raise attempts.missing_rev(Attempt(self._number, doc_id, rev, operation))
            if not first:
                _named(found.attachments, name)
            kept = [attachment for attachment in found.attachments if attachment.name != name]
            hold = self._blobs.hold([attachment.blob for attachment in kept])
        document = await _document(doc_id, rev, found, (rev,), (*first, *map(Linked, kept)), condition)
        return HeldDocument(document, hold)

    def _winner(self, txn: ReadTransaction, doc_id: str) -> _Revision:
        """Raises NotFound, DocumentDeleted."""
        record = get_record(txn, self._number, doc_id)
        if record is None:
            get_state(txn, self._number)
            raise NotFound
        if record.deleted:
            raise DocumentDeleted
        found = self._stored(txn, record.winner, record.deleted, record.body_seq)
        if found is None:
            raise NotFound
        return found

    def _revision(self, txn: ReadTransaction, doc_id: str, rev: Rev) -> _Revision | None:
        record = get_record(txn, self._number, doc_id)
        if record is None:
            get_state(txn, self._number)
            return None
        entry = find_revision(txn, self._number, record, rev)
        return None if entry is None or not entry.seq else self._stored(txn, rev, entry.deleted, entry.seq)

    def _stored(self, txn: ReadTransaction, rev: Rev, deleted: bool, seq: int) -> _Revision | None:
        value = get_body(txn, self._number, seq)
        if value is None:
            return None
        body, metadata = decode_body(value)
        return _Revision(rev, deleted, body, unpack_attachments(metadata))

    def _attachments_at(self, txn: ReadTransaction, seq: int) -> tuple[Attachment, ...]:
        value = get_body(txn, self._number, seq)
        return () if value is None else unpack_attachments(body_metadata(value))


def _named(attachments: Iterable[Attachment], name: str) -> Attachment:
    """Raises NotFound."""
    found = next((attachment for attachment in attachments if attachment.name == name), None)
    if found is None:
        raise NotFound(NO_ATTACHMENT)
    return found


def _empty_document(doc_id: str, attachments: tuple[Linked, ...]) -> Document:
    return Document(doc_id, None, False, EMPTY_BODY, EMPTY_BODY_TERM, (), attachments)


async def _document(
    doc_id: str,
    parent: Rev | None,
    found: _Revision,
    path: tuple[Rev, ...],
    attachments: tuple[Linked, ...],
    condition: Condition | None,
) -> Document:
    """The content of a stored revision as an edit of ``parent``."""
    term = await term_of(found.body)
    return Document(doc_id, parent, found.deleted, found.body, term, path, attachments, condition)


def _tags_of(revision: _Revision | None, name: str) -> tuple[str, ...]:
    """The tag of a revision's attachment, if there is one."""
    return () if revision is None else tuple(one.etag for one in revision.attachments if one.name == name)
