"""The rule of a unique index: from a document to its key, which no other document may have.

Values are equal as JSON values: numbers by what they are (``1``, ``1.0`` and ``1e0``), strings by their characters,
objects whatever the order of their members. There is no collation in it, so all nodes agree, and no version of ICU
changes what is unique. A document that lacks one of the fields, or that the selector does not match, has no key and may
stand beside any other; ``null`` is a value like others.

Owns the key. It is a digest, since LMDB's keys are short and values are not. It must not know where keys are kept.
The selector takes steps of a budget; a document for which it runs out counts as one that it matches, so that none gets
round the rule by being slow.
"""

from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Final

from msgspec import DecodeError

from docstore.core import json_text
from docstore.core.collation import collation_version
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import JsonValue
from docstore.core.needed_members import reader_of, texts_of
from docstore.core.projection import Absent, find_value
from docstore.core.selector.normal_form import parse_field
from docstore.core.selector.selector import Selector, compile_selector
from docstore.core.steps import OutOfSteps, Steps
from docstore.core.unique.definition import Definition
from docstore.errors import DocstoreError
from docstore.settings import KIB, UNIQUE_SELECTOR_STEPS

KEY_BYTES: Final = 20
VERSION: Final = 1
"""Of what a key is; where it grows, indexes are made anew."""

REMEMBERED: Final = 256
"""Rules that are kept compiled."""

LONG: Final = 64 * KIB
"""Bytes of a body beyond which its members are read in slices, so that other threads get their turns."""

_DOUBLE = Struct(">d")
_DEEP: Final = 1 << 20
"""Documents were held to their depth when they were written."""


def read_document(doc_id: str, text: bytes, names: frozenset[str]) -> JsonValue:
    """A document as rules look at it, from the text of its body: with the members of these names alone.

    ``names`` are those of all rules that will be asked. None for a document that cannot be read.
    """
    try:
        if len(text) > LONG:
            parts = texts_of(names)(text)
            document = {name: decode_in_slices(part, max_depth=_DEEP) for name, part in parts.items()}
        else:
            document = reader_of(names)(text)
    except (DocstoreError, DecodeError, RecursionError):
        return None
    document["_id"] = doc_id
    return document


class Rule:
    """A definition, ready to be asked about documents as ``read_document`` gives them. ``names``: what it looks at."""

    __slots__ = ("_paths", "_selector", "names")

    def __init__(self, paths: tuple[tuple[str, ...], ...], selector: Selector | None) -> None:
        self._paths = paths
        self._selector = selector
        self.names = frozenset(path[0] for path in paths) | _names(None if selector is None else selector.normalised)

    def key(self, document: JsonValue) -> bytes | None:
        """The key of a revision, ``KEY_BYTES`` long; None if it has none."""
        values = self.values(document)
        return None if values is None else key_of(values)

    def values(self, document: JsonValue) -> list[JsonValue] | None:
        """The values of the fields, in the order of the definition; None as for ``key``."""
        values: list[JsonValue] = []
        for path in self._paths:
            value = find_value(document, path)
            if isinstance(value, Absent):
                return None
            values.append(value)
        return values if self._selects(document) else None

    def _selects(self, document: JsonValue) -> bool:
        if self._selector is None:
            return True
        try:
            return self._selector(document, Steps(UNIQUE_SELECTOR_STEPS))
        except OutOfSteps:
            return True


@lru_cache(REMEMBERED)
def rule_of(definition: Definition) -> Rule:
    """The rule of a definition. One whose selector is refused nowadays matches everything, rather than nothing."""
    try:
        selector = compile_selector(json_text.decode(definition.selector)) if definition.selector else None
    except DocstoreError:
        selector = None
    return Rule(tuple(map(parse_field, definition.fields)), selector)


def rule_version(definition: Definition) -> str:
    """Names what keys are made by: those of one name need not be the keys that another would make.

    Strings in selectors compare by ICU's collation, which may change.
    """
    return f"{VERSION}, {collation_version()}" if definition.selector else f"{VERSION}"


def key_of(values: list[JsonValue]) -> bytes:
    """The key of these values: equal lists have one key, and others another."""
    digest = blake2b(digest_size=KEY_BYTES)
    pending: list[JsonValue | bytes] = [values]  # what is still to be told, first things last
    while pending:
        part = pending.pop()
        if isinstance(part, bytes):
            digest.update(part)
        elif isinstance(part, str):
            digest.update(_string(part))
        elif part is None or part is True or part is False:
            digest.update(b"n" if part is None else b"t" if part else b"f")
        elif isinstance(part, int | float):
            digest.update(_number(part))
        elif isinstance(part, list):
            digest.update(b"a%d:" % len(part))
            pending.extend(reversed(part))
        else:
            digest.update(b"o%d:" % len(part))
            for name in sorted(part, reverse=True):
                pending += (part[name], _string(name))
    return digest.digest()


def _string(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return b"s%d:%b" % (len(data), data)


def _number(value: int | float) -> bytes:
    if isinstance(value, float):
        if not value.is_integer():
            return b"d" + _DOUBLE.pack(value)
        value = int(value)
    return b"i%x;" % value


def _names(normal: JsonValue) -> set[str]:
    """The members that a normal selector looks at."""
    names: set[str] = set()
    pending = [normal]
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            pending += part
        elif isinstance(part, dict):
            for name, argument in part.items():
                if name.startswith("$"):
                    pending.append(argument)
                else:
                    names.add(parse_field(name)[0])
    return names
