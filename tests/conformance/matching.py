"""What a recorded answer demands, and whether an answer meets it.

Owns the matchers that stand in a scenario's ``expect``:

    {"$any": TYPE}         any value of the type: seq uuid rev etag int number string timestamp hex bool list object any
    {"$unordered": [...]}  an array compared without regard to order
    {"$dup": [[k, v]...]}  an object in which a name comes twice

Everything else is compared exactly: 1 and 1.0 differ, objects ignore the order of their members, arrays do not.
It knows nothing of HTTP; values in, the first difference out.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

ABSENT = "<absent>"
END = "<end>"
SHOWN = 400


class Difference(NamedTuple):
    """The first place at which an answer is not what was recorded."""

    where: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        return f"at {self.where}: expected {_shown(self.expected)} got {_shown(self.got)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _fits(pattern: str) -> Callable[[Any], bool]:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


TYPES: dict[str, Callable[[Any], bool]] = {
    "any": lambda value: True,
    "seq": lambda value: _is_int(value) or (isinstance(value, str) and value != ""),
    "int": _is_int,
    "number": lambda value: _is_int(value) or isinstance(value, float),
    "string": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "uuid": _fits(r"[0-9a-f]{32}"),
    "hex": _fits(r"[0-9a-f]+"),
    "rev": _fits(r"\d+-[0-9a-f]{32}"),
    "etag": _fits(r'(W/)?".+"'),
    "timestamp": _fits(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ?"),
}


def is_of_type(name: str, value: Any) -> bool:
    """Whether the value is of the matcher's type. An unknown type is an error of the scenario."""
    return TYPES[name](value)


def loads(text: str) -> Any:
    """JSON, with objects that name a member twice as ``{"$dup": pairs}``."""
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    return {"$dup": [[name, value] for name, value in pairs]}


def matcher_of(value: Any) -> str | None:
    """The name of the matcher that the value is; None for a plain value."""
    if isinstance(value, dict) and len(value) == 1:
        name = next(iter(value))
        if name in {"$any", "$unordered", "$dup"}:
            return str(name)
    return None


def difference(expected: Any, got: Any, where: str) -> Difference | None:
    """The first difference, depth first; None when the answer is as recorded."""
    matcher = matcher_of(expected)
    if matcher == "$any":
        return None if is_of_type(expected["$any"], got) else Difference(where, expected, got)
    if matcher == "$unordered":
        return _unordered_difference(expected["$unordered"], got, where)
    if type(expected) is not type(got):
        return Difference(where, expected, got)
    if isinstance(expected, dict):
        return _object_difference(expected, got, where)
    if isinstance(expected, list):
        return _array_difference(expected, got, where)
    same = repr(expected) == repr(got) if isinstance(expected, float) else expected == got
    return None if same else Difference(where, expected, got)


def _object_difference(expected: dict[str, Any], got: dict[str, Any], where: str) -> Difference | None:
    for name, value in expected.items():
        if name not in got:
            return Difference(f"{where}.{name}", value, ABSENT)
        if found := difference(value, got[name], f"{where}.{name}"):
            return found
    for name, value in got.items():
        if name not in expected:
            return Difference(f"{where}.{name}", ABSENT, value)
    return None


def _array_difference(expected: list[Any], got: list[Any], where: str) -> Difference | None:
    for index, (wanted, value) in enumerate(zip(expected, got, strict=False)):
        if found := difference(wanted, value, f"{where}[{index}]"):
            return found
    if len(expected) == len(got):
        return None
    index = min(len(expected), len(got))
    wanted = expected[index] if index < len(expected) else END
    return Difference(f"{where}[{index}]", wanted, got[index] if index < len(got) else END)


def _unordered_difference(expected: list[Any], got: Any, where: str) -> Difference | None:
    if not isinstance(got, list) or len(got) != len(expected):
        return Difference(where, {"$unordered": expected}, got)
    left = list(got)
    for index, wanted in enumerate(expected):
        for place, value in enumerate(left):
            if difference(wanted, value, where) is None:
                del left[place]
                break
        else:
            return Difference(f"{where}.$unordered[{index}]", wanted, left)
    return None
