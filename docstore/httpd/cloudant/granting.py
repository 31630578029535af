"""``/_api/v2/db/{db}/_security``: the roles of users in a database, as Cloudant's clients set them.

Owns the endpoint. It is there in every profile, since the roles are part of the security object, which has a path of
its own in CouchDB. What may be set is ``core/security/granting.py``'s.
"""

from asyncio import to_thread
from typing import Final, cast

from docstore.core.conditions import Condition, content_etag
from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.security.granting import granted
from docstore.database.write_gate import rounds
from docstore.errors import Conflict, Forbidden, PreconditionFailed
from docstore.httpd.replies import Reply, json_reply, raw_json_reply
from docstore.httpd.request import Request
from docstore.httpd.server.databases import OK, USERS_SECURITY

NAME: Final = 3
"""The segment that names the database."""
"""So often the object is read again because somebody else has set it meanwhile."""


async def security(request: Request) -> Reply:
    """GET /_api/v2/db/{db}/_security: the whole security object."""
    return raw_json_reply(request.node.registry.open(request.segments[NAME]).security_text())


async def set_security(request: Request) -> Reply:
    """PUT /_api/v2/db/{db}/_security ``{"cloudant": {name: [role, ...]}}``; CouchDB's half stays unless it is told."""
    database = request.node.registry.open(request.segments[NAME])
    policy = request.node.accounts.policy
    if database.name == policy.users and not policy.users_security_editable:
        raise Forbidden(USERS_SECURITY)
    told = await request.json_object()
    for _ in rounds():
        present = cast("dict[str, JsonValue]", decode(database.security_text()))
        changed = await to_thread(granted, present, told)
        try:
            await database.set_security(changed, Condition((content_etag(encode(present)),)))
        except PreconditionFailed:
            continue
        return json_reply(OK)
    raise Conflict
