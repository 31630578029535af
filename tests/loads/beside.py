"""Another client, who asks all the while, and what the server takes meanwhile.

Owns the measure: how long each of many small requests took, beside whatever a test does to the server.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import aiohttp

from docstore.settings import MIB

PAUSE = 0.01
"""Seconds between two requests of the other client."""


@dataclass
class Noticed:
    """What the other client saw. ``took`` in seconds, ``memory`` in bytes that are the process's alone."""

    took: list[float] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    memory: int = 0

    @property
    def p99(self) -> float:
        """The time that 99 of 100 requests took at most."""
        return sorted(self.took)[int(len(self.took) * 0.99)]


def own_memory(pid: int) -> int:
    """Bytes of a process that no file stands behind (``RssAnon``)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the process has no memory of its own")


@asynccontextmanager
async def another_client(
    url: str, pid: int, headers: Mapping[str, str] | None = None, *, least: int = 1
) -> AsyncIterator[Noticed]:
    """While the block runs, and until there are ``least`` answers, somebody reads a document again and again."""
    noticed = Noticed()

    async def ask() -> None:
        async with aiohttp.ClientSession(headers=headers) as session:
            while True:
                begun = perf_counter()
                async with session.get(url) as reply:
                    await reply.read()
                noticed.took.append(perf_counter() - begun)
                noticed.statuses.add(reply.status)
                if len(noticed.took) >= least:
                    answered.set()
                noticed.memory = max(noticed.memory, own_memory(pid))
                await asyncio.sleep(PAUSE)

    answered = asyncio.Event()
    asking, once = asyncio.create_task(ask()), asyncio.create_task(answered.wait())
    try:
        yield noticed
        await asyncio.wait([asking, once], return_when=asyncio.FIRST_COMPLETED)
    finally:
        asking.cancel()
        once.cancel()
        await asyncio.gather(asking, once, return_exceptions=True)
    assert noticed.statuses == {200}


def hold(noticed: Noticed, *, p99: float, memory: int = 300 * MIB) -> None:
    """Fails where others waited longer, or the server took more memory."""
    assert noticed.p99 < p99, f"p99 is {noticed.p99 * 1000:.1f} ms of {len(noticed.took)} requests"
    assert noticed.memory < memory, f"RssAnon is {noticed.memory / MIB:.0f} MiB"
