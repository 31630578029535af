"""Endpoints of the server as a whole: welcome, health, uuids, lists of databases.

Owns their replies. Follows ``chttpd_misc`` and ``couch_httpd_misc_handlers`` of CouchDB.
"""

from docstore import __version__
from docstore.core.conditions import content_etag
from docstore.core.json_text import JsonValue, encode
from docstore.database.reading.key_range import RangeQuery
from docstore.errors import BadRequest, DatabaseNotFound, NotFound, QueryParseError
from docstore.httpd.params.all_docs import read_text
from docstore.httpd.params.preferences import wants_problems
from docstore.httpd.params.values import parse_integer
from docstore.httpd.replies import Reply, etag_matches, json_reply, not_modified, raw_json_reply
from docstore.httpd.request import Request
from docstore.httpd.server.node_endpoints import node_name

API_VERSION = "3.5.0"
"""The CouchDB whose API is spoken here; clients look at it. docstore's own version stands under ``vendor``."""

MAINTENANCE = {"true": "maintenance_mode", "nolb": "nolb"}
MAX_DBS_INFO_KEYS = 100

NAMES_FIELDS = ("start_key", "end_key", "inclusive_end", "descending", "skip", "limit")


async def welcome(request: Request) -> Reply:
    """GET /"""
    return json_reply(
        {
            "couchdb": "Welcome",
            "version": API_VERSION,
            "git_sha": "",
            "uuid": request.node.uuid,
            "features": ["partitioned", "search"] if request.node.settings.search.enabled else ["partitioned"],
            "vendor": {"name": "docstore", "version": __version__},
        }
    )


async def favicon(request: Request) -> Reply:
    """GET /favicon.ico: there is none. Answered as CouchDB answers for a file, in plain text; only browsers ask."""
    if wants_problems(request.raw.headers):
        raise NotFound
    return Reply(404, b"Not found.", content_type="text/plain")


async def up(request: Request) -> Reply:
    """GET /_up: 404 in maintenance mode, so that a load balancer sends nobody here."""
    mode = request.node.config.get("couchdb", "maintenance_mode")
    if mode in MAINTENANCE:
        return json_reply({"status": MAINTENANCE[mode]}, 404)
    return json_reply({"status": "ok", "seeds": {}})


async def uuids(request: Request) -> Reply:
    """GET /_uuids?count="""
    count = _count(request.query.get("count", "1"), request.node.settings.limits.max_uuids)
    body = encode({"uuids": list(request.node.uuids.take(count))}) + b"\n"
    headers = (("Expires", "Mon, 01 Jan 1990 00:00:00 GMT"), ("Pragma", "no-cache"))
    return Reply(200, body, headers=headers, etag=content_etag(body), cache_control="no-cache")


async def all_dbs(request: Request) -> Reply:
    """GET /_all_dbs: names by bytes, with the range parameters of ``_all_docs``."""
    return _etagged(request, encode(list(_names(request))))


async def dbs_info(request: Request) -> Reply:
    """GET /_dbs_info: the information of every database in the range."""
    return _etagged(request, b"[" + b",".join(_info_row(request, name) for name in _names(request)) + b"]")


async def dbs_info_by_name(request: Request) -> Reply:
    """POST /_dbs_info ``{"keys": [...]}``: the information of these databases."""
    members = await request.json_object(require_json_type=True)
    if "keys" not in members:
        raise BadRequest("`keys` member must exist.")
    keys = members["keys"]
    if not isinstance(keys, list):
        raise BadRequest("`keys` member must be an array.")
    if len(keys) > MAX_DBS_INFO_KEYS:
        raise BadRequest("too_many_keys")
    return raw_json_reply(b"[" + b",".join(_info_row(request, key) for key in keys) + b"]")


async def membership(request: Request) -> Reply:
    """GET /_membership: a cluster of one."""
    nodes: list[JsonValue] = [node_name(request.node)]
    return json_reply({"all_nodes": nodes, "cluster_nodes": nodes})


async def active_tasks(request: Request) -> Reply:
    """GET /_active_tasks"""
    return json_reply(list(request.node.active_tasks.entries()))


async def cluster_setup(request: Request) -> Reply:
    """GET /_cluster_setup: there is nothing to set up."""
    return json_reply({"state": "single_node_enabled"})


def _count(text: str, most: int) -> int:
    try:
        count = parse_integer(text)
    except QueryParseError:
        count = -1
    if count > most:
        raise BadRequest("count parameter too large")
    if count < 0:
        raise BadRequest("count must be a positive integer")
    return count


def _names(request: Request) -> list[str]:
    values = read_text(request.query_list)
    return request.node.registry.names(RangeQuery(**{name: values[name] for name in NAMES_FIELDS if name in values}))


def _info_row(request: Request, name: JsonValue) -> bytes:
    row: dict[str, JsonValue] = {"key": name}
    try:
        if not isinstance(name, str):
            raise DatabaseNotFound
        row["info"] = request.node.registry.open(name).info().members()
    except DatabaseNotFound:
        row["error"] = "not_found"
    return encode(row)


def _etagged(request: Request, body: bytes) -> Reply:
    etag = content_etag(body)
    if etag_matches(request.if_none_match, etag):
        return not_modified(etag)
    return raw_json_reply(body, etag=etag)
