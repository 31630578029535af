"""URLs of peers."""

import pytest

from docstore.replication.errors import PeerError
from docstore.replication.remote.options import BasicAuth
from docstore.replication.remote.urls import (
    attachment_path,
    document_path,
    origin,
    public_url,
    query_string,
    redirected,
    session_url,
    split_credentials,
)


@pytest.mark.parametrize(
    ("url", "clean", "auth"),
    [
        ("http://h/db", "http://h/db", None),
        ("http://h:5984/p/db/?x=1#y", "http://h:5984/p/db", None),
        ("https://me:pw@h/db", "https://h/db", BasicAuth("me", "pw")),
        ("https://me@h/db", "https://h/db", BasicAuth("me", "")),
        ("https://m%40e:p%3Aw%2F@h/d%2Fb/", "https://h/d%2Fb", BasicAuth("m@e", "p:w/")),
        ("http://[::1]:80/db", "http://[::1]:80/db", None),
    ],
)
def test_credentials_are_taken_out(url, clean, auth) -> None:
    assert split_credentials(url) == (clean, auth)


@pytest.mark.parametrize("url", ["", "db", "/db", "ftp://h/db", "http:///db", "http://h:x/db", "http://[::1/db"])
def test_what_is_no_url(url) -> None:
    with pytest.raises(PeerError):
        split_credentials(url)


def test_for_people() -> None:
    assert public_url("https://me:pw@h/db?api_key=1#x") == "https://h/db"
    assert public_url("http://[") == "(no URL)"


def test_who_is_the_same() -> None:
    assert origin("http://h/db") == origin("http://me@h:80/x")
    assert len({origin(url) for url in ("http://h/", "https://h/", "http://h:81/", "http://i/")}) == 4
    assert session_url("http://h:1/prefix/db") == "http://h:1/_session"


def test_redirects() -> None:
    assert redirected("http://h/db/_changes?x=1", "/other?y=2") == "http://h/other?y=2"
    assert redirected("http://h/db/a", "b") == "http://h/db/b"
    assert redirected("http://h/db", "https://me:pw@i/db#x") == "https://i/db"
    for location in ("javascript:x", "ftp://x/", "http://[/"):
        with pytest.raises(ValueError, match=r".*"):
            redirected("http://h/db", location)


def test_paths() -> None:
    assert document_path("a/b ü?#") == "a%2Fb%20%C3%BC%3F%23"
    assert document_path("_design/a/b") == "_design/a%2Fb"
    assert document_path("_local/a") == "_local/a"
    assert attachment_path("_design/d", "x/../y") == "_design/d/x%2F..%2Fy"
    assert query_string([]) == ""
    assert query_string([("a b", "c&d"), ("e", "ü")]) == "?a%20b=c%26d&e=%C3%BC"
