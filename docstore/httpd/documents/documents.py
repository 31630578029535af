"""Endpoints of one document: GET, PUT, DELETE, COPY, and POST of a new one.

Owns the order of an edit's checks, statuses and headers. Whether an edit is a conflict is not decided here. PUT and GET
without parameters are the hot paths. Follows ``chttpd_db:db_doc_req`` of CouchDB.
"""

from urllib.parse import urlsplit

from docstore.core.answers import written_json
from docstore.core.conditions import CREATE_ONLY, rev_etag
from docstore.core.document import Refusal, validate_doc_id
from docstore.core.edit import is_stale
from docstore.core.rev import Rev
from docstore.database.apply.reply_forms import WrittenForm
from docstore.database.conflicts.attempts import document_exists
from docstore.database.database import Database
from docstore.database.once import Ticket
from docstore.database.results import EditResult
from docstore.errors import BadRequest, NotImplementedHere, UnsupportedMediaType
from docstore.httpd.documents.batch import accepted
from docstore.httpd.documents.bodies import read_document
from docstore.httpd.documents.open_revs import open_revs_reply
from docstore.httpd.documents.related import RelatedBody, attached_reply
from docstore.httpd.documents.replies import (
    document_reply,
    location_header,
    written_rev,
)
from docstore.httpd.params.conditions import chosen_parent, is_conditional, is_create_only
from docstore.httpd.params.documents import (
    DocumentQuery,
    copy_destination,
    document_query,
    with_parent,
    with_parts,
)
from docstore.httpd.params.preferences import wants_explanation
from docstore.httpd.problems.leniency import settled
from docstore.httpd.replies import Reply, raw_json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.multipart import RELATED
from docstore.httpd.wire.streaming import StreamReply
from docstore.storage.documents.records import DocRecord

NEEDS_REV = "When `new_edits: false`, the document needs `_rev` or `_revisions` specified"
FORM = "multipart/form-data"
NO_FORMS = "Forms with attachments are not supported."


async def get_document(request: Request) -> Reply | StreamReply:
    """``GET /{db}/{doc}``: the winner, a revision, or several."""
    if not request.query_string:
        opened = request.node.registry.open_doc(request.segments[0], request.doc_id)
        return document_reply(request, opened.json, rev_etag(opened.rev))
    database = request.database()
    query = document_query(request)
    if query.open_revs is not None:
        return await open_revs_reply(request, query.open_revs, query.options)
    options = with_parts(request, query.options)
    opened = await database.read_doc(request.doc_id, options)
    etag = None if opened.meta else rev_etag(opened.rev)  # what is told beside the revision can change without it
    if opened.rest or (options.follows and opened.attached):
        return await attached_reply(request, opened, etag, multipart=options.follows)
    return document_reply(request, opened.json, etag)


async def put_document(request: Request) -> Reply:
    """``PUT /{db}/{doc}``: an edit, or with ``new_edits=false`` a revision made elsewhere."""
    database, record = request.node.registry.open_with_record(request.segments[0], request.doc_id)
    if database.write_hook is not None:
        database = request.database()
    query = document_query(request)
    doc_id = validate_doc_id(request.doc_id, request.node.settings.limits)
    if request.content_type == RELATED:
        return await _put_related(request, database, query)
    at_hand = request.raw.content.is_eof()
    refuse = _early_refusal(request, database, query, record) if at_hand else None
    document = with_parent(request, await read_document(request, doc_id, refuse=refuse), query.options.rev)
    if not query.new_edits and document.rev is None:
        raise BadRequest(NEEDS_REV)
    status = 200 if document.deleted else 201
    looked_at = False
    if request.ticket is not None:
        database = _remembering(request, request.ticket, database, doc_id, status)
    elif at_hand and document.condition is None and database.write_hook is None:
        looked_at = not is_stale(None if record is None else record.head(), document.rev, document.path)
    write = database.update_doc(document, new_edits=query.new_edits, looked_at=looked_at)
    if query.batch and request.ticket is None:
        return await accepted(document, write)
    result = await settled(request, write)
    return _written(request, doc_id, result, status)


