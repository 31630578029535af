"""Documents: GET, PUT, DELETE, COPY of one, POST of a new one.

Owns the order of an edit's checks, statuses and headers. Whether an edit is a conflict is not decided here. PUT and GET
without parameters are the hot paths. Follows ``chttpd_db:db_doc_req`` of CouchDB.
"""

from dataclasses import replace
from urllib.parse import urlsplit

from docstore.core.document import parse_document
from docstore.core.json_text import decode
from docstore.database.database import EditResult
from docstore.database.reading import OpenOptions
from docstore.errors import BadRequest, NotImplementedHere, UnsupportedMediaType
from docstore.httpd.attachments import NOT_STORED
from docstore.httpd.batch import write_later
from docstore.httpd.document_bodies import read_document
from docstore.httpd.document_params import (
    PLAIN_QUERY,
    chosen_rev,
    copy_destination,
    document_query,
    with_parent,
)
from docstore.httpd.document_replies import (
    accepted_reply,
    document_reply,
    location_header,
    rev_etag,
    written_json,
    written_rev,
)
from docstore.httpd.open_revs import open_revs_reply
from docstore.httpd.replies import Reply, raw_json_reply
from docstore.httpd.request import Request
from docstore.httpd.streaming import StreamReply

NEEDS_REV = "When `new_edits: false`, the document needs `_rev` or `_revisions` specified"
FORM = "multipart/form-data"


async def get_document(request: Request) -> Reply | StreamReply:
    """``GET /{db}/{doc}``: the winner, a revision, or several."""
    database = request.database()
    query = document_query(request)
    if query is PLAIN_QUERY:
        opened = database.open_doc(request.doc_id)
        return document_reply(request, opened.json, rev_etag(opened.rev))
    if query.open_revs is not None:
        return await open_revs_reply(request, query.open_revs, query.options)
    opened = database.open_doc(request.doc_id, query.options)
    if opened.meta:  # what is told beside the revision can change without it
        return raw_json_reply(opened.json)
    return document_reply(request, opened.json, rev_etag(opened.rev))


async def put_document(request: Request) -> Reply:
    """``PUT /{db}/{doc}``: an edit, or with ``new_edits=false`` a revision made elsewhere."""
    database = request.database()
    query = document_query(request)
    if request.headers.get("Content-Type", "").startswith("multipart/related;"):
        raise NotImplementedHere(NOT_STORED)
    doc_id = request.doc_id
    document = with_parent(request, await read_document(request, doc_id), query.options.rev)
    if not query.new_edits and document.rev is None:
        raise BadRequest(NEEDS_REV)
    write = database.update_doc(document, new_edits=query.new_edits)
    if query.batch:
        await write_later(doc_id, write)
        return accepted_reply(doc_id)
    result = await write
    return _written(request, doc_id, result, 200 if document.deleted else 201)


async def create_document(request: Request) -> Reply:
    """``POST /{db}``: a document whose id stands in it, or is made here."""
    database = request.database()
    request.require_json_type()
    new_id = request.node.uuids.next()
    document = await read_document(request, None, new_id)
    if document.id == new_id:  # a revision of what has no id yet counts for nothing
        document = replace(document, rev=None, path=())
    write = database.update_doc(document)
    if request.query.get("batch") == "ok":
        await write_later(document.id, write)
        return accepted_reply(document.id)
    result = await write
    return _written(request, document.id, result, 201, etag=False)


async def delete_document(request: Request) -> Reply:
    """``DELETE /{db}/{doc}``: a tombstone on the revision named."""
    database = request.database()
    try:
        rev = chosen_rev(request, document_query(request).options.rev)
    except BadRequest:
        database.open_doc(request.doc_id)  # CouchDB looks for the document before it looks at the revision
        raise
    result = await database.delete_doc(request.doc_id, rev)
    return _written(request, request.doc_id, result, 200, location=False)


async def copy_document(request: Request) -> Reply:
    """``COPY /{db}/{doc}``: the content of a revision as an edit of another document."""
    database = request.database()
    rev = chosen_rev(request, document_query(request).options.rev)
    target, parent = copy_destination(request)
    source = database.open_doc(request.doc_id, OpenOptions(rev=rev))
    limits = request.node.settings.limits
    content = parse_document(decode(source.json, max_depth=limits.max_json_depth), doc_id=target, limits=limits)
    document = replace(content, rev=parent, path=() if parent is None else (parent,))
    result = await database.update_doc(document)
    return _written(request, target, result, 201)


async def post_form(request: Request) -> Reply:
    """``POST /{db}/{doc}``: a form with attachments, from a page of this very server."""
    request.database()
    referer = request.headers.get("Referer")
    if referer is None:
        raise BadRequest("Referer header required.")
    if urlsplit(referer).netloc != request.headers.get("Host"):
        raise BadRequest("Referer header must match host.")
    if request.content_type != FORM:
        raise UnsupportedMediaType(f"Content-Type must be {FORM}")
    raise NotImplementedHere(NOT_STORED)


def _written(
    request: Request, doc_id: str, result: EditResult, status: int, *, etag: bool = True, location: bool = True
) -> Reply:
    """The answer to an edit that went through."""
    rev = written_rev(result)
    return raw_json_reply(
        written_json(doc_id, rev),
        status,
        headers=location_header(request, doc_id) if location else (),
        etag=rev_etag(rev) if etag else None,
    )
