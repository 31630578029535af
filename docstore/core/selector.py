r"""Mango selectors: a JSON condition on a document, compiled once into a function.

    {"year": {"$gt": 1990}, "$or": [{"name": "Sue"}, {"tags": {"$in": ["a", "b"]}}]}

``normalize`` writes a selector out in full: an operator for every condition, one field or combination an object, whole
field paths, and negations moved down to the operators that they turn around::

    {"a": {"b": 1}, "$not": {"c": {"$lt": 2}}}   becomes   {"$and": [{"a.b": {"$eq": 1}}, {"c": {"$gte": 2}}]}

``compile_selector`` makes a function of that. ``OPERATORS`` is the table of what can stand at the end of a field path.

A field path is split at its points (``\.`` is a point in a name), and a number in it may be the index into an array. A
condition on a field that is missing fails, also a negated one; only ``{"$exists": false}`` holds, where everything
above the field is there. Values compare as in views (``collation``), those of ``_id`` bytewise.

This module owns selectors. It must not know indexes, nor documents beyond their JSON. It follows
``mango_selector.erl``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from typing import Final, TypeGuard

from docstore.core import collation
from docstore.core.json_text import JsonValue, encode
from docstore.errors import BadRequest

Test = Callable[[JsonValue], bool]
Compare = Callable[[JsonValue, JsonValue], int]

MAX_NESTING: Final = 100
"""How deep operators and fields may nest in a selector: neither reading nor matching may use up Python's stack."""

_INDEX = re.compile(r"[+-]?[0-9]{1,18}")
_COMBINATIONS: Final = {"$and": ("$and", False), "$or": ("$or", False), "$nor": ("$and", True)}
_OPPOSITE: Final = {"$and": "$or", "$or": "$and"}
_NOT_SUPPORTED: Final = frozenset({"$where", "$geoWithin", "$geoIntersects", "$near", "$nearSphere"})
_TYPES: Final = ("null", "boolean", "boolean", "number", "string", "array", "object")


@dataclass(frozen=True, slots=True)
class Operator:
    """What can stand at the end of a field path.

    ``build`` makes the test of a value from the argument and the order that values compare in. ``accepts`` tells
    whether an argument will do. ``negation`` is the operator that holds where this one fails, if there is one.
    ``nested``: the argument is a selector for the parts of the value. ``strict``: an argument that will not do makes
    the operator an unknown one (which is how CouchDB words it).
    """

    build: Callable[[JsonValue, Compare], Test]
    accepts: Callable[[JsonValue], bool] = lambda argument: True
    negation: str | None = None
    nested: bool = False
    strict: bool = False


def compile_selector(selector: JsonValue) -> Test:
    """A function that tells whether a document (JSON with ``_id`` and ``_rev``) matches. Raises as ``normalize``."""
    return _compile(normalize(selector), collation.compare)


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
    if operator is None or (operator.strict and not operator.accepts(argument)):
        raise BadRequest(f"Invalid operator: {name}", error="invalid_operator")
    if not operator.accepts(argument):
        raise _bad_argument(name, argument)
    if path:
        parse_field(path)
    if operator.nested:
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
        return lambda value: True
    ((name, argument),) = normal.items()
    if isinstance(argument, list):
        tests = [_compile(part, compare) for part in argument]
        return _all_of(tests) if name == "$and" else _any_of(tests)
    if name == "_id":
        compare = _compare_raw
    test = _compile_condition(argument, compare)
    return _at(parse_field(name), test, argument == {"$exists": False}) if name else test


def _compile_condition(condition: JsonValue, compare: Compare) -> Test:
    assert isinstance(condition, dict)
    ((name, argument),) = condition.items()
    if name != "$not":
        return OPERATORS[name].build(argument, compare)
    negated = _compile_condition(argument, compare)
    return lambda value: not negated(value)


def _all_of(tests: list[Test]) -> Test:
    return lambda value: all(test(value) for test in tests)


def _any_of(tests: list[Test]) -> Test:
    """An empty ``$or`` holds, like an empty ``$and``."""
    return lambda value: not tests or any(test(value) for test in tests)


def _at(names: tuple[str, ...], test: Test, if_missing: bool) -> Test:
    """The test of what stands at a field path."""
    steps = [(name, int(name) if _INDEX.fullmatch(name) else -1) for name in names]

    def matches(value: JsonValue) -> bool:
        for name, index in steps:
            if isinstance(value, dict):
                if name not in value:
                    return if_missing
                value = value[name]
            elif isinstance(value, list) and 0 <= index < len(value):
                value = value[index]
            else:
                return False
        return test(value)

    return matches


