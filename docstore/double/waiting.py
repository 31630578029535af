"""Waiting while a client waits: for a time, or until somebody says so, but never for a client that has left.

Owns how such a wait ends early: the client leaves, or the server stops. It must not know what is waited for.
"""

import asyncio

from aiohttp.web import BaseRequest

from docstore.httpd.wire.connection import Connection


class Waiting:
    """Stands where a feed would: its connection tells it of the client and of the server's end.

    ``for_ever``: who sends no more has left, since there is nothing to wait for.
    """

    def __init__(self, *, for_ever: bool = False) -> None:
        self._for_ever = for_ever
        self.event = asyncio.Event()
        self.is_over = False

    def client_left(self) -> None:
        """There is nobody to answer."""
        self.end()

    def end(self) -> None:
        """The server stops."""
        self.is_over = True
        self.event.set()

    def hurry(self) -> None:
        """The client sends no more, but it may well read."""
        if self._for_ever:
            self.end()


async def wait(raw: BaseRequest, seconds: float | None, waiting: Waiting) -> None:
    """Wait so long, or until the event is set. Raises ConnectionResetError if the client leaves or the server stops."""
    connection = raw.protocol
    assert isinstance(connection, Connection)
    if raw.transport is None:
        raise ConnectionResetError("the client left")
    feed, connection.feed = connection.feed, waiting
    try:
        async with asyncio.timeout(seconds):
            await waiting.event.wait()
    except TimeoutError:
        pass
    finally:
        connection.feed = feed
    if waiting.is_over:
        raise ConnectionResetError("the client left, or the server stops")
