"""Kinds of settings: how a word is read, and how a value is put into words.

Owns that. A word is what CouchDB's configuration has for every value: text. It must not know which settings there are.
Follows ``config:get_integer``, ``get_boolean`` and ``get_float`` of CouchDB, but for one thing: a word that is none of
its kind is refused, where CouchDB goes on with the default.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from docstore.settings import HIGHEST_LIMIT

_INTEGER: Final = re.compile(r"[0-9]{1,18}")
_FLOAT: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,30})?(e[+-]?[0-9]{1,3})?")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+")
MILLISECONDS_PER_SECOND: Final = 1_000


@dataclass(frozen=True, slots=True)
class Kind:
    """``name`` is what a word has to be, for messages; ``parse`` raises ValueError for any other."""

    name: str
    parse: Callable[[str], Any]
    word: Callable[[Any], str]


def _parse_integer(word: str) -> int:
    if not _INTEGER.fullmatch(word):
        raise ValueError
    return int(word)


def _parse_positive(word: str) -> int:
    number = _parse_integer(word)
    if not number:
        raise ValueError
    return number


def _parse_float(word: str) -> float:
    if not _FLOAT.fullmatch(word):
        raise ValueError
    return float(word)


def _parse_boolean(word: str) -> bool:
    if word not in ("true", "false"):
        raise ValueError
    return word == "true"


def _parse_text(word: str) -> str:
    return word


def _parse_optional(word: str) -> str | None:
    return word or None


def _parse_path(word: str) -> Path:
    if not word:
        raise ValueError
    return Path(word)


def _parse_rows(word: str) -> int:
    return HIGHEST_LIMIT if word == NO_LIMIT else min(_parse_positive(word), HIGHEST_LIMIT)


def _parse_port(word: str) -> int:
    port = _parse_integer(word)
    if port > HIGHEST_PORT:
        raise ValueError
    return port


def _float_word(value: float) -> str:
    """The shortest word that is read as this value; whole seconds without a point."""
    return str(int(value)) if value == int(value) else repr(value)


def split_list(word: str) -> tuple[str, ...]:
    """The members of a list in words: separated by commas, blanks around them do not count, empty ones neither."""
    return tuple(member for part in word.split(",") if (member := part.strip()))


def parse_networks(word: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Addresses and networks, with commas. Raises ValueError."""
    return tuple(ipaddress.ip_network(member) for member in split_list(word))


def _parse_prefix(word: str) -> str:
    if word and not _PREFIX.fullmatch(word):
        raise ValueError
    return word


def _list_word(value: Iterable[str]) -> str:
    return ", ".join(value)


HIGHEST_PORT: Final = 65_535
INTEGER: Final = Kind("a whole number", _parse_integer, str)
POSITIVE: Final = Kind("a whole number from 1 on", _parse_positive, str)
NO_LIMIT: Final = "infinity"
ROWS: Final = Kind(
    f"a whole number from 1 on, or {NO_LIMIT}",
    _parse_rows,
    lambda value: NO_LIMIT if value == HIGHEST_LIMIT else str(value),
)
PORT: Final = Kind(f"a port, 0 to {HIGHEST_PORT}", _parse_port, str)
SECONDS: Final = Kind("a number of seconds", _parse_float, _float_word)
WHOLE_SECONDS: Final = Kind("a whole number of seconds", lambda word: float(_parse_integer(word)), _float_word)
MILLISECONDS: Final = Kind(
    "a whole number of milliseconds",
    lambda word: _parse_integer(word) / MILLISECONDS_PER_SECOND,
    lambda value: str(round(value * MILLISECONDS_PER_SECOND)),
)
BOOLEAN: Final = Kind("true or false", _parse_boolean, lambda value: "true" if value else "false")
TEXT: Final = Kind("text", _parse_text, str)
OPTIONAL: Final = Kind("text", _parse_optional, lambda value: value or "")
PATH: Final = Kind("the path of a folder", _parse_path, str)
NETWORKS: Final = Kind(
    "a list of addresses and networks, such as 10.0.0.0/8", parse_networks, lambda value: _list_word(map(str, value))
)
PREFIX: Final = Kind("the beginning of a path, such as /couch", _parse_prefix, str)
LIST: Final = Kind("a list, with commas", split_list, _list_word)


def choice(words: type[StrEnum]) -> Kind:
    """One of the words of an enumeration."""
    return Kind(f"one of {', '.join(words)}", words, str)


def one_of(*words: str) -> Kind:
    """One of these words."""

    def parse(word: str) -> str:
        if word not in words:
            raise ValueError
        return word

    return Kind(f"one of {', '.join(words)}", parse, str)


def kind_of(value: object) -> Kind:
    """The kind of a setting whose default is ``value``."""
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, StrEnum):
        return choice(type(value))
    if isinstance(value, int):
        return INTEGER
    if isinstance(value, float):
        return SECONDS
    if isinstance(value, tuple):
        return LIST
    return OPTIONAL
