"""The identity service of one node: its API keys, and the tokens that it gives for them.

Owns the keys as they are configured, and the signing of tokens, with a key that follows from the secret of sessions; so
tokens end with that secret, as sessions do. What a token says is ``core/cloudant/iam.py``'s. It must not know HTTP.
"""

import base64
import hmac
import json
import logging
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from docstore.accounts.accounts import Accounts
from docstore.config.configuration import Configuration
from docstore.core.cloudant.actions import ServiceRole
from docstore.core.cloudant.iam import (
    APIKEY_GRANT,
    NAMED,
    NOT_OURS,
    ApiKey,
    bad_refresh_token,
    check_claims,
    claims,
    read_api_key,
    token_reply,
    unknown_key,
)
from docstore.core.json_text import JsonValue
from docstore.core.security.user import UserContext
from docstore.errors import Unauthorized

logger = logging.getLogger(__name__)

SECTION: Final = "iam_api_keys"
HANDLER: Final = "iam"
MANAGER: Final = (ServiceRole.MANAGER,)
DATABASE_ROLES: Final = {
    ServiceRole.MANAGER: ("_reader", "_writer", "_admin"),
    ServiceRole.WRITER: ("_reader", "_writer"),
    ServiceRole.READER: ("_reader",),
}
"""The roles that a user of IAM is shown with, and that functions of design documents are given."""

_HEADER: Final = {"alg": "HS256", "typ": "JWT", "kid": "docstore"}
MOST_TOKEN: Final = 8 * 1024
"""Bytes of a token that is looked at."""


class Iam:
    """Who is known by an API key. ``clock`` gives seconds since 1970; ``any_key`` is a setting of servers for tests."""

    def __init__(
        self, accounts: Accounts, config: Configuration, clock: Callable[[], float], *, any_key: bool = False
    ) -> None:
        self._accounts = accounts
        self._config = config
        self._clock = clock
        self._any_key = any_key
        self._keys = self._read()
        self._unwatch = config.watch(self._heed)

    @property
    def takes_any(self) -> bool:
        """Whether every key is a manager's."""
        return self._any_key and not self._keys

    async def grant(self, grant_type: str, secret: str) -> dict[str, JsonValue]:
        """The tokens for an API key or a refresh token. Raises IamError."""
        await self._accounts.keep_secret()
        name, roles = self._by_key(secret) if grant_type == APIKEY_GRANT else self._by_refresh_token(secret)
        now = int(self._clock())
        access = self._signed(claims(name, roles, now))
        return token_reply(access, self._signed(claims(name, roles, now, kind="refresh")), now)

    def user(self, token: str) -> UserContext:
        """Whom an access token stands for. Raises Unauthorized."""
        told = self._claims(token)
        roles = check_claims(told, self._clock())
        database_roles = next((DATABASE_ROLES[role] for role in DATABASE_ROLES if role in roles), ())
        return UserContext(str(told["iam_id"]), database_roles, HANDLER, roles)

    def close(self) -> None:
        """Heed the configuration no longer."""
        self._unwatch()

    def _by_key(self, key: str) -> tuple[str, tuple[ServiceRole, ...]]:
        given = key.encode("utf-8", "surrogateescape")
        found = [one for one in self._keys if hmac.compare_digest(one.key.encode(), given)]
        if found:
            return NAMED + found[0].name, found[0].roles
        if self.takes_any:
            return NAMED + sha256(given).hexdigest()[:8], MANAGER
        raise unknown_key()

    def _by_refresh_token(self, token: str) -> tuple[str, tuple[ServiceRole, ...]]:
        try:
            told = self._claims(token)
            roles = check_claims(told, self._clock(), kind="refresh")
        except Unauthorized:
            raise bad_refresh_token() from None
        name = str(told["sub"])
        if self.takes_any:
            return name, roles
        # the key may be another's by now, or nobody's
        known = [one for one in self._keys if NAMED + one.name == name]
        if not known:
            raise bad_refresh_token()
        return name, known[0].roles

    # --- tokens

    def _signed(self, told: dict[str, JsonValue]) -> str:
        text = b".".join((_base64(_HEADER), _base64(told)))
        return b".".join((text, base64.urlsafe_b64encode(self._signature(text)).rstrip(b"="))).decode()

    def _claims(self, token: str) -> dict[str, JsonValue]:
        """What a token says that was signed here. Raises Unauthorized."""
        try:
            if len(token) > MOST_TOKEN:
                raise ValueError
            text, _, signature = token.encode("ascii").rpartition(b".")
            if not hmac.compare_digest(_bytes(signature), self._signature(text)):
                raise ValueError
            told = json.loads(_bytes(text.partition(b".")[2]))
        except ValueError:
            raise Unauthorized(NOT_OURS) from None
        if not isinstance(told, dict):
            raise Unauthorized(NOT_OURS)
        return told

    def _signature(self, text: bytes) -> bytes:
        key = hmac.digest(self._accounts.secret.encode(), b"docstore iam", "sha256")
        return hmac.digest(key, text, "sha256")

    # --- keys

    def _read(self) -> tuple[ApiKey, ...]:
        keys: list[ApiKey] = []
        for name, word in self._config.section(SECTION).items():
            try:
                keys.append(read_api_key(name, word))
            except ValueError as error:  # a slip of the pen lets nobody in
                logger.warning("%s/%s is no API key: %s", SECTION, name, error)
        return tuple(keys)

    def _heed(self, section: str, key: str, word: str | None) -> None:
        if section == SECTION:
            self._keys = self._read()


def _base64(value: dict[str, JsonValue] | dict[str, str]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=")


def _bytes(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4), b"-_", validate=True)
