"""``/_session``: who am I, log in, log out.

Owns the login form and the shape of the session object. Follows ``couch_httpd_auth:handle_session_req``.
"""

import re

from docstore.core.json_text import JsonValue
from docstore.errors import BadRequest, Unauthorized, UnsupportedMediaType
from docstore.httpd.auth import ENDED_SESSION
from docstore.httpd.problems.refusing import refused
from docstore.httpd.replies import Header, Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.paths import decode_query

HANDLERS: list[JsonValue] = ["cookie", "default"]
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\x00-\x1f\x7f]*")
"""A path of this server: what begins with two slashes, or what a browser takes for one, names another."""


async def show(request: Request) -> Reply:
    """GET /_session. ``basic=true`` asks for a 401 where nobody is logged in."""
    user = request.user
    if user.name is None and request.query.get("basic") == "true" and not user.is_admin:
        raise Unauthorized("Please login.")
    info: dict[str, JsonValue] = {"authentication_handlers": HANDLERS}
    if user.handler is not None:
        info["authenticated"] = user.handler
    return json_reply({"ok": True, "userCtx": {"name": user.name, "roles": list(user.roles)}, "info": info})


async def login(request: Request) -> Reply:
    """POST /_session with a form or JSON: ``name`` (or ``username``) and ``password``.

    ``?next=/path`` answers 302 to that path of this server, ``?fail=/path`` the same after a wrong login.
    """
    form = await _form(request)
    name = form.get("name") or form.get("username")
    if not name:
        raise BadRequest("request body must contain a username")
    _check_name(name, request.node.settings.limits.max_user_name)
    authenticator = request.service.authenticator
    try:
        user = authenticator.login(name, form.get("password", ""))
    except Unauthorized as error:
        return _with_cookie(request, await refused(request, error), "fail", ENDED_SESSION)
    reply = json_reply({"ok": True, "name": user.name, "roles": list(user.roles)})
    return _with_cookie(request, reply, "next", authenticator.session_cookie(name))


def _check_name(name: str, limit: int) -> None:
    """Where everyone is administrator any name may log in, and is told again in the cookie. Raises BadRequest."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise BadRequest("The name is not UTF-8.") from None
    if size > limit:
        raise BadRequest("The name is too long.")


async def logout(request: Request) -> Reply:
    """DELETE /_session."""
    return _with_cookie(request, json_reply({"ok": True}), "next", ENDED_SESSION)


def _with_cookie(request: Request, reply: Reply, redirect: str, cookie: str) -> Reply:
    """The reply with a cookie; a redirect, if the parameter of that name says where to.

    Raises BadRequest unless that is a path of this server, as ``couch_httpd:absolute_uri``, which lets line ends pass.
    """
    headers: tuple[Header, ...] = (("Set-Cookie", cookie),)
    path = request.query.get(redirect)
    status = reply.status if path is None else 302
    if path is not None:
        if not _LOCAL_PATH.fullmatch(path):
            raise BadRequest("path must begin with a /.")
        headers += (("Location", request.base_url + path),)
    return Reply(status, reply.body, content_type=reply.content_type, headers=(*headers, *reply.headers))


async def _form(request: Request) -> dict[str, str]:
    """The members of the login form, of repeated ones the first. Raises UnsupportedMediaType for any other type."""
    content_type = request.headers.get("Content-Type", "").partition(";")[0].strip()
    if content_type == FORM:
        return dict(reversed(decode_query((await request.body()).decode("utf-8", "surrogateescape"))))
    if content_type != JSON:
        raise UnsupportedMediaType(f"Content-Type must be '{FORM}' or '{JSON}'")
    members = await request.json_object()
    return {name: value for name, value in members.items() if isinstance(value, str)}
