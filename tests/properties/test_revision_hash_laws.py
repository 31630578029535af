"""Laws of the external terms: they can be read back, so different content has different terms."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core import revision_hash
from docstore.core.rev import Rev
from docstore.core.revision_hash import attachments_term, encode_term, new_revision


class TermReader:
    """Reads external terms by the table of the format."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, size: int) -> bytes:
        assert self.position + size <= len(self.data)
        self.position += size
        return self.data[self.position - size : self.position]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def term(self) -> Any:
        tag = self.take(1)
        match tag:
            case b"d":
                return {b"true": True, b"false": False, b"null": None}[self.take(self.number(2))]
            case b"a":
                return self.number(1)
            case b"b":
                return int.from_bytes(self.take(4), "big", signed=True)
            case b"n" | b"o":
                size, negative = self.number(1 if tag == b"n" else 4), self.number(1)
                return (-1 if negative else 1) * int.from_bytes(self.take(size), "little")
            case b"F":
                return struct.unpack(">d", self.take(8))[0]
            case b"m":
                return self.take(self.number(4)).decode()
            case b"j":
                return []
            case b"k":
                return list(self.take(self.number(2)))
            case b"l":
                items = [self.term() for _ in range(self.number(4))]
                assert self.take(1) == b"j"
                return items
            case b"h":
                items = [self.term() for _ in range(self.number(1))]
                return dict(items[0]) if len(items) == 1 else tuple(items)
        raise AssertionError(tag)


def read(data: bytes) -> Any:
    reader = TermReader(data)
    value = reader.term()
    assert reader.position == len(data)
    return value


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-300, 300),
        st.integers(-(2**70), 2**70),
        st.integers(-(2**1024), 2**1024),
        st.floats(allow_nan=False),
        st.text(max_size=300),
    ),
    lambda values: st.one_of(
        st.lists(values, max_size=5),
        st.lists(st.integers(-1, 256), max_size=5),
        st.dictionaries(st.text(max_size=70), values, max_size=5),
    ),
    max_leaves=20,
)
REVS = st.one_of(st.none(), st.builds(Rev, st.integers(0, 10**18), st.binary(max_size=20)))


@given(VALUES)
def test_terms_can_be_read_back(value: Any):
    assert repr(read(encode_term(value))) == repr(value)


@given(VALUES)
def test_terms_are_the_shortest_of_their_format(value: Any):
    """The one choice in the format is that of integers and arrays: it must be Erlang's."""
    term = encode_term(value)
    if isinstance(value, list) and value:
        small = all(type(item) is int and 0 <= item <= 255 for item in value)
        assert term[:1] == (b"k" if small else b"l")
    if type(value) is int:
        expected = b"a" if 0 <= value <= 255 else b"b" if -(2**31) <= value < 2**31 else b"n"
        assert term[:1] == expected


@given(st.lists(st.tuples(st.text(), st.text(), st.just(b"0123456789abcdef")), max_size=4))
def test_attachments_can_be_read_back(attachments: list[tuple[str, str, bytes]]):
    described = [(name, content_type, md5.decode()) for name, content_type, md5 in attachments]
    assert read(attachments_term(attachments)) == described[::-1]


@given(st.booleans(), REVS, VALUES)
def test_the_same_edit_makes_the_same_revision(deleted: bool, parent: Rev | None, value: Any):
    rev = new_revision(deleted, parent, encode_term(value))
    assert rev == new_revision(deleted, parent, encode_term(value))
    assert rev != new_revision(not deleted, parent, encode_term(value))
    assert rev.generation == (parent.generation if parent else 0) + 1
    assert len(rev.id) == 16


@given(VALUES, st.integers(0, 4))
def test_terms_that_are_joined_on_the_way_are_the_same(value: Any, most: int) -> None:
    whole = encode_term(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revision_hash, "_JOINED", most)
        assert encode_term(value) == whole


@given(VALUES)
def test_a_value_has_the_same_term_in_steps(value: Any) -> None:
    assert revision_hash._encode_in_steps(value) == encode_term(value)
