"""Upkeep of a database: compaction, the cleanup of indexes, and what has nothing to do here.

Owns their replies. Under the durability ``fsync`` every acknowledged write is on disk already, so that
``_ensure_full_commit`` only answers; the pages of an index are used again as its rows go, so there is nothing to
compact there. Follows ``chttpd_db:handle_compact_req`` and its neighbours.
"""

from docstore.core.json_text import JsonValue
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request

OK: dict[str, JsonValue] = {"ok": True}


async def compact(request: Request) -> Reply:
    """POST /{db}/_compact: begins, and does not wait for the end; ``_active_tasks`` and ``compact_running`` tell."""
    database = request.database()
    request.require_json_type()
    request.service.spawn(database.compact())
    return json_reply(OK, 202)


async def compact_design(request: Request) -> Reply:
    """POST /{db}/_compact/{name}: the views of a design document; there is nothing to compact."""
    database = request.database()
    request.require_json_type()
    database.open_doc(f"_design/{request.segments[2]}")
    return json_reply(OK, 202)


async def view_cleanup(request: Request) -> Reply:
    """POST /{db}/_view_cleanup: indexes go whose views no design document has."""
    await request.node.query.views.clean_up(request.database())
    return json_reply(OK, 202)


async def ensure_full_commit(request: Request) -> Reply:
    """POST /{db}/_ensure_full_commit: answered when no power cut can take what was acknowledged before."""
    database = request.database()
    request.require_json_type()
    return json_reply({"ok": True, "instance_start_time": await database.make_durable()}, 201)
