"""The ceiling for durable writes: body read, one put, and an fsync that all waiting requests share.

Usage: python -m bench.bare_group_commit DIR. Prints its URL.
"""

import asyncio
import itertools
import sys
import threading
from collections import deque
from pathlib import Path

import lmdb
from aiohttp import web

from bench.serve_bare import run

HEADERS = {"Content-Type": "application/json", "Cache-Control": "must-revalidate"}


class Committer:
    """One thread that writes whatever waits in one transaction."""

    def __init__(self, folder: Path) -> None:
        self._env = lmdb.open(str(folder / "bare.mdb"), subdir=False, map_size=1 << 34)
        self._waiting: deque[tuple[bytes, bytes, asyncio.Future[None]]] = deque()
        self._wake = threading.Event()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, daemon=True).start()

    def put(self, key: bytes, value: bytes) -> asyncio.Future[None]:
        """A future that is done once the value is on disk."""
        future = self._loop.create_future()
        self._waiting.append((key, value, future))
        self._wake.set()
        return future

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            group = []
            while self._waiting:
                group.append(self._waiting.popleft())
            if not group:
                continue
            with self._env.begin(write=True) as txn, txn.cursor() as cursor:
                cursor.putmulti([(key, value) for key, value, _ in group])
            self._loop.call_soon_threadsafe(_finish, [future for _, _, future in group])


def _finish(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def main() -> None:
    """Serve PUT requests on any path until SIGTERM."""
    folder = Path(sys.argv[1])
    numbers = itertools.count()
    committers: list[Committer] = []

    async def start(app: web.Application) -> None:
        committers.append(Committer(folder))

    async def put(request: web.Request) -> web.Response:
        body = await request.read()
        number = next(numbers)
        await committers[0].put(number.to_bytes(8, "big"), body)
        return web.Response(
            status=201, headers=HEADERS, body=b'{"ok":true,"id":"%016d","rev":"1-%032x"}\n' % (number, number)
        )

    app = web.Application()
    app.on_startup.append(start)
    app.router.add_put("/{path:.*}", put)
    run(app)


if __name__ == "__main__":
    main()
