"""Who asks: Basic credentials and the AuthSession cookie of the one administrator.

Owns UserContext, the comparison of secrets and the making of cookies. It must not know what a user may do; the routing
asks for a user, nothing finer. Follows ``couch_httpd_auth`` of CouchDB. A server without an administrator answers on
loopback alone (``guard.py``); there everyone is administrator and credentials are not looked at.

The key of the cookies is made anew at every start, so a restart ends all sessions, and clients log in again as they do
when a session has run out.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate

from docstore.errors import BadRequest, Unauthorized
from docstore.settings import Admin, Settings

COOKIE = "AuthSession"
WRONG_LOGIN = "Name or password is incorrect."
MALFORMED_COOKIE = "Malformed AuthSession cookie. Please clear your cookies."
BAD_BASE64 = "Authorization header has invalid base64 value"
ADMIN_ROLES = ("_admin",)
ATTRIBUTES = "Path=/; HttpOnly; SameSite=Lax"
"""A page of another site can link here, but its forms and scripts do not come with the cookie."""
RENEW_BELOW = 0.9
"""A cookie with less than this share of its lifetime left is renewed with the next reply (``couch_httpd_auth``)."""


@dataclass(frozen=True, slots=True)
class UserContext:
    """Who asks: ``name`` None is nobody in particular. ``handler`` says how they were recognised; None: not at all."""

    name: str | None
    roles: tuple[str, ...] = ()
    handler: str | None = None

    @property
    def is_admin(self) -> bool:
        """Whether this user may administer the server."""
        return "_admin" in self.roles


NOBODY = UserContext(None)
EVERYONE_IS_ADMIN = UserContext(None, ADMIN_ROLES, "default")


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A user, and the Set-Cookie value that renews their session if it is due."""

    user: UserContext
    renewal: str | None = None


class Authenticator:
    """Recognises the one administrator. ``clock`` gives seconds since 1970, ``key`` signs the cookies."""

    def __init__(self, settings: Settings, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._admin = settings.admin
        self._lifetime = int(settings.cookie_lifetime)
        self._key = key
        self._clock = clock
        self._basic = _basic_header(settings.admin)

    @property
    def open(self) -> bool:
        """Whether everyone is administrator."""
        return self._admin is None

    def authenticate(self, headers: Mapping[str, str]) -> Authenticated:
        """Who sent these headers. Raises Unauthorized for wrong Basic credentials, BadRequest for unreadable ones."""
        if self._admin is None:
            return _OPEN
        cookie = _cookie_value(headers.get("Cookie"))
        if cookie:
            session = self._read_cookie(cookie)
            if session is not None:
                return session
        basic = headers.get("Authorization")
        if basic is None or not basic.startswith("Basic "):
            return _NOBODY
        return self._read_basic(basic, self._admin)

    def login(self, name: str, password: str) -> UserContext:
        """The user of a name and password. Raises Unauthorized."""
        if self._admin is None:
            return UserContext(name, ADMIN_ROLES)
        if not _matches(self._admin, name, password):
            raise Unauthorized(WRONG_LOGIN)
        return UserContext(self._admin.name, ADMIN_ROLES)

    def session_cookie(self, name: str) -> str:
        """The Set-Cookie value of a new session."""
        now = int(self._clock())
        signed = f"{name}:{now:X}".encode()
        value = base64.urlsafe_b64encode(signed + b":" + self._sign(signed)).rstrip(b"=").decode()
        expires = formatdate(now + self._lifetime, usegmt=True)
        return f"{COOKIE}={value}; Version=1; Expires={expires}; Max-Age={self._lifetime}; {ATTRIBUTES}"

    def _read_basic(self, header: str, admin: Admin) -> Authenticated:
        if hmac.compare_digest(_digest(header), self._basic):
            return Authenticated(UserContext(admin.name, ADMIN_ROLES, "default"))
        try:
            name, colon, password = base64.b64decode(header[6:].strip(), validate=True).decode().partition(":")
        except ValueError:  # no base64, or no text in it
            raise BadRequest(BAD_BASE64) from None
        if not colon:
            return _NOBODY
        if not _matches(admin, name, password):
            raise Unauthorized(WRONG_LOGIN)
        return Authenticated(UserContext(admin.name, ADMIN_ROLES, "default"))

    def _read_cookie(self, cookie: str) -> Authenticated | None:
        """The user of a cookie; None if it has run out or was not signed here. Raises BadRequest if it is malformed."""
        try:
            padded = cookie + "=" * (-len(cookie) % 4)
            name, begun, signature = base64.urlsafe_b64decode(padded).split(b":", 2)
        except ValueError:
            raise BadRequest(MALFORMED_COOKIE) from None
        if not hmac.compare_digest(signature, self._sign(name + b":" + begun)):
            return None
        left = int(begun, 16) + self._lifetime - self._clock()
        if left <= 0:
            return None
        user = UserContext(name.decode(), ADMIN_ROLES, "cookie")
        return Authenticated(user, self.session_cookie(name.decode()) if left < self._lifetime * RENEW_BELOW else None)

    def _sign(self, text: bytes) -> bytes:
        return hmac.digest(self._key, text, "sha256")


_OPEN = Authenticated(EVERYONE_IS_ADMIN)
_NOBODY = Authenticated(NOBODY)

ENDED_SESSION = f"{COOKIE}=; Version=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; {ATTRIBUTES}"
"""The Set-Cookie value that takes a session away."""


def _basic_header(admin: Admin | None) -> bytes:
    """The digest of the Authorization header that the administrator's clients send, so that theirs is not decoded.

    A digest, because a comparison of texts of different lengths ends at once, and so tells the length.
    """
    if admin is None:
        return b""
    return _digest("Basic " + base64.b64encode(f"{admin.name}:{admin.password}".encode()).decode())


def _matches(admin: Admin, name: str, password: str) -> bool:
    """Compared as digests, both always, so that the time tells neither length nor which of the two was wrong."""
    same_name = hmac.compare_digest(_digest(name), _digest(admin.name))
    same_password = hmac.compare_digest(_digest(password), _digest(admin.password))
    return same_name and same_password


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _cookie_value(header: str | None) -> str:
    """The AuthSession cookie out of a Cookie header, ``""`` if it is not there."""
    for pair in (header or "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value.strip('"')
    return ""
