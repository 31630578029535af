"""The attempts that are left for something that may fail for a while.

Owns the counting and the waiting; how long is ``retry.py``'s.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeAlias

from docstore.errors import DocstoreError
from docstore.replication.retry import backoff

Sleep: TypeAlias = Callable[[float], Awaitable[None]]
"""Waits for seconds."""


class Patience:
    """So many attempts after the first one."""

    def __init__(self, retries: int, random: Random | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self._retries = retries
        self._random = random or Random()
        self._sleep = sleep
        self._waits = backoff(self._random, retries)

    async def again(self, error: DocstoreError) -> None:
        """Wait before the next attempt; raise the error if there is none left."""
        wait = next(self._waits, None)
        if wait is None:
            raise error
        await self._sleep(wait)

    def progressed(self) -> None:
        """Something was had of it: as many attempts as at the beginning."""
        self._waits = backoff(self._random, self._retries)
