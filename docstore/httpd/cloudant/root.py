"""What Cloudant tells of itself: the welcome, the session, and that legacy logins are over.

Owns these replies. Follows those of an account that IBM recorded for its SDKs.
"""

from typing import Final

from docstore import __version__
from docstore.accounts.iam import HANDLER
from docstore.core.json_text import JsonValue
from docstore.errors import Unauthorized
from docstore.httpd.cloudant.front import NO_LEGACY, front_of
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.server import session
from docstore.httpd.server.root import API_VERSION

FEATURES: Final = ("quickjs", "search", "access-ready", "iam", "partitioned")
HANDLERS: Final = ("iam", "cookie", "default", "local")


async def welcome(request: Request) -> Reply:
    """GET /: as Cloudant; ``docstore`` under ``vendor`` tells whose server it is."""
    features: list[JsonValue] = list(FEATURES)
    vendor: dict[str, JsonValue] = {"name": "IBM Cloudant", "version": "8665", "variant": "paas"}
    return json_reply(
        {
            "couchdb": "Welcome",
            "version": f"{API_VERSION}+cloudant",
            "vendor": vendor | {"docstore": __version__},
            "features": features,
            "features_flags": ["partitioned"],
        }
    )


async def show_session(request: Request) -> Reply:
    """GET /_session, with the ways of Cloudant; one that IAM has recognised has the roles of a database."""
    user = request.user
    if user.name is None and request.query.get("basic") == "true":
        raise Unauthorized("Please login.")
    handlers: list[JsonValue] = [HANDLER] if front_of(request).only_iam else list(HANDLERS)
    info: dict[str, JsonValue] = {"authentication_handlers": handlers}
    if user.handler is not None:
        info["authenticated"] = user.handler
    roles: list[JsonValue] = list(user.roles)
    return json_reply({"ok": True, "userCtx": {"name": user.name, "roles": roles}, "info": info})


async def login(request: Request) -> Reply:
    """POST /_session. Raises Unauthorized where IAM alone counts."""
    if front_of(request).only_iam:
        raise Unauthorized(NO_LEGACY)
    return await session.login(request)
