"""When Python collects the garbage of a server: what is young at once, everything only when little is in flight.

Owns the thresholds of the interpreter's collector, and the moment of a full collection. That one looks at every object
there is and holds the interpreter meanwhile: 70,000 of them for 25 to 40 ms (measured), and a request of 100,000
documents has several times as many. By the interpreter's own count it comes at any time, mostly during a large request,
since those are what makes it count. It must not know what requests are about.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Final

from docstore.settings import MIB

YOUNG: Final = 10_000
MIDDLE: Final = 5
"""A bulk request holds thousands of small objects for a moment. With Python's own thresholds (700, 10, 10) the garbage
collector looks at them over and over: a third of a bulk load's time, and pauses of tens of milliseconds (measured). A
middle generation of 50,000 objects pauses for some 20 ms at most; one of 200,000, which a large request fills, did for
up to 75."""
NEVER: Final = 2**31 - 1

DUE: Final = 200
"""Middle collections after which a full one is due, when calm comes."""
OVERDUE: Final = 5 * DUE
"""After so many it waits no longer."""
CALM: Final = 1 * MIB
"""Up to so many bytes are claimed by all requests together when little is in flight."""
LOOK_EVERY: Final = 0.5


def middle_collections() -> int:
    """How many collections of the middle generation there were."""
    count: int = gc.get_stats()[1]["collections"]
    return count


class FullCollections:
    """Chooses the moments. ``taken``: bytes that requests have claimed; the others stand for the interpreter's own."""

    def __init__(
        self,
        taken: Callable[[], int],
        counted: Callable[[], int] = middle_collections,
        collect: Callable[[], object] = gc.collect,
    ) -> None:
        self._taken = taken
        self._counted = counted
        self._collect = collect
        self._last = counted()

    def take_over(self) -> None:
        """Let the interpreter make no full collection of its own, and leave alone what is loaded by now: it stays."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, MIDDLE, NEVER)

    def look(self) -> None:
        """Make a full collection if one is due and it is calm, or if it cannot wait any longer."""
        since = self._counted() - self._last
        if since >= OVERDUE or (since >= DUE and self._taken() <= CALM):
            self._collect()
            self._last = self._counted()

    async def keep_looking(self) -> None:
        """Look now and then, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.look()
