"""``/identity/token`` and ``/_iam_session``: tokens for API keys, and sessions by them.

Owns the two endpoints. At IBM the first is another service's, whose address clients are told; here it is the same
server's. Follows IBM's identity service and Cloudant's description of its sessions.
"""

from email.utils import formatdate
from typing import Final

from docstore.core.cloudant.iam import TOKEN_SECONDS, IamError, grant_of
from docstore.core.json_text import JsonValue
from docstore.errors import BadRequest, Unauthorized
from docstore.httpd.cloudant.front import IAM_COOKIE, front_of
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.server.session import login_body, login_form

FORM: Final = "application/x-www-form-urlencoded"
NO_TOKEN: Final = "`access_token` must be the token of IAM."
NO_STORE: Final = (("Cache-Control", "no-cache, no-store"), ("Pragma", "no-cache"))


async def token(request: Request) -> Reply:
    """POST /identity/token, a form: tokens for an API key or a refresh token. Refusals are in IAM's words."""
    try:
        if request.content_type != FORM:
            raise IamError("BXNIM0122E", f"The content type is not {FORM}.", 415)
        asked = grant_of(dict(await login_form(request)))
        return json_reply(await front_of(request).iam.grant(*asked), headers=NO_STORE)
    except IamError as error:
        return _refusal(request, error)


async def show(request: Request) -> Reply:
    """GET /_iam_session: who the session is of."""
    user = request.user
    told: dict[str, JsonValue] = {"ok": True, "userCtx": {"name": user.name, "roles": list(user.roles)}}
    return json_reply(told | {"info": {"authentication_handlers": ["iam"]}})


async def login(request: Request) -> Reply:
    """POST /_iam_session ``{"access_token": ...}``: a session with the token's lifetime. Raises Unauthorized."""
    await login_body(request)
    members = await request.json_object()
    access = members.get("access_token")
    if not isinstance(access, str):
        raise BadRequest(NO_TOKEN)
    front = front_of(request)
    try:
        user = front.iam.user(access)
    except Unauthorized as error:
        reply = json_reply({"error": error.error, "reason": error.reason}, 401)
        reply.headers = (("Set-Cookie", _cookie(request, "")),)
        return reply
    roles: list[JsonValue] = list(user.roles)
    cookie = (("Set-Cookie", _cookie(request, access)),)
    return json_reply({"ok": True, "name": user.name, "roles": roles}, headers=cookie)


async def logout(request: Request) -> Reply:
    """DELETE /_iam_session."""
    return json_reply({"ok": True}, headers=(("Set-Cookie", _cookie(request, "")),))


def _cookie(request: Request, token: str) -> str:
    """The Set-Cookie value of a session; of an empty token that of its end."""
    lifetime = TOKEN_SECONDS if token else 0
    parts = [f"{IAM_COOKIE}={token}", f"Max-Age={lifetime}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if not token:
        parts.append(f"Expires={formatdate(0, usegmt=True)}")
    if request.base_url.startswith("https:"):
        parts.append("Secure")
    return "; ".join(parts)


def _refusal(request: Request, error: IamError) -> Reply:
    told: dict[str, JsonValue] = {
        "errorCode": error.code,
        "errorMessage": error.reason,
        "errorDetails": error.reason,
        "context": {"requestId": request.id.decode(), "requestType": "incoming.Identity_Token"},
    }
    return json_reply(told, error.status, headers=NO_STORE)
