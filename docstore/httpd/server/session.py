"""``/_session``: who am I, log in, log out.

Owns the login form and the shape of the session object. Follows ``couch_httpd_auth:handle_session_req``.
"""

import re

from docstore.core.json_text import JsonValue
from docstore.errors import BadRequest, TooLarge, Unauthorized, UnsupportedMediaType
from docstore.httpd.problems.refusing import refused
from docstore.httpd.replies import Header, Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.paths import decode_query

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
NO_NAME = "request body must contain a username"
TWO_NAMES = "request body contains different usernames"
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\x00-\x1f\x7f]*")
"""A path of this server: what begins with two slashes, or what a browser takes for one, names another."""


async def show(request: Request) -> Reply:
    """GET /_session. ``basic=true`` asks for a 401 where nobody is logged in."""
    user = request.user
    if user.name is None and request.query.get("basic") == "true" and not user.is_admin:
        raise Unauthorized("Please login.")
    info: dict[str, JsonValue] = {"authentication_handlers": list(request.node.accounts.policy.handlers)}
    if user.handler is not None:
        info["authenticated"] = user.handler
    database = request.node.config.get("chttpd_auth", "authentication_db")
    if database is not None:
        info["authentication_db"] = database
    return json_reply({"ok": True, "userCtx": {"name": user.name, "roles": list(user.roles)}, "info": info})


async def login(request: Request) -> Reply:
    """POST /_session with a form or JSON: ``name`` (or ``username``), ``password`` and perhaps ``token``.

    ``?next=/path`` answers 302 to that path of this server, ``?fail=/path`` the same after a wrong login. Where there
    is no administrator any name may log in, and is told again in the cookie.
    """
    form = await _form(request)
    name = _name(form)
    _check_name(name, request.node.settings.limits.max_user_name)
    authenticator = request.service.authenticator
    secure = _is_secure(request)
    roles = request.user.roles
    if not request.node.accounts.open:
        try:
            user = await authenticator.login(name, form.get("password", ""), form.get("token"), request.remote)
        except Unauthorized as error:
            ended = authenticator.ended_session(secure=secure)
            return _with_cookie(request, await refused(request, error), "fail", ended)
        roles = user.roles
    reply = json_reply({"ok": True, "name": name, "roles": list(roles)})
    return _with_cookie(request, reply, "next", await authenticator.session_cookie(name, secure=secure))


async def logout(request: Request) -> Reply:
    """DELETE /_session."""
    ended = request.service.authenticator.ended_session(secure=_is_secure(request))
    return _with_cookie(request, json_reply({"ok": True}), "next", ended)


def _name(form: dict[str, str]) -> str:
    name, username = form.get("name"), form.get("username")
    if name and username and name != username:
        raise BadRequest(TWO_NAMES)
    if not (name or username):
        raise BadRequest(NO_NAME)
    return name or username or ""


def _check_name(name: str, limit: int) -> None:
    """The name goes into a cookie. Raises BadRequest for one that cannot."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise BadRequest("The name is not UTF-8.") from None
    if size > limit:
        raise BadRequest("The name is too long.")


def _is_secure(request: Request) -> bool:
    return request.base_url.startswith("https:")


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


async def login_form(request: Request) -> list[tuple[str, str]]:
    """The fields of a form that anybody may send. Raises what ``login_body`` does."""
    # read on the event loop, it makes a hundred times its size
    return decode_query((await login_body(request)).decode("utf-8", "surrogateescape"))


async def login_body(request: Request) -> bytes:
    """The body of a request that anybody may send. Raises TooLarge beyond ``max_login_form``, BadRequest."""
    limit = request.most_body = request.node.settings.limits.max_login_form
    try:
        return await request.body()
    except TooLarge:
        raise TooLarge(f"A form that logs in has at most {limit} bytes.") from None


async def _form(request: Request) -> dict[str, str]:
    """The members of the login form, of repeated ones the first. Raises UnsupportedMediaType for any other type."""
    content_type = request.headers.get("Content-Type", "").partition(";")[0].strip()
    if content_type == FORM:
        return dict(reversed(await login_form(request)))
    if content_type != JSON:
        raise UnsupportedMediaType(f"Content-Type must be '{FORM}' or '{JSON}'")
    await login_body(request)
    members = await request.json_object()
    return {name: value for name, value in members.items() if isinstance(value, str)}
