"""What a client can do next, after a request was refused: ``suggested_actions`` of problem details.

Owns the advice: method, URL and reason of each step, in the paths and methods of ``app.py``. It must not know how a
problem is told otherwise.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from docstore import errors
from docstore.core.json_text import JsonValue
from docstore.core.rev import Rev
from docstore.core.unique.errors import TOLD, DuplicatesExist, NotUnique
from docstore.database.conflicts.attempts import OF_ATTACHMENT, Attempt, ConflictKind, Operation
from docstore.database.conflicts.report import ConflictReport
from docstore.errors import DocstoreError
from docstore.httpd.replies import location
from docstore.httpd.request import Request
from docstore.httpd.wire.paths import encode_segment
from docstore.query.errors import StateConflict

Action = dict[str, JsonValue]

READ_STATE: Final = "read the document as it is, and see what may follow its state"


def action(method: str, href: str, why: str) -> Action:
    """A next step."""
    return {"method": method, "href": href, "why": why}


def document_url(request: Request, doc_id: str, rev: Rev | None = None) -> str:
    """The URL of a document of the request's database."""
    url = location(_base_url(request), request.segments[0], doc_id)
    return url if rev is None else f"{url}?rev={encode_segment(str(rev))}"


def after_conflict(request: Request, attempt: Attempt, report: ConflictReport) -> Iterator[Action]:
    """What can be done after an edit was refused, the likeliest first."""
    document = document_url(request, attempt.doc_id)
    current = report.current_rev
    if report.kind is ConflictKind.APPLIED:
        applied = document_url(request, attempt.doc_id, report.verdict.rev)
        yield action("GET", applied, "nothing is left to do; this is the revision that the edit made, if still stored")
        if report.verdict.rev != current:
            latest = document_url(request, attempt.doc_id, current) if report.deleted else document
            yield action("GET", latest, "the document has been changed since; this is the current revision")
    elif current is None:
        yield _again(request, attempt, None, "send the edit without a revision, to create the document")
    elif report.deleted:
        yield action("GET", document_url(request, attempt.doc_id, current), "read the deletion")
        if attempt.operation not in (Operation.DELETE, Operation.DELETE_ATTACHMENT):
            yield _again(request, attempt, None, "send the edit without a revision, to create the document again")
    else:
        yield action("GET", document, "read the current revision, and apply the change to that")
        if report.common_ancestor is not None:
            ancestor = document_url(request, attempt.doc_id, report.common_ancestor)
            yield action("GET", ancestor, "read the common ancestor, for a three-way merge, if it is still stored")
        yield _again(
            request,
            attempt,
            current,
            "send the edit as one of the current revision, with no other one in its body or in If-Match",
        )
    if report.conflicted:
        yield action("GET", f"{document}/_tree", "see the branches; the document has conflicting revisions")
        yield action("POST", f"{document}/_resolve", "resolve the conflict of its revisions")


def after_error(request: Request, error: DocstoreError) -> Iterator[Action]:
    """What can be done after any other error; mostly nobody can tell."""
    method, url = request.method, own_url(request)
    document = document_url(request, request.doc_id) if request.doc_id else ""
    match error:
        case errors.DatabaseExists():
            yield action("GET", url, "look at the database that is there")
        case errors.OffsetMismatch():
            yield action("HEAD", url, "ask how far the upload is")
        case errors.IdempotencyKeyReused():
            yield action(method, url, "send this request with a key of its own")
        case errors.IdempotencyInFlight():
            yield action(method, url, "send the same request with the same key a little later")
        case errors.ResolveStaleLeaves():
            yield action("GET", f"{document}/_tree", "see which leaves there are now")
            yield action("POST", url, "resolve the conflict of these leaves")
        case errors.MergeClash():
            yield action("POST", url, 'let the winner prevail where they clash: "on_conflict": "winner"')
            yield action("POST", url, 'give the merged document: "body"')
        case errors.AncestorUnavailable():
            yield action("POST", url, 'merge without it, every difference a clash: "ancestor": "if-available"')
            yield action("POST", url, 'give the merged document: "body"')
            yield action("POST", url, 'choose a leaf: "keep"')
        case NotUnique():
            other = document_url(request, str(error.details["other_id"]))
            yield action("GET", other, "read the document that has these values")
            yield action("GET", f"{_database_url(request)}/_conflicts?kind=unique", "see which documents share values")
        case DuplicatesExist():
            for one in islice(_ids_in(error), TOLD):
                yield action("GET", document_url(request, one), "read a document that shares its values with another")
        case StateConflict() if document:
            yield action("GET", document, READ_STATE)
        case errors.DocumentDeleted() if document:
            yield action("PUT", document, "create the document again")
        case errors.PreconditionFailed():
            yield action("GET", url, "see what is here now")


def _ids_in(error: DuplicatesExist) -> Iterator[str]:
    duplicates = error.details["duplicates"]
    for ids in duplicates if isinstance(duplicates, list) else ():
        yield from ids


def _database_url(request: Request) -> str:
    return location(_base_url(request), request.segments[0])


def own_url(request: Request) -> str:
    """The URL of the request itself, without its query."""
    return location(_base_url(request), *request.segments)


def _base_url(request: Request) -> str:
    """As ``Request.base_url``; of a host that is no text, what JSON can have."""
    return request.base_url.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _again(request: Request, attempt: Attempt, rev: Rev | None, why: str) -> Action:
    """The same edit, made of another revision."""
    query = "" if rev is None else f"?rev={encode_segment(str(rev))}"
    if attempt.operation in OF_ATTACHMENT:
        # the attachment's own path; or that of an upload, which is completed by a POST
        if request.rest:
            url = location(_base_url(request), request.segments[0], attempt.doc_id, request.rest)
            return action(request.method, url + query, why)
        return action("POST", own_url(request) + query, why)
    if attempt.operation in (Operation.COPY, Operation.COPY_LATEST):
        source = request.query.get("rev")
        url = own_url(request) if source is None else f"{own_url(request)}?rev={encode_segment(source)}"
        destination = encode_segment(attempt.doc_id) + query
        return action("COPY", url, f"{why}; that is, with the header Destination: {destination}")
    method = "DELETE" if attempt.operation is Operation.DELETE else "PUT"
    return action(method, document_url(request, attempt.doc_id) + query, why)
