"""An HTTP proxy that loses requests and answers, delays them, and sends requests twice, as a seed says.

Owns the faults. It knows nothing of documents, save that ``plain`` makes the docstore behind it look like a server that
remembers nothing: it takes away the headers by which a client asks for more, and the server's name.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp import web
from yarl import URL

MORE_THAN_COUCHDB: Final = ("Idempotency-Key", "Prefer")
HOP_HEADERS: Final = ("Host", "Connection", "Content-Length", "Transfer-Encoding", "Date", "Server")


@dataclass(frozen=True, slots=True)
class Faults:
    """How probable each fault is, for each request; ``longest_delay`` in seconds."""

    lost_request: float = 0.05
    lost_reply: float = 0.08
    delay: float = 0.1
    duplicate: float = 0.05
    longest_delay: float = 0.01


NO_FAULTS: Final = Faults(0, 0, 0, 0)


class FaultProxy:
    """``async with FaultProxy(url, seed) as proxy``: clients ask ``proxy.url``.

    ``upstream`` may be changed, when a server was started again elsewhere. ``seen`` counts the faults.
    For tests of one request: ``overtake`` is done before the next PUT is passed on; the answer to the next PUT is lost,
    and ``ambush`` is done before anybody knows.
    """

    def __init__(self, upstream: str, seed: int, faults: Faults | None = None, *, plain: bool = False) -> None:
        self.upstream = upstream
        self.seen: Counter[str] = Counter()
        self.overtake: Callable[[], Awaitable[None]] | None = None
        self.ambush: Callable[[], Awaitable[None]] | None = None
        self._faults = faults or Faults()
        self._plain = plain
        self._random = random.Random(seed)
        self._late: set[asyncio.Task[None]] = set()
        self._runner = web.ServerRunner(web.Server(self._handle), access_log=None)
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.quiet()
        assert self._session is not None
        await self._session.close()
        await self._runner.cleanup()

    async def quiet(self) -> None:
        """Wait until what was delayed has arrived."""
        await asyncio.gather(*self._late)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        chance, faults = self._random.random, self._faults
        lost_request, lost_reply = chance() < faults.lost_request, chance() < faults.lost_reply
        duplicate = chance() < faults.duplicate
        if chance() < faults.delay:
            await self._delay()
        if lost_request:
            self.seen["lost request"] += 1
            return self._broken(request)
        if duplicate:
            self.seen["duplicate"] += 1
            if chance() < 0.5:
                await self._forward(request, body)  # the client gets the answer to the second
            else:
                self._later(request, body)
        if self.overtake is not None and request.method == "PUT":
            overtake, self.overtake = self.overtake, None
            await overtake()
        reply = await self._forward(request, body)
        if self.ambush is not None and request.method == "PUT":
            ambush, self.ambush, lost_reply = self.ambush, None, True
            await ambush()
        if reply is None or lost_reply:
            self.seen["lost reply"] += reply is not None
            return self._broken(request)
        return reply

    async def _forward(self, request: web.BaseRequest, body: bytes) -> web.Response | None:
        """The server's answer, None if there is none."""
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name not in HOP_HEADERS}
        if self._plain:
            headers = {name: value for name, value in headers.items() if name not in MORE_THAN_COUCHDB}
        url = URL(self.upstream + request.raw_path, encoded=True)
        try:
            async with self._session.request(request.method, url, data=body, headers=headers) as reply:
                content = await reply.read()
        except aiohttp.ClientError:
            return None
        if self._plain and request.raw_path == "/":
            content = content.replace(b'"docstore"', b'"another"')
        kept = {name: value for name, value in reply.headers.items() if name not in HOP_HEADERS}
        return web.Response(status=reply.status, body=content, headers=kept)

    def _later(self, request: web.BaseRequest, body: bytes) -> None:
        """Send the request once more, some time, to nobody's benefit."""

        async def send() -> None:
            await self._delay()
            await self._forward(request, body)

        task = asyncio.create_task(send())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _delay(self) -> None:
        self.seen["delay"] += 1
        await asyncio.sleep(self._random.uniform(0, self._faults.longest_delay))

    def _broken(self, request: web.BaseRequest) -> web.Response:
        """End the connection instead of an answer."""
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
