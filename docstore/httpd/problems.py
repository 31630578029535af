"""Problem details (RFC 9457) of resumable uploads.

Owns the types that draft-ietf-httpbis-resumable-upload registers, and their bodies. They are told to clients that speak
that draft; everybody else gets CouchDB's two words.
"""

from collections.abc import Sequence

from docstore.core.json_text import JsonValue, encode
from docstore.errors import DocstoreError, InconsistentUploadLength, OffsetMismatch, UploadCompleted
from docstore.httpd.errors import error_reply, status_of
from docstore.httpd.replies import Header, Reply

PROBLEM_JSON = "application/problem+json"
TYPES = "https://iana.org/assignments/http-problem-types#"

PROBLEMS: dict[type[DocstoreError], tuple[str, str]] = {
    OffsetMismatch: ("mismatching-upload-offset", "offset from request does not match offset of resource"),
    UploadCompleted: ("completed-upload", "upload is already completed"),
    InconsistentUploadLength: ("inconsistent-upload-length", "inconsistent length values for upload"),
}
"""Error class -> name and title of its problem type."""


def problem_reply(
    error: DocstoreError, headers: Sequence[Header] = (), members: dict[str, JsonValue] | None = None
) -> Reply:
    """The reply to an error: problem details, with these members, if there is a type for it; else the usual one."""
    if type(error) not in PROBLEMS:
        reply = error_reply(error)
        reply.headers = (*reply.headers, *headers)
        return reply
    name, title = PROBLEMS[type(error)]
    status = status_of(type(error))
    body: dict[str, JsonValue] = {"type": TYPES + name, "title": title, "status": status, "detail": error.reason}
    return Reply(status, encode(body | (members or {})) + b"\n", content_type=PROBLEM_JSON, headers=headers)
