"""Bytes that are no UTF-8 as text: what CouchDB shows a function, in pieces of any length the same."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docstore.core import loose_text as module
from docstore.core.loose_text import loose_text

NONE = {0xFFFE: "\ufffd", 0xFFFF: "\ufffd"}
PARTS = [
    b"a", b"\x80", b"\xbf" * 3, b"\xc3", b"\xc3\xa4", b"\xe2\x82", b"\xe2\x82\xac", b"\xf0\x9f\x98\x80",
    b"\xed\xa0\xbd", b"\xed\xb8\x80", b"\xff", b"\xf5\x80\x80\x80", b"\xc0\x80", b"\x80" * 9,
]  # fmt: skip
BYTES = st.binary(max_size=60) | st.lists(st.sampled_from(PARTS)).map(b"".join)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        ("aä€😀\uffff".encode(), "aä€😀\uffff"),
        (b"\x1f\x8b\x08", "\x1f\ufffd\x08"),
        (b"a\x80\x80\x80b", "a\ufffdb"),  # one for the whole of it
        (b"\xff\xff", "\ufffd\ufffd"),
        (b"\xe2\x82", "\ufffd"),
        (b"\xe2\x82a", "\ufffda"),
        (b"\xc3\xa4\x80", "ä\ufffd"),
        (b"\xf0\x9f\x98\x80\x80\x80", "😀\ufffd"),
        (b"\xc0\x80", "\0"),
        (b"\xe0\x80\xaf", "/"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "😀"),
        (b"\xed\xa0\xbda", "\ufffda"),
        (b"\xed\xb8\x80\xed\xa0\xbd", "\ufffd\ufffd"),
        (b"\xf7\xbf\xbf\xbf", "\ufffd"),
        (b"\xff\xef\xbf\xbe", "\ufffd\ufffe"),  # there it is another U+FFFD: what is a noncharacter depends on the rest
        (b"\xf4\x90\x80\x80\xef\xbf\xbe", "\ufffd\ufffd"),
    ],
)
def test_what_couchdb_shows(raw, text):
    assert loose_text(raw) == text


@given(st.text())
def test_utf8_is_taken_as_it_stands(text):
    assert loose_text(text.encode("utf-8", "replace")) == text.encode("utf-8", "replace").decode()


@example(b"\x00\x00\xed\xa0\x80\xed\xb0\x80", 8)
@given(BYTES, st.integers(8, 20))
def test_pieces_make_no_difference(raw, length):
    whole = loose_text(b"\xff" + raw).translate(NONE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PIECE", length)
        assert loose_text(b"\xff" + raw).translate(NONE) == whole


@given(BYTES)
def test_the_short_way_says_the_same(raw):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ODD", re.compile(b""))
        slowly = loose_text(b"\xff" + raw)
    assert loose_text(b"\xff" + raw).translate(NONE) == slowly


@given(BYTES)
def test_what_is_shown_is_text(raw):
    assert loose_text(loose_text(raw).encode()) == loose_text(raw)


def test_a_long_run_of_garbage_is_one_mistake():
    assert loose_text(b"a" + b"\x80" * 1_000_000 + b"b") == "a\ufffdb"
