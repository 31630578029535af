"""The log's lines about conflicts, written off the event loop's path.

Owns how many there are and what they say: the first few of a second as they are, the others of that second counted and
told in one line. A thread writes them, so that a slow terminal or a full pipe holds up nobody; what waits for it is a
few lines a second. It must not know what a conflict is. The counters of ``statistics.py`` count every one.

At a stop the counts of the second under way are told, and the thread is waited for: no line is lost.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Final

from docstore.httpd.wire.paths import encode_segment

logger = logging.getLogger("docstore.httpd.conflicts")

SECOND: Final = 1.0
MOST_TOLD: Final = 10
"""How many documents the line of a second names; the others are told as one number."""
MOST_COUNTED: Final = 1_000
"""How many documents are counted apart within a second."""

Key = tuple[str, str, str]
Line = Callable[[], str]


class ConflictLog:
    """The lines of one server. Made for one event loop; ``lines`` a second are written as they are."""

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self._left = lines
        self._counts: Counter[Key] = Counter()
        self._uncounted = 0
        self._timer: asyncio.TimerHandle | None = None
        self._queue: SimpleQueue[Line | None] = SimpleQueue()
        self._thread: Thread | None = None

    def wants_line(self, kind: str, database: str, doc_id: str) -> bool:
        """Whether a conflict of this kind is told by a line of its own, for ``add``; else it is counted here."""
        if self._timer is None:
            if not logger.isEnabledFor(logging.INFO):
                return False
            self._timer = asyncio.get_running_loop().call_later(SECOND, self._second_over)
        if self._left:
            return True
        key = (kind, database, doc_id)
        count = self._counts.get(key)
        if count is not None:
            self._counts[key] = count + 1
        elif len(self._counts) < MOST_COUNTED:
            self._counts[key] = 1
        else:
            self._uncounted += 1
        return False

    def add(self, line: Line) -> None:
        """A line; its text is made on the thread."""
        self._left -= 1
        self._write(line)

    async def close(self) -> None:
        """Tell what was counted, and wait until all is written."""
        if self._timer is not None:
            self._timer.cancel()
            self._second_over()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(thread.join)

    def _second_over(self) -> None:
        self._timer = None
        self._left = self._lines
        if self._counts:
            counts, uncounted = self._counts, self._uncounted
            self._counts, self._uncounted = Counter(), 0
            self._write(lambda: summary(counts, uncounted))

    def _write(self, line: Line) -> None:
        self._queue.put(line)
        if self._thread is None:
            self._thread = Thread(target=self._run, name="conflict log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            logger.info("%s", line())


def summary(counts: Counter[Key], uncounted: int = 0) -> str:
    """One line for all of them: how many, then each kind, database and document with its number, most first."""
    told = counts.most_common(MOST_TOLD)
    total = counts.total() + uncounted
    words = [f"more={total}"]
    words += [f"{'/'.join(encode_segment(part) or '-' for part in key)}={count}" for key, count in told]
    others = total - sum(count for _, count in told)
    if others:
        words.append(f"others={others}")
    return " ".join(words)
