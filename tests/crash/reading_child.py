"""Reads a store on many threads and coroutines while its map grows, and closes it in the middle: a child process.

``python -m tests.crash.reading_child FOLDER GROWTHS``. A transaction that is ended under a thread that is inside LMDB
is a segmentation fault, which the parent sees. While some threads do not give up their snapshots the map cannot grow
and the store not be closed; then they do. Prints what was done, as JSON.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import lmdb

from docstore.errors import Unavailable
from docstore.settings import MIB, Durability, StorageSettings
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.transactions import Snapshot

ROWS = 100
PAUSE = 0.001
ATTEMPTS = 10
"""How often the map is to grow while it cannot."""

SETTINGS = StorageSettings(
    durability=Durability.NONE,
    map_size=MIB,
    map_size_smallest=MIB,
    max_snapshots=16,
    snapshot_reserve=4,
    snapshot_max_age=0.05,
    snapshot_linger=0.005,
    map_growth_patience=0.05,
    close_patience=300.0,
)
KEYS = [b"%06d" % number for number in range(ROWS)]


class Readers:
    """Threads and coroutines that read one store until it is closed."""

    def __init__(self, environment: Environment) -> None:
        self.reads = 0
        self.refused = 0
        self.closed = False
        self.stubborn = threading.Event()
        self.held = threading.Event()
        self._environment = environment

    def read(self, snapshot: Snapshot) -> None:
        """Spend a while inside LMDB."""
        found = snapshot.getmulti(snapshot.tables.docs, KEYS)
        assert len(found) == ROWS
        assert found[0] == (KEYS[0], b"0" * 100)
        self.reads += 1
        sleep(PAUSE)

    def slowly(self) -> None:
        """Read until the snapshot has expired, and while we are to be stubborn, which is told then."""
        with self._environment.long_snapshot() as snapshot:
            while True:
                if self.stubborn.is_set():
                    self.held.set()
                elif snapshot.expired:
                    break
                self.read(snapshot)

    async def be_stubborn(self) -> None:
        """From now on, a snapshot is held by a thread."""
        self.held.clear()
        self.stubborn.set()
        await asyncio.to_thread(self.held.wait)

    def politely(self) -> None:
        """Read until the snapshot has expired."""
        with self._environment.long_snapshot() as snapshot:
            while not snapshot.expired:
                self.read(snapshot)

    def keep(self, reading: Callable[[], None]) -> None:
        """Read again and again, on a thread."""
        while not self.closed:
            try:
                reading()
            except Unavailable:
                self.refused += 1

    async def feed(self) -> None:
        """Read on the event loop, and hold the snapshot in between."""
        while not self.closed:
            try:
                with self._environment.long_snapshot() as snapshot:
                    while not snapshot.expired:
                        assert snapshot.get(snapshot.tables.docs, KEYS[0]) == b"0" * 100
                        self.reads += 1
                        snapshot.idle_since, snapshot.lent = monotonic(), True
                        await asyncio.sleep(PAUSE)
            except Unavailable:
                self.refused += 1
                await asyncio.sleep(PAUSE)


def put(environment: Environment, rows: list[tuple[bytes, bytes]]) -> None:
    transaction = environment.begin_write()
    try:
        transaction.putmulti(transaction.tables.docs, rows)
        transaction.transaction.commit()
    finally:
        transaction.transaction.abort()


def grow(environment: Environment, attempts: int) -> int:
    """Write until the map must grow, so often; how often it could, since nobody read for too long."""
    number = grown = 0
    while attempts:
        try:
            put(environment, [(b"large%d" % number, bytes(MIB // 4))])
            number += 1
        except lmdb.MapFullError:
            attempts -= 1
            try:
                environment.grow_map()
                grown += 1
            except Unavailable:
                pass
    return grown


async def run(folder: Path, growths: int) -> dict[str, int]:
    environment = Environment.open(folder, SETTINGS)
    environment.attach_loop(asyncio.get_running_loop())
    put(environment, [(key, b"0" * 100) for key in KEYS])
    readers = Readers(environment)
    kinds = [readers.slowly, readers.slowly, readers.politely]
    threads = [threading.Thread(target=readers.keep, args=(kind,)) for kind in kinds]
    for thread in threads:
        thread.start()
    feeds = [asyncio.ensure_future(readers.feed()) for _ in range(2)]
    await readers.be_stubborn()
    told = {"grown at first": await asyncio.to_thread(grow, environment, ATTEMPTS)}
    readers.stubborn.clear()
    told["grown"] = 0
    while told["grown"] < growths:
        told["grown"] += await asyncio.to_thread(grow, environment, 1)
    await readers.be_stubborn()
    closing = asyncio.ensure_future(environment.close_beside_loop())
    told["closed at first"] = len((await asyncio.wait([closing], timeout=0.3))[0])
    readers.stubborn.clear()
    await closing
    readers.closed = True
    await asyncio.gather(*feeds)
    for thread in threads:
        thread.join()
    return {**told, "reads": readers.reads, "left": environment.open_snapshots}


if __name__ == "__main__":
    sys.setswitchinterval(0.0005)
    print(json.dumps(asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2])))))
