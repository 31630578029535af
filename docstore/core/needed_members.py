"""Reading a few members of a JSON object, and passing over the others.

Owns that reading. Most of what a query or an index reads of a document it does not want, and what is not wanted is
passed over several times as fast as it is made into values. It is for texts that ``json_text.encode`` wrote: they have
no repeated member, and no number that is spelled otherwise than it is printed, so there is no second, exact reading.
It must not know documents.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias, TypedDict, cast

import msgspec

from docstore.core.json_text import JsonValue, decode, parse_float

ReadMembers: TypeAlias = Callable[[bytes], dict[str, JsonValue]]
"""From the text of an object to those of its members that are wanted and there."""

MANY = 100
LONG = 4_096
"""Characters of all names."""

REMEMBERED = 512
"""Sets of names that are remembered: to make a reader takes longer than to read a document."""


def reader_of(names: frozenset[str]) -> ReadMembers:
    """What reads the members of these names.

    A reader that passes over others takes as long to make as its names are many, and as much memory; so for many, or
    long ones, everything is read.
    """
    if len(names) > MANY or sum(map(len, names)) > LONG or not _are_safe(names):
        return lambda text: {name: value for name, value in _whole(text).items() if name in names}
    return _reader_of(names)


@lru_cache(REMEMBERED)
def _reader_of(names: frozenset[str]) -> ReadMembers:
    members = cast("Any", TypedDict)("Members", dict.fromkeys(names, Any), total=False)
    decoder: msgspec.json.Decoder[dict[str, JsonValue]] = msgspec.json.Decoder(members, float_hook=parse_float)
    return decoder.decode


@lru_cache(REMEMBERED)
def texts_of(names: frozenset[str]) -> Callable[[bytes], dict[str, bytes]]:
    """What finds the texts of the members of these names, for whoever reads them in slices."""
    if _are_safe(names):
        members = cast("Any", TypedDict)("Texts", dict.fromkeys(names, msgspec.Raw), total=False)
    else:
        members = dict[str, msgspec.Raw]
    decoder: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(members)
    return lambda text: {name: bytes(raw) for name, raw in decoder.decode(text).items() if name in names}


def _are_safe(names: frozenset[str]) -> bool:
    """Whether msgspec may look for these names: not for those beyond ASCII, which it reads in memory not theirs."""
    return all(name.isascii() for name in names)


def _whole(text: bytes) -> dict[str, JsonValue]:
    value = decode(text)
    if not isinstance(value, dict):
        raise TypeError("a document is an object")
    return value
