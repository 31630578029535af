from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.json_text import JsonValue, decode, encode
from docstore.errors import InvalidValue
from docstore.query.views import distinct
from docstore.query.views.reducers import OVERFLOW_FROM, SUM_REFUSES, ReducedRow, built_in

NAMES = ["_sum", "_count", "_stats", "_approx_count_distinct", "_top_2", "_bottom_3", "_first", "_last"]


def rows_of(values: list[JsonValue]) -> list[ReducedRow]:
    return [ReducedRow(encode(place % 3), b'"d%d"' % place, encode(value)) for place, value in enumerate(values)]


def reduced(name: str, values: list[JsonValue]) -> JsonValue:
    function = built_in(name)
    return decode(function.finish(function.reduce(rows_of(values))))


@given(st.sampled_from(NAMES), st.lists(st.integers(-50, 50), min_size=1), st.lists(st.integers(0, 30)))
def test_reductions_may_be_taken_in_any_grouping(name: str, values: list[JsonValue], cuts: list[int]) -> None:
    function = built_in(name)
    rows = rows_of(values)
    places = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    parts = [function.reduce(rows[low:high]) for low, high in pairwise(places)]
    assert function.finish(function.rereduce(parts)) == function.finish(function.reduce(rows))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2.5], 3.5),
        ([[1, 2], 3], [4, 2]),
        ([1, [1, 2]], [2, 2]),
        ([[], 1], [1]),
        ([{"a": 1}, {"a": 2, "b": [1]}], {"a": 3, "b": [1]}),
        ([{"a": {"x": 1}}, {"a": {"x": 2}}], {"a": {"x": 3}}),
    ],
)
def test_sums(values: list[JsonValue], expected: JsonValue) -> None:
    assert reduced("_sum", values) == expected


@pytest.mark.parametrize(
    ("values", "cause"), [(["x"], "x"), ([1, None], None), ([True], True), ([1, {"a": 1}], {"a": 1}), ([["x"]], [0])]
)
def test_a_sum_of_what_cannot_be_added_is_an_error_as_a_value(values: list[JsonValue], cause: JsonValue) -> None:
    expected = {"error": "builtin_reduce_error", "reason": SUM_REFUSES, "caused_by": cause}
    assert reduced("_sum", values) == expected
    function = built_in("_sum")
    assert decode(function.rereduce([b"1", encode(expected)])) == expected


def test_a_sum_that_does_not_shrink() -> None:
    wide: JsonValue = [1000 + place for place in range(OVERFLOW_FROM)]
    assert reduced("_sum", [wide])["error"] == "builtin_reduce_error"  # type: ignore[index, call-overload]
    assert reduced("_sum", [wide] * 3) == [3 * value for value in wide]  # type: ignore[operator, union-attr]


def test_statistics() -> None:
    known = {"sum": 3, "count": 2, "min": 1, "max": 2, "sumsqr": 5}
    assert reduced("_stats", [1, 2]) == known
    assert reduced("_stats", [known, 3]) == {"sum": 6, "count": 3, "min": 1, "max": 3, "sumsqr": 14}
    assert reduced("_stats", [[1, 2], [1, 2]]) == [
        {"sum": 2, "count": 2, "min": 1, "max": 1, "sumsqr": 2},
        {"sum": 4, "count": 2, "min": 2, "max": 2, "sumsqr": 8},
    ]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["str"], "non-numeric _stats input: <<115,116,114>>"),
        ([{"sum": 1}], "user _stats input missing required field count ({[{<<115,117,109>>,1}]})"),
        ([[1, 2], [1]], None),
        ([1, "x"], None),
    ],
)
def test_what_has_no_statistics(values: list[JsonValue], reason: str | None) -> None:
    with pytest.raises(InvalidValue) as refused:
        reduced("_stats", values)
    assert reason is None or refused.value.reason == reason


def test_ranks_and_ends() -> None:
    values: list[JsonValue] = [3, "a", 3, None, [1], 7]
    assert reduced("_top_3", values) == [[1], "a", 7]
    assert reduced("_bottom_2", values) == [None, 3]
    assert reduced("_first", values) == 3
    assert reduced("_last", values) == 7


@pytest.mark.parametrize("count", [0, 1, 100, 1_500, 3_000, 20_000])
def test_distinct_keys_are_estimated(count: int) -> None:
    terms = [b"m%d" % number for number in range(count)]
    estimate = distinct.estimate(distinct.union([distinct.of_terms(terms[::2]), distinct.of_terms(terms[1::2])]))
    assert abs(estimate - count) <= 0.07 * count
    assert distinct.union([distinct.of_terms(terms), distinct.of_terms(terms)]) == distinct.of_terms(terms)
