"""Turns of the event loop: long work beside short requests.

Owns the time that work on the loop may take before it lets others go on. Work that is cut into turns needs no thread,
and other than in a thread it never has to be given the interpreter back by force, so a request beside it waits for one
turn at most, however many such works there are: they share its length. It must not know what the work is.
"""

import asyncio
from time import perf_counter
from types import TracebackType
from typing import Self

TURN_SECONDS = 0.001


class Turns:
    """The turns of one piece of work: ``with Turns() as turns``, and ``if turns.over(): await turns.next()`` in it."""

    _working = 0

    __slots__ = ("_ends",)

    def __enter__(self) -> Self:
        Turns._working += 1
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        Turns._working -= 1

    @staticmethod
    def working() -> int:
        """How many works there are that take turns now."""
        return Turns._working

    def over(self) -> bool:
        """Whether this turn has lasted long enough."""
        return perf_counter() >= self._ends

    async def next(self) -> None:
        """Let everybody else go on, then begin the next turn."""
        await asyncio.sleep(0)
        self._begin()

    def _begin(self) -> None:
        self._ends = perf_counter() + TURN_SECONDS / Turns._working
