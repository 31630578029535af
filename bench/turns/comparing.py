"""Two checkouts of docstore, each served from its own folder, and what is asked of them in turns.

Owns turns, medians and ratios. It must not know what is asked. A machine that slows down slows both, for rounds are
short; a ratio is the median of those of neighbouring rounds.
"""

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple, Self

from bench import servers
from bench.servers import Target


class Compared(NamedTuple):
    """What both took for the same, in the end in ``unit``; ``ratio`` is above 1 where it is better now."""

    before: float
    now: float
    ratio: float
    question: str = ""
    unit: str = ""

    @classmethod
    def of(cls, ask: Sequence[Callable[[], float]], rounds: Iterable[int]) -> Self:
        """Of two that take turns and tell their seconds, or whatever else is better the less it is."""
        seen: list[list[float]] = [[], []]
        for number in rounds:
            for place in (0, 1) if number % 2 else (1, 0):
                seen[place].append(ask[place]())
        before, now = map(median, seen)
        return cls(before, now, median(one / other for one, other in zip(*seen, strict=True)))

    def as_rates(self, question: str, unit: str, count: float) -> Self:
        """Of so many things done in those seconds."""
        return self._replace(question=question, unit=unit, before=count / self.before, now=count / self.now)

    def as_times(self, question: str, unit: str, factor: float = 1) -> Self:
        """As they are, in another unit."""
        return self._replace(question=question, unit=unit, before=factor * self.before, now=factor * self.now)

    def __str__(self) -> str:
        """A line of a Markdown table."""
        return f"| {self.question} | {self.unit} | {self.before:,.1f} | {self.now:,.1f} | {self.ratio:.2f} |"


def until(end: float) -> Iterator[int]:
    """Rounds until then, on ``time.monotonic``."""
    return itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())


def environment(checkout: Path) -> dict[str, str]:
    """That of a command of the checkout."""
    return {**os.environ, "PYTHONPATH": str(checkout)}


@contextlib.contextmanager
def served(checkout: Path, folder: Path) -> Iterator[Target]:
    """``docstore serve`` of a checkout, as a user starts it."""
    command = [sys.executable, "-m", "docstore", "serve", "--port", "0", "--data", str(folder)]
    command += ["--log-level", "warning"]
    with servers.process(command, cwd=checkout, environment=environment(checkout)) as (started, url):
        yield Target(checkout.name, url, {}, started.pid, folder)
