import pytest

from docstore.errors import InvalidJson, QueryParseError
from docstore.httpd.params.values import erlang_text, parse_boolean, parse_integer, parse_json, parse_positive_integer


@pytest.mark.parametrize(
    ("value", "read"),
    [("true", True), ("false", False), ("TRUE", True), ("False", False), (True, True), (False, False)],
)
def test_booleans(value, read):
    assert parse_boolean(value) is read


@pytest.mark.parametrize(
    ("value", "shown"), [("foo", '"foo"'), ("", "[]"), ("1", '"1"'), (1, "1"), (None, "null"), ('a"b\\', '"a\\"b\\\\"')]
)
def test_what_is_no_boolean(value, shown):
    with pytest.raises(QueryParseError) as error:
        parse_boolean(value)
    assert error.value.reason == f"Invalid boolean parameter: {shown}"


@pytest.mark.parametrize(
    ("value", "read"), [("5", 5), ("-1", -1), ("+7", 7), ("007", 7), ("9" * 308, 10**308 - 1), (12, 12), (-3, -3)]
)
def test_integers(value, read):
    assert parse_integer(value) == read


@pytest.mark.parametrize(
    "value", ["", "abc", "1.5", "1e3", " 1", "1_000", "٣", "9" * 309, "9" * 5000, True, 1.0, None, [1]]
)
def test_what_is_no_integer(value):
    with pytest.raises(QueryParseError, match="Invalid value for integer: "):
        parse_integer(value)


def test_positive_integers():
    assert parse_positive_integer("0") == 0
    with pytest.raises(QueryParseError) as error:
        parse_positive_integer("-1")
    assert error.value.reason == 'Invalid value for positive integer: "-1"'
    with pytest.raises(QueryParseError, match="Invalid value for integer"):
        parse_positive_integer("x")


def test_json():
    assert parse_json('["é",1]') == ["é", 1]
    for text in ("foo", "", "{", '"\udcff"'):
        with pytest.raises(InvalidJson):
            parse_json(text)


def test_how_values_are_quoted():
    assert erlang_text("a\nb") == '"a\\nb"'
    assert erlang_text({"a": [1, None]}) == '{"a":[1,null]}'
