"""The HTTP server of one node, without its sockets.

Owns the joint between aiohttp and the dispatcher: connections of our kind, a handler, no access log of aiohttp's. The
sockets are ``listener.py``'s.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from aiohttp.web import BaseRequest, Server, StreamResponse

from docstore.httpd.app import ROUTER
from docstore.httpd.dispatch import Service
from docstore.httpd.wire.connection import Connection

if TYPE_CHECKING:
    from docstore.node import Node


class HttpServer(Server):
    """aiohttp's low-level server: a factory of connections that all call one handler.

    A client that leaves does not cancel its handler (a write that was begun is finished); feeds see to that themselves.
    """

    def __init__(self, service: Service) -> None:
        # replies.py says why a Reply is no StreamResponse, and what of one it has
        handler = cast("Callable[[BaseRequest], Awaitable[StreamResponse]]", service.handle)
        super().__init__(handler, handler_cancellation=False)
        self.service = service

    def __call__(self) -> Connection:
        """A new connection; asyncio calls this for every client."""
        return Connection(self, asyncio.get_running_loop(), self.service.node.settings.limits)


def make_server(node: "Node") -> HttpServer:
    """The server of a started node; hand it to ``loop.create_server``. Needs the running event loop."""
    return HttpServer(Service(node, ROUTER))
