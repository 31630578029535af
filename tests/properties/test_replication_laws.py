"""Whatever histories two databases have: after a replication, however often cut short, one has what the other has.

The same laws hold on the direct way between databases of one store and where documents travel as text.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import count
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docstore.node import Node
from docstore.replication.checkpoint import CheckpointFailed
from docstore.replication.errors import PeerUnreachable
from docstore.replication.local.peer import LocalPeer
from docstore.replication.options import Endpoint, ReplicationOptions
from docstore.replication.peer import FetchedDoc, MissingDoc, Peer, Wanted
from docstore.replication.replicator import Replicator
from tests.database.helpers import settings as node_settings
from tests.replication.memory_peer import FaultyPeer
from tests.replication.stores import History, Step, contents, steps
from tests.storage_findings import storage_findings

ID = "0123456789abcdef0123456789abcdef"
FAULTS_IN_A_ROW = 12
"""After so many runs that were cut short, one is let through."""

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
many = settings(few, max_examples=1000)
names = count()


class ByText(FaultyPeer):
    """A source whose documents have no short cut to the target."""

    async def fetch(self, wanted: Sequence[Wanted]) -> AsyncGenerator[FetchedDoc | MissingDoc]:
        async for doc in super().fetch(wanted):
            yield as_text(doc)


def as_text(doc: FetchedDoc | MissingDoc) -> FetchedDoc | MissingDoc:
    """The document without its short cut."""
    if isinstance(doc, MissingDoc):
        return doc

    async def complete() -> FetchedDoc | MissingDoc:
        assert doc.complete is not None
        return as_text(await doc.complete())

    attachments = doc.attachments
    return FetchedDoc(doc.id, doc.rev, doc.deleted, doc.text, attachments=attachments, bulk=doc.bulk, complete=complete)


@pytest.fixture(scope="module")
def loop_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Node]]:
    with asyncio.Runner() as runner:
        node = Node(node_settings(Path(tmp_path_factory.mktemp("laws")) / "data"))
        runner.run(node.start())
        try:
            yield runner, node
            assert storage_findings(node) == []
        finally:
            runner.run(node.stop())


def replicator(source: Peer, target: Peer, **options: object) -> Replicator:
    return Replicator(
        source,
        target,
        ReplicationOptions(Endpoint("a"), Endpoint("b"), **options),
        replication_id=ID,
        clock=lambda: 0.0,
        new_session_id=lambda: f"session{next(names)}",
        wait=lambda seconds: asyncio.sleep(0),
    )


class Pair:
    """Two new databases of a node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def __aenter__(self) -> "Pair":
        registry = self._node.registry
        self.a, self.b = [await registry.create(f"laws{next(names)}") for _ in range(2)]
        return self

    async def __aexit__(self, *error: object) -> None:
        for database in (self.a, self.b):
            await self._node.registry.delete(database.name)

    def peers(self, by_text: bool) -> tuple[Peer, Peer]:
        source, target = (LocalPeer(self._node.registry, database.name) for database in (self.a, self.b))
        return ByText(source, no_fault) if by_text else source, target


def no_fault(method: str, moment: str) -> None:
    """Nothing fails."""


def the_target_has_what_the_source_has(
    loop_node: tuple[asyncio.Runner, Node], history: list[Step], there: int, batch: int, by_text: bool
) -> None:
    """``there``: so many steps of the same history are in the target already."""

    async def law(node: Node) -> None:
        async with Pair(node) as pair:
            for database, own in ((pair.a, history), (pair.b, history[:there])):
                writer = History(stemmed=there == 0)
                for step in own:
                    await writer.write(database, step)
            source, target = pair.peers(by_text)
            summary = await replicator(source, target, worker_batch_size=batch).run()
            assert await contents(pair.b) == await contents(pair.a)
            assert summary.statistics.doc_write_failures == 0
            again = await replicator(source, target).run()
            assert again.no_changes

    runner, node = loop_node
    runner.run(law(node))


