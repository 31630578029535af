"""What a text costs to read is told by what is in it, not by its length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.json_cost import NEVER_COSTLY, has_more_characters, is_costly, is_for_a_thread
from docstore.core.json_text import encode
from docstore.settings import KIB, Limits

SIZE = 64 * KIB


def repeated(item: bytes, size: int = SIZE) -> bytes:
    return b"[%b]" % b",".join([item] * (size // (len(item) + 1)))


@pytest.mark.parametrize(
    "item", [b"1.5", b"1e5", b"7", b'"a"', b"{}", b'{"a":[]}', b'"\\u0001"', b"[[]]", b'{"a":{"b":{"c":1}}}', b"null"]
)
def test_many_small_values_are_costly(item: bytes) -> None:
    assert is_costly(repeated(item))
    assert not is_costly(repeated(item, NEVER_COSTLY // 2))


@pytest.mark.parametrize(
    "text",
    [
        b'{"prose":"%b"}' % (b"Here is a sentence. " * 10_000),
        b'{"data":"%b"}' % (b"QUJD" * 50_000),
        repeated(b'{"name":"a name","text":"%b"}' % (b"word " * 40)),
        b'{"prose":"%b"}' % (b"From 1.0 to 2.0 in 3e0 steps. " * 2_000),
    ],
)
def test_long_strings_are_not(text: bytes) -> None:
    assert not is_costly(text)


def test_a_long_text_is_for_a_thread_whatever_it_holds() -> None:
    limits = Limits()
    text = b'"%b"' % (b"a" * limits.parse_off_loop_from)
    assert is_for_a_thread(text, limits)
    assert not is_costly(text)
    assert not is_for_a_thread(text[: SIZE - 1] + b'"', limits)


@given(
    st.recursive(
        st.none() | st.integers(-9, 9) | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    ),
    st.integers(0, 40),
)
def test_what_has_more_characters_has_a_longer_text(value: object, most: int) -> None:
    if has_more_characters(value, most):
        assert len(encode(value)) > most


def test_characters_are_those_of_names_and_values_however_deep() -> None:
    value = {"abc": ["de", {"f": "ghi"}]}
    assert has_more_characters(value, 8)
    assert not has_more_characters(value, 9)
