"""Endpoints of one document: GET, PUT, DELETE, COPY, and POST of a new one.

Owns the order of an edit's checks, its status and headers; the edit itself is handed back (``writing/``). Whether it is
a conflict is not decided here. PUT and GET without parameters are the hot paths. Follows ``chttpd_db:db_doc_req`` of
CouchDB.
"""

from aiohttp import hdrs

from docstore.core.conditions import CREATE_ONLY, rev_etag
from docstore.core.document import Document, validate_doc_id
from docstore.core.edit import is_stale
from docstore.core.json_text import decode_unordered, in_order
from docstore.core.partition import check_placed
from docstore.core.rev import parse_rev
from docstore.database.database import Database
from docstore.database.once import Once
from docstore.database.results import EditResult
from docstore.errors import BadRequest, NotFound
from docstore.httpd.documents.bodies import as_edit, check_told_id, document_of, read_document, read_members
from docstore.httpd.documents.early_refusals import refusal
from docstore.httpd.documents.open_revs import open_revs_reply
from docstore.httpd.documents.related import RelatedBody, attached_reply
from docstore.httpd.documents.replies import document_reply
from docstore.httpd.documents.veiled import check_ids, check_written, veiled_reply
from docstore.httpd.params.conditions import chosen_parent, is_create_only, with_date
from docstore.httpd.params.documents import PLAIN_QUERY, DocumentQuery, copy_destination, document_query, with_parts
from docstore.httpd.params.preferences import wants_explanation
from docstore.httpd.replies import Reply
from docstore.httpd.request import EVERYONE, Request
from docstore.httpd.wire.multipart import RELATED
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.writing.writes import Edit, through
from docstore.storage.documents.records import head_of


async def get_document(request: Request) -> Reply | StreamReply:
    """``GET /{db}/{doc}``: the winner, a revision, or several."""
    if request.veil is not None:
        return veiled_reply(request)
    if not request.query_string:
        try:
            opened = request.node.registry.open_doc(request.segments[0], request.doc_id)
        except NotFound:
            _check_placed(request, request.database())
            raise
        return document_reply(request, opened.json, rev_etag(opened.rev), opened.date)
    database = request.database()
    query = document_query(request)
    _check_placed(request, database)
    if query.open_revs is not None:
        return await open_revs_reply(request, query.open_revs, query.options)
    options = with_parts(request, query.options)
    opened = await database.read_doc(request.doc_id, options)
    etag = None if opened.meta else rev_etag(opened.rev)  # what is told beside the revision can change without it
    if opened.rest or (options.follows and opened.attached):
        return await attached_reply(request, opened, etag, multipart=options.follows)
    return document_reply(request, opened.json, etag, opened.date)


async def put_document(request: Request) -> Edit | Reply:
    """``PUT /{db}/{doc}``: an edit, or with ``new_edits=false`` a revision made elsewhere."""
    if request.veil is not None:
        check_written(request)
    database, record = request.node.registry.open_with_record(request.segments[0], request.doc_id)
    if database.write_hook is not None or request.actor is not EVERYONE:
        database = request.database()
    query = document_query(request) if request.query_string else PLAIN_QUERY
    doc_id = request.doc_id
    if record is None:
        validate_doc_id(doc_id, request.node.settings.limits)
        database.check_id(doc_id)
    if request.content_type == RELATED:
        return await _put_related(request, database, query)
    text = request.small_body()
    at_hand = bool(text) or request.raw.content.is_eof()  # if not, the record may be out of date when the body has come
    limits = request.node.settings.limits
    members = decode_unordered(text, max_depth=limits.max_json_depth) if text else await read_members(request)
    if at_hand and record is not None and isinstance(members, dict):
        refused = refusal(request, database, record, query, members)
        if refused is not None:
            return refused
    if text:
        members = in_order(text, members, max_depth=limits.max_json_depth)
    read = await document_of(request, members, doc_id)
    check_told_id(database, members)
    document = as_edit(request, read, query)
    looked_at = at_hand and _is_no_conflict(database, document, record)
    return Edit(
        lambda once: through(once, database).update_doc(document, new_edits=query.new_edits, looked_at=looked_at),
        doc_id,
        200 if document.deleted else 201,
        batch=document if query.batch else None,
    )


async def _put_related(request: Request, database: Database, query: DocumentQuery) -> Edit:
    """A document whose attachments come with it, behind it.

    A conflict that is certain is told before they come, if no more is asked.
    """
    body = RelatedBody(request, database)
    document = as_edit(request, await body.read_document(request.doc_id), query)
    if query.new_edits and not wants_explanation(request.raw.headers):
        database.check_parent(document.id, document.rev, document.condition, path=document.path)

    async def write(once: Once | None) -> EditResult:
        async with body:
            received = await body.receive(document)
            return await through(once, database).update_doc(received, new_edits=query.new_edits)

    return Edit(write, document.id, 200 if document.deleted else 201)


def _is_no_conflict(database: Database, document: Document, record: bytes | None) -> bool:
    """Whether that has been seen: nothing but the document's record is to be asked, and it has just been read."""
    if document.condition is not None or database.write_hook is not None:
        return False
    return not is_stale(None if record is None else head_of(record), document.rev, document.path)


async def create_document(request: Request) -> Edit:
    """``POST /{db}``: a document whose id stands in it, or is made here."""
    database = request.database()
    request.require_json_type()
    new_id = request.node.uuids.next()
    document = await read_document(request, None, new_id)
    if document.id == new_id:  # a revision of what has no id yet counts for nothing
        document = document._replace(rev=None, path=())
    elif is_create_only(request):
        document = document._replace(condition=CREATE_ONLY)
    database.check_id(document.id)
    check_ids(request, [document])
    return Edit(
        lambda once: through(once, database).update_doc(document),
        document.id,
        201,
        etag=False,
        batch=document if request.query.get("batch") == "ok" else None,
    )


async def delete_document(request: Request) -> Edit:
    """``DELETE /{db}/{doc}``: a tombstone on the revision named."""
    if request.veil is not None:
        check_written(request)
    database = request.database()
    _check_placed(request, database)
    try:
        rev, condition = chosen_parent(request, document_query(request).options.rev)
        if hdrs.IF_UNMODIFIED_SINCE in request.raw.headers:
            condition = with_date(request, condition)
    except BadRequest:
        database.open_doc(request.doc_id)  # CouchDB looks for the document before it looks at the revision
        raise
    return Edit(
        lambda once: through(once, database).delete_doc(request.doc_id, rev, condition),
        request.doc_id,
        200,
        location=False,
    )


async def copy_document(request: Request) -> Edit:
    """``COPY /{db}/{doc}``: the content of a revision as an edit of another document.

    If-Match is about the document that is read, ``If-None-Match: *`` about the one that is written. Of the query
    string only ``rev`` is read, the first one.
    """
    database = request.database()
    named = request.query.get("rev")
    rev, condition = chosen_parent(request, None if named is None else parse_rev(named))
    target, parent = copy_destination(request)
    validate_doc_id(target, request.node.settings.limits)
    database.check_id(target)
    _check_placed(request, database)
    return Edit(
        lambda once: through(once, database).copy_doc(request.doc_id, rev, target, parent, condition),
        target,
        201,
    )


def _check_placed(request: Request, database: Database) -> None:
    if database.partitioned:
        check_placed(request.doc_id)
