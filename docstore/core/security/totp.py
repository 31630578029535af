"""One-time passwords of time (RFC 6238), for users whose document has ``totp``.

Owns their arithmetic and the reading of ``{"key": BASE32, "algorithm": "sha", "length": 6}``. Follows ``couch_hotp``
and ``couch_httpd_auth:verify_totp`` of CouchDB: the step is 30 seconds, and its neighbours are taken too.
"""

import base64
import hmac
from typing import Final, NamedTuple

from docstore.core.json_text import JsonValue

STEP: Final = 30
DIGITS: Final = (6, 7, 8)
HASHES: Final = {"sha": "sha1", "sha256": "sha256", "sha512": "sha512"}


class Totp(NamedTuple):
    """What makes somebody's one-time passwords. ``algorithm`` as hashlib names it."""

    key: bytes
    algorithm: str
    digits: int


def read_totp(value: JsonValue) -> Totp | None:
    """The member ``totp`` of a user document; None for what no password can be made of, so that none is right."""
    if not isinstance(value, dict):
        return None
    key, algorithm, digits = value.get("key"), value.get("algorithm", "sha"), value.get("length", 6)
    if not isinstance(key, str) or not isinstance(algorithm, str) or algorithm not in HASHES:
        return None
    if not isinstance(digits, int) or digits not in DIGITS:
        return None
    try:
        secret = base64.b32decode(key.rstrip("=") + "=" * (-len(key.rstrip("=")) % 8))
    except ValueError:
        return None
    return Totp(secret, HASHES[algorithm], digits) if secret else None


def one_time_password(totp: Totp, seconds: int) -> str:
    """The password at a time, in seconds since 1970."""
    digest = hmac.digest(totp.key, (seconds // STEP).to_bytes(8), totp.algorithm)
    offset = digest[-1] & 0xF
    code = int.from_bytes(digest[offset : offset + 4]) & 0x7FFF_FFFF
    return str(code % 10**totp.digits).zfill(totp.digits)


def is_token(totp: Totp | None, token: str, seconds: int) -> bool:
    """Whether this is the password of now, or of one step before or after. Compares all of them."""
    if totp is None:
        return False
    told = token.encode("utf-8", "surrogatepass")
    times = (seconds - STEP, seconds, seconds + STEP)
    found = [hmac.compare_digest(one_time_password(totp, max(0, time)).encode(), told) for time in times]
    return any(found)
