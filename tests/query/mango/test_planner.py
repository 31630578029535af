"""Which index answers, and why no other."""

import pytest

from docstore.errors import BadRequest
from docstore.query.mango.definitions import BY_ID, MangoIndex, indexes_of
from docstore.query.mango.explaining import explain
from docstore.query.mango.options import read_find
from docstore.query.mango.planner import choose_index, is_exact


def index(name, *fields, partial=None, partitioned=False):
    columns = tuple((field, "asc") for field in fields)
    return MangoIndex(f"_design/{name}", name, columns, partial, partitioned, {"fields": []})


A, AB, B, ABC = index("a", "a"), index("ab", "a", "b"), index("b", "b"), index("abc", "a", "b", "c")
PART = index("part", "a", partial={"x": {"$eq": 1}})
ALL = (BY_ID, A, AB, ABC, B, PART)


def options_of(selector, **members):
    return read_find({"selector": selector, **members}, default_limit=25)


def chosen(selector, indexes=ALL, **members):
    return choose_index(indexes, options_of(selector, **members), partitioned=False).index.name


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        ({}, "_all_docs"),
        ({"a": 1}, "a"),
        ({"a": {"$gt": 1}, "b": 2}, "ab"),
        ({"b": 1}, "b"),
        ({"c": 1}, "_all_docs"),
        ({"a": 1, "b": 1, "c": 1}, "abc"),
        ({"a": {"$exists": False}}, "_all_docs"),
        ({"$or": [{"a": 1}, {"a": 2}]}, "a"),
        ({"$or": [{"a": 1}, {"b": 2}]}, "_all_docs"),
        ({"$or": []}, "a"),
        ({"$or": [], "c": {"$in": []}}, "a"),
        ({"$or": [], "c": {"$in": [1]}}, "_all_docs"),
        ({"c": {"$in": []}}, "_all_docs"),
        ({"$and": [{"$or": []}]}, "_all_docs"),
        ({"a": {"$in": [1]}}, "a"),
        ({"_id": "x"}, "_all_docs"),
    ],
)
def test_the_choice(selector, name):
    assert chosen(selector) == name


def test_sorting():
    assert chosen({"a": 1}, sort=["b"]) == "ab"
    assert chosen({"a": {"$gt": 1}}, sort=["a", "b"]) == "ab"
    assert chosen({"_id": {"$gt": "a"}}, sort=["_id"]) == "_all_docs"
    for selector, sort in (({"a": {"$gt": 1}}, ["b", "a"]), ({}, ["_id"]), ({"a": {"$gt": 1}}, ["x"])):
        with pytest.raises(BadRequest, match="No index exists for this sort") as refusal:
            chosen(selector, sort=sort)
        assert refusal.value.error == "no_usable_index"


def test_use_index():
    assert chosen({"a": 1, "b": 1}, use_index="a") == "a"
    assert chosen({"a": 1}, use_index=["part", "part"]) == "part"
    assert chosen({"a": 1}, use_index="b") == "a"
    assert chosen({"a": 1}, use_index="nowhere") == "a"
    for use_index, words in (("b", "_design/b specified"), (["x", "y"], "_design/x, y specified")):
        with pytest.raises(BadRequest, match=words) as refusal:
            chosen({"a": 1}, use_index=use_index, allow_fallback=False)
        assert refusal.value.error == "invalid_index"
    assert chosen({"a": 1}, allow_fallback=False) == "a"
    with pytest.raises(BadRequest, match="You must specify an index"):
        chosen({"c": 1}, allow_fallback=False)


def test_partitions_have_their_own_indexes():
    own = (BY_ID, A, index("p", "a", partitioned=True))
    assert chosen({"a": 1}, own) == "a"
    assert chosen({"a": 1}, own, partition="x") == "p"
    with pytest.raises(BadRequest, match="No partitioned index exists"):
        choose_index((BY_ID, A), options_of({"a": 1}, sort=["a"], partition="x"), partitioned=True)
    with pytest.raises(BadRequest, match="No global index exists"):
        choose_index((BY_ID,), options_of({"a": 1}, sort=["a"]), partitioned=True)


