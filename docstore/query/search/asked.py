"""What is asked of an index, checked.

Owns the shape of a question, what its members may be, and its bookmarks. It must not know HTTP nor an index. Follows
``IndexService`` of Clouseau (``parseSort``, ``validateGroupField``, ``getDrilldown``) and its words.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NamedTuple, TypeAlias

from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.lucene.nodes import Between, Query
from docstore.core.lucene.numbers import number_of
from docstore.core.lucene.parser import Bounds, parse
from docstore.errors import BadRequest, DocstoreError
from docstore.query.search.ordering import By, Order

RELEVANCE: Final = "relevance"
NO_ROWS: Final = "g2o"
"""The bookmark of a page without rows that had no bookmark itself: Cloudant's."""
INVALID_BOOKMARK: Final = "Invalid bookmark parameter supplied"
LEAST_DRILLDOWN: Final = 2
OTHER_SORT: Final = "sort order not compatible with given bookmark"

_SORT: Final = re.compile(r"([-+])?([.A-Za-z0-9_]+)(?:<([A-Za-z0-9_]+)>)?")
_DISTANCE: Final = re.compile(r"[-+]?<distance,.*>")
_KINDS: Final = {"string": By.TEXT, "number": By.NUMBER, None: By.NUMBER}


class SortField(NamedTuple):
    """One part of ``sort``. ``field`` is empty for scores and places."""

    by: By
    field: str = ""
    descending: bool = False


BY_RELEVANCE: Final = (SortField(By.SCORE, descending=True),)

Ranges: TypeAlias = Mapping[str, Mapping[str, Between]]


@dataclass(frozen=True, slots=True)
class Highlighting:
    """What is marked in which stored fields. ``size``: about so many characters of a fragment."""

    fields: tuple[str, ...]
    before: str = "<em>"
    after: str = "</em>"
    number: int = 1
    size: int = 0


@dataclass(frozen=True, slots=True)
class Grouping:
    """The field whose values are groups, how many of them, and their order."""

    field: str
    limit: int = 10
    sort: tuple[SortField, ...] = BY_RELEVANCE


@dataclass(frozen=True, slots=True)
class Question:
    """A question. ``fields``: of the stored ones those that are shown, None for all; ``after``: where the last page
    ended; ``bookmark``: as it was given.
    """

    query: Query
    limit: int
    partition: str | None = None
    sort: tuple[SortField, ...] = BY_RELEVANCE
    after: Order | None = None
    bookmark: str | None = None
    counts: tuple[str, ...] | None = None
    ranges: Ranges | None = None
    drilldown: tuple[tuple[str, ...], ...] = ()
    grouping: Grouping | None = None
    fields: frozenset[str] | None = None
    highlighting: Highlighting | None = None


# --- What members may be ----------------------------------------------------------------------------------------------


def read_query(value: JsonValue, bounds: Bounds) -> Query:
    """``q``. Raises BadRequest."""
    if not isinstance(value, str):
        raise BadRequest("Malformed query syntax")
    return parse(value, bounds)


def read_sort(value: JsonValue, most: int) -> tuple[SortField, ...]:
    """``sort``: a field or a list of them. Raises BadRequest."""
    if value is None or value == RELEVANCE:
        return BY_RELEVANCE
    fields = value if isinstance(value, list) else [value]
    if not fields or len(fields) > most:
        raise BadRequest(f"sort has at least one field, and {most} at most")
    return tuple(map(_sort_field, fields))


def _sort_field(value: JsonValue) -> SortField:
    if not isinstance(value, str):
        raise BadRequest("Malformed query syntax")
    if value in ("<score>", "-<score>"):
        return SortField(By.SCORE, descending=value[0] == "-")
    if value in ("<doc>", "-<doc>"):
        return SortField(By.PLACE, descending=value[0] == "-")
    if _DISTANCE.fullmatch(value):
        raise BadRequest("Sorting by distance is not supported.")
    found = _SORT.fullmatch(value)
    if found is None:
        raise BadRequest(f"Unrecognized sort parameter: {value}")
    sign, field, kind = found.groups()
    if kind not in _KINDS:
        raise BadRequest(f"Unrecognized type: {kind}")
    return SortField(_KINDS[kind], field, descending=sign == "-")


def read_group_field(value: JsonValue) -> str:
    """``group_field``. Raises BadRequest."""
    found = _SORT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise BadRequest(f"Unrecognized group_field parameter: {value}")
    if found[3] == "number":
        raise BadRequest("Group by number not supported. Group by string terms only.")
    if found[3] not in (None, "string"):
        raise BadRequest(f"Unrecognized group_field value: {value}")
    return found[2]


