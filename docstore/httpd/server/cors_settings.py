"""``/_api/v2/user/config/cors``: CORS as Cloudant's clients set it.

Owns the shape; the settings are those of CouchDB (``httpd/cors.py``). Follows Cloudant's API.
"""

from typing import Final

from docstore.config.kinds import BOOLEAN, split_list
from docstore.core.json_text import JsonValue
from docstore.errors import BadRequest
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request

ENABLED: Final = ("chttpd", "enable_cors")
CREDENTIALS: Final = ("cors", "credentials")
ORIGINS: Final = ("cors", "origins")


async def cors_settings(request: Request) -> Reply:
    """GET /_api/v2/user/config/cors"""
    config = request.node.config
    origins: list[JsonValue] = list(split_list(config.get(*ORIGINS) or ""))
    return json_reply(
        {
            "enable_cors": config.get(*ENABLED) == "true",
            "allow_credentials": config.get(*CREDENTIALS) == "true",
            "origins": origins,
        }
    )


async def set_cors_settings(request: Request) -> Reply:
    """PUT /_api/v2/user/config/cors: all three; the two booleans are true where they are left out."""
    members = await request.json_object()
    await request.node.config.set_all(
        {
            ENABLED: _boolean(members, "enable_cors"),
            CREDENTIALS: _boolean(members, "allow_credentials"),
            ORIGINS: _origins(members.get("origins")),
        }
    )
    return json_reply({"ok": True})


def _boolean(members: dict[str, JsonValue], name: str) -> str:
    value = members.get(name, True)
    if not isinstance(value, bool):
        raise BadRequest(f"`{name}` must be true or false.")
    return BOOLEAN.word(value)


def _origins(value: JsonValue) -> str:
    if not isinstance(value, list):
        raise BadRequest("`origins` must be an array.")
    origins: list[str] = []
    for origin in value:
        if not isinstance(origin, str) or split_list(origin) != (origin,):
            raise BadRequest("Each of `origins` must be an origin, such as https://example.com, or *.")
        origins.append(origin)
    return ", ".join(origins)
