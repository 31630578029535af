"""What replies about documents have in common: a document with its ETag, and what became of an edit.

Owns these replies; the JSON text of an edit's answer is that of ``core/answers.py``. It must not know how an edit is
decided. Follows ``couch_httpd:doc_etag`` and ``chttpd_db:update_doc_result_to_json``.
"""

from aiohttp import hdrs

from docstore.core.answers import refused_json, written_json
from docstore.database.results import EditResult
from docstore.errors import DocstoreError
from docstore.httpd.params.conditions import check_date, is_unmodified
from docstore.httpd.replies import Reply, etag_matches, location, not_modified
from docstore.httpd.request import Request


def result_json(result: EditResult) -> bytes:
    """A row of ``_bulk_docs``: the new revision, or the error."""
    if result.rev is not None and result.error is None:
        return written_json(result.id, result.rev)
    return refused_json(result.id, result.error or DocstoreError(), result.rev)


def document_reply(request: Request, text: bytes, etag: str | None, date: int | None = None) -> Reply:
    """A document's JSON text with its ETag and date if it has them, or 304 if the client has it.

    Raises PreconditionFailed if it is newer than the client wants it.
    """
    headers = request.raw.headers
    if hdrs.IF_NONE_MATCH in headers or hdrs.IF_MODIFIED_SINCE in headers or hdrs.IF_UNMODIFIED_SINCE in headers:
        known = known_reply(request, etag, date)
        if known is not None:
            return known
    reply = Reply(200, text + b"\n", etag=etag)
    reply.date = date
    return reply


def known_reply(request: Request, etag: str | None, date: int | None) -> Reply | None:
    """304 if the client has what has this ETag and date; tags go before dates (RFC 9110, 13.2.2).

    Raises PreconditionFailed.
    """
    if date is not None:
        check_date(request, date)
    if_none_match = request.if_none_match
    if if_none_match is not None:
        known = etag is not None and etag_matches(if_none_match, etag)
    else:
        known = date is not None and is_unmodified(request, date)
    return not_modified(etag) if known and etag is not None else None


def location_header(request: Request, doc_id: str) -> tuple[tuple[str, str]]:
    """The Location header of a document of the request's database."""
    return (("Location", location(request.base_url, request.segments[0], doc_id)),)
