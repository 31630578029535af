"""Design documents: what may stand where, and what makes two of them the same to an index."""

import pytest

from docstore.query.design.document import parse_design
from docstore.query.errors import InvalidDesignDoc

MAP = "function(doc){emit(1)}"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"views": 1}, "`views` field must have object type"),
        ({"views": None}, "`views` field must have object type"),
        ({"views": {"a": 1}}, "`views.a` field must have object type"),
        ({"views": {"a": {}}}, "View `a` must contain map function"),
        ({"views": {"a": {"reduce": "_count"}}}, "View `a` must contain map function"),
        ({"views": {"a": {"map": 1}}}, "`views.a.map` field must have string type"),
        ({"views": {"a": {"map": {"x": 1}}}}, "`views.a.map` field must have string type"),
        ({"views": {"a": {"map": MAP, "reduce": 1}}}, "`views.a.reduce` field must have string type"),
        ({"views": {"a": {"map": MAP, "options": 1}}}, "`views.a.options` field must have object type"),
        ({"views": {"a": {"map": MAP, "reduce": "_foo"}}}, "`_foo` is not a supported reduce function."),
        ({"views": {"a": {"map": MAP, "reduce": "_top_0"}}}, "rank value must be between 1 and 100"),
        ({"views": {"a": {"map": MAP, "reduce": "_bottom_101"}}}, "rank value must be between 1 and 100"),
        ({"views": {"a": {"map": MAP, "reduce": "_top_" + "9" * 5_000}}}, "rank value must be between 1 and 100"),
        ({"views": {"a": {"map": MAP, "reduce": "_top_x"}}}, "invalid rank reducer"),
        ({"views": {"lib": 1}}, "`views.lib` field must have object type"),
        ({"views": {"lib": {"map": 1}}}, "`views.lib.map` field must have string type"),
        ({"language": 1}, "`language` field must have string type"),
        ({"language": None}, "`language` field must have string type"),
        ({"language": "query", "views": {"a": {"map": MAP}}}, "`views.a.map` field must have object type"),
        ({"options": 1}, "`options` field must have object type"),
        ({"options": {"local_seq": 1}}, "`options.local_seq` field must have boolean type"),
        ({"filters": 1}, "`filters` field must have object type"),
        ({"filters": {"a": 1}}, "`filters.a` field must have string or object type"),
        ({"updates": []}, "`updates` field must have object type"),
        ({"shows": 1}, "`shows` field must have object type"),
        ({"lists": {"a": None}}, "`lists.a` field must have string or object type"),
        ({"rewrites": 1}, "`rewrites` field must have array or string type"),
        ({"validate_doc_update": {}}, "`validate_doc_update` field must have string type"),
    ],
)
def test_what_is_refused(document, reason) -> None:
    with pytest.raises(InvalidDesignDoc) as caught:
        parse_design(document)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"rewrites": []},
        {"filters": {"a": {"b": "function(){}"}}},
        {"views": {"a": {"map": MAP, "reduce": "_sumX"}}},
        {"views": {"a": {"map": MAP, "reduce": "_top_100"}, "": {"map": MAP}}},
        {"language": "query", "views": {"a": {"map": {"fields": {"x": "asc"}}}}},
        {"language": "python", "views": {"a": {"map": "def"}}},
        {"fulltext": 1, "autoupdate": 1, "options": {"collation": "foo"}},
    ],
)
def test_what_is_taken(document) -> None:
    parse_design(document)


def test_equal_functions_are_one() -> None:
    views = {
        "b": {"map": MAP, "reduce": "_count"},
        "a": {"map": MAP, "reduce": "function(){}"},
        "c": {"map": "other", "reduce": "function(){}"},
        "lib": {"x": "exports.a = 1"},
    }
    design = parse_design({"_id": "_design/d", "_rev": "1-a", "views": views})
    assert [(view.name, view.map_index, view.reduce_index) for view in design.views.values()] == [
        ("a", 0, 0),
        ("b", 0, None),
        ("c", 1, 0),
    ]
    assert (design.maps, design.reduces, dict(design.lib)) == ((MAP, "other"), ("function(){}",), views["lib"])


def test_maps_that_python_holds_equal_are_two() -> None:
    views = {"a": {"map": {"x": 1}}, "b": {"map": {"x": True}}, "c": {"map": {"x": 1.0}}}
    assert len(parse_design({"language": "query", "views": views}).maps) == 3


BASE = {"views": {"a": {"map": MAP}, "lib": {"x": "1"}}, "options": {"local_seq": True}}


@pytest.mark.parametrize(
    ("document", "same"),
    [
        (BASE | {"_id": "_design/other", "_rev": "2-b", "filters": {"f": "function(){}"}, "note": 1}, True),
        ({"options": BASE["options"], "views": {"lib": {"x": "1"}, "a": {"map": MAP}}, "language": "javascript"}, True),
        (BASE | {"language": "other"}, False),
        (BASE | {"options": {}}, False),
        (BASE | {"views": {"a": {"map": MAP}}}, False),
        (BASE | {"views": {"b": {"map": MAP}, "lib": {"x": "1"}}}, False),
        (BASE | {"views": {"a": {"map": MAP, "reduce": "_sum"}, "lib": {"x": "1"}}}, False),
    ],
)
def test_the_signature_is_that_of_the_views(document, same) -> None:
    assert (parse_design(document).signature == parse_design(BASE).signature) == same
