"""Partitions of a database: what one holds, and the endpoints that look at one alone.

Owns which requests may be asked below ``_partition/{name}``. Such a request is answered as the same one without that
part of its path and with the parameter ``partition``; what it means there is the business of the listings. Follows
``chttpd_db:handle_partition_req``.
"""

from typing import Final
from urllib.parse import urlencode

from docstore.core.partition import check_partition
from docstore.database.reading.partition_info import partition_info
from docstore.errors import BadRequest, MethodNotAllowed, NotFound
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.paths import encode_segment
from docstore.httpd.wire.streaming import StreamReply

PARTITION: Final = "partition"
NAME: Final = 2
"""The place of the partition's name in the path."""

LISTINGS: Final = frozenset({"_all_docs", "_find", "_explain", "_index"})
DESIGN: Final = "_design"
NOT_PARTITIONED: Final = "database is not partitioned"
TWO_NAMES: Final = "Conflicting value for `partition` in query string"


async def no_partition(request: Request) -> Reply:
    """/{db}/_partition with no name below it."""
    request.database()
    raise BadRequest("invalid_partition_req")


async def info(request: Request) -> Reply:
    """GET /{db}/_partition/{partition}"""
    database = request.database()
    name = check_partition(request.segments[NAME])
    if not database.partitioned:
        raise BadRequest(NOT_PARTITIONED)
    return json_reply((await partition_info(database, name)).members())


async def not_posted(request: Request) -> Reply:
    """POST /{db}/_partition/{partition}"""
    request.database()
    if request.segments[NAME].startswith("_"):
        check_partition(request.segments[NAME])
    raise MethodNotAllowed("GET")


async def inside(request: Request) -> Reply | StreamReply:
    """/{db}/_partition/{partition}/...: what is asked of one partition."""
    if not request.database().partitioned:
        raise BadRequest(NOT_PARTITIONED)
    name = check_partition(request.segments[NAME])
    if request.query.get(PARTITION, name) != name:
        raise BadRequest(TWO_NAMES)
    rest = request.segments[NAME + 1 :]
    if rest[0] not in LISTINGS and not (rest[0] == DESIGN and len(rest) > 2 and rest[2].startswith("_")):
        raise NotFound
    request.node.counters.requests_by_route[PARTITION, rest[-2] if rest[0] == DESIGN else rest[0]] += 1
    path = "/".join(map(encode_segment, (request.segments[0], *rest)))
    query = sorted((request.query | {PARTITION: name}).items())  # as CouchDB has them: once each, by name
    return await request.answer_as(request.method, f"/{path}?{urlencode(query)}", None)
