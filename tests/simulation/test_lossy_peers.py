"""Random histories over lossy peers: once all is healed, all nodes are what the edits make of them."""

import pytest

from tests.simulation.again import again
from tests.simulation.world import World

SHORT = (*range(10), 53, 74)
"""The last two meet nodes whose checkpoints of one session differ."""
LONG = [seed for seed in range(200) if seed not in SHORT]


@pytest.mark.parametrize("seed", [*SHORT, *(pytest.param(seed, marks=pytest.mark.long) for seed in LONG)])
async def test_all_nodes_converge(seed):
    async with World(seed) as world:
        with again(seed, world.log):
            await world.live()
            await world.heal()
            await world.check()
