"""Answers against a plain recomputation from the documents."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from docstore.core.json_text import decode
from docstore.core.lucene.nodes import Between, Combined, Everything, Fuzzy, Occur, Pattern, Query, Regex, Text
from docstore.query.search import asked
from docstore.query.search.analyzers import analyzers_of
from docstore.query.search.answering import Answer, Row, answer
from docstore.query.search.asked import BY_RELEVANCE, Grouping, Question, SortField, bookmark_of, read_bookmark
from docstore.query.search.entries import Entry, Field, entry_of
from docstore.query.search.folder import Folder, make_folder
from docstore.query.search.ordering import By
from docstore.query.search.translating import constant_score
from docstore.settings import SearchSettings

ANALYZERS = analyzers_of({"name": "perfield", "default": "whitespace", "fields": {"tag": "keyword"}})
WORDS = ("ab", "abc", "b", "bcd", "c", "ca")
LONG = "x" * 40
TAGS = ("red", "green", LONG + "a", LONG + "b", "")
NUMBERS = (-2.5, -1.0, 0.0, 1.0, 3.0, 1e9, float("-inf"), float("inf"))
LIMITS = SearchSettings(writer_memory=15_000_000, max_columns=4, max_facet_values=1_000)

Doc = dict[str, Any]


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    path = Path(mkdtemp(prefix="docstore-search-"))
    yield path
    shutil.rmtree(path)


documents = st.lists(
    st.fixed_dictionaries(
        {"words": st.lists(st.sampled_from(WORDS), max_size=4)},
        optional={"tag": st.sampled_from(TAGS), "n": st.sampled_from(NUMBERS)},
    ),
    min_size=1,
    max_size=25,
)
leaves: st.SearchStrategy[Query] = st.one_of(
    st.just(Everything()),
    st.builds(Text, st.just("words"), st.sampled_from(WORDS)),
    st.builds(Pattern, st.just("words"), st.sampled_from(["a*", "?bc*", "b?", "*"])),
    st.builds(Regex, st.just("words"), st.sampled_from(["[ab].*", "c|ca", "b"])),
    st.builds(Fuzzy, st.just("words"), st.sampled_from(WORDS), st.sampled_from([0, 1])),
    st.builds(
        Between,
        st.just("words"),
        st.none() | st.sampled_from(WORDS),
        st.sampled_from(WORDS),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(
        Between,
        st.just("n"),
        st.none() | st.sampled_from(["-1", "0"]),
        st.sampled_from(["1", "3"]),
        st.booleans(),
        st.booleans(),
    ),
)
queries = st.recursive(
    leaves,
    lambda inner: st.builds(
        Combined, st.lists(st.tuples(st.sampled_from(Occur), inner), min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=5,
)
sorts = st.one_of(
    st.just(BY_RELEVANCE),
    st.lists(
        st.one_of(
            st.builds(SortField, st.just(By.TEXT), st.sampled_from(["tag", "nothing"]), st.booleans()),
            st.builds(SortField, st.just(By.NUMBER), st.sampled_from(["n", "nothing"]), st.booleans()),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    st.builds(lambda descending: (SortField(By.PLACE, "", descending),), st.booleans()),
)


def entry(number: int, doc: Doc) -> Entry:
    fields = [Field("words", word, {}) for word in doc["words"]]
    fields += [Field("tag", doc["tag"], {"facet": True, "store": True})] if "tag" in doc else []
    fields += [Field("n", doc["n"], {"facet": True})] if "n" in doc else []
    fields.append(Field("all", "x", {}))
    found = entry_of(f"d{number:02}", fields, ANALYZERS, 100, partitioned=False)[0]
    assert found is not None
    return found


def made(root: Path, docs: list[Doc], pieces: int) -> Folder:
    folder = make_folder(root / "index", 1, 4)
    entries = [entry(number, doc) for number, doc in enumerate(docs)]
    size = max(1, len(entries) // pieces)
    for start in range(0, len(entries), size):  # several segments
        folder.write(entries[start : start + size], [], LIMITS, fresh=True)
        folder.commit(start + 1, 0)
    return folder


def fields_of(row: Row) -> dict[str, Any]:
    return cast("dict[str, Any]", decode(row.fields))


def ask(folder: Folder, question: Question) -> Answer:
    return answer(folder, ANALYZERS, question, LIMITS)


# --- What is right ----------------------------------------------------------------------------------------------------


def matches(query: Query, doc: Doc) -> bool:
    words = doc["words"]
    match query:
        case Everything():
            return True
        case Text(_, text):
            return text in words
        case Pattern(_, text):
            return any(
                {"a*": word[0] == "a", "?bc*": word[1:3] == "bc", "b?": len(word) == 2 and word[0] == "b", "*": True}[
                    text
                ]
                for word in words
            )
        case Regex(_, pattern):
            return any(
                {"[ab].*": word[0] in "ab", "c|ca": word in ("c", "ca"), "b": word == "b"}[pattern] for word in words
            )
        case Fuzzy(_, text, edits):
            return any(text == word or (edits and near(text, word)) for word in words)
        case Between("n", low, high, with_low, with_high):
            return "n" in doc and within(
                doc["n"], float("-inf") if low is None else float(low), float(high or 0), with_low, with_high
            )
        case Between(_, low, high, with_low, with_high):
            return any(
                within(word, low if low is not None else "-Infinity", high, with_low, with_high) for word in words
            )
        case Combined(parts):
            occurs = {occur: [matches(part, doc) for one, part in parts if one is occur] for occur in Occur}
            positive = all(occurs[Occur.MUST]) if occurs[Occur.MUST] else any(occurs[Occur.SHOULD])
            return positive and not any(occurs[Occur.NOT])
    raise AssertionError(query)


def within(value: Any, low: Any, high: Any, with_low: bool, with_high: bool) -> bool:
    return (value >= low if with_low else value > low) and (value <= high if with_high else value < high)


def near(one: str, other: str) -> bool:
    """Whether one edit makes the one of the other, or two letters beside each other swapped."""
    letters = "abcd"
    made = {one[:at] + one[at + 1 :] for at in range(len(one))}
    made |= {one[:at] + letter + one[at:] for at in range(len(one) + 1) for letter in letters}
    made |= {one[:at] + letter + one[at + 1 :] for at in range(len(one)) for letter in letters}
    made |= {one[:at] + one[at + 1] + one[at] + one[at + 2 :] for at in range(len(one) - 1)}
    return other in made


def in_order(docs: list[tuple[int, Doc]], sort: tuple[SortField, ...]) -> list[int]:
    for field in reversed(sort):
        docs = sorted(docs, key=partial(sort_key, field), reverse=field.descending)  # equals stay as they are
    return [number for number, _ in docs]


def sort_key(field: SortField, one: tuple[int, Doc]) -> Any:
    number, doc = one
    if field.by is By.PLACE:
        return number
    return doc.get(field.field, 0.0) if field.by is By.NUMBER else (field.field in doc, doc.get(field.field, ""))


# --- The laws ---------------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(docs=documents, query=queries, sort=sorts, limit=st.integers(1, 6), pieces=st.integers(1, 3))
def test_pages_show_what_matches_in_order(
    root: Path, docs: list[Doc], query: Query, sort: tuple[SortField, ...], limit: int, pieces: int
) -> None:
    folder = made(root, docs, pieces)
    found = [(number, doc) for number, doc in enumerate(docs) if matches(query, doc)]
    question = Question(query, limit, sort=sort)
    shown: list[str] = []
    scores: list[float] = []
    while True:
        page = ask(folder, question)
        assert page.total == len(found)
        shown += [row.id for row in page.rows]
        scores += [row.order[0] for row in page.rows if isinstance(row.order[0], float)]
        if len(page.rows) < limit:
            break
        question = replace(question, after=read_bookmark(page.bookmark, sort), bookmark=page.bookmark)
    if sort == BY_RELEVANCE:
        assert sorted(shown) == [f"d{number:02}" for number, _ in found]
        assert scores == sorted(scores, reverse=True)
    else:
        assert shown == [f"d{number:02}" for number in in_order(found, sort)]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    docs=documents,
    query=queries,
    chosen=st.lists(st.sampled_from(TAGS[:4]), max_size=2),
    low=st.sampled_from(NUMBERS[:6]),
    with_ends=st.booleans(),
    groups=st.integers(1, 4),
)
def test_counts_ranges_and_groups(
    root: Path, docs: list[Doc], query: Query, chosen: list[str], low: float, with_ends: bool, groups: int
) -> None:
    folder = made(root, docs, 2)
    found = [doc for doc in docs if matches(query, doc) and (not chosen or doc.get("tag") in chosen)]
    span = Between("", str(low), "3", with_low=with_ends, with_high=with_ends)
    question = Question(
        query,
        0,
        drilldown=(("tag", *chosen),) if chosen else (),
        counts=("tag",),
        ranges={"n": {"some": span, "all": Between("", None, None)}},
    )
    page = ask(folder, question)
    assert page.total == len(found)
    if any(doc.get("tag") for doc in docs):
        assert page.counts == {"tag": dict(Counter(doc["tag"] for doc in found if doc.get("tag")))}
    else:
        assert page.counts is None  # as with Clouseau, where nothing is a facet
    inside = [doc for doc in found if "n" in doc and within(doc["n"], low, 3.0, with_ends, with_ends)]
    assert page.ranges == {"n": {"some": len(inside), "all": sum("n" in doc for doc in found)}}

    grouped = ask(folder, replace(question, limit=100, grouping=Grouping("tag", groups, (SortField(By.PLACE),))))
    expected = Counter(doc.get("tag") for doc in found)
    first = list(dict.fromkeys(doc.get("tag") for doc in found))[:groups]
    assert grouped.groups is not None
    assert [(group.by, group.total, len(group.rows)) for group in grouped.groups] == [
        (tag, expected[tag], expected[tag]) for tag in first
    ]


changes = st.lists(st.tuples(st.integers(0, 30), st.none() | documents.map(lambda docs: docs[0])), max_size=6)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(docs=documents, query=queries, sort=sorts, limit=st.integers(1, 4), rounds=st.lists(changes, max_size=6))
def test_pages_of_documents_that_change_meanwhile(
    root: Path,
    docs: list[Doc],
    query: Query,
    sort: tuple[SortField, ...],
    limit: int,
    rounds: list[list[tuple[int, Doc | None]]],
) -> None:
    """Of those that nobody touched, every one is shown once, whatever becomes of the others."""
    folder = made(root, docs, 2)
    now: dict[int, Doc] = dict(enumerate(docs))
    untouched = set(now)
    question = Question(query, limit, sort=sort)
    shown: Counter[str] = Counter()
    waiting = iter(rounds)
    while True:
        page = ask(folder, question)
        assert page.total == sum(matches(query, doc) for doc in now.values())
        shown.update(row.id for row in page.rows)
        if len(page.rows) < limit:
            break
        question = replace(question, after=read_bookmark(page.bookmark, sort), bookmark=page.bookmark)
        for number, doc in next(waiting, []):
            untouched.discard(number)
            gone = [f"d{number:02}"] if doc is None else []
            entries = [] if doc is None else [entry(number, doc)]
            now = {one: there for one, there in now.items() if one != number} | ({} if doc is None else {number: doc})
            folder.write(entries, gone, LIMITS, fresh=False)
        if constant(query, sort):
            folder.commit(99, 0)
        else:
            folder.forget()  # a score is of the whole index, and changes with it
            now, untouched = dict(enumerate(docs)), set(range(len(docs)))
    assert all(shown[f"d{number:02}"] == 1 for number in untouched if matches(query, docs[number]))
    assert not any(shown[f"d{number:02}"] for number in untouched if not matches(query, docs[number]))


def constant(query: Query, sort: tuple[SortField, ...]) -> bool:
    """Whether the order of two documents is theirs alone."""
    return sort != BY_RELEVANCE or constant_score(query, ANALYZERS) is not None


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(docs=documents, again=documents)
def test_entries_replace_each_other(root: Path, docs: list[Doc], again: list[Doc]) -> None:
    folder = made(root, docs, 1)
    gone = [f"d{number:02}" for number in range(len(again), len(docs))]
    entries = [entry(number, doc) for number, doc in enumerate(again)]
    for _ in range(2):  # a batch that was written, and not known to be, is written again
        folder.write(entries, gone, LIMITS, fresh=False)
        folder.commit(9, 0)
    page = ask(folder, Question(Everything(), 100))
    assert [row.id for row in page.rows] == [f"d{number:02}" for number in range(len(again))]
    assert [fields_of(row).get("tag") for row in page.rows] == [doc.get("tag") for doc in again]


def test_a_bookmark_is_of_its_order() -> None:
    sort = (SortField(By.TEXT, "a"), SortField(By.NUMBER, "b", descending=True))
    order = ["x\u2028", float("-inf"), 7]
    assert read_bookmark(bookmark_of(order, sort), sort) == order
    with pytest.raises(Exception, match=asked.OTHER_SORT):
        read_bookmark(bookmark_of(order, sort), sort[:1])


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: asked.urlsafe_b64encode(raw).decode()))
def test_any_bookmark_is_one_or_refused(bookmark: str) -> None:
    assume(bookmark != asked.NO_ROWS)  # Hypothesis draws what stands in the code, too
    with pytest.raises(asked.BadRequest):
        read_bookmark(bookmark or "-", BY_RELEVANCE)
