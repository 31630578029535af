"""Ranges of ids out of JSON keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.database.reading.key_range import UNSET, RangeQuery

IDS = ["", "a", "b", "b\x00", "bb", "c", "é", "😀"]
NOT_STRINGS = [None, False, True, 5, -1.5, [], ["a"], {}, {"a": 1}]

texts = st.sampled_from(IDS)
keys = st.just(UNSET) | texts | st.sampled_from(NOT_STRINGS)


def order(key: object) -> tuple[bool, bytes]:
    """Whatever is no string comes before every string."""
    return (True, key.encode()) if isinstance(key, str) else (False, b"")


@given(keys, keys, st.booleans(), st.booleans())
def test_contains_what_lies_between(start_key, end_key, inclusive_end, descending):
    limits = RangeQuery(
        start_key=start_key, end_key=end_key, inclusive_end=inclusive_end, descending=descending
    ).range()
    for text in IDS:
        expected = True
        if start_key is not UNSET:
            expected &= order(text) <= order(start_key) if descending else order(text) >= order(start_key)
        if end_key is not UNSET:
            expected &= order(text) >= order(end_key) if descending else order(text) <= order(end_key)
            expected &= inclusive_end or text != end_key
        assert limits.contains(text) == expected, text


@given(keys, st.booleans(), st.booleans())
def test_key_is_a_range_of_one(key, inclusive_end, descending):
    limits = RangeQuery(key, "a", "b", inclusive_end=inclusive_end, descending=descending).range()
    expected = [text for text in IDS if text == key] if key is not UNSET else None
    if expected is not None:
        assert [text for text in IDS if limits.contains(text)] == expected


@given(keys, keys, st.booleans(), st.booleans(), texts, texts)
def test_within_is_an_intersection(start_key, end_key, inclusive_end, descending, low, high):
    limits = RangeQuery(
        start_key=start_key, end_key=end_key, inclusive_end=inclusive_end, descending=descending
    ).range()
    part = limits.within(low, high)
    for text in IDS:
        if text not in (low, high):
            assert part.contains(text) == (limits.contains(text) and low < text < high), text


@pytest.mark.parametrize("key", NOT_STRINGS)
def test_reading_down_from_before_all_passes_everything(key):
    assert RangeQuery(UNSET, key, UNSET, descending=True).range().past_end
    assert not RangeQuery(UNSET, key, UNSET).range().past_end
