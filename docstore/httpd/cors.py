"""What pages of other origins may do: cross-origin resource sharing, as it is configured.

Owns the policies, and the headers that follow from one. It is made anew when a setting of ``cors`` changes, so that a
request costs a look-up. It must not know endpoints. Follows ``chttpd_cors`` of CouchDB, its default lists included; on
top of these come ``Vary``, and docstore's own headers among those that scripts may read.

A server whose settings say ``origins = *`` and ``credentials = true`` lets every page act for whoever is logged in
there, as CouchDB does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs

from docstore.config.configuration import Configuration
from docstore.config.kinds import split_list
from docstore.httpd.replies import Head, Header, Reply

SECTION: Final = "cors"
ANY: Final = "*"
REQUEST_HEADERS: Final = (
    "accept, accept-language, authorization, content-length, content-range, content-type, destination, expires, "
    "if-match, last-modified, origin, pragma, x-couch-full-commit, x-couch-id, x-couch-persist, "
    "x-couchdb-www-authenticate, x-http-method-override, x-requested-with, x-couchdb-vhost-path"
)
METHODS: Final = "CONNECT, COPY, DELETE, GET, HEAD, OPTIONS, POST, PUT, TRACE"
EXPOSED: Final = "accept-ranges, etag, server, x-couch-request-id, x-couch-update-newrev, x-couchdb-body-time"
MAX_AGE: Final = "600"
VARY: Final[Header] = (hdrs.VARY, hdrs.ORIGIN)

_SIMPLE: Final = frozenset({"cache-control", "content-language", "expires", "last-modified", "pragma"})
_OWN: Final = ("upload-", "tus-", "idempotency-", "repr-digest", "link", "preference-applied", "retry-after")


class Preflight(Reply):
    """The answer to a browser that asks before it sends the request; it is complete as it is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What one host of this server lets pages do. ``allowed`` and ``exposed`` are names of headers in lower case."""

    origins: frozenset[str]
    credentials: bool
    allowed: frozenset[str]
    methods: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age: str

    def accepts(self, origin: str) -> bool:
        """Whether pages of this origin are meant."""
        return origin.isprintable() and (ANY in self.origins or origin in self.origins)

    def preflight(self, origin: str, method: str, headers: str) -> Preflight | None:
        """The answer to a browser that asks first; None where the request is not let through."""
        asked = {name.strip().lower() for name in headers.split(",")} - {""}
        if not self.accepts(origin) or method not in self.methods or not asked <= self.allowed:
            return None
        return Preflight(
            204,
            content_type=None,
            cache_control=None,
            headers=(
                *self._origin(origin),
                ("Access-Control-Max-Age", self.max_age),
                ("Access-Control-Allow-Methods", ", ".join(self.methods)),
                ("Access-Control-Allow-Headers", headers),
                *self.varying,
            ),
        )

    def headers(self, origin: str, reply: Head) -> Sequence[Header]:
        """What a reply gets on top of its own headers, so that a script of this origin may read it."""
        if not self.accepts(origin):
            return self.varying
        exposed = ", ".join(self._exposed(reply))
        return (*self._origin(origin), ("Access-Control-Expose-Headers", exposed), *self.varying)

    @property
    def varying(self) -> tuple[Header, ...]:
        """What caches are told: that an answer is for some origins and not for others. Where all are meant, nothing."""
        return () if ANY in self.origins else (VARY,)

    def _origin(self, origin: str) -> tuple[Header, ...]:
        allowed: Header = ("Access-Control-Allow-Origin", origin)
        if self.credentials and origin != ANY:
            return allowed, ("Access-Control-Allow-Credentials", "true")
        return (allowed,)

    def _exposed(self, reply: Head) -> list[str]:
        names = [name.lower() for name, _ in reply.headers]
        simple = [name for name in names if name in _SIMPLE]
        if reply.cache_control is not None:
            simple.append(hdrs.CACHE_CONTROL.lower())
        own = [name for name in names if name.startswith(_OWN) and name not in self.exposed]
        if any(name.startswith(("upload-", "tus-")) for name in own) and "location" in names:
            own.append("location")  # where an upload goes on
        return ["content-type", *simple, *self.exposed, *own]


class Cors:
    """The policies of a server: one for each host that has a section ``cors:HOST``, and one for all others."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._policies: dict[str, Policy] = {}
        self._others: Policy | None = None
        self.enabled = False
        self._read()
        self._unwatch = configuration.watch(self._changed)

    def close(self) -> None:
        """Heed no changes any more."""
        self._unwatch()

    def lets_through(self, headers: Mapping[str, str]) -> bool:
        """Whether a request comes from a page that the settings mean."""
        origin = headers.get(hdrs.ORIGIN)
        return origin is not None and self._policy(headers).accepts(origin)

    def preflight(self, headers: Mapping[str, str]) -> Preflight | None:
        """The answer to an OPTIONS that asks what may be asked; None if it is none, or not let through."""
        origin = headers.get(hdrs.ORIGIN)
        method = headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
        if origin is None or method is None:
            return None
        asked = headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
        return self._policy(headers).preflight(origin, method, asked)

    def headers(self, headers: Mapping[str, str], reply: Head) -> Sequence[Header]:
        """What the reply to a request with ``headers`` gets on top of its own."""
        origin = headers.get(hdrs.ORIGIN)
        policy = self._policy(headers)
        return policy.varying if origin is None else policy.headers(origin, reply)

    def _policy(self, headers: Mapping[str, str]) -> Policy:
        assert self._others is not None
        if not self._policies:
            return self._others
        host = headers.get(hdrs.HOST, "").partition(":")[0]
        return self._policies.get(host, self._others)

    def _changed(self, section: str, key: str, word: str | None) -> None:
        if section.partition(":")[0] == SECTION or (section, key) == ("chttpd", "enable_cors"):
            self._read()

    def _read(self) -> None:
        configuration = self._configuration
        self.enabled = configuration.get("chttpd", "enable_cors") == "true"
        common = configuration.section(SECTION)
        self._others = _policy_of(common)
        named = {section for (section, _), _ in configuration.entries() if section.startswith(f"{SECTION}:")}
        self._policies = {
            section.partition(":")[2].rpartition("//")[2].partition(":")[0]: _policy_of(
                common | configuration.section(section)
            )
            for section in named
        }


def _policy_of(words: Mapping[str, str]) -> Policy:
    return Policy(
        origins=frozenset(split_list(words.get("origins", ""))),
        credentials=words.get("credentials") == "true",
        allowed=frozenset(name.lower() for name in split_list(words.get("headers", REQUEST_HEADERS))),
        methods=split_list(words.get("methods", METHODS)),
        exposed=tuple(name.lower() for name in split_list(words.get("exposed_headers", EXPOSED))),
        max_age=words.get("max_age", MAX_AGE),
    )
