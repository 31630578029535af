"""What the rules of ``rewrites`` make of a path."""

import pytest

from docstore.query.design.rewriting import RewriteFailed, match_rules

FORMATS = {"n": "int", "b": "bool", "o": "other"}


def target(rule, *segments, query=(), secure=True):
    return match_rules([rule], "/db/_design/d", "GET", segments, query, secure=secure)


@pytest.mark.parametrize(
    ("name", "text", "spelled"),
    [
        ("n", "12", "12"),
        ("n", "-3", "-3"),
        ("n", "a", "%22a%22"),
        ("n", "1.5", "%221.5%22"),
        ("n", "9" * 309, f"%22{'9' * 309}%22"),
        ("b", "TRUE", "true"),
        ("b", "no", "%22no%22"),
        ("o", "12", "%2212%22"),
        ("x", "12", "%2212%22"),
    ],
)
def test_what_is_bound_is_of_its_format(name, text, spelled):
    rule = {"from": f"v/:{name}", "to": "_view/v", "query": {"key": f":{name}"}, "formats": FORMATS}
    assert target(rule, "v", text) == f"/db/_design/d/_view/v?key={spelled}&{name}={text}"


def test_formats_within_lists():
    rule = {"from": ":n/:m", "to": "_view/v", "query": {"key": [":n", ":m"]}, "formats": FORMATS}
    assert target(rule, "1", "2") == "/db/_design/d/_view/v?key=%5B1%2C%222%22%5D&n=1&m=2"


def test_formats_that_are_none():
    assert target({"from": ":n", "to": "x", "query": {"key": ":n"}, "formats": 5}, "1").endswith("?key=%221%22&n=1")


def test_targets_beyond_the_database():
    rule = {"from": "up", "to": "../../../_uuids"}
    with pytest.raises(RewriteFailed):
        target(rule, "up")
    assert target(rule, "up", secure=False) == "/_uuids"
    assert target({"from": "up", "to": "../../x"}, "up") == "/db/x"
