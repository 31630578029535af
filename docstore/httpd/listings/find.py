"""Mango: ``_find`` and ``_explain``.

Owns the text around the documents. Follows ``mango_httpd.erl`` (``handle_find_req``, ``end_find_resp``); as there the
line ends are those of Windows.
"""

from asyncio import to_thread
from collections.abc import AsyncGenerator
from contextlib import aclosing

from docstore.core.json_text import JsonValue, encode
from docstore.database.database import Database
from docstore.httpd.params.selectors import compiles_at_once
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.streaming import StreamReply
from docstore.node import Node
from docstore.query.mango.mango import FoundEnd
from docstore.query.mango.options import FindOptions, read_find
from docstore.query.mango.words import refused

SEPARATOR = b",\r\n"
PARTITION = "partition"


async def find(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_find``"""
    database = request.database()
    options = await _options(request)
    return await chunked_reply(_documents(request.node, database, options))


async def explain(request: Request) -> Reply:
    """``POST /{db}/_explain``"""
    database = request.database()
    options = await _options(request)
    return json_reply(await request.node.query.mango.explain(database, options))


async def _options(request: Request) -> FindOptions:
    body = _in_partition(await request.json_object(require_json_type=True), request.query.get(PARTITION))
    limit = request.node.settings.find.default_limit
    if compiles_at_once(await request.body()):
        return read_find(body, default_limit=limit)
    return await to_thread(read_find, body, default_limit=limit, large=True)


def _in_partition(body: dict[str, JsonValue], partition: str | None) -> dict[str, JsonValue]:
    """The query, of the partition that the query string names. Raises BadRequest if it names another one itself."""
    if partition is None or body.get(PARTITION) == partition:
        return body
    if PARTITION in body:
        raise refused("bad_partition", f"The query is of the partition {partition}, and names another one.")
    return body | {PARTITION: partition}


async def _documents(node: Node, database: Database, options: FindOptions) -> AsyncGenerator[bytes]:
    end = FoundEnd()
    before = b'{"docs":[\r\n'
    async with aclosing(node.query.mango.find(database, options, end, node.settings)) as pieces:
        async for shown in pieces:
            if shown:
                yield before + SEPARATOR.join(shown)
                before = SEPARATOR
    closing = [b"\r\n]" if before is SEPARATOR else before + b"]"]
    for name, value in (
        (b'"bookmark": ', end.bookmark),
        (b'"execution_stats": ', end.execution_stats),
        (b'"warning": ', end.warning),
    ):
        if value is not None:
            closing.append(name + encode(value))
    yield SEPARATOR.join(closing) + b"}\r\n"
