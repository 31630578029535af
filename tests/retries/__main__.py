"""``python -m tests.retries``: the table of docs/retries.md, 5,000 increments a row."""

import asyncio
from collections.abc import Mapping

from docstore.testing import run_node
from tests.retries.counting import count, prepare
from tests.retries.fault_proxy import FaultProxy
from tests.retries.strategies import HELPED, PLAIN, Strategy

INCREMENTS = 5_000
SEED = 1


async def _rows(strategies: Mapping[str, Strategy], server: str, *, plain: bool) -> None:
    for name, strategy in strategies.items():
        async with run_node() as node:
            await prepare(node.url)
            async with FaultProxy(node.url, SEED, plain=plain) as proxy:
                outcome = await count(proxy, strategy, INCREMENTS, SEED)
            counted = outcome.counted.total()
            print(f"| {server} | {name} | {counted:,} | {outcome.lost:,} | {outcome.doubled:,} |", flush=True)


async def _table() -> None:
    print("| server | client | counted | lost | counted twice |\n|---|---|---|---|---|")
    await _rows(PLAIN, "like CouchDB", plain=True)
    await _rows(HELPED, "docstore", plain=False)


asyncio.run(_table())
