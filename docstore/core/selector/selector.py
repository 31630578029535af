r"""Mango selectors: a JSON condition on a document, compiled once into a function.

    {"year": {"$gt": 1990}, "$or": [{"name": "Sue"}, {"tags": {"$in": ["a", "b"]}}]}

``normalize`` writes a selector out in full: an operator for every condition, one field or combination an object, whole
field paths, and negations moved down to the operators that they turn around::

    {"a": {"b": 1}, "$not": {"c": {"$lt": 2}}}   becomes   {"$and": [{"a.b": {"$eq": 1}}, {"c": {"$gte": 2}}]}

``compile_selector`` makes a function of that. ``operators.py`` has what can stand at the end of a field path.

A field path is split at its points (``\.`` is a point in a name), and a number in it may be the index into an array. A
condition on a field that is missing fails, also a negated one; only ``{"$exists": false}`` holds, where everything
above the field is there. Values compare as in views (``collation``), those of ``_id`` bytewise.

Matching takes steps of a budget (``steps.py``), one for a condition, for an element looked at, and for each part of an
argument that is compared: a selector of a few hundred kilobytes can ask for hours of work on one document.

This module owns selectors. It must not know indexes, nor documents beyond their JSON. It follows
``mango_selector.erl``.
"""

import re
from typing import Final

from docstore.core import collation
from docstore.core.json_text import JsonValue, encode
from docstore.core.selector.operators import OPERATORS, Compare, Operator, Test, compare_raw
from docstore.core.steps import Steps
from docstore.errors import BadRequest, OperatorLeftOut

MAX_NESTING: Final = 100
"""How deep operators and fields may nest in a selector: neither reading nor matching may use up Python's stack."""

_INDEX = re.compile(r"[+-]?[0-9]{1,18}")
_COMBINATIONS: Final = {"$and": ("$and", False), "$or": ("$or", False), "$nor": ("$and", True)}
_OPPOSITE: Final = {"$and": "$or", "$or": "$and"}
_NOT_SUPPORTED: Final = frozenset({"$where", "$geoWithin", "$geoIntersects", "$near", "$nearSphere"})
_LEFT_OUT: Final = frozenset({"$regex", "$text"})
"""Operators that CouchDB has."""


class Selector:
    """A compiled selector, a function of documents."""

    __slots__ = ("_test",)

    def __init__(self, test: Test) -> None:
        self._test = test

    def __call__(self, document: JsonValue, steps: Steps | None = None) -> bool:
        """Whether a document (JSON with ``_id`` and ``_rev``) matches. Raises OutOfSteps when the budget is used up."""
        return self._test(document, Steps() if steps is None else steps)


def compile_selector(selector: JsonValue) -> Selector:
    """The function that a selector stands for. Raises as ``normalize``."""
    return Selector(_compile(normalize(selector), collation.compare))


def normalize(selector: JsonValue) -> dict[str, JsonValue]:
    """The selector written out in full (module docstring). ``{}``, which everything matches, stays as it is.

    Raises BadRequest with one of these words: invalid_selector_json, invalid_selector, invalid_operator, not_supported,
    bad_arg, invalid_field_name.
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


def erlang_text(value: JsonValue) -> str:
    """A value as it stands in CouchDB's error texts: an Erlang term."""
    if value is None or isinstance(value, bool):
        return encode(value).decode()
    if isinstance(value, str):
        return f"<<{','.join(str(byte) for byte in value.encode())}>>"
    if isinstance(value, list):
        return f"[{','.join([erlang_text(item) for item in value])}]"
    if isinstance(value, dict):
        return f"{{[{','.join([f'{{{erlang_text(name)},{erlang_text(item)}}}' for name, item in value.items()])}]}}"
    return str(value)


# From JSON to the normal form


def _normalize(condition: JsonValue, path: str, negated: bool, depth: int) -> dict[str, JsonValue]:
    if depth > MAX_NESTING:
        raise BadRequest(f"A selector may not nest deeper than {MAX_NESTING}.", error="invalid_selector")
    if not isinstance(condition, dict) or not condition:
        return _normalize_operator("$eq", condition, path, negated, depth)
    if len(condition) > 1:
        return _combine("$and", [{name: argument} for name, argument in condition.items()], path, negated, depth)
    ((name, argument),) = condition.items()
    if name in _COMBINATIONS:
        return _combine(name, argument, path, negated, depth)
    if name == "$not":
        if not isinstance(argument, dict):
            raise _bad_argument(name, argument)
        return _normalize(argument, path, not negated, depth + 1)
    if name.startswith("$"):
        return _normalize_operator(name, argument, path, negated, depth)
    return _normalize(argument, f"{path}.{name}" if path else name, negated, depth + 1)


