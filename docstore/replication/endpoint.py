"""Where a replication reads from or writes to, as it was told.

Owns the forms of a source or target (a name, a URL, an object with ``url``, ``headers``, ``auth``) and which of several
credentials count: those of ``auth`` before those in the URL before an ``Authorization`` header, as
``couch_replicator_utils:normalize_basic_auth``. It opens nothing. No ``repr`` shows a secret.
"""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from docstore.core.json_text import JsonValue
from docstore.core.replication_id import Place, split_url

_DEFAULT_HEADERS: Final = (("Accept", "application/json"),)
"""What CouchDB's replicator sends anyway, and therefore does not count as a header of the endpoint."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A source or a target.

    ``url``      an absolute URL with a slash at its end, user and password in it if they were given there, or the name
                 of a database of this server (``is_name``)
    ``headers``  sent with each request, sorted by name
    ``auth``     the object ``auth``: ``{"basic": {"username", "password"}}``, ``{"iam": {"api_key"}}``,
                 ``{"bearer": {"token"}}``
    ``proxy``    URL of a proxy
    """

    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    auth: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)
    proxy: str | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"Endpoint({self.public!r})"

    @property
    def is_name(self) -> bool:
        """Whether this is the name of a database of this server."""
        return not self.url.startswith(("http://", "https://"))

    @property
    def public(self) -> str:
        """The URL (or name) for people: without user and password."""
        parts = None if self.is_name else split_url(self.url)
        return self.url if parts is None else parts.plain

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password of basic authentication, None without them."""
        return self._auth_credentials() or self.url_credentials or self._header_credentials()

    @property
    def other_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers, save one of basic authentication.

        With an ``Authorization`` among them, CouchDB sorts them regardless of case.
        """
        authorization = self._authorization()
        if authorization is None:
            return self.headers
        by_name = {name.lower(): (name, value) for name, value in self.headers}
        if _is_basic(authorization):
            del by_name["authorization"]
        return tuple(by_name[name] for name in sorted(by_name))

    def place(self, base_url: str) -> Place:
        """What counts for the id of a replication. A name counts as the URL that CouchDB makes of it."""
        if self.is_name:
            return Place(f"{base_url}/{quote(self.url, safe='')}/")
        credentials = self.credentials
        headers = tuple(header for header in self.other_headers if header not in _DEFAULT_HEADERS)
        return Place(self.public, credentials and credentials[0], headers)

    def _auth_credentials(self) -> tuple[str, str] | None:
        basic = self.auth.get("basic")
        if isinstance(basic, dict):
            user, password = basic.get("username"), basic.get("password")
            if isinstance(user, str) and isinstance(password, str):
                return user, password
        return None

    @property
    def url_credentials(self) -> tuple[str, str] | None:
        """User and password as they stand in the URL."""
        parts = None if self.is_name else split_url(self.url)
        if parts is None or parts.user is None:
            return None
        return parts.user, parts.password or ""

    def _authorization(self) -> str | None:
        return next((value for name, value in self.headers if name.lower() == "authorization"), None)

    def _header_credentials(self) -> tuple[str, str] | None:
        authorization = self._authorization()
        if authorization is None or not _is_basic(authorization):
            return None
        try:
            text = b64decode(authorization.partition(" ")[2], validate=True).decode()
        except (binascii.Error, ValueError):
            return None
        user, colon, password = text.partition(":")
        return (user, password) if colon else None


def _is_basic(authorization: str) -> bool:
    return authorization.partition(" ")[0].lower() == "basic" and " " in authorization
