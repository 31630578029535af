"""From aiohttp's request to the reply: guard, user, route, handler, errors, counters, log line.

Owns that order. It must not know any endpoint: the router is handed in. What the requests share is ``service.py``'s.
Follows ``chttpd:handle_request_int``.
"""

import asyncio
import logging
import time

from aiohttp import hdrs
from aiohttp.web import BaseRequest

from docstore.core.json_text import encode
from docstore.core.security.user import EVERYONE_IS_ADMIN
from docstore.errors import DocstoreError, MethodNotAllowed, NotFound, Unavailable
from docstore.httpd.authorizing import authorize
from docstore.httpd.cors import Preflight
from docstore.httpd.description.openapi import description
from docstore.httpd.guard import SAFE_METHODS, Guard
from docstore.httpd.params.header_text import check_header_text
from docstore.httpd.problems.refusing import refused
from docstore.httpd.proxies import FOR as FORWARDED_FOR
from docstore.httpd.replies import REQUEST_ID, Reply, named_request_id, new_request_id
from docstore.httpd.request import Request
from docstore.httpd.routing import Handler, Route, Router
from docstore.httpd.service import Service
from docstore.httpd.wire.bodies import check_body_headers, leaves_end_unsure
from docstore.httpd.wire.connection import Connection
from docstore.httpd.wire.paths import check_escapes, path_of_absolute, split_path
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.writing.carrying_out import carried_out
from docstore.httpd.writing.idempotency import HEADER, answer_once
from docstore.httpd.writing.leniency import LENIENT_HEADERS

logger = logging.getLogger(__name__)
access_logger = logging.getLogger("docstore.httpd.access")

METHOD_OVERRIDE = "X-HTTP-Method-Override"
OVERRIDES = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE", "COPY"})
UNEXPECTED = "An unexpected error; the server's log has it under this request's X-Couch-Request-ID."


