"""What can stand at the end of a field path in a Mango selector.

Owns ``OPERATORS``: which arguments each takes, what it means, and how many steps of a budget (``steps.py``) that takes.
It must not know field paths nor how conditions are combined: that is ``selector.py``. Follows ``mango_selector.erl``.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from operator import eq, ge, gt, le, lt, ne
from typing import Final, TypeGuard

from docstore.core import collation
from docstore.core.json_text import JsonValue, encode
from docstore.core.selector.regexes import Regex
from docstore.core.steps import Steps

Test = Callable[[JsonValue, Steps], bool]
Compare = Callable[[JsonValue, JsonValue], int]

_STRING_STEP: Final = 256
"""Characters of a string that are compared in a step."""

_TYPES: Final = ("null", "boolean", "boolean", "number", "string", "array", "object")


@dataclass(frozen=True, slots=True)
class How:
    """How values are compared with arguments.

    ``compare``     their order
    ``regex_time``  seconds that ``$regex`` has for a string, where it needs a limit (``regexes.py``)
    ``regexes``     all that are built so
    ``with_text``   whether ``$text`` holds for every document that is looked at
    """

    compare: Compare
    regex_time: float
    regexes: list[Regex] = field(default_factory=list)
    with_text: bool = False


@dataclass(frozen=True, slots=True)
class Operator:
    """What can stand at the end of a field path.

    ``build`` makes the test of a value from the argument. ``accepts`` tells whether an argument will do. ``negation``
    is the operator that holds where this one fails, if there is one. ``over_parts`` stands in the place of ``build``
    where the argument is a selector for the parts of the value: it makes the test of the value from that of a part.
    ``known``: an argument that is none of these makes the operator an unknown one (which is how CouchDB words it).
    """

    build: Callable[[JsonValue, How], Test] | None
    accepts: Callable[[JsonValue], bool] = lambda argument: True
    negation: str | None = None
    over_parts: Callable[[Test], Test] | None = None
    known: Callable[[JsonValue], bool] = lambda argument: True


def compare_raw(left: JsonValue, right: JsonValue) -> int:
    """Strings bytewise (which is by code point), above everything else."""
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    if isinstance(left, str) or isinstance(right, str):
        return 1 if isinstance(left, str) else -1
    return collation.compare(left, right)


def _cost(value: JsonValue) -> int:
    """The steps that a comparison with this value may take, beyond the first: its parts, long strings as several."""
    if isinstance(value, str):
        return len(value) // _STRING_STEP
    if not isinstance(value, list | dict):
        return 0
    cost = 0
    pending: list[JsonValue] = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            cost += len(part)
            pending += part
        elif isinstance(part, dict):
            cost += 2 * len(part) + sum(map(len, part)) // _STRING_STEP
            pending += part.values()
        elif isinstance(part, str):
            cost += len(part) // _STRING_STEP
    return cost


def _compared(holds: Callable[[float, float], bool]) -> Callable[[JsonValue, How], Test]:
    """The test that the order of value and argument (below, at or above zero) stands so to zero."""

    def build(argument: JsonValue, how: How) -> Test:
        if isinstance(argument, int | float) and not isinstance(argument, bool):
            return _compared_with_number(argument, holds)
        cost = _cost(argument)
        compare = how.compare
        if not cost:
            return lambda value, steps: holds(compare(value, argument), 0)

        def matches(value: JsonValue, steps: Steps) -> bool:
            steps.take(cost)
            return holds(compare(value, argument), 0)

        return matches

    return build


def _compared_with_number(argument: float, holds: Callable[[float, float], bool]) -> Test:
    """The commonest comparison, in both orders: numbers by value, all else by the place of its type."""
    below, above = holds(-1, 0), holds(1, 0)

    def matches(value: JsonValue, steps: Steps) -> bool:
        if type(value) is int or type(value) is float:
            return holds(value, argument)
        return below if collation.rank(value) < collation.NUMBER else above

    return matches


def _in(argument: JsonValue, how: How) -> Test:
    """Equal to one of the arguments; of an array, one of its members is."""
    key = _raw_key if how.compare is compare_raw else collation.equality_key
    arguments = argument if isinstance(argument, list) else []
    wanted = {key(each) for each in arguments}
    ranks = frozenset(map(collation.rank, arguments))

    def matches(value: JsonValue, steps: Steps) -> bool:
        members = value if isinstance(value, list) else [value]
        steps.take(len(members))
        for member in members:
            if collation.rank(member) in ranks:
                if isinstance(member, str | list | dict):
                    steps.take(_cost(member))
                if key(member) in wanted:
                    return True
        return False

    return matches


def _raw_key(value: JsonValue) -> Hashable:
    """``equality_key`` for ``compare_raw``. A string is equal to no other, and no other key is a string."""
    return value if isinstance(value, str) else collation.equality_key(value)


def _not_in(argument: JsonValue, how: How) -> Test:
    is_in = _in(argument, how)
    return lambda value, steps: not is_in(value, steps)


def _exists(argument: JsonValue, _: How) -> Test:
    """Asked only where there is a value; ``_at`` answers for a missing one."""
    return lambda value, steps: argument is True


def _type(argument: JsonValue, _: How) -> Test:
    return lambda value, steps: _TYPES[collation.rank(value)] == argument


def _size(argument: JsonValue, _: How) -> Test:
    return lambda value, steps: isinstance(value, list) and len(value) == argument


def _mod(argument: JsonValue, _: How) -> Test:
    """The remainder has the sign of the value, as in Erlang."""
    assert isinstance(argument, list)
    divisor, remainder = argument
    assert isinstance(divisor, int)

    def matches(value: JsonValue, steps: Steps) -> bool:
        if not _is_integer(value):
            return False
        rest = abs(value) % abs(divisor)
        return (rest if value >= 0 else -rest) == remainder

    return matches


def _begins_with(argument: JsonValue, _: How) -> Test:
    assert isinstance(argument, str)
    return lambda value, steps: isinstance(value, str) and value.startswith(argument)


def _regex(argument: JsonValue, how: How) -> Test:
    assert isinstance(argument, str)
    compiled = Regex(argument, how.regex_time)
    how.regexes.append(compiled)
    return lambda value, steps: isinstance(value, str) and compiled.matches(value, steps)


def _all(argument: JsonValue, _: How) -> Test:
    """Every argument is a member, the very same JSON (1 is not 1.0); or the one argument is the whole array."""
    assert isinstance(argument, list)
    wanted = {encode(each) for each in argument}

    def matches(value: JsonValue, steps: Steps) -> bool:
        if not isinstance(value, list) or not wanted:
            return False
        steps.take(_cost(value) + len(wanted))
        return wanted <= {encode(member) for member in value} or (len(wanted) == 1 and wanted == {encode(value)})

    return matches


def _some_element(test: Test) -> Test:
    def matches(value: JsonValue, steps: Steps) -> bool:
        if not isinstance(value, list):
            return False
        for member in value:
            steps.take()
            if test(member, steps):
                return True
        return False

    return matches


def _every_element(test: Test) -> Test:
    """An empty array has no element that could match."""

    def matches(value: JsonValue, steps: Steps) -> bool:
        if not isinstance(value, list):
            return False
        for member in value:
            steps.take()
            if not test(member, steps):
                return False
        return bool(value)

    return matches


def _some_name(test: Test) -> Test:
    def matches(value: JsonValue, steps: Steps) -> bool:
        if not isinstance(value, dict):
            return False
        for name in value:
            steps.take()
            if test(name, steps):
                return True
        return False

    return matches


def _is_string(value: JsonValue) -> bool:
    return isinstance(value, str)


def _is_pattern(value: JsonValue) -> bool:
    try:
        return isinstance(value, str) and Regex(value, 0) is not None
    except ValueError:
        return False


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
    "$type": Operator(_type, _is_string),
    "$size": Operator(_size, lambda argument: _is_integer(argument) and argument >= 0),
    "$mod": Operator(_mod, _is_division),
    "$all": Operator(_all, lambda argument: isinstance(argument, list)),
    "$beginsWith": Operator(_begins_with, known=_is_string),
    "$regex": Operator(_regex, _is_pattern, known=_is_string),
    "$elemMatch": Operator(None, lambda argument: isinstance(argument, dict), over_parts=_some_element),
    "$allMatch": Operator(None, lambda argument: isinstance(argument, dict), over_parts=_every_element),
    "$keyMapMatch": Operator(None, lambda argument: isinstance(argument, dict), over_parts=_some_name),
}
