"""Structured fields: what can be read, and what counts as absent."""

import pytest

from docstore.httpd.wire.structured_fields import boolean_item, count_item, string_or_word


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("?1", True),
        ("?0", False),
        (" ?1 ", True),
        ("?1;a", True),
        ("?0; a=1;b=?0", False),
        ('?1;a="; ,\\"";b', True),
        ('?1;a="', None),
        ("?1;a=b c", None),
        (None, None),
        ("", None),
        ("1", None),
        ("true", None),
        ("?2", None),
        ("?1, ?0", None),
        ("?1 x", None),
    ],
)
def test_booleans(text, value):
    assert boolean_item(text) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("007", 7),
        ("999999999999999", 999_999_999_999_999),
        (" 5 ", 5),
        ("5;x=y", 5),
        (None, None),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        ("1000000000000000", None),
        ("1, 2", None),
        ("٣", None),
    ],
)
def test_counts(text, value):
    assert count_item(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a"', "a"),
        ('""', ""),
        (' "a b, c" ', "a b, c"),
        ('"a\\"b\\\\"', 'a"b\\'),
        ('"a";v=1;w="x"', "a"),
        ("a;v=1", "a"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("user:42/a+b=", "user:42/a+b="),
        ("", None),
        ("a b", None),
        ("a, b", None),
        ('"a", "b"', None),
        ('"a" b', None),
        ('"a', None),
        ('a"', None),
        ('"a\\b"', None),
        ("(a)", None),
        ("é", None),
        ('"é"', None),
        ('"a\tb"', None),
    ],
)
def test_strings_and_words(text, value):
    assert string_or_word(text) == value


@pytest.mark.parametrize("item", ["?1", "5", '"a"', "a"])
@pytest.mark.parametrize("repeated", [";a= ", "; ;", ' ;a=""', ";a=b", " "])
def test_what_cannot_be_read_is_seen_soon(item, repeated):
    """A pattern that tries all ways to cut it would not come to an end."""
    text = item + repeated * 5_000 + "@,"
    assert boolean_item(text) is None
    assert count_item(text) is None
    assert string_or_word(text) is None