class Dispatcher:
    """Answers the requests of one server by the handlers of one route table."""

    def __init__(self, service: Service, router: Router) -> None:
        self.service = service
        self.router = router
        service.describe = lambda: encode(description(router.routes))
        service.answer_again = self._answer_path
        self._guard = Guard()
        self._accounts = service.node.accounts
        self._counters = service.node.counters

    async def handle(self, raw: BaseRequest) -> Reply | StreamReply:
        """The reply to a request. Raises nothing but what ends the connection."""
        started = time.monotonic()
        service = self.service
        protocol = raw.protocol
        connection = protocol if isinstance(protocol, Connection) else None
        if connection is not None:
            connection.begun += 1
        headers = raw.headers
        method = raw.method
        request = Request(service, raw, method if method != hdrs.METH_POST else method_of(raw), [], "")
        named = headers.get(REQUEST_ID)
        request.id = (None if named is None else named_request_id(named)) or new_request_id()
        service.running += 1
        unusual = hdrs.EXPECT in headers or hdrs.TRANSFER_ENCODING in headers
        try:
            reply = await self._answer(request, connection, unusual=unusual)
        except DocstoreError as error:
            reply = await refused(request, error)
        except (asyncio.CancelledError, ConnectionError):
            if request.claimed is not None:
                request.claimed.keep(0)
            raise
        except Exception:
            logger.exception("request %s: %s %s failed", request.id.decode(), raw.method, raw.raw_path)
            reply = await refused(request, DocstoreError(UNEXPECTED))
        finally:
            service.running -= 1
            if service.closing:
                service.ended()
        if isinstance(reply, StreamReply):
            reply.claim = request.claim
        elif request.claimed is not None:
            request.claimed.keep(0)
        reply.request_id = request.id
        if request.is_lenient_success:
            reply.headers = (*reply.headers, *LENIENT_HEADERS)
        if service.cors.enabled and not isinstance(reply, Preflight):
            reply.headers = (*reply.headers, *service.cors.headers(headers, reply))
        if service.front is not None:
            service.front.finish(request, reply)
        reply.body_time = request.body_time
        if (
            service.closing
            or (unusual and leaves_end_unsure(raw))
            or (connection is not None and connection.half_closed and connection.serves_the_last)
        ):
            reply.keep_alive = False
        now = time.monotonic()
        self._counters.count_request(request.method, reply.status, 1_000 * (now - started), now)
        if access_logger.isEnabledFor(logging.INFO):
            _log(request, reply, started)
        return reply

    async def _answer(self, request: Request, connection: Connection | None, *, unusual: bool) -> Reply | StreamReply:
        raw = request.raw
        headers = raw.headers
        cors = self.service.cors
        is_open = self._accounts.open
        if is_open:
            trusted = cors.enabled and cors.lets_through(headers)
            peer = raw.remote
            client = request.remote if FORWARDED_FOR in headers else peer
            self._guard.check(request.method, headers, peer, client, trusted=trusted)
        target = raw.raw_path
        if "#" in target:
            target = target.partition("#")[0]
        if "%" in target:
            check_escapes(target)
        path, _, request.query_string = target.partition("?")
        if path[:1] != "/":
            path = path_of_absolute(path)
        request.segments = split_path(path, plus=request.node.settings.decode_plus_to_space)
        if cors.enabled and request.method == hdrs.METH_OPTIONS and (allowed := cors.preflight(headers)) is not None:
            return allowed
        if unusual:
            check_body_headers(raw)
        if request.method not in SAFE_METHODS and not (connection is not None and connection.only_ascii):
            check_header_text(headers)
        renewal = None
        if is_open:
            request.user = EVERYONE_IS_ADMIN
        elif self.service.front is not None:
            authenticated = await self.service.front.authenticate(request)
            request.user, renewal = authenticated.user, authenticated.renewal
        else:
            authenticator = self.service.authenticator
            authenticated = await authenticator.authenticate(
                headers, request.remote, request.method, request.segments, lambda: request.base_url.startswith("https:")
            )
            request.user, renewal = authenticated.user, authenticated.renewal
        reply = await self._answer_path(request)
        if isinstance(reply, StreamReply):
            await _begin(reply, raw, request.method, closing=self.service.closing)
        if renewal is not None and not any(name == hdrs.SET_COOKIE for name, _ in reply.headers):
            reply.headers = (*reply.headers, (hdrs.SET_COOKIE, renewal))
        return reply

    async def _answer_path(self, request: Request) -> Reply | StreamReply:
        """The reply of the handler that path and method lead to."""
        segments = request.segments
        route = self.router.find(segments)
        request.doc_id = route.doc_id(segments)
        if route.has_rest:
            request.rest = route.rest(segments)
        front = self.service.front
        if front is None:
            authorize(request, route)
        elif (early := await front.admit(request, route)) is not None:
            return early
        handler = route.handlers.get(request.method) or _other_handler(route, request)
        self._counters.requests_by_route[route.pattern, request.method] += 1
        if HEADER in request.raw.headers and handler in self.router.once:
            return await answer_once(request, handler)
        answer = await handler(request)
        return answer if answer.__class__ is Reply else await carried_out(request, answer)


def method_of(raw: BaseRequest) -> str:
    """The method; a POST may say that it means another one, as in CouchDB."""
    method = raw.method
    if method == hdrs.METH_POST:
        override = raw.headers.get(METHOD_OVERRIDE)
        if override in OVERRIDES:
            return override
    return method


def _other_handler(route: Route, request: Request) -> Handler:
    """The handler of a HEAD; what else there is none for raises. A missing database is told first, as in CouchDB."""
    try:
        return route.handler(request.method)
    except (MethodNotAllowed, NotFound):
        if route.below_database:
            request.database()
        raise


async def _begin(reply: StreamReply, raw: BaseRequest, method: str, *, closing: bool) -> None:
    """Wait for the first piece; a feed is made known to its connection, which ends it when the client leaves."""
    if reply.feed and isinstance(raw.protocol, Connection):
        if closing:
            raise Unavailable
        raw.protocol.feed = reply
        if raw.protocol.half_closed:
            reply.hurry()
    await reply.begin(method)


def _log(request: Request, reply: Reply | StreamReply, started: float) -> None:
    """One line of ``name=value`` pairs, and the same for formats with members; the time is until the first byte."""
    told = {
        "method": request.method,
        "path": request.raw.raw_path,
        "status": reply.status,
        "ms": round((time.monotonic() - started) * 1000, 1),
        "id": request.id.decode(),
        "user": request.user.name or "-",
        "remote": request.remote or "-",
    }
    line = " ".join(f"{name}={value}" for name, value in told.items())
    access_logger.info("%s", line, extra={"request": told})
