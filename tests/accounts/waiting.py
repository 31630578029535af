"""Waiting for what comes of itself."""

import asyncio
from itertools import count


async def eventually(look):
    """What ``look`` gives once it is something."""
    async with asyncio.timeout(20):
        for _ in count():
            if found := await look():
                return found
            await asyncio.sleep(0.01)
    return None
