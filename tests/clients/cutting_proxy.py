"""A proxy between a client and a server that breaks connections in the middle of an upload.

Owns sockets and the moment of the cut; it knows nothing of HTTP. What a client sends is passed on up to the very byte
at which it is to be cut; then the server sees the connection end, and the client sees it break.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

PIECE = 64 * 1024


class CuttingProxy:
    """Listens on a free loopback port and passes on to ``port``. ``async with CuttingProxy(port) as proxy``.

    ``url``   where clients find it
    ``cuts``  how many connections it has broken
    """

    def __init__(self, port: int) -> None:
        self.cuts = 0
        self._port = port
        self._budgets: list[tuple[int, Callable[[], Awaitable[None]] | None]] = []
        self._sent = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._open = asyncio.Event()
        self._open.set()

    def cut_after(self, count: int, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Break a connection when ``count`` more bytes have gone to the server, over all connections.

        Called more than once, each cut counts from the last. ``then`` is done between the last byte and the break;
        meanwhile clients learn of nothing.
        """
        self._budgets.append((count, then))

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await self._open.wait()
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        back = asyncio.create_task(self._pass_back(from_server, writer))
        try:
            await self._pass_on(reader, to_server, writer)
            await back
        except OSError:
            pass
        finally:
            back.cancel()
            to_server.close()
            writer.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, to_server: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        while piece := await reader.read(PIECE):
            if self._budgets and self._sent + len(piece) >= self._budgets[0][0]:
                count, then = self._budgets.pop(0)
                to_server.write(piece[: count - self._sent])
                self._sent = 0
                await to_server.drain()
                if then is not None:
                    self._open.clear()
                    try:
                        await then()
                    finally:
                        self._open.set()
                self.cuts += 1
                to_server.close()
                writer.transport.abort()
                raise ConnectionResetError
            self._sent += len(piece)
            to_server.write(piece)
            await to_server.drain()
        to_server.write_eof()

    async def _pass_back(self, from_server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await from_server.read(PIECE):
                writer.write(piece)
                await writer.drain()
        finally:
            await self._open.wait()
            writer.close()
