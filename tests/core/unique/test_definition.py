"""Unique indexes in design documents: found, and refused."""

from typing import Any

import pytest

from docstore.core.json_text import encode
from docstore.core.unique.definition import MOST_WRITTEN, definition_of, definitions_in
from docstore.errors import BadRequest, DocstoreError
from docstore.settings import MAX_UNIQUE_FIELDS, MAX_UNIQUE_INDEXES, MAX_UNIQUE_SELECTOR


def view(*fields: str, unique: object = True, **more: object) -> dict[str, Any]:
    return {
        "map": {"fields": dict.fromkeys(fields, "asc"), **more},
        "reduce": "_count",
        "options": {"def": {"fields": list(fields)}, "unique": unique},
    }


def found(views: object, language: str = "query") -> dict[str, tuple[str, ...]]:
    text = encode({"language": language, "views": views})  # type: ignore[dict-item]
    return {name: definition.fields for name, definition in definitions_in(text).items()}


def test_a_design_document_has_its_unique_indexes() -> None:
    views = {"a": view("email"), "b": view("x", "y.z"), "c": view("d", unique=False), "e": view("f", unique=1)}
    assert found(views) == {"a": ("email",), "b": ("x", "y.z")}


def test_selectors_are_compared_in_their_normal_form() -> None:
    spelled = [{"a": 1, "b": 2}, {"$and": [{"a": {"$eq": 1}}, {"b": {"$eq": 2}}]}]
    definitions = [
        definitions_in(encode({"language": "query", "views": {"v": view("x", partial_filter_selector=each)}}))
        for each in spelled
    ]
    assert definitions[0] == definitions[1] != {}
    assert definition_of(["x"], {}) == definition_of(["x"])


@pytest.mark.parametrize(
    "views",
    [
        None,
        [],
        "unique",
        {"a": None},
        {"a": {"options": {"unique": True}}},
        {"a": {"map": "function (doc) {}", "options": {"unique": True}}},
        {"a": view()},
        {"a": view("")},
        {"a": view("_id")},
        {"a": view("x", partial_filter_selector={"$nonsense": 1})},
        {"a": view("x", partial_filter_selector={"y": {"$regex": "a"}})},
        {"a": view("x", partial_filter_selector={"y": "z" * MAX_UNIQUE_SELECTOR})},
        {"a": view(*(f"f{n}" for n in range(MAX_UNIQUE_FIELDS + 1)))},
    ],
)
def test_what_is_none_by_the_rules_is_left_out(views: object) -> None:
    assert found(views) == {}


def test_other_languages_have_none() -> None:
    assert found({"a": view("x")}, "javascript") == {}
    assert definitions_in(b'["unique"]') == {}
    assert definitions_in(b'"unique') == {}


def test_no_more_than_a_database_may_have_are_read() -> None:
    assert len(found({str(n): view("x") for n in range(MAX_UNIQUE_INDEXES + 5)})) == MAX_UNIQUE_INDEXES


@pytest.mark.parametrize(
    "fields", [None, "x", [], [1], ["x", {"y": "asc"}], ["_rev"], ["_id.a"], ["a."], ["x" * 4_097]]
)
def test_fields_that_cannot_be(fields: object) -> None:
    with pytest.raises(DocstoreError):
        definition_of(fields)  # type: ignore[arg-type]


def test_operators_that_take_their_time_are_refused_wherever_they_stand() -> None:
    for selector in (
        {"a": {"$not": {"$regex": "x"}}},
        {"$or": [{"a": 1}, {"b": {"$elemMatch": {"$regex": "x"}}}]},
        {"a": {"$allMatch": {"b": {"$regex": "x"}}}},
    ):
        with pytest.raises(DocstoreError):
            definition_of(["x"], selector)  # type: ignore[arg-type]
    definition_of(["x"], {"a": {"$eq": {"$regex": "a value like others"}}})


@pytest.mark.parametrize(
    "selector",
    [
        {"a": {"$regex": "x"}},
        {"$or": [{"b": 1}, {"$nor": [{"a": {"c": {"$not": {"$regex": "("}}}}]}]},
        {"a": {"$elemMatch": {"b": {"$regex": "x"}}}},
        {"a": {"$in": ["x" * MOST_WRITTEN]}},
    ],
)
def test_what_would_take_long_is_refused_unread(selector: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer itself asks, for the sake of documents that were replicated."""

    def read(*_: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr("docstore.core.unique.definition.normalize", read)
    with pytest.raises(BadRequest, match=r"^The selector of a unique index (cannot have|has at most)"):
        definition_of(["x"], selector)


@pytest.mark.parametrize(
    "selector", [{"a": [{"$regex": "x"}]}, {"a": {"$eq": {"$regex": "x"}}}, {"a": {"$in": [{"$text": 1}]}}]
)
def test_values_are_no_operators(selector: Any) -> None:
    assert definition_of(["x"], selector).selector
