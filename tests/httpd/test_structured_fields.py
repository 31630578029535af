"""Structured fields: what can be read, and what counts as absent."""

import pytest

from docstore.httpd.structured_fields import boolean_item, count_item


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("?1", True),
        ("?0", False),
        (" ?1 ", True),
        ("?1;a", True),
        ("?0; a=1;b=?0", False),
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
