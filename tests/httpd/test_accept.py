"""Content negotiation, as CouchDB's web server reads it."""

import pytest

from docstore.httpd.accept import accepts

MIXED = "multipart/mixed"


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "*/*",
        "multipart/mixed",
        "multipart/*",
        "Multipart/Mixed",
        "application/json, multipart/mixed",
        "application/json;q=1, */*;q=0.1",
        "text/html , multipart/mixed ; q=0.5",
    ],
)
def test_taken(accept):
    assert accepts(accept, MIXED)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "application/json",
        "multipart/related",
        "multipart/mixed;q=0",
        "*/*, multipart/mixed;q=0",
        "*/*, multipart/*;q=0.0",
        "multipart/mixed;boundary=x",
        "*/*;q=much",
    ],
)
def test_not_taken(accept):
    assert not accepts(accept, MIXED)
