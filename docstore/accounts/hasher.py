"""Threads that hash passwords.

Owns them, and how many may wait for them. A hash takes a quarter of a second by design, so it is never made on the
event loop, nor on the threads that read for others: many logins would keep those from their work. hashlib gives the
interpreter away while it hashes; the threads ask the system to let others go first.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from docstore.errors import Busy
from docstore.settings import AccountSettings

Result = TypeVar("Result")

NICENESS: Final = 10
"""How much less these threads weigh than the others, as nice(1) counts."""


class PasswordHasher:
    """The threads of one node; they start with the first hash."""

    def __init__(self, settings: AccountSettings) -> None:
        self._threads = settings.hash_threads or max(1, (os.cpu_count() or 1) - 1)
        self._most = self._threads + settings.max_waiting_hashes
        self._pool: ThreadPoolExecutor | None = None
        self.under_way = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """What ``work`` gives, computed on a thread. Raises Busy where too many wait already."""
        if self.under_way >= self._most:
            raise Busy("Too many logins at the moment; try again later.")
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "docstore-passwords", _give_way)
        self.under_way += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._ended)
        # who leaves takes nobody's result away: the work goes on, and counts until it has ended
        return await asyncio.shield(future)

    async def stop(self) -> None:
        """Let what runs end, and nothing else begin."""
        if self._pool is not None:
            await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
            self._pool = None

    def _ended(self, future: "asyncio.Future[Result]") -> None:
        self.under_way -= 1
        if not future.cancelled():
            future.exception()  # it is told to who waits, if somebody does


def _give_way() -> None:
    with suppress(OSError):  # a system that does not count threads as processes: then they are like any other
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
