"""``docstore tree``: show the revision tree of a document.

Owns the colours. What is drawn is ``core``'s, where it comes from ``inspection``'s.
"""

import asyncio
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from docstore.cli.options import target_data_option
from docstore.cli.targets.opening import open_inspection
from docstore.cli.targets.places import NameTarget, UrlTarget, parse_target
from docstore.core.drawing.tree_svg import draw_svg
from docstore.core.drawing.tree_text import draw_text
from docstore.core.drawing.tree_view import State, TreeView, members_of
from docstore.core.json_text import encode

STYLES: Final = {
    State.WINNER: "bold green",
    State.CONFLICT: "bold yellow",
    State.DELETED: "dim",
    State.INNER: "",
}


@click.command()
@click.argument("target", metavar="DB")
@click.argument("doc_id", metavar="ID")
@target_data_option
@click.option(
    "--format",
    "how",
    default="text",
    type=click.Choice(["text", "svg", "json"]),
    show_default=True,
    help="How it is shown.",
)
def tree(target: str, doc_id: str, data: Path | None, how: str) -> None:
    """Show the revision tree of the document ID.

    DB is the URL of a database, http://[USER:PASSWORD@]HOST:PORT/DATABASE, of docstore or of any CouchDB, or with
    --data DIR its name in that folder. Of a long branch its ends and forks are drawn; JSON has all revisions.
    """
    view = asyncio.run(_read(parse_target(target, data), doc_id))
    match how:
        case "json":
            click.echo(encode(members_of(view)))
        case "svg":
            click.echo(draw_svg(view), nl=False)
        case _:
            console = Console(highlight=False, soft_wrap=True)
            for text, state in draw_text(view):
                console.print(Text(text, STYLES[state]))


async def _read(where: UrlTarget | NameTarget, doc_id: str) -> TreeView:
    async with open_inspection(where) as database:
        return await database.tree(doc_id)
