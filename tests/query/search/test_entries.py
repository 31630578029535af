"""What one document has in an index, and how much of it."""

from typing import Any

import pytest

from docstore.core.json_text import JsonValue, decode
from docstore.query.search.analyzers import analyzers_of
from docstore.query.search.entries import Entry, Field, entry_of
from docstore.query.search.terms import BETWEEN, GAP, code_of

ANALYZERS = analyzers_of("standard")
STORED: dict[str, JsonValue] = {"store": True}


def entry(*fields: Field, most: int = 1_000) -> tuple[Entry, bool]:
    found, left_out = entry_of("d", fields, ANALYZERS, most, partitioned=False)
    assert found is not None
    return found, left_out


def terms(found: Entry, name: str) -> list[str]:
    code = code_of(name)
    return [one.removeprefix(code) for one in found["terms"].split(BETWEEN) if one.startswith(code)]


def test_several_values_are_shown_with_the_last_one_first() -> None:
    found, _ = entry(*(Field("a", value, STORED) for value in (1, "x", True)), Field("b", 2, STORED))
    assert decode(found["stored"]) == {"a": [True, "x", 1], "b": 2}


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ([Field("a", "one two three four five six", {})], {"a": ["one", "two", "three", "four"]}),
        (
            [Field("a", "one", {}), Field("b", "two", {}), Field("c", "three", {})],
            {"a": ["one"], "b": ["two"], "c": []},
        ),
        ([Field(f"f{number}", number, {}) for number in range(9)], {"f5": []}),
    ],
)
def test_a_document_has_a_bounded_number_of_terms(fields: list[Field], shown: dict[str, Any]) -> None:
    found, left_out = entry(*fields, most=5)
    assert left_out
    assert {name: terms(found, name) for name in shown} == shown
    assert terms(found, "_id") == ["d"]
    assert found["terms"].count(GAP) <= 2 * 5


def test_a_document_with_as_many_terms_as_may_be() -> None:
    found, left_out = entry(Field("a", "one two three four", {}), most=5)
    assert (terms(found, "a"), left_out) == (["one", "two", "three", "four"], False)


def test_a_boost_goes_as_far_as_there_is_room() -> None:
    found, _ = entry(Field("a", "one two", {"boost": 8}), most=5)
    assert terms(found, "a") == ["one", "two"] * 2


def test_many_values_of_one_field_take_time_of_their_number() -> None:
    found, left_out = entry(*(Field("a", 1, {"index": "no", **STORED}) for _ in range(50_000)), most=20_000)
    assert left_out
    assert len(found["stored"]) == len(b'{"a":[]}') + 2 * 20_000 - 1
