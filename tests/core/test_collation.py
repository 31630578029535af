import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.collation import compare, compare_strings
from docstore.core.json_text import JsonValue

RECORDED = json.loads((Path(__file__).parent.parent / "conformance" / "data" / "collation_open.json").read_text())

ASCENDING: list[JsonValue] = [
    None,
    False,
    True,
    -(10**30),
    -1.5,
    0,
    0.5,
    1,
    2**53,
    2**53 + 1,
    1e300,
    10**301,
    "",
    "a",
    "A",
    "aa",
    "b",
    "Ba",
    [],
    [None],
    ["a"],
    ["a", "b"],
    ["b"],
    [[]],
    [{}],
    {},
    {"a": 1},
    {"a": 1, "b": None},
    {"a": 2},
    {"b": 1},
    {"b": 1, "a": 9},
]

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
)


def sign(order: int) -> int:
    return (order > 0) - (order < 0)


def test_keys_sort_as_couchdb_returned_them() -> None:
    group = {doc_id: place for place, ids in enumerate(RECORDED["groups"]) for doc_id in ids}
    for left, right in pairwise(RECORDED["rows"]):
        order = compare(left["key"], right["key"])
        if group[left["id"]] == group[right["id"]]:
            assert order == 0, (left, right)
        else:
            assert order < 0, (left, right)


def test_all_recorded_keys_are_there() -> None:
    assert len(RECORDED["rows"]) == 357
    assert len(RECORDED["groups"]) == 330


@pytest.mark.parametrize(("place", "value"), list(enumerate(ASCENDING)))
def test_every_value_has_its_place(place: int, value: JsonValue) -> None:
    assert [sign(compare(value, other)) for other in ASCENDING] == [
        sign(place - other) for other in range(len(ASCENDING))
    ]


def test_integers_and_floats_compare_by_value() -> None:
    assert compare(1, 1.0) == 0
    assert compare(0.0, -0.0) == 0
    assert compare(2**53 + 1, float(2**53)) > 0


def test_true_is_no_number() -> None:
    assert compare(True, 1) < 0
    assert compare(False, 0) < 0


def test_members_of_objects_compare_in_their_order() -> None:
    assert compare({"a": 1, "b": 1}, {"b": 1, "a": 1}) < 0
    assert compare({"a": 1, "z": 1}, {"a": 2}) < 0


@pytest.mark.parametrize(("left", "right"), [("", "\u0000"), ("3", "٣"), ("é", "e\u0301"), ("Å", "\u212b")])
def test_strings_that_the_collation_holds_equal(left: str, right: str) -> None:
    assert compare_strings(left, right) == 0
    assert compare([left], [right]) == 0
    assert compare({left: 1}, {right: 1}) == 0


def test_deep_nesting_needs_no_stack() -> None:
    left: JsonValue = 1
    right: JsonValue = 2
    for _ in range(5000):
        left, right = [left], {"a": right}
        left, right = [left], [right]
    assert compare(left, left) == 0
    assert compare(left, right) < 0


@given(VALUES, VALUES)
def test_turning_the_question_around_turns_the_answer(left: JsonValue, right: JsonValue) -> None:
    assert sign(compare(left, right)) == -sign(compare(right, left))
    assert compare(left, left) == 0


@given(VALUES, VALUES, VALUES)
def test_the_order_is_transitive(one: JsonValue, two: JsonValue, three: JsonValue) -> None:
    if compare(one, two) <= 0 and compare(two, three) <= 0:
        assert compare(one, three) <= 0
