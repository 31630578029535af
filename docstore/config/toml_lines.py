"""On which line of a TOML text a key stands, for messages about its value.

Owns that search. It follows table headers and keys at the start of a line, which is how people write TOML; for a key
within an inline table it gives the line on which the table begins. The text must be valid TOML.
"""

import re
from typing import Final

_HEADER: Final = re.compile(r"\s*(\[\[|\[)\s*([\w.\-\"' ]+?)\s*\]")
_KEY: Final = re.compile(r"\s*([\w\-]+|\"[^\"]*\"|'[^']*')\s*[=.]")
_LONG_STRING: Final = re.compile(r'"""|\'\'\'')

_Place = tuple[str | int, ...]


def line_of(text: str, place: _Place) -> int | None:
    """The line (from 1) of the longest beginning of ``place`` that has one, such as ``("step", 2, "node")``."""
    lines = _lines(text)
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return None


def _lines(text: str) -> dict[_Place, int]:
    found: dict[_Place, int] = {}
    counts: dict[str, int] = {}
    table: _Place = ()
    within: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if within is not None:
            within = None if line.count(within) % 2 else within
            continue
        if header := _HEADER.match(line):
            name = header[2].strip("\"'")
            table = (name,)
            if header[1] == "[[":
                counts[name] = counts.get(name, -1) + 1
                table = (name, counts[name])
                found.setdefault((name,), number)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, key[1].strip("\"'")), number)
        opened = _LONG_STRING.search(line)
        if opened is not None and line.count(opened[0]) % 2:
            within = opened[0]
    return found
