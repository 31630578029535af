"""Run one simulation again, and tell what happens in it: ``python -m tests.simulation SEED [--links]``."""

import argparse
import asyncio

from tests.simulation.world import World


async def over_lossy_peers(seed: int) -> None:
    """As ``test_lossy_peers.py``."""
    async with World(seed) as world:
        try:
            await world.live()
            await world.heal()
            await world.check()
        finally:
            print(*world.log, sep="\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--links", action="store_true", help="over real links, as test_real_links.py")
    arguments = parser.parse_args()
    if arguments.links:
        from tests.simulation.test_real_links import over_real_links

        work = over_real_links(arguments.seed, print)
    else:
        work = over_lossy_peers(arguments.seed)
    asyncio.run(work)
    print("all nodes are the same")


main()
