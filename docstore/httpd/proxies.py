"""Reverse proxies: whose word counts on who asks, and by which URL.

Owns that rule. A proxy whose address is one of ``docstore/trusted_proxies`` says by ``X-Forwarded-Host``, ``-Proto``,
``-Ssl`` and ``-Prefix`` (or ``X-Couchdb-Vhost-Path``, the whole path as it was asked) how clients reach this server,
and by ``X-Forwarded-For`` who they are; from anybody else these headers say nothing. It must not know endpoints.
Follows ``chttpd:absolute_uri`` and ``mochiweb_request:get(peer)`` of CouchDB, which believe everybody.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import hdrs
from multidict import MultiMapping, istr

from docstore.config.configuration import Configuration
from docstore.config.kinds import PREFIX as PATH_PREFIX
from docstore.config.kinds import parse_networks, split_list

TRUSTED: Final = ("docstore", "trusted_proxies")
PREFIX: Final = ("docstore", "path_prefix")
FOR: Final = istr("X-Forwarded-For")
NAMES: Final = (("chttpd", "x_forwarded_host"), ("chttpd", "x_forwarded_proto"), ("chttpd", "x_forwarded_ssl"))
"""Settings that name headers, as CouchDB has them."""

READ: Final = (TRUSTED, PREFIX, *NAMES)

FORWARDED_PREFIX: Final = istr("X-Forwarded-Prefix")
VHOST_PATH: Final = istr("X-Couchdb-Vhost-Path")
KNOWN_KEPT: Final = 256
"""Addresses about which the answer is remembered."""

_HOST: Final = re.compile(r"[A-Za-z0-9._~%:\[\]-]+")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """The proxies that a server trusts."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._networks: tuple[Network, ...] = ()
        self._known: dict[str, bool] = {}
        self._prefix = ""
        self._host = self._proto = self._ssl = istr("")
        self._read()
        self._unwatch = configuration.watch(self._changed)

    def close(self) -> None:
        """Heed no changes any more."""
        self._unwatch()

    def trusts(self, address: str | None) -> bool:
        """Whether this address is that of a proxy."""
        if address is None:
            return False
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= KNOWN_KEPT:
                self._known.clear()
            known = self._known[address] = self._looked_up(address)
        return known

    def base_url(
        self, headers: Mapping[str, str], peer: str | None, *, secure: bool, own: Callable[[], str], target: str
    ) -> str:
        """``scheme://host`` and a prefix, as clients see this server, without a slash at the end.

        ``own`` tells the server's own address, for those who sent no Host; ``target`` is the request's, as it came.
        """
        host, prefix = headers.get(hdrs.HOST), self._prefix
        if self.trusts(peer):
            told = headers.get(self._host)
            host = _forwarded_host(told) or host if told else host
            secure = secure or headers.get(self._ssl) == "on" or headers.get(self._proto) == "https"
            prefix = _forwarded_prefix(headers, target) or prefix
        return f"{'https' if secure else 'http'}://{host or own()}{prefix}"

    def remote(self, headers: MultiMapping[str], peer: str | None) -> str | None:
        """Who asks: the peer, or whom the proxies have it from: the last of the chain that is no proxy.

        Several headers are one list: there are proxies that add theirs behind what the client has sent.
        """
        if FOR not in headers or not self.trusts(peer):
            return peer
        for address in reversed(split_list(",".join(headers.getall(FOR)))):
            if not _is_address(address):
                break
            peer = address
            if not self.trusts(address):
                break
        return peer

    def _looked_up(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in network for network in self._networks)

    def _changed(self, section: str, key: str, word: str | None) -> None:
        if (section, key) in READ:
            self._read()

    def _read(self) -> None:
        self._networks = parse_networks(self._configuration.get(*TRUSTED) or "")
        self._prefix = self._configuration.get(*PREFIX) or ""
        self._known = {}
        self._host, self._proto, self._ssl = (istr(self._configuration.get(*name) or "") for name in NAMES)


def _forwarded_host(told: str) -> str:
    """The last of a chain, which is the nearest proxy's word; none that is no host, as a client may have sent."""
    host = told.rpartition(",")[2].strip()
    return host if _HOST.fullmatch(host) else ""


def _forwarded_prefix(headers: Mapping[str, str], target: str) -> str:
    if FORWARDED_PREFIX not in headers and VHOST_PATH not in headers:
        return ""
    prefix: str = headers.get(FORWARDED_PREFIX, "").rstrip("/")
    asked = headers.get(VHOST_PATH)
    if not prefix and asked is not None:
        path = target.partition("?")[0]
        asked = asked.partition("?")[0]
        if path != "/" and asked.endswith(path):
            prefix = asked.removesuffix(path)
    if not prefix:
        return ""
    try:
        PATH_PREFIX.parse(prefix)
    except ValueError:
        return ""
    return prefix


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
