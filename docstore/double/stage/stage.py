"""A server's stage: snapshots of its state, its clock, the loading of data, and how it is cleared for the next test.

Owns these together, for those on the server's own event loop; ``docstore.testing`` has them for other threads, and
``paths.py`` over HTTP.
"""

import asyncio
from pathlib import Path
from typing import Final

from docstore.core.json_text import JsonValue
from docstore.double.double import Double
from docstore.double.stage import loading
from docstore.double.stage.clock import MovableClock
from docstore.double.stage.loading import Loaded
from docstore.double.stage.snapshots import Snapshot, Snapshots
from docstore.errors import DocstoreError
from docstore.node import Node

BEGINNING: Final = "beginning"
"""The snapshot of the server as it was when it began, to which ``reset`` goes back."""


class Stage:
    """See the module."""

    def __init__(self, node: Node, clock: MovableClock, double: Double) -> None:
        self.clock = clock
        self.snapshots = Snapshots(node)
        self._node = node
        self._double = double
        self._expiring: asyncio.Task[None] | None = None
        self._again = False

    async def begin(self) -> None:
        """The server runs."""
        self.clock.attach(asyncio.get_running_loop(), self._moved)
        await self.snapshots.take(BEGINNING)

    def end(self) -> None:
        """The server stops."""
        self.clock.detach()
        if self._expiring is not None:
            self._expiring.cancel()

    async def snapshot(self, name: str | None = None) -> Snapshot:
        """Keep the present state. Raises TooLarge, Unavailable."""
        return await self.snapshots.take(name)

    async def restore(self, snapshot: Snapshot | str | Path) -> None:
        """Go back to a state that was kept, or to that of a file. Raises NotFound, BadRequest, OSError."""
        if isinstance(snapshot, Path):
            packed = await asyncio.to_thread(snapshot.read_bytes)
            snapshot = self.snapshots.unpack(packed, snapshot.name)
        await self.snapshots.restore(snapshot.name if isinstance(snapshot, Snapshot) else snapshot)

    async def load(self, database: str, source: Path | JsonValue) -> Loaded:
        """Put data into a database: documents, or those of a file, a folder or a backup. Raises BadFixture, OSError."""
        return await loading.load(self._node, database, source)

    async def reset(self) -> None:
        """No faults, nothing in the journal, the machine's time, and the data of the beginning."""
        self._double.faults.clear()
        self.clock.reset()
        await self.restore(BEGINNING)
        self._double.journal.clear()

    def _moved(self) -> None:
        """The clock was moved: let go what has expired by it, though what is asked for looks at the clock itself."""
        self._again = True
        if self._expiring is None:
            self._expiring = asyncio.get_running_loop().create_task(self._expire(), name="expiry by a moved clock")

    async def _expire(self) -> None:
        try:
            while self._again:
                self._again = False
                await self._node.expire()
        except DocstoreError:
            pass  # a full disk, or the server stops: it is done again by itself
        finally:
            self._expiring = None