def _compare_raw(left: JsonValue, right: JsonValue) -> int:
    """Strings bytewise (which is by code point), above everything else."""
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    if isinstance(left, str) or isinstance(right, str):
        return 1 if isinstance(left, str) else -1
    return collation.compare(left, right)


# The operators


def _compared(holds: Callable[[int, int], bool]) -> Callable[[JsonValue, Compare], Test]:
    """The test that the order of value and argument (below, at or above zero) stands so to zero."""
    return lambda argument, compare: lambda value: holds(compare(value, argument), 0)


def _in(argument: JsonValue, compare: Compare) -> Test:
    """Equal to one of the arguments; of an array, one of its members is."""
    wanted = argument if isinstance(argument, list) else []

    def matches(value: JsonValue) -> bool:
        members = value if isinstance(value, list) else [value]
        return any(compare(member, each) == 0 for each in wanted for member in members)

    return matches


def _not_in(argument: JsonValue, compare: Compare) -> Test:
    is_in = _in(argument, compare)
    return lambda value: not is_in(value)


def _exists(argument: JsonValue, _: Compare) -> Test:
    """Asked only where there is a value; ``_at`` answers for a missing one."""
    return lambda value: argument is True


def _type(argument: JsonValue, _: Compare) -> Test:
    return lambda value: _TYPES[collation.rank(value)] == argument


def _size(argument: JsonValue, _: Compare) -> Test:
    return lambda value: isinstance(value, list) and len(value) == argument


def _mod(argument: JsonValue, _: Compare) -> Test:
    """The remainder has the sign of the value, as in Erlang."""
    assert isinstance(argument, list)
    divisor, remainder = argument
    assert isinstance(divisor, int)

    def matches(value: JsonValue) -> bool:
        if not _is_integer(value):
            return False
        rest = abs(value) % abs(divisor)
        return (rest if value >= 0 else -rest) == remainder

    return matches


def _begins_with(argument: JsonValue, _: Compare) -> Test:
    assert isinstance(argument, str)
    return lambda value: isinstance(value, str) and value.startswith(argument)


def _all(argument: JsonValue, _: Compare) -> Test:
    """Every argument is a member, the very same JSON (1 is not 1.0); or the one argument is the whole array."""
    assert isinstance(argument, list)
    wanted = {encode(each) for each in argument}

    def matches(value: JsonValue) -> bool:
        if not isinstance(value, list) or not wanted:
            return False
        return wanted <= {encode(member) for member in value} or wanted == {encode(value)}

    return matches


def _some_element(argument: JsonValue, compare: Compare) -> Test:
    test = _compile(argument, compare)
    return lambda value: isinstance(value, list) and any(test(member) for member in value)


def _every_element(argument: JsonValue, compare: Compare) -> Test:
    """An empty array has no element that could match."""
    test = _compile(argument, compare)
    return lambda value: isinstance(value, list) and bool(value) and all(test(member) for member in value)


def _some_name(argument: JsonValue, compare: Compare) -> Test:
    test = _compile(argument, compare)
    return lambda value: isinstance(value, dict) and any(test(name) for name in value)


def _is_integer(value: JsonValue) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_division(value: JsonValue) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_integer, value)) and value[0] != 0


OPERATORS: Final[dict[str, Operator]] = {
    "$lt": Operator(_compared(lt), negation="$gte"),
    "$lte": Operator(_compared(le), negation="$gt"),
    "$eq": Operator(_compared(eq), negation="$ne"),
    "$ne": Operator(_compared(ne), negation="$eq"),
    "$gte": Operator(_compared(ge), negation="$lt"),
    "$gt": Operator(_compared(gt), negation="$lte"),
    "$in": Operator(_in, lambda argument: isinstance(argument, list), negation="$nin"),
    "$nin": Operator(_not_in, lambda argument: isinstance(argument, list), negation="$in"),
    "$exists": Operator(_exists, lambda argument: isinstance(argument, bool)),
    "$type": Operator(_type, lambda argument: isinstance(argument, str)),
    "$size": Operator(_size, lambda argument: _is_integer(argument) and argument >= 0),
    "$mod": Operator(_mod, _is_division),
    "$all": Operator(_all, lambda argument: isinstance(argument, list)),
    "$beginsWith": Operator(_begins_with, lambda argument: isinstance(argument, str), strict=True),
    "$elemMatch": Operator(_some_element, lambda argument: isinstance(argument, dict), nested=True),
    "$allMatch": Operator(_every_element, lambda argument: isinstance(argument, dict), nested=True),
    "$keyMapMatch": Operator(_some_name, lambda argument: isinstance(argument, dict), nested=True),
}
