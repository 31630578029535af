"""The reduce functions that are built in.

Owns what each of them makes of rows and of its own reductions. It must not know blocks, ranges or storage. Reductions
are bytes, so that they can be kept; ``finish`` makes of one the JSON that a reader sees. All of them may be taken
together in any grouping as long as the order of rows is kept. Follows ``couch_query_servers:builtin_reduce``, with its
words for values that cannot be reduced: ``_sum`` answers with an error as the value, ``_stats`` refuses the query.

Names count by their beginning, as in CouchDB: ``_sumX`` is ``_sum``.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, cast

from docstore.core.collation_key import order_key
from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.revision_hash import encode_term
from docstore.errors import DocstoreError, InvalidValue
from docstore.query.views import distinct
from docstore.query.views.erlang_order import written

SUM_REFUSES: Final = (
    "The _sum function requires that map values be numbers, arrays of numbers, or objects. Objects cannot be mixed with"
    " other data structures. Objects can be arbitrarily nested, provided that the values for all fields are themselves"
    " numbers, arrays of numbers, or objects."
)
OVERFLOW_FROM: Final = 4_906
"""Bytes of a sum's term from which on it must be less than half of what it was made of (``check_sum_overflow``)."""

_STATS: Final = ("sum", "count", "min", "max", "sumsqr")


class ReducedRow(NamedTuple):
    """A row as reduce functions see it: three JSON texts."""

    key: bytes
    doc_id: bytes
    value: bytes


Reduce = Callable[[Sequence[ReducedRow]], bytes]
Rereduce = Callable[[Sequence[bytes]], bytes]
Finish = Callable[[bytes], bytes]


class BuiltIn(NamedTuple):
    """One built-in function.

    ``counts``     it needs to know of rows how many they are, and no more
    ``of_values``  the same reduction made of the texts of values alone; None where that is not enough
    """

    reduce: Reduce
    rereduce: Rereduce
    finish: Finish
    counts: bool = False
    of_values: Callable[[Sequence[bytes]], bytes | None] = lambda _: None


def built_in(name: str) -> BuiltIn:
    """The function of this name; a design document that names another was refused. Raises InvalidValue."""
    for prefix, function in _BY_PREFIX.items():
        if name.startswith(prefix):
            return function
    for prefix, greatest in (("_top_", True), ("_bottom_", False)):
        if name.startswith(prefix):
            return _ranking(int(name.removeprefix(prefix)), greatest=greatest)
    raise InvalidValue(f"`{name}` is not a supported reduce function.")


def _decoded(texts: Sequence[bytes]) -> list[JsonValue]:
    """Many texts read at once, which costs half as much as one by one."""
    try:
        return cast("list[JsonValue]", decode(b"[%b]" % b",".join(texts)))
    except DocstoreError:  # one of them nests as deep as it may
        return [decode(text) for text in texts]


# --- _count -----------------------------------------------------------------------------------------------------------


def _count(rows: Sequence[ReducedRow]) -> bytes:
    return b"%d" % len(rows)


def _add_counts(reductions: Sequence[bytes]) -> bytes:
    return b"%d" % sum(map(int, reductions))


# --- _sum -------------------------------------------------------------------------------------------------------------


class _SumRefused(Exception):
    """The sum ends with this value."""

    def __init__(self, value: JsonValue) -> None:
        self.value = value


def _sum_of_texts(texts: Sequence[bytes]) -> bytes | None:
    text = encode(_sum_of(_decoded(texts)))
    return text if len(text) <= OVERFLOW_FROM // 4 else None


def _sum(rows: Sequence[ReducedRow]) -> bytes:
    total = _sum_of([decode(row.value) for row in rows])
    text = encode(total)
    if len(text) <= OVERFLOW_FROM // 4:
        return text
    size = sum(len(encode_term([[decode(key), decode(doc_id)], decode(value)])) for key, doc_id, value in rows)
    return _checked(text, total, size)


