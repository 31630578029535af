"""Many sequences from a seed, several at a time; what they find, in groups, each with its shortest sequence.

Owns the run: how long it lasts, which sequence comes next, the groups, and the report.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Sequence as Entries
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.wire import Answer
from tests.differential.connection import Server
from tests.differential.generator import draw_sequence
from tests.differential.known import Known
from tests.differential.playing import Found, Outcome, Pair
from tests.differential.shrinker import shrink
from tests.differential.steps import Sequence

WORKERS = 6
MOST_GROUPS_SHRUNK = 80
SHOWN_OF_A_BODY = 700
SHOWN_HEADERS = {"content-type", "etag", "location", "allow", "content-range", "set-cookie", "content-encoding"}
Tell = Callable[[str], None]
Note = Callable[[str, Found], None]
"""Takes what an entry of the list of differences caught, with the entry's name."""


def _passed_over(name: str, caught: Found) -> None:
    """What was declared is only counted."""


@dataclass
class Group:
    """Differences with one signature: how often, in which sequence first, and the shortest that was found."""

    first: int
    found: Found
    count: int = 1


@dataclass
class Report:
    """What a run came to."""

    seed: int
    requests: int = 0
    sequences: int = 0
    seconds: float = 0.0
    groups: dict[str, Group] = field(default_factory=dict)
    met: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: {self.requests} requests to each, in {self.sequences} sequences",
            f"{self.seconds:.0f} s, {self.requests / max(self.seconds, 0.001):.0f} requests a second",
            f"{len(self.groups)} kinds of undeclared differences",
            "declared differences met:",
            *(f"  {count:7}  {line}" for line, count in self.met.most_common()),
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Bounds:
    """When a run ends: after this time or so many requests, whichever comes first; None for no bound."""

    seconds: float | None = None
    requests: int | None = None

    def reached(self, report: Report, started: float) -> bool:
        if self.requests is not None and report.requests >= self.requests:
            return True
        return self.seconds is not None and time.monotonic() - started >= self.seconds


class Run:
    """One run against a peer."""

    def __init__(
        self, peer: Server, own: Server, entries: Entries[Known], seed: int, tell: Tell, note: Note = _passed_over
    ) -> None:
        self._servers = peer, own
        self._entries = entries
        self._prefix = f"differ_{secrets.token_hex(4)}_"
        self._databases = 0
        self._next = 0
        self._tell = tell
        self._note = note
        self.report = Report(seed)

    async def until(self, bounds: Bounds, workers: int = WORKERS) -> Report:
        """Play sequences from number 0 on until a bound is reached."""
        started = time.monotonic()

        async def work() -> None:
            async with Pair(*self._servers, self._entries) as pair:
                while not bounds.reached(self.report, started):
                    number, self._next = self._next, self._next + 1
                    await self.one(pair, number)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(workers):
                tasks.create_task(work())
        self.report.seconds = time.monotonic() - started
        return self.report

    async def single(self, number: int) -> Report:
        """Play the sequence of this number alone."""
        async with Pair(*self._servers, self._entries) as pair:
            await self.one(pair, number)
        return self.report

    async def one(self, pair: Pair, number: int) -> None:
        """Play a sequence; shrink what it finds that is new."""
        outcome = await self._play(pair, draw_sequence(self.report.seed, number))
        self.report.requests += outcome.requests
        self.report.sequences += 1
        for name, caught in outcome.caught:
            self.report.met[name] += 1
            self._note(name, caught)
        for found in outcome.found:
            group = self.report.groups.get(found.signature)
            if group is not None:
                group.count += 1
                continue
            self.report.groups[found.signature] = group = Group(number, found)
            if len(self.report.groups) <= MOST_GROUPS_SHRUNK:
                group.found = await self._shrunk(pair, found)
            self._tell(story(len(self.report.groups), group))

    async def _shrunk(self, pair: Pair, found: Found) -> Found:
        best = found

        async def holds(sequence: Sequence) -> bool:
            nonlocal best
            outcome = await self._play(pair, sequence)
            same = [one for one in outcome.found if one.signature == found.signature]
            if same:
                best = same[0]
            return bool(same)

        await shrink(found.sequence, holds)
        return best

    async def _play(self, pair: Pair, sequence: Sequence) -> Outcome:
        self._databases += 1
        return await pair.play(sequence, f"{self._prefix}{self._databases}")


def story(number: int, group: Group) -> str:
    """What one group is about, for people."""
    found = group.found
    lines = [
        f"=== {number}. {found.signature}",
        f"(sequence {group.first}; shrunk to {len(found.sequence)} requests)",
        *(str(request) for request in found.requests),
        str(found.difference),
        _answer("theirs", found.theirs),
        _answer("ours", found.ours),
        "",
    ]
    return "\n".join(lines)


def _answer(whose: str, answer: Answer) -> str:
    headers = "; ".join(f"{name}: {value}" for name, value in answer.headers if name.lower() in SHOWN_HEADERS)
    body: Any = answer.body[:SHOWN_OF_A_BODY].decode("utf-8", "backslashreplace").rstrip()
    return f"  {whose}: {answer.status} {headers}\n    {body}"
