"""Which part of an index a selector leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.collation import compare
from docstore.core.selector.selector import compile_selector
from docstore.query.mango.ranges import End, Range, end_key, field_ranges, fields_of, indexable_fields, start_key

LOWEST, HIGHEST = End.LOWEST, End.HIGHEST


def ranges(selector):
    return field_ranges(compile_selector(selector).normalised)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, {}),
        ({"a": 1}, {"a": Range(1, True, 1, True)}),
        ({"a": {"$gt": 1}}, {"a": Range(1, False, HIGHEST, False)}),
        ({"a": {"$gte": 1, "$lt": 5}}, {"a": Range(1, True, 5, False)}),
        ({"a": {"$gt": 1, "$gte": 1}}, {"a": Range(1, False, HIGHEST, False)}),
        ({"a": {"$gte": 3, "$lte": 3}}, {"a": Range(3, True, 3, True)}),
        ({"a": {"$gt": 3, "$lte": 3}}, {"a": None}),
        ({"a": {"$gt": 3}, "b": {"$lt": "x"}}, {"a": Range(3, False), "b": Range(high="x")}),
        ({"a": {"$gt": 3, "$lt": 2}, "b": 1}, {"a": None}),
        ({"a": {"$exists": True}}, {"a": Range()}),
        ({"a": {"$ne": 1}}, {}),
        ({"$or": [{"a": 1}, {"a": 2}]}, {}),
        ({"a": {"$beginsWith": "x"}}, {"a": Range("x", True, "x\uffff", True)}),
        ({"_id": {"$gt": "B", "$lt": "a"}}, {"_id": Range("B", False, "a", False)}),
        ({"a": {"$gt": "a", "$lt": "B"}}, {"a": Range("a", False, "B", False)}),
        ({"a": {"$gt": "B", "$lt": "a"}}, {"a": None}),
    ],
)
def test_ranges(selector, expected):
    assert ranges(selector) == expected


def test_fields():
    normal = compile_selector({"a": 1, "$or": [{"b.c": {"$gt": 1}}, {"d": {"$in": [1]}}], "e": {"$size": 2}}).normalised
    assert fields_of(normal) == {"a", "b.c", "d", "e"}
    assert indexable_fields(normal) == ["a"]


def test_keys_end_where_a_bound_is_open():
    narrowed = [Range(1, True, 1, True), Range(low=2), Range(5, True, 5, True)]
    assert start_key(narrowed) == [1, 2, 5]
    assert end_key(narrowed) == [1, HIGHEST]
    assert end_key([]) == [HIGHEST]


VALUES = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "B", "b", "é"]))
CONDITIONS = st.lists(st.tuples(st.sampled_from(["$eq", "$gt", "$gte", "$lt", "$lte"]), VALUES), min_size=1, max_size=4)


@given(CONDITIONS, VALUES)
def test_a_value_is_in_the_range_exactly_if_it_matches(conditions, value):
    selector = {"$and": [{"a": {operator: argument}} for operator, argument in conditions]}
    compiled = compile_selector(selector)
    narrowed = field_ranges(compiled.normalised)["a"]
    assert compiled({"a": value}) == (narrowed is not None and _contains(narrowed, value))


def _contains(narrowed, value):
    if narrowed.low is not LOWEST:
        order = compare(value, narrowed.low)
        if order < 0 or (order == 0 and not narrowed.with_low):
            return False
    if narrowed.high is not HIGHEST:
        order = compare(value, narrowed.high)
        if order > 0 or (order == 0 and not narrowed.with_high):
            return False
    return True
