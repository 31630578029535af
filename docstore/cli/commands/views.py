"""``docstore views build``: bring the views of a database up to date.

Owns the order of work and the progress that is shown. How an index is built for a URL or a data folder is
``view_building``'s.
"""

import asyncio
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from docstore.cli.options import target_data_option
from docstore.cli.targets.places import NameTarget, UrlTarget, parse_target
from docstore.cli.targets.view_building import open_view_building
from docstore.core.document import DESIGN_PREFIX


@click.group()
def views() -> None:
    """Work with the views of a database."""


@views.command()
@click.argument("target", metavar="DB")
@click.argument("ddoc", required=False)
@target_data_option
@click.option("--quiet", is_flag=True, help="No progress bar.")
def build(target: str, ddoc: str | None, data: Path | None, quiet: bool) -> None:
    """Build the views of a database, or those of the design document DDOC.

    DB is the URL of a database, http://[USER:PASSWORD@]HOST:PORT/DATABASE, of docstore or of any CouchDB, or with
    --data DIR its name in that folder. What is built already is not built again; a build that is stopped goes on from
    there.
    """
    where = parse_target(target, data)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
        transient=True,
    ) as progress:
        built = asyncio.run(_build(where, None if ddoc is None else ddoc.removeprefix(DESIGN_PREFIX), progress))
    noun = "design document" if built == 1 else "design documents"
    click.echo(f"{where.label}: the views of {built} {noun} are built")


async def _build(where: UrlTarget | NameTarget, ddoc: str | None, progress: Progress) -> int:
    async with open_view_building(where) as database:
        names = await database.designs()
        if ddoc is not None and ddoc not in names:
            raise click.ClickException(f"{where.label} has no design document {ddoc!r} with views")
        wanted = names if ddoc is None else [ddoc]
        for name in wanted:
            task = progress.add_task(name, total=None)
            await database.build(name, _Bar(progress, task).left)
            progress.update(task, total=1, completed=1)
        return len(wanted)


class _Bar:
    """A bar for what gets less: how much it was at most is the whole."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._most = 0

    def left(self, count: int) -> None:
        """So much is left."""
        self._most = max(self._most, count, 1)
        self._progress.update(self._task, total=self._most, completed=self._most - count)
