"""What a text index is asked for a selector, against what the selector matches."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docstore.core.lucene.parser import parse
from docstore.core.lucene.printer import printed
from docstore.core.selector.selector import compile_selector
from docstore.errors import BadRequest
from docstore.query.mango.text_index import analyzer_of, read_text_definition, text_indexes_of
from docstore.query.mango.text_selector import has_text, text_columns, text_query, text_sort
from docstore.query.search.analyzers import analyzers_of
from docstore.query.search.answering import found_ids
from docstore.query.search.asked import Question, SortField
from docstore.query.search.entries import entry_of
from docstore.query.search.folder import make_folder
from docstore.query.search.ordering import By
from docstore.query.search.selected import text_fields_of
from docstore.settings import SearchSettings

DEFINITION = read_text_definition({})
ANALYZERS = analyzers_of(analyzer_of(DEFINITION))
LIMITS = SearchSettings(writer_memory=15_000_000, max_columns=16)

names = st.sampled_from(["a", "b", "c.d", "Ü_x"])
texts = st.sampled_from(["x", "X y", "x*", "34", "z/]"])
numbers = st.sampled_from([-1, 0, 2.5, 34])
scalars = st.one_of(texts, numbers, st.booleans(), st.none())
values = st.one_of(scalars, st.lists(scalars, max_size=3))
documents = st.lists(
    st.dictionaries(
        names.map(lambda name: name.split(".")[0]), values | st.fixed_dictionaries({"d": values}), max_size=3
    ),
    min_size=1,
    max_size=12,
)
conditions = st.one_of(
    scalars.map(lambda value: {"$eq": value}),
    values.map(lambda value: {"$ne": value}),
    st.lists(scalars, min_size=1, max_size=3).map(lambda some: {"$in": some}),
    st.lists(scalars, min_size=1, max_size=3).map(lambda some: {"$nin": some}),
    st.booleans().map(lambda there: {"$exists": there}),
    st.sampled_from([{"$type": "string"}, {"$regex": "x"}, {"$mod": [2, 0]}, {"$beginsWith": "x"}, {"$size": 2}]),
    st.lists(scalars, min_size=1, max_size=2).map(lambda some: {"$all": some}),
    scalars.map(lambda value: {"$elemMatch": {"$eq": value}}),
)
selectors = st.recursive(
    st.builds(lambda name, condition: {name: condition}, names, conditions),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"$and": some}),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"$or": some}),
        inner.map(lambda one: {"$not": one}),
    ),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    path = Path(mkdtemp(prefix="docstore-text-"))
    yield path
    shutil.rmtree(path)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(docs=documents, asked=st.lists(selectors, min_size=1, max_size=8))
def test_everything_that_matches_is_found(root: Path, docs: list[Any], asked: list[Any]) -> None:
    fields = text_fields_of(DEFINITION)
    folder = make_folder(root / "index", 1, 16)
    docs = [{"_id": f"d{number}", "_rev": "1-a", **doc} for number, doc in enumerate(docs)]
    entries = [entry_of(doc["_id"], fields.of(doc), ANALYZERS, 1_000, partitioned=False)[0] for doc in docs]
    folder.write([one for one in entries if one], [], LIMITS, fresh=True)
    folder.commit(1, 0)
    for each in asked:
        selector = compile_selector(each)
        query = text_query(selector.normalised)
        assert query is not None
        assert parse(printed(query)) == query  # as ``_explain`` tells it
        found = {doc_id for doc_id, _ in found_ids(folder, ANALYZERS, Question(query, 100), LIMITS)}
        assert {doc["_id"] for doc in docs if selector(doc)} <= found


@pytest.mark.parametrize(
    ("selector", "columns"),
    [
        ({"a": 1}, ["a:number"]),
        ({"a": {"$gt": "x"}, "b.c": True}, ["a:string", "b.c:boolean"]),
        ({"$text": "x"}, ["$default"]),
        ({"a": {"$in": ["x", 1]}}, ["a:string", "a:number"]),
        ({"a": ["x"]}, ["a.[]:string"]),
        ({"a": None}, []),
        ({"a": {"$exists": True}}, []),
        ({"a": {"$exists": False}}, [":"]),
        ({"a": {"$regex": "x"}}, ["a:string"]),
        ({"a": {"$elemMatch": {"b": 1}}}, ["a.[].b:number"]),
    ],
)
def test_columns_that_an_index_needs(selector: Any, columns: list[str]) -> None:
    assert text_columns(compile_selector(selector, with_text=True).normalised) == columns


def test_where_text_is_asked_for() -> None:
    assert has_text(compile_selector({"$or": [{"a": 1}, {"$text": "x"}]}, with_text=True).normalised)
    assert not has_text(compile_selector({"a": {"$eq": "$text"}}).normalised)


def test_what_is_sorted_by() -> None:
    normal = compile_selector({"age": {"$gt": 1}, "name": "x", "both": {"$gt": 1, "$lt": "x"}}).normalised
    assert text_sort((("age", "asc"), ("name", "desc")), normal) == (
        SortField(By.NUMBER, "age_3anumber"),
        SortField(By.TEXT, "name_3astring", descending=True),
    )
    assert text_sort((("a.[]:string", "asc"),), normal) == (SortField(By.TEXT, "a._5b_5d_3astring"),)
    for field in ("both", "none"):
        with pytest.raises(BadRequest, match="Unspecified or ambiguous sort type"):
            text_sort(((field, "asc"),), normal)


@pytest.mark.parametrize(
    ("definition", "error"),
    [
        ([], "invalid_index"),
        ({"fields": 1}, "invalid_index_fields_definition"),
        ({"fields": ["a"]}, "invalid_index_fields_definition"),
        ({"fields": [{"name": "", "type": "string"}]}, "invalid_index_fields_definition"),
        ({"fields": [{"name": "a", "type": "date"}]}, "invalid_index_fields_definition"),
        ({"other": 1}, "invalid_key"),
        ({"index_array_lengths": 1}, "invalid_boolean"),
    ],
)
def test_what_is_no_definition(definition: Any, error: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_text_definition(definition)
    assert caught.value.error == error
    assert list(text_indexes_of({"indexes": {"a": {"index": definition}}})) == []


def test_a_definition_as_it_is_shown() -> None:
    kept = read_text_definition({"fields": [{"name": "a", "type": "string"}], "default_field": {"analyzer": "german"}})
    [index] = text_indexes_of({"indexes": {"t": {"index": kept}, "other": {"index": "function (doc) {}"}}})
    assert index.columns == {"$default", "a:string"}
    assert index.shown == {
        "default_analyzer": "keyword",
        "default_field": {"analyzer": "german"},
        "selector": {},
        "fields": [{"a": "string"}],
        "index_array_lengths": True,
    }
    assert analyzer_of(kept) == {"name": "perfield", "default": "keyword", "fields": {"$default": "german"}}
    assert analyzer_of(read_text_definition({"default_field": False})) == "keyword"
