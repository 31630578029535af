"""Who may work on an upload: one request at a time, the last one that came.

Owns the order of requests for one upload. It must not know what they do. A client that asks again has given up what it
asked before, though the server may not have noticed yet: so whoever comes ends what is under way, as far as it can be
ended, and waits until it has committed its last bytes. Then what it reads is true until the next one comes.
"""

import asyncio
from asyncio import Lock, Task, create_task
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


class Turn:
    """The time in which one request works on an upload."""

    def __init__(self, *, ended: bool) -> None:
        self._ended = ended
        self._task: Task[None] | None = None

    def end(self) -> None:
        """Somebody else has come."""
        self._ended = True
        if self._task is not None:
            self._task.cancel()

    async def until_ended(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do what may be cut short when somebody else comes; whether it came to its own end."""
        task = self._task = create_task(work)
        if self._ended:
            task.cancel()
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait((task,))
            raise
        finally:
            self._task = None
        if task.cancelled():
            return False
        task.result()
        return True


class _Entry:
    """An upload that is being worked on. ``waiting`` counts the requests that have come since the running one."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.running: Turn | None = None
        self.waiting = 0


class UploadQueue:
    """The requests for all uploads of one node; used on its event loop alone."""

    def __init__(self) -> None:
        self._entries: dict[bytes, _Entry] = {}

    @asynccontextmanager
    async def turn(self, uuid: bytes) -> AsyncGenerator[Turn]:
        """End what is under way for this upload and wait for its end; then it is one's own turn."""
        entry = self._entries.setdefault(uuid, _Entry())
        if entry.running is not None:
            entry.running.end()
        entry.waiting += 1
        try:
            await entry.lock.acquire()
        finally:
            entry.waiting -= 1
            self._leave(uuid, entry)
        entry.running = turn = Turn(ended=entry.waiting > 0)
        try:
            yield turn
        finally:
            entry.running = None
            entry.lock.release()
            self._leave(uuid, entry)

    def _leave(self, uuid: bytes, entry: _Entry) -> None:
        """Forget an upload that nobody works on, nor waits for."""
        if not entry.waiting and not entry.lock.locked():
            del self._entries[uuid]

    def __len__(self) -> int:
        return len(self._entries)
