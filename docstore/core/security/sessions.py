"""Session cookies: what is in them, how they are signed, and what is set beside them.

Owns the text of ``AuthSession``: ``NAME:HEXTIME:HMAC`` in base64 for URLs, keyed by the server's secret with the user's
salt behind it, so that a new password ends all sessions. It must not know clocks: the time is handed in, in seconds
since 1970. Follows ``couch_httpd_auth:cookie_authentication_handler`` of CouchDB.
"""

import base64
import hmac
from collections.abc import Sequence
from email.utils import formatdate
from typing import Final, NamedTuple

from docstore.errors import BadRequest

COOKIE: Final = "AuthSession"
MALFORMED: Final = "Malformed AuthSession cookie. Please clear your cookies."
DEFAULT_ALGORITHMS: Final = ("sha256", "sha")
RENEW_BELOW: Final = 0.9
"""A cookie with less than this share of its lifetime left is renewed with the next reply."""

ALGORITHMS: Final = {
    "sha": "sha1",
    "sha224": "sha224",
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512": "sha512",
    "sha3_224": "sha3_224",
    "sha3_256": "sha3_256",
    "sha3_384": "sha3_384",
    "sha3_512": "sha3_512",
    "blake2b": "blake2b",
    "blake2s": "blake2s",
}
"""From CouchDB's names of hashes to those of hashlib; those that are broken (md4, md5, ripemd160) are not taken."""

NO_SALT: Final = ":"
"""Stands for a salt that adds nothing to the key (HMAC fills keys up with NULs itself).

Users choose their salts, and the secret alone is the key of proxies' tokens (``auth.py``): else a cookie would be the
token of a user by the name of ``sue:5F5E1000``, who has whatever roles the next header tells.
"""

SAME_SITE: Final = {"none": "None", "lax": "Lax", "strict": "Strict"}


class Session(NamedTuple):
    """A cookie's content, not believed yet. ``begun``: its time as it was written, in hex."""

    name: str
    begun: str
    signature: bytes


class CookieRules(NamedTuple):
    """How cookies are made (``chttpd_auth`` of the configuration). ``lifetime`` in seconds."""

    lifetime: int = 600
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    persistent: bool = True
    domain: str = ""
    same_site: str = "Lax"


def read_session(cookie: str) -> Session:
    """The content of a cookie. Raises BadRequest for what is none."""
    bare = cookie.rstrip("=")
    try:
        raw = base64.b64decode(bare.encode("ascii") + b"=" * (-len(bare) % 4), b"-_")
        name, begun, signature = raw.split(b":", 2)
        return Session(name.decode(), begun.decode(), signature)
    except ValueError:
        raise BadRequest(MALFORMED) from None


def seconds_left(session: Session, now: float, lifetime: int) -> float:
    """How long a session goes on; 0 or less if it has ended, or if its time is none."""
    try:
        return int(session.begun, 16) + lifetime - now
    except ValueError:
        return 0


def is_signed(session: Session, secret: str, salt: str, algorithms: Sequence[str]) -> bool:
    """Whether one of the algorithms gives this signature."""
    text = f"{session.name}:{session.begun}"
    found = [hmac.compare_digest(_sign(text, secret, salt, one), session.signature) for one in algorithms]
    return any(found)


def make_session(name: str, now: int, secret: str, salt: str, algorithm: str) -> str:
    """The cookie's value."""
    text = f"{name}:{now:X}"
    value = text.encode() + b":" + _sign(text, secret, salt, algorithm)
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def set_cookie(value: str, now: int, rules: CookieRules, *, secure: bool) -> str:
    """The Set-Cookie header of a session; of an empty value that of its end."""
    parts = [f"{COOKIE}={value}", "Version=1"]
    if not value:
        parts += ["Expires=Thu, 01 Jan 1970 00:00:00 GMT", "Max-Age=0"]
    elif rules.persistent:
        parts += [f"Expires={formatdate(now + rules.lifetime, usegmt=True)}", f"Max-Age={rules.lifetime}"]
    parts.append("Path=/")
    if secure:
        parts.append("Secure")
    parts.append("HttpOnly")
    if rules.domain:
        parts.append(f"Domain={rules.domain}")
    if rules.same_site:
        parts.append(f"SameSite={rules.same_site}")
    return "; ".join(parts)


def cookie_value(header: str | None) -> str:
    """The session cookie out of a Cookie header, ``""`` if it is not there."""
    for pair in (header or "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value.strip('"')
    return ""


def _sign(text: str, secret: str, salt: str, algorithm: str) -> bytes:
    key = secret + (salt if salt.strip("\0") else NO_SALT)
    return hmac.digest(key.encode(), text.encode(), ALGORITHMS[algorithm])
