"""What counts as a difference of two answers, and what does not."""

import json

import pytest

from tests.conformance.wire import Answer
from tests.differential.comparing import differences
from tests.differential.knowledge import Knowledge

JSON = ("Content-Type", "application/json")


def answer(value=None, status=200, headers=(JSON,), body=None):
    return Answer("GET", status, list(headers), json.dumps(value).encode() if body is None else body)


def found(theirs, ours, knowledge=None):
    return [one.where for one in differences("x", theirs, ours, knowledge or Knowledge("db"))]


@pytest.mark.parametrize(
    ("theirs", "ours", "where"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, ["json.a"]),
        ({"a": 1}, {"a": True}, ["json.a"]),
        ({"a": None}, {}, ["json.a"]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"_id": "x", "b": 2}, {"b": 2, "_id": "x"}, ["json (order)"]),
        ({"rev": "1-a"}, {"rev": "1-b"}, ["json.rev"]),
        ([1, 2], [2, 1], ["json[0]", "json[1]"]),
        ([1], [1, 2], ["json"]),
        ({"last_seq": "3-x"}, {"last_seq": "7-y"}, []),
        ({"last_seq": None}, {"last_seq": "7-y"}, ["json.last_seq"]),
        ({"sizes": {"file": 1}}, {"sizes": {"file": 2}}, []),
        ({"id": "a" * 32}, {"id": "b" * 32}, []),
        ([{"id": "a" * 32}, {"id": "a" * 32}], [{"id": "b" * 32}, {"id": "c" * 32}], ["json[1].id"]),
        ({"ids": ["a" * 32]}, {"ids": ["b" * 32]}, ["json.ids[0]"]),
    ],
)
def test_values(theirs, ours, where):
    assert found(answer(theirs), answer(ours)) == where


def test_a_status_is_told_alone_with_its_words():
    theirs = answer({"error": "conflict", "reason": "no"}, 409)
    (difference,) = differences("x", theirs, answer({"ok": True}, 201), Knowledge("db"))
    assert (difference.where, difference.theirs, difference.ours) == ("status", "409 conflict: no", "201")


def test_headers_that_say_something():
    tag = ("ETag", '"1-a"')
    assert found(answer({}, headers=[JSON, tag]), answer({}, headers=[JSON, ("ETag", '"1-b"')])) == ["header ETag"]
    assert found(answer({}, headers=[JSON, tag]), answer({})) == ["header ETag"]
    listing = [JSON, ("ETag", '"3FB2"')]
    assert found(answer({}, headers=listing), answer({}, headers=[JSON, ("ETag", '"77"')])) == []
    assert found(answer({}, headers=[JSON, ("Date", "x")]), answer({}, headers=[JSON, ("Date", "y")])) == []
    places = [("Location", f"http://{host}/db/x") for host in ("a:1", "b:2")]
    assert found(answer({}, headers=[JSON, places[0]]), answer({}, headers=[JSON, places[1]])) == []


def test_cookies_are_compared_but_for_their_value():
    cookies = [[JSON, ("Set-Cookie", f"AuthSession={value}; Path=/")] for value in ("x", "y", "")]
    assert found(answer({}, headers=cookies[0]), answer({}, headers=cookies[1])) == []
    assert found(answer({}, headers=cookies[0]), answer({}, headers=cookies[2])) == ["header Set-Cookie"]


def test_ids_of_events_are_sequences():
    head = [("Content-Type", "text/event-stream")]
    one, other, less = (f'data: {{}}\nid: "{seq}"\n\n'.encode() for seq in ("3-x", "7-y", "6-z"))
    knowledge = Knowledge("db")
    assert found(answer(headers=head, body=one), answer(headers=head, body=other), knowledge) == []
    more = b'data: {}\nid: "4-x"\n\n'
    assert found(answer(headers=head, body=more), answer(headers=head, body=less), knowledge) == [
        "events[0].seq (sequence)"
    ]


def test_bodies_of_another_kind():
    assert found(answer({}), answer(body=b"\xff")) == ["kind of body"]


def test_signatures_leave_out_which_row_it_was():
    rows = [{"v": 1}, {"v": 2}], [{"v": 1}, {"v": "x"}]
    (difference,) = differences("x", answer(rows[0]), answer(rows[1]), Knowledge("db"))
    assert difference.signature == "x json[].v: int / str"


def test_listings_with_a_document_whose_id_was_made_up_are_not_compared():
    knowledge = Knowledge("db")
    rows = [answer({"rows": [{"id": one}, {"id": other}]}) for one, other in (("a" * 32, "x"), ("x", "b" * 32))]
    assert differences("listing", *rows, knowledge) != []
    assert knowledge.is_pair("a" * 32, "b" * 32)
    assert differences("listing", *rows, knowledge) == []
