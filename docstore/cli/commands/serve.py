"""``docstore serve``: run a server until it is told to stop.

Owns the options, the environment variable of the administrator's password, and the signals. It must not know what a
server does: it starts a ``Node`` and a ``Listener`` and stops them in the opposite order.
"""

import asyncio
import contextlib
import logging
import os
import resource
import shlex
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import uvloop

from docstore import __version__
from docstore.cli import service_manager
from docstore.cli.logs import logging_as
from docstore.cli.options import config_option, words_of
from docstore.cli.service_manager import READY, STOPPING, Sockets, handed_over, notify
from docstore.config.configuration import DATA, Configuration
from docstore.config.errors import InvalidSetting
from docstore.config.kinds import HIGHEST_PORT, SECONDS
from docstore.config.profiles import PROFILE
from docstore.config.sources import PREFIX, read_environment
from docstore.config.table import DEFAULT_DATA, DEFAULTS
from docstore.httpd.guard import is_loopback
from docstore.httpd.listener import Listener
from docstore.httpd.server.web_files import NoPage, folder_files
from docstore.node import Node
from docstore.settings import Admin, Durability, Profile

logger = logging.getLogger(__name__)

PASSWORD_VARIABLE = "DOCSTORE_ADMIN_PASSWORD"
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")
SECONDS_PER_HOUR = 3_600


@click.command()
@config_option
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, HIGHEST_PORT), help="The port to listen on; 0 for a free one.  [default: 5984]"
)
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"The folder of the data; made if it is missing.  [default: {DEFAULT_DATA}]",
)
@click.option(
    "--durability",
    type=click.Choice([durability.value for durability in Durability]),
    help="What a power cut may take: nothing, the last commits (relaxed), or the whole store (none).  [default: fsync]",
)
@click.option(
    "--as",
    "profile",
    type=click.Choice([profile.value for profile in Profile]),
    help="The service whose surface it has (docs/cloudant.md).  [default: couchdb]",
)
@click.option(
    "--upload-lifetime",
    metavar="HOURS",
    type=click.FloatRange(min=0, min_open=True),
    help="How long an unfinished upload is kept after its last byte.  [default: 24]",
)
@click.option(
    "--idempotency-lifetime",
    metavar="HOURS",
    type=click.FloatRange(min=0, min_open=True),
    help="How long the reply to a request with an Idempotency-Key is kept for its retries.  [default: 24]",
)
@click.option(
    "--set",
    "others",
    metavar="SECTION/KEY=VALUE",
    multiple=True,
    help="Any other setting (docs/configuration.md); several times for several.",
)
@click.option(
    "--log-level",
    type=click.Choice(LOG_LEVELS),
    help="The least important messages to write to standard error.  [default: info]",
)
@click.option("--log-format", type=click.Choice(LOG_FORMATS), help="How a line is written.  [default: text]")
@click.option(
    "--admin",
    metavar="NAME",
    help=f"An admin, besides those that docstore admin has set. The password is read from {PASSWORD_VARIABLE}.",
)
@click.option(
    "--query-server",
    "query_servers",
    multiple=True,
    metavar="LANGUAGE=COMMAND",
    callback=lambda _context, _option, values: _query_servers(values),
    help="The program that runs the functions of design documents in a language (docs/query_servers.md).",
)
@click.option(
    "--utils",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    callback=lambda _context, _option, folder: _page(folder),
    help="A folder with another web page for /_utils/, such as a built Fauxton.",
)
def serve(
    config: Path | None,
    host: str | None,
    port: int | None,
    data: Path | None,
    durability: str | None,
    profile: str | None,
    upload_lifetime: float | None,
    idempotency_lifetime: float | None,
    others: tuple[str, ...],
    log_level: str | None,
    log_format: str | None,
    admin: str | None,
    query_servers: dict[str, tuple[str, ...]],
    utils: Path | None,
) -> None:
    """Run a server.

    Settings come from the file of --config, from what was set while it ran, from variables DOCSTORE_SECTION__KEY, and
    from options; the later ones count. Without any admin everyone is one, and the server answers on loopback
    only. It stops on SIGTERM and SIGINT, after the requests that are running.
    """
    options = {
        ("chttpd", "bind_address"): host,
        ("chttpd", "port"): port,
        DATA: data,
        ("storage", "durability"): durability,
        PROFILE: profile,
        ("docstore", "upload_lifetime"): _seconds(upload_lifetime),
        ("docstore", "idempotency_lifetime"): _seconds(idempotency_lifetime),
        ("log", "level"): log_level,
        ("log", "format"): log_format,
    }
    said = {name: str(value) for name, value in options.items() if value is not None} | words_of(others)
    administrator = _administrator(admin)
    base = replace(DEFAULTS, admin=administrator, query_servers=query_servers, utils=utils)
    configuration = Configuration.load(config, read_environment(os.environ), said, base)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]  # no program that is started from here needs to know secrets
    settings = configuration.settings()
    is_open = administrator is None and not configuration.section("admins")
    if settings.profile is not Profile.COUCHDB:
        _check_users(configuration, is_open=is_open)
    elif is_open and not is_loopback(settings.host):
        raise click.UsageError(f"the address {settings.host} can be reached from elsewhere and needs --admin NAME")
    try:
        sockets = handed_over(os.environ)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    _raise_file_limit()
    with logging_as(configuration), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(configuration, sockets))


