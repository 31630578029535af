"""Many clients count a few documents up through a proxy that loses what it can.

Owns the run and its outcome. What a client makes of a lost answer is a strategy (``strategies.py``).
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.retries.fault_proxy import FaultProxy
from tests.retries.strategies import Increment, Strategy

COUNTERS = 20
CLIENTS = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the clients believe to have counted, what the counters say, document by document."""

    believed: Counter[str]
    counted: Counter[str]

    @property
    def lost(self) -> int:
        """Increments that a client believes in and the counters lack."""
        return (self.believed - self.counted).total()

    @property
    def doubled(self) -> int:
        """Increments that the counters have beyond that."""
        return (self.counted - self.believed).total()


async def prepare(url: str) -> None:
    """The counters, all at zero."""
    async with aiohttp.ClientSession(url) as session:
        async with session.put("/counters") as reply:
            assert reply.status == 201
        docs = [{"_id": f"counter-{n}", "count": 0} for n in range(COUNTERS)]
        async with session.post("/counters/_bulk_docs", json={"docs": docs}) as reply:
            assert reply.status == 201


async def count(
    proxy: FaultProxy,
    strategy: Strategy,
    increments: int,
    seed: int,
    halfway: Callable[[], Awaitable[None]] | None = None,
) -> Outcome:
    """Let the clients do so many increments in all; ``halfway`` is done when half of them are.

    The counters are read when the proxy has nothing under way any more.
    """
    believed: Counter[str] = Counter()
    half = asyncio.Event()

    async def client(increment: Increment, number: int) -> None:
        choice = random.Random(seed * CLIENTS + number)
        for _ in range(increments // CLIENTS + (number < increments % CLIENTS)):
            doc_id = f"counter-{choice.randrange(COUNTERS)}"
            await increment(f"/counters/{doc_id}")
            believed[doc_id] += 1
            if believed.total() >= increments // 2:
                half.set()

    async def disturb() -> None:
        await half.wait()
        if halfway is not None:
            await halfway()

    async def work(increment: Increment) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(disturb())
            for number in range(CLIENTS):
                group.create_task(client(increment, number))

    await strategy(proxy.url, work)
    assert believed.total() == increments
    await proxy.quiet()
    return Outcome(believed, await read_counters(proxy.upstream))


async def read_counters(url: str) -> Counter[str]:
    """What the counters say."""
    async with aiohttp.ClientSession(url) as session, session.get("/counters/_all_docs?include_docs=true") as reply:
        rows: list[dict[str, Any]] = (await reply.json())["rows"]
    return Counter({row["id"]: row["doc"]["count"] for row in rows})
