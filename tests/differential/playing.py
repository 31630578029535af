"""One sequence, played on both servers in a database of its own.

Owns the playing: the database is made and deleted, each step is sent to both at the same time, and what differs is
handed out; a sequence ends where the two databases may have become different. It does not know what steps mean, but
for those after which a server works on (``_compact``) or all places are void (a deletion, or a purge: what is told of a
feed that ends with what was purged is another place), and those for which CouchDB remembers design documents: it is
asked again, since it may not have heard yet of what was written. So are all that read after a compaction, which may
begin when CouchDB has said already that none is running.
"""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import Sequence as Entries
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.wire import Answer
from tests.differential.comparing import Difference, differences
from tests.differential.connection import Connection, Server
from tests.differential.forging import forges
from tests.differential.knowledge import OURS, THEIRS, Knowledge
from tests.differential.known import Known, entry_of
from tests.differential.remarks import with_remark
from tests.differential.steps import Json, Rendered, Sequence, Step, render

READING = {
    "document.get",
    "document.head",
    "revs.diff",
    "revs.missing",
    "bulk.get",
    "listing",
    "changes",
    "server",
    "info",
    "view",
    "partition",
    "find",
    "explain",
    "index.list",
}
FUNCTIONS = {"function.show", "function.list", "function.rewrite"}
STALE = {"view", "partition", "find", "explain", "index.list", "changes"} | FUNCTIONS
"""What CouchDB may answer from a design document as it was a moment before."""

LIMITED = re.compile(r"/_changes\?(?=.*filter=).*limit=[0-9]")
"""A feed whose ``last_seq`` stands where each server stopped looking for what its filter lets through."""

TRIES_OF_A_CACHE = 10
LONGEST_WAIT_FOR_COMPACTION = 300
PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class Found:
    """A difference, with the sequence that led to it and both answers to its last step."""

    difference: Difference
    sequence: Sequence
    requests: tuple[Rendered, ...]
    theirs: Answer
    ours: Answer

    @property
    def signature(self) -> str:
        return self.difference.signature


@dataclass
class Outcome:
    """Of one sequence: how many requests were sent to each, what was found, and what entries of the list caught."""

    requests: int = 0
    found: list[Found] = field(default_factory=list)
    caught: list[tuple[str, Found]] = field(default_factory=list)


