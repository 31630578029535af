"""The sockets of a server: opened, told, and closed in good order.

Owns what a server is put together from, its start and its graceful stop. It must not know signals; whoever handles
them calls ``stop``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from socket import socket
from typing import Final, Self

from aiohttp.web import BaseRequest

from docstore.httpd.dispatch import Dispatcher
from docstore.httpd.full_collections import FullCollections
from docstore.httpd.guard import is_loopback
from docstore.httpd.problems.refusing import refused_unread
from docstore.httpd.replies import Reply
from docstore.httpd.routing import Router
from docstore.httpd.service import Service
from docstore.httpd.serving import serving
from docstore.httpd.tls import Tls
from docstore.httpd.wire.connection import FIRST_REQUEST, Connection
from docstore.httpd.wire.doors import Doors
from docstore.httpd.wire.patience import Patience
from docstore.httpd.wire.server import HttpServer
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.writing import batch
from docstore.node import Node

TURN: Final = 0.01
"""Seconds in which the event loop reads what has arrived."""

Handle = Callable[[BaseRequest], Awaitable[Reply | StreamReply]]
Wrap = Callable[[Dispatcher], Handle]


def plain(dispatcher: Dispatcher) -> Handle:
    """Requests are answered by the dispatcher, and nothing else."""
    return dispatcher.handle


class NotLoopback(ValueError):
    """A server without an administrator was asked to listen where others could reach it."""


class Listener:
    """A listening server. ``url`` is its address without a slash at the end; ``port`` the real one if 0 was asked.

    ``tls_url`` is the address with TLS, if the settings ask for it.
    """

    def __init__(self, service: Service, server: HttpServer, doors: Doors, url: str) -> None:
        self.url = url
        self.port = doors.port
        self.tls_url: str | None = None
        self._service = service
        self._server = server
        self._doors = [doors]
        self._tls: Tls | None = None

    @classmethod
    async def start(
        cls,
        node: Node,
        host: str,
        port: int,
        *,
        opened: socket | None = None,
        opened_tls: socket | None = None,
        wrap: Wrap = plain,
    ) -> Self:
        """Serve a started node on ``host`` and ``port`` (0: a free one), or on sockets that somebody has opened.

        ``wrap`` makes what answers requests of the server's dispatcher.
        Raises NotLoopback without an administrator on anything but loopback, OSError if the address cannot be had,
        InvalidSetting if the settings of TLS cannot be.
        """
        service, router = serving(node)
        return await cls.listen(service, router, host, port, opened=opened, opened_tls=opened_tls, wrap=wrap)

    @classmethod
    async def listen(
        cls,
        service: Service,
        router: Router,
        host: str,
        port: int,
        *,
        opened: socket | None = None,
        opened_tls: socket | None = None,
        wrap: Wrap = plain,
    ) -> Self:
        """Open the sockets of a server with this route table; as ``start``."""
        node = service.node
        host = host if opened is None else opened.getsockname()[0]
        if node.accounts.open and not is_loopback(host):
            raise NotLoopback(f"without an administrator the server listens on loopback only, not on {host}")
        server = HttpServer(wrap(Dispatcher(service, router)), refused_unread, node.settings.limits, service.outbox)
        tls = Tls(node.config, node.clock.now) if Tls.is_wanted(node.config) else None
        doors = await Doors.open(server.connect, host, port, opened)
        listener = cls(service, server, doors, _url("http", host, doors))
        try:
            if tls is not None:
                await listener._listen_for_tls(tls, tls.host or host, opened_tls)
        except BaseException:
            doors.close()
            raise
        service.spawn(doors.keep_looking())
        node.replications.start(listener.url)
        service.spawn(Patience(lambda: server.connections, node.settings.limits).watch())
        return listener

    async def _listen_for_tls(self, tls: Tls, host: str, opened: socket | None) -> None:
        host, service = host if opened is None else opened.getsockname()[0], self._service
        if service.node.accounts.open and not is_loopback(host):
            raise NotLoopback(f"without an administrator the server listens on loopback only, not on {host}")
        doors = await Doors.open(self._server.connect, host, tls.port, opened, tls.context)
        self._tls = tls
        service.certificate = tls.watch
        service.spawn(tls.watch.keep_looking())
        service.spawn(doors.keep_looking())
        self._doors.append(doors)
        self.tls_url = _url("https", host, doors)

    def choose_full_collections(self) -> None:
        """Choose when the interpreter collects all garbage; for a process that is this server's alone."""
        collections = FullCollections(lambda: self._service.memory.taken)
        collections.take_over()
        self._service.spawn(collections.keep_looking())

    def reload(self) -> None:
        """Read the certificate again. Raises InvalidSetting; then the old one is shown on."""
        if self._tls is not None:
            self._tls.reload()

    async def stop(self) -> None:
        """Take no more connections, end feeds at once, let running requests finish for ``shutdown_grace`` seconds.

        Replications are stopped before that: those of this server with itself write their last checkpoints.
        """
        service = self._service
        await service.node.replications.stop()
        for doors in self._doors:
            doors.close()
        grace = service.node.settings.shutdown_grace
        service.close()
        try:
            async with asyncio.timeout(grace):
                await self._hear_out()
                await service.drained()
                await batch.written()
        except TimeoutError:
            pass  # they had their time; the shutdown below cancels them
        self._wind_down(self._time() - FIRST_REQUEST)
        # aiohttp waits for the replies that are still being written
        await self._server.shutdown(grace)
        await service.stop()

    async def _hear_out(self) -> None:
        """Until all that clients had sent by now is read, and no new one is about to ask."""
        since = self._time()
        coming = True
        while coming:
            await asyncio.sleep(TURN)
            coming = self._wind_down(since)

    def _wind_down(self, since: float) -> bool:
        """Whether a request may still come."""
        now = self._time()
        connections = [one for one in self._server.connections if isinstance(one, Connection)]
        return True in [connection.wind_down(since, now) for connection in connections]

    def _time(self) -> float:
        return asyncio.get_running_loop().time()


def _url(scheme: str, host: str, doors: Doors) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{doors.port}"