def both_ways_two_databases_become_one(
    loop_node: tuple[asyncio.Runner, Node], history: list[Step], chooser: Random, by_text: bool
) -> None:
    """Each step of a history happened in one of two databases, or in both."""

    async def law(node: Node) -> None:
        async with Pair(node) as pair:
            writers = History(), History()
            for step in history:
                chosen = chooser.choice([(True, False), (False, True), (True, True)])
                for writer, database, happens in zip(writers, (pair.a, pair.b), chosen, strict=True):
                    await writer.write(database if happens else None, step)
            source, target = pair.peers(by_text)
            await replicator(source, target).run()
            await replicator(target, source).run()
            assert await contents(pair.b) == await contents(pair.a)

    runner, node = loop_node
    runner.run(law(node))


class Cuts:
    """Faults at random places: the connection breaks, or the run is cancelled."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.run: asyncio.Task[object] | None = None
        self.rate = 0.0

    def __call__(self, method: str, moment: str) -> None:
        if self._random.random() < self.rate:
            if self._random.random() < 0.3 and self.run is not None:
                self.run.cancel()
            else:
                raise PeerUnreachable(f"cut {moment} {method}")


def nothing_is_lost_by_cutting_it_short(
    loop_node: tuple[asyncio.Runner, Node], history: list[Step], more: list[Step], seed: int, by_text: bool
) -> None:
    """``more`` is written while runs are cut short again and again."""

    async def law(node: Node) -> None:
        random = Random(seed)
        cuts = Cuts(random)
        async with Pair(node) as pair:
            writer = History()
            for step in history:
                await writer.write(pair.a, step)
            source, target = pair.peers(by_text)
            source, target = FaultyPeer(source, cuts), FaultyPeer(target, cuts)
            waiting = list(more)
            cancelled = False
            for attempt in range(FAULTS_IN_A_ROW + 1):
                cuts.rate = random.choice([0.02, 0.1, 0.3]) if attempt < FAULTS_IN_A_ROW else 0.0
                options = {"worker_batch_size": random.choice([1, 3]), "checkpoint_interval": 0.0}
                cuts.run = asyncio.create_task(replicator(source, target, **options).run())
                while waiting and not cuts.run.done():
                    await writer.write(pair.a, waiting.pop(0))
                [outcome] = await asyncio.gather(cuts.run, return_exceptions=True)
                if isinstance(outcome, BaseException):
                    assert is_told(outcome, after_cancelled=cancelled), outcome
                    cancelled = cancelled or isinstance(outcome, asyncio.CancelledError)
            while waiting:
                await writer.write(pair.a, waiting.pop(0))
            cuts.run = None
            await replicator(source, target).run()
            assert await contents(pair.b) == await contents(pair.a)

    runner, node = loop_node
    runner.run(law(node))


def is_told(outcome: BaseException, *, after_cancelled: bool) -> bool:
    """Whether a run that was cut short ended as it should.

    The last checkpoint of one that was cancelled may be written later, while the next run is on its way already: that
    one sees another's checkpoint in the place of what it read, and must not replace it.
    """
    if isinstance(outcome, PeerUnreachable | asyncio.CancelledError) or isinstance(outcome.__cause__, PeerUnreachable):
        return True
    return after_cancelled and isinstance(outcome, CheckpointFailed) and outcome.reason.endswith(": conflict")


one_way = given(history=steps, there=st.integers(0, 14), batch=st.sampled_from([1, 2, 500]), by_text=st.booleans())
both_ways = given(history=steps, chooser=st.randoms(use_true_random=False), by_text=st.booleans())
cut_short = given(history=steps, more=steps, seed=st.integers(0, 2**32), by_text=st.booleans())

test_one_way = few(one_way(the_target_has_what_the_source_has))
test_both_ways = few(both_ways(both_ways_two_databases_become_one))
test_cut_short = few(cut_short(nothing_is_lost_by_cutting_it_short))

test_one_way_for_long = pytest.mark.long(many(one_way(the_target_has_what_the_source_has)))
test_both_ways_for_long = pytest.mark.long(many(both_ways(both_ways_two_databases_become_one)))
test_cut_short_for_long = pytest.mark.long(many(cut_short(nothing_is_lost_by_cutting_it_short)))
