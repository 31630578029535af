"""Mango: ``_find`` and ``_explain``.

Owns the text around the documents. Follows ``mango_httpd.erl`` (``handle_find_req``, ``end_find_resp``); as there the
line ends are those of Windows.
"""

from asyncio import to_thread
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic

from docstore.core.json_text import JsonValue, encode
from docstore.httpd.params.selectors import compiles_at_once
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.connection import Connection
from docstore.httpd.wire.streaming import StreamReply
from docstore.query.mango.asked_before import AskedBefore
from docstore.query.mango.mango import Begun
from docstore.query.mango.options import FindOptions, read_find
from docstore.query.mango.words import refused
from docstore.settings import Settings

SEPARATOR = b",\r\n"
_OPENING = b'{"docs":[\r\n'
PARTITION = "partition"
HALF_CLOSED_PATIENCE = 5.0
"""Seconds that a scan goes on for a client who has closed his side of the connection."""

_asked: AskedBefore[tuple[bytes, str | None, int, int], FindOptions] = AskedBefore()
"""What short bodies say, which is the same for everybody. Those that say nothing sensible are read each time."""


async def find(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_find``"""
    database = request.database()
    options = await _options(request)
    node = request.node
    begun = await node.query.mango.begin(database, options, node.settings)
    if begun.done:  # as most are: nothing is left to wait for
        opening = _OPENING + SEPARATOR.join(begun.shown) if begun.shown else b""
        return Reply(200, opening + _closing(begun, node.settings, any_shown=bool(begun.shown)))
    return await chunked_reply(_documents(request, begun))


async def explain(request: Request) -> Reply:
    """``POST /{db}/_explain``"""
    database = request.database()
    options = await _options(request)
    return json_reply(await request.node.query.mango.explain(database, options))


async def _options(request: Request) -> FindOptions:
    request.require_json_type()
    request.require_body()
    text = await request.body()
    settings, partition = request.node.settings, request.query.get(PARTITION)
    limit = settings.find.default_limit
    regex_time = settings.limits.max_regex_time
    key = (text, partition, limit, settings.limits.max_json_depth)
    short = compiles_at_once(text)
    known = _asked.get(key) if short else None
    if known is not None:
        return known
    body = _in_partition(await request.json_object(), partition)
    if not short:
        return await to_thread(read_find, body, default_limit=limit, regex_time=regex_time, large=True)
    options = read_find(body, default_limit=limit)
    _asked.keep(key, options)
    return options


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


async def _documents(request: Request, begun: Begun) -> AsyncGenerator[bytes]:
    """The reply; it breaks off where its reader has left, whom nothing is written to that would tell so."""
    node, reader = request.node, _Reader(request)
    before = _OPENING
    if begun.shown:
        yield before + SEPARATOR.join(begun.shown)
        before = SEPARATOR
    async with aclosing(node.query.mango.rest(begun)) as pieces:
        async for shown in pieces:
            reader.check()
            if shown:
                yield before + SEPARATOR.join(shown)
                before = SEPARATOR
    yield _closing(begun, node.settings, any_shown=before is SEPARATOR)


def _closing(begun: Begun, settings: Settings, *, any_shown: bool) -> bytes:
    """What stands behind the documents, and before them too where there are none."""
    end = begun.end(settings)
    closing = [b"\r\n]" if any_shown else _OPENING + b"]"]
    for name, value in (
        (b'"bookmark": ', end.bookmark),
        (b'"execution_stats": ', end.execution_stats),
        (b'"warning": ', end.warning),
    ):
        if value is not None:
            closing.append(name + encode(value))
    return SEPARATOR.join(closing) + b"}\r\n"
