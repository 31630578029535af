"""Patterns in tantivy's term dictionary, against what they mean."""

from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest
import tantivy
from hypothesis import given
from hypothesis import strategies as st

from docstore.errors import BadRequest
from docstore.query.search.patterns import (
    MAX_BOUND,
    MAX_WILD,
    check_wild,
    cut_high,
    cut_low,
    of_range,
    of_regex,
    of_wildcards,
)
from docstore.query.search.terms import code_of, number_term

ALPHABET = "ab-.&\nz^]\U0001f600\ud7ff\ue000"
TERMS = sorted({one + other + third for one in ALPHABET for other in ["", *ALPHABET] for third in ("", "a", "]")})

Found = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def found() -> Found:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("t", stored=True, tokenizer_name="raw", index_option="basic")
    schema = builder.build()
    index = tantivy.Index(schema)
    writer = index.writer(15_000_000, 1)
    for term in TERMS:
        writer.add_document(tantivy.Document(t=[term]))
    writer.commit()
    index.reload()
    searcher = index.searcher()

    def search(pattern: str) -> list[str]:
        hits = searcher.search(tantivy.Query.regex_query(schema, "t", pattern), len(TERMS)).hits
        return sorted(str(searcher.doc(address)["t"][0]) for _, address in hits)

    return search


ends = st.none() | st.text(ALPHABET, max_size=4)


@given(ends, ends, st.booleans(), st.booleans())
def test_ranges(found: Found, low: str | None, high: str | None, with_low: bool, with_high: bool) -> None:
    pattern = of_range(low, high, with_low=with_low, with_high=with_high)
    expected = [
        term
        for term in TERMS
        if (low is None or term > low or (with_low and term == low))
        and (high is None or term < high or (with_high and term == high))
    ]
    assert (found(pattern) if pattern is not None else []) == expected


@given(st.text(max_size=40), st.text(max_size=40))
def test_cut_bounds_leave_nothing_out(text: str, bound: str) -> None:
    assert cut_low(bound) <= bound <= cut_high(bound)
    if text <= bound:
        assert text <= cut_high(bound)


def test_the_longest_bounds_and_patterns_can_be_searched_for(found: Found) -> None:
    for one, other in (("a", "b"), ("ü", "日"), ("\U0001f600", "\U0001f601")):
        pattern = of_range(one * MAX_BOUND, other * MAX_BOUND, with_low=True, with_high=False)
        assert pattern is not None
        found(pattern)
    assert found(check_wild(of_wildcards("*a" * MAX_WILD))) == []
    with pytest.raises(BadRequest, match="wildcards"):
        check_wild(of_wildcards("*a" * (MAX_WILD + 1)))


@given(st.lists(st.sampled_from(["a", "b", "-", ".", "*", "?"]), max_size=4).map("".join))
def test_wildcards(found: Found, pattern: str) -> None:
    assert found(of_wildcards(pattern)) == [term for term in TERMS if fnmatchcase(term, pattern)]


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("a.*b", lambda term: term[0] == "a" and term[-1] == "b" and len(term) > 1),
        ("[ab]{2}", lambda term: len(term) == 2 and set(term) <= {"a", "b"}),
        ("[^ab].", lambda term: len(term) == 2 and term[0] not in "ab"),
        ('"a."', lambda term: term == "a."),
        ("a@", lambda term: term[0] == "a"),
        ("a|b", lambda term: term in ("a", "b")),
        (r"\^a", lambda term: term == "^a"),
        ("^a", lambda term: term == "^a"),
        (r"[\]a-b]", lambda term: term in ("]", "a", "b")),
        ("(ab?)+", lambda term: term in ("a", "ab", "aa", "aba", "aab", "aaa")),
    ],
)
def test_regular_expressions(found: Found, pattern: str, matches: Callable[[str], bool]) -> None:
    assert found(of_regex(pattern)) == [term for term in TERMS if matches(term)]


@pytest.mark.parametrize("pattern", ["~a", "a&b", "<1-2>", "#", "(?i)a", "[a", "[]", "a{x}"])
def test_what_cannot_be_searched_for(pattern: str) -> None:
    with pytest.raises(BadRequest, match="no regular expression"):
        of_regex(pattern)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_numbers_are_in_order(one: float, other: float) -> None:
    assert (number_term(one) < number_term(other)) == (one < other)
    assert (number_term(one) == number_term(other)) == (one == other)


@given(st.text(max_size=20), st.text(max_size=20))
def test_codes_are_far_apart(one: str, other: str) -> None:
    assert len(code_of(one)) == 12
    assert (code_of(one) == code_of(other)) == (one == other)
