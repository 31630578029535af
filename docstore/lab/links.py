"""A link between two nodes: a proxy on loopback that treats each request as its quality says.

    a replicator at one node  ->  http://127.0.0.1:PORT  ->  the other node's server

Owns the proxy and the draws of its faults. It must not know replication; it sees HTTP requests and replies, and passes
on their bytes as they are. The fate of the n-th request is drawn from the seed, the link's name and n alone, so a fault
meets the same request again as long as the requests are the same.

A request or reply that takes scenario time (``delay``, ``bandwidth``) is held on the clock on behalf of ``worker``.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, nullcontext
from dataclasses import dataclass
from random import Random
from typing import Final

from docstore.lab.http_framing import CONTINUE, HEAD_LONGEST, BadMessage, Head, read_head, reply_body, request_body
from docstore.lab.scenario import Quality
from docstore.lab.timeline import Kind
from docstore.lab.virtual_clock import Worker

LOOPBACK: Final = "127.0.0.1"
DUPLICATED_LARGEST: Final = 16 * 1024 * 1024
"""A longer request is never sent twice: it would have to be kept in memory."""

CUT_WITHIN: Final = 4_096
"""A reply of unknown length is cut within so many bytes."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one request. ``cut``: where its reply breaks off, as a share of its length; None if nowhere."""

    lost: bool
    duplicated: bool
    cut: float | None


def draw_fate(seed: str, number: int, quality: Quality) -> Fate:
    """The fate of the request of this number."""
    random = Random(f"{seed}/{number}")
    lost, duplicated, cut, where = (random.random() for _ in range(4))
    return Fate(
        lost=lost < quality.lose, duplicated=duplicated < quality.duplicate, cut=where if cut < quality.cut else None
    )


