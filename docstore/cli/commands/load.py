"""``docstore load``: put the rows of files into a database.

Owns the order of work and the count of what happened. What a row is stands in ``rows``, where it goes in ``targets``.
Loading is safe to repeat, and so to resume: every row has an id that is the same each time, and a document that the
database holds already, with the same content, is counted as unchanged.
"""

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader, FileIO
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from docstore.cli.options import target_data_option
from docstore.cli.rows import BadRow, Format, Members, Row, UnreadableFile, read_rows, with_id
from docstore.cli.targets.opening import open_target
from docstore.cli.targets.places import CONFLICT_ERROR, NameTarget, Target, UrlTarget, WriteResult, parse_target
from docstore.core.revision_hash import body_term

if TYPE_CHECKING:
    from docstore.cli.rows import BinaryFile

DEFAULT_BATCH = 1_000
PROBLEMS_SHOWN = 20
ROWS_BETWEEN_PROGRESS = 100
STANDARD_INPUT = "-"


@dataclass(slots=True)
class Tally:
    """What happened to the rows."""

    written: int = 0
    unchanged: int = 0
    different: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)

    def add_problem(self, row: Row | BadRow, reason: str) -> None:
        """Remember a row that did not end up in the database; only the first ones are kept in words."""
        if len(self.problems) < PROBLEMS_SHOWN:
            doc_id = f" ({row.members['_id']})" if isinstance(row, Row) and "_id" in row.members else ""
            self.problems.append(f"{row.source}: row {row.number}{doc_id}: {reason}")

    def __str__(self) -> str:
        parts = [f"{self.written} written", f"{self.unchanged} unchanged"]
        if self.different:
            parts.append(f"{self.different} left as they differ in the database")
        if self.refused:
            parts.append(f"{self.refused} refused")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load."""

    how: Format
    id_field: str | None
    text: frozenset[str]
    batch: int
    update: bool


@click.command()
@click.argument("target", metavar="TARGET")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@target_data_option
@click.option(
    "--format",
    "how",
    default=Format.AUTO.value,
    type=click.Choice([how.value for how in Format]),
    show_default=True,
    help="The format of the files; auto tells it by name and first character.",
)
@click.option("--id-field", metavar="NAME", help="Take the id of a row without _id from this member.")
@click.option(
    "--text", metavar="COLUMN", multiple=True, help="In CSV, leave the cells of this column text. May be repeated."
)
@click.option(
    "--batch", default=DEFAULT_BATCH, show_default=True, type=click.IntRange(min=1), help="Documents in one write."
)
@click.option(
    "--update", is_flag=True, help="Overwrite documents that differ in the database, instead of leaving them."
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def load(
    target: str,
    files: Sequence[str],
    data: Path | None,
    how: str,
    id_field: str | None,
    text: Sequence[str],
    batch: int,
    update: bool,
    quiet: bool,
) -> int:
    """Put the rows of FILEs (JSON array, JSON lines or CSV; "-" is standard input) into a database.

    TARGET is the URL of a database, http://[USER:PASSWORD@]HOST:PORT/DATABASE, or with --data DIR its name in that
    folder. The database is made if it is missing.

    Repeating a load is safe: a row that is in the database already is left alone. A row without _id gets one that is
    made from its content. In CSV, a cell that JSON's grammar takes for a number is one (125.50, 1e5; not 007), unless
    --text names its column; an empty cell is no member.
    """
    where = parse_target(target, data)
    options = LoadOptions(Format(how), id_field, frozenset(text), batch, update)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
        transient=True,
    ) as progress:
        try:
            tally = asyncio.run(_load(where, files, options, progress))
        except UnreadableFile as error:
            raise click.ClickException(f"{error} (what came before is loaded)") from None
    for problem in tally.problems:
        click.echo(problem, err=True)
    hidden = tally.different + tally.refused - len(tally.problems)
    if hidden > 0:
        click.echo(f"... and {hidden} more", err=True)
    click.echo(f"{where.label}: {tally}")
    return 1 if tally.different or tally.refused else 0


async def _load(where: UrlTarget | NameTarget, files: Sequence[str], options: LoadOptions, progress: Progress) -> Tally:
    tally = Tally()
    async with open_target(where) as target:
        for batch in _batches(_rows(files, options, progress), options.batch):
            await load_batch(target, batch, tally, update=options.update)
    return tally


def _rows(files: Sequence[str], options: LoadOptions, progress: Progress) -> Iterator[Row | BadRow]:
    """The rows of all files, each with its id."""
    for name in files:
        with _open(name) as file:
            size = None if name == STANDARD_INPUT else Path(name).stat().st_size
            task = progress.add_task(Path(name).name, total=size)
            for row in read_rows(file, name, options.how, text=options.text, id_field=options.id_field):
                if row.number % ROWS_BETWEEN_PROGRESS == 0:
                    progress.update(task, completed=0 if size is None else file.tell())
                yield with_id(row, options.id_field) if isinstance(row, Row) else row
            progress.update(task, completed=size or 0)


def _open(name: str) -> "BinaryFile":
    if name == STANDARD_INPUT:
        return BufferedReader(FileIO(sys.stdin.fileno(), closefd=False))
    return Path(name).open("rb")


def _batches(rows: Iterable[Row | BadRow], size: int) -> Iterator[list[Row | BadRow]]:
    """The rows in batches; those before a place where a file cannot be read any more are a batch too."""
    batch: list[Row | BadRow] = []
    fault = None
    try:
        for row in rows:
            batch.append(row)
            if len(batch) >= size:
                yield batch
                batch = []
    except UnreadableFile as error:
        fault = error
    if batch:
        yield batch
    if fault is not None:
        raise fault


async def load_batch(target: Target, batch: Sequence[Row | BadRow], tally: Tally, *, update: bool) -> None:
    """Write the rows of a batch and count what happened to each."""
    rows: list[Row] = []
    for row in batch:
        if isinstance(row, BadRow):
            _count_refused(tally, row, row.reason)
        else:
            rows.append(row)
    if not rows:
        return
    there = _count(tally, rows, await target.write([row.members for row in rows]))
    if not there:
        return
    rewrites: list[Row] = []
    stored = await target.read([str(row.members["_id"]) for row in there])
    for row, present in zip(there, stored, strict=True):
        if present is not None and same_content(row.members, present):
            tally.unchanged += 1
        elif present is not None and update:
            rewrites.append(row._replace(members={**row.members, "_rev": present["_rev"]}))
        else:
            _count_different(tally, row)
    if rewrites:
        for row in _count(tally, rewrites, await target.write([row.members for row in rewrites])):
            _count_different(tally, row)


def _count(tally: Tally, rows: Sequence[Row], results: Sequence[WriteResult]) -> list[Row]:
    """Count the rows that were written or refused; the others, which met a conflict, are returned."""
    conflicts: list[Row] = []
    for row, result in zip(rows, results, strict=True):
        if result.error is None:
            tally.written += 1
        elif result.error == CONFLICT_ERROR:
            conflicts.append(row)
        else:
            _count_refused(tally, row, f"{result.error}: {result.reason}")
    return conflicts


def _count_refused(tally: Tally, row: Row | BadRow, reason: str) -> None:
    tally.refused += 1
    tally.add_problem(row, reason)


def _count_different(tally: Tally, row: Row) -> None:
    tally.different += 1
    tally.add_problem(row, "the document is different in the database (--update overwrites it)")


def same_content(members: Members, present: Members) -> bool:
    """Whether two documents have the same body; 1 and 1.0 are different, as they are for the revision."""
    return _term(members) == _term(present)


def _term(members: Members) -> bytes:
    return body_term({name: value for name, value in members.items() if not name.startswith("_")})
