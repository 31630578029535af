"""Errors on the wire: the one table from error class to HTTP status, and CouchDB's error body.

Owns the statuses and the shape ``{"error": ..., "reason": ...}``. Handlers raise; they never build an error reply
by hand. Follows ``chttpd:error_info`` and ``chttpd:send_error`` of CouchDB.
"""

from docstore import errors
from docstore.core.answers import reason_of
from docstore.core.json_text import JsonValue, encode
from docstore.errors import Busy, Conflict, DocstoreError, MethodNotAllowed
from docstore.httpd.replies import Header, Reply, json_reply
from docstore.query.errors import MethodRefused
from docstore.query.mango.words import IndexNotSaved, InvalidListing
from docstore.replication.options import RefusedReplication

STATUS: dict[type[DocstoreError], int] = {
    errors.DocstoreError: 500,
    errors.BadRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.NotAcceptable: 406,
    errors.Gone: 410,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.RangeNotSatisfiable: 416,
    errors.ExpectationFailed: 417,
    errors.IdempotencyKeyReused: 422,
    errors.ChecksumMismatch: 460,
    errors.NotImplementedHere: 501,
    errors.StorageFailed: 500,
    errors.StorageFull: 507,
    errors.Unavailable: 503,
    IndexNotSaved: 500,
    InvalidListing: 500,
    MethodRefused: 405,
    RefusedReplication: 500,
}


def status_of(error: type[DocstoreError]) -> int:
    """The HTTP status of an error class: its own entry or that of its nearest base."""
    return next(STATUS[base] for base in error.__mro__ if base in STATUS)


def error_body(error: DocstoreError) -> dict[str, JsonValue]:
    """The two words of an error, as CouchDB puts them into a body or into a row."""
    return {"error": error.error, "reason": reason_of(error)}


def error_reply(error: DocstoreError) -> Reply:
    """The reply to a request that ended in ``error``."""
    kind = type(error)
    if kind is Conflict and error.error is Conflict.error and error.reason is Conflict.default_reason:
        return Reply(409, CONFLICT_BODY)
    headers: tuple[Header, ...] = ()
    if isinstance(error, MethodNotAllowed):
        headers = (("Allow", error.allowed),)
    elif isinstance(error, Busy):
        headers = (("Retry-After", str(error.retry_after)),)
    return json_reply(error_body(error), status_of(kind), headers=headers)


CONFLICT_BODY = encode(error_body(Conflict())) + b"\n"
"""Of the error that is told most often."""


def plain_error_reply(status: int, error: str, reason: str) -> Reply:
    """The reply to a request that was refused before there was a handler to raise anything."""
    return json_reply({"error": error, "reason": reason}, status)
