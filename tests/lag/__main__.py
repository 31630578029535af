"""Print how long each nasty request keeps the event loop: ``python -m tests.lag [--small] [WORD ...]``."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.lag.catalogue import CATALOGUE, SMALL, Scale
from tests.lag.measuring import stage
from tests.lag.watching import FREE_PORT


async def table(words: list[str], scale: Scale, port: int) -> None:
    print("| request | answer | stall ms | of it the loop's thread | collector | late by the clock | slowness |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="docstore-lag-") as folder:
        async with stage(Path(folder), scale, port) as ready:
            for entry in CATALOGUE:
                if words and not any(word in entry.name for word in words):
                    continue
                found = await ready.measure(entry)
                lag = found.lag
                times = " | ".join(f"{value:.0f}" for value in (lag.stall, lag.held, lag.collector, lag.late))
                print(f"| {found.name} | {found.status} | {times} | {found.slow:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.lag", description=__doc__)
    parser.add_argument("words", nargs="*", help="only requests with one of these in their names")
    parser.add_argument("--small", action="store_true", help="small sizes, to try the table itself")
    parser.add_argument("--port", type=int, default=FREE_PORT)
    arguments = parser.parse_args()
    asyncio.run(table(arguments.words, SMALL if arguments.small else Scale(), arguments.port))


main()
