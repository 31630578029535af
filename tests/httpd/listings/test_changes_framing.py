"""The bytes around the rows of a feed."""

import json

import pytest

from docstore.database.reading.changes import ChangesSlice
from docstore.httpd.listings.changes_framing import EventFraming, LineFraming, ObjectFraming

ROWS = ChangesSlice([b'{"id":"a"}', b'{"id":"b"}'], [1, None], 2, 1)
MORE = ChangesSlice([b'{"id":"c"}'], [3], 3, 0)
NOTHING = ChangesSlice([], [], 3, 0)
SILENCE = ChangesSlice([], [], 3, 0, heartbeat=True)


def text(seq):
    return f"{seq}-x"


def written(framing, *slices):
    return b"".join([piece for part in slices for piece in framing.write(part)] + [framing.end()])


def test_object():
    assert written(ObjectFraming(text, 0), ROWS, MORE) == (
        b'{"results":[\n{"id":"a"},\r\n{"id":"b"},\r\n{"id":"c"}\n],\n"last_seq":"3-x","pending":0}\n'
    )


def test_object_with_signs_of_life_is_json():
    body = written(ObjectFraming(text, 0), NOTHING, ROWS, SILENCE, MORE, SILENCE)
    assert json.loads(body) == {"results": [{"id": "a"}, {"id": "b"}, {"id": "c"}], "last_seq": "3-x", "pending": 0}


def test_lines():
    assert written(LineFraming(text, 0), ROWS, MORE) == (
        b'{"id":"a"}\n{"id":"b"}\n{"id":"c"}\n{"last_seq":"3-x","pending":0}\n'
    )


def test_events():
    framing = EventFraming(text, 0)
    assert framing.content_type == "text/event-stream"
    assert framing.cache_control == "no-cache"
    assert written(framing, ROWS) == b'data: {"id":"a"}\nid: "1-x"\n\ndata: {"id":"b"}\nid: null\n\n'


@pytest.mark.parametrize(
    ("framing", "first", "later"),
    [
        (ObjectFraming, b'{"results":[\n\n', b"\n"),
        (LineFraming, b"\n", b"\n"),
        (EventFraming, b"\n", b"event: heartbeat\ndata: \n\n"),
    ],
)
def test_a_feed_begins_at_once_and_shows_that_it_lives(framing, first, later):
    feed = framing(text, 0)
    assert feed.write(NOTHING) == [first]
    assert b"".join(feed.write(NOTHING)) == b""
    assert feed.write(SILENCE) == [later]


@pytest.mark.parametrize(
    ("framing", "before", "after"),
    [
        (ObjectFraming, b'{"results":[\n{"id":"a"},\r\n{"data":"', b'"}\n],\n"last_seq":"2-x","pending":0}\n'),
        (LineFraming, b'{"id":"a"}\n{"data":"', b'"}\n{"last_seq":"2-x","pending":0}\n'),
        (EventFraming, b'data: {"id":"a"}\nid: "1-x"\n\ndata: {"data":"', b'"}\nid: "2-x"\n\n'),
    ],
)
def test_a_row_is_cut_where_bytes_are_to_be_streamed(framing, before, after):
    attachment = object()
    feed = framing(text, 0)
    pieces = [*feed.write(ChangesSlice([b'{"id":"a"}', (b'{"data":"', attachment, b'"}')], [1, 2], 2, 0)), feed.end()]
    place = pieces.index(attachment)
    assert b"".join(pieces[:place]) == before
    assert b"".join(pieces[place + 1 :]) == after


@pytest.mark.parametrize(
    ("framing", "whole"),
    [
        (ObjectFraming, b'{"results":[\n\n],\n"last_seq":"7-x","pending":0}\n'),
        (LineFraming, b'{"last_seq":"7-x","pending":0}\n'),
        (EventFraming, b""),
    ],
)
def test_a_feed_can_end_before_it_began(framing, whole):
    assert framing(text, 7).end() == whole
