"""Endpoints of ``_local`` documents: kept beside the others, never replicated, without history.

Owns their statuses and ETags; the ETag tells of the content, since revisions may repeat (``couch_httpd:doc_etag``).
Conditions are about that ETag, and name no revision: If-Match and If-None-Match are those of RFC 9110.
"""

from asyncio import to_thread
from dataclasses import replace
from typing import Final

from docstore.core.conditions import content_etag
from docstore.core.document import EMPTY_BODY, splice, validate_doc_id
from docstore.core.local_document import DELETED, next_rev, rev_of
from docstore.core.rev import Rev
from docstore.database.reading.documents import PLAIN
from docstore.errors import NotFound
from docstore.httpd.documents.bodies import as_local, check_told_id, document_of, read_members
from docstore.httpd.documents.open_revs import open_revs_reply
from docstore.httpd.params.conditions import is_unchanged, write_condition
from docstore.httpd.params.documents import document_query
from docstore.httpd.replies import Reply, not_modified, raw_json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.writing.writes import Edit, through
from docstore.settings import KIB

OFF_LOOP_FROM: Final = 128 * KIB
"""To hash as many bytes takes longer than to ask a thread for it."""


async def get_local(request: Request) -> Reply | StreamReply:
    """``GET /{db}/_local/{id}``. There are no other revisions, so none is found by ``rev``."""
    database = request.database()
    query = document_query(request)
    if query.open_revs is not None:
        return await open_revs_reply(request, query.open_revs, query.options)
    if query.options.rev is not None and not query.options.latest:
        raise NotFound
    opened = database.open_doc(request.doc_id, replace(PLAIN, revs=True) if query.options.revs else PLAIN)
    etag = content_etag(opened.json) if len(opened.json) < OFF_LOOP_FROM else await to_thread(content_etag, opened.json)
    return not_modified(etag) if is_unchanged(request, etag) else raw_json_reply(opened.json, etag=etag)


async def put_local(request: Request) -> Edit:
    """``PUT /{db}/_local/{id}``: written whatever revision is named, if the request's condition holds."""
    database = request.database()
    query = document_query(request)
    doc_id = validate_doc_id(request.doc_id, request.node.settings.limits)
    condition = write_condition(request)
    members = await read_members(request)
    document = as_local(await document_of(request, members, doc_id), query, condition)
    check_told_id(database, members)

    async def etag() -> str:
        """The revision is known before it is written."""
        rev = next_rev(document, new_edits=query.new_edits)
        return await _etag(doc_id, rev, document.body, deleted=document.deleted)

    return Edit(
        lambda once: through(once, database).update_doc(document, new_edits=query.new_edits),
        doc_id,
        200 if document.deleted else 201,
        etag,
        batch=document if query.batch else None,
    )


async def delete_local(request: Request) -> Edit:
    """``DELETE /{db}/_local/{id}``: gone whatever revision is named, if it was there."""
    database = request.database()
    database.open_doc(request.doc_id)  # CouchDB looks for the document before it looks at the revision
    rev = document_query(request).options.rev
    condition = write_condition(request)

    return Edit(
        lambda once: through(once, database).delete_doc(request.doc_id, rev, condition),
        request.doc_id,
        200,
        lambda: _etag(request.doc_id, rev_of(DELETED), EMPTY_BODY, deleted=True),
        location=False,
        must_exist=True,
    )


async def _etag(doc_id: str, rev: Rev, body: bytes, *, deleted: bool) -> str:
    if len(body) < OFF_LOOP_FROM:
        return content_etag(splice(doc_id, rev, deleted, body))
    return await to_thread(lambda: content_etag(splice(doc_id, rev, deleted, body)))
