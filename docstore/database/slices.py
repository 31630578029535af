"""Long reads in slices: a millisecond of work, then the event loop's turn.

Owns the length of a slice and the renewal of a reader's snapshot between slices. It must not know what is read.
"""

from asyncio import sleep
from collections.abc import Callable
from time import monotonic, perf_counter
from types import TracebackType
from typing import Final, Protocol, Self

from docstore.storage.engine.transactions import Snapshot

SLICE_SECONDS: Final = 0.001
SLICE_BYTES: Final = 256 * 1024
"""Bytes of rows after which a slice ends early, so that large documents do not pile up."""

CHUNK_ROWS: Final = 64
"""Rows between two looks at the clock."""


class SliceClock:
    """Tells when a slice is over; made at its beginning."""

    __slots__ = ("_end",)

    def __init__(self) -> None:
        self._end = perf_counter() + SLICE_SECONDS

    @property
    def over(self) -> bool:
        """Whether it is time to let others work."""
        return perf_counter() >= self._end


class Opens(Protocol):
    """What opens snapshots: an ``Environment``, or the file of indexes."""

    @property
    def long_snapshot(self) -> Callable[[], Snapshot]:
        """Opens that of a reader in slices."""


class LongSnapshot:
    """The snapshot of a reader that works in slices; a context manager.

    ``renew`` before each slice: when it returns True, ``current`` is another snapshot, and all that was begun on the
    last one has ended. ``lend`` before a slice is handed to somebody who may take his time, ``turn`` to let others
    work: in between the snapshot may be ended, so that nothing is held while a client is waited for.
    """

    __slots__ = ("_environment", "current")

    def __init__(self, environment: Opens) -> None:
        self._environment = environment
        self.current: Snapshot = environment.long_snapshot()

    def renew(self) -> bool:
        """Open a new snapshot if the present one has expired; whether it had. Raises Unavailable."""
        if not self.current.expired:
            self.current.idle_since = None
            return False
        self.current.close()
        self.current = self._environment.long_snapshot()
        return True

    def lend(self) -> None:
        """A slice is about to be handed on; nothing is read before ``renew``."""
        self.current.idle_since = monotonic()
        self.current.lent = True

    async def turn(self) -> None:
        """Let others work; nothing is read before ``renew``."""
        self.current.idle_since = monotonic()
        self.current.lent = False
        await sleep(0)

    def close(self) -> None:
        """Give the snapshot back."""
        self.current.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
