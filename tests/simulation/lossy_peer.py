"""A peer that the network, or a kill, fails at any moment; decided by a seed.

Each call may be lost before it arrives, or its answer on the way back; may arrive twice; may break off in the middle;
may be slow, so that others overtake it.
The fate of the n-th call of a run depends on the seed, the run and n alone.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from random import Random

from docstore.replication.errors import PeerUnreachable
from docstore.replication.peer import FetchedDoc

LOST, ANSWER_LOST, TWICE, BROKEN_OFF = "lost", "answer lost", "twice", "broken off"
SLOW = 0.2
TURNS_OF_SLOW_CALL = 150


@dataclass(frozen=True)
class Weather:
    """``badness``: the share of calls that something happens to. ``name`` is the run's."""

    name: str
    badness: float


class Run:
    """What both peers of a run share: the number of calls so far, what happened to them, and who is still alive."""

    def __init__(self, weather: Weather, is_alive: Callable[[], bool], before_call: Callable[[int], None]) -> None:
        self.weather = weather
        self.faults = []
        self._is_alive = is_alive
        self._before_call = before_call
        self._calls = 0

    async def fate(self, call: str) -> tuple[str, Random]:
        """What happens to the next call, and what else is to be drawn for it."""
        number, self._calls = self._calls, self._calls + 1
        self._before_call(number)
        random = Random(f"{self.weather.name}/{number}")
        if self.weather.badness and random.random() < SLOW:
            for _ in range(TURNS_OF_SLOW_CALL):  # others overtake it
                await asyncio.sleep(0)
        self.check()
        what = random.choice([LOST, ANSWER_LOST, TWICE, BROKEN_OFF]) if random.random() < self.weather.badness else ""
        if what:
            self.faults.append(f"{call} {what}")
        return what, random

    def check(self) -> None:
        """Nobody hears of anything that a node did after it was killed."""
        if not self._is_alive():
            raise PeerUnreachable("killed")


class LossyPeer:
    """The peer behind it, seen over a network like that."""

    def __init__(self, peer, run: Run) -> None:
        self._peer = peer
        self._run = run
        self.name = peer.name

    async def _call(self, name, *args):
        fate, _ = await self._run.fate(name)
        if fate in {LOST, BROKEN_OFF}:
            raise PeerUnreachable(fate)
        answer = await getattr(self._peer, name)(*args)
        self._run.check()
        if fate == TWICE:
            answer = await getattr(self._peer, name)(*args)
            self._run.check()
        if fate == ANSWER_LOST:
            raise PeerUnreachable(fate)
        return answer

    async def _stream(self, name, *args):
        fate, random = await self._run.fate(name)
        if fate == LOST:
            raise PeerUnreachable(fate)
        left = random.randrange(6) if fate else None
        async with aclosing(getattr(self._peer, name)(*args)) as items:
            async for item in items:
                self._run.check()
                if left is not None:
                    left -= 1
                    if left < 0:
                        raise PeerUnreachable(fate)
                yield item
        self._run.check()
        if left is not None:
            raise PeerUnreachable(fate)

    async def info(self):
        return await self._call("info")

    async def create(self, params=None):
        return await self._call("create", params)

    async def revs_diff(self, revs):
        return await self._call("revs_diff", revs)

    async def get_doc(self, doc_id):
        return await self._call("get_doc", doc_id)

    async def get_local(self, doc_id):
        return await self._call("get_local", doc_id)

    async def put_local(self, doc_id, body):
        return await self._call("put_local", doc_id, body)

    async def ensure_full_commit(self):
        return await self._call("ensure_full_commit")

    async def close(self):
        await self._peer.close()

    async def changes(self, request):
        async with aclosing(self._stream("changes", request)) as batches:
            async for batch in batches:
                yield batch

    async def fetch(self, wanted):
        async with aclosing(self._stream("fetch", wanted)) as docs:
            async for doc in docs:
                yield self._streamed(doc) if isinstance(doc, FetchedDoc) and doc.attachments else doc

    async def write(self, docs):
        fate, random = await self._run.fate("write")
        if fate == LOST:
            raise PeerUnreachable(fate)
        some = docs[: random.randrange(len(docs) + 1)] if fate == BROKEN_OFF else docs
        failures = await self._peer.write(some) if some else []
        self._run.check()
        if fate == TWICE:
            failures = await self._peer.write(docs)
            self._run.check()
        elif fate:
            raise PeerUnreachable(fate)
        return failures

    def _streamed(self, doc: FetchedDoc) -> FetchedDoc:
        """The same revision; its attachments are read over the network too."""
        attachments = tuple(replace(one, open=self._opened(one.open)) for one in doc.attachments)
        return FetchedDoc(doc.id, doc.rev, doc.deleted, doc.text, attachments=attachments, bulk=doc.bulk)

    def _opened(self, plain):
        async def pieces():
            fate, random = await self._run.fate("attachment")
            if fate == LOST:
                raise PeerUnreachable(fate)
            async with aclosing(plain()) as found:
                async for piece in found:
                    self._run.check()
                    if fate in {ANSWER_LOST, BROKEN_OFF}:
                        yield piece[: random.randrange(len(piece) + 1)]
                        raise PeerUnreachable(fate)
                    yield piece

        return pieces
