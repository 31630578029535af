"""What a Basic request whose password is remembered costs more than an anonymous one: ``python -m bench.basic_login``.

Client and server share a thread, and both kinds of request come in turns, so that what else the machine does is in
both. The figure is time of the processor; 30 microseconds are wanted.
"""

import asyncio
import statistics
import time
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import uvloop

from docstore.httpd.listener import Listener
from docstore.node import Node
from docstore.settings import Admin, Durability, Settings, StorageSettings

HOST: Final = "127.0.0.1"
ROUNDS: Final = 60
REQUESTS: Final = 200
MICROSECONDS: Final = 1_000_000
CREDENTIALS: Final = b64encode(b"sue:secret").decode()


async def measure(folder: Path, *, users: bool) -> None:
    """Print the figures, with or without a database of users."""
    storage = StorageSettings(durability=Durability.NONE)
    node = Node(Settings(data=folder, host=HOST, port=0, admin=Admin("sue", "secret"), storage=storage))
    await node.start()
    if users:  # as on any server after its first start
        await node.registry.create("_users")
    listener = await Listener.start(node, HOST, 0)
    reader, writer = await asyncio.open_connection(HOST, listener.port)

    async def ask(headers: str) -> float:
        request = f"GET /_up HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n".encode()
        started = time.thread_time()
        for _ in range(REQUESTS):
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
        return (time.thread_time() - started) / REQUESTS * MICROSECONDS

    basic = f"Authorization: Basic {CREDENTIALS}\r\n"
    await ask(basic)  # the password is computed once
    pairs = [(await ask(""), await ask(basic)) for _ in range(ROUNDS)]
    more = [after - before for before, after in pairs]
    print("with users' database:" if users else "without one:")
    print(f"anonymous {min(one for one, _ in pairs):.0f} us, Basic {min(one for _, one in pairs):.0f} us")
    print(f"more for Basic: {statistics.median(more):.0f} us (median of {ROUNDS} pairs)")
    writer.close()
    await listener.stop()
    await node.stop()


def main() -> None:
    """Measure on stores that are gone afterwards."""
    for users in (True, False):
        with TemporaryDirectory() as folder:
            uvloop.run(measure(Path(folder), users=users))


if __name__ == "__main__":
    main()
