"""Arrays cut into their items while they arrive."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from docstore.replication.remote.reply_rows import ArrayItems

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab"\\[]{},:ü\n', max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('a"\\{[', max_size=3), inner, max_size=3),
    max_leaves=12,
)


def cut(text: bytes, places: list[int]) -> list[bytes]:
    ends = sorted(place % (len(text) + 1) for place in places)
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


@settings(max_examples=60)
@given(
    st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), max_size=6),
    st.lists(st.integers(0, 10_000), max_size=30),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_whatever_the_pieces_the_items_are_those_of_the_text(items, places, ascii_only, indent) -> None:
    text = json.dumps({"results": items}, ensure_ascii=ascii_only, indent=indent).encode()
    cutter = ArrayItems()
    found = [json.loads(item) for piece in cut(text, places) for item in cutter.feed(piece)]
    assert found == items
    assert cutter.complete


def test_a_text_that_ends_early_is_not_complete() -> None:
    cutter = ArrayItems()
    assert list(cutter.feed(b'{"results":[{"a":1},{"b":"x')) == [b'{"a":1}']
    assert not cutter.complete


def test_another_depth() -> None:
    assert list(ArrayItems(1).feed(b'[{"a":[1]}, [2] ,{}]')) == [b'{"a":[1]}', b"[2]", b"{}"]
