"""Runs one aiohttp application on a free loopback port under uvloop and prints its URL."""

import asyncio
import signal

import uvloop
from aiohttp import web


async def _serve(app: web.Application) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}", flush=True)
    await ended.wait()
    await runner.cleanup()


def run(app: web.Application) -> None:
    """Serve until SIGTERM."""
    uvloop.run(_serve(app))
