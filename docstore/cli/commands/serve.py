"""``docstore serve``: run a server until it is told to stop.

Owns the options, the environment variable of the administrator's password, and the signals. It must not know what a
server does: it starts a ``Node`` and a ``Listener`` and stops them in the opposite order.
"""

import asyncio
import gc
import logging
import os
import signal
from pathlib import Path

import click
import uvloop

from docstore import __version__
from docstore.cli.options import DEFAULT_DATA
from docstore.httpd.guard import is_loopback
from docstore.httpd.listener import Listener
from docstore.node import Node
from docstore.settings import Admin, Durability, Settings, StorageSettings

PASSWORD_VARIABLE = "DOCSTORE_ADMIN_PASSWORD"
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
HIGHEST_PORT = 65_535
SECONDS_PER_HOUR = 3_600
UPLOAD_LIFETIME_HOURS = 24.0
IDEMPOTENCY_LIFETIME_HOURS = 24.0
COLLECTOR_THRESHOLDS = (10_000, 5, 200)
"""A bulk request holds thousands of small objects for a moment. With Python's own thresholds (700, 10, 10) the garbage
collector looks at them over and over: a third of a bulk load's time, and pauses of tens of milliseconds (measured). A
middle generation of 50,000 objects pauses for some 20 ms at most; one of 200,000, which a large request fills, did for
up to 75."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=5984,
    show_default=True,
    type=click.IntRange(0, HIGHEST_PORT),
    help="The port to listen on; 0 for a free one.",
)
@click.option(
    "--data",
    default=DEFAULT_DATA,
    show_default=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the data; made if it is missing.",
)
@click.option(
    "--durability",
    default=Durability.FSYNC.value,
    show_default=True,
    type=click.Choice([durability.value for durability in Durability]),
    help="What a power cut may take: nothing, the last commits (relaxed), or the whole store (none).",
)
@click.option(
    "--upload-lifetime",
    default=UPLOAD_LIFETIME_HOURS,
    show_default=True,
    metavar="HOURS",
    type=click.FloatRange(min=0, min_open=True),
    help="How long an unfinished upload is kept after its last byte.",
)
@click.option(
    "--idempotency-lifetime",
    default=IDEMPOTENCY_LIFETIME_HOURS,
    show_default=True,
    metavar="HOURS",
    type=click.FloatRange(min=0, min_open=True),
    help="How long the reply to a request with an Idempotency-Key is kept for its retries.",
)
@click.option(
    "--log-level",
    default="info",
    show_default=True,
    type=click.Choice(LOG_LEVELS),
    help="The least important messages to write to standard error.",
)
@click.option(
    "--admin",
    metavar="NAME",
    help=f"Demand a login, of this one administrator. The password is read from {PASSWORD_VARIABLE}.",
)
def serve(
    host: str,
    port: int,
    data: Path,
    durability: str,
    upload_lifetime: float,
    idempotency_lifetime: float,
    log_level: str,
    admin: str | None,
) -> None:
    """Run a server.

    Without --admin everyone is the administrator, and the server answers on loopback only. It stops on SIGTERM and
    SIGINT, after the requests that are running.
    """
    administrator = _administrator(admin)
    if administrator is None and not is_loopback(host):
        raise click.UsageError(f"--host {host} can be reached from elsewhere and needs --admin NAME")
    settings = Settings(
        data=data,
        host=host,
        port=port,
        admin=administrator,
        upload_lifetime=upload_lifetime * SECONDS_PER_HOUR,
        idempotency_lifetime=idempotency_lifetime * SECONDS_PER_HOUR,
        storage=StorageSettings(durability=Durability(durability)),
    )
    logging.basicConfig(level=log_level.upper(), format=LOG_FORMAT)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


def _administrator(name: str | None) -> Admin | None:
    """The administrator of ``--admin``, with the password from the environment."""
    if name is None:
        return None
    password = os.environ.get(PASSWORD_VARIABLE)
    if not name or not password:
        raise click.UsageError(f"--admin needs a name, and a password in the environment variable {PASSWORD_VARIABLE}")
    return Admin(name, password)


async def _serve(settings: Settings) -> None:
    """Serve until a signal comes; then finish what is running, and close the store."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Node(settings) as node:
        listener = await Listener.start(node, settings.host, settings.port)
        try:
            node.env.announce(listener.url)
            click.echo(f"docstore {__version__} serves {settings.data} at {listener.url}/")
            # What is loaded by now stays: the collector need not look at it again and again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*COLLECTOR_THRESHOLDS)
            await stop.wait()
            click.echo("docstore stops")
        finally:
            await listener.stop()
