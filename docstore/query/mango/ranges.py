"""Which part of an index a selector leaves: bounds for each field.

Owns the reading of a selector as ranges, and the keys at their ends. Only conditions that all must hold count, so it
looks through ``$and`` and through nothing else. It must not know indexes nor how they are kept. Selectors are written
out in full (``core/selector``). Follows ``mango_idx_view.erl`` (``indexable_fields``, ``range``, ``start_key``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from docstore.core.collation import compare
from docstore.core.json_text import JsonValue
from docstore.core.selector.operators import compare_raw

ID: Final = "_id"


class End(Enum):
    """What is before and behind all values."""

    LOWEST = "lowest"
    HIGHEST = "highest"


Bound: TypeAlias = JsonValue | End
Compare: TypeAlias = Callable[[JsonValue, JsonValue], int]

HIGHEST_CHARACTER: Final = "\uffff"
"""The collation puts it behind all others, though there are greater code points."""

LAST_CHARACTER: Final = "\U0010ffff"
"""The greatest in the order of bytes, which ids have."""

INDEXABLE: Final = frozenset({"$lt", "$lte", "$eq", "$gt", "$gte", "$beginsWith", "$exists"})
EMPTY_LISTS: Final = frozenset({"$all", "$and", "$or", "$in"})


class Condition(NamedTuple):
    """One condition of a selector: on a field, by an operator."""

    field: str
    operator: str
    argument: JsonValue


@dataclass(frozen=True, slots=True)
class Range:
    """The values between two bounds, each with whether it belongs to them."""

    low: Bound = End.LOWEST
    with_low: bool = False
    high: Bound = End.HIGHEST
    with_high: bool = False

    @property
    def single(self) -> bool:
        """Whether there is only one value."""
        return self.with_low and self.with_high and self.low is self.high


ALL: Final = Range()
ALL_IDS: Final = Range(low=None)
"""All ids: they are behind ``null``."""


def conditions_of(selector: JsonValue) -> Iterator[JsonValue]:
    """The parts of a selector that all must hold."""
    pending = [selector]
    while pending:
        part = pending.pop()
        if not isinstance(part, dict) or not part:
            continue
        ((name, argument),) = part.items()
        if name == "$and" and isinstance(argument, list):
            pending.extend(reversed(argument))
        else:
            yield part


def condition_of(part: JsonValue) -> Condition | None:
    """A part of a selector as a condition on a field; None for a combination."""
    if not isinstance(part, dict) or len(part) != 1:
        return None
    ((field, test),) = part.items()
    if field.startswith("$") or not isinstance(test, dict) or len(test) != 1:
        return None
    ((operator, argument),) = test.items()
    return Condition(field, operator, argument)


def field_conditions(selector: JsonValue) -> list[Condition]:
    """The conditions on fields that all must hold."""
    found = map(condition_of, conditions_of(selector))
    return [condition for condition in found if condition is not None]


def indexable_fields(selector: JsonValue) -> list[str]:
    """The fields that an index can narrow, sorted."""
    return sorted({one.field for one in field_conditions(selector) if one.operator in INDEXABLE})


def field_ranges(selector: JsonValue) -> dict[str, Range | None]:
    """The ranges of those fields. None is a range without values, and then stands alone."""
    conditions: dict[str, list[Condition]] = {}
    for condition in field_conditions(selector):
        if condition.operator in INDEXABLE:
            conditions.setdefault(condition.field, []).append(condition)
    found: dict[str, Range | None] = {}
    for field in sorted(conditions):
        narrowed = _range_of(conditions[field], compare_raw if field == ID else compare)
        if narrowed is None:
            return {field: None}
        found[field] = narrowed
    return found


def _range_of(conditions: list[Condition], by: Compare) -> Range | None:
    """What the conditions on one field leave of it; None if nothing."""
    narrowed: Range | None = ALL
    for condition in conditions:
        if narrowed is not None:
            narrowed = _narrow(narrowed, condition.operator, condition.argument, by)
    return narrowed


def _narrow(range_: Range, operator: str, value: JsonValue, by: Compare) -> Range | None:
    match operator:
        case "$eq":
            inside = _below(range_, value, by, with_it=True) and _above(range_, value, by, with_it=True)
            return Range(value, True, value, True) if inside else None
        case "$gt" | "$gte":
            return _raise_low(range_, value, by, with_it=operator == "$gte")
        case "$lt" | "$lte":
            return _lower_high(range_, value, by, with_it=operator == "$lte")
        case "$beginsWith":
            raised = _raise_low(range_, value, by, with_it=True)
            last = LAST_CHARACTER if by is compare_raw else HIGHEST_CHARACTER
            return None if raised is None else _lower_high(raised, f"{value}{last}", by, with_it=True)
        case _:
            return range_


def _raise_low(range_: Range, value: JsonValue, by: Compare, *, with_it: bool) -> Range | None:
    if not _below(range_, value, by, with_it=with_it):
        return None
    if not isinstance(range_.low, End):
        order = by(value, range_.low)
        if order < 0 or (order == 0 and (with_it or not range_.with_low)):
            return range_
    if with_it and range_.with_high and not isinstance(range_.high, End) and by(value, range_.high) == 0:
        return Range(value, True, value, True)
    return Range(value, with_it, range_.high, range_.with_high)


def _lower_high(range_: Range, value: JsonValue, by: Compare, *, with_it: bool) -> Range | None:
    if not _above(range_, value, by, with_it=with_it):
        return None
    if not isinstance(range_.high, End):
        order = by(value, range_.high)
        if order > 0 or (order == 0 and (with_it or not range_.with_high)):
            return range_
    if with_it and range_.with_low and not isinstance(range_.low, End) and by(value, range_.low) == 0:
        return Range(value, True, value, True)
    return Range(range_.low, range_.with_low, value, with_it)


def _below(range_: Range, value: JsonValue, by: Compare, *, with_it: bool) -> bool:
    """Whether some value of the range may be at or above ``value``."""
    if isinstance(range_.high, End):
        return True
    order = by(value, range_.high)
    return order < 0 or (order == 0 and with_it and range_.with_high)


def _above(range_: Range, value: JsonValue, by: Compare, *, with_it: bool) -> bool:
    """Whether some value of the range may be at or below ``value``."""
    if isinstance(range_.low, End):
        return True
    order = by(value, range_.low)
    return order > 0 or (order == 0 and with_it and range_.with_low)


def fields_of(selector: JsonValue) -> set[str]:
    """The field paths that a selector looks at."""
    if not isinstance(selector, dict) or not selector:
        return set()
    ((name, argument),) = selector.items()
    if name.startswith("$") and isinstance(argument, list):
        return set().union(*map(fields_of, argument))
    return {name}


# --- Keys -------------------------------------------------------------------------------------------------------------


def start_key(ranges: list[Range]) -> list[JsonValue]:
    """Where the rows of an index begin that a query looks at."""
    key: list[JsonValue] = []
    for range_ in ranges:
        if isinstance(range_.low, End):
            break
        key.append(range_.low)
    return key


def end_key(ranges: list[Range]) -> list[Bound]:
    """Where they end: behind all rows that begin with this."""
    key: list[Bound] = []
    for range_ in ranges:
        if isinstance(range_.high, End):
            break
        key.append(range_.high)
    return [*key, End.HIGHEST]
