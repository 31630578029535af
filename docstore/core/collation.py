r"""The order of JSON values in views, JSON indexes and selectors.

    null < false < true < numbers < strings < arrays < objects

Numbers compare by value, integers of any size included. Strings compare by the ICU root collation, so ``a < B < c``,
and strings that differ only in what the collation ignores are equal (``""`` and ``"\u0000"``). Arrays and objects
compare member by member, an object's as its names and values in their order; one that runs out first is lower.

This module owns that order. It must not know what is sorted. It follows ``couch_ejson_compare``. Document ids in
``_all_docs`` do not sort by it but bytewise.
"""

from collections.abc import Hashable
from typing import Final

from icu import ICU_VERSION, UNICODE_VERSION, Collator, Locale

from docstore.core.json_text import JsonValue

_root = Collator.createInstance(Locale.getRoot())
_compare_strings = _root.compare
_sort_key = _root.getSortKey

NULL: Final = 0
FALSE: Final = 1
TRUE: Final = 2
NUMBER: Final = 3
STRING: Final = 4
ARRAY: Final = 5
OBJECT: Final = 6


def rank(value: JsonValue) -> int:
    """The place of a value's type among the types: ``NULL`` to ``OBJECT``."""
    if isinstance(value, str):
        return STRING
    if value is None:
        return NULL
    if value is True:
        return TRUE
    if value is False:
        return FALSE
    if isinstance(value, int | float):
        return NUMBER
    return ARRAY if isinstance(value, list) else OBJECT


def compare_strings(left: str, right: str) -> int:
    """Below zero if ``left`` sorts first, zero if the collation holds them equal, above zero otherwise."""
    return 0 if left == right else int(_compare_strings(left, right))


def compare(left: JsonValue, right: JsonValue) -> int:
    """Below zero if ``left`` sorts first, zero if they are equal in the order, above zero otherwise."""
    pending = [(left, right)]  # what is left to compare, first things last: nesting must not use up Python's stack
    while pending:
        left, right = pending.pop()
        if isinstance(left, str) and isinstance(right, str):
            order = compare_strings(left, right)
        elif isinstance(left, list) and isinstance(right, list):
            pending.append((len(left), len(right)))
            pending.extend(reversed(list(zip(left, right, strict=False))))
            continue
        elif isinstance(left, dict) and isinstance(right, dict):
            pending.append((len(left), len(right)))
            for ours, theirs in reversed(list(zip(left.items(), right.items(), strict=False))):
                pending += ((ours[1], theirs[1]), (ours[0], theirs[0]))
            continue
        else:
            order = rank(left) - rank(right)
            if order == 0 and isinstance(left, int | float) and isinstance(right, int | float):
                order = (left > right) - (left < right)
        if order:
            return order
    return 0


def sort_key(text: str) -> bytes:
    """Bytes that sort as ``compare_strings`` does; they end with the only NUL in them."""
    key: bytes = _sort_key(text)
    return key


def collation_version() -> str:
    """Names the collation: sort keys made under one name must not be compared with those of another."""
    return f"ICU {ICU_VERSION}, Unicode {UNICODE_VERSION}"


def equality_key(value: JsonValue) -> Hashable:
    """A key for sets: two values have equal keys exactly if ``compare`` holds them equal.

    It is made in time of the value's size. Parts stand one after the other, each behind the place of its type, and
    arrays and objects begin with their length, so that no two values run into the same key.
    """
    if isinstance(value, str):
        key: bytes = _sort_key(value)
        return key
    if value is None or isinstance(value, bool):
        return (rank(value),)
    if isinstance(value, int | float):
        return (NUMBER, value)  # 1 and 1.0 are equal and have one hash; true is kept apart by its place
    parts: list[Hashable] = []
    pending: list[JsonValue] = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            parts += (ARRAY, len(part))
            pending.extend(reversed(part))
        elif isinstance(part, dict):
            parts += (OBJECT, len(part))
            for name, inner in reversed(part.items()):
                pending += (inner, name)
        else:
            parts.append(equality_key(part))
    return tuple(parts)
