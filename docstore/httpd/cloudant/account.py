"""``/_api/v2``: what an account has and uses.

Owns the endpoints; capacity and its shapes are ``core/cloudant/capacity.py``'s. Follows Cloudant's API.
"""

from contextlib import suppress
from secrets import token_hex
from typing import Final

from docstore.core.cloudant.capacity import read_blocks, used
from docstore.core.document import parse_document
from docstore.core.json_text import JsonValue
from docstore.core.security.user import SERVER
from docstore.core.security.user_documents import user_id
from docstore.database.write_hooks import Actor
from docstore.errors import BadRequest, DatabaseExists
from docstore.httpd.cloudant.front import BLOCKS, front_of
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request

EVENT_TYPES: Final = ("cloudant", "event_types")
MANAGEMENT: Final = "management"
KNOWN_EVENTS: Final = frozenset({MANAGEMENT, "data"})
AS_SERVER: Final = Actor(None, True, SERVER.roles)


async def capacity(request: Request) -> Reply:
    """GET /_api/v2/user/capacity/throughput: what is provisioned, and what will be."""
    return json_reply(front_of(request).meter.capacity.members())


async def set_capacity(request: Request) -> Reply:
    """PUT /_api/v2/user/capacity/throughput ``{"blocks": N}``: it is the target now, and holds soon; it is kept."""
    blocks = read_blocks(await request.json_object())
    await request.node.config.set(*BLOCKS, str(blocks))
    return json_reply(front_of(request).meter.capacity.members())  # which heeds the setting


async def throughput(request: Request) -> Reply:
    """GET /_api/v2/user/current/throughput: what was used within the last second."""
    return json_reply(used(front_of(request).meter.used()))


async def database_capacity(request: Request) -> Reply:
    """GET /_api/v2/user/capacity/databases: how many there may be."""
    return json_reply({"current": {"databases": {"total": request.node.settings.limits.max_databases}}})


async def databases(request: Request) -> Reply:
    """GET /_api/v2/user/current/databases: how many there are."""
    names = await request.node.registry.find(lambda name: not name.startswith("_"))
    return json_reply({"databases": {"total": len(names)}})


async def events(request: Request) -> Reply:
    """GET /_api/v2/user/activity_tracker/events: the kinds of events that are told."""
    types: list[JsonValue] = list(request.node.settings.cloudant.event_types)
    return json_reply({"types": types})


async def set_events(request: Request) -> Reply:
    """POST /_api/v2/user/activity_tracker/events ``{"types": [...]}``; those of management are always told."""
    types = (await request.json_object()).get("types")
    if not isinstance(types, list) or not all(isinstance(one, str) and one in KNOWN_EVENTS for one in types):
        raise BadRequest('`types` must be an array of "management" and "data".')
    if MANAGEMENT not in types:
        raise BadRequest(f'`types` must have "{MANAGEMENT}".')
    await request.node.config.set(*EVENT_TYPES, ", ".join(dict.fromkeys(str(one) for one in types)))
    return json_reply({"ok": True})


async def make_api_key(request: Request) -> Reply:
    """POST /_api/v2/api_keys: a new user that may nothing yet, with the password that is told here alone."""
    node = request.node
    name, password = f"apikey-{token_hex(16)}", token_hex(20)
    users = node.accounts.policy.users
    if not node.registry.exists(users):
        with suppress(DatabaseExists):  # made by another request meanwhile
            await node.registry.create(users)
    members: dict[str, JsonValue] = {"name": name, "type": "user", "roles": [], "password": password}
    document = parse_document(members, doc_id=user_id(name), limits=node.settings.limits)
    await node.registry.open(users).acting_for(AS_SERVER).update_doc(document)
    return json_reply({"ok": True, "key": name, "password": password}, 201)
