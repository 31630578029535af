"""One client connection: aiohttp's protocol, with JSON for what it refuses itself and an end for feeds.

Owns the words for requests that never become one (bad HTTP, lines and headers beyond their limit). It must not know
endpoints, nor how an error is told: what makes a reply of status and words is handed in.
"""

import logging
from asyncio import AbstractEventLoop, BaseTransport, Transport
from collections.abc import Callable
from typing import Final, Protocol, cast

from aiohttp import ClientConnectionResetError, StreamReader
from aiohttp.http_exceptions import BadHttpMethod, LineTooLong
from aiohttp.web import BaseRequest, RequestHandler, Server, StreamResponse

from docstore.httpd.replies import Reply
from docstore.httpd.wire.bodies import OTHER_CODINGS
from docstore.httpd.wire.outbox import MOST_BYTES, Outbox
from docstore.httpd.wire.raw_targets import HEAD_END, RawTargets
from docstore.settings import Limits

logger = logging.getLogger(__name__)

TOO_MANY_HEADERS = "Too many headers"
OTHER_CODING = (
    "Request has invalid `Transfer-Encoding`",
    "Invalid `Transfer-Encoding`",
    "Duplicate 'Transfer-Encoding'",
)
"""How the parser begins its complaints of transfer codings that are not ``chunked`` alone."""


FIRST_REQUEST: Final = 1.0
"""Seconds that a server which stops waits for the first request of a new connection."""

Refuse = Callable[[BaseRequest, int, str, str], Reply]
"""Makes the reply to a request from status, error and reason."""

HEAD_END_BYTES: Final = len(HEAD_END)

_receive = RequestHandler.data_received


class Feed(Protocol):
    """What a client waits at: a reply that goes on (``streaming.py``), or whatever else stands for one."""

    def client_left(self) -> None:
        """The client is gone."""

    def hurry(self) -> None:
        """The client sends no more."""

    def end(self) -> None:
        """The server stops."""