def _add_sums(reductions: Sequence[bytes]) -> bytes:
    values = [decode(one) for one in reductions]
    total = _sum_of(values)
    text = encode(total)
    if len(text) <= OVERFLOW_FROM // 4:
        return text
    return _checked(text, total, sum(len(encode_term([[], value])) for value in values))


def _checked(text: bytes, total: JsonValue, read: int) -> bytes:
    made = len(encode_term(total)) + 1
    if made <= OVERFLOW_FROM or made * 2 <= read:
        return text
    reason = f"Reduce output must shrink more rapidly: input size: {read} output size: {made}"
    return encode({"error": "builtin_reduce_error", "reason": reason})


def _sum_of(values: Sequence[JsonValue]) -> JsonValue:
    total: JsonValue = 0
    try:
        for value in values:
            total = _plus(value, total)
        encode(total)
    except _SumRefused as refused:
        return refused.value
    except (OverflowError, ValueError):
        return {"error": "builtin_reduce_error", "reason": "The sum is greater than a number can be."}
    return total


def _plus(value: JsonValue, total: JsonValue) -> JsonValue:
    if _is_number(value) and _is_number(total):
        return cast("float", total) + cast("float", value)
    if isinstance(value, list) or isinstance(total, list):
        if (_is_number(value) or isinstance(value, list)) and (_is_number(total) or isinstance(total, list)):
            return _plus_array(_listed(total), _listed(value))
    elif isinstance(value, dict):
        if value.get("error") == "builtin_reduce_error":
            raise _SumRefused(value)
        if isinstance(total, dict):
            both = {**total, **value}
            return {
                name: _plus(value[name], total[name]) if name in value and name in total else both[name]
                for name in sorted(both)
            }
        if total == 0 and _is_number(total):
            return value
    raise _refused(value)


def _plus_array(total: list[JsonValue], value: list[JsonValue]) -> list[JsonValue]:
    result: list[JsonValue] = []
    for place, (left, right) in enumerate(zip(total, value, strict=False)):
        if not (_is_number(left) and _is_number(right)):
            raise _refused(total[place:])
        result.append(cast("float", left) + cast("float", right))
    return result + total[len(result) :] + value[len(result) :]


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refused(cause: JsonValue) -> _SumRefused:
    return _SumRefused({"error": "builtin_reduce_error", "reason": SUM_REFUSES, "caused_by": cause})


# --- _stats -----------------------------------------------------------------------------------------------------------
# A reduction is what the reader sees, or the text of why there is none.


def _stats_of_texts(texts: Sequence[bytes]) -> bytes:
    return _stats_of(_decoded(texts))


def _stats(rows: Sequence[ReducedRow]) -> bytes:
    return _stats_of_texts([row.value for row in rows])


def _add_stats(reductions: Sequence[bytes]) -> bytes:
    values = [decode(one) for one in reductions]
    if all(type(value) is dict for value in values):  # of numbers, as nearly always
        known = cast("list[dict[str, float]]", values)
        return encode(
            {
                "sum": sum(one["sum"] for one in known),
                "count": sum(one["count"] for one in known),
                "min": min(one["min"] for one in known),
                "max": max(one["max"] for one in known),
                "sumsqr": sum(one["sumsqr"] for one in known),
            }
        )
    return _stats_of(values, again=True)


def _stats_of(values: Sequence[JsonValue], *, again: bool = False) -> bytes:
    try:
        if not values:
            return encode(dict.fromkeys(_STATS, 0))
        if again:
            for value in values:
                if isinstance(value, str):
                    raise InvalidValue(value)
        if all(type(value) is int or type(value) is float for value in values):
            return encode(_stats_of_numbers(cast("list[float]", values)))
        total = _first_stats(values[0])
        for value in values[1:]:
            total = _plus_stats(value, total)
        return encode(total)
    except InvalidValue as refused:
        return encode(refused.reason)
    except (OverflowError, ValueError):
        return encode("The sum is greater than a number can be.")


