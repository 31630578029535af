import pytest

from docstore.errors import BadRequest, IllegalDocId
from docstore.httpd.wire.paths import check_escapes, decode_query, encode_segment, path_of_absolute, split_path


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/", []),
        ("//", []),
        ("/db", ["db"]),
        ("/db/", ["db"]),
        ("//db//doc/", ["db", "doc"]),
        ("/db/a%2Fb", ["db", "a/b"]),
        ("/db/a%252Fb", ["db", "a%2Fb"]),
        ("/db/a+b", ["db", "a b"]),
        ("/db/a%2Bb", ["db", "a+b"]),
        ("/db/%C3%A9", ["db", "é"]),
        ("/db/\udcc3\udca9", ["db", "é"]),  # bytes beyond ASCII, as aiohttp hands them over
        ("/db/%F0%9F%98%80", ["db", "😀"]),
        ("/db/a%00b", ["db", "a\0b"]),
        ("/db/_design%2Fa/x", ["db", "_design/a", "x"]),
    ],
)
def test_each_segment_is_decoded_once(path, segments):
    assert split_path(path) == segments


def test_bytes_that_are_no_utf8():
    with pytest.raises(IllegalDocId, match="Document id must be valid UTF-8"):
        split_path("/db/%FF")
    with pytest.raises(BadRequest, match="invalid_url_encoding"):
        split_path("/%FF")


@pytest.mark.parametrize("target", ["/%", "/%2", "/db/a%zz", "/db?key=%", "/db%2%3A", "/db%%3Ae", "/db%g2"])
def test_a_percent_sign_begins_two_hex_digits(target):
    with pytest.raises(BadRequest, match="invalid_url_encoding"):
        check_escapes(target)


@pytest.mark.parametrize("target", ["/", "/db%25", "/db/doc_id%25%3a?x=%2f", "/user%2Fdb/doc%2eid"])
def test_good_escapes(target):
    check_escapes(target)


def test_a_query_keeps_its_order_and_repetitions():
    assert decode_query("a=1&b=x+y&a=%22%C3%A9%22&c&=d&&e=f=g") == [
        ("a", "1"),
        ("b", "x y"),
        ("a", '"é"'),
        ("c", ""),
        ("", "d"),
        ("", ""),
        ("e", "f=g"),
    ]


@pytest.mark.parametrize(
    ("text", "pairs"), [("", []), ("&", [("", "")]), ("a&", [("a", "")]), ("a;&b", [("a", ""), ("", ""), ("b", "")])]
)
def test_an_empty_part_is_a_parameter_but_for_the_last(text, pairs):
    assert decode_query(text) == pairs


def test_a_query_of_bytes_that_are_no_utf8():
    with pytest.raises(BadRequest):
        decode_query("key=%FF")


@pytest.mark.parametrize(
    ("segment", "encoded"),
    [
        ("plain-A_z.0:9", "plain-A_z.0:9"),
        ("a()$+-_x", "a%28%29%24%2B-_x"),
        ("_design/a", "_design%2Fa"),
        ("sp ace", "sp%20ace"),
        ("é😀", "%C3%A9%F0%9F%98%80"),
        ("a?b&c=#~%", "a%3Fb%26c%3D%23%7E%25"),
        ("\n", "%0A"),
    ],
)
def test_a_location_is_escaped_as_couchdb_escapes(segment, encoded):
    assert encode_segment(segment) == encoded


def test_an_absolute_target_has_a_path():
    assert path_of_absolute("http://host:1/db/doc?x=1") == "/db/doc?x=1"
    assert path_of_absolute("http://host") == "/"
    assert path_of_absolute("*") == "/"


def test_a_plus_sign_that_is_one():
    assert split_path("/d+b/a%20+b", plus=False) == ["d+b", "a +b"]