def _early_refusal(
    request: Request, database: Database, query: DocumentQuery, record: DocRecord | None
) -> Refusal | None:
    """What refuses a certain conflict while the document is read; None where there is more to be asked first.

    A refused edit is cheap so: nothing is hashed, and the exception has a short way. ``record`` is the document's when
    the request began, so it is asked only if the body has come too.
    """
    if record is None:
        return None
    asked = not query.new_edits or query.batch or database.write_hook is not None
    if asked or is_conditional(request) or wants_explanation(request.raw.headers):
        return None
    told = query.options.rev

    def refuse(path: tuple[Rev, ...]) -> None:
        rev = path[0] if path else told
        if told is not None and rev != told:
            return  # two different revisions are another complaint
        path = path or (() if told is None else (told,))
        if is_stale(record.head(), rev, path):
            if rev is None:
                raise document_exists(database.number, request.doc_id)
            database.check_parent(request.doc_id, rev, path=path)

    return refuse


async def create_document(request: Request) -> Reply:
    """``POST /{db}``: a document whose id stands in it, or is made here."""
    database = request.database()
    request.require_json_type()
    new_id = request.node.uuids.next()
    document = await read_document(request, None, new_id)
    if document.id == new_id:  # a revision of what has no id yet counts for nothing
        document = document._replace(rev=None, path=())
    elif is_create_only(request):
        document = document._replace(condition=CREATE_ONLY)
    if request.ticket is not None:
        database = _remembering(request, request.ticket, database, document.id, 201, etag=False)
    write = database.update_doc(document)
    if request.query.get("batch") == "ok" and request.ticket is None:
        return await accepted(document, write)
    result = await settled(request, write)
    return _written(request, document.id, result, 201, etag=False)


async def delete_document(request: Request) -> Reply:
    """``DELETE /{db}/{doc}``: a tombstone on the revision named."""
    database = request.database()
    try:
        rev, condition = chosen_parent(request, document_query(request).options.rev)
    except BadRequest:
        database.open_doc(request.doc_id)  # CouchDB looks for the document before it looks at the revision
        raise
    if request.ticket is not None:
        database = _remembering(request, request.ticket, database, request.doc_id, 200, location=False)
    result = await settled(request, database.delete_doc(request.doc_id, rev, condition))
    return _written(request, request.doc_id, result, 200, location=False)


async def copy_document(request: Request) -> Reply:
    """``COPY /{db}/{doc}``: the content of a revision as an edit of another document.

    If-Match is about the document that is read, ``If-None-Match: *`` about the one that is written.
    """
    database = request.database()
    rev, condition = chosen_parent(request, document_query(request).options.rev)
    target, parent = copy_destination(request)
    validate_doc_id(target, request.node.settings.limits)
    if request.ticket is not None:
        database = _remembering(request, request.ticket, database, target, 201)
    result = await settled(request, database.copy_doc(request.doc_id, rev, target, parent, condition))
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
    raise NotImplementedHere(NO_FORMS)


async def _put_related(request: Request, database: Database, query: DocumentQuery) -> Reply:
    """A document whose attachments come with it."""
    body = RelatedBody(request, database)
    result = await settled(request, _write_related(request, database, query, body))
    return _written(request, request.doc_id, result, 200 if body.is_deletion else 201)


async def _write_related(request: Request, database: Database, query: DocumentQuery, body: RelatedBody) -> EditResult:
    """Receive it and write it. A conflict that is certain is told before the attachments come, if no more is asked."""
    doc_id = request.doc_id
    async with body:
        document = with_parent(request, await body.read_document(doc_id), query.options.rev)
        if not query.new_edits:
            if document.rev is None:
                raise BadRequest(NEEDS_REV)
        elif not wants_explanation(request.raw.headers):
            database.check_parent(doc_id, document.rev, document.condition, path=document.path)
        if request.ticket is not None:
            status = 200 if document.deleted else 201
            database = _remembering(request, request.ticket, database, doc_id, status)
        return await database.update_doc(await body.receive(document), new_edits=query.new_edits)


def _remembering(
    request: Request,
    ticket: Ticket,
    database: Database,
    doc_id: str,
    status: int,
    *,
    etag: bool = True,
    location: bool = True,
) -> Database:
    """The database, its one write to be remembered with the reply that ``_written`` would make."""
    headers = location_header(request, doc_id) if location else ()
    return ticket.remembering(database, WrittenForm(doc_id, status, headers, etag))


def _written(
    request: Request, doc_id: str, result: EditResult, status: int, *, etag: bool = True, location: bool = True
) -> Reply:
    """The answer to an edit that went through."""
    if request.ticket is not None:
        return Reply(status)  # what is remembered takes its place
    rev = written_rev(result)
    return raw_json_reply(
        written_json(doc_id, rev),
        status,
        headers=location_header(request, doc_id) if location else (),
        etag=rev_etag(rev) if etag else None,
    )
