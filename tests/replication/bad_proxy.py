"""An HTTP proxy in front of a server that refuses requests, or cuts them and their replies short, as a test says."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

PIECE = 1024


@dataclass(frozen=True)
class Refuse:
    """Answer this without asking the server."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CutRequest:
    """Let so many bytes of the body through to the server, then break both connections."""

    after: int


@dataclass(frozen=True)
class CutReply:
    """Let so many bytes of the reply's body through, then break the connection."""

    after: int


Fate = Refuse | CutRequest | CutReply | None


class Cut(Exception):
    """The end of what is let through."""


class BadProxy:
    """``fate`` decides what becomes of a request, by its method and path. ``seen`` counts the fates by their names."""

    def __init__(self, upstream: str, fate: Callable[[str, str], Fate]) -> None:
        self.url = ""
        self.fate = fate
        self.seen: Counter[str] = Counter()
        self._upstream = upstream
        self._client: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["BadProxy"]:
        """Serves until the block ends."""
        runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession(auto_decompress=False) as self._client:
            try:
                yield self
            finally:
                await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        fate = self.fate(request.method, request.path)
        self.seen[type(fate).__name__] += 1
        if isinstance(fate, Refuse):
            await request.read()
            return web.json_response({"error": "x", "reason": "y"}, status=fate.status, headers=fate.headers)
        try:
            return await self._forward(request, fate)
        except (Cut, aiohttp.ClientError):
            if request.transport is not None:
                request.transport.close()
            raise ConnectionResetError from None

    async def _forward(self, request: web.BaseRequest, fate: Fate) -> web.StreamResponse:
        assert self._client is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        body = self._body(request, fate) if request.can_read_body else None
        url = f"{self._upstream}{request.raw_path}"
        async with self._client.request(request.method, URL(url, encoded=True), headers=headers, data=body) as reply:
            names = {name: value for name, value in reply.headers.items() if name.lower() != "transfer-encoding"}
            answer = web.StreamResponse(status=reply.status, headers=names)
            await answer.prepare(request)
            left = fate.after if isinstance(fate, CutReply) else None
            async for piece in reply.content.iter_chunked(PIECE):
                await answer.write(piece if left is None else piece[:left])
                if left is not None:
                    left -= len(piece)
                    if left <= 0:
                        raise Cut
            await answer.write_eof()
            return answer

    async def _body(self, request: web.BaseRequest, fate: Fate) -> AsyncGenerator[bytes]:
        left = fate.after if isinstance(fate, CutRequest) else None
        async for piece in request.content.iter_chunked(PIECE):
            yield piece if left is None else piece[:left]
            if left is not None:
                left -= len(piece)
                if left <= 0:
                    raise Cut
