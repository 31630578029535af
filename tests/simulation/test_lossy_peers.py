"""Random histories over lossy peers: once all is healed, all nodes are what the edits make of them."""

import pytest

from tests.simulation.again import again
from tests.simulation.world import World

SHORT = 20
LONG = 200


@pytest.mark.parametrize(
    "seed", [*range(SHORT), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(SHORT, LONG))]
)
async def test_all_nodes_converge(seed):
    async with World(seed) as world:
        with again(seed, world.log):
            await world.live()
            await world.heal()
            await world.check()
