"""Refused edits: what was attempted, noted with the error, and what kind of conflict it was.

Owns the note (``Attempt``) that lets a conflict be explained later, to those who ask, and the kinds. It must not know
how that is told. Everything here runs for every conflict, so it looks at no more than a record and one entry of its
tree; the whole tree is looked at by ``report.py``, for those who ask.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from docstore.core.conditions import Condition
from docstore.core.document import Document
from docstore.core.edit import is_stale, meet_condition
from docstore.core.rev import Rev
from docstore.core.unique.errors import NotUnique
from docstore.errors import Conflict, DocstoreError, DocumentDeleted, MissingStub, PreconditionFailed
from docstore.storage.documents.documents import find_revision, get_record
from docstore.storage.documents.records import DocRecord, decode_record, has_ancestor
from docstore.storage.engine.environment import Environment
from docstore.storage.tables import ReadTransaction


class Operation(StrEnum):
    """What the request was that made the edit."""

    WRITE = "write"
    DELETE = "delete"
    COPY = "copy"
    COPY_LATEST = "copy of the latest revision"
    PUT_ATTACHMENT = "put attachment"
    DELETE_ATTACHMENT = "delete attachment"


EXPLAINED = (Conflict, DocumentDeleted, PreconditionFailed)
"""The errors that an edit may have been refused with since it was applied already."""

OF_ATTACHMENT = frozenset({Operation.PUT_ATTACHMENT, Operation.DELETE_ATTACHMENT})


class ConflictKind(StrEnum):
    """Why an edit was refused, or what else there is to be said of it; the names of problem types."""

    DOCUMENT_EXISTS = "document-already-exists"
    SUPERSEDED = "revision-superseded"
    UNKNOWN = "revision-unknown"
    DELETED = "document-deleted"
    ATTACHMENT_STALE = "attachment-revision-stale"
    APPLIED = "already-applied"


class Attempt(NamedTuple):
    """An interactive edit of a document of the database with this number.

    ``rev`` is the revision that was to be changed. ``document`` is all that was to be written; None where the refusal
    came before that was known, or where it takes parts of a revision that is not there. ``kind`` is given where it was
    looked up at once.
    """

    database: int
    doc_id: str
    rev: Rev | None
    operation: Operation = Operation.WRITE
    document: Document | None = None
    kind: ConflictKind | None = None


def refuse_stale(
    txn: ReadTransaction,
    database: int,
    doc_id: str,
    rev: Rev | None,
    condition: Condition | None,
    operation: Operation,
    path: Sequence[Rev] = (),
) -> None:
    """Raise Conflict if a snapshot shows for certain that an edit is one; when it passes, nothing is promised.

    Raises PreconditionFailed if the condition does not hold.
    """
    record = get_record(txn, database, doc_id)
    head = None if record is None else record.head()
    date = None if record is None or condition is None else record.date
    if is_stale(head, meet_condition(head, rev, condition, date), path):
        kind = _kind(txn, database, record, rev, operation)
        # No name for what is raised: a frame that knows its own exception is garbage that only the collector finds.
        raise _noted(Conflict(), Attempt(database, doc_id, rev, operation, None, kind))


def kind_of_stale(environment: Environment, database: int, record: bytes, rev: Rev | None) -> ConflictKind:
    """Why a write on top of this revision is refused, where a record as it is stored shows that it is a conflict."""
    if rev is None:
        return ConflictKind.DOCUMENT_EXISTS
    known = has_ancestor(record, rev)
    if known is None:
        with environment.snapshot() as snapshot:
            return _kind(snapshot, database, decode_record(record), rev, Operation.WRITE)
    return ConflictKind.SUPERSEDED if known else ConflictKind.UNKNOWN


def missing_rev(attempt: Attempt) -> Conflict:
    """CouchDB's odd words for an attempt to change the attachments of a revision that is not there."""
    return _noted(Conflict("missing_rev", error="not_found"), attempt)


def _noted(refusal: Conflict, attempt: Attempt) -> Conflict:
    refusal.attempt = attempt
    return refusal


def note(error: DocstoreError, database: int, document: Document, operation: Operation) -> None:
    """Keep with an error that it is that of an attempt to write this document.

    An edit with a stub that names nothing was never applied, so there is nothing to explain of it; nor of one that
    another document is in the way of, since its revision is all right.
    """
    if isinstance(error, MissingStub | NotUnique):
        return
    known = error.attempt.kind if isinstance(error.attempt, Attempt) else None
    error.attempt = Attempt(database, document.id, document.rev, operation, document, known)


def note_all(answers: Sequence[Rev | DocstoreError], database: int, documents: Sequence[Document]) -> None:
    """The same for the answers to many documents, as far as they are refusals that can be explained."""
    for answer, document in zip(answers, documents, strict=True):
        if isinstance(answer, EXPLAINED):
            note(answer, database, document, Operation.WRITE)


def kind_of(txn: ReadTransaction, attempt: Attempt) -> ConflictKind:
    """The kind of a conflict, as far as it can be told without looking whether it was applied before."""
    if attempt.kind is not None:
        return attempt.kind
    record = get_record(txn, attempt.database, attempt.doc_id)
    return _kind(txn, attempt.database, record, attempt.rev, attempt.operation)


def _kind(
    txn: ReadTransaction, database: int, record: DocRecord | None, rev: Rev | None, operation: Operation
) -> ConflictKind:
    if record is None:
        return ConflictKind.UNKNOWN
    if record.deleted:
        return ConflictKind.DELETED
    if rev is None:
        return ConflictKind.DOCUMENT_EXISTS
    if operation in OF_ATTACHMENT:
        return ConflictKind.ATTACHMENT_STALE
    known = find_revision(txn, database, record, rev) is not None
    return ConflictKind.SUPERSEDED if known else ConflictKind.UNKNOWN
