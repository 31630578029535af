"""Members that are read, and those that are passed over."""

from hypothesis import given
from hypothesis import strategies as st

from docstore.core.json_text import decode, encode
from docstore.core.needed_members import LONG, MANY, _reader_of, reader_of, texts_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=5), st.sets(st.text(max_size=3), max_size=3))
def test_as_if_all_were_read(members, names):
    text = encode(decode(encode(members)))  # as it is stored: what is too near to 0 is 0 by then
    expected = {name: value for name, value in decode(text).items() if name in names}
    read = reader_of(frozenset(names))(text)
    assert read == expected
    assert encode(read) == encode({name: read[name] for name in read})
    assert {name: encode(value) for name, value in read.items()} == {
        name: encode(value) for name, value in expected.items()
    }
    assert texts_of(frozenset(names))(text) == {name: encode(value) for name, value in expected.items()}


def test_large_integers_keep_their_digits():
    assert reader_of(frozenset({"a"}))(b'{"a":123456789012345678901234567890,"b":[]}') == {
        "a": 123456789012345678901234567890
    }


def test_many_names_and_long_ones_are_read_the_long_way_and_not_remembered():
    before = _reader_of.cache_info().currsize
    for others in ([f"z{number}" for number in range(MANY)], ["z" * (LONG + 1)]):
        assert reader_of(frozenset(["a", *others]))(b'{"a":1,"b":2}') == {"a": 1}
    assert _reader_of.cache_info().currsize == before
