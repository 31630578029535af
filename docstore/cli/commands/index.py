"""``docstore index``: list, create and delete the Mango indexes of a database.

Owns the table and the lines. How the database is asked is ``querying``'s.
"""

import asyncio
from pathlib import Path

import click

from docstore.cli.json_argument import JsonObject, directed, names_of
from docstore.cli.options import target_data_option
from docstore.cli.rows import Members
from docstore.cli.tables import print_table
from docstore.cli.targets.places import NameTarget, UrlTarget, parse_target
from docstore.cli.targets.querying import open_querying
from docstore.core.document import DESIGN_PREFIX
from docstore.core.json_text import JsonValue, encode

COLUMNS = ("design document", "name", "type", "fields", "what else")


@click.group()
def index() -> None:
    """List, create and delete the Mango indexes of a database.

    DB is the URL of a database, http://[USER:PASSWORD@]HOST:PORT/DATABASE, of docstore, CouchDB or Cloudant, or with
    --data DIR its name in that folder.
    """


@index.command(name="list")
@click.argument("target", metavar="DB")
@target_data_option
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each index, one a line.")
def list_indexes(target: str, data: Path | None, as_json: bool) -> None:
    """List the indexes of DB."""
    listed = asyncio.run(_list(parse_target(target, data)))
    if as_json:
        for each in listed:
            click.echo(encode(each))
    else:
        print_table(COLUMNS, [_row(each) for each in listed])


@index.command()
@click.argument("target", metavar="DB")
@click.argument("fields", nargs=-1, required=True)
@target_data_option
@click.option("--name", metavar="NAME", help="The index's name; without it one is made of the definition.")
@click.option("--ddoc", metavar="NAME", help="The design document that it stands in; without it a new one.")
@click.option("--partial", metavar="SELECTOR", type=JsonObject(), help="Index only documents that match this.")
@click.option("--unique", is_flag=True, help="Of no values may there be two documents (docstore only).")
def create(
    target: str,
    fields: tuple[str, ...],
    data: Path | None,
    name: str | None,
    ddoc: str | None,
    partial: Members | None,
    unique: bool,
) -> None:
    """Create an index of the FIELDS, each perhaps with :asc or :desc behind it.

    It is built when it is first used.
    """
    definition: Members = {"fields": directed(names_of(fields))}
    if partial is not None:
        definition["partial_filter_selector"] = partial
    body: Members = {"index": definition}
    for member, value in (("name", name), ("ddoc", ddoc), ("unique", unique)):
        if value:
            body[member] = value
    where = parse_target(target, data)
    made = asyncio.run(_create(where, body))
    done = "is there already" if made.get("result") == "exists" else "created"
    click.echo(f"{where.label}: index {_name(made.get('id'), made.get('name'))} {done}")


@index.command()
@click.argument("target", metavar="DB")
@click.argument("name", metavar="[DDOC/]NAME")
@target_data_option
def delete(target: str, name: str, data: Path | None) -> None:
    """Delete the index of that name; its design document goes with its last index."""
    where = parse_target(target, data)
    deleted = asyncio.run(_delete(where, name))
    click.echo(f"{where.label}: index {_name(deleted.get('ddoc'), deleted.get('name'))} deleted")


async def _list(where: UrlTarget | NameTarget) -> list[Members]:
    async with open_querying(where) as database:
        return await database.indexes()


async def _create(where: UrlTarget | NameTarget, body: Members) -> Members:
    async with open_querying(where) as database:
        return await database.create(body)


async def _delete(where: UrlTarget | NameTarget, name: str) -> Members:
    """Find it in the list, and remove it. Raises click.ClickException where no one index has that name."""
    async with open_querying(where) as database:
        named = [each for each in await database.indexes() if _is_named(each, name)]
        if not named:
            raise click.ClickException(f"{where.label} has no index {name!r}")
        if len(named) > 1:
            names = ", ".join(_name(each["ddoc"], each["name"]) for each in named)
            raise click.ClickException(f"{where.label} has several indexes {name!r}: {names}")
        await database.delete(named[0])
        return named[0]


def _is_named(index: Members, name: str) -> bool:
    """Not the index of ids, which has no design document and cannot go."""
    ddoc = index.get("ddoc")
    return isinstance(ddoc, str) and name.removeprefix(DESIGN_PREFIX) in (
        index.get("name"),
        _name(ddoc, index.get("name")),
    )


def _name(ddoc: JsonValue, name: JsonValue) -> str:
    return f"{str(ddoc).removeprefix(DESIGN_PREFIX)}/{name}"


def _row(index: Members) -> list[str]:
    definition = index.get("def")
    members = definition if isinstance(definition, dict) else {}
    fields = members.get("fields")
    ddoc = index.get("ddoc")
    others: list[str] = []
    if partial := members.get("partial_filter_selector"):
        others.append(f"where {encode(partial).decode()}")
    if index.get("unique"):
        state = index.get("state", "active")
        others.append("unique" if state == "active" else f"unique, {state}")
    if index.get("partitioned"):
        others.append("partitioned")
    return [
        str(ddoc).removeprefix(DESIGN_PREFIX) if ddoc else "",
        str(index.get("name")),
        str(index.get("type")),
        ", ".join(map(_field, fields)) if isinstance(fields, list) else "",
        ", ".join(others),
    ]


def _field(field: JsonValue) -> str:
    """A field as ``create`` takes it."""
    if not isinstance(field, dict):
        return str(field)
    return ", ".join(name if way == "asc" else f"{name}:{way}" for name, way in field.items())
