"""A server that says what the test tells it to: for everything that a real one does only on a bad day.

    server.reply("POST", "/db/_bulk_docs", Said(413), Said(201, []))     one after the other, the last one for ever
    server.on("GET", "/db", handler)                                     anything
    server.asked                                                         every request that came

What is not said is 404.
"""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Said:
    """A reply: ``body`` is JSON unless it is bytes. ``cut``: the connection ends after so many bytes of it."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None

    @property
    def bytes(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class FakeServer:
    """See the module. ``url`` has no slash at its end."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self._said: dict[tuple[str, str], deque[Said]] = defaultdict(deque)
        self._handlers: dict[tuple[str, str], Handler] = {}

    def reply(self, method: str, path: str, *said: Said) -> None:
        self._said[method, path].extend(said)

    def on(self, method: str, path: str, handler: Handler) -> None:
        self._handlers[method, path] = handler

    def asked_for(self, method: str, path: str) -> list[Asked]:
        return [one for one in self.asked if (one.method, one.path) == (method, path)]

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = request.rel_url.raw_path
        body = await request.read()
        self.asked.append(Asked(request.method, raw, dict(request.query), request.headers.copy(), body))
        handler = self._handlers.get((request.method, raw))
        if handler is not None:
            return await handler(request, body)
        said = self._said.get((request.method, raw))
        if not said:
            return web.json_response({"error": "not_found", "reason": "missing"}, status=404)
        return await say(request, said.popleft() if len(said) > 1 else said[0])


async def say(request: web.BaseRequest, said: Said) -> web.StreamResponse:
    """Send a reply, or the beginning of it."""
    headers = {"Content-Type": "application/json", **said.headers}
    if said.cut is None:
        return web.Response(status=said.status, body=said.bytes, headers=headers)
    response = web.StreamResponse(status=said.status, headers=headers)
    response.content_length = len(said.bytes)
    await response.prepare(request)
    await response.write(said.bytes[: said.cut])
    assert request.transport is not None
    request.transport.abort()
    return response


@asynccontextmanager
async def fake_server() -> AsyncIterator[FakeServer]:
    fake = FakeServer()
    runner = web.ServerRunner(web.Server(fake.answer, handler_cancellation=True), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    fake.url = f"http://{host}:{port}"
    try:
        yield fake
    finally:
        await runner.cleanup()


async def until_the_client_leaves() -> None:
    """Say nothing; the server cancels this when the client is gone."""
    await asyncio.Event().wait()


class NoSleep:
    """Sleeps no time, and remembers how long it should have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
