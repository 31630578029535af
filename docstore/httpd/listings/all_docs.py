"""The endpoints ``_all_docs``, ``_design_docs`` and ``_local_docs``: GET, POST and ``/queries``.

Owns the text around the rows. Follows ``chttpd_db:all_docs_view`` and ``couch_mrview_http:view_cb``.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from docstore.core.json_text import encode
from docstore.core.partition import check_placed
from docstore.database.database import Database
from docstore.database.reading.all_docs import AllDocsQuery, AllDocsSlice, Namespace, read_all_docs
from docstore.database.reading.document_text import join_pieces, join_rows, stream_text
from docstore.httpd.params.all_docs import queries_of_post, query_of_get, query_of_post
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.wire.turns import Turns

SEPARATOR = b",\r\n"


async def get_all_docs(request: Request) -> Reply | StreamReply:
    """``GET /{db}/_all_docs`` and its like."""
    database = request.database()
    query = query_of_get(request, partitioned=database.partitioned)
    await _check_keys(database, query)
    if request.method == "HEAD":
        return Reply()
    return await chunked_reply(_alone(database, query))


async def post_all_docs(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_all_docs``: the parameters in the body."""
    database = request.database()
    body = await request.json_object(require_json_type=True)
    query = query_of_post(request, body, partitioned=database.partitioned)
    await _check_keys(database, query)
    return await chunked_reply(_alone(database, query))


async def post_queries(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_all_docs/queries``: several listings, one after the other."""
    database = request.database()
    queries: list[AllDocsQuery] = []
    body = await request.json_object()
    with Turns() as turns:
        for query in queries_of_post(request, body, partitioned=database.partitioned):
            await _check_keys(database, query)
            queries.append(query)
            if turns.over():
                await turns.next()
    return await chunked_reply(_together(database, queries))


async def _check_keys(database: Database, query: AllDocsQuery) -> None:
    """Raises IllegalDocId for one of ``keys``, which may be many, that names no partition in a partitioned database."""
    if not database.partitioned or query.keys is None or query.namespace is not Namespace.ALL:
        return
    with Turns() as turns:
        for key in query.keys:
            if isinstance(key, str):
                check_placed(key)
            if turns.over():
                await turns.next()


async def _alone(database: Database, query: AllDocsQuery) -> AsyncGenerator[bytes]:
    async with aclosing(_listing(database, query)) as chunks:
        async for chunk in chunks:
            yield chunk
    yield b"\n"


async def _together(database: Database, queries: Sequence[AllDocsQuery]) -> AsyncGenerator[bytes]:
    yield b'{"results":['
    before = b"\r\n"
    for query in queries:
        yield before
        before = SEPARATOR
        async with aclosing(_listing(database, query)) as chunks:
            async for chunk in chunks:
                yield chunk
    yield b"\r\n]}\n"


async def _listing(database: Database, query: AllDocsQuery) -> AsyncGenerator[bytes]:
    """One listing as a JSON object."""
    before = b""
    begun = False
    async with aclosing(read_all_docs(database, query)) as slices:
        async for part in slices:
            if not begun:
                yield _head(part, query.update_seq)
                begun = True
            if part.rows:
                pieces = join_pieces([before, *join_rows(SEPARATOR, part.rows)])
                async with aclosing(stream_text(pieces)) as text:
                    async for piece in text:
                        yield piece
                before = SEPARATOR
    yield b"\r\n]}"


def _head(part: AllDocsSlice, with_update_seq: bool) -> bytes:
    update_seq = b',"update_seq":' + encode(part.update_seq) if with_update_seq else b""
    return b'{"total_rows":%b,"offset":%b%b,"rows":[\r\n' % (encode(part.total_rows), encode(part.offset), update_seq)
