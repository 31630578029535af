"""What can be asked, and what is said to what cannot."""

import pytest

from docstore.errors import BadRequest
from docstore.query.mango.bookmarks import Place, bookmark_of, read_bookmark
from docstore.query.mango.editing import check_type, hashed_name
from docstore.query.mango.options import read_bulk_delete, read_definition, read_find, read_new_index, shown_options
from docstore.query.mango.words import NoIndexService, pretty_text

NOT_NATURAL = " is not an integer greater than or equal to zero"


def find(**members):
    return read_find({"selector": {}, **members}, default_limit=25)


@pytest.mark.parametrize(
    ("body", "word", "reason"),
    [
        ({}, "missing_required_key", "Missing required key: selector"),
        ({"selector": 1}, "invalid_selector_json", "Selector must be a JSON object, not: 1"),
        ({"selector": {"a": {"$x": 1}}}, "invalid_operator", "Invalid operator: $x"),
        ({"selector": {}, "x": 1}, "invalid_key", "Invalid key x for this request."),
        ({"selector": {}, "limit": -1}, "invalid_non_neg_integer", f"-1{NOT_NATURAL}"),
        ({"selector": {}, "limit": True}, "invalid_non_neg_integer", f"true{NOT_NATURAL}"),
        ({"selector": {}, "skip": 1.5}, "invalid_non_neg_integer", f"1.5{NOT_NATURAL}"),
        ({"selector": {}, "r": 0}, "invalid_pos_integer", "0 is not an integer greater than zero"),
        ({"selector": {}, "fields": "a"}, "invalid_fields", "Fields must be an array of strings, not: <<97>>"),
        ({"selector": {}, "fields": [1]}, "invalid_field", "Invalid JSON for field spec: 1"),
        ({"selector": {}, "fields": ["a."]}, "invalid_field_name", "Invalid field name: a."),
        ({"selector": {}, "sort": "a"}, "invalid_sort_json", 'Sort must be an array of sort specs, not: <<"a">>'),
        ({"selector": {}, "sort": [""]}, "invalid_sort_field", "Invalid sort field: <<>>"),
        ({"selector": {}, "sort": [{"a": "up"}]}, "invalid_sort_field", 'Invalid sort field: {[{<<"a">>,<<"up">>}]}'),
        ({"selector": {}, "use_index": 1}, "invalid_index_name", "Invalid index name: 1"),
        ({"selector": {}, "use_index": "a/b/c"}, "invalid_index_name", "Invalid index name: <<97,47,98,47,99>>"),
        ({"selector": {}, "use_index": ["a", 1]}, "invalid_index_name", "Invalid index name: [<<97>>,1]"),
        ({"selector": {}, "bookmark": 1}, "invalid_bookmark", "Invalid bookmark value: 1"),
        ({"selector": {}, "conflicts": 1}, "invalid_boolean", "Invalid boolean value: 1"),
        ({"selector": {}, "conflicts_only": 1}, "invalid_boolean", "Invalid boolean value: 1"),
        ({"selector": {}, "stale": "no"}, "invalid_ok_or_false_value", "Invalid value for stale: <<110,111>>"),
        ({"selector": {}, "partition": "_a"}, "illegal_partition", "Partition must not start with an underscore"),
    ],
)  # fmt: skip
def test_what_cannot_be_found(body, word, reason):
    with pytest.raises(BadRequest) as refusal:
        read_find(body, default_limit=25)
    assert (refusal.value.error, refusal.value.reason) == (word, reason)


@pytest.mark.parametrize(
    ("use_index", "names"),
    [
        ("a", ("a",)),
        ("_design/a", ("a",)),
        ("a/b", ("a", "b")),
        ("_design/a/b", ("a", "b")),
        (["a", "b"], ("a", "b")),
        ([], ()),
        (None, ()),
    ],
)
def test_use_index(use_index, names):
    assert find(use_index=use_index).use_index == names


