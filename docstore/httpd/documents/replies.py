"""What replies about documents have in common: a document with its ETag, and what became of an edit.

Owns these replies; the JSON text of an edit's answer is that of ``core/answers.py``. It must not know how an edit is
decided. Follows ``couch_httpd:doc_etag`` and ``chttpd_db:update_doc_result_to_json``.
"""

from docstore.core.answers import refused_json, written_json
from docstore.database.results import EditResult
from docstore.errors import DocstoreError
from docstore.httpd.replies import Reply, etag_matches, location, not_modified, raw_json_reply
from docstore.httpd.request import Request


def result_json(result: EditResult) -> bytes:
    """A row of ``_bulk_docs``: the new revision, or the error."""
    if result.rev is not None and result.error is None:
        return written_json(result.id, result.rev)
    return refused_json(result.id, result.error or DocstoreError(), result.rev)


def document_reply(request: Request, text: bytes, etag: str | None) -> Reply:
    """A document's JSON text with its ETag if it has one, or 304 if the client has it."""
    if_none_match = request.if_none_match
    if if_none_match is not None and etag is not None and etag_matches(if_none_match, etag):
        return not_modified(etag)
    return raw_json_reply(text, etag=etag)


def location_header(request: Request, doc_id: str) -> tuple[tuple[str, str]]:
    """The Location header of a document of the request's database."""
    return (("Location", location(request.base_url, request.segments[0], doc_id)),)
