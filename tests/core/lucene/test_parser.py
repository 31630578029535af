import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.lucene.nodes import (
    Between,
    Boost,
    Combined,
    Everything,
    Fuzzy,
    Occur,
    Pattern,
    Query,
    Regex,
    Text,
)
from docstore.core.lucene.parser import Bounds, parse
from docstore.core.lucene.printer import escaped, printed
from docstore.errors import BadRequest

A, B, C = Text("default", "a"), Text("default", "b"), Text("default", "c")
MUST, NOT, SHOULD = Occur.MUST, Occur.NOT, Occur.SHOULD


def combined(*parts: tuple[Occur, Query]) -> Combined:
    return Combined(parts)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("a", A),
        ("f:a", Text("f", "a")),
        ("f : a", Text("f", "a")),
        ("a b", combined((SHOULD, A), (SHOULD, B))),
        ("a AND b", combined((MUST, A), (MUST, B))),
        ("a && b", combined((MUST, A), (MUST, B))),
        ("a OR b || c", combined((SHOULD, A), (SHOULD, B), (SHOULD, C))),
        ("a AND b OR c", combined((MUST, A), (MUST, B), (SHOULD, C))),
        ("a OR b AND c", combined((SHOULD, A), (MUST, B), (MUST, C))),
        ("a AND NOT b", combined((MUST, A), (NOT, B))),
        ("a AND !b", combined((MUST, A), (NOT, B))),
        ("NOT a AND b", combined((NOT, A), (MUST, B))),
        ("-a", combined((NOT, A))),
        ("+a -b c", combined((MUST, A), (NOT, B), (SHOULD, C))),
        ("f:(a b) c", combined((SHOULD, combined((SHOULD, Text("f", "a")), (SHOULD, Text("f", "b")))), (SHOULD, C))),
        ("(a b)^2", Boost(combined((SHOULD, A), (SHOULD, B)), 2)),
        ("((a))", A),
        ("a^0.5", Boost(A, 0.5)),
        ('f:"a b"~3^2', Boost(Text("f", "a b", quoted=True, slop=3), 2)),
        ('"say \\"a\\""', Text("default", 'say "a"', quoted=True)),
        ("a~", Fuzzy("default", "a", 2)),
        ("a~1", Fuzzy("default", "a", 1)),
        ("a~0.8", Fuzzy("default", "a", 0.8)),
        ("te?t*", Pattern("default", "te?t*")),
        (r"te\?t", Text("default", "te?t")),
        (r"te\?t*", Pattern("default", r"te\?t*")),
        (r"a\:b", Text("default", "a:b")),
        (r"a\u0062", Text("default", "ab")),
        ("a-b+c", Text("default", "a-b+c")),
        ("f:/a[b-c]\\/*/", Regex("f", "a[b-c]\\/*")),
        ("f:[a TO b]", Between("f", "a", "b")),
        ("f:{a TO b]", Between("f", "a", "b", with_low=False)),
        ("f:[1 TO *}", Between("f", "1", None, with_high=False)),
        ("f:[-Infinity TO 5]", Between("f", "-Infinity", "5")),
        ('f:["a b" TO "*"]', Between("f", "a b", "*")),
        ("f:[a b]", Between("f", "a", "b")),
        ("*:*", Everything()),
        ("*:* AND NOT a", combined((MUST, Everything()), (NOT, A))),
        ("ANDROID", Text("default", "ANDROID")),
        ("\\AND", Text("default", "AND")),
    ],
)
def test_queries(text: str, query: Query) -> None:
    assert parse(text) == query


@pytest.mark.parametrize(
    "text",
    ["", "  ", "a AND", "AND a", "a OR OR b", "(a", "a)", "()", "f:", ":a", '"a', "/a", "[a TO b", "[a]", "f:[a TO",
     "a^", "a^b", "*", "*a", "?a", "f:*", "a~1.5", "+", "a +", "NOT", "^2", "~2", "a\\"],
)  # fmt: skip
def test_what_is_no_query(text: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(f"Cannot parse '{text}': ")):
        parse(text)


def test_bounds() -> None:
    with pytest.raises(BadRequest, match="more than 3 characters"):
        parse("abcd", Bounds(length=3))
    with pytest.raises(BadRequest, match="More than 2 brackets"):
        parse("(((a)))", Bounds(depth=2))
    assert parse("((a))", Bounds(depth=2)) == A
    with pytest.raises(BadRequest, match="more than 2 clauses"):
        parse("a (b c)", Bounds(clauses=2))


def test_long_queries_are_quoted_in_part() -> None:
    with pytest.raises(BadRequest) as caught:
        parse("(" + "a" * 1_000)
    assert len(caught.value.reason) < 300


fields = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5).filter(lambda name: name != "*")
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8) | st.sampled_from(
    ["AND", "OR", "NOT"]
)
factors = st.integers(0, 40).map(lambda number: number / 4)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    parts = [escaped(draw(texts)).replace("\\A", "A").replace("\\O", "O").replace("\\N", "N")]
    parts += draw(st.lists(st.sampled_from("*?") | texts.map(escaped).filter(lambda one: "\\" not in one), max_size=3))
    return "".join([*parts, draw(st.sampled_from("*?"))])


leaves: st.SearchStrategy[Query] = st.one_of(
    st.just(Everything()),
    st.builds(Text, fields, texts),
    st.builds(Text, fields, st.just("") | texts, st.just(True), st.integers(0, 50)),
    st.builds(Pattern, fields, patterns()),
    st.builds(Fuzzy, fields, texts, st.sampled_from([0, 0.25, 0.5, 1, 2])),
    st.builds(Regex, fields, st.text("ab.*[]|()", max_size=6)),
    st.builds(Between, fields, st.none() | texts, st.none() | texts, st.booleans(), st.booleans()),
)


def branches(inner: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    part = st.tuples(st.sampled_from(Occur), inner)
    decided = st.tuples(st.sampled_from([MUST, NOT]), inner)
    return st.one_of(
        st.builds(Boost, inner, factors),
        st.builds(Combined, st.lists(part, min_size=2, max_size=4).map(tuple)),
        st.builds(Combined, st.tuples(decided)),
    )


@given(st.recursive(leaves, branches, max_leaves=10))
def test_what_is_printed_is_read_as_the_same(query: Query) -> None:
    assert parse(printed(query)) == query


@given(st.text(st.sampled_from('ab :+-!&|()[]{}^~*?"\\/.,1TONDAR') | st.characters(), max_size=40))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    try:
        query = parse(text)
    except BadRequest:
        return
    assert parse(printed(query)) == query
