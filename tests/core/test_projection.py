"""Projections, after CouchDB's ``mango_fields``."""

import pytest

from docstore.core.projection import compile_projection
from docstore.errors import BadRequest

DOCUMENT = {"_id": "x", "a": 1, "b": {"c": 2, "d": {"e": None}}, "l": [{"k": 5}, 6], "p.q": 7}


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ([], DOCUMENT),
        (["a"], {"a": 1}),
        (["_id", "b.c"], {"_id": "x", "b": {"c": 2}}),
        (["b.c", "b.d.e"], {"b": {"c": 2, "d": {"e": None}}}),
        (["b", "b.c"], {"b": {"c": 2, "d": {"e": None}}}),
        (["nothing", "b.nothing", "a.b", "l.9", "l.x", "l.-1"], {}),
        (["l.0.k"], {"l": {"0": {"k": 5}}}),
        ([r"p\.q"], {"p.q": 7}),
    ],
)
def test_part(fields, part):
    assert compile_projection(fields)(DOCUMENT) == part


def test_the_document_is_left_alone():
    document = {"b": {"c": 2}, "c": 3}
    compile_projection(["b", "b.c", "c"])(document)
    assert document == {"b": {"c": 2}, "c": 3}


@pytest.mark.parametrize(("fields", "error"), [([5], "invalid_field"), (["a..b"], "invalid_field_name")])
def test_no_field_path(fields, error):
    with pytest.raises(BadRequest) as caught:
        compile_projection(fields)
    assert caught.value.error == error
