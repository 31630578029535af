"""Views: GET, POST, ``/queries`` and ``_info``.

Owns the text around the rows. Follows ``chttpd_view`` and ``couch_mrview_http:view_cb``; as there a view has no ETag.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import cast

from docstore.core.document import DESIGN_PREFIX
from docstore.core.json_text import encode
from docstore.database.database import Database
from docstore.database.reading.document_text import join_pieces, join_rows, stream_text
from docstore.errors import MethodNotAllowed
from docstore.httpd.params.views import view_queries_of_post, view_query_of_get, view_query_of_post
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.wire.turns import Turns
from docstore.query.views.map_reader import ViewSlice
from docstore.query.views.view_query import ViewQuery
from docstore.query.views.views import OpenedView

SEPARATOR = b",\r\n"
METHODS = "GET,POST,HEAD"


async def get_view(request: Request) -> Reply | StreamReply:
    """``GET /{db}/_design/{ddoc}/_view/{view}``"""
    view = _open(request)
    query = view_query_of_get(request)
    view.check(query)
    if request.method == "HEAD":
        return Reply()
    return await chunked_reply(_listing(view, query, b"\n"))


async def post_view(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_design/{ddoc}/_view/{view}``: the parameters in the body."""
    design = await request.node.query.views.design(request.database(), request.segments[2])
    body = await request.json_object(require_json_type=True)
    query = view_query_of_post(request, body, len(await request.body()))
    view = design.view(request.segments[4])
    await view.check_slowly(query)
    return await chunked_reply(_listing(view, query, b"\n"))


async def post_queries(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_design/{ddoc}/_view/{view}/queries``: several queries, one after the other."""
    request.require_json_type()
    design = await request.node.query.views.design(request.database(), request.segments[2])
    body = await request.json_object()
    view = design.view(request.segments[4])
    size = len(await request.body())
    queries: list[ViewQuery] = []
    with Turns() as turns:
        for query in view_queries_of_post(request, body, size):
            view.check_members(query)
            queries.append(query)
            if turns.over():
                await turns.next()
        for query in queries:
            if query.large:
                await asyncio.to_thread(view.check_range, query)
            else:
                view.check_range(query)
            if turns.over():
                await turns.next()
    return await chunked_reply(_together(view, queries))


async def no_view_name(request: Request) -> Reply:
    """``/{db}/_design/{ddoc}/_view`` alone."""
    await request.node.query.views.design(request.database(), request.segments[2])
    raise MethodNotAllowed(METHODS)


async def info(request: Request) -> Reply:
    """``GET /{db}/_design/{ddoc}/_info``"""
    views = request.node.query.views
    database: Database = request.database()
    design = await views.design(database, request.segments[2])
    return json_reply({"name": request.segments[2], "view_index": views.info(design.index)})


def _open(request: Request) -> OpenedView:
    name = request.segments[2]
    database, head, end = request.node.registry.open_with_head(request.segments[0], DESIGN_PREFIX + name)
    return request.node.query.views.design_of(database, name, head, end).view(request.segments[4])


async def _together(view: OpenedView, queries: Sequence[ViewQuery]) -> AsyncGenerator[bytes]:
    yield b'{"results":['
    before = b"\r\n"
    for query in queries:
        yield before
        before = SEPARATOR
        async with aclosing(_listing(view, query)) as chunks:
            async for chunk in chunks:
                yield chunk
        await asyncio.sleep(0)
    yield b"\r\n]}\n"


async def _listing(view: OpenedView, query: ViewQuery, after: bytes = b"") -> AsyncGenerator[bytes]:
    """One query's rows as a JSON object, and what comes behind it."""
    before: bytes | None = None
    async with aclosing(view.read(query)) as slices:
        async for part in slices:
            if before is None:
                before = _head(view, part, with_update_seq=query.update_seq)
            elif not part.rows:
                continue
            [first, *rest] = join_pieces([before, *join_rows(SEPARATOR, part.rows)])
            before = SEPARATOR if part.rows or before is SEPARATOR else b""
            yield cast("bytes", first)  # there is text before the bytes of any attachment
            if rest:
                async with aclosing(stream_text(rest)) as text:
                    async for piece in text:
                        yield piece
    yield b"\r\n]}" + after


def _head(view: OpenedView, part: ViewSlice, *, with_update_seq: bool) -> bytes:
    members: list[bytes] = []
    if part.total_rows is not None:
        members.append(b'"total_rows":%d,"offset":%d' % (part.total_rows, part.offset or 0))
    if with_update_seq:
        members.append(b'"update_seq":%b' % encode(view.index.database.update_seq_text(part.seq)))
    return b"{%b\r\n" % b",".join((*members, b'"rows":['))
