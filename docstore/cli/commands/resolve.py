"""``docstore resolve``: resolve the conflicts of a database, or that of one document.

Owns the options, the progress bar and the summary. How a conflict is resolved is ``resolving``'s business.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from docstore.cli.options import target_data_option
from docstore.cli.targets.opening import open_resolving
from docstore.cli.targets.places import NameTarget, UrlTarget, parse_target
from docstore.cli.targets.resolving import Outcome, Strategy
from docstore.core.drawing.tree_view import printable
from docstore.core.merge_strategies import Ancestor, Keep, Latest, OnConflict, ThreeWay
from docstore.core.merging import is_pointer
from docstore.core.rev import parse_rev
from docstore.errors import InvalidRev

PROBLEMS_SHOWN: Final = 20

HELP: Final = """Resolve the conflict of the document ID, or those of all documents that are in conflict.

DB is the URL of a database, http://[USER:PASSWORD@]HOST:PORT/DATABASE, of docstore or of any CouchDB, or with --data
DIR its name in that folder. Of each document one live leaf is left, and all others are deleted. The strategies:

\b
winner     the winning revision stays as it is
keep       the leaf --rev stays as it is; needs an ID
three-way  the leaves are merged against their common ancestor
latest     the leaf with the greatest value at --by prevails

The exit status is 1 if a document was left in conflict.
"""


@dataclass(slots=True)
class Tally:
    """What became of the documents."""

    resolved: int = 0
    single: int = 0
    left: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count them; of those left in conflict only the first ones are kept in words."""
        for outcome in outcomes:
            if outcome.error is None:
                self.resolved += outcome.resolved > 0
                self.single += outcome.resolved == 0
                continue
            self.left += 1
            if len(self.problems) < PROBLEMS_SHOWN:
                self.problems.append(printable(f"{outcome.id}: {outcome.error}: {outcome.reason}"))

    def text(self, *, dry_run: bool) -> str:
        """The summary."""
        parts = [f"{self.resolved:,} {'would be resolved' if dry_run else 'resolved'}"]
        if self.single:
            parts.append(f"{self.single:,} not in conflict")
        if self.left:
            parts.append(f"{self.left:,} left as they are")
        return ", ".join(parts)


@click.command(help=HELP)
@click.argument("target", metavar="DB")
@click.argument("doc_id", metavar="[ID]", required=False)
@click.option(
    "--strategy",
    required=True,
    type=click.Choice(["winner", "keep", "three-way", "latest"]),
    help="How to resolve; see above.",
)
@target_data_option
@click.option("--rev", metavar="REV", help="The leaf to keep (keep).")
@click.option("--by", metavar="POINTER", help="Where leaves are compared, such as /updated_at (latest).")
@click.option(
    "--on-conflict",
    type=click.Choice(["fail", "winner"]),
    help="Places that two leaves changed differently: leave the document, or let the winner prevail (three-way). "
    "[default: fail]",
)
@click.option(
    "--ancestor",
    type=click.Choice(["required", "if-available"]),
    help="Documents whose common ancestor is not stored any more: leave them, or merge, every difference being a "
    "conflict (three-way). [default: required]",
)
@click.option("--dry-run", is_flag=True, help="Write nothing; print the documents that would be left, one a line.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def resolve(
    target: str,
    doc_id: str | None,
    strategy: str,
    data: Path | None,
    rev: str | None,
    by: str | None,
    on_conflict: str | None,
    ancestor: str | None,
    dry_run: bool,
    quiet: bool,
) -> int:
    """Resolve conflicts; ``HELP`` says how."""
    how = _strategy(strategy, doc_id, rev, by, on_conflict, ancestor)
    where = parse_target(target, data)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
        transient=True,
    ) as progress:
        tally = asyncio.run(_resolve(where, doc_id, how, progress, dry_run=dry_run))
    for problem in tally.problems:
        click.echo(problem, err=True)
    if tally.left > len(tally.problems):
        click.echo(f"... and {tally.left - len(tally.problems):,} more", err=True)
    click.echo(f"{where.label}: {tally.text(dry_run=dry_run)}", err=dry_run)
    return 1 if tally.left else 0


def _strategy(
    name: str, doc_id: str | None, rev: str | None, by: str | None, on_conflict: str | None, ancestor: str | None
) -> Strategy:
    """What the options mean together. Raises click.UsageError."""
    given = {"--rev": rev, "--by": by, "--on-conflict": on_conflict, "--ancestor": ancestor}
    known = {"winner": (), "keep": ("--rev",), "latest": ("--by",), "three-way": ("--on-conflict", "--ancestor")}[name]
    for option, value in given.items():
        if value is not None and option not in known:
            raise click.UsageError(f"{option} has no meaning with --strategy {name}")
    match name:
        case "winner":
            return Keep()
        case "keep":
            if rev is None or doc_id is None:
                raise click.UsageError("--strategy keep needs an ID and --rev REV")
            try:
                return Keep(parse_rev(rev))
            except InvalidRev:
                raise click.UsageError(f"{rev!r} is no revision") from None
        case "latest":
            if by is None or not is_pointer(by):
                raise click.UsageError("--strategy latest needs --by POINTER, a JSON Pointer such as /updated_at")
            return Latest(by)
        case _:
            return ThreeWay(cast("OnConflict", on_conflict or "fail"), cast("Ancestor", ancestor or "required"))


async def _resolve(
    where: UrlTarget | NameTarget, doc_id: str | None, how: Strategy, progress: Progress, *, dry_run: bool
) -> Tally:
    tally = Tally()
    async with open_resolving(where) as database:
        if doc_id is not None:
            _note(tally, [await database.resolve_one(doc_id, how, dry_run=dry_run)])
            return tally
        task = progress.add_task("looking for conflicts", total=None)
        progress.update(task, total=await database.count(), description="resolving")
        async with aclosing(database.resolve_all(how, dry_run=dry_run)) as pages:
            async for outcomes in pages:
                _note(tally, outcomes)
                progress.advance(task, len(outcomes))
    return tally


def _note(tally: Tally, outcomes: Sequence[Outcome]) -> None:
    """Count, and print the documents of a dry run."""
    tally.add(outcomes)
    for outcome in outcomes:
        if outcome.text:
            click.echo(outcome.text)
