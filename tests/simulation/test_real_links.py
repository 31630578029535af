"""Random scenarios of the lab: servers, HTTP, proxies that lose, cut and duplicate; all nodes end the same."""

from random import Random

import pytest

from docstore.lab.runner import Lab
from docstore.lab.scenario import Degrade, Heal, Kill, Link, Partition, Quality, RandomEdits, Restart, Scenario
from tests.simulation.again import again
from tests.storage_findings import storage_findings

SHORT = 3
LONG = 20
LENGTH = 600.0


def random_scenario(seed: int) -> Scenario:
    """3 to 5 nodes, a tree of links and perhaps one more, some of them bad; kills, partitions, edits everywhere."""
    random = Random(seed)
    names = tuple("abcde"[: random.randint(3, 5)])
    pairs = [(name, random.choice(names[:index])) for index, name in enumerate(names) if index]
    pairs += [pair for pair in [tuple(random.sample(names, 2))] if pair not in pairs and pair[::-1] not in pairs]
    links = tuple(Link(pair, every=random.choice([20.0, 45.0]), quality=random_quality(random)) for pair in pairs)
    steps = []
    for _ in range(6):
        start, link, node = random.uniform(0, LENGTH * 0.8), random.choice(links).name, random.choice(names)
        end = start + random.uniform(5, 120)
        steps += random.choice(
            [
                [Partition(start, (link,)), Heal(end, (link,))],
                [Degrade(start, (link,), cut=0.3, lose=0.2, duplicate=0.2), Heal(end, (link,))],
                [Kill(start, node), Restart(end, node)],
            ]
        )
    edits = RandomEdits(names, until=LENGTH, every=8.0, documents=6, deletes=0.15, attachments=0.2, resolves=0.1)
    return Scenario(f"random, {seed}", names, links, tuple(steps), (edits,), duration=LENGTH, seed=seed)


def random_quality(random: Random) -> Quality:
    return random.choice(
        [
            Quality(),
            Quality(delay=0.05),
            Quality(delay=2.0, bandwidth=5_000),
            Quality(lose=0.05, cut=0.05, duplicate=0.1),
        ]
    )


async def over_real_links(seed, tell):
    """Run it and check the end; ``tell`` is called with each event."""
    async with Lab(random_scenario(seed), seed, tell) as lab:
        await lab.run()
        for node in lab.nodes.values():
            assert storage_findings(node.node) == []
        convergence = await lab.compare()
    assert convergence.converged, str(convergence)
    assert convergence.documents > 2


@pytest.mark.parametrize(
    "seed", [*range(SHORT), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(SHORT, LONG))]
)
async def test_all_nodes_converge(seed):
    events = []
    with again(seed, events, "--links"):
        await over_real_links(seed, events.append)
