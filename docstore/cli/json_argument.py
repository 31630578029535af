"""Arguments of commands that are JSON, or a short way to write some.

Owns how they are read and the words of refusals. It must not know what they are for.
"""

import sys
from collections.abc import Sequence

import click

from docstore.cli.rows import Members
from docstore.core.json_text import JsonValue, decode
from docstore.errors import DocstoreError

DIRECTIONS = ("asc", "desc")


class JsonObject(click.ParamType[Members]):
    """A JSON object; ``-`` reads it from standard input."""

    name = "json"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Members:
        """The object. Raises click.UsageError."""
        text = sys.stdin.buffer.read() if value == "-" else str(value).encode("utf-8", "surrogateescape")
        try:
            members = decode(text)
        except DocstoreError as error:
            self.fail(f"no JSON: {error.reason}", param, ctx)
        if not isinstance(members, dict):
            self.fail("no JSON object", param, ctx)
        return members


def names_of(texts: Sequence[str]) -> list[str]:
    """Names that are separated by commas, in one text or several."""
    return [name for text in texts for part in text.split(",") if (name := part.strip())]


def directed(names: Sequence[str]) -> list[JsonValue]:
    """Fields, each perhaps with ``:asc`` or ``:desc`` behind it, as ``_find`` and ``_index`` take them."""
    fields: list[JsonValue] = []
    for name in names:
        field, colon, direction = name.rpartition(":")
        fields.append({field: direction} if colon and field and direction in DIRECTIONS else name)
    return fields
