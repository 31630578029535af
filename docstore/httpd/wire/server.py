"""aiohttp's low-level server with connections of our kind.

Owns the joint between aiohttp and whoever answers, and that there is no access log of aiohttp's. It must not know who
that is: a handler and the words for what never becomes a request are handed in.
"""

import asyncio
import resource
from collections.abc import Awaitable, Callable
from typing import Final, cast

import aiohttp
from aiohttp.web import BaseRequest, Server, StreamResponse

from docstore.httpd.replies import Reply
from docstore.httpd.wire.connection import Connection, Refuse
from docstore.httpd.wire.outbox import Outbox
from docstore.httpd.wire.own_loop import KNOWN, OwnLoop
from docstore.httpd.wire.streaming import StreamReply
from docstore.settings import Limits

RESERVED_FILES: Final = 128
"""File descriptors that are not for clients: the store's, the workers', those of replications."""

TOO_MANY: Final = b'{"error":"service_unavailable","reason":"Too many clients are connected; try again later."}\n'
REFUSED: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Retry-After: 1\r\nConnection: close\r\n\r\n%b" % (len(TOO_MANY), TOO_MANY)
)


class Refusal(asyncio.Protocol):
    """The answer to a client for whom there is no connection left."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say so, and hang up."""
        out = cast("asyncio.Transport", transport)  # what it is, by what it does: uvloop's is no subclass
        out.write(REFUSED)
        out.close()


class HttpServer(Server):
    """A factory of connections that all call one handler.

    A client that leaves does not cancel its handler (a write that was begun is finished); feeds see to that themselves.
    ``kind`` is the class of its connections.
    """

    kind: type[Connection] = OwnLoop if aiohttp.__version__ in KNOWN else Connection

    def __init__(
        self,
        handle: Callable[[BaseRequest], Awaitable[Reply | StreamReply]],
        refuse: Refuse,
        limits: Limits,
        outbox: Outbox,
    ) -> None:
        # replies.py says why a Reply is no StreamResponse, and what of one it has
        super().__init__(cast("Callable[[BaseRequest], Awaitable[StreamResponse]]", handle), handler_cancellation=False)
        self._refuse = refuse
        self._limits = limits
        self._outbox = outbox
        self.most_connections = most_connections(limits)

    def connect(self) -> Connection | Refusal:
        """A new connection, if there is one left; asyncio calls this for every client."""
        return self() if len(self._connections) < self.most_connections else Refusal()

    def __call__(self) -> Connection:
        """A new connection."""
        return self.kind(self, asyncio.get_running_loop(), self._limits, self._refuse, self._outbox)


def most_connections(limits: Limits) -> int:
    """How many clients there can be: ``max_connections``, or fewer if the system grants fewer files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return limits.max_connections
    return max(1, min(limits.max_connections, files - RESERVED_FILES))