def _check_users(configuration: Configuration, *, is_open: bool) -> None:
    """Raises UsageError where nobody could log in: as Cloudant no server is everybody's."""
    keys = configuration.section("iam_api_keys")
    if configuration.settings().profile is Profile.CLOUDANT_GEN2 and not keys:
        raise click.UsageError("--as cloudant-gen2 needs an API key: iam_api_keys/NAME=Manager:KEY")
    if is_open and not keys:
        raise click.UsageError("--as cloudant needs --admin NAME, or an API key: iam_api_keys/NAME=Manager:KEY")


def _seconds(hours: float | None) -> str | None:
    return None if hours is None else SECONDS.word(hours * SECONDS_PER_HOUR)


def _query_servers(values: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """``LANGUAGE=COMMAND``, the command in the words of a shell."""
    commands: dict[str, tuple[str, ...]] = {}
    for value in values:
        language, _, command = value.partition("=")
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise click.BadParameter(f"{value}: {error}") from None
        if not language or not words:
            raise click.BadParameter(f"{value} is not LANGUAGE=COMMAND")
        commands[language] = words
    return commands


def _page(folder: Path | None) -> Path | None:
    """The folder of ``--utils``, whose files are read now, so that what is wrong with it is told at the start."""
    if folder is not None:
        try:
            folder_files(folder, DEFAULTS.utils_max_size)
        except (NoPage, OSError) as error:
            raise click.BadParameter(str(error)) from None
    return folder


def _administrator(name: str | None) -> Admin | None:
    """The administrator of ``--admin``, with the password from the environment."""
    if name is None:
        return None
    password = os.environ.get(PASSWORD_VARIABLE)
    if not name or not password:
        raise click.UsageError(f"--admin needs a name, and a password in the environment variable {PASSWORD_VARIABLE}")
    return Admin(name, password)


async def _serve(configuration: Configuration, sockets: Sockets) -> None:
    """Serve until a signal comes; then finish what is running, and close the store."""
    settings = configuration.settings()
    stop, hung_up = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Node(settings, configuration=configuration) as node:
        listener = await Listener.start(
            node, settings.host, settings.port, opened=sockets.plain, opened_tls=sockets.tls
        )
        try:
            node.env.announce(listener.url)
            await node.make_system_databases()
            click.echo(f"docstore {__version__} serves {settings.data} at {listener.url}/")
            if listener.tls_url is not None:
                click.echo(f"and at {listener.tls_url}/")
            loop.add_signal_handler(signal.SIGHUP, hung_up.set)
            reloading = loop.create_task(_reload_when(hung_up, configuration, listener))
            listener.choose_full_collections()
            notify(os.environ, READY)
            await stop.wait()
            reloading.cancel()
            notify(os.environ, STOPPING)
            click.echo("docstore stops")
        finally:
            await listener.stop()


def _raise_file_limit() -> None:
    """Let each client have a file descriptor, as far as the system grants it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _reload_when(hung_up: asyncio.Event, configuration: Configuration, listener: Listener) -> None:
    """After each SIGHUP: read the files of settings and certificates again; what cannot be used changes nothing."""
    while True:
        await hung_up.wait()
        hung_up.clear()
        notify(os.environ, service_manager.reloading())
        try:
            await configuration.reload()
            listener.reload()
        except InvalidSetting as error:
            logger.error("settings are not read again: %s", error.reason)
        else:
            logger.info("settings and certificates are read again")
        notify(os.environ, READY)
