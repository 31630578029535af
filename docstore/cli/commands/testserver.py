"""``docstore testserver``: a server for the tests of programs in any language, scripted over HTTP.

Owns the options, what is told when it is ready, and that it ends with the process that started it. It must not know how
a server misbehaves (``docstore.double``).
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import click
import uvloop

from docstore.cli.logs import LEVELS
from docstore.cli.options import words_of
from docstore.config.kinds import HIGHEST_PORT
from docstore.config.table import Name
from docstore.core.json_text import JsonValue, decode, encode
from docstore.double.double import Double
from docstore.double.folders import temporary_folder
from docstore.double.hosting import Hosted, hosted
from docstore.double.parent import parent_gone
from docstore.double.profiles import COUCHDB, PROFILES
from docstore.double.stage.stage import BEGINNING
from docstore.errors import DocstoreError
from docstore.httpd.guard import is_loopback
from docstore.settings import Admin, Durability, Settings, StorageSettings

PASSWORD_VARIABLE = "DOCSTORE_ADMIN_PASSWORD"
MAX_DEPTH = 100
LOG_LEVELS = ("debug", "info", "warning", "error")
CONTROL = "/_docstore/"


class Beginning(NamedTuple):
    """What is there at once: databases, data by the names of theirs, the state that another server has saved."""

    databases: Sequence[str]
    loads: Sequence[tuple[str, Path]]
    state: Path | None


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, HIGHEST_PORT),
    default=0,
    show_default=True,
    help="The port to listen on; 0 for a free one.",
)
@click.option(
    "--ready-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the line of JSON that tells the URL into this file, once the server answers.",
)
@click.option("--json", "as_json", is_flag=True, help="Write that line to standard output too, and nothing else.")
@click.option(
    "--as",
    "profile",
    type=click.Choice(list(PROFILES)),
    default=COUCHDB,
    show_default=True,
    help="The service that it stands for.",
)
@click.option(
    "--fault",
    "faults",
    metavar="RULE",
    multiple=True,
    help="A rule of misbehaviour in JSON, or a list of them, or @FILE (docs/faults.md); several times for several.",
)
@click.option("--seed", type=int, help="What the rules draw from.  [default: drawn, and told]")
@click.option(
    "--admin",
    metavar="NAME[:PASSWORD]",
    help=f"An admin; without the password it is read from {PASSWORD_VARIABLE}. Without any admin everyone is one.",
)
@click.option("--database", "databases", metavar="NAME", multiple=True, help="A database that is there at once.")
@click.option(
    "--load",
    "loads",
    metavar="DB=PATH",
    multiple=True,
    help="Put a JSON file, a folder of documents or a backup into a database; several times for several.",
)
@click.option(
    "--state",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Begin with a state that another test server has saved.",
)
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder of data that is to stay.  [default: a new one, in memory if there is room, removed in the end]",
)
@click.option(
    "--set",
    "others",
    metavar="SECTION/KEY=VALUE",
    multiple=True,
    help="Any other setting (docs/configuration.md); several times for several.",
)
@click.option(
    "--parent",
    type=click.IntRange(0),
    metavar="PID",
    help="End when this process ends; 0 for none.  [default: the process that started it]",
)
@click.option(
    "--log-level",
    type=click.Choice(LOG_LEVELS),
    default="warning",
    show_default=True,
    help="The least important messages to write to standard error.",
)
def testserver(
    host: str,
    port: int,
    ready_file: Path | None,
    as_json: bool,
    profile: str,
    faults: tuple[str, ...],
    seed: int | None,
    admin: str | None,
    databases: tuple[str, ...],
    loads: tuple[str, ...],
    state: Path | None,
    data: Path | None,
    others: tuple[str, ...],
    parent: int | None,
    log_level: str,
) -> None:
    """Run a server for tests, empty and at once.

    It misbehaves by rules, and tells what it was asked: /_docstore/faults and /_docstore/requests. It goes back to
    earlier states: /_docstore/snapshots. Its data are gone in the end, and nothing is synced to disk. It ends on
    SIGTERM and SIGINT, and with its parent.
    """
    started_by = os.getppid() if parent is None else parent
    administrator = _administrator(admin)
    if administrator is None and not is_loopback(host):
        raise click.UsageError(f"the address {host} can be reached from elsewhere and needs --admin NAME:PASSWORD")
    double = Double(seed=seed, profile=profile)
    try:
        double.faults.add_all(_rules(faults))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--fault") from None
    logging.basicConfig(level=LEVELS[log_level], format="%(levelname)s %(name)s: %(message)s")
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)  # whoever waits for it is not to find an old one
    with nullcontext(data) if data is not None else temporary_folder() as folder:
        settings = Settings(
            data=folder,
            host=host,
            port=port,
            admin=administrator,
            storage=StorageSettings(durability=Durability.NONE),
        )
        beginning = Beginning(databases, [_load(text) for text in loads], state)
        running = _run(settings, double, words_of(others), beginning, ready_file, started_by, as_json=as_json)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(running)
        finally:
            if ready_file is not None:
                ready_file.unlink(missing_ok=True)


async def _run(
    settings: Settings,
    double: Double,
    words: dict[Name, str],
    beginning: Beginning,
    ready_file: Path | None,
    parent: int,
    *,
    as_json: bool,
) -> None:
    """Serve until a signal comes, or the parent is no more."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watching = loop.create_task(parent_gone(parent))
    watching.add_done_callback(lambda _: stop.set())
    try:
        async with hosted(settings, double, words=words) as server:
            await _begin(server, beginning)
            _tell(server, ready_file, as_json=as_json)
            await stop.wait()
    finally:
        watching.cancel()


