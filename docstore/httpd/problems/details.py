"""Problem details (RFC 9457): the one table from what went wrong to problem types, and the body.

Owns the types and their titles; ``docs/problems.md`` documents each. They are told to clients that ask for them
(``preferences.py``); everybody else gets CouchDB's two words, which stand in problem details too. What is told of a
refused edit beyond its type is ``conflicts.py``'s.

A type is ``urn:docstore:problem:`` and a name that never changes. An error without a type of its own is
``about:blank``, as the RFC has it: there is nothing to say of it beyond its status. The types that
draft-ietf-httpbis-resumable-upload registers are told to clients that speak the draft, whatever they accept.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from docstore import errors
from docstore.core.json_text import JsonValue, encode
from docstore.core.unique.errors import DuplicatesExist, NotUnique
from docstore.database.conflicts.attempts import ConflictKind
from docstore.errors import DocstoreError
from docstore.httpd.params.preferences import PROBLEM_JSON
from docstore.httpd.problems.errors import error_body, error_reply, status_of
from docstore.httpd.replies import Header, Reply, phrase_of
from docstore.query.errors import StateConflict

PREFIX: Final = "urn:docstore:problem:"
BLANK: Final = "about:blank"
VARY: Final = ("Vary", "Accept")

UPLOAD_TYPES: Final = "https://iana.org/assignments/http-problem-types#"


class ProblemType(NamedTuple):
    """A kind of problem: the name that ends its URI, and its title."""

    name: str
    title: str


NO_MEMBERS: Final[Mapping[str, JsonValue]] = MappingProxyType({})

DELETED: Final = ProblemType("document-deleted", "The document is deleted")

TYPES: Final[dict[type[DocstoreError] | ConflictKind, ProblemType]] = {
    # refused edits, as far as they were explained
    ConflictKind.DOCUMENT_EXISTS: ProblemType("document-already-exists", "The document exists already"),
    ConflictKind.SUPERSEDED: ProblemType("revision-superseded", "The revision has been superseded"),
    ConflictKind.UNKNOWN: ProblemType("revision-unknown", "The revision is not known here"),
    ConflictKind.DELETED: DELETED,
    ConflictKind.ATTACHMENT_STALE: ProblemType(
        "attachment-revision-stale", "The revision whose attachments were to change is not current"
    ),
    ConflictKind.APPLIED: ProblemType("already-applied", "The edit is applied already"),
    # errors
    errors.DocumentDeleted: DELETED,
    errors.DatabaseExists: ProblemType("database-exists", "The database exists already"),
    errors.OffsetMismatch: ProblemType("upload-offset-mismatch", "The upload goes on at another offset"),
    errors.IdempotencyKeyReused: ProblemType(
        "idempotency-key-reused", "The idempotency key was used for another request"
    ),
    errors.IdempotencyInFlight: ProblemType(
        "idempotency-in-flight", "The request with this idempotency key is still under way"
    ),
    errors.ResolveStaleLeaves: ProblemType("resolve-stale-leaves", "The leaves are not those that were seen"),
    errors.MergeClash: ProblemType("merge-clash", "The leaves cannot be merged without a choice"),
    errors.AncestorUnavailable: ProblemType("ancestor-unavailable", "The common ancestor's body is not stored here"),
    NotUnique: ProblemType("not-unique", "Another document has these values"),
    DuplicatesExist: ProblemType("duplicates-exist", "Documents have the same values"),
    StateConflict: ProblemType("state-conflict", "The document's state does not allow the edit"),
    errors.PreconditionFailed: ProblemType("precondition-failed", "A condition of the request does not hold"),
}
"""What was refused -> problem type. A subclass of an error has its own entry or none."""

UPLOAD_PROBLEMS: Final[dict[type[DocstoreError], ProblemType]] = {
    errors.OffsetMismatch: ProblemType(
        "mismatching-upload-offset", "offset from request does not match offset of resource"
    ),
    errors.UploadCompleted: ProblemType("completed-upload", "upload is already completed"),
    errors.InconsistentUploadLength: ProblemType("inconsistent-upload-length", "inconsistent length values for upload"),
}
"""The registered types of the draft."""


def problem_body(
    error: DocstoreError,
    instance: str,
    *,
    kind: ConflictKind | None = None,
    detail: str | None = None,
    members: Mapping[str, JsonValue] = NO_MEMBERS,
) -> dict[str, JsonValue]:
    """The problem details of an error; ``kind`` and ``detail`` go before what the error itself says.

    Of ``members`` those are left out that have the name of one that every problem has.
    """
    status = status_of(type(error))
    problem = TYPES.get(kind or type(error))
    body: dict[str, JsonValue] = {
        "type": BLANK if problem is None else PREFIX + problem.name,
        "title": phrase_of(status) if problem is None else problem.title,
        "status": status,
        "detail": error.reason if detail is None else detail,
        "instance": instance,
        **error_body(error),
    }
    return body | {name: value for name, value in members.items() if name not in body}


def problem_reply(error: DocstoreError, body: dict[str, JsonValue]) -> Reply:
    """The reply to an error whose problem details are these. Raises InvalidJson for text that no JSON can have."""
    reply = error_reply(error)
    reply.body = encode(body) + b"\n"
    reply.content_type = PROBLEM_JSON
    reply.headers = (*reply.headers, VARY)
    return reply


def plain_problem_reply(status: int, error: str, reason: str) -> Reply:
    """The reply to a request that was refused before there was a handler to raise anything."""
    body: dict[str, JsonValue] = {"type": BLANK, "title": phrase_of(status), "status": status, "detail": reason}
    text = encode(body | {"error": error, "reason": reason}) + b"\n"
    return Reply(status, text, content_type=PROBLEM_JSON, headers=(VARY,))


def upload_problem_reply(
    error: DocstoreError, headers: Sequence[Header] = (), members: dict[str, JsonValue] | None = None
) -> Reply | None:
    """The reply to an error for which the draft has a type, with these members; None for others."""
    problem = UPLOAD_PROBLEMS.get(type(error))
    if problem is None:
        return None
    status = status_of(type(error))
    body: dict[str, JsonValue] = {
        "type": UPLOAD_TYPES + problem.name,
        "title": problem.title,
        "status": status,
        "detail": error.reason,
    }
    return Reply(status, encode(body | (members or {})) + b"\n", content_type=PROBLEM_JSON, headers=headers)