def test_how_options_are_shown():
    shown = shown_options(find(sort=[{"a": "desc"}, {"b": "desc"}], fields=["a"], stale="ok"))
    assert shown["sort"] == {"a": "desc", "b": "desc"}
    assert (shown["bookmark"], shown["fields"], shown["stale"]) == ("nil", ["a"], "ok")
    assert "conflicts_only" not in shown
    assert shown_options(find(conflicts_only=True))["conflicts_only"] is True


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "missing_required_key"),
        ({"index": {}, "name": ""}, "invalid_empty_string"),
        ({"index": {}, "ddoc": 1}, "invalid_string"),
        ({"index": {}, "w": 0}, "invalid_pos_integer"),
        ({"index": {}, "partitioned": 1}, "invalid_partitioned_value"),
        ({"index": {}, "unique": 1}, "invalid_boolean"),
        ({"index": {}, "x": 1}, "invalid_key"),
        ({"index": 1}, "invalid_index"),
        ({"index": {}}, "missing_required_key"),
        ({"index": {"fields": ["a"], "x": 1}}, "invalid_key"),
        ({"index": {"fields": ["a"], "partial_filter_selector": 1}}, "invalid_selector_json"),
        ({"index": {"fields": [{"a": "asc"}, {"b": "desc"}]}}, "unsupported_mixed_sort"),
    ],
)
def test_what_is_no_index(body, word):
    with pytest.raises(BadRequest) as refusal:
        read_definition(read_new_index(body).raw)
    assert refusal.value.error == word


def test_types_of_indexes():
    for kind in ("text", "nouveau"):
        with pytest.raises(NoIndexService) as unavailable:
            check_type(kind)
        assert (unavailable.value.error, unavailable.value.reason) == ("required index service unavailable", kind)
    with pytest.raises(BadRequest, match="Invalid type for index: x"):
        check_type("x")


@pytest.mark.parametrize("docids", [1, ["a", 1], [None]])
def test_what_cannot_be_deleted(docids):
    with pytest.raises(BadRequest):
        read_bulk_delete({"docids": docids})


# Asked of CouchDB 3.5.0: POST /db/_index with this body, and the name that it made.
NAMES = [
    ({"index": {"fields": ["a"]}}, "7095fd2321a986309496ad2ac9c3498246175757"),
    (
        {"index": {"fields": ["a", {"b": "asc"}], "partial_filter_selector": {"x": {"$gt": 1.5}}}, "w": 3},
        "56030c2fb515d6788135c508d64d0f7e84720f2d",
    ),
    (
        {"index": {"fields": ["é"]}, "name": "n", "partitioned": False},
        "42bcfd7d6bf0a98d25a47e8d977943efe5cf9679",
    ),
    ({"index": {"fields": ["a"]}, "ddoc": "d", "type": "json"}, "bcd25b2c6c55bacda4f6b854c68a1cd7d1cdb95c"),
]


@pytest.mark.parametrize(("body", "name"), NAMES)
def test_names_are_those_of_couchdb(body, name):
    assert hashed_name(read_new_index(body)) == name


def test_terms_as_people_read_them():
    assert pretty_text('a"b\\\n') == '<<"a\\"b\\\\\\n">>'
    assert pretty_text("\x01") == "<<1>>"
    assert pretty_text(["é", 1, None, {"a": True}]) == '[<<"é">>,1,null,{[{<<"a">>,true}]}]'


@pytest.mark.parametrize(("key", "doc_id"), [(b"[1,null]", b'"a"'), (b'"x"', b'"x"'), ('["é"]'.encode(), b'"\\""')])
def test_bookmarks(key, doc_id):
    place = Place(key, doc_id)
    read = read_bookmark(bookmark_of(place))
    assert isinstance(read.doc_id, str)


@pytest.mark.parametrize("text", ["nil", "x", "é", "W10", "WzEsMV0", "e30", "!!!!", "bnVsbA"])
def test_what_is_no_bookmark(text):
    with pytest.raises(BadRequest) as refusal:
        read_bookmark(text)
    assert refusal.value.error == "invalid_bookmark"
