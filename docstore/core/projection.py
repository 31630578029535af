r"""Projections: the part of a document that a list of field paths keeps.

    ["a", "b.c"]  of  {"a": 1, "b": {"c": 2, "d": 3}}  is  {"a": 1, "b": {"c": 2}}

This module owns what such a list keeps. It must not know where it is asked: ``_changes`` with a selector and Mango
queries take one. It follows ``mango_fields.erl`` and ``mango_doc:get_field``; a number in a path may be the index into
an array, and then stands as a name in the result.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

from docstore.core.erlang_text import erlang_text
from docstore.core.json_text import JsonValue
from docstore.core.selector.normal_form import parse_field
from docstore.errors import BadRequest

Projection = Callable[[dict[str, JsonValue]], JsonValue]

_MAX_INDEX_DIGITS = 18


class Absent(Enum):
    """What a path finds where nothing is; ``None`` is JSON's null."""

    ABSENT = 0


ABSENT: Final = Absent.ABSENT


def compile_projection(fields: list[JsonValue]) -> Projection:
    """A function from a document to its part; no fields keep all of it. Raises BadRequest for what is no field path."""
    paths: list[tuple[str, ...]] = []
    for field in fields:
        if not isinstance(field, str):
            raise BadRequest(f"Invalid JSON for field spec: {erlang_text(field)}", error="invalid_field")
        paths.append(parse_field(field))
    if not paths:
        return lambda document: document

    def project(document: dict[str, JsonValue]) -> JsonValue:
        part: dict[str, JsonValue] = {}
        for path in paths:
            value = find_value(document, path)
            if not isinstance(value, Absent):
                _set(part, path, value)
        return part

    return project


def find_value(value: JsonValue, path: tuple[str, ...]) -> JsonValue | Absent:
    """What stands at a field path."""
    for name in path:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and _is_index(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return ABSENT
    return value


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= _MAX_INDEX_DIGITS


def _set(part: dict[str, JsonValue], path: tuple[str, ...], value: JsonValue) -> None:
    """Put a value at its path. An object on the way may be the document's own, then it stays as it is."""
    *parents, last = path
    for name in parents:
        inner = part.get(name)
        inner = dict(inner) if isinstance(inner, dict) else {}
        part[name] = inner
        part = inner
    part[last] = value
