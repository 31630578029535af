"""``docstore backup``: all leaf revisions of a database, with their attachments, as one file of JSON lines.

Owns the arguments and the display. The loop is ``replication.backup.backup``, the format ``replication.backup.file``.
"""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from docstore.cli.interrupts import Interrupted, run
from docstore.cli.remote_options import auth_option, tls_options
from docstore.cli.targets.peers import Place, open_peer
from docstore.core.json_text import JsonValue
from docstore.replication.backup.backup import Saved, save
from docstore.replication.backup.file import BackupWriter, Whole, find_whole
from docstore.replication.remote.options import TlsOptions

EXIT_INTERRUPTED = 130


@click.command()
@click.argument("database", metavar="DB")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The folder of the data, if DB is a name.")
@click.option("--resume", is_flag=True, help="Go on where FILE ends: what is new, or what an interruption left.")
@click.option("--overwrite", is_flag=True, help="Begin anew if FILE is there.")
@auth_option("--auth", "DOCSTORE_AUTH")
@tls_options
@click.option("--quiet", is_flag=True, help="No progress display.")
def backup(
    database: str,
    file: Path,
    data: Path | None,
    resume: bool,
    overwrite: bool,
    quiet: bool,
    auth: dict[str, JsonValue] | None,
    tls: TlsOptions,
) -> int:
    """Save a database to FILE: every leaf revision, deleted ones too, with history and attachments.

    DB is the URL of a database, http://[USER:PASSWORD@]HOST:PORT/DATABASE, or with --data DIR its name in that folder.

    _local documents and the security object are not part of it.
    """
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    place = Place(database, data, auth)
    place.check()
    try:
        resume = resume and file.exists()
        whole = _verified(file, quiet=quiet) if resume else None
        saved, total = run(_backup(place, file, tls, whole, resume=resume, overwrite=overwrite, quiet=quiet))
    except FileExistsError:
        advice = "--resume goes on with it, --overwrite replaces it"
        raise click.ClickException(f"{file} is there already; {advice}") from None
    except OSError as error:
        advice = f"; --resume goes on with {file}" if file.is_file() else ""
        raise click.ClickException(f"{error}{advice}") from None
    except Interrupted:
        click.echo(f"interrupted; --resume goes on with {file}", err=True)
        return EXIT_INTERRUPTED
    gone = f", {saved.gone} superseded meanwhile" if saved.gone else ""
    click.echo(f"{file}: {saved.docs} revisions and {saved.attachments} attachments saved{gone}, {total} in the file")
    return 0


def _verified(file: Path, *, quiet: bool) -> Whole | None:
    """What there is to go on with. Outside the event loop, so that Ctrl-C is heard while a large file is read."""
    with Console(stderr=True, quiet=quiet).status(Text(f"verifying {file.name}")):
        return find_whole(file)


async def _backup(
    place: Place, file: Path, tls: TlsOptions, whole: Whole | None, *, resume: bool, overwrite: bool, quiet: bool
) -> tuple[Saved, int]:
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
        transient=True,
    ) as display:
        task = display.add_task("connecting", total=None)

        def show(saved: Saved) -> None:
            pending = "?" if saved.pending is None else f"{saved.pending:,}"
            words = f"{saved.docs:,} revisions, {saved.attachments:,} attachments, {pending} pending"
            display.update(task, description=words)

        async with open_peer(place, tls) as source:
            info = await source.info()
            name = info.db_name
            if resume:
                begun = BackupWriter.resume(file, name, whole, partitioned=info.partitioned)
            else:
                begun = BackupWriter.create(file, name, partitioned=info.partitioned, overwrite=overwrite)
            with begun as writer:
                saved = await save(source, writer, show)
                return saved, writer.docs
