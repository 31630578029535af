"""IAM as far as clients of Cloudant speak with it: API keys, what asks for a token, and what a token says.

Owns the grants, the words of refusals, and the claims. It must not know how a token is signed, nor HTTP. Follows
IBM's description of its identity service (``POST /identity/token``) and what its SDKs read of the replies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from docstore.core.cloudant.actions import ServiceRole
from docstore.core.json_text import JsonValue
from docstore.errors import DocstoreError, Unauthorized

APIKEY_GRANT: Final = "urn:ibm:params:oauth:grant-type:apikey"
REFRESH_GRANT: Final = "refresh_token"
TOKEN_SECONDS: Final = 3_600
REFRESH_SECONDS: Final = 2_592_000
"""Thirty days, as IAM has it."""

USER_PREFIX: Final = "iam-"
"""What stands before the id of a service in the name of its user."""

NAMED: Final = "ServiceId-"
SCOPE: Final = "ibm openid"
EXPIRED: Final = "Token is expired"
NOT_OURS: Final = "Token is not valid"


class IamError(DocstoreError):
    """A refusal of the identity service, with its code. ``status`` is HTTP's."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key: what it is called, what it may, and the key itself."""

    name: str
    roles: tuple[ServiceRole, ...]
    key: str


def read_api_key(name: str, word: str) -> ApiKey:
    """The key of a setting: ``ROLE[,ROLE...]:KEY``. Raises ValueError."""
    text, colon, key = word.partition(":")
    roles = [role.strip() for role in text.split(",")]
    if not colon or not key or not all(role in ServiceRole.__members__.values() for role in roles):
        # nothing of the word is told, for it may be the key
        raise ValueError(f"it is ROLE:KEY or ROLE,ROLE:KEY, of {', '.join(ServiceRole)}")
    return ApiKey(name, tuple(map(ServiceRole, roles)), key)


def grant_of(form: Mapping[str, str]) -> tuple[str, str]:
    """The grant type of a request for a token, and the key or token that it comes with. Raises IamError."""
    grant = form.get("grant_type", "")
    if grant not in (APIKEY_GRANT, REFRESH_GRANT):
        raise IamError("BXNIM0105E", f"The grant type is not supported: {grant}.")
    member = "apikey" if grant == APIKEY_GRANT else "refresh_token"
    secret = form.get(member, "")
    if not secret:
        raise IamError("BXNIM0109E", f"Property missing or empty: {member}.")
    return grant, secret


def unknown_key() -> IamError:
    """What is told of a key that there is none of."""
    return IamError("BXNIM0415E", "Provided API key could not be found.")


def bad_refresh_token() -> IamError:
    """What is told of a refresh token that is none, or too old."""
    return IamError("BXNIM0408E", "Provided refresh token is invalid or expired.")


def claims(service_id: str, roles: tuple[ServiceRole, ...], now: int, *, kind: str = "access") -> dict[str, JsonValue]:
    """What a token says. ``now`` is in seconds since 1970."""
    lifetime = TOKEN_SECONDS if kind == "access" else REFRESH_SECONDS
    return {
        "iam_id": f"{USER_PREFIX}{service_id}",
        "id": f"{USER_PREFIX}{service_id}",
        "sub": service_id,
        "sub_type": "ServiceId",
        "grant_type": APIKEY_GRANT,
        "scope": SCOPE,
        "client_id": "default",
        "typ": kind,
        "docstore_roles": [str(role) for role in roles],
        "iat": now,
        "exp": now + lifetime,
    }


def token_reply(access: str, refresh: str, now: int) -> dict[str, JsonValue]:
    """The reply to a request for a token."""
    return {
        "access_token": access,
        "refresh_token": refresh,
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
        "expiration": now + TOKEN_SECONDS,
        "scope": SCOPE,
    }


def check_claims(told: Mapping[str, JsonValue], now: float, *, kind: str = "access") -> tuple[ServiceRole, ...]:
    """The roles of a token that was signed here. Raises Unauthorized."""
    expires = told.get("exp")
    if not isinstance(expires, int) or told.get("typ") != kind or not isinstance(told.get("iam_id"), str):
        raise Unauthorized(NOT_OURS)
    if expires <= now:
        raise Unauthorized(EXPIRED)
    roles = told.get("docstore_roles")
    return tuple(ServiceRole(str(role)) for role in roles) if isinstance(roles, list) else ()