class LinkProxy:
    """``async with LinkProxy(...) as proxy``; a request for ``proxy.url`` goes to the far node.

    ``far_port``   the port of the far node's server, None while it is down
    ``on_fault``   is told of each fault: its kind and what it hit, such as ``POST /lab/_bulk_docs``
    ``quality``, ``partitioned``, ``worker``  may be changed at any time; the first two count from the next request on
    """

    def __init__(
        self,
        name: str,
        far_port: Callable[[], int | None],
        quality: Quality,
        *,
        seed: int,
        on_fault: Callable[[Kind, str], None] | None = None,
    ) -> None:
        self.name = name
        self.quality = quality
        self.worker: Worker | None = None
        self.requests = 0
        self._far_port = far_port
        self._seed = f"{seed}/{name}"
        self._on_fault = on_fault
        self._partitioned = False
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}

    @property
    def url(self) -> str:
        """Where the far node is to be found over this link; no slash at its end."""
        if self._server is None:
            raise RuntimeError(f"the link {self.name} is not open")
        return f"http://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"

    @property
    def partitioned(self) -> bool:
        """Whether nothing goes through."""
        return self._partitioned

    @partitioned.setter
    def partitioned(self, value: bool) -> None:
        self._partitioned = value
        if value:
            self.break_connections()

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._connections)

    def break_connections(self) -> None:
        """Break all connections, at once; what was under way is lost, at either side."""
        for task, writers in self._connections.items():
            for writer in writers:
                writer.transport.abort()
            task.cancel()

    async def disconnect(self) -> None:
        """Break all connections, and wait until nothing of them is left."""
        self.break_connections()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def __aenter__(self) -> "LinkProxy":
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, limit=HEAD_LONGEST)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.close()
        await self.disconnect()

    # --- one connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = self._far_port()
        if self._partitioned or port is None:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        writers = [writer]
        self._connections[task] = writers
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, port, limit=HEAD_LONGEST)
            writers.append(far_writer)
            while await self._exchange(reader, writer, far_reader, far_writer):
                pass
        except (OSError, ValueError) as error:
            logger.debug("a connection over %s broke: %r", self.name, error)
            for each in writers:
                each.transport.abort()
        except asyncio.CancelledError:
            pass  # by ``break_connections``, or with the whole loop: nobody waits for more than the end of this task
        finally:
            for each in writers:
                each.close()
            del self._connections[task]

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> bool:
        """One request and its reply; whether the connection goes on."""
        request = await read_head(reader)
        if request is None:
            return False
        number, self.requests = self.requests, self.requests + 1
        fate = draw_fate(self._seed, number, self.quality)
        with nullcontext() if self.worker is None else self.worker.message():
            await self._hold(self.quality.delay)
            if fate.lost:
                raise self._fault(Kind.LOST, request)
            if request.expects_continue:
                writer.write(CONTINUE)
            sent = await self._pass_request(request, reader, far_writer, keep=fate.duplicated)
            reply = await _reply_head(far_reader)
            if sent is not None and not reply.closes:
                await _swallow(reply_body(far_reader, reply, request.method))
                self._tell(Kind.DUPLICATE, request)
                far_writer.writelines(sent)
                reply = await _reply_head(far_reader)
            await self._hold(self.quality.delay)
            await self._pass_reply(request, reply, far_reader, writer, fate.cut)
        return not request.closes and not reply.closes

    async def _pass_request(
        self, request: Head, reader: asyncio.StreamReader, far_writer: asyncio.StreamWriter, *, keep: bool
    ) -> list[bytes] | None:
        """Send a request on; all its bytes if they are to be kept and are not too many."""
        kept: list[bytes] | None = [request.raw] if keep else None
        size = 0
        far_writer.write(request.raw)
        async with aclosing(request_body(reader, request)) as pieces:
            async for piece in pieces:
                await self._hold_for(piece)
                far_writer.write(piece)
                await far_writer.drain()
                size += len(piece)
                if kept is not None:
                    kept.append(piece)
                    if size > DUPLICATED_LARGEST:
                        kept = None
        return kept

    async def _pass_reply(
        self,
        request: Head,
        reply: Head,
        far_reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        cut: float | None,
    ) -> None:
        end = None
        if cut is not None:
            end = int(cut * (len(reply.raw) + (CUT_WITHIN if reply.length is None else reply.length)))
        passed, kept_back = 0, b""
        async with aclosing(_with_head(reply, reply_body(far_reader, reply, request.method))) as pieces:
            async for piece in pieces:
                await self._hold_for(piece)
                passed += len(piece)
                if end is None:
                    writer.write(piece)
                elif passed <= end:
                    writer.write(kept_back)
                    kept_back = piece
                else:
                    kept_back += piece[: end - passed]
                    break
                await writer.drain()
        if end is not None:
            writer.write(kept_back if passed > end else kept_back[:-1])
            await writer.drain()
            raise self._fault(Kind.CUT, request)

    # --- time and faults

    async def _hold(self, seconds: float) -> None:
        if self.worker is not None:
            await self.worker.hold(seconds)

    async def _hold_for(self, piece: bytes) -> None:
        if self.quality.bandwidth is not None:
            await self._hold(len(piece) / self.quality.bandwidth)

    def _tell(self, kind: Kind, request: Head) -> None:
        if self._on_fault is not None:
            self._on_fault(kind, f"{request.method} {request.path}")

    def _fault(self, kind: Kind, request: Head) -> ConnectionError:
        self._tell(kind, request)
        return ConnectionResetError(f"{kind}: {request.method} {request.path}")


async def _with_head(reply: Head, body: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield reply.raw
    async with aclosing(body):
        async for piece in body:
            yield piece


async def _reply_head(far_reader: asyncio.StreamReader) -> Head:
    """The head of the reply, after the interim ones."""
    while True:
        reply = await read_head(far_reader)
        if reply is None:
            raise BadMessage("the connection ended before the reply")
        if reply.status >= 200:
            return reply


async def _swallow(pieces: AsyncGenerator[bytes]) -> None:
    async with aclosing(pieces):
        async for _ in pieces:
            pass
