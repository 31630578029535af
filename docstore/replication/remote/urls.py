"""URLs of remote peers: user and password taken out, path segments quoted.

Owns the spelling of what is asked for. Only what comes out of ``split_credentials`` may be shown or logged.
"""

from collections.abc import Sequence
from urllib.parse import SplitResult, quote, unquote, urlencode, urljoin, urlsplit

from docstore.core.document import DESIGN_PREFIX, LOCAL_PREFIX
from docstore.replication.errors import PeerError
from docstore.replication.remote.options import BasicAuth


def split_credentials(url: str) -> tuple[str, BasicAuth | None]:
    """The URL of a database without user, password, query, fragment and slash at its end; and user and password.

    Raises PeerError for what is no http(s) URL.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = SplitResult("", "", "", "", ""), None
    if parts.scheme not in ("http", "https") or not host:
        raise PeerError("This is no URL of a database.")
    auth = None
    if parts.username is not None:
        auth = BasicAuth(unquote(parts.username), unquote(parts.password or ""))
    return f"{parts.scheme}://{_place(parts)}{parts.path.rstrip('/')}", auth


def public_url(url: str) -> str:
    """A URL for people: nothing but scheme, host and path. Of what is no URL only that."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{_place(parts)}{parts.path}"
    except ValueError:
        return "(no URL)"


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: to whom credentials may be shown."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def session_url(url: str) -> str:
    """Where the server of a database gives cookies."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/_session"


def redirected(url: str, location: str) -> str:
    """The URL that a redirect leads to; user and password in it are dropped. Raises ValueError for no http(s) URL."""
    parts = urlsplit(urljoin(url, location))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a redirect to what is no URL")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{_place(parts)}{parts.path}{query}"


def document_path(doc_id: str) -> str:
    """The path of a document below its database."""
    for prefix in (DESIGN_PREFIX, LOCAL_PREFIX):
        if doc_id.startswith(prefix):
            return prefix + quote(doc_id[len(prefix) :], safe="")
    return quote(doc_id, safe="")


def attachment_path(doc_id: str, name: str) -> str:
    """The path of an attachment below its database."""
    return f"{document_path(doc_id)}/{quote(name, safe='')}"


def query_string(parameters: Sequence[tuple[str, str]]) -> str:
    """The parameters with the question mark, if there are any."""
    return "?" + urlencode(parameters, quote_via=quote) if parameters else ""


def _place(parts: SplitResult) -> str:
    """Host and port."""
    return parts.netloc.rpartition("@")[2]
