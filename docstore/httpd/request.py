"""One request as the handlers see it.

Owns access to path, query, headers and body. It must not know what any endpoint means: the dispatcher fills ``doc_id``,
``rest`` and ``user``. Everything that costs time is done on first use, since most requests need little of it.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from aiohttp import hdrs
from aiohttp.web import BaseRequest

from docstore.core.json_text import JsonValue
from docstore.core.security.user import EVERYONE_IS_ADMIN, NOBODY, UserContext
from docstore.database.database import Database
from docstore.database.once import Ticket
from docstore.database.write_hooks import Actor
from docstore.errors import BadRequest, TooLarge, UnsupportedMediaType
from docstore.httpd.service import Service
from docstore.httpd.wire import bodies
from docstore.httpd.wire.bodies import SMALL
from docstore.httpd.wire.body_digest import BodyDigest
from docstore.httpd.wire.memory import Claim, cost_of_json
from docstore.httpd.wire.own_loop import take_small
from docstore.httpd.wire.paths import decode_query, split_path
from docstore.node import Node
from docstore.settings import Limits

if TYPE_CHECKING:
    from docstore.httpd.replies import Reply
    from docstore.httpd.wire.streaming import StreamReply

JSON = "application/json"
MADE_OF_IT = 2
"""The values of a body, and as much again for what a handler makes of them: revisions, sets, selectors, rows."""


class Veil(Enum):
    """What is hidden in documents that are read, from those who administer neither server nor database."""

    USERS = "user documents of others, but for their public fields"
    REPLICATIONS = "credentials in replications of others"


NO_ACTOR = Actor(None, is_admin=False)
EVERYONE = Actor(None, True, EVERYONE_IS_ADMIN.roles)
"""Who acts on a server without administrators."""


class Request:
    """What a handler gets.

    ``service``   what all requests of this server share
    ``node``      the running server's parts
    ``raw``       aiohttp's request, for what is not offered here
    ``method``    "GET", "PUT", ...; a HEAD reaches the handler of GET with "HEAD" here, the reply drops its body
    ``segments``  the path, split at ``/``, each segment percent-decoded once: ``["db", "_design", "a"]``
    ``doc_id``    the document id that the path names (``"a/b"``, ``"_design/a"``, ``"_local/a"``), else ``""``
    ``rest``      the path below that, decoded: an attachment's name
    ``rewrites``  how often it was taken for another one
    ``user``      who asks
    ``actor``     who writes: the user with their rights in the request's database
    ``may_read``  whether who asks may know what stands in the documents of the request's database
    ``veil``      what of it they may not, None for nothing
    ``body_time`` milliseconds spent waiting for the body
    ``ticket``    of a request with an idempotency key, else None: its one write goes through it
    ``body_digest``  what is made of its body meanwhile
    ``claimed``   its claim on memory; None as long as it takes too little to be counted
    ``id``        what the reply and the log call this request
    ``most_body`` bytes of the body, where there may be fewer than ``max_request_body``, or it comes piece by piece
    ``classed``   the class and the action that it counts as, where the service has such; None before it is let in
    ``is_lenient_success``  whether the reply is that of an edit which was applied before (``leniency.py``)
    """

    doc_id = ""
    rest = ""
    rewrites = 0
    user: UserContext = NOBODY
    actor: Actor = NO_ACTOR
    may_read = False
    veil: Veil | None = None
    body_time = 0
    ticket: Ticket | None = None
    body_digest: BodyDigest | None = None
    id = b""
    most_body: int | None = None
    classed: tuple[str, str] | None = None
    is_lenient_success = False
    claimed: Claim | None = None
    _query: dict[str, str] | None = None
    _query_list: list[tuple[str, str]] | None = None
    _body: bytes | None = None
    _sent: bytes | None = None
    # what most requests leave as it is, they do not have to be told one by one

    def __init__(self, service: Service, raw: BaseRequest, method: str, segments: list[str], query_string: str) -> None:
        self.service = service
        self.node: Node = service.node
        self.raw = raw
        self.method = method
        self.segments = segments
        self.query_string = query_string

    @property
    def claim(self) -> Claim:
        """The memory that it takes, from now on counted."""
        if self.claimed is None:
            self.claimed = self.service.memory.claim()
        return self.claimed

    @property
    def headers(self) -> Mapping[str, str]:
        """The request headers; names in any case."""
        return self.raw.headers

    @property
    def query_list(self) -> list[tuple[str, str]]:
        """Decoded query parameters in their order, repeated ones included."""
        if self._query_list is None:
            self._query_list = decode_query(self.query_string)
        return self._query_list

    @property
    def query(self) -> dict[str, str]:
        """Decoded query parameters; of a repeated one the first value, as ``chttpd:qs_value``."""
        if self._query is None:
            self._query = dict(reversed(self.query_list)) if self.query_string else {}
        return self._query

    @property
    def base_url(self) -> str:
        """``scheme://host`` as the client wrote the host, without a slash at the end; a proxy's word counts."""
        raw = self.raw
        return self.service.proxies.base_url(
            raw.headers, raw.remote, secure=raw.secure, own=self._own_address, target=raw.raw_path
        )

    @property
    def remote(self) -> str | None:
        """The address of who asks; a proxy's word counts."""
        return self.service.proxies.remote(self.raw.headers, self.raw.remote)

    @property
    def content_type(self) -> str:
        """The body's media type without parameters, in lower case; ``""`` if there is none."""
        value = self.raw.headers.get(hdrs.CONTENT_TYPE, "")
        return value if value == JSON else value.partition(";")[0].strip().lower()

    @property
    def if_none_match(self) -> str | None:
        """The If-None-Match header as it stands; ``replies.etag_matches`` judges it."""
        return self.raw.headers.get(hdrs.IF_NONE_MATCH)

    def database(self) -> Database:
        """The database of the first segment; what is written is written by this user. Raises DatabaseNotFound."""
        database = self.node.registry.open(self.segments[0])
        if self.method in ("GET", "HEAD"):
            return database
        return database.acting_for(self.actor)

    def require_json_type(self) -> None:
        """Raises UnsupportedMediaType unless the Content-Type is ``application/json``, letter for letter.

        As ``chttpd:validate_ctype``: neither capitals nor a blank before the parameters are taken.
        """
        if self.raw.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0] != JSON:
            raise UnsupportedMediaType

    def small_body(self) -> bytes | None:
        """``body`` if it is small, has come and is taken as it is; None where ``body`` has to be asked."""
        if self._body is None:
            if hdrs.CONTENT_ENCODING in self.raw.headers or self.body_digest is not None or self.most_body is not None:
                return None
            limits = self.node.settings.limits
            self._body = take_small(
                self.raw.content, min(SMALL, limits.max_request_body, limits.parse_off_loop_from - 1)
            )
        return self._body if self._body is not None and len(self._body) <= SMALL else None

    async def body(self) -> bytes:
        """The whole body, inflated.

        Raises TooLarge beyond ``max_request_body`` or ``most_body``, UnsupportedMediaType for an unknown
        Content-Encoding.
        """
        if self._body is None:
            limits = self.node.settings.limits
            if self.most_body is not None or self._sent is not None:
                limits = self._body_limits()
            if self._sent is not None:  # and digested then
                self._body = await bodies.inflated(self.raw, self._sent, limits, self.claim)
                return self._body
            self._body = bodies.body_at_hand(self.raw, limits)
            if self._body is None:
                started = time.monotonic()
                if bodies.is_small(self.raw):
                    self._body = await bodies.read_small(self.raw, limits)
                else:
                    self._body = await bodies.read_body(self.raw, limits, self.claim)
                self.body_time = int((time.monotonic() - started) * 1000)
            elif len(self._body) > SMALL:
                await self.claim.take(len(self._body))
            if self.body_digest is not None:
                await self._digested(self.body_digest, self._body)
        return self._body

    async def body_as_sent(self) -> bytes:
        """The whole body as it came, which functions are shown; not inflated, unless ``body`` was asked before."""
        if self._body is not None or hdrs.CONTENT_ENCODING not in self.raw.headers:
            return await self.body()
        if self._sent is None:
            self._sent = await bodies.read_sent(self.raw, self._body_limits(), self.claim)
            if self.body_digest is not None:
                await self._digested(self.body_digest, self._sent)
        return self._sent

    def _body_limits(self) -> Limits:
        limits = self.node.settings.limits
        if self.most_body is not None and self.most_body < limits.max_request_body:
            return replace(limits, max_request_body=self.most_body)
        return limits

    async def _digested(self, digest: BodyDigest, body: bytes) -> None:
        await digest.update(body)
        digest.whole = True

    async def answer_as(self, method: str, target: str, body: bytes | None) -> "Reply | StreamReply":
        """The reply to another request that takes the place of this one: its path and query, perhaps its body."""
        path, _, self.query_string = target.partition("?")
        self.method, self.segments, self._query, self._query_list = method, split_path(path), None, None
        self.doc_id = self.rest = ""
        self.actor, self.may_read, self.veil = NO_ACTOR, False, None
        if body is not None:
            self._body = body
        again: Callable[[Request], Awaitable[Reply | StreamReply]] | None = self.service.answer_again
        if again is None:
            raise AssertionError("nobody answers this request again")
        return await again(self)

    def drop_body(self) -> None:
        """Keep the body no longer; what was read of it is all that is wanted."""
        self._body, self._sent = b"", None

    async def stream(self) -> AsyncGenerator[bytes]:
        """The body piece by piece, as ``bodies.stream_body``; or what is left of it, if some was taken before.

        Raises TooLarge beyond ``most_body``.
        """
        digest, most, seen = self.body_digest, self.most_body, 0
        if most is not None and (bodies.declared_length(self.raw) or 0) > most:
            raise TooLarge
        async for piece in bodies.stream_body(self.raw):
            seen += len(piece)
            if most is not None and seen > most:
                raise TooLarge
            if digest is not None:
                await digest.update(piece)
            yield piece
        if digest is not None:
            digest.whole = True

    def require_body(self) -> None:
        """Raises BadRequest if the request announces no body, not even an empty one."""
        if self._body is None and hdrs.CONTENT_LENGTH not in self.raw.headers and not self.raw.body_exists:
            raise BadRequest("Missing request body")

    async def json(self, *, require_json_type: bool = False, made_of_it: int = MADE_OF_IT) -> JsonValue:
        """The body as JSON.

        Raises InvalidJson (for an empty body too), BadRequest for its depth, what ``require_body`` and ``body`` raise
        and, if ``require_json_type``, UnsupportedMediaType unless the Content-Type is ``application/json``.
        """
        if require_json_type:
            self.require_json_type()
        self.require_body()
        text = await self.body()
        if len(text) > SMALL:
            await self.claim.take(made_of_it * await cost_of_json(text))
        return await bodies.parse_json(text, self.node.settings.limits)

    async def json_object(
        self, *, require_json_type: bool = False, made_of_it: int = MADE_OF_IT
    ) -> dict[str, JsonValue]:
        """As ``json``; raises BadRequest for anything but an object."""
        value = await self.json(require_json_type=require_json_type, made_of_it=made_of_it)
        if not isinstance(value, dict):
            raise BadRequest("Request body must be a JSON object")
        return value

    def _own_address(self) -> str:
        """Where the client reached this server, for one that sent no Host."""
        address = self.raw.get_extra_info("sockname")
        if not address:
            return "localhost"
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
