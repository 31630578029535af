"""``python -m tests.soak.child``: ``docstore serve`` with a small map, for which the command has no option."""

import argparse
import asyncio
import gc
import logging
import signal
from pathlib import Path

import uvloop

from docstore.httpd.listener import Listener
from docstore.node import Node
from docstore.settings import Durability, Settings, StorageSettings


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Node(settings) as node:
        listener = await Listener.start(node, settings.host, settings.port)
        try:
            node.env.announce(listener.url)
            print(f"ready at {listener.url}/", flush=True)
            gc.freeze()
            await stop.wait()
        finally:
            await listener.stop()


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--durability", type=Durability, required=True)
    parser.add_argument("--map-size", type=int, required=True)
    options = parser.parse_args()
    storage = StorageSettings(
        durability=options.durability, map_size=options.map_size, map_size_smallest=min(options.map_size, 1 << 20)
    )
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = Settings(data=options.data, port=options.port, storage=storage)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


main()
