"""Small scenarios, each for one thing that a run does."""

import pytest

from docstore.database.reading.documents import OpenOptions
from docstore.errors import Conflict
from docstore.lab.runner import run_scenario
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
    Quality,
    RandomEdits,
    Replicate,
    Resolve,
    Restart,
    Scenario,
    Write,
)
from docstore.lab.scenario_rules import ScenarioError
from docstore.lab.timeline import FAULTS, Kind

NEVER = 10_000.0
LINK = Link(("a", "b"), every=NEVER)
ALL = ("all",)


def scenario(*steps, links=(LINK,), nodes=("a", "b"), **more):
    return Scenario("x", nodes, links, steps, **more)


def calling(at, action):
    async def act(lab):
        action(lab)

    return Call(at, act)


def runs(outcome):
    return [(event.node, event.target, event.written) for event in outcome.timeline.of(Kind.REPLICATION)]


async def test_both_ways_the_driver_pushes_first():
    steps = (Write(1, "a", "d", {"n": 1}), Write(1, "b", "e", {"n": 2}), Replicate(5, ALL), Expect(6, True))
    outcome = await run_scenario(scenario(*steps))
    assert outcome.ok
    assert runs(outcome)[:2] == [("a", "b", 1), ("b", "a", 1)]
    outcome = await run_scenario(scenario(*steps, links=(Link(("a", "b"), every=NEVER, driver="b"),)))
    assert runs(outcome)[:2] == [("b", "a", 1), ("a", "b", 1)]


async def test_a_one_way_link_brings_nothing_back():
    links = (Link(("a", "b"), one_way=True, every=NEVER),)
    steps = (Write(1, "a", "d", {}), Write(1, "b", "e", {}), Replicate(5, ALL), Expect(6, False))
    outcome = await run_scenario(scenario(*steps, links=links, converges=False))
    assert outcome.ok
    assert not outcome.convergence.converged
    assert {run[:2] for run in runs(outcome)} == {("a", "b")}
    assert [difference.doc for difference in outcome.convergence.differences] == ["e"]


async def test_turns_come_every_so_often():
    outcome = await run_scenario(
        scenario(links=(Link(("a", "b"), every=10, one_way=True), Link(("b", "a"), every=NEVER)), duration=35)
    )
    assert [event.since for event in outcome.timeline.of(Kind.REPLICATION) if event.link == "a-b"][:3] == [10, 20, 30]
    assert outcome.ended == 35


