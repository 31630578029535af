"""The matchers themselves: each lets through what it should, and nothing else."""

import pytest

from tests.conformance.matching import difference, is_of_type, loads
from tests.conformance.replay import compare, value_at
from tests.conformance.wire import Answer, observe, substitute


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1, 1),
        ({"a": 1, "b": [True, None]}, {"b": [True, None], "a": 1}),
        ({"$any": "rev"}, "1-" + "a" * 32),
        ({"$any": "seq"}, 3),
        ({"$any": "seq"}, "3-abc"),
        ([{"id": "a", "n": {"$any": "int"}}], [{"id": "a", "n": 7}]),
        ({"$unordered": [1, {"$any": "string"}, 2]}, [2, 1, "x"]),
        ({"$dup": [["a", 1], ["a", 2]]}, loads('{"a":1,"a":2}')),
    ],
)
def test_equal(expected: object, got: object) -> None:
    assert difference(expected, got, "") is None


@pytest.mark.parametrize(
    ("expected", "got", "where"),
    [
        (1, 1.0, "at"),
        (1, True, "at"),
        (0.0, -0.0, "at"),
        (None, False, "at"),
        ({"a": 1}, {}, "at.a"),
        ({}, {"a": 1}, "at.a"),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "at.a.b[1]"),
        ([1], [1, 2], "at[1]"),
        ([1, 2], [1], "at[1]"),
        ({"$any": "rev"}, "1-x", "at"),
        ({"$any": "int"}, True, "at"),
        ({"$unordered": [1, 1]}, [1, 2], "at.$unordered[1]"),
        ({"$unordered": [1]}, [1, 1], "at"),
    ],
)
def test_different(expected: object, got: object, where: str) -> None:
    found = difference(expected, got, "at")
    assert found is not None
    assert found.where == where


def test_an_unknown_type_is_an_error_of_the_scenario() -> None:
    with pytest.raises(KeyError):
        is_of_type("integer", 1)


def test_variables() -> None:
    variables = {"db": "a/b", "n": 3}
    assert substitute("/${enc:db}/${db}?n=${n}&x=${unknown}", variables) == "/a%2Fb/a/b?n=3&x=${unknown}"
    assert substitute({"n": "${n}"}, variables) == {"n": 3}


def test_paths() -> None:
    assert value_at({"rows": [{"id": "a"}]}, "rows.0.id") == "a"
    assert value_at([1], "") == [1]


def observed(body: bytes, content_type: str = "application/json", status: int = 200) -> dict[str, object]:
    return observe(Answer("GET", status, [("content-type", content_type), ("Date", "now")], body), [])


def test_kinds_of_bodies() -> None:
    assert observed(b'{"a":1}\n') == {"status": 200, "headers": {"Content-Type": "application/json"}, "json": {"a": 1}}
    assert observed(b'{"a":1}\n\n{"b":2}\n')["lines"] == [{"a": 1}, {"b": 2}]
    assert observed(b"id: 1\ndata: {}\n\nevent: heartbeat\ndata: \n\nevent: heartbeat\n\n", "text/event-stream")[
        "events"
    ] == [{"id": "1", "data": {}}, {"event": "heartbeat", "data": ""}]
    assert observed(b"\0\1", "image/png")["binary"]
    assert observed(b"")["empty"] is True
    parts = observed(b'--x\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n--x--', 'multipart/mixed; boundary="x"')
    assert parts["multipart"] == [{"headers": {"content-type": "application/json"}, "json": {"a": 1}}]
    assert parts["headers"] == {"Content-Type": 'multipart/mixed; boundary="BOUNDARY"'}


def test_answers_are_compared_by_status_headers_and_body() -> None:
    expected = {"status": 200, "headers": {"Content-Type": "application/json"}, "json": {"db": "${db}"}}
    assert compare(expected, observed(b'{"db":"x"}'), {"db": "x"}) is None
    wrong_status = compare(expected, observed(b'{"db":"x"}', status=201), {"db": "x"})
    assert wrong_status is not None
    assert wrong_status.where == "status"
    wrong_header = compare(expected, observed(b'{"db":"x"}', "text/plain"), {"db": "x"})
    assert wrong_header is not None
    assert wrong_header.where == "headers.Content-Type"
    wrong_body = compare(expected, observed(b'{"db":"y"}'), {"db": "x"})
    assert wrong_body is not None
    assert wrong_body.where == "json.db"
    wrong_kind = compare(expected, observed(b"no"), {"db": "x"})
    assert wrong_kind is not None
    assert wrong_kind.where == "kind of body"


def test_a_recorded_crash_is_met_by_any_refusal() -> None:
    expected = {"status": 500, "headers": {}, "json": {"error": "badmatch"}, "lenient500": True}
    assert compare(expected, observed(b"{}", status=400), {}) is None
    assert compare(expected, observed(b"{}", status=200), {}) is not None
