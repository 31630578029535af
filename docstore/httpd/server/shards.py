"""``/{db}/_shards``: where the documents of a database are, which is here.

Owns the replies. Follows ``mem3_httpd:handle_shards_req`` of CouchDB, for a cluster of one.
"""

from collections.abc import AsyncGenerator
from itertools import islice
from typing import Final

from docstore.core.json_text import JsonValue, encode
from docstore.core.shards import range_of, ranges
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.streaming import StreamReply

PIECE: Final = 1_000
"""Ranges that are told at once: ``q`` may be any number."""


async def shards(request: Request) -> StreamReply:
    """GET /{db}/_shards: the nodes of each range."""
    return StreamReply(_told(request.database().shards, encode([request.node.name])))


async def shard_of(request: Request) -> Reply:
    """GET /{db}/_shards/{id}: the range of a document, whether there is such a document or not."""
    database = request.database()
    nodes: list[JsonValue] = [request.node.name]
    told = range_of(database.shards, request.segments[2], partitioned=database.partitioned)
    return json_reply({"range": told, "nodes": nodes})


async def sync_shards(request: Request) -> Reply:
    """POST /{db}/_sync_shards: there is one copy of everything."""
    request.database()
    return json_reply({"ok": True}, 202)


async def _told(q: int, nodes: bytes) -> AsyncGenerator[bytes]:
    every = ranges(q)
    begun = b'{"shards":{'
    while some := list(islice(every, PIECE)):
        yield begun + b",".join(b'"%b":%b' % (one.encode(), nodes) for one in some)
        begun = b","
    yield b"}}\n"
