"""aiohttp's low-level server with connections of our kind.

Owns the joint between aiohttp and whoever answers, and that there is no access log of aiohttp's. It must not know who
that is: a handler and the words for what never becomes a request are handed in.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp.web import BaseRequest, Server, StreamResponse

from docstore.httpd.replies import Reply
from docstore.httpd.wire.connection import Connection, Refuse
from docstore.httpd.wire.streaming import StreamReply
from docstore.settings import Limits


class HttpServer(Server):
    """A factory of connections that all call one handler.

    A client that leaves does not cancel its handler (a write that was begun is finished); feeds see to that themselves.
    """

    def __init__(
        self, handle: Callable[[BaseRequest], Awaitable[Reply | StreamReply]], refuse: Refuse, limits: Limits
    ) -> None:
        # replies.py says why a Reply is no StreamResponse, and what of one it has
        super().__init__(cast("Callable[[BaseRequest], Awaitable[StreamResponse]]", handle), handler_cancellation=False)
        self._refuse = refuse
        self._limits = limits

    def __call__(self) -> Connection:
        """A new connection; asyncio calls this for every client."""
        return Connection(self, asyncio.get_running_loop(), self._limits, self._refuse)