def _stats_of_numbers(values: Sequence[float]) -> JsonValue:
    total: float = 0
    squares: float = 0
    for value in values:  # one after the other, as CouchDB adds them: floats depend on it
        total += value
        squares += value * value
    return {"sum": total, "count": len(values), "min": min(values), "max": max(values), "sumsqr": squares}


def _first_stats(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_first_stats(item) for item in value]
    if _is_number(value):
        number = cast("float", value)
        return {"sum": number, "count": 1, "min": number, "max": number, "sumsqr": number * number}
    if isinstance(value, dict):
        return {name: _member(value, name) for name in _STATS}
    raise InvalidValue(f"non-numeric _stats input: {written(value)}")


def _plus_stats(value: JsonValue, total: JsonValue) -> JsonValue:
    if isinstance(value, list) and isinstance(total, list):
        if len(value) != len(total):
            raise InvalidValue(_stats_refuse(value))
        return [_plus_stats(left, right) for left, right in zip(value, total, strict=True)]
    if not isinstance(total, dict) or not (_is_number(value) or isinstance(value, dict)):
        raise InvalidValue(_stats_refuse(value))
    one, all_ = cast("dict[str, float]", _first_stats(value)), cast("dict[str, float]", total)
    return {
        "sum": one["sum"] + all_["sum"],
        "count": one["count"] + all_["count"],
        "min": min(one["min"], all_["min"]),
        "max": max(one["max"], all_["max"]),
        "sumsqr": one["sumsqr"] + all_["sumsqr"],
    }


def _stats_refuse(value: JsonValue) -> str:
    return f"The _stats function requires that map values be numbers or arrays of numbers, not '{written(value)}'"


def _member(value: dict[str, JsonValue], name: str) -> JsonValue:
    if name not in value:
        raise InvalidValue(f"user _stats input missing required field {name} ({written(value)})")
    if not _is_number(value[name]):
        raise InvalidValue(f"non-numeric _stats input received for {name}: {written(value[name])}")
    return value[name]


def _finish_stats(reduction: bytes) -> bytes:
    if reduction.startswith(b'"'):
        raise InvalidValue(str(decode(reduction)))
    return reduction


# --- _approx_count_distinct -------------------------------------------------------------------------------------------


def _distinct(rows: Sequence[ReducedRow]) -> bytes:
    return distinct.of_terms(encode_term(decode(row.key)) for row in rows)


def _finish_distinct(reduction: bytes) -> bytes:
    return b"%d" % distinct.estimate(reduction)


# --- _top_N, _bottom_N ------------------------------------------------------------------------------------------------


def _ranking(rank: int, *, greatest: bool) -> BuiltIn:
    def best(values: Sequence[JsonValue]) -> bytes:
        by_order: dict[bytes, JsonValue] = {}
        for value in values:
            by_order.setdefault(order_key(value), value)
        return encode([by_order[key] for key in sorted(by_order, reverse=greatest)[:rank]])

    def of_rows(rows: Sequence[ReducedRow]) -> bytes:
        return best([decode(row.value) for row in rows])

    def of_reductions(reductions: Sequence[bytes]) -> bytes:
        return best([value for one in reductions for value in cast("list[JsonValue]", decode(one))])

    return BuiltIn(of_rows, of_reductions, bytes)


# --- _first, _last ----------------------------------------------------------------------------------------------------


def _first(rows: Sequence[ReducedRow]) -> bytes:
    return rows[0].value if rows else b"[]"


def _last(rows: Sequence[ReducedRow]) -> bytes:
    return rows[-1].value if rows else b"[]"


_BY_PREFIX: Final = {
    "_sum": BuiltIn(_sum, _add_sums, bytes, of_values=_sum_of_texts),
    "_count": BuiltIn(_count, _add_counts, bytes, counts=True),
    "_stats": BuiltIn(_stats, _add_stats, _finish_stats, of_values=_stats_of_texts),
    "_approx_count_distinct": BuiltIn(_distinct, distinct.union, _finish_distinct),
    "_first": BuiltIn(_first, lambda reductions: reductions[0], bytes),
    "_last": BuiltIn(_last, lambda reductions: reductions[-1], bytes),
}
