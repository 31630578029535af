"""A watched server seen from outside: its start, its lag, and the light load of other clients beside a request."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout

from tests.lag.meter import Lag

LIGHT = "light"
PAUSE = 0.01
FREE_PORT = 0
KEPT = 1 << 20
"""Bytes of an answer that anybody looks at; some are of gigabytes."""


@dataclass
class Watched:
    """A running server and a client of it."""

    process: Process
    session: ClientSession

    async def lag(self) -> Lag:
        """The worst beat since this was asked last."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        return Lag(**json.loads(await self.process.stdout.readline()))

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Status and the body, of which no more than ``KEPT`` is kept. Names of headers are given with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body:
            named.setdefault("Content-Type", "application/json")
        async with self.session.request(method, path, data=BytesIO(body) if body else None, headers=named) as reply:
            kept = bytearray()
            async for piece in reply.content.iter_any():
                if len(kept) < KEPT:
                    kept += piece
            return reply.status, bytes(kept)

    async def rev_of(self, path: str) -> str:
        """The winner of a document."""
        async with self.session.head(path) as reply:
            return reply.headers["ETag"].strip('"')


@asynccontextmanager
async def watched(data: Path, port: int = FREE_PORT) -> AsyncIterator[Watched]:
    """A server in a process of its own, so that no client shares its interpreter."""
    process = await create_subprocess_exec(
        sys.executable, "-m", "tests.lag.watched_server", str(data), str(port), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        async with ClientSession(url, timeout=ClientTimeout(total=600)) as session:
            yield Watched(process, session)
    finally:
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def light_load(server: Watched) -> AsyncIterator[None]:
    """GETs, PUTs and a longpoll, as of a few calm clients."""
    await server.ask("PUT", f"/{LIGHT}")
    await server.ask("PUT", f"/{LIGHT}/read", b'{"a":1}')
    tasks = [asyncio.create_task(work) for work in (_gets(server), _puts(server), _listen(server))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for one in ended:
            if isinstance(one, Exception):
                raise one


async def _gets(server: Watched) -> None:
    while True:
        status, _ = await server.ask("GET", f"/{LIGHT}/read")
        assert status == 200
        await asyncio.sleep(PAUSE)


async def _puts(server: Watched) -> None:
    for number in count():
        status, _ = await server.ask("PUT", f"/{LIGHT}/{server.process.pid}-{number}", b'{"b":[1,2,3]}')
        assert status == 201
        await asyncio.sleep(PAUSE)


async def _listen(server: Watched) -> None:
    since = "now"
    while True:
        status, body = await server.ask("GET", f"/{LIGHT}/_changes?feed=longpoll&timeout=1000&since={since}")
        assert status == 200
        since = json.loads(body)["last_seq"]
