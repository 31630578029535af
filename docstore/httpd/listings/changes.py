"""The endpoint ``_changes``: what happened since, as one reply or as a feed that goes on.

Owns the choice of feed, its ETag and its headers. What changed, in which order, and the waiting are the database's.
Follows ``chttpd_db:handle_changes_req``.
"""

from functools import partial

from docstore.core.conditions import content_etag
from docstore.database.database import Database
from docstore.database.reading.changes import ChangesQuery, ReadChanges, read_changes
from docstore.database.reading.selected_changes import read_selected
from docstore.httpd.listings.changes_framing import EventFraming, Framing, LineFraming, ObjectFraming, written
from docstore.httpd.listings.feeds import feed_reply
from docstore.httpd.params.changes import ChangesParams, Feed, changes_params, feed_of, filter_named
from docstore.httpd.params.changes_filters import READ_FROM_BODY, Body, changes_filter
from docstore.httpd.replies import Reply, etag_matches, not_modified
from docstore.httpd.request import Request
from docstore.httpd.wire.bodies import declared_length
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.streaming import StreamReply

FRAMINGS: dict[Feed, type[Framing]] = {
    Feed.NORMAL: ObjectFraming,
    Feed.LONGPOLL: ObjectFraming,
    Feed.CONTINUOUS: LineFraming,
    Feed.EVENTSOURCE: EventFraming,
}


async def get_changes(request: Request) -> Reply | StreamReply:
    """``GET /{db}/_changes``."""
    database = request.database()
    return await _changes(request, database, changes_params(request), None)


async def post_changes(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_changes``: the arguments of the filter in the body."""
    database = request.database()
    request.require_json_type()
    # a Content-Length of 0 says that there is no body; one that is not announced, or empty in chunks, is no JSON
    told_empty = declared_length(request.raw) == 0 and filter_named(request) not in READ_FROM_BODY
    body = {} if told_empty else await request.json_object()
    return await _changes(request, database, changes_params(request), body)


async def _changes(request: Request, database: Database, params: ChangesParams, body: Body) -> Reply | StreamReply:
    chosen = await changes_filter(request, database, params.filter, body)
    feed = feed_of(params)
    query = ChangesQuery(
        since=0 if params.descending else database.parse_since(params.since),
        limit=params.limit,
        descending=params.descending,
        style=params.style,
        include_docs=params.include_docs,
        conflicts=params.conflicts,
        attachments=params.attachments,
        att_encoding_info=params.att_encoding_info,
        doc_ids=chosen.doc_ids,
        design=chosen.design,
        conflicts_only=params.conflicts_only,
        filter=chosen.filter,
        max_filter_steps=request.node.settings.limits.max_filter_steps,
        projection=chosen.projection,
        seq_interval=params.seq_interval,
    )
    framing = FRAMINGS[feed](database.update_seq_text, query.since)
    read: ReadChanges = read_changes
    if chosen.select is not None:
        read = partial(read_selected, select=chosen.select)
    if feed is Feed.NORMAL:
        return await _normal(request, database, query, framing, read)
    return feed_reply(database, query, params, framing, read)


async def _normal(
    request: Request, database: Database, query: ChangesQuery, framing: Framing, read: ReadChanges
) -> Reply | StreamReply:
    info = database.info()
    etag = content_etag(f"{database.uuid} {info.update_seq} {info.purge_seq}".encode())
    if etag_matches(request.if_none_match, etag):
        return not_modified(etag)
    if request.method == "HEAD":
        return Reply(etag=etag)
    return await chunked_reply(written(read(database, query), framing), etag=etag)