class Connection(RequestHandler):
    """A client connection.

    ``feed`` is the feed that it is served, if it is. ``half_closed``: the client sends no more. ``begun`` counts the
    requests that somebody has begun to answer. ``has_begun_headers``: bytes have come that are no request yet.
    ``only_ascii``: nothing else has come. ``made_at`` is the time of the event loop when it was made.
    ``serves_itself``: the loop that serves it is ours; it asks the parser for what it may have held back, and tells the
    outbox when a request is begun.
    """

    serves_itself = False

    __slots__ = (
        "_is_woken",
        "_last_body",
        "_may_hold_back",
        "_outbox",
        "_targets",
        "_transport_paused",
        "_waits_for_others",
        "begun",
        "feed",
        "half_closed",
        "has_begun_headers",
        "made_at",
        "only_ascii",
        "refuse",
    )

    def __init__(
        self, manager: Server, loop: AbstractEventLoop, limits: Limits, refuse: Refuse, outbox: Outbox
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            max_line_size=limits.max_url,
            max_field_size=limits.max_header,
            auto_decompress=False,
            keepalive_timeout=limits.max_idle_time,
            access_log=cast(logging.Logger, None),
        )
        self.feed: Feed | None = None
        self.begun = 0
        self.half_closed = False
        self.has_begun_headers = False
        self.made_at = loop.time()
        self.only_ascii = True
        self.refuse = refuse
        self._last_body: StreamReader | None = None
        self._may_hold_back = False  # the parser stops where many requests wait
        self._transport_paused = False
        self._targets = RawTargets()
        self._outbox = outbox
        self._is_woken = False  # counted there
        self._waits_for_others = False

    def data_received(self, data: bytes) -> None:
        """Bytes from the client, or none: aiohttp asks so for what waits."""
        targets, messages, known = self._targets, self._messages, self._request_count
        if targets.at_start and data.isascii():
            _receive(self, data)
            body = messages[-1][1] if messages and self._request_count == known + 1 else None
            head = data.find(HEAD_END) + HEAD_END_BYTES
            if body is None or known != self.begun or not body.is_eof() or head + body.total_bytes != len(data):
                targets.follow(data)  # it was not one whole request, and nothing before it, as it usually is
        else:
            self.only_ascii = self.only_ascii and data.isascii()
            _receive(self, targets.encode(data))
        if messages:
            self._last_body = messages[-1][1]
            self.has_begun_headers = False
            if self.serves_itself:
                if not self._is_woken and not self._request_in_progress:
                    self._is_woken = True
                    self._outbox.woken += 1
                if len(messages) > self._msg_queue_resume_size:
                    self._may_hold_back = True
        elif data and not self._request_in_progress:
            self.has_begun_headers = True

    def send(self, data: bytes) -> None:
        """Write a whole reply, at once or together with those of others. Raises ConnectionError if the client left."""
        transport = self.transport
        if transport is None or transport.is_closing():
            raise ClientConnectionResetError("the client is gone")
        outbox = self._outbox
        if (outbox.woken or outbox.gathers) and self._may_wait(transport, data):
            outbox.hold(transport, data)
            return
        if outbox.held:
            outbox.flush()
        transport.write(data)

    def send_last(self, data: bytes) -> None:
        """Write the last reply, which is closed behind at once. Raises ConnectionError if the client left."""
        self._outbox.flush()
        transport = self.transport
        if transport is None or transport.is_closing():
            raise ClientConnectionResetError("the client is gone")
        transport.write(data)

    def _may_wait(self, transport: Transport, data: bytes) -> bool:
        """Whether a reply may go out a moment later: no other one of this connection can follow before that."""
        return (
            self._waits_for_others
            and len(data) <= MOST_BYTES
            and not self._messages
            and not self._may_hold_back
            and not transport.get_write_buffer_size()
        )

    def _no_longer_woken(self) -> None:
        if self._is_woken:
            self._is_woken = False
            self._outbox.woken -= 1

    def connection_made(self, transport: BaseTransport) -> None:
        """Over TLS a client that sends no more ends the connection before anybody is told, so nothing waits there."""
        self._waits_for_others = transport.get_extra_info("sslcontext") is None
        super().connection_made(transport)

    def force_close(self) -> None:
        """As aiohttp's, behind the replies that are made."""
        self._outbox.flush()
        super().force_close()

    def _pause_transport_reading(self) -> None:
        self._transport_paused = True
        super()._pause_transport_reading()

    def _resume_transport_reading(self) -> None:
        """Asked for at the end of every body; with nothing to resume the transport would answer by an exception."""
        if self._transport_paused:
            self._transport_paused = False
            super()._resume_transport_reading()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client left: its feed ends now. A write goes on, and so does what is not yet answered."""
        super().connection_lost(exc)
        self._no_longer_woken()
        if self.feed is not None:
            self.feed.client_left()

    def eof_received(self) -> None:
        """The client sends no more: it gets the answers to what it has asked, and the connection ends with them.

        A feed tells what there is and ends, instead of waiting: a client that sends no more has mostly left (CouchDB
        goes on until it looks after half a minute). A body that ends too early is broken.
        """
        self._outbox.flush()
        if self.transport is not None and self.transport.get_extra_info("sslcontext") is not None:
            return None  # over TLS there is no half of a connection
        # asyncio keeps the connection if this is true; aiohttp's annotation knows only the other case
        return cast(None, self._keeps_for_answers())

    def _keeps_for_answers(self) -> bool:
        if self.begun >= self._request_count and not self._request_in_progress:
            return False
        self.half_closed = True
        if self.feed is not None:
            self.feed.hurry()
        if self._last_body is not None and not self._last_body.is_eof():
            self._last_body.set_exception(ConnectionResetError("the client sends no more"))
            self._lingering_time = 0.0
        if self.serves_the_last:
            self._close = True
        return True

    @property
    def serves_the_last(self) -> bool:
        """Whether the request under way is the last one, since the client sends no more."""
        return self.half_closed and self.begun >= self._request_count and not self._may_hold_back

    @property
    def body_waited_for(self) -> int | None:
        """How many bytes have come of the body that a handler waits for; None if none does."""
        request = self._current_request
        if request is None:
            return None
        body = request.content
        # aiohttp's own mark of somebody who reads; should it ever be gone, nobody is too slow
        if body.is_eof() or getattr(body, "_waiter", None) is None:
            return None
        return body.total_bytes

    @property
    def unread_bytes(self) -> int:
        """How many bytes wait for the client to read."""
        transport = self.transport
        return 0 if transport is None else transport.get_write_buffer_size()

    def give_up(self) -> None:
        """The client takes too long: the connection ends, for whoever serves it as if the client had left."""
        logger.info("the client of a connection takes too long")
        request = self._current_request
        if request is not None and not request.content.is_eof():
            request.content.set_exception(ConnectionResetError("the client takes too long"))
            self._lingering_time = 0.0
        if self.transport is not None:
            self.transport.abort()

    def wind_down(self, since: float, now: float) -> bool:
        """The server stops, ``since`` when: a feed ends now, properly, and so does a connection without a request.

        Such a connection is idle, or swallows the rest of a body that nobody wanted. True where a request may still
        come, or has come and is not begun: the client of a new connection does not know that it should ask another
        server. By the times of the event loop.
        """
        if self.feed is not None:
            self.feed.end()
        # aiohttp's own mark; should it ever be gone, the connection is left to the shutdown's patience
        if getattr(self, "_request_in_progress", True):
            return self.feed is not None and self.begun < self._request_count
        if self.begun < self._request_count:
            return True
        is_new = self._request_count == 0 and self.made_at > since - FIRST_REQUEST
        if now < since + FIRST_REQUEST and (is_new or self.has_begun_headers):
            return True
        self.force_close()
        return False

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        """The reply to a request that aiohttp itself refused; the connection is closed after it.

        Raises ConnectionError, which closes it at once, where there can be no reply: one has begun, or the client left.
        """
        self.begun += 1
        if request.writer.output_size > 0:
            raise ConnectionError("a reply has begun, so no error can follow")
        if isinstance(exc, ConnectionError):
            raise exc
        if status == 400:
            logger.debug("bad request from %s: %s", request.remote, message)
        else:
            logger.error("request from %s failed", request.remote, exc_info=exc)
        reply = self._refusal(request, status, exc, message or "")
        reply.keep_alive = False
        return cast(StreamResponse, reply)

    def _refusal(self, request: BaseRequest, status: int, exc: BaseException | None, message: str) -> Reply:
        if isinstance(exc, LineTooLong):
            if str(exc.args[1]) == str(self.max_line_size):
                status, error, reason = 414, "too_long", "the request uri is too long"
            else:
                status, error, reason = 431, "too_large", "a request header is too large"
        elif message.startswith(TOO_MANY_HEADERS):
            status, error, reason = 431, "too_large", "the request has too many headers"
        elif isinstance(exc, BadHttpMethod):
            status, error, reason = 501, "not_implemented", "the request method is not known"
        elif message.startswith(OTHER_CODING):
            status, error, reason = 501, "not_implemented", OTHER_CODINGS
        elif status == 400:
            error, reason = "bad_request", "the request is not valid HTTP"
        else:
            error, reason = "unknown_error", "An unexpected error; the server's log has it."
        return self.refuse(request, status, error, reason)
