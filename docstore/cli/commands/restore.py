"""``docstore restore``: a backup's revisions into a database.

Owns the arguments and the display. The loop is ``replication.backup.backup``, the format ``replication.backup.file``.
"""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from docstore.cli.interrupts import Interrupted, run
from docstore.cli.remote_options import auth_option, tls_options
from docstore.cli.targets.peers import Place, open_peer
from docstore.core.json_text import JsonValue
from docstore.replication.backup.backup import Restored
from docstore.replication.backup.backup import restore as restore_file
from docstore.replication.backup.file import Contents, verify
from docstore.replication.peer import WriteFailure
from docstore.replication.remote.options import TlsOptions

EXIT_FAILURES = 1
EXIT_INTERRUPTED = 130
FAILURES_SHOWN = 20


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("database", metavar="DB")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The folder of the data, if DB is a name.")
@click.option("--incomplete", is_flag=True, help="Restore what there is of a backup that was interrupted.")
@auth_option("--auth", "DOCSTORE_AUTH")
@tls_options
@click.option("--quiet", is_flag=True, help="No progress display.")
def restore(
    file: Path,
    database: str,
    data: Path | None,
    incomplete: bool,
    quiet: bool,
    auth: dict[str, JsonValue] | None,
    tls: TlsOptions,
) -> int:
    """Put what FILE holds into a database, which is made if it is missing.

    DB is the URL of a database, http://[USER:PASSWORD@]HOST:PORT/DATABASE, or with --data DIR its name in that folder.

    The file is verified before anything is written. Revisions that the database has are left alone, so a restore can be
    repeated, and after an interruption is resumed by repeating it.
    """
    place = Place(database, data, auth)
    place.check()
    with Console(stderr=True, quiet=quiet).status(Text(f"verifying {file.name}")):
        contents = verify(file)
    if not contents.complete and not incomplete:
        advice = "--incomplete restores what is there, backup --resume completes it"
        raise click.ClickException(f"{file} is not complete: the backup was interrupted; {advice}")
    failures: list[WriteFailure] = []
    try:
        restored = run(_restore(place, file, contents, tls, failures, incomplete=incomplete, quiet=quiet))
    except Interrupted:
        click.echo("interrupted; the same command goes on", err=True)
        return EXIT_INTERRUPTED
    for failure in failures[:FAILURES_SHOWN]:
        click.echo(f"{failure.id} {failure.rev}: {failure.error}: {failure.reason}", err=True)
    if len(failures) > FAILURES_SHOWN:
        click.echo(f"... and {len(failures) - FAILURES_SHOWN} more", err=True)
    refused = f", {restored.failures} refused" if restored.failures else ""
    click.echo(f"{restored.docs} revisions restored, {restored.known} were there{refused}")
    return EXIT_FAILURES if restored.failures else 0


async def _restore(
    place: Place,
    file: Path,
    contents: Contents,
    tls: TlsOptions,
    failures: list[WriteFailure],
    *,
    incomplete: bool,
    quiet: bool,
) -> Restored:
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
        transient=True,
    ) as display:
        task = display.add_task(file.name, total=contents.docs)

        def show(restored: Restored) -> None:
            display.update(task, completed=restored.docs + restored.known + restored.failures)

        async with open_peer(place, tls, create=True) as target:
            return await restore_file(file, contents, target, show, failures.append, incomplete=incomplete)