def read_names(member: str, value: JsonValue, most: int) -> tuple[str, ...]:
    """A list of fields, ``most`` of them at most. Raises BadRequest."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BadRequest(f"{encode(value).decode()} is not a valid {member} query")
    if len(value) > most:
        raise BadRequest(f"{member} has more than {most} fields.")
    return tuple(map(str, value))


def read_drilldown(value: JsonValue, most: int) -> tuple[tuple[str, ...], ...]:
    """``drilldown``: a list of lists, each of a field and of values of which one must be there. Raises BadRequest."""
    if isinstance(value, list) and value and not isinstance(value[0], list):
        value = [value]
    if not isinstance(value, list):
        raise BadRequest("invalid drilldown query")
    for one in value:
        if not isinstance(one, list) or len(one) < LEAST_DRILLDOWN:
            raise BadRequest(f"invalid drilldown query {encode(one).decode()}")
        if not all(isinstance(name, str) for name in one):
            raise BadRequest(f"{encode(one).decode()} contains non-string element")
    chosen = tuple(tuple(map(str, one)) for one in value if isinstance(one, list))
    if sum(map(len, chosen)) - len(chosen) > most:
        raise BadRequest(f"drilldown has more than {most} values.")
    return chosen


def read_ranges(value: JsonValue, bounds: Bounds) -> Ranges:
    """``ranges``: field -> label -> a range of numbers. Raises BadRequest."""
    if not isinstance(value, dict):
        raise BadRequest("invalid ranges query")
    ranges: dict[str, dict[str, Between]] = {}
    count = 0
    for field, labels in value.items():
        if not isinstance(labels, dict):
            raise BadRequest(f"{encode(value).decode()} is not a valid ranges query")
        ranges[field] = {label: _range(text, bounds) for label, text in labels.items()}
        count += len(labels)
    if count > bounds.clauses:
        raise BadRequest(f"There are more than {bounds.clauses} ranges.")
    return ranges


def _range(text: JsonValue, bounds: Bounds) -> Between:
    if not isinstance(text, str):
        raise BadRequest("invalid ranges query")
    found = parse(text, bounds)
    if isinstance(found, Between):
        ends = [number_of(end) for end in (found.low, found.high) if end is not None]
        if None not in ends:
            return found
    raise BadRequest(f"{text} was not a well-formed range specification")


# --- Bookmarks --------------------------------------------------------------------------------------------------------


def bookmark_of(order: Order, sort: Sequence[SortField]) -> str:
    """The bookmark of a page that ended with a hit."""
    values: list[JsonValue] = [value.hex() if isinstance(value, float) else value for value in order]
    kinds = ["f" if isinstance(value, float) else "-" for value in order]
    told = encode([_digest(sort), "".join(kinds), *values])
    return urlsafe_b64encode(told).rstrip(b"=").decode()


def read_bookmark(bookmark: JsonValue, sort: Sequence[SortField]) -> Order | None:
    """Where a page ended; None for one without rows. Raises BadRequest."""
    if bookmark == NO_ROWS or bookmark is None:
        return None
    if not isinstance(bookmark, str):
        raise BadRequest(INVALID_BOOKMARK)
    try:
        raw = bookmark.encode("ascii")
        told = decode(urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)))
    except (DocstoreError, ValueError):
        raise BadRequest(INVALID_BOOKMARK) from None
    match told:
        case [str() as digest, str() as kinds, *values] if len(kinds) == len(values):
            if digest != _digest(sort) or len(values) != _width(sort):
                raise BadRequest(OTHER_SORT)
            order = [_value(kind, value) for kind, value in zip(kinds, values, strict=True)]
            _check(order, sort)
            return order
        case _:
            raise BadRequest(INVALID_BOOKMARK)


def _value(kind: str, value: JsonValue) -> str | float | int | None:
    if kind == "f" and isinstance(value, str):
        try:
            return float.fromhex(value)
        except (ValueError, OverflowError):
            raise BadRequest(INVALID_BOOKMARK) from None
    if value is not None and (not isinstance(value, (str, int)) or isinstance(value, bool)):
        raise BadRequest(INVALID_BOOKMARK)
    return value


def _check(order: Order, sort: Sequence[SortField]) -> None:
    """Raises BadRequest where a value is none that this order has: bookmarks come from anybody."""
    place = order[-1]
    valid = isinstance(place, int) and 0 <= place < 1 << 63
    for field, value in zip(sort, order, strict=False):
        if field.by is By.TEXT:
            valid = valid and (value is None or isinstance(value, str))
        elif field.by is not By.PLACE:
            valid = valid and isinstance(value, float) and value == value
    if not valid:
        raise BadRequest(INVALID_BOOKMARK)


def _width(sort: Sequence[SortField]) -> int:
    return len(sort) + (sort[-1].by is not By.PLACE)


def _digest(sort: Sequence[SortField]) -> str:
    told = "\n".join(f"{one.by.value} {one.field} {one.descending}" for one in sort)
    return blake2b(told.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
