"""``docstore conflicts``: list the documents in conflict.

Owns the table and the lines. Where the documents come from is ``inspection``'s.
"""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Final

import click

from docstore.cli.options import target_data_option
from docstore.cli.tables import print_table
from docstore.cli.targets.inspection import ConflictedDocument
from docstore.cli.targets.opening import open_inspection
from docstore.cli.targets.places import NameTarget, UrlTarget, parse_target
from docstore.core.json_text import JsonValue, encode

TABLE_LIMIT: Final = 100


@click.command()
@click.argument("target", metavar="DB")
@target_data_option
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    help=f"List at most N documents. Without it a table has {TABLE_LIMIT}, --json all.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each document, one a line.")
def conflicts(target: str, data: Path | None, limit: int | None, as_json: bool) -> None:
    """List the documents of a database that have more than one live leaf, in the order of their ids.

    DB is the URL of a database, http://[USER:PASSWORD@]HOST:PORT/DATABASE, of docstore or of any CouchDB, or with
    --data DIR its name in that folder.
    """
    where = parse_target(target, data)
    if as_json:
        asyncio.run(_print_lines(where, limit))
        return
    rows = TABLE_LIMIT if limit is None else limit
    found = asyncio.run(_read(where, rows + 1))
    if found:
        _print_table(found[:rows])
    if len(found) > rows:
        click.echo(f"{where.label}: the first {rows:,} documents in conflict; there are more (--limit N)", err=True)
    else:
        noun = "document" if len(found) == 1 else "documents"
        click.echo(f"{where.label}: {len(found):,} {noun} in conflict", err=True)


async def _read(where: UrlTarget | NameTarget, limit: int) -> list[ConflictedDocument]:
    async with open_inspection(where) as database, aclosing(database.conflicts(limit=limit)) as documents:
        return [document async for document in documents]


async def _print_lines(where: UrlTarget | NameTarget, limit: int | None) -> None:
    async with open_inspection(where) as database, aclosing(database.conflicts(limit=limit)) as documents:
        async for document in documents:
            others: list[JsonValue] = [*document.conflicts]
            click.echo(encode({"id": document.id, "rev": document.winner, "conflicts": others}))


def _print_table(documents: list[ConflictedDocument]) -> None:
    rows = [
        (document.id, str(len(document.conflicts) + 1), document.winner, tuple(document.conflicts))
        for document in documents
    ]
    print_table(("document", "live leaves", "winner", "other leaves"), rows)
