"""Carrying out a scenario: nodes and links are started, a timetable runs in scenario time, all is compared.

    outcome = await run_scenario(load_scenario("split_brain"), seed=7)
    print(outcome.convergence)

Owns the order of what happens. It must not know how a scenario is written down nor how an outcome is shown.

Each link has its turns, every so many seconds of scenario time; the steps, scripted and random, are done at their
moments. The seed decides everything that is random. What a turn moves is decided by real sockets and may, where
several requests are under way at once, differ in its order from run to run; the nodes end the same.

After the last moment the experiment **settles**: killed nodes come back, partitions and faults end, and all links
replicate in rounds until a round moves nothing. Then all nodes should be the same.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from docstore.lab.convergence import Convergence, compare, read_state
from docstore.lab.durations import format_duration
from docstore.lab.edits import carry_out, plan
from docstore.lab.growth import Growth
from docstore.lab.links import LinkProxy
from docstore.lab.nodes import LabNode
from docstore.lab.replication_run import RunResult, replicate
from docstore.lab.scenario import (
    Attach,
    Call,
    Degrade,
    Delete,
    Expect,
    Heal,
    Kill,
    Link,
    Partition,
    Replicate,
    Resolve,
    Restart,
    Scenario,
    Step,
    Write,
)
from docstore.lab.scenario_rules import check_scenario
from docstore.lab.timeline import Event, Kind, Timeline
from docstore.lab.virtual_clock import VirtualClock, Worker

SPARE_ROUNDS: Final = 2
"""A change needs at most as many rounds as there are nodes; one round more moves nothing."""

QUALITY_WORDS: Final = {"delay": format_duration, "bandwidth": "{:g} bytes/s".format}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run. ``ended`` is a moment of scenario time, ``took`` are real seconds."""

    scenario: Scenario
    seed: int
    timeline: Timeline
    growth: Growth
    convergence: Convergence
    ended: float
    took: float

    @property
    def failed_expectations(self) -> list[Event]:
        """The ``expect`` steps that were not met."""
        return [event for event in self.timeline.of(Kind.EXPECT) if event.failed]

    @property
    def ok(self) -> bool:
        """Whether the nodes are the same in the end, where they should be, and all expectations were met."""
        return (self.convergence.converged or not self.scenario.converges) and not self.failed_expectations


async def run_scenario(
    scenario: Scenario, *, seed: int | None = None, on_event: Callable[[Event], None] | None = None
) -> Outcome:
    """Carry out a scenario. ``seed`` instead of the scenario's own; ``on_event`` is told of each event at once.

    Raises ScenarioError, and whatever a ``Call`` step raises.
    """
    started = time.perf_counter()
    async with Lab(scenario, scenario.seed if seed is None else seed, on_event) as lab:
        await lab.run()
        convergence = await lab.compare()
    took = time.perf_counter() - started
    return Outcome(scenario, lab.seed, lab.timeline, lab.growth, convergence, lab.clock.now, took)


@dataclass(slots=True)
class LabLink:
    """A link of a running experiment. ``worker`` has its turn, ``run`` is the replication under way; None without."""

    declared: Link
    proxy: LinkProxy
    near: LabNode
    far: LabNode
    worker: Worker | None = None
    run: "asyncio.Task[RunResult] | None" = None

    def touches(self, node: LabNode) -> bool:
        """Whether the node is at one of its ends."""
        return node in {self.near, self.far}


