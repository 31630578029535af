"""JSON Web Tokens: their parts, their claims, and the user that they make.

Owns the reading of a token and the checks of header and claims, in CouchDB's order and words. It verifies no signature
(whoever has the keys does), and knows no clock: the time is handed in, in seconds since 1970. Follows ``jwtf`` and
``couch_httpd_auth:jwt_authentication_handler`` of CouchDB; in two things it is stricter: ``exp`` and ``nbf`` count
wherever a token has them, and only numbers are times.
"""

import base64
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from docstore.core.json_text import JsonValue, decode
from docstore.errors import BadRequest, DocstoreError, Unauthorized

DEFAULT_KEY: Final = "_default"
DEFAULT_CLAIMS: Final = "exp"
DEFAULT_ROLES_CLAIM: Final = "_couchdb.roles"
MALFORMED: Final = "Malformed token"
MISCONFIGURED: Final = "JWT is not configured correctly"

ALGORITHMS: Final = {
    **dict.fromkeys(("HS256", "HS384", "HS512"), "hmac"),
    **dict.fromkeys(("RS256", "RS384", "RS512"), "rsa"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "ec"),
    "EdDSA": "ed",
}
"""From an algorithm to the kind of its keys, which is how these begin in ``jwt_keys`` (``rsa:KID``)."""

_REQUIRED = re.compile(r'(?:([a-z]+)|\{([a-z]+)\s*,\s*"([^"]+)"\})')
_KNOWN_CLAIMS = frozenset({"alg", "exp", "iat", "iss", "kid", "nbf", "sig", "typ"})
_PATH_DOT = re.compile(r"(?<!\\)\.")
_COMMA = re.compile(r"\s*,\s*")


class Token(NamedTuple):
    """A token's parts. ``signed`` is what ``signature`` is of."""

    header: Mapping[str, JsonValue]
    claims: Mapping[str, JsonValue]
    signed: bytes
    signature: bytes

    @property
    def algorithm(self) -> str:
        """What it says it is signed with."""
        return str(self.header.get("alg"))

    @property
    def key_name(self) -> str:
        """The name of its key in ``jwt_keys``: ``hmac:KID``. Raises BadRequest for a ``kid`` that is no text."""
        kid = self.header.get("kid", DEFAULT_KEY)
        if not isinstance(kid, str):
            raise BadRequest("Unknown kid")
        return f"{ALGORITHMS[self.algorithm]}:{kid}"


def required_claims(text: str) -> dict[str, str | None]:
    """The claims that the setting asks for: ``exp, {iss, "Me"}``, with the value that they must have, or None.

    Raises DocstoreError for a setting that cannot be read, so that nobody is let in by mistake.
    """
    claims = {found[1] or found[2]: found[3] for found in _REQUIRED.finditer(text)}
    if (text.strip() and not claims) or not claims.keys() <= _KNOWN_CLAIMS:
        raise DocstoreError(MISCONFIGURED, error="misconfigured_server")
    return claims


def read_token(text: str) -> Token:
    """The parts of a token, believed in nothing. Raises BadRequest."""
    parts = text.split(".")
    if len(parts) != 3:
        raise BadRequest(MALFORMED)
    head, payload, signature = parts
    header = _json_part(head)
    try:
        signed = f"{head}.{payload}".encode("ascii")
        return Token(header, _json_part(payload), signed, _base64url(signature))
    except ValueError:
        raise BadRequest(MALFORMED) from None


def check_token(token: Token, required: Mapping[str, str | None], now: float) -> None:
    """Raises BadRequest for a header or claims that are missing or wrong, Unauthorized for the wrong time."""
    kind = token.header.get("typ")
    if kind is None and "typ" in required:
        raise BadRequest("Missing typ header parameter")
    if kind not in (None, "JWT"):
        raise BadRequest("Invalid typ header parameter")
    if token.header.get("alg") is None:
        raise BadRequest("Missing alg header parameter")
    if token.algorithm not in ALGORITHMS:
        raise BadRequest("Invalid alg header parameter")
    for claim in ("iss", "iat", "nbf", "exp"):
        if claim in required and claim not in token.claims:
            raise BadRequest(f"Missing {claim} claim")
    if required.get("iss") is not None and token.claims["iss"] != required["iss"]:
        raise BadRequest("Invalid iss claim")
    if "iat" in required:
        _time_of(token, "iat")
    if "nbf" in token.claims and not _time_of(token, "nbf") < now:
        raise Unauthorized("nbf not in past")
    if "exp" in token.claims and not _time_of(token, "exp") > now:
        raise Unauthorized("exp not in future")
    if "kid" in required and "kid" not in token.header:
        raise BadRequest("Missing kid claim")


def name_of(token: Token) -> str:
    """The user's name. Raises Unauthorized where the token names none."""
    subject = token.claims.get("sub")
    if not isinstance(subject, str):
        raise Unauthorized("Token missing sub claim.")
    return subject


def roles_of(token: Token, path: str | None, name: str = DEFAULT_ROLES_CLAIM) -> tuple[str, ...]:
    r"""The user's roles: at a path (``my.nested.roles``, ``\.`` for a dot in a name), or a claim of this name.

    A list, or a text with commas. Raises BadRequest for anything else.
    """
    found: JsonValue = []
    if path is None:
        found = token.claims.get(name, [])
    else:
        found = dict(token.claims)
        for step in _PATH_DOT.split(path):
            found = found.get(step.replace("\\.", "."), []) if isinstance(found, dict) else []
    if isinstance(found, str):
        return tuple(role for role in _COMMA.split(found) if role)
    if not isinstance(found, list) or not all(isinstance(role, str) for role in found):
        raise BadRequest(MALFORMED)
    return tuple(str(role) for role in found)


def split_roles(text: str | None) -> tuple[str, ...]:
    """Roles as a proxy tells them, with commas between."""
    return tuple(role for role in _COMMA.split(text or "") if role)


def _time_of(token: Token, claim: str) -> float:
    value = token.claims[claim]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"Invalid {claim} claim")
    return value


def _json_part(text: str) -> Mapping[str, JsonValue]:
    try:
        value = decode(_base64url(text))
    except (ValueError, DocstoreError):
        raise BadRequest(MALFORMED) from None
    if not isinstance(value, dict):
        raise BadRequest("Not an object")
    return value


def _base64url(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
