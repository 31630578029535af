"""How passwords are kept: schemes, their fields, and whether a password is the one.

Owns the arithmetic of ``simple``, ``pbkdf2`` and ``simple+pbkdf2``, and their two written forms: members of a user
document, and an administrator's line in the configuration (``-pbkdf2:sha256-KEY,SALT,ITERATIONS``). It draws no salt:
that is handed in. ``is_password`` takes as long as the iterations say, a quarter of a second by default, so nobody
calls it on the event loop. Follows ``couch_passwords``, ``couch_auth_cache:get_admin`` and
``couch_httpd_auth:authenticate_int`` of CouchDB.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from docstore.core.json_text import JsonValue
from docstore.errors import Forbidden

SIMPLE: Final = "simple"
PBKDF2: Final = "pbkdf2"
SIMPLE_PBKDF2: Final = "simple+pbkdf2"
SCHEMES: Final = (SIMPLE, PBKDF2, SIMPLE_PBKDF2)

DEFAULT_PRF: Final = "sha256"
DEFAULT_ITERATIONS: Final = 600_000
OLD_PRF: Final = "sha"
OLD_ITERATIONS: Final = 10_000
"""What a record of PBKDF2 without these fields was made with."""

HASHES: Final = {"sha": "sha1", "sha224": "sha224", "sha256": "sha256", "sha384": "sha384", "sha512": "sha512"}
"""From CouchDB's names of hashes to those of hashlib."""

FIELDS: Final = (
    "derived_key", "iterations", "password", "password_scheme", "password_sha", "preserve_salt", "pbkdf2_prf", "salt",
)  # fmt: skip
"""The members of a user document that a new password replaces."""

TOO_FEW: Final = "Iteration count is too low for this server"
TOO_MANY: Final = "Iteration count is too high for this server"
NO_PRF: Final = "PRF is invalid"

_ADMIN_SIMPLE = re.compile(r"-hashed-([^,]*),([^,]*)")
_ADMIN_PBKDF2 = re.compile(r"-pbkdf2(?::(sha|sha224|sha256|sha384|sha512))?-([^,]*),([^,]*),([0-9]{1,10})")


class PasswordRecord(NamedTuple):
    """What is kept of a password. ``key`` is in hex; ``prf`` and ``iterations`` say nothing of scheme ``simple``."""

    scheme: str
    key: str
    salt: str
    prf: str = OLD_PRF
    iterations: int = OLD_ITERATIONS


class Hashing(NamedTuple):
    """How new passwords are to be kept, and which iterations are taken (``chttpd_auth`` of the configuration)."""

    scheme: str = PBKDF2
    prf: str = DEFAULT_PRF
    iterations: int = DEFAULT_ITERATIONS
    min_iterations: int = 1
    max_iterations: int = 10_000_000


DEFAULT_HASHING: Final = Hashing()


def hashed(password: str, salt: str, hashing: Hashing = DEFAULT_HASHING) -> PasswordRecord:
    """The record of a new password. Raises Forbidden for a scheme or a hash that there is not."""
    if hashing.scheme == SIMPLE:
        return PasswordRecord(SIMPLE, _simple(password, salt), salt)
    if hashing.scheme != PBKDF2 or hashing.prf not in HASHES:
        raise Forbidden("Server cannot hash passwords at this time.")
    key = _pbkdf2(hashing.prf, password, salt, hashing.iterations)
    return PasswordRecord(PBKDF2, key, salt, hashing.prf, hashing.iterations)


def is_password(record: PasswordRecord, password: str) -> bool:
    """Whether this is the password; how long it takes depends on the record alone."""
    if record.scheme == SIMPLE:
        return _same(_simple(password, record.salt), record.key)
    secret = _simple(password, record.salt) if record.scheme == SIMPLE_PBKDF2 else password
    return _same(_pbkdf2(record.prf, secret, record.salt, record.iterations), record.key)


def check_bounds(record: PasswordRecord, hashing: Hashing) -> None:
    """Raises Forbidden for a record that would take too little or too much work, as this server is set."""
    if record.scheme == SIMPLE:
        return
    if record.prf not in HASHES:
        raise Forbidden(NO_PRF)
    if record.iterations < hashing.min_iterations:
        raise Forbidden(TOO_FEW)
    if record.iterations > hashing.max_iterations:
        raise Forbidden(TOO_MANY)


def needs_upgrade(record: PasswordRecord, hashing: Hashing) -> bool:
    """Whether the password, now that it is known, should be kept in another way."""
    if hashing.scheme == SIMPLE:
        return record.scheme != SIMPLE
    return (record.scheme, record.prf, record.iterations) != (hashing.scheme, hashing.prf, hashing.iterations)


# --- user documents ---------------------------------------------------------------------------------------------


def record_of(members: Mapping[str, JsonValue]) -> PasswordRecord | None:
    """What a user document keeps of the password; None if nothing that anybody could log in with."""
    scheme = members.get("password_scheme", SIMPLE)
    salt = members.get("salt", "")
    key = members.get("password_sha" if scheme == SIMPLE else "derived_key")
    prf = members.get("pbkdf2_prf", OLD_PRF)
    iterations = members.get("iterations", OLD_ITERATIONS)
    if not isinstance(scheme, str) or scheme not in SCHEMES or not isinstance(salt, str) or not isinstance(key, str):
        return None
    if not isinstance(prf, str) or not isinstance(iterations, int) or isinstance(iterations, bool) or iterations < 1:
        return None
    return PasswordRecord(scheme, key, salt, prf, iterations) if scheme != SIMPLE else PasswordRecord(SIMPLE, key, salt)


def record_members(record: PasswordRecord) -> dict[str, JsonValue]:
    """The members of a user document that keep a password, in CouchDB's order."""
    if record.scheme == SIMPLE:
        return {"password_scheme": SIMPLE, "salt": record.salt, "password_sha": record.key}
    return {
        "password_scheme": record.scheme,
        "pbkdf2_prf": record.prf,
        "salt": record.salt,
        "iterations": record.iterations,
        "derived_key": record.key,
    }


# --- administrators in the configuration ------------------------------------------------------------------------


def admin_record(text: str) -> PasswordRecord | None:
    """The record of an administrator's value in the configuration; None for what is not hashed."""
    if found := _ADMIN_SIMPLE.fullmatch(text):
        return PasswordRecord(SIMPLE, found[1], found[2])
    if found := _ADMIN_PBKDF2.fullmatch(text):
        return PasswordRecord(PBKDF2, found[2], found[3], found[1] or OLD_PRF, max(1, int(found[4])))
    return None


def admin_text(record: PasswordRecord) -> str:
    """The value of an administrator in the configuration."""
    if record.scheme == SIMPLE:
        return f"-hashed-{record.key},{record.salt}"
    return f"-pbkdf2:{record.prf}-{record.key},{record.salt},{record.iterations}"


# --- arithmetic -------------------------------------------------------------------------------------------------


def _simple(password: str, salt: str) -> str:
    return hashlib.sha1(_bytes(password) + _bytes(salt), usedforsecurity=False).hexdigest()


def _pbkdf2(prf: str, password: str, salt: str, iterations: int) -> str:
    return hashlib.pbkdf2_hmac(HASHES[prf], _bytes(password), _bytes(salt), iterations).hex()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _same(found: str, expected: str) -> bool:
    return hmac.compare_digest(found.encode(), _bytes(expected))
