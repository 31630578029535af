"""``docstore serve`` with a meter on its loop: ``python -m tests.lag.watched_server FOLDER PORT``.

Writes its URL, then answers each line on standard input with the worst beat since the last, as a line of JSON; ends
when standard input does.
"""

import asyncio
import json
import sys
from pathlib import Path

import uvloop

from docstore.httpd.listener import Listener
from docstore.node import Node
from docstore.settings import Durability, Settings, StorageSettings
from tests.lag.meter import LoopMeter


async def serve(data: Path, port: int) -> None:
    settings = Settings(data=data, port=port, storage=StorageSettings(durability=Durability.NONE))
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with Node(settings) as node:
        listener = await Listener.start(node, settings.host, settings.port)
        listener.choose_full_collections()
        print(listener.url, flush=True)
        meter = LoopMeter(loop)
        meter.start()
        try:
            while await orders.readline():
                print(json.dumps(meter.read().members()), flush=True)
        finally:
            await listener.stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
