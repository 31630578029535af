"""Content negotiation, as CouchDB's web server reads it."""

import pytest

from docstore.errors import BadRequest, NotAcceptable
from docstore.httpd.wire.accept import accepts, accepts_gzip

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


@pytest.mark.parametrize("header", ["gzip", "GZIP", "deflate, gzip;q=0.5", "*", "br, *;q=0.1", "identity;q=0, gzip"])
def test_gzip_is_taken(header):
    assert accepts_gzip(header)


@pytest.mark.parametrize(
    "header", [None, "", "identity", "deflate", "gzip;q=0", "*, gzip;q=0", "br;q=1.0, gzip;q=0.000"]
)
def test_gzip_is_not_taken(header):
    assert not accepts_gzip(header)


@pytest.mark.parametrize("header", ["identity;q=0", "gzip;q=0, identity;q=0", "*;q=0", "br, *;q=0"])
def test_nothing_is_taken(header):
    with pytest.raises(NotAcceptable):
        accepts_gzip(header)


def test_weights_that_are_none():
    with pytest.raises(BadRequest):
        accepts_gzip("gzip;q=much")