async def test_turns_shorter_than_a_second_come_once_each():
    outcome = await run_scenario(scenario(links=(Link(("a", "b"), every=0.1),), duration=0.55))
    pushes = [event.since for event in outcome.timeline.of(Kind.REPLICATION) if event.node == "a"]
    assert pushes[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert pushes[5:] == [0.55]


async def test_slow_links_take_scenario_time_and_no_other():
    links = (Link(("a", "b"), every=60, quality=Quality(delay=100)),)
    outcome = await run_scenario(scenario(Write(1, "a", "d", {}), links=links, duration=3_000))
    first, second = outcome.timeline.of(Kind.REPLICATION)[:2]
    assert first.since == 60
    assert first.at - first.since > 1_000, "several requests, each of which goes there and back"
    assert second.since == first.at, "it pulls when it has pushed"
    assert outcome.took < 20


async def test_a_partition_keeps_nodes_apart_until_it_is_healed():
    steps = (
        Partition(1, ALL),
        Write(2, "a", "d", {}),
        Replicate(3, ALL),
        Expect(4, False),
        Heal(5, ALL),
        Replicate(6, ALL),
        Expect(7, True),
    )
    outcome = await run_scenario(scenario(*steps))
    assert outcome.ok
    failed = [event for event in outcome.timeline.of(Kind.REPLICATION) if event.failed]
    assert [event.since for event in failed] == [3, 3]
    assert all("127.0.0.1" not in event.text for event in failed), "a port says nothing, and is another one each time"


async def test_an_expectation_that_is_not_met_fails_the_run():
    outcome = await run_scenario(scenario(Write(1, "a", "d", {}), Expect(2, True)))
    assert outcome.convergence.converged
    assert not outcome.ok
    [event] = outcome.failed_expectations
    assert event.text.startswith("not as expected: 1 of 1 documents are not the same")


async def test_edits_of_all_kinds_reach_the_other_node():
    def conflicts(lab):
        found = lab.nodes["b"].database.open_doc("d", OpenOptions(conflicts=True))
        assert b"_conflicts" in found.json

    steps = (
        Write(1, "a", "d", {"n": 1}),
        Write(1, "b", "d", {"n": 2}),
        Write(1, "a", "gone", {}),
        Attach(1, "a", "file", "f", b"x" * 200_000, "image/png"),
        Delete(2, "a", "gone"),
        Replicate(3, ALL),
        calling(4, conflicts),
        Resolve(5, "b", "d"),
    )
    outcome = await run_scenario(scenario(*steps))
    assert outcome.ok
    assert (outcome.convergence.documents, outcome.convergence.conflicted) == (3, ())
    assert outcome.growth.conflicted() == ["d"]
    assert [(event.node, event.at) for event in outcome.timeline.of(Kind.CONFLICT)] == [("b", 3), ("a", 3)]
    assert {event.node for event in outcome.timeline.of(Kind.RESOLVED)} == {"a", "b"}


async def test_a_killed_node_is_not_reached_edits_nothing_and_comes_back_as_it_was():
    steps = (
        Write(1, "b", "before", {}),
        Kill(2, "b"),
        Write(3, "b", "while down", {}),
        Write(3, "a", "other", {}),
        Replicate(4, ALL),
        Restart(5, "b"),
        calling(6, lambda lab: lab.nodes["b"].database.open_doc("before")),
        Replicate(7, ALL),
        Expect(8, True),
    )
    outcome = await run_scenario(scenario(*steps))
    assert outcome.ok
    assert outcome.convergence.documents == 2
    assert [event.text for event in outcome.timeline.of(Kind.REFUSED)] == ["write while down: the node is down"]
    assert [event.failed for event in outcome.timeline.of(Kind.REPLICATION)][:2] == [True, True]


@pytest.mark.parametrize("victim", ["a", "b"])
async def test_a_node_killed_in_the_middle_of_a_run_loses_nothing(victim):
    links = (Link(("a", "b"), every=NEVER, quality=Quality(delay=10)),)
    steps = (*(Write(1, "a", f"d{n}", {}) for n in range(20)), Replicate(2, ALL), Kill(75, victim), Restart(80, victim))
    outcome = await run_scenario(scenario(*steps, links=links))
    assert outcome.ok
    assert outcome.convergence.documents == 20
    broken = outcome.timeline.of(Kind.REPLICATION)[0]
    assert broken.failed
    assert broken.at == 75
    if victim == "a":
        assert broken.text == "a was killed"


async def test_killed_nodes_come_back_in_the_end_and_faults_end():
    links = (Link(("a", "b"), every=NEVER, quality=Quality(lose=1)),)
    steps = (Write(1, "a", "d", {}), Replicate(2, ALL), Partition(3, ALL), Kill(4, "b"))
    outcome = await run_scenario(scenario(*steps, links=links))
    assert outcome.ok
    assert outcome.timeline.of(Kind.LOST)
    assert outcome.timeline.of(Kind.RESTART)


async def test_faults_of_a_degraded_link_are_told_and_end_when_it_is_healed():
    steps = (
        Degrade(1, ALL, lose=1),
        Write(2, "a", "d", {}),
        Replicate(3, ALL),
        Degrade(4, ALL, lose=0, cut=1),
        Replicate(5, ALL),
        Degrade(6, ALL, cut=0, duplicate=1),
        Replicate(7, ALL),
        Expect(8, True),
        Heal(9, ALL),
        Replicate(10, ALL),
    )
    outcome = await run_scenario(scenario(*steps))
    assert outcome.ok
    faults = outcome.timeline.of(*FAULTS)
    assert {event.kind: event.at for event in faults} == {Kind.LOST: 3, Kind.CUT: 5, Kind.DUPLICATE: 7}
    assert [event.text for event in outcome.timeline.of(Kind.DEGRADE)][1] == "lose 0, cut 1"


async def test_the_same_seed_is_the_same_run():
    links = (Link(("a", "b"), every=20, quality=Quality(delay=0.5, lose=0.1, cut=0.1, duplicate=0.1)),)
    edits = (RandomEdits(("a", "b"), until=200, every=5),)
    one, other, third = [await run_scenario(scenario(links=links, edits=edits), seed=seed) for seed in (4, 4, 5)]
    assert [str(event) for event in one.timeline.events] == [str(event) for event in other.timeline.events]
    assert one.timeline.events != third.timeline.events
    assert one.ok
    assert third.ok


async def test_a_link_that_is_busy_is_not_started_again():
    links = (Link(("a", "b"), every=NEVER, one_way=True, quality=Quality(delay=10)), Link(("b", "a"), every=NEVER))
    outcome = await run_scenario(
        scenario(Write(1, "a", "d", {}), Replicate(2, ("a-b",)), Replicate(3, ("a-b",)), links=links)
    )
    started = [event.since for event in outcome.timeline.of(Kind.REPLICATION) if event.link == "a-b"]
    assert started[0] == 2
    assert 3 not in started


async def test_steps_within_a_call():
    async def act(lab):
        await lab.perform(Write(0, "b", "d", {}))
        await lab.perform(Replicate(0, ALL))

    outcome = await run_scenario(scenario(Call(5, act), Expect(6, True)))
    assert outcome.ok
    assert outcome.timeline.of(Kind.WRITE)[0].at == 5


async def test_what_a_call_raises_is_raised():
    def fail(lab):
        raise Conflict

    with pytest.raises(Conflict):
        await run_scenario(scenario(calling(5, fail), Write(6, "a", "d", {})))


async def test_a_bad_scenario_is_refused_before_anything_starts():
    with pytest.raises(ScenarioError):
        await run_scenario(scenario(Kill(1, "nobody")))
