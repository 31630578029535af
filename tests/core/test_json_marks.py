"""Marks of a JSON text, counted in two ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.json_marks import APART, FEW, SHORT, count_mark


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from([0, 1, 7, APART - 1, APART, 3_000])), max_size=12))
def test_every_mark_counts(stretches: list[tuple[int, int]]) -> None:
    """So many marks, each behind so many other bytes; in short texts and in long ones."""
    text = b"".join((b"x" * gap + b":") * marks for marks, gap in stretches)
    assert count_mark(text, b":") == sum(marks for marks, _ in stretches)
    assert count_mark(text, b",") == 0
    assert count_mark(text + b"x" * SHORT, b":") == count_mark(text, b":")


@pytest.mark.parametrize("marks", [0, 1, FEW, FEW + 1, 100])
def test_marks_at_both_ends(marks: int) -> None:
    assert count_mark(b":" * marks + b"x" * SHORT + b":" * marks, b":") == 2 * marks