class Pair:
    """Two servers, and a connection to each. Use it for one sequence at a time."""

    def __init__(self, peer: Server, own: Server, entries: Entries[Known]) -> None:
        self._sides = (Connection(peer), Connection(own))
        self._entries = entries

    async def __aenter__(self) -> "Pair":
        return self

    async def __aexit__(self, *error: object) -> None:
        for side in self._sides:
            side.close()

    async def play(self, sequence: Sequence, database: str) -> Outcome:
        """Play a sequence in a database of this name, on both servers."""
        outcome = Outcome()
        async with AsyncExitStack() as stack:
            if sequence[0].kind != "database.create":
                await self._plain("PUT", f"/{database}?q=1")
            stack.push_async_callback(self._plain, "DELETE", f"/{database}")
            known = Knowledge(database)
            sent: list[Rendered] = []
            for number, step in enumerate(sequence):
                requests = tuple(render(step, known.symbols(side)) for side in (THEIRS, OURS))
                sent.append(requests[THEIRS])
                theirs, ours = await self._both(requests)
                outcome.requests += 1
                self._learn(known, step, requests[THEIRS], theirs)
                found = differences(step.kind, theirs, ours, known)
                if _may_be_late(sequence[: number + 1]) and not self._all_known(found, requests[THEIRS]):
                    theirs = await self._once_more(requests[THEIRS], theirs)
                    found = differences(step.kind, theirs, ours, known)
                if LIMITED.search(requests[THEIRS].target):
                    known.places.take_back()
                if not _reads(step):
                    found = [await with_remark(one, requests[THEIRS], ours, database, self._ours) for one in found]
                goes_on = self._judge(outcome, found, sequence[: number + 1], tuple(sent), theirs, ours)
                if not goes_on or forges(requests[THEIRS]):
                    break
                await self._after(known, step, theirs)
        return outcome

    def _judge(
        self,
        outcome: Outcome,
        found: list[Difference],
        sequence: Sequence,
        sent: tuple[Rendered, ...],
        theirs: Answer,
        ours: Answer,
    ) -> bool:
        """Note what differs; whether the sequence can go on."""
        step = sequence[-1]
        diverged = False
        for difference in found:
            entry = entry_of(difference, sent[-1], self._entries)
            found_here = Found(difference, sequence, sent, theirs, ours)
            if entry is not None:
                outcome.caught.append((entry.name, found_here))
                diverged = diverged or entry.diverges
            else:
                outcome.found.append(found_here)
                diverged = diverged or not _reads(step)
        return not diverged

    def _all_known(self, found: list[Difference], request: Rendered) -> bool:
        return all(entry_of(one, request, self._entries) is not None for one in found)

    async def _once_more(self, request: Rendered, before: Answer) -> Answer:
        """The peer's answer when it has had time to see what was written last; the one before if that comes again."""
        for _ in range(TRIES_OF_A_CACHE):
            await asyncio.sleep(PAUSE_SECONDS)
            answer = await self._one(THEIRS, request)
            if (answer.status, answer.body) != (before.status, before.body):
                return answer
        return before

    async def _ours(self, target: str) -> dict[str, Any]:
        answer = await self._one(OURS, Rendered("GET", target, [("Accept", "application/json")], None))
        value = json.loads(answer.body or b"{}")
        return value if isinstance(value, dict) else {}

    @staticmethod
    def _learn(known: Knowledge, step: Step, request: Rendered, theirs: Answer) -> None:
        sent: Any = None
        if isinstance(step.body, Json) and request.body is not None and theirs.status < 300:
            sent = json.loads(request.body)
        try:
            answered = json.loads(theirs.body)
        except ValueError:
            answered = None
        known.learn(sent, answered)

    async def _after(self, known: Knowledge, step: Step, theirs: Answer) -> None:
        if step.kind == "maintenance.compact" and theirs.status < 300:
            for side in range(2):
                await self._until_compacted(side, known.database)
        if step.kind in {"database.delete", "purge"} and theirs.status < 300:
            known.places.forget()
        if step.kind == "database.delete" and theirs.status < 300:
            known.purges.forget()

    async def _until_compacted(self, side: int, database: str) -> None:
        for _ in range(LONGEST_WAIT_FOR_COMPACTION):
            answer = await self._one(side, Rendered("GET", f"/{database}", [], None))
            if answer.status != 200 or not json.loads(answer.body).get("compact_running"):
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _plain(self, method: str, target: str) -> None:
        request = Rendered(method, target, [], None)
        await self._both((request, request))

    async def _both(self, requests: tuple[Rendered, ...]) -> tuple[Answer, Answer]:
        theirs, ours = await asyncio.gather(*(self._one(side, request) for side, request in enumerate(requests)))
        return theirs, ours

    async def _one(self, side: int, request: Rendered) -> Answer:
        connection = self._sides[side]
        server = connection.server
        login = b64encode(f"{server.user}:{server.password}".encode()).decode()
        return await connection.exchange(request.method, request.wire(server.name, f"Basic {login}"))


def _may_be_late(sequence: Sequence) -> bool:
    """Whether CouchDB may answer the last step as it would have a moment before."""
    *before, step = sequence
    return step.kind in STALE or (_reads(step) and any(one.kind == "maintenance.compact" for one in before))


def _reads(step: Step) -> bool:
    """Whether the databases are the same after the step whatever was answered."""
    return step.method in {"GET", "HEAD"} or step.kind in READING
