"""What the requests of one server share: its node, their memory, the users, the log of conflicts.

Owns these, and what is under way: how many handlers are at work, whether the server stops, and the tasks that no reply
waits for. It must not know what a request is.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from docstore.errors import DocstoreError
from docstore.httpd.auth import Authenticator
from docstore.httpd.certificate import Watch
from docstore.httpd.cors import Cors
from docstore.httpd.front import Front
from docstore.httpd.log_tail import TAIL
from docstore.httpd.problems.conflict_log import ConflictLog
from docstore.httpd.proxies import Proxies
from docstore.httpd.wire.memory import Memory
from docstore.httpd.wire.outbox import Outbox
from docstore.node import Node

logger = logging.getLogger(__name__)


class Service:
    """What the requests of one server share.

    ``closing`` is set once the server stops: replies then say so to their connection. ``running`` counts the handlers
    at work. ``front`` is the surface of another service, None for CouchDB's. ``describe`` makes the text of the API's
    description, ``description`` is it once somebody has asked. ``answer_again`` answers a request whose method and path
    are others than those that it came with. ``outbox`` has the replies that go out together.
    """

    def __init__(self, node: Node) -> None:
        TAIL.listen()
        self.node = node
        self.memory = Memory(node.settings.limits)
        self.authenticator = Authenticator(node.accounts, node.clock.now)
        self.cors = Cors(node.config)
        self.proxies = Proxies(node.config)
        self.conflict_log = ConflictLog(node.settings.conflict_lines)
        self.front: Front[Any, Any] | None = None
        self.describe: Callable[[], bytes] = bytes
        self.description = b""
        self.answer_again: Callable[[Any], Awaitable[Any]] | None = None
        self.certificate: Watch | None = None
        self.outbox = Outbox()
        node.registry.many_answered.add(self.outbox.gather)
        self.closing = False
        self.running = 0
        self._drained = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run something that no reply waits for; ``stop`` cancels it."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._finished)

    def ended(self) -> None:
        """A handler that was counted in ``running`` is done, while the server closes."""
        if not self.running:
            self._drained.set()

    def close(self) -> None:
        """From now on connections end with their running request."""
        self.closing = True

    async def drained(self) -> None:
        """Wait, once ``close`` was called, until no handler is at work."""
        while self.running:
            self._drained.clear()
            await self._drained.wait()

    async def stop(self) -> None:
        """Cancel what was spawned, and write what is left to be logged."""
        self.node.registry.many_answered.discard(self.outbox.gather)
        if self.front is not None:
            self.front.close()
        self.cors.close()
        self.proxies.close()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.conflict_log.close()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, DocstoreError):  # a full disk, a database that was deleted meanwhile: no defect
            logger.warning("background work ended early: %s", error)
        elif error is not None:
            logger.error("background work failed", exc_info=error)
