"""Tables on the terminal.

Owns how they look: as wide as the terminal, and where the output goes elsewhere, as wide as they need to be.
"""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from docstore.core.drawing.tree_view import printable

WIDEST: Final = 10_000


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str | tuple[str, ...]]]) -> None:
    """Print rows of cells, some of which have several lines. What a terminal would obey is spelled out."""
    table = Table(*map(printable, columns), show_lines=False)
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*map(Text, map(_shown, row)))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(Console(width=WIDEST).measure(table).maximum, console.width)
    console.print(table)


def _shown(cell: str | tuple[str, ...]) -> str:
    return printable(cell) if isinstance(cell, str) else "\n".join(map(printable, cell))