class Lab:
    """A running experiment: ``async with Lab(scenario, seed) as lab: await lab.run()``.

    ``nodes``, ``links``  by name; ``clock``, ``timeline``, ``growth`` as their classes say
    ``moved``, ``failures``  how many revisions were written by replications, and how many of those failed
    """

    def __init__(self, scenario: Scenario, seed: int, on_event: Callable[[Event], None] | None = None) -> None:
        check_scenario(scenario)
        self.scenario = scenario
        self.seed = seed
        self.clock = VirtualClock()
        self.timeline = Timeline(on_event=on_event)
        self.growth = Growth()
        self.nodes: dict[str, LabNode] = {}
        self.links: dict[str, LabLink] = {}
        self.moved = 0
        self.failures = 0
        self._tasks = asyncio.TaskGroup()
        self._sessions = Random(f"{seed}/sessions")
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="docstore-lab-")))
            for name in self.scenario.nodes:
                node = self.nodes[name] = LabNode(name, folder)
                stack.push_async_callback(node.stop)
                await node.start()
            for link in self.scenario.links:
                await stack.enter_async_context(self._open_link(link).proxy)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    # --- the timetable

    async def run(self) -> None:
        """All turns and steps, and the rounds that settle."""
        end = self.scenario.end
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._start(partial(self._script, plan(self.scenario, self.seed)))
                for link in self.links.values():
                    self._start(partial(self._turns, link, end=end))
                await self.clock.run()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        self.clock.now = max(self.clock.now, end)
        await self._settle()

    async def perform(self, step: Step) -> None:
        """Do a step now, whatever its moment: for ``Call`` steps."""
        match step:
            case Write() | Delete() | Attach() | Resolve():
                await self._edit(step)
            case Partition() | Degrade() | Heal():
                for name in self.scenario.link_names(step.links):
                    self._change_link(self.links[name], step)
            case Kill():
                await self._kill(self.nodes[step.node])
            case Restart():
                await self._restart(self.nodes[step.node])
            case Replicate():
                for name in self.scenario.link_names(step.links):
                    self._start(partial(self._turn, self.links[name]))
            case Expect():
                await self._expect(step)
            case Call():
                await step.action(self)

    async def compare(self, nodes: Collection[LabNode] | None = None) -> Convergence:
        """Whether nodes are the same now; all of them unless some are named."""
        chosen = self.nodes.values() if nodes is None else nodes
        return compare({node.name: await read_state(node.database) for node in chosen})

    def _start(self, work: Callable[[Worker], Coroutine[None, None, None]]) -> None:
        """Somebody more works; from this moment on, not only from the first turn of its task."""
        worker = self.clock.worker()

        async def until_done() -> None:
            try:
                await work(worker)
            finally:
                worker.done()

        self._tasks.create_task(until_done())

    async def _script(self, steps: Iterable[Step], worker: Worker) -> None:
        for step in steps:
            await worker.sleep_until(step.at)
            await self.perform(step)

    async def _turns(self, link: LabLink, worker: Worker, *, end: float) -> None:
        every, number = link.declared.every, 1
        while every * number <= end:
            await worker.sleep_until(every * number)
            await self._turn(link, worker)
            number = max(number, int(self.clock.now / every)) + 1  # turns that a long one ran over are left out

    # --- links

    def _open_link(self, declared: Link) -> LabLink:
        near = self.nodes[declared.driver]
        far = self.nodes[next(end for end in declared.ends if end != declared.driver)]

        def fault(kind: Kind, what: str) -> None:
            self._add(kind, f"{kind}: {what}", link=declared.name)

        proxy = LinkProxy(
            declared.name,
            lambda: far.port if near.running else None,
            declared.quality,
            seed=self.seed,
            on_fault=fault,
        )
        link = self.links[declared.name] = LabLink(declared, proxy, near, far)
        return link

    async def _turn(self, link: LabLink, worker: Worker) -> None:
        """Replicate over a link, each way that it has; nothing if that is under way, or its driver is down."""
        if link.worker is not None:
            return
        link.worker = link.proxy.worker = worker
        try:
            for source, target in link.declared.directions():
                if link.near.running:
                    await self._replicate(link, self.nodes[source], self.nodes[target], worker)
        finally:
            await link.proxy.disconnect()
            link.worker = link.proxy.worker = None

    async def _replicate(self, link: LabLink, source: LabNode, target: LabNode, worker: Worker) -> None:
        began = self.clock.now
        work = replicate(
            source,
            target,
            link.near,
            link.proxy.url,
            random=self._sessions,
            clock=lambda: self.clock.now,
            pause=worker.pause,
            on_progress=lambda: self._look(target, f"from {source.name}"),
        )
        link.run = asyncio.create_task(work)
        try:
            result = await link.run
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            result = RunResult(failure=f"{link.near.name} was killed")
        finally:
            link.run = None
        self._look(target, f"from {source.name}")
        self.moved += result.written
        self.failures += bool(result.failure)
        refused = f", {result.refused} refused" if result.refused else ""
        self._add(
            Kind.REPLICATION,
            result.failure or f"{result.written} {'revision' if result.written == 1 else 'revisions'}{refused}",
            node=source.name,
            target=target.name,
            link=link.declared.name,
            since=began,
            written=result.written,
            failed=bool(result.failure or result.refused),
        )

    def _change_link(self, link: LabLink, step: Partition | Degrade | Heal) -> None:
        proxy, name = link.proxy, link.declared.name
        match step:
            case Partition():
                proxy.partitioned = True
                self._add(Kind.PARTITION, "partitioned", link=name)
            case Degrade():
                proxy.quality = step.applied_to(proxy.quality)
                self._add(Kind.DEGRADE, _quality_text(step.changes()), link=name)
            case Heal():
                proxy.partitioned = False
                proxy.quality = link.declared.quality
                self._add(Kind.HEAL, "healed", link=name)

    # --- nodes

    async def _edit(self, step: Write | Delete | Attach | Resolve) -> None:
        node = self.nodes[step.node]
        if not node.running:
            self._add(Kind.REFUSED, f"{step.verb} {step.doc}: the node is down", node=step.node, doc=step.doc)
            return
        event = replace(await carry_out(node.database, step), at=self.clock.now)
        self.timeline.add(event)
        self._look(node, event.text)

    async def _kill(self, node: LabNode) -> None:
        if not node.running:
            return
        for link in self.links.values():
            if link.touches(node):
                link.proxy.break_connections()
            if link.near is node and link.run is not None:
                link.run.cancel()
        await node.kill()  # before it waits for anything it has taken what the restart will find
        self._add(Kind.KILL, "killed", node=node.name)

    async def _restart(self, node: LabNode) -> None:
        if not node.running:
            await node.start()
            self._add(Kind.RESTART, "restarted", node=node.name)

    # --- looking

    async def _expect(self, step: Expect) -> None:
        running = [node for node in self.nodes.values() if node.running]
        found = await self.compare(running)
        if found.converged is step.same:
            self._add(Kind.EXPECT, f"the nodes are {'the same' if step.same else 'not the same'}, as expected")
        else:
            self._add(Kind.EXPECT, f"not as expected: {found}", failed=True)

    def _look(self, node: LabNode, cause: str) -> None:
        if not node.running:
            return
        for doc, appeared, leaves in self.growth.look(node.name, node.database, self.clock.now, cause):
            if appeared:
                self._add(Kind.CONFLICT, f"{doc} has a conflict: {leaves} live leaves", node=node.name, doc=doc)
            else:
                self._add(Kind.RESOLVED, f"{doc} has no conflict any more", node=node.name, doc=doc)

    def _add(self, kind: Kind, text: str, **details: Any) -> None:
        self.timeline.add(Event(self.clock.now, kind, text, **details))

    # --- the end

    async def _settle(self) -> None:
        self._add(Kind.SETTLE, "the end: everything heals, and all links replicate until nothing moves any more")
        for node in self.nodes.values():
            await self._restart(node)
        for link in self.links.values():
            link.proxy.partitioned = False
            link.proxy.quality = replace(link.declared.quality, lose=0.0, cut=0.0, duplicate=0.0)
        for number in range(1, len(self.nodes) + SPARE_ROUNDS + 1):
            moved, failures = self.moved, self.failures
            for name in self.links:
                async with asyncio.TaskGroup() as self._tasks:
                    self._start(partial(self._turn, self.links[name]))
                    await self.clock.run()
            if (moved, failures) == (self.moved, self.failures):
                self._add(Kind.SETTLE, f"nothing moved in round {number}")
                break


def _quality_text(changes: Mapping[str, float]) -> str:
    parts = [f"{name} {QUALITY_WORDS.get(name, '{:g}'.format)(value)}" for name, value in changes.items()]
    return ", ".join(parts) or "unchanged"
