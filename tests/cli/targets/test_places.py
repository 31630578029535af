"""What a TARGET may be, and what is said of one that it may not be."""

from pathlib import Path

import click
import pytest

from docstore.cli.targets.places import NameTarget, UrlTarget, parse_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("http://localhost:5984/films", UrlTarget("http://localhost:5984/films")),
        ("http://localhost/films/", UrlTarget("http://localhost/films")),
        ("https://sue:p%40ss@host/a%2Fb", UrlTarget("https://host/a%2Fb", "sue", "p@ss")),
        ("http://[::1]:5984/films", UrlTarget("http://[::1]:5984/films")),
    ],
)
def test_urls(text: str, target: UrlTarget) -> None:
    assert parse_target(text, None) == target


def test_a_password_is_not_in_the_label() -> None:
    assert "secret" not in parse_target("http://sue:secret@host/films", None).label


def test_names() -> None:
    assert parse_target("films", Path("d")) == NameTarget("films", Path("d"))


@pytest.mark.parametrize(
    ("text", "data", "message"),
    [
        ("films", None, "needs --data DIR"),
        ("http://host/films", Path("d"), "not with a URL"),
        ("ftp://host/films", None, "must be http"),
        ("http:///films", None, "must be http"),
        ("http://host", None, "must name one database"),
        ("http://host/a/b", None, "must name one database"),
        ("http://host/a?b=1", None, "must name one database"),
        ("http://host:99999/a", None, "no URL"),
        ("http://[::1/a", None, "no URL"),
    ],
)
def test_refused(text: str, data: Path | None, message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        parse_target(text, data)
