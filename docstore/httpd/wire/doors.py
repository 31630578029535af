"""Listening sockets, which are let go of while no client could be accepted.

Owns the sockets and when they are watched. It must not know what is spoken on a connection: what makes a protocol is
handed in.

Where no file descriptor is left for a client, libuv gives up one that it keeps for this moment, accepts the client with
it and hangs up. Where that cannot be, since the limit is below what is open or the one that it kept is gone, it asks
again at once, and for ever: half a core, until there is room. So somebody looks every ``LOOK_EVERY`` seconds whether a
descriptor that is given up can be had again; while it cannot, the sockets still listen, but are not watched.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from socket import socket
from ssl import SSLContext
from typing import Final, Self

log = logging.getLogger(__name__)

BACKLOG: Final = 1024
LOOK_EVERY: Final = 1.0


class Doors:
    """The sockets of one address, on one event loop; ``open`` makes them."""

    def __init__(
        self, servers: list[asyncio.Server], connect: Callable[[], asyncio.BaseProtocol], context: SSLContext | None
    ) -> None:
        """``connect`` makes the protocol of a client."""
        self._connect = connect
        self._context = context
        self._servers = servers
        self._sockets = [socket(fileno=os.dup(one.fileno())) for server in servers for one in server.sockets]
        self._spare: int | None = None
        self._closed = False
        self.has_room()

    @classmethod
    async def open(
        cls,
        connect: Callable[[], asyncio.BaseProtocol],
        host: str,
        port: int,
        opened: socket | None = None,
        context: SSLContext | None = None,
    ) -> Self:
        """Listen on a socket that somebody has opened, or on ``host`` and ``port`` (0: a free one). Raises OSError."""
        loop = asyncio.get_running_loop()
        if opened is not None:
            server = await loop.create_server(connect, sock=opened, backlog=BACKLOG, ssl=context)
        else:
            server = await loop.create_server(connect, host, port, backlog=BACKLOG, ssl=context)
        return cls([server], connect, context)

    @property
    def port(self) -> int:
        """The real one, if 0 was asked."""
        port: int = self._sockets[0].getsockname()[1]
        return port

    @property
    def watched(self) -> bool:
        """Whether clients are accepted."""
        return bool(self._servers)

    def close(self) -> None:
        """Accept nobody any more, and do not listen."""
        self._closed = True
        self._let_go()
        for one in self._sockets:
            one.close()
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    async def keep_looking(self) -> None:
        """``look`` again and again, until this is cancelled."""
        while not self._closed:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.look()
            except OSError as error:
                log.warning("clients that connect have to wait on: %s", error)

    async def look(self) -> None:
        """Watch the sockets if there is room for clients, and let go of them if there is none. Raises OSError."""
        if self._closed:
            return
        if self.has_room():
            if not self._servers:
                await self._watch()
        elif self._servers:
            log.warning("no file descriptor is left: clients that connect have to wait")
            self._let_go()

    def has_room(self) -> bool:
        """Whether a file can be opened in the place of one that is closed."""
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        with suppress(OSError):
            self._spare = os.open("/", os.O_RDONLY | os.O_CLOEXEC)
        return self._spare is not None

    def _let_go(self) -> None:
        for server in self._servers:
            server.close()
        self._servers = []

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            for one in self._sockets:
                watched = one.dup()
                self._servers.append(
                    await loop.create_server(self._connect, sock=watched, backlog=BACKLOG, ssl=self._context)
                )
        except OSError:
            self._let_go()
            raise
        if self._closed:
            self._let_go()
        else:
            log.warning("clients that connect are accepted again")
