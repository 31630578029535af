"""Mango: ``_find`` and ``_explain``.

Owns the text around the documents. Follows ``mango_httpd.erl`` (``handle_find_req``, ``end_find_resp``); as there the
line ends are those of Windows.
"""

from asyncio import to_thread
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic

from docstore.core.json_text import JsonValue, encode
from docstore.database.database import Database
from docstore.httpd.params.selectors import compiles_at_once
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.connection import Connection
from docstore.httpd.wire.streaming import StreamReply
from docstore.query.mango.mango import FoundEnd
from docstore.query.mango.options import FindOptions, read_find
from docstore.query.mango.words import refused

SEPARATOR = b",\r\n"
PARTITION = "partition"
HALF_CLOSED_PATIENCE = 5.0
"""Seconds that a scan goes on for a client who has closed his side of the connection."""


async def find(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_find``"""
    database = request.database()
    options = await _options(request)
    return await chunked_reply(_documents(request, database, options))


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


class _Reader:
    """Whoever a reply is for. One who closes the connection sends no more, and nothing else tells that he has left."""

    def __init__(self, request: Request) -> None:
        self._raw = request.raw
        self._silent_since: float | None = None

    def check(self) -> None:
        """Raises ConnectionResetError if he has left, or seems to have."""
        protocol = self._raw.protocol
        if self._raw.transport is None:
            raise ConnectionResetError("the reader has left")
        if isinstance(protocol, Connection) and protocol.half_closed:
            now = monotonic()
            if self._silent_since is None:
                self._silent_since = now
            if now - self._silent_since >= HALF_CLOSED_PATIENCE:
                raise ConnectionResetError("the reader has sent no more for too long")


async def _documents(request: Request, database: Database, options: FindOptions) -> AsyncGenerator[bytes]:
    """The reply; it breaks off where its reader has left, whom nothing is written to that would tell so."""
    node, reader = request.node, _Reader(request)
    end = FoundEnd()
    before = b'{"docs":[\r\n'
    async with aclosing(node.query.mango.find(database, options, end, node.settings)) as pieces:
        async for shown in pieces:
            reader.check()
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
