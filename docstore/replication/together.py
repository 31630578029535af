"""Several things at the same time, of which the first error ends all.

Owns that rule, and how many are under way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def together(at_once: int, work: Callable[[Item], Awaitable[Result]], items: Sequence[Item]) -> list[Result]:
    """What ``work`` makes of each item, in order; ``at_once`` of them are under way.

    After an error the others are cancelled and waited for, then it is raised.
    """
    results: dict[int, Result] = {}
    left = iter(enumerate(items))

    async def take_turns() -> None:
        for place, item in left:
            results[place] = await work(item)

    tasks = [asyncio.ensure_future(take_turns()) for _ in range(min(at_once, len(items)))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [results[place] for place in range(len(items))]
