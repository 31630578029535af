import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.collation import compare
from docstore.core.collation_key import AFTER, array_prefix, order_key, raw_key
from docstore.core.json_text import JsonValue
from tests.core.test_collation import ASCENDING, VALUES, sign

RECORDED = json.loads((Path(__file__).parent.parent / "conformance" / "data" / "collation_open.json").read_text())

RAW_ASCENDING: list[JsonValue] = [
    *(-1, 0, 1, 1.5, 2, 10, False, None, True),
    *({}, {"a": 1}, {"a": 1, "b": 2}, {"a": 2}, {"b": 1}, {"b": 2, "a": 1}),
    *([], [None], [["a"]], ["a"], ["a", 1], ["b"]),
    *("", " ", "1", "A", "B", "_", "a", "a\x00", "a\x00b", "aa", "b", "ä"),
]

NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(10**400), 10**400)
    | st.builds(lambda near, far: near + far, st.sampled_from([2**53, -(2**53), 2**64, 2**1024]), st.integers(-3, 3))
)


def order(left: bytes, right: bytes) -> int:
    return (left > right) - (left < right)


def test_keys_sort_as_recorded() -> None:
    keys = [order_key(row["key"]) for row in RECORDED["rows"]]
    assert keys == sorted(keys)


def test_equal_keys_are_those_that_couchdb_groups() -> None:
    of_id = {row["id"]: order_key(row["key"]) for row in RECORDED["rows"]}
    groups = [{of_id[doc_id] for doc_id in group} for group in RECORDED["groups"]]
    assert all(len(group) == 1 for group in groups)
    assert len(set.union(*groups)) == len(groups)


@pytest.mark.parametrize(("low", "high"), list(pairwise(ASCENDING)))
def test_examples(low: JsonValue, high: JsonValue) -> None:
    assert order_key(low) < order_key(high)


@given(VALUES, VALUES)
def test_bytes_sort_as_values(left: JsonValue, right: JsonValue) -> None:
    assert order(order_key(left), order_key(right)) == sign(compare(left, right))


@given(NUMBERS, NUMBERS)
def test_numbers_of_any_size(left: float, right: float) -> None:
    expected = (left > right) - (left < right)
    assert order(order_key(left), order_key(right)) == expected
    assert order(raw_key(left), raw_key(right)) == expected


def test_raw_keys_sort_as_recorded() -> None:
    keys = [raw_key(value) for value in RAW_ASCENDING]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@given(VALUES, VALUES, st.sampled_from([order_key, raw_key]))
def test_no_key_begins_another(left: JsonValue, right: JsonValue, key_of: object) -> None:
    function = order_key if key_of is order_key else raw_key
    one, other = function(left), function(right)
    assert one == other or not one.startswith(other)
    assert max(one, other) < AFTER


@given(st.lists(VALUES, max_size=3), st.lists(VALUES, max_size=3))
def test_a_prefix_is_a_range(items: list[JsonValue], more: list[JsonValue]) -> None:
    prefix = array_prefix(items, order_key)
    assert order_key(items + more).startswith(prefix)
    assert prefix <= order_key(items + more) < prefix + AFTER


def test_nesting_uses_no_stack() -> None:
    value: JsonValue = None
    for _ in range(10_000):
        value = [value]
    assert len(order_key(value)) == 20_001
