"""``_local`` documents: kept beside the others, never replicated, without history.

Owns their statuses and ETags; the ETag tells of the content, since revisions may repeat (``couch_httpd:doc_etag``).
"""

from docstore.core.document import splice, validate_doc_id
from docstore.database.database import EditResult
from docstore.errors import NotFound
from docstore.httpd.batch import write_later
from docstore.httpd.document_bodies import read_document
from docstore.httpd.document_params import chosen_rev, document_query, with_parent
from docstore.httpd.document_replies import (
    accepted_reply,
    document_reply,
    location_header,
    written_json,
    written_rev,
)
from docstore.httpd.open_revs import open_revs_reply
from docstore.httpd.replies import Reply, content_etag, raw_json_reply
from docstore.httpd.request import Request
from docstore.httpd.streaming import StreamReply


async def get_local(request: Request) -> Reply | StreamReply:
    """``GET /{db}/_local/{id}``. There are no other revisions, so none is found by ``rev``."""
    database = request.database()
    query = document_query(request)
    if query.open_revs is not None:
        return await open_revs_reply(request, query.open_revs, query.options)
    if query.options.rev is not None and not query.options.latest:
        raise NotFound
    opened = database.open_doc(request.doc_id)
    return document_reply(request, opened.json, content_etag(opened.json))


async def put_local(request: Request) -> Reply:
    """``PUT /{db}/_local/{id}``: written whatever revision is named."""
    database = request.database()
    query = document_query(request)
    doc_id = validate_doc_id(request.doc_id, request.node.settings.limits)
    document = with_parent(request, await read_document(request, doc_id), query.options.rev)
    write = database.update_doc(document)
    if query.batch:
        await write_later(doc_id, write)
        return accepted_reply(doc_id)
    result = await write
    return _written(request, result, document.body, deleted=document.deleted)


async def delete_local(request: Request) -> Reply:
    """``DELETE /{db}/_local/{id}``: gone whatever revision is named, if it was there."""
    database = request.database()
    database.open_doc(request.doc_id)  # CouchDB looks for the document before it looks at the revision
    rev = chosen_rev(request, document_query(request).options.rev)
    result = await database.delete_doc(request.doc_id, rev)
    return _written(request, result, b"{}", deleted=True, location=False)


def _written(request: Request, result: EditResult, body: bytes, *, deleted: bool, location: bool = True) -> Reply:
    doc_id, rev = request.doc_id, written_rev(result)
    return raw_json_reply(
        written_json(doc_id, rev),
        200 if deleted else 201,
        headers=location_header(request, doc_id) if location else (),
        etag=content_etag(splice(doc_id, rev, deleted, body)),
    )
