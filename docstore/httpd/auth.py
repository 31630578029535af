"""Who asks: the ways in which a request says so, tried in the configured order.

Owns the reading of headers (Basic credentials, the AuthSession cookie, a proxy's word, a bearer token) and the making
of cookies. It must not know what a user may do. Whether a password is right is ``docstore.accounts``' matter. Follows
``chttpd_auth`` and ``couch_httpd_auth`` of CouchDB. A server without administrators answers on loopback alone
(``guard.py``); there everyone is administrator and credentials are not looked at.
"""

import base64
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import hdrs

from docstore.accounts.accounts import Accounts
from docstore.core.security import sessions
from docstore.core.security.access import LOGIN_NEEDED
from docstore.core.security.policy import Policy
from docstore.core.security.sessions import ALGORITHMS, RENEW_BELOW
from docstore.core.security.tokens import check_token, name_of, read_token, required_claims, roles_of, split_roles
from docstore.core.security.user import NOBODY, UserContext
from docstore.errors import BadRequest, Unauthorized

BAD_BASE64: Final = "Authorization header has invalid base64 value"
NO_NAME: Final = "The proxy's headers tell a name or roles that cannot be."
BASIC: Final = "Basic "
BEARER: Final = "Bearer "
LOGGED_OUT: Final = ("_", "_")
"""The name and the password with which browsers are made to forget theirs."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A user, and the Set-Cookie value that renews their session if it is due."""

    user: UserContext
    renewal: str | None = None


NOT_AT_ALL: Final = Authenticated(NOBODY)

Handler = Callable[[Mapping[str, str], str | None, Callable[[], bool]], Awaitable[Authenticated | None]]


class Authenticator:
    """Recognises the users of one server. ``clock`` gives seconds since 1970."""

    def __init__(self, accounts: Accounts, clock: Callable[[], float]) -> None:
        self._accounts = accounts
        self._clock = clock
        self._handlers: dict[str, Handler] = {
            "cookie": self._by_cookie,
            "default": self._by_basic,
            "proxy": self._by_proxy,
            "jwt": self._by_token,
        }

    async def authenticate(
        self,
        headers: Mapping[str, str],
        address: str | None,
        method: str,
        segments: Sequence[str],
        is_secure: Callable[[], bool] = bool,
    ) -> Authenticated:
        """Who sent these headers from this address. ``is_secure`` is asked if a cookie is to be sent.

        Raises Unauthorized for wrong credentials and, if a login is needed, for none; BadRequest for unreadable ones,
        Forbidden for a locked account, Busy.
        """
        policy = self._accounts.policy
        if hdrs.AUTHORIZATION in headers or hdrs.COOKIE in headers or "proxy" in policy.handlers:
            for name in policy.handlers:
                found = await self._handlers[name](headers, address, is_secure)
                if found is not None:
                    return found
        if policy.login_needed and not _needs_no_login(method, segments, policy):
            raise Unauthorized(LOGIN_NEEDED)
        return NOT_AT_ALL

    async def login(self, name: str, password: str, token: str | None, address: str | None) -> UserContext:
        """The user of a name and password. Raises Unauthorized, Forbidden for a locked account, Busy."""
        return (await self._accounts.logins.check(name, password, address, token=token)).user

    async def session_cookie(self, name: str, *, secure: bool) -> str:
        """The Set-Cookie value of a new session."""
        await self._accounts.keep_secret()
        account = self._accounts.directory.known(name) or await self._accounts.directory.find(name)
        return self._cookie(name, "" if account is None else account.salt, secure=secure)

    def ended_session(self, *, secure: bool) -> str:
        """The Set-Cookie value that takes a session away."""
        return sessions.set_cookie("", 0, self._accounts.policy.cookies, secure=secure)

    def _cookie(self, name: str, salt: str, *, secure: bool) -> str:
        now = int(self._clock())
        rules = self._accounts.policy.cookies
        value = sessions.make_session(name, now, self._accounts.secret, salt, rules.algorithms[0])
        return sessions.set_cookie(value, now, rules, secure=secure)

    # --- the ways

    async def _by_cookie(
        self, headers: Mapping[str, str], address: str | None, is_secure: Callable[[], bool]
    ) -> Authenticated | None:
        cookie = sessions.cookie_value(headers.get(hdrs.COOKIE))
        if not cookie:
            return None
        session = sessions.read_session(cookie)
        accounts = self._accounts
        rules = accounts.policy.cookies
        left = sessions.seconds_left(session, self._clock(), rules.lifetime)
        account = accounts.directory.known(session.name) or await accounts.directory.find(session.name)
        if account is None or account.conflicted or left <= 0:
            return None
        if not sessions.is_signed(session, accounts.secret, account.salt, rules.algorithms):
            return None
        renewal = None
        if left < rules.lifetime * RENEW_BELOW:
            renewal = self._cookie(session.name, account.salt, secure=is_secure())
        return Authenticated(replace(account.user, handler="cookie"), renewal)

    async def _by_basic(
        self, headers: Mapping[str, str], address: str | None, is_secure: Callable[[], bool]
    ) -> Authenticated | None:
        header = headers.get(hdrs.AUTHORIZATION, "")
        if not header.startswith(BASIC):
            return None
        try:
            name, colon, password = base64.b64decode(header[6:].strip(), validate=True).decode().partition(":")
        except ValueError:  # no base64, or no text in it
            raise BadRequest(BAD_BASE64) from None
        if not colon or (name, password) == LOGGED_OUT:
            return None
        account = await self._accounts.logins.check(name, password, address, basic=True)
        return Authenticated(account.by_password)

    async def _by_proxy(
        self, headers: Mapping[str, str], address: str | None, is_secure: Callable[[], bool]
    ) -> Authenticated | None:
        policy = self._accounts.policy
        name = headers.get(policy.proxy.name)
        if name is None:
            return None
        roles = headers.get(policy.proxy.roles, "")
        if not (name + roles).isprintable():  # bytes that are no UTF-8 neither
            raise BadRequest(NO_NAME)
        if policy.proxy.needs_token:
            told = headers.get(policy.proxy.token, "").encode("utf-8", "surrogateescape")
            secret, text = self._accounts.secret.encode(), name.encode()
            made = [hmac.digest(secret, text, ALGORITHMS[one]).hex().encode() for one in policy.cookies.algorithms]
            same = [hmac.compare_digest(one, told) for one in made]
            if not any(same):
                return None
        return Authenticated(UserContext(name, split_roles(roles), "proxy"))

    async def _by_token(
        self, headers: Mapping[str, str], address: str | None, is_secure: Callable[[], bool]
    ) -> Authenticated | None:
        header = headers.get(hdrs.AUTHORIZATION, "")
        if not header.startswith(BEARER):
            return None
        rules = self._accounts.policy.tokens
        token = read_token(header[7:].strip())
        check_token(token, required_claims(rules.required), self._clock())
        self._accounts.verify_token(token)
        roles = roles_of(token, rules.roles_path, rules.roles_claim)
        return Authenticated(UserContext(name_of(token), roles, "jwt"))


def _needs_no_login(method: str, segments: Sequence[str], policy: Policy) -> bool:
    """A login itself, the page to do it on, and if so set the question whether the server is up."""
    path = list(segments)
    if path[:1] == ["_utils"] or (method == "POST" and path == ["_session"]):
        return True
    return path == ["_up"] and not policy.login_needed_for_up
