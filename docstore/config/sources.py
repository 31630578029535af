"""Where words come from: a TOML file and environment variables.

Owns the reading of both. It must not know which settings there are, nor read the environment: that is handed in.

A section is a table of the file, a key a key in it. Numbers and booleans are put into words, lists of texts joined
with commas; a table in a table is a section with a dot in its name, as CouchDB's ``replicator.shares``. A variable is
``DOCSTORE_SECTION__KEY``, in capitals.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from docstore.config.errors import InvalidSetting
from docstore.config.kinds import BOOLEAN
from docstore.config.table import Name
from docstore.config.toml_lines import line_of

PREFIX: Final = "DOCSTORE_"
BETWEEN: Final = "__"
MAX_FILE: Final = 8 * 1024 * 1024
"""Bytes of a file of settings; a larger one is not read."""

Words = dict[Name, str]


def read_file(path: Path) -> Words:
    """The words of a TOML file. Raises InvalidSetting, which names the line, and OSError if it cannot be read."""
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise InvalidSetting(f"{path} is too long for a file of settings.")
    try:
        text = data.decode()
        document = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise InvalidSetting(f"{path}: {error}") from None
    words: Words = {}
    for name, value in _words(path, text, document, ()):
        words[name] = value
    return words


def line_in(path: Path, name: Name) -> int | None:
    """The line of a TOML file on which a setting stands, if that can be told."""
    try:
        return line_of(path.read_text(), (*name[0].split("."), name[1]))
    except (OSError, ValueError):
        return None


def read_environment(variables: Mapping[str, str]) -> Words:
    """The words of those variables that name a section and a key."""
    words: Words = {}
    for variable, value in variables.items():
        section, between, key = variable.removeprefix(PREFIX).partition(BETWEEN)
        if variable.startswith(PREFIX) and section and between and key:
            words[section.lower(), key.lower()] = value.strip()
    return words


def _words(path: Path, text: str, table: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[tuple[Name, str]]:
    for key, value in table.items():
        here = (*place, key)
        if isinstance(value, dict):
            yield from _words(path, text, value, here)
            continue
        if not place:
            raise _wrong(path, text, here, "stands outside of a section")
        yield (".".join(place), key), _word(path, text, here, value)


def _word(path: Path, text: str, place: tuple[str, ...], value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return BOOLEAN.word(value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(member, str) and "," not in member for member in value):
        return ", ".join(value)
    raise _wrong(path, text, place, "is neither text, a number, true or false, nor a list of texts without commas")


def _wrong(path: Path, text: str, place: tuple[str, ...], what: str) -> InvalidSetting:
    line = line_of(text, place)
    where = f"{path}, line {line}" if line is not None else str(path)
    return InvalidSetting(f"{where}: {'.'.join(place)} {what}.")
