"""What keeps a server without an administrator to its own machine.

Owns the rule: it listens on loopback only, answers only to loopback names (so that a page that points its own name at
127.0.0.1 learns nothing), and takes no write from a page of another origin. A server with an administrator is guarded
by credentials instead.
"""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import hdrs

from docstore.errors import Forbidden

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FOREIGN_HOST = "Without an administrator this server answers only to names of this machine, such as localhost."
FOREIGN_ORIGIN = "Without an administrator this server takes no writes from pages of another origin."
KNOWN_HOSTS_KEPT = 64
OWN_ADDRESSES = frozenset({"127.0.0.1", "::1"})
_AUTHORITY = re.compile(r"[A-Za-z0-9.\-]+(:[0-9]*)?|\[[0-9A-Fa-f:.]+\](:[0-9]*)?")


def is_loopback(host: str) -> bool:
    """Whether a host (name or address, without port or brackets) is this machine's own and nobody else's."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


class Guard:
    """Looks at the headers of each request before anything else does."""

    def __init__(self) -> None:
        self._known_hosts: set[str] = set()

    def check(
        self,
        method: str,
        headers: Mapping[str, str],
        address: str | None = None,
        client: str | None = None,
        *,
        trusted: bool = False,
    ) -> None:
        """Raises Forbidden for a request that is not from this machine's own clients.

        ``address`` is the peer's: a server that listens to others may have lost its last administrator; ``client``
        is whom the peer asks for, if it is a proxy, since many proxies ask by the name ``localhost``. ``trusted``: the
        page that it comes from is one that the settings of CORS let through. A request without Host (HTTP/1.0, no
        browser sends one) passes.
        """
        if not _is_own(address) or (client is not address and not _is_own(client)):
            raise Forbidden(FOREIGN_HOST)
        host = headers.get(hdrs.HOST)
        if host is not None and host not in self._known_hosts:
            self._judge_host(host)
        origin = headers.get(hdrs.ORIGIN)
        if origin is not None and not trusted and method not in SAFE_METHODS and not _same_origin(origin, host):
            raise Forbidden(FOREIGN_ORIGIN)

    def _judge_host(self, host: str) -> None:
        if not is_loopback(_host_name(host)):
            raise Forbidden(FOREIGN_HOST)
        if len(self._known_hosts) < KNOWN_HOSTS_KEPT:
            self._known_hosts.add(host)


def _is_own(address: str | None) -> bool:
    """Whether an address, if there is one, is this machine's."""
    return address in OWN_ADDRESSES or address is None or is_loopback(address)


def _host_name(authority: str) -> str:
    """The name or address of ``host:port``, ``""`` if it is anything else."""
    if not _AUTHORITY.fullmatch(authority):
        return ""
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


def _same_origin(origin: str, host: str | None) -> bool:
    """Whether a page of this origin came from this very server."""
    scheme, _, authority = origin.partition("://")
    return scheme in ("http", "https") and host is not None and authority.lower() == host.lower()
