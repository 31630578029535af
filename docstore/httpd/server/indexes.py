"""Mango: ``_index`` and what is below it.

Owns the replies. Follows ``mango_httpd:handle_index_req``.
"""

import re

from docstore.core.json_text import JsonValue
from docstore.database.unique_indexes import UniqueStatus
from docstore.errors import NotFound
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.query.mango.options import read_bulk_delete, read_new_index
from docstore.query.mango.words import InvalidListing

_INTEGER = re.compile(r"[+-]?[0-9]{1,308}")


async def list_indexes(request: Request) -> Reply:
    """``GET /{db}/_index``"""
    database = request.database()
    limit, skip = _number(request, "limit"), _number(request, "skip")
    if (limit is not None and limit < 1) or (skip is not None and skip < 0):
        raise InvalidListing
    indexes = await request.node.query.mango.indexes(database)
    first = skip or 0
    last = len(indexes) if limit is None else first + limit
    status = request.node.registry.unique.status(database.number)
    shown: list[JsonValue] = [
        index.listed() | ({"state": _state(status.get((index.ddoc or "", index.name)))} if index.unique else {})
        for index in indexes[first:last]
    ]
    return json_reply({"total_rows": len(indexes), "indexes": shown})


def _state(status: UniqueStatus | None) -> str:
    """How far a unique index is."""
    if status is None:
        return "not enforced"
    return "active" if status.built else "building"


def _number(request: Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if _INTEGER.fullmatch(text) is None:
        raise InvalidListing
    return int(text)


async def make_index(request: Request) -> Reply:
    """``POST /{db}/_index``"""
    database = request.database()
    new = read_new_index(await request.json_object(require_json_type=True))
    node = request.node
    return json_reply(await node.query.mango.make_index(database, new, node.settings.limits, node.registry.unique))


async def remove_index(request: Request) -> Reply:
    """``DELETE /{db}/_index/{ddoc}/{type}/{name}``, or with ``_design/`` before the name"""
    database = request.database()
    ddoc, kind, name = request.segments[-3:]
    await request.node.query.mango.remove_index(database, ddoc, kind, name, request.node.settings.limits)
    return json_reply({"ok": True})


async def bulk_delete(request: Request) -> Reply:
    """``POST /{db}/_index/_bulk_delete``: the indexes of some design documents, which have one each."""
    database = request.database()
    names = read_bulk_delete(await request.json_object(require_json_type=True))
    success, fail = await request.node.query.mango.remove_named(database, names, request.node.settings.limits)
    return json_reply({"success": success, "fail": fail})


async def nothing_there(request: Request) -> Reply:
    """Any other path below ``_index``."""
    request.database()
    raise NotFound