@pytest.mark.parametrize(
    ("selector", "exact"),
    [
        ({}, True),
        ({"a": 1}, True),
        ({"a": 1, "b": {"$gt": 1}}, True),
        ({"a": {"$gte": 1, "$lt": 2}}, True),
        ({"a": {"$gt": 1}, "b": 2}, False),
        ({"a": 1, "b": {"$exists": True}}, True),
        ({"a": {"$beginsWith": "x"}}, False),
        ({"a": {"$in": [1]}}, False),
        ({"a": 1, "x": 1}, False),
        ({"_id": {"$gt": "a", "$lte": "b"}}, True),
        ({"_id": {"$gt": "a"}, "x": 1}, False),
    ],
)
def test_when_no_document_has_to_be_looked_at(selector, exact):
    options = options_of(selector)
    assert is_exact(choose_index((BY_ID, AB, A), options, partitioned=False), options.normal) == exact


def test_ids_in_an_index_are_always_looked_at():
    own = (BY_ID, index("i", "_id", "a"))
    options = options_of({"_id": "x", "a": 1})
    assert not is_exact(choose_index(own, options, partitioned=False), options.normal)


def candidates(selector, **members):
    options = options_of(selector, **members)
    choice = choose_index(ALL, options, partitioned=False, explain=True)
    said = explain("db", choice, options, partitioned=False)["index_candidates"]
    return {
        one["index"]["name"]: (
            one["analysis"]["usable"],
            one["analysis"]["reasons"][0]["name"],
            one["analysis"]["ranking"],
            one["analysis"]["covering"],
        )
        for one in said
    }


def test_candidates():
    assert candidates({"a": 1, "b": 1}, fields=["a"]) == {
        "part": (False, "is_partial", 5, True),
        "b": (True, "less_overlap", 2, False),
        "abc": (False, "field_mismatch", 4, True),
        "a": (True, "less_overlap", 1, True),
        "_all_docs": (True, "unfavored_type", 3, None),
    }
    assert candidates({"a": 1}, use_index="a") == {
        "part": (False, "is_partial", 3, False),
        "b": (False, "field_mismatch", 2, False),
        "abc": (False, "field_mismatch", 2, False),
        "ab": (False, "field_mismatch", 2, False),
        "_all_docs": (True, "excluded_by_user", 1, None),
    }


def test_nothing_is_usable():
    options = options_of({"x": 1}, sort=["x"])
    said = explain("db", choose_index(ALL, options, partitioned=False, explain=True), options, partitioned=False)
    assert said["index"] is None
    assert "mrargs" not in said
    assert len(said["index_candidates"]) == len(ALL)


def test_what_a_design_document_defines():
    view = {"map": {"fields": {"a": "asc"}, "partial_filter_selector": {}}, "options": {"def": {}}}
    design = {
        "_id": "_design/d",
        "language": "query",
        "views": {
            "good": view,
            "without options": {"map": view["map"]},
            "no fields": {"map": {}, "options": {}},
            "no object": {"map": {"fields": ["a"]}, "options": {}},
            "unique": view | {"options": {"unique": True}},
            "lib": 7,
        },
    }
    found = indexes_of(design, partitioned=True)
    assert [one.name for one in found] == ["good", "unique"]
    assert found[0].listed() == {
        "ddoc": "_design/d", "name": "good", "type": "json", "partitioned": True, "def": {"fields": [{"a": "asc"}]},
    }  # fmt: skip
    assert found[1].listed()["unique"] is True
    assert indexes_of(design | {"options": {"partitioned": False}}, partitioned=True)[0].partitioned is False
    assert indexes_of(design | {"language": "javascript"}, partitioned=False) == []