def _combine(name: str, arguments: JsonValue, path: str, negated: bool, depth: int) -> dict[str, JsonValue]:
    """An ``$and`` or ``$or`` of the arguments, by De Morgan's laws where it is negated."""
    if not isinstance(arguments, list):
        raise _bad_argument(name, arguments)
    joined, inner_negated = _COMBINATIONS[name]
    inner_negated = negated != inner_negated
    parts: list[JsonValue] = [_normalize(argument, path, inner_negated, depth + 1) for argument in arguments]
    return {_OPPOSITE[joined] if negated else joined: parts}


def _normalize_operator(name: str, argument: JsonValue, path: str, negated: bool, depth: int) -> dict[str, JsonValue]:
    if name in _NOT_SUPPORTED:
        raise BadRequest(f"Unsupported operator: {name}", error="not_supported")
    operator = OPERATORS.get(name)
    if name in _LEFT_OUT:
        raise OperatorLeftOut(f"Invalid operator: {name}")
    if operator is None or (operator.strict and not operator.accepts(argument)):
        raise BadRequest(f"Invalid operator: {name}", error="invalid_operator")
    if not operator.accepts(argument):
        raise _bad_argument(name, argument)
    if path:
        parse_field(path)
    if operator.over_parts is not None:
        argument = _normalize(argument, "", False, depth + 1)
    if not negated:
        return {path: {name: argument}}
    if name == "$exists":
        return {path: {name: not argument}}
    if operator.negation is not None:
        return {path: {operator.negation: argument}}
    return {path: {"$not": {name: argument}}}


def _bad_argument(name: str, argument: JsonValue) -> BadRequest:
    return BadRequest(f"Bad argument for operator {name}: {erlang_text(argument)}", error="bad_arg")


# From the normal form to functions


def _compile(normal: JsonValue, compare: Compare) -> Test:
    """The test of a normal selector. Only an empty one has no member, all others have one."""
    if not isinstance(normal, dict) or not normal:
        return lambda value, steps: True
    ((name, argument),) = normal.items()
    if isinstance(argument, list):
        tests = [_compile(part, compare) for part in argument]
        return _all_of(tests) if name == "$and" else _any_of(tests)
    if name == "_id":
        compare = compare_raw
    test = _compile_condition(argument, compare)
    return _at(parse_field(name), test, argument == {"$exists": False}) if name else test


def _compile_condition(condition: JsonValue, compare: Compare) -> Test:
    assert isinstance(condition, dict)
    ((name, argument),) = condition.items()
    if name != "$not":
        return _build(OPERATORS[name], argument, compare)
    negated = _compile_condition(argument, compare)
    return lambda value, steps: not negated(value, steps)


def _build(operator: Operator, argument: JsonValue, compare: Compare) -> Test:
    if operator.over_parts is not None:
        return operator.over_parts(_compile(argument, compare))
    if operator.build is None:
        raise TypeError("an operator without a meaning")
    return operator.build(argument, compare)


def _all_of(tests: list[Test]) -> Test:
    def matches(value: JsonValue, steps: Steps) -> bool:
        for test in tests:
            steps.take()
            if not test(value, steps):
                return False
        return True

    return matches


def _any_of(tests: list[Test]) -> Test:
    """An empty ``$or`` holds, like an empty ``$and``."""

    def matches(value: JsonValue, steps: Steps) -> bool:
        for test in tests:
            steps.take()
            if test(value, steps):
                return True
        return not tests

    return matches


def _at(names: tuple[str, ...], test: Test, if_missing: bool) -> Test:
    """The test of what stands at a field path."""
    path = [(name, int(name) if _INDEX.fullmatch(name) else -1) for name in names]
    length = len(path)

    def matches(value: JsonValue, steps: Steps) -> bool:
        steps.take(length)
        for name, index in path:
            if isinstance(value, dict):
                if name not in value:
                    return if_missing
                value = value[name]
            elif isinstance(value, list) and 0 <= index < len(value):
                value = value[index]
            else:
                return False
        return test(value, steps)

    return matches
