"""How a remote peer is to be reached: credentials, TLS, connections, patience.

Owns the shapes and their defaults. It opens nothing. No ``repr`` shows a secret.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

DEFAULT_IAM_URL: Final = "https://iam.cloud.ibm.com/identity/token"


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User and password. ``session``: as a cookie from ``/_session`` where the peer has that, otherwise with each
    request.
    """

    username: str
    password: str = field(repr=False)
    session: bool = True


@dataclass(frozen=True, slots=True)
class BearerAuth:
    """A token, sent as it is."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiKeyAuth:
    """An API key that is exchanged for a token which does not last, as IBM's IAM does it."""

    api_key: str = field(repr=False)
    token_url: str = DEFAULT_IAM_URL


Auth: TypeAlias = BasicAuth | BearerAuth | ApiKeyAuth


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """``verify``: certificate and host name are checked, against ``ca_file`` or what the system trusts."""

    verify: bool = True
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: str | None = field(default=None, repr=False)

    def context(self) -> ssl.SSLContext:
        """The context of these options. Raises OSError, ssl.SSLError for files that cannot be used."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key, self.key_password)
        return context


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """All of it. User and password in a URL count as ``BasicAuth``, unless ``auth`` is given.

    ``headers``  sent with each request to the peer's own host, ``Authorization`` among them if it is to be
    ``connection_timeout``  seconds without a byte, after which a request counts as lost
    ``retries_per_request``  attempts after the first one
    ``http_connections``  the most connections at a time
    ``max_batch_bytes``, ``max_batch_docs``  the most of one ``_bulk_docs`` or ``_bulk_get``
    ``inline_bytes``  documents with attachments of up to so many bytes are fetched together with these, in memory
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: Auth | None = None
    tls: TlsOptions = TlsOptions()
    proxy: str | None = field(default=None, repr=False)
    http_connections: int = 20
    connection_timeout: float = 30.0
    retries_per_request: int = 5
    max_batch_bytes: int = 4 * 1024 * 1024
    max_batch_docs: int = 500
    inline_bytes: int = 64 * 1024
    use_bulk_get: bool = True
