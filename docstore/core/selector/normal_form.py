r"""A selector written out in full: an operator for every condition, one field or combination an object.

    {"a": {"b": 1}, "$not": {"c": {"$lt": 2}}}   becomes   {"$and": [{"a.b": {"$eq": 1}}, {"c": {"$gte": 2}}]}

Whole field paths stand before the operators, and negations are moved down to the operators that they turn around; not
so within ``$elemMatch`` and its kin, where ``$not`` and ``$nor`` stay. ``_explain`` shows this form, replication ids
are made of it, and what is wrong with a selector is found on the way to it.

This module owns the form and all complaints about selectors. It must not know what operators mean. It follows
``mango_selector:normalize`` and, for field paths, ``mango_util:parse_field``.
"""

import re
from typing import Final

from docstore.core.erlang_text import erlang_text
from docstore.core.json_text import JsonValue
from docstore.core.selector.operators import OPERATORS
from docstore.errors import BadRequest

MAX_NESTING: Final = 100
"""How deep operators and fields may nest in a selector: neither reading nor matching may use up Python's stack."""

TEXT: Final = "$default"
"""Stands for the field that ``$text`` searches."""

_COMBINATIONS: Final = {"$and": ("$and", False), "$or": ("$or", False), "$nor": ("$and", True)}
_OPPOSITE: Final = {"$and": "$or", "$or": "$and"}
_NOT_SUPPORTED: Final = frozenset({"$where", "$geoWithin", "$geoIntersects", "$near", "$nearSphere"})


def normalize(selector: JsonValue) -> dict[str, JsonValue]:
    """The selector written out in full (module docstring). ``{}``, which everything matches, stays as it is.

    Raises BadRequest with one of these words: invalid_selector_json, invalid_selector, invalid_operator, not_supported,
    bad_arg, bad_field, invalid_field_name.
    """
    if not isinstance(selector, dict):
        raise BadRequest(f"Selector must be a JSON object, not: {erlang_text(selector)}", error="invalid_selector_json")
    normal = _normalize(selector, "", False, 0) if selector else {}
    if "" in normal:
        raise BadRequest("One or more conditions is missing a field name.", error="invalid_selector")
    return normal


def parse_field(field: str) -> tuple[str, ...]:
    r"""The names along a field path: ``a.b\.c`` is ``a``, then ``b.c``. Raises BadRequest for an empty name."""
    names = re.split(r"(?<!\\)\.", field) if "\\" in field else field.split(".")
    if "" in names:
        raise BadRequest(f"Invalid field name: {field}", error="invalid_field_name")
    return tuple(name.replace("\\", "") for name in names)


def _normalize(
    condition: JsonValue, path: str, negated: bool, depth: int, *, within: bool = False
) -> dict[str, JsonValue]:
    """``within``: of ``$elemMatch`` and its kin, where nothing is ``negated`` and negations stay."""
    if depth > MAX_NESTING:
        raise BadRequest(f"A selector may not nest deeper than {MAX_NESTING}.", error="invalid_selector")
    if not isinstance(condition, dict) or not condition:
        return _normalize_operator("$eq", condition, path, negated, depth)
    if len(condition) > 1:
        parts: list[JsonValue] = [{name: argument} for name, argument in condition.items()]
        return _combine("$and", parts, path, negated, depth, within=within)
    ((name, argument),) = condition.items()
    if name in _COMBINATIONS:
        return _combine(name, argument, path, negated, depth, within=within)
    if name == "$not":
        if not isinstance(argument, dict):
            raise _bad_argument(name, argument)
        if within:
            return {name: _normalize(argument, path, False, depth + 1, within=True)}
        return _normalize(argument, path, not negated, depth + 1)
    if name in ("$text", TEXT):
        return _normalize_text(name, argument, path, negated)
    if name.startswith("$"):
        return _normalize_operator(name, argument, path, negated, depth)
    return _normalize(argument, f"{path}.{name}" if path else name, negated, depth + 1, within=within)


def _combine(
    name: str, arguments: JsonValue, path: str, negated: bool, depth: int, *, within: bool
) -> dict[str, JsonValue]:
    """An ``$and`` or ``$or`` of the arguments, by De Morgan's laws where it is negated."""
    if not isinstance(arguments, list):
        raise _bad_argument(name, arguments)
    joined, inner_negated = (name, False) if within else _COMBINATIONS[name]
    inner_negated = negated != inner_negated
    parts: list[JsonValue] = [
        _normalize(argument, path, inner_negated, depth + 1, within=within) for argument in arguments
    ]
    return {_OPPOSITE[joined] if negated else joined: parts}


def _normalize_operator(name: str, argument: JsonValue, path: str, negated: bool, depth: int) -> dict[str, JsonValue]:
    if name in _NOT_SUPPORTED:
        raise BadRequest(f"Unsupported operator: {name}", error="not_supported")
    operator = OPERATORS.get(name)
    if operator is None or not operator.known(argument):
        raise BadRequest(f"Invalid operator: {name}", error="invalid_operator")
    if not operator.accepts(argument):
        raise _bad_argument(name, argument)
    if path:
        parse_field(path)
    if operator.over_parts is not None:
        argument = _normalize(argument, "", False, depth + 1, within=True)
    if not negated:
        return {path: {name: argument}}
    if name == "$exists":
        return {path: {name: not argument}}
    if operator.negation is not None:
        return {path: {operator.negation: argument}}
    return {path: {"$not": {name: argument}}}


def _normalize_text(name: str, argument: JsonValue, path: str, negated: bool) -> dict[str, JsonValue]:
    """``$text``, or what it was written as before: it searches no field, and cannot be turned around."""
    if name == "$text":
        if not isinstance(argument, str | int | float):
            raise _bad_argument(name, argument)
        argument = {name: argument}
    text: dict[str, JsonValue] = {TEXT: argument}
    if path or not isinstance(argument, dict) or list(argument) != ["$text"]:
        raise BadRequest(f"Invalid field normalization on selector: {erlang_text(text)}", error="bad_field")
    if negated:
        raise _bad_argument("$not", text)
    return text


def _bad_argument(name: str, argument: JsonValue) -> BadRequest:
    return BadRequest(f"Bad argument for operator {name}: {erlang_text(argument)}", error="bad_arg")
