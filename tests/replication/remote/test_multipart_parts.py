"""Multipart replies taken apart, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.multipart import MultipartWriter
from docstore.replication.errors import PeerBroken
from docstore.replication.remote.multipart_parts import parts_of

BODIES = st.lists(st.binary(max_size=40) | st.sampled_from([b"\r\n", b"--", b"\r\n\r\n", b"\r\n--"]), max_size=5)


@given(BODIES)
def test_what_was_written_is_read(bodies) -> None:
    writer = MultipartWriter("mixed", "the-boundary")
    text = b"".join(writer.part("a/b", [("X-Id", str(place))]) + body for place, body in enumerate(bodies))
    parts = parts_of(writer.content_type, text + writer.end())
    assert [part.body for part in parts] == bodies
    assert [part.headers["x-id"] for part in parts] == [str(place) for place in range(len(bodies))]


def test_a_part_may_be_multipart_itself() -> None:
    outer, inner = MultipartWriter("mixed", "b"), MultipartWriter("related", "bb", quoted=False)
    nested = inner.part("application/json") + b"{}" + inner.part("text/plain") + b"x" + inner.end()
    text = outer.part(inner.content_type) + nested + outer.part("application/json") + b"[]" + outer.end()
    with pytest.raises(PeerBroken):
        parts_of(outer.content_type, text)  # a boundary that begins as another one is nobody's to use
    outer = MultipartWriter("mixed", "outer")
    text = outer.part(inner.content_type) + nested + outer.part("application/json") + b"[]" + outer.end()
    first, second = parts_of(outer.content_type, text)
    assert (first.is_multipart, second.is_multipart) == (True, False)
    assert [part.body for part in parts_of(first.content_type, first.body)] == [b"{}", b"x"]


def test_preamble_padding_and_a_part_without_headers() -> None:
    text = b"preamble\r\n--b \t\r\n\r\nbare\r\n--b\r\nA:1\r\n\r\n\r\n--b--\r\nepilogue"
    assert [(part.headers, part.body) for part in parts_of("multipart/mixed; boundary=b", text)] == [
        ({}, b"bare"),
        ({"a": "1"}, b""),
    ]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/mixed", b"--b--"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nx"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nx\r\n--b"),
        ("multipart/mixed; boundary=b", b"text"),
        ("multipart/mixed; boundary=b", b"--b\r\nA: 1\r\n--b--"),
        ("multipart/mixed; boundary=b", b"--bx\r\n\r\nx\r\n--b--"),
    ],
)
def test_what_is_none(content_type, body) -> None:
    with pytest.raises(PeerBroken):
        parts_of(content_type, body)


def test_no_parts() -> None:
    assert parts_of("multipart/mixed; boundary=b", b"") == []
