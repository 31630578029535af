"""What can go wrong with a peer.

    DocstoreError
      PeerError                          the peer answered something that ends the work
        PeerUnauthorized                 401: no credentials, or wrong ones
        PeerForbidden                    403
        PeerNotFound                     404: no such database (db_not_found), or no such thing in it
        PeerUnreachable                  no answer: refused, unknown host, TLS, cut, too slow
        PeerBusy                         429, 503 for longer than the retries allow
        PeerTooLarge                     413
        PeerBroken                       an answer that is not what the protocol says

Owns the classes and their words. ``error`` and ``reason`` are for people and for CouchDB's replies; no credential is
ever part of them. ``url`` is what was asked, without user, password and query.
"""

from typing import TypedDict, Unpack

from docstore.errors import DocstoreError


class Told(TypedDict, total=False):
    """What every error of a peer may be given beside its reason."""

    error: str | None
    url: str
    status: int | None


class PeerError(DocstoreError):
    """A request to a peer failed for good. ``status`` is the HTTP status of the last answer, None without one."""

    error = "peer_error"
    default_reason = "The other database failed."

    def __init__(self, reason: str | None = None, **told: Unpack[Told]) -> None:
        super().__init__(reason, error=told.get("error"))
        self.url = told.get("url", "")
        self.status = told.get("status")


class PeerUnauthorized(PeerError):
    """The peer does not know the user, or the password is wrong."""

    error = "unauthorized"
    default_reason = "unauthorized to access or create database"


class PeerForbidden(PeerError):
    """The user may not do this."""

    error = "forbidden"
    default_reason = "You are not allowed to access this db."


class PeerNotFound(PeerError):
    """There is no such database at the peer (``db_not_found``: ``could not open URL``), or nothing of this name."""

    error = "not_found"
    default_reason = "missing"


class PeerUnreachable(PeerError):
    """No answer, or one that broke off, after all attempts. ``silent``: nothing came for too long."""

    error = "replication_unreachable"
    default_reason = "The other server cannot be reached."

    def __init__(self, reason: str | None = None, *, silent: bool = False, **told: Unpack[Told]) -> None:
        super().__init__(reason, **told)
        self.silent = silent


class PeerBusy(PeerError):
    """The peer keeps asking for patience. ``retry_after``: seconds, None if it does not tell."""

    error = "too_many_requests"
    default_reason = "The other server asks for patience."

    def __init__(self, reason: str | None = None, *, retry_after: float | None = None, **told: Unpack[Told]) -> None:
        super().__init__(reason, **told)
        self.retry_after = retry_after


class PeerTooLarge(PeerError):
    """The peer does not take a request of this size."""

    error = "too_large"
    default_reason = "the request entity is too large"


class PeerBroken(PeerError):
    """An answer that is not what the protocol says."""

    error = "invalid_response"
    default_reason = "The other server's answer cannot be understood."