async def _begin(server: Hosted, beginning: Beginning) -> None:
    """Put in what is to be there at once. Raises ClickException."""
    stage = server.stage
    try:
        if beginning.state is not None:
            await stage.restore(beginning.state)
        for name in beginning.databases:
            if not server.node.registry.exists(name):
                await server.node.registry.create(name)
        for name, path in beginning.loads:
            await stage.load(name, path)
        await stage.snapshot(BEGINNING)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    except DocstoreError as error:
        raise click.ClickException(error.reason) from None


def _load(text: str) -> tuple[str, Path]:
    """The database and the path of ``--load``. Raises BadParameter."""
    name, sign, path = text.partition("=")
    if not (name and sign and path):
        raise click.BadParameter(f"{text} is not DB=PATH", param_hint="--load")
    return name, Path(path)


def _tell(server: Hosted, ready_file: Path | None, *, as_json: bool) -> None:
    """Say that it is ready, and where."""
    url = server.listener.url
    admin = server.node.settings.admin
    told: dict[str, JsonValue] = {
        "url": url,
        "port": server.listener.port,
        "pid": os.getpid(),
        "control": url + CONTROL,
        "as": server.double.profile.name,
        "seed": server.double.faults.seed,
        "admin": None if admin is None else admin.name,
    }
    line = encode(told).decode()
    if ready_file is not None:
        part = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
        part.write_text(line + "\n")
        part.replace(ready_file)  # whoever waits for the file sees all of it
    with contextlib.suppress(BrokenPipeError):
        click.echo(line if as_json else f"docstore testserver at {url}/")


def _administrator(said: str | None) -> Admin | None:
    if said is None:
        return None
    name, colon, password = said.partition(":")
    if not colon:
        password = os.environ.get(PASSWORD_VARIABLE, "")
    if not name or not password:
        raise click.UsageError(f"--admin needs NAME:PASSWORD, or the password in {PASSWORD_VARIABLE}")
    return Admin(name, password)


def _rules(said: Sequence[str]) -> list[JsonValue]:
    """The rules of ``--fault``. Raises BadParameter."""
    rules: list[JsonValue] = []
    for text in said:
        try:
            read = decode(Path(text[1:]).read_bytes() if text[:1] == "@" else text.encode(), max_depth=MAX_DEPTH)
        except OSError as error:
            raise click.BadParameter(str(error), param_hint="--fault") from None
        except DocstoreError as error:
            raise click.BadParameter(f"{text}: {error.reason}", param_hint="--fault") from None
        rules += read if isinstance(read, list) else [read]
    return rules
