"""``docstore find``: the documents that a selector finds.

Owns the lines and the table. How the database is asked is ``querying``'s.
"""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import Final

import click

from docstore.cli.json_argument import JsonObject, directed, names_of
from docstore.cli.options import target_data_option
from docstore.cli.rows import Members
from docstore.cli.tables import print_table
from docstore.cli.targets.places import NameTarget, UrlTarget, parse_target
from docstore.cli.targets.querying import open_querying
from docstore.core.json_text import JsonValue, encode

TABLE_LIMIT: Final = 100


@click.command()
@click.argument("target", metavar="DB")
@click.argument("selector", type=JsonObject())
@target_data_option
@click.option("--fields", metavar="NAMES", multiple=True, help="Only these fields, separated by commas.")
@click.option("--sort", metavar="NAMES", multiple=True, help="The order, by an index of these fields: name,age:desc.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=0),
    help=f"At most N documents. Without it a table has {TABLE_LIMIT}; otherwise all are told.",
)
@click.option("--skip", metavar="N", type=click.IntRange(min=0), help="Leave out the first N.")
@click.option("--use-index", metavar="DDOC[/NAME]", help="By this index, if it will do.")
@click.option("--table", "as_table", is_flag=True, help="A table, with a column for each field.")
@click.option("--explain", is_flag=True, help="Only tell how the query would be answered, as JSON.")
def find(
    target: str,
    selector: Members,
    data: Path | None,
    fields: tuple[str, ...],
    sort: tuple[str, ...],
    limit: int | None,
    skip: int | None,
    use_index: str | None,
    as_table: bool,
    explain: bool,
) -> None:
    """Find the documents that match SELECTOR, a Mango selector: '{"year": {"$gt": 1990}}', or - to read it.

    DB is the URL of a database, http://[USER:PASSWORD@]HOST:PORT/DATABASE, of docstore, CouchDB or Cloudant, or with
    --data DIR its name in that folder. Each document is printed as JSON, one a line.
    """
    where = parse_target(target, data)
    query: Members = {"selector": selector}
    names: list[JsonValue] = [*names_of(fields)]
    for member, value in (("fields", names), ("sort", directed(names_of(sort))), ("skip", skip)):
        if value:
            query[member] = value
    if use_index is not None:
        query["use_index"] = use_index
    if explain:
        asyncio.run(_explain(where, query if limit is None else query | {"limit": limit}))
    elif as_table:
        asyncio.run(_print_table(where, query, limit, names_of(fields)))
    else:
        asyncio.run(_print_lines(where, query, limit))


async def _explain(where: UrlTarget | NameTarget, query: Members) -> None:
    async with open_querying(where) as database:
        click.echo(json.dumps(await database.explain(query), indent=2, ensure_ascii=False))


async def _print_lines(where: UrlTarget | NameTarget, query: Members, limit: int | None) -> None:
    async with open_querying(where) as database:
        async with aclosing(database.find(query, limit)) as documents:
            async for document in documents:
                click.echo(encode(document))
        _warn(database.warning)


async def _print_table(where: UrlTarget | NameTarget, query: Members, limit: int | None, columns: list[str]) -> None:
    rows = TABLE_LIMIT if limit is None else limit
    async with open_querying(where) as database:
        async with aclosing(database.find(query, rows + (limit is None))) as documents:
            found = [document async for document in documents]
        _warn(database.warning)
    columns = columns or list(dict.fromkeys(name for document in found[:rows] for name in document))
    if found:
        print_table(columns, [[_cell(document, column) for column in columns] for document in found[:rows]])
    if len(found) > rows:
        click.echo(f"{where.label}: the first {rows:,} documents; there are more (--limit N)", err=True)
    else:
        click.echo(f"{where.label}: {len(found):,} {'document' if len(found) == 1 else 'documents'}", err=True)


def _cell(document: Members, column: str) -> str:
    """What stands at a field path: a text as it is, anything else as JSON, nothing where nothing is."""
    value: JsonValue = document
    if column in document:
        value = document[column]
    else:
        for name in column.split("."):
            if not isinstance(value, dict) or name not in value:
                return ""
            value = value[name]
    return value if isinstance(value, str) else encode(value).decode("utf-8", "replace")


def _warn(warning: str) -> None:
    for line in warning.splitlines():
        click.echo(f"warning: {line}", err=True)
