"""A long string in pieces is what it is at once, and what is none is refused."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core import json_slices, json_string
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_string import long_string
from docstore.core.json_text import decode
from docstore.errors import InvalidJson

PARTS = [
    rb"a",
    rb"bcdefghijklmnop",
    "ä".encode(),
    "€".encode(),
    "😀".encode(),
    rb"\n",
    rb"\\",
    rb"\"",
    rb"\u0041",
    rb"\u00e4",
    rb"\ud83d\ude00",
    rb"\uD83D\uDE00",
    rb":",
    rb"[{",
]
FAULTS = [
    rb"\ud83d",
    rb"\ude00",
    rb"\ud83dx",
    rb"\ud83d\n",
    rb"\u12",
    rb"\x",
    b"\n",
    b"\xff",
    b"\xc3",
    b"\x80",
    b"\xed\xa0\x80",
]


def outcome(read, raw: bytes):
    try:
        return read(raw)
    except InvalidJson:
        return None


@pytest.fixture(autouse=True, params=[13, 16, 40])
def _piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_string, "_PIECE", request.param)
    monkeypatch.setattr(json_slices, "_REACH", request.param)


@given(st.lists(st.sampled_from(PARTS), max_size=60))
def test_the_same_as_at_once(parts: list[bytes]) -> None:
    raw = b'"%b"' % b"".join(parts)
    assert long_string(raw + b',"more"', 0) == (decode(raw), len(raw))
    for text in (b"[%b]" % raw, b'{"a":[1,%b,2],%b:%b}' % (raw, raw, raw), b" [ %b , %b ] " % (raw, raw)):
        assert decode_in_slices(text) == decode(text) == json.loads(text)


@given(st.lists(st.sampled_from(PARTS + FAULTS), max_size=40), st.booleans())
def test_what_is_none_is_refused(parts: list[bytes], ended: bool) -> None:
    raw = b'"%b%b' % (b"".join(parts), b'"' if ended else b"")
    assert outcome(lambda text: long_string(text, 0), raw) == outcome(lambda text: (decode(text), len(text)), raw)
    for text in (b"[%b]" % raw, b'{"a":%b}' % raw, b"{%b:1}" % raw):
        assert outcome(decode_in_slices, text) == outcome(decode, text)


def test_a_plain_one_is_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_string, "_PIECE", 1 << 16)
    monkeypatch.setattr(json_slices, "_REACH", 1 << 16)
    size = 1 << 22
    text = b'{"a":"%b"}' % (b"x" * size)
    tracemalloc.start()
    try:
        value = decode_in_slices(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert value == {"a": "x" * size}
    assert peak < 1.2 * size


def test_no_step_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    read = json_string.decode_string

    def counted(raw: bytes) -> str:
        lengths.append(len(raw))
        return read(raw)

    monkeypatch.setattr(json_string, "decode_string", counted)
    text = b'{"a":"%b"}' % (rb"\u0001\ud83d\ude00" * 50)
    assert decode_in_slices(text) == decode(text)
    assert max(lengths) < 50
    assert len(lengths) > 10
