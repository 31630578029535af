"""A connection that serves its requests itself, one after the other, in the one task that it has.

aiohttp's own loop makes another task of every request, for the sake of context variables. There are none here, and a
task costs as much as finding a document does. Owns that loop and the short way to a small body, and for which versions
of aiohttp they are known to be right, since they stand in the place of private ones; with any other version
``Connection`` is served by aiohttp's. It must not know what requests mean.

A version is added to ``KNOWN`` when its modules ``web_protocol``, ``base_protocol``, ``streams``, ``web_request`` and
its parser were compared with those of the last one: what ``start`` and ``_handle_request`` do there is done here.
"""

import logging
from asyncio import AbstractEventLoop, sleep, timeout
from typing import Final

import aiohttp
from aiohttp import StreamReader, web_protocol
from aiohttp.http import RawRequestMessage, StreamWriter
from aiohttp.web import BaseRequest, Server, StreamResponse

from docstore.httpd.wire.connection import Connection, Refuse
from docstore.httpd.wire.outbox import Outbox
from docstore.settings import Limits

logger = logging.getLogger(__name__)

KNOWN: Final = frozenset({"3.14.4", "3.14.5"})
"""The versions of aiohttp that this loop fits; in 3.14.3 members that it uses have other names."""


IS_KNOWN: Final = aiohttp.__version__ in KNOWN


def take_small(stream: StreamReader, most: int) -> bytes | None:
    """The whole body that this is the stream of, if it is here in one piece of at most ``most`` bytes; None if not.

    aiohttp's own way to the same takes seven calls, which is as much as to find the document that the body is for.
    """
    if not IS_KNOWN or stream.__class__ is not StreamReader or not stream._eof or stream._exception is not None:
        return None
    pieces = stream._buffer
    if len(pieces) != 1 or stream._buffer_offset or len(pieces[0]) > most:
        return None
    stream._size = 0
    return pieces.popleft()


class OwnLoop(Connection):
    """A connection for which aiohttp parses, and nothing else."""

    __slots__ = ("_writer",)

    serves_itself = True

    def __init__(
        self, manager: Server, loop: AbstractEventLoop, limits: Limits, refuse: Refuse, outbox: Outbox
    ) -> None:
        super().__init__(manager, loop, limits, refuse, outbox)
        self._writer = StreamWriter(self, loop)

    async def start(self) -> None:
        """Serve until the client, a reply or the server ends it; aiohttp makes a task of this."""
        try:
            await self._serve_all()
        except Exception:
            logger.exception("a connection broke")
            self.force_close()
        except BaseException:
            self.force_close()
            raise
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self._outbox.flush()
                self.transport.close()

    async def _serve_all(self) -> None:
        while not self._force_close:
            if not self._messages and self._may_hold_back:
                # It counts one too many behind a body that came apart from its head, and is then never asked to go on.
                self._may_hold_back = False
                self.data_received(b"")
                if self.half_closed and not self._messages:
                    break
            if not self._messages:
                self._waiter = self._loop.create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
            if not await self._serve_next() or self._close or self._force_close:
                break
            self._wait_at_most()
            if self._messages:
                await sleep(0)  # who sends many at once does not keep others waiting

    async def _serve_next(self) -> bool:
        """Answer what came first, a request or what the parser refused; whether others may follow."""
        message, payload = self._messages.popleft()
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        task, handle = self._task_handler, self._request_handler
        if task is None or handle is None:  # the client has left a moment ago
            return False
        if not isinstance(message, RawRequestMessage):
            handle, message = self._make_error_handler(message), web_protocol.ERROR
        outbox = self._outbox
        if self._is_woken:
            self._is_woken = False
            outbox.woken -= 1
        if outbox.held:
            outbox.flush_late()
        self._writer.output_size = 0  # all that is kept of the last reply
        request = BaseRequest(message, payload, self, self._writer, task, self._loop)
        self._request_in_progress = True
        self._current_request = request
        try:
            try:
                reply = await handle(request)
            except Exception as error:
                reply = self.handle_error(request, 500, error)
            finally:
                self._current_request = None
            if self._upgraded:
                await self._send_before_others(request, reply)
            else:
                await reply.prepare(request)
        except ConnectionError:
            return False
        finally:
            self.feed = None
            self._request_in_progress = False
            if self._handler_waiter is not None and not self._handler_waiter.done():
                self._handler_waiter.set_result(None)
        if not payload.is_eof():
            await self._swallow(payload)
        self._keepalive = bool(reply.keep_alive)
        return self._keepalive

    async def _send_before_others(self, request: BaseRequest, reply: StreamResponse) -> None:
        """The same where the client asked for an upgrade. Nobody here takes one: what came behind are more requests."""
        _, has_left = await self.finish_response(request, reply, None)
        if has_left:
            raise ConnectionResetError

    async def _swallow(self, payload: StreamReader) -> None:
        """Read what is left of a body that nobody wanted, for a while, so that the client gets to read the reply."""
        if self._lingering_time and not self._force_close:
            try:
                async with timeout(self._lingering_time):
                    while not payload.is_eof():
                        await payload.readany()
            except TimeoutError:
                pass
            except Exception as error:  # the client has left, or the parser refuses what comes
                logger.debug("the rest of a body broke: %r", error)
                self.force_close()
        if not payload.is_eof() and not self._force_close:
            self.close()

    def _wait_at_most(self) -> None:
        """Begin to count how long the connection waits for its next request."""
        end = self._loop.time() + self._keepalive_timeout
        self._next_keepalive_close_time = end
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(end, self._process_keepalive)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Asked for at the end of every body, twice; where nobody has paused, nothing waits in the parser."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        """As for every connection; and nobody waits for the rest of a body that does not come."""
        super().connection_lost(exc)
        body = self._last_body
        if body is not None and not body.is_eof():
            body.set_exception(ConnectionResetError("the client left"))

    async def shutdown(self, patience: float | None = 15.0) -> None:
        """As aiohttp's, which takes its time with a connection that has just become idle."""
        if self._waiter is not None:
            self.force_close()
        await super().shutdown(patience)
