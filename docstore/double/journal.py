"""What a server was asked, and what became of it: the last requests, kept for tests that look back.

    server.journal.assert_requests(1, method="PUT", database="films")

Owns the ring and its bounds, what is left out (credentials), and the questions. It must not know how a request is
answered. What is asked by is as in a rule's match, and ``status`` and ``rule``. Tests ask from their own thread.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from docstore.core.json_text import encode
from docstore.double.entries import Entry
from docstore.double.explaining import Question, explain
from docstore.double.facts import Facts
from docstore.double.har import har

MAX_ENTRIES: Final = 10_000
MAX_BYTES: Final = 32 * 1024 * 1024
"""Of the bodies, and of unusual heads, that are kept; the oldest requests go first."""
MAX_BODY: Final = 64 * 1024
"""Of a body that are kept."""
PATIENCE: Final = 5.0


class Journal:
    """The requests of one server, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._number = 0
        self._changed = threading.Condition()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def begin(self, facts: Facts) -> Entry:
        """A request has come."""
        with self._changed:
            self._number += 1
            entry = Entry(self._number, facts)
            self._entries.append(entry)
            if len(self._entries) > MAX_ENTRIES:
                self._drop()
            self._tell()
        return entry

    def end(self, entry: Entry) -> None:
        """It is answered, or was not."""
        with self._changed:
            entry.close()
            if not entry.is_forgotten:
                entry.counted = entry.kept_bytes
                self._bytes += entry.counted
            while self._bytes > MAX_BYTES and len(self._entries) > 1:
                self._drop()
            self._tell()

    def _drop(self) -> None:
        oldest = self._entries.popleft()
        self._bytes -= oldest.counted
        oldest.is_forgotten = True

    def _tell(self) -> None:
        self._changed.notify_all()
        for loop, event in self._waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def clear(self) -> None:
        """Forget all."""
        with self._changed:
            while self._entries:
                self._drop()

    def __iter__(self) -> Iterator[Entry]:
        with self._changed:
            return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def requests(self, /, **match: Any) -> list[Entry]:
        """Those that match. Raises InvalidRule, a ValueError, for what cannot be asked by."""
        question = Question(match)
        return [entry for entry in self if question.holds(entry)]

    def assert_requests(
        self,
        count: int | None = None,
        *,
        at_least: int | None = None,
        at_most: int | None = None,
        growing_gaps: bool = False,
        **match: Any,
    ) -> list[Entry]:
        """Those that match, if there are as many as was said (without a number: at least one).

        ``growing_gaps``: and there are two at least, each later after the one before it than that had been. Raises
        AssertionError, which tells what came instead and in what it differs; InvalidRule as ``requests``.
        """
        question = Question(match)
        entries = list(self)
        found = [entry for entry in entries if question.holds(entry)]
        if count is None and at_least is None and at_most is None:
            at_least = 1
        wanted = [
            (count is None or len(found) == count, f"exactly {count}"),
            (at_least is None or len(found) >= at_least, f"at least {at_least}"),
            (at_most is None or len(found) <= at_most, f"at most {at_most}"),
        ]
        for holds, words in wanted:
            if not holds:
                raise AssertionError(explain(question, entries, found, words))
        gaps = gaps_of(found)
        if growing_gaps and (not gaps or any(after <= before for before, after in pairwise(gaps))):
            told = ", ".join(f"{gap:.3f} s" for gap in gaps) or "none"
            raise AssertionError(explain(question, entries, found, f"gaps that grow (they are: {told})"))
        return found

    def wait(self, count: int = 1, *, within: float = PATIENCE, **match: Any) -> list[Entry]:
        """Wait, in a thread that is not the server's, until so many match. Raises AssertionError after ``within``
        seconds.
        """
        question = Question(match)
        deadline = time.monotonic() + within
        with self._changed:
            while True:
                found = [entry for entry in self._entries if question.holds(entry)]
                if len(found) >= count:
                    return found
                if not self._changed.wait(deadline - time.monotonic()):
                    raise AssertionError(explain(question, list(self._entries), found, f"at least {count} in time"))

    async def arrived(self, count: int = 1, *, within: float = PATIENCE, **match: Any) -> list[Entry]:
        """As ``wait``, on an event loop."""
        question = Question(match)
        event = asyncio.Event()
        waiting = (asyncio.get_running_loop(), event)
        with self._changed:
            self._waiting.add(waiting)
        try:
            async with asyncio.timeout(within):
                while len(found := [entry for entry in self if question.holds(entry)]) < count:
                    await event.wait()
                    event.clear()
        except TimeoutError:
            entries = list(self)
            found = [entry for entry in entries if question.holds(entry)]
            raise AssertionError(explain(question, entries, found, f"at least {count} in time")) from None
        finally:
            with self._changed:
                self._waiting.discard(waiting)
        return found

    def har(self, entries: Sequence[Entry] | None = None) -> dict[str, Any]:
        """All of it, or some requests, as HAR 1.2, which browsers and other tools show."""
        return har(list(self) if entries is None else entries)

    def save_har(self, path: str | Path) -> None:
        """Write it into a file as HAR 1.2."""
        Path(path).write_bytes(encode(self.har()))


def gaps_of(entries: list[Entry]) -> list[float]:
    """The seconds between requests and those after them."""
    return [after.started - before.started for before, after in pairwise(entries)]
