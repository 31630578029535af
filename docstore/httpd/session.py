"""``/_session``: who am I, log in, log out.

Owns the login form and the shape of the session object. Follows ``couch_httpd_auth:handle_session_req``.
"""

from docstore.core.json_text import JsonValue
from docstore.errors import BadRequest, Unauthorized
from docstore.httpd.auth import ENDED_SESSION
from docstore.httpd.errors import error_body
from docstore.httpd.paths import decode_query
from docstore.httpd.replies import Header, Reply, json_reply
from docstore.httpd.request import Request

HANDLERS: list[JsonValue] = ["cookie", "default"]
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


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
    authenticator = request.service.authenticator
    try:
        user = authenticator.login(name, form.get("password", ""))
    except Unauthorized as error:
        return _reply(request, 401, "fail", ENDED_SESSION, error_body(error))
    cookie = authenticator.session_cookie(name)
    return _reply(request, 200, "next", cookie, {"ok": True, "name": user.name, "roles": list(user.roles)})


async def logout(request: Request) -> Reply:
    """DELETE /_session."""
    return _reply(request, 200, "next", ENDED_SESSION, {"ok": True})


def _reply(request: Request, status: int, redirect: str, cookie: str, body: dict[str, JsonValue]) -> Reply:
    headers: tuple[Header, ...] = (("Set-Cookie", cookie),)
    path = request.query.get(redirect)
    if path is not None:
        status = 302
        # always a path below this server: "@elsewhere" appended to a host would lead somewhere else
        headers += (("Location", f"{request.base_url}/{path.lstrip('/')}"),)
    return json_reply(body, status, headers=headers)


async def _form(request: Request) -> dict[str, str]:
    """The members of the login form; one of another content type is empty, as in CouchDB."""
    content_type = request.content_type
    if content_type == FORM:
        return dict(decode_query((await request.body()).decode("utf-8", "surrogateescape")))
    if content_type != JSON:
        return {}
    members = await request.json_object()
    return {name: value for name, value in members.items() if isinstance(value, str)}
