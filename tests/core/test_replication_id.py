"""The id of a replication against one that CouchDB computed, and what it does and does not depend on."""

import hashlib

import pytest

from docstore.core.replication_id import (
    Place,
    base_id,
    chosen_by_filter,
    chosen_by_selector,
    extension,
    id_term,
    split_job_id,
    split_url,
)
from docstore.core.revision_hash import encode_term

UUID = "0123456789abcdef0123456789abcdef"
SOURCE = Place("http://127.0.0.1/abc/", "adm")
TARGET = Place("http://127.0.0.1/xyz/", "adm")


def test_the_id_that_couchdb_computed_for_its_own_test() -> None:
    """From ``couch_replicator_ids:id_matches_couchdb3``; there the uuid is a list of characters, not a binary."""
    uuid = "somefixedid"
    term = id_term(uuid, SOURCE, TARGET)
    as_characters = term.replace(encode_term(uuid), encode_term(list(uuid.encode())), 1)
    digest = hashlib.md5(as_characters, usedforsecurity=False).hexdigest()
    assert digest == "ff71e1208f93ba054eb60e7ca8683fe4"


def test_the_id_is_the_md5_of_the_term() -> None:
    term = id_term(UUID, SOURCE, TARGET)
    assert base_id(UUID, SOURCE, TARGET) == hashlib.md5(term, usedforsecurity=False).hexdigest()


def test_the_term_of_a_place_byte_by_byte() -> None:
    place = Place("https://host:56/db/", None, (("X-Name", "v"),))
    remote = b"h\x07d\x00\x06remote" + b"d\x00\x09undefined" + b"k\x00\x04host" + b"a\x38" + b"k\x00\x04/db/"
    headers = b"l\x00\x00\x00\x01" + b"h\x02" + b"k\x00\x06X-Name" + b"k\x00\x01v" + b"j"
    assert remote + headers + b"d\x00\x09undefined" in id_term(UUID, place, TARGET)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://host/db/", "http://host:5984/db/"),
        ("http://host/db/", "http://host:80/db/"),
        ("https://host/db/", "https://host:443/db/"),
        ("http://host/db/", "https://host/db/"),
    ],
)
def test_default_ports_make_no_difference(one: str, other: str) -> None:
    assert base_id(UUID, Place(one), TARGET) == base_id(UUID, Place(other), TARGET)


def test_everything_else_makes_a_difference() -> None:
    ids = [
        base_id(UUID, SOURCE, TARGET),
        base_id(UUID[::-1], SOURCE, TARGET),
        base_id(UUID, TARGET, SOURCE),
        base_id(UUID, Place(SOURCE.url, "eve"), TARGET),
        base_id(UUID, Place(SOURCE.url), TARGET),
        base_id(UUID, Place("http://127.0.0.1:5985/abc/", "adm"), TARGET),
        base_id(UUID, Place("http://127.0.0.2/abc/", "adm"), TARGET),
        base_id(UUID, Place(SOURCE.url, "adm", (("h", "v"),)), TARGET),
        base_id(UUID, SOURCE, TARGET, winners_only=True),
        base_id(UUID, SOURCE, TARGET, [["a", "b"]]),
        base_id(UUID, SOURCE, TARGET, [[]]),
        base_id(UUID, SOURCE, TARGET, chosen_by_filter("_doc_ids", {})),
        base_id(UUID, SOURCE, TARGET, chosen_by_filter("_doc_ids", {"a": 1})),
        base_id(UUID, SOURCE, TARGET, chosen_by_filter("function(d) {}", {})),
        base_id(UUID, SOURCE, TARGET, chosen_by_selector({"a": 1})),
    ]
    assert len(set(ids)) == len(ids)


def test_selectors_that_mean_the_same_have_one_id() -> None:
    one = chosen_by_selector({"b": {"$eq": {"y": 1, "x": [{"d": 1, "c": 2}]}}, "a": 2})
    other = chosen_by_selector({"b": {"x": [{"c": 2, "d": 1}], "y": 1}, "a": {"$eq": 2}})
    assert one == chosen_by_selector({"$and": [{"b": {"$eq": {"x": [{"c": 2, "d": 1}], "y": 1}}}, {"a": 2}]})
    assert other != one
    [normal] = one
    assert list(normal["$and"][0]["b"]["$eq"]) == ["x", "y"]


def test_a_selector_may_compare_with_what_is_deep() -> None:
    deep: object = 1
    for _ in range(450):
        deep = {"a": [deep]} if isinstance(deep, int) else [deep]
    chosen_by_selector({"x": {"$eq": deep}})


def test_filter_code_loses_the_blanks_around_it_unless_it_has_lines() -> None:
    assert chosen_by_filter("  function(doc) { return 1 }  ", {}) == ["function(doc) { return 1 }", {}]
    assert chosen_by_filter("  function(doc) {\n return 1 }  ", {}) == ["  function(doc) {\n return 1 }  ", {}]


def test_extension_and_the_way_back() -> None:
    assert extension(continuous=False, create_target=False) == ""
    assert extension(continuous=True, create_target=True) == "+continuous+create_target"
    assert split_job_id("abc") == ("abc", "")
    assert split_job_id("abc+x+y") == split_job_id("abc x y") == ("abc", "+x+y")


@pytest.mark.parametrize(
    ("url", "parts", "plain"),
    [
        ("http://host", ("http", None, None, "host", 80, "/"), "http://host/"),
        ("https://u:p@h:56/db?x=1", ("https", "u", "p", "h", 56, "/db?x=1"), "https://h:56/db?x=1"),
        ("http://u@h/db/", ("http", "u", "", "h", 80, "/db/"), "http://h/db/"),
        ("http://u:p@x:y@h/db", ("http", "u", "p@x:y", "h", 80, "/db"), "http://h/db"),
        ("http://[::1]:5984/x", ("http", None, None, "::1", 5984, "/x"), "http://[::1]:5984/x"),
    ],
)
def test_urls_are_taken_apart(url: str, parts: tuple[object, ...], plain: str) -> None:
    split = split_url(url)
    assert split is not None
    assert split[:6] == parts
    assert split.plain == plain


@pytest.mark.parametrize("url", ["", "db", "ftp://h/x", "http:///x", "http://h:0/", "http://h:99999/", "http://a b/"])
def test_what_is_no_url(url: str) -> None:
    assert split_url(url) is None
    assert len(base_id(UUID, Place(url), TARGET)) == 32
