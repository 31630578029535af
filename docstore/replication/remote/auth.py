"""Who a remote peer takes us for: basic, cookie sessions, bearer tokens, API keys.

Owns how credentials become headers, and when they are renewed. It must not know what is asked of the peer: it is handed
a function that sends a request without credentials. Follows ``couch_replicator_auth_session`` and, for API keys, IBM's
IAM as Cloudant uses it. A secret is never part of an error or of a log line.
"""

import asyncio
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final, NamedTuple, Protocol, TypeAlias
from urllib.parse import urlencode

import msgspec

from docstore.replication.errors import PeerError, PeerUnauthorized
from docstore.replication.remote.options import ApiKeyAuth, Auth, BasicAuth, BearerAuth
from docstore.replication.remote.urls import public_url

logger = logging.getLogger(__name__)

COOKIE: Final = "AuthSession"
DEFAULT_COOKIE_LIFETIME: Final = 600.0
"""CouchDB's, where the cookie does not tell."""

RENEW_AFTER: Final = 0.8
"""Of a lifetime: then a new cookie or token is fetched, before the old one ends."""

NO_SESSIONS: Final = frozenset({400, 401, 403, 404, 405, 415, 500, 501})
"""Answers to a login after which user and password are sent with each request instead."""

GRANT_TYPE: Final = "urn:ibm:params:oauth:grant-type:apikey"
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class LoginReply(NamedTuple):
    """What a login was answered."""

    status: int
    cookies: tuple[str, ...]
    body: bytes


SendLogin: TypeAlias = Callable[[str, Mapping[str, str], bytes], Awaitable[LoginReply]]
"""POST to a URL these headers and this body. Raises PeerUnreachable."""


class Credentials(Protocol):
    """What the requests of one peer are sent with."""

    async def headers(self) -> Mapping[str, str]:
        """The headers for a request that is about to be sent. Raises PeerUnreachable, PeerUnauthorized."""
        ...

    def renew(self, sent: Mapping[str, str]) -> bool:
        """A request with these headers was answered 401: whether another attempt may end better."""
        ...

    def received(self, cookies: tuple[str, ...]) -> None:
        """The Set-Cookie headers of an answer."""
        ...


class Fixed:
    """The same headers for ever: basic, bearer, none."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    async def headers(self) -> Mapping[str, str]:
        """The headers."""
        return self._headers

    def renew(self, sent: Mapping[str, str]) -> bool:
        """Nothing can be renewed."""
        return False

    def received(self, cookies: tuple[str, ...]) -> None:
        """Cookies do not matter."""


class Session:
    """A cookie from ``/_session``; user and password with each request where the peer has no sessions."""

    def __init__(self, auth: BasicAuth, url: str, send: SendLogin, clock: Callable[[], float]) -> None:
        """``url``: of the session, ``https://host/_session``. ``clock``: seconds, from any start."""
        self._auth = auth
        self._url = url
        self._send = send
        self._clock = clock
        self._lock = asyncio.Lock()
        self._basic = basic_header(auth)
        self._has_sessions = True
        self._cookie: str | None = None
        self._renew_at = 0.0

    async def headers(self) -> Mapping[str, str]:
        """A cookie that is good for a while yet, or user and password."""
        if self._lacks_cookie():
            async with self._lock:
                if self._lacks_cookie():
                    await self._log_in()
        return {"Cookie": f"{COOKIE}={self._cookie}"} if self._has_sessions else self._basic

    def renew(self, sent: Mapping[str, str]) -> bool:
        """The cookie is refused: another one is fetched for the next request."""
        if not self._has_sessions or sent == self._basic:
            return False
        if sent.get("Cookie") == f"{COOKIE}={self._cookie}":
            self._cookie = None
        return True

    def received(self, cookies: tuple[str, ...]) -> None:
        """A server may send a newer cookie along with any answer."""
        if self._has_sessions and self._cookie is not None:
            self._take(cookies)

    def _lacks_cookie(self) -> bool:
        return self._has_sessions and (self._cookie is None or self._clock() >= self._renew_at)

    async def _log_in(self) -> None:
        form = urlencode({"name": self._auth.username, "password": self._auth.password}).encode()
        reply = await self._send(self._url, FORM, form)
        if reply.status == 200 and self._take(reply.cookies):
            return
        if reply.status == 200 or reply.status in NO_SESSIONS or 300 <= reply.status < 400:
            logger.info("%s gives no session (%d): requests carry user and password", self._url, reply.status)
            self._has_sessions = False
            return
        raise PeerError(f"The login was answered with status {reply.status}.", url=self._url, status=reply.status)

    def _take(self, headers: tuple[str, ...]) -> bool:
        for header in headers:
            try:
                morsel = SimpleCookie(header).get(COOKIE)
            except CookieError:
                continue
            if morsel is not None and morsel.value:
                age = morsel["max-age"]
                lifetime = float(age) if str(age).isdigit() else DEFAULT_COOKIE_LIFETIME
                self._cookie = morsel.value
                self._renew_at = self._clock() + lifetime * RENEW_AFTER
                return True
        return False


class _Token(msgspec.Struct):
    """The answer of a token service."""

    access_token: str
    expires_in: float = 3600.0


class ExchangedKey:
    """A bearer token that is had for an API key, and renewed."""

    def __init__(self, auth: ApiKeyAuth, send: SendLogin, clock: Callable[[], float]) -> None:
        self._auth = auth
        self._send = send
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._renew_at = 0.0

    async def headers(self) -> Mapping[str, str]:
        """A token that is good for a while yet. Raises PeerUnauthorized if the key is refused."""
        if self._is_old():
            async with self._lock:
                if self._is_old():
                    await self._exchange()
        return {"Authorization": f"Bearer {self._token}"}

    def renew(self, sent: Mapping[str, str]) -> bool:
        """The token is refused: another one is fetched for the next request."""
        if sent.get("Authorization") == f"Bearer {self._token}":
            self._token = None
        return True

    def received(self, cookies: tuple[str, ...]) -> None:
        """Cookies do not matter."""

    def _is_old(self) -> bool:
        return self._token is None or self._clock() >= self._renew_at

    async def _exchange(self) -> None:
        form = urlencode({"grant_type": GRANT_TYPE, "apikey": self._auth.api_key}).encode()
        reply = await self._send(self._auth.token_url, FORM, form)
        url = public_url(self._auth.token_url)
        if reply.status != 200:
            refused = PeerUnauthorized if reply.status in (400, 401, 403) else PeerError
            raise refused(f"{url} gives no token (status {reply.status}).", url=url, status=reply.status)
        try:
            token = msgspec.json.decode(reply.body, type=_Token)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise PeerError(f"{url} gives no token.", url=url, status=reply.status) from None
        self._token = token.access_token
        self._renew_at = self._clock() + token.expires_in * RENEW_AFTER


def basic_header(auth: BasicAuth) -> dict[str, str]:
    """User and password as a header."""
    return {"Authorization": f"Basic {b64encode(f'{auth.username}:{auth.password}'.encode()).decode()}"}


def credentials(auth: Auth | None, session_url: str, send: SendLogin, clock: Callable[[], float]) -> Credentials:
    """What these options ask for."""
    match auth:
        case BasicAuth(session=True):
            return Session(auth, session_url, send, clock)
        case BasicAuth():
            return Fixed(basic_header(auth))
        case BearerAuth():
            return Fixed({"Authorization": f"Bearer {auth.token}"})
        case ApiKeyAuth():
            return ExchangedKey(auth, send, clock)
        case None:
            return Fixed({})
