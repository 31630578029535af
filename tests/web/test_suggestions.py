"""What a query that is being typed may go on with."""

import json
from typing import Any

from tests.web.running import needs_node, run_module

OPERATORS = [
    *("$gt", "$gte", "$lt", "$lte", "$eq", "$ne", "$in", "$nin", "$exists", "$type", "$regex", "$beginsWith"),
    *("$size", "$mod", "$all", "$elemMatch", "$allMatch", "$keyMapMatch", "$not"),
]
FIELDS = ["year", "title", "address", "address.city", "year_seen", "address.zip", "crew", r"a\.b", 'say "x"']


SELECTORS = [
    ('{"ye|', ["year", "year_seen"], '{"year": '),
    ("{ye|", ["year", "year_seen"], '{"year": '),
    ('{"ye|ar": 1}', ["year", "year_seen"], '{"year": 1}'),
    ('{"a": 1, "tit|": 2}', ["title"], '{"a": 1, "title": 2}'),
    ('{"CIT|', ["address.city"], '{"address.city": '),
    ('{"address": {"|', ["city", "zip", *OPERATORS], '{"address": {"city": '),
    ('{"$and": [{"x": 1}, {"z|', ["address.zip"], '{"$and": [{"x": 1}, {"address.zip": '),
    ('{"crew": {"$elemMatch": {"|', ["name", *OPERATORS], '{"crew": {"$elemMatch": {"name": '),
    ('{"year": {"$g|', ["$gt", "$gte"], '{"year": {"$gt": '),
    ('{"year": {"$g|te": 3}}', ["$gt", "$gte"], '{"year": {"$gt": 3}}'),
    ('{"$n|', ["$nor", "$not"], '{"$nor": '),
    (r'{"a\\.|', [r"a\.b"], r'{"a\\.b": '),
    ('{"say|', ['say "x"'], '{"say \\"x\\"": '),
    ('{"year": {"$in": ["|', None, None),
    ('{"year": {"$eq": {"|', None, None),
    ('{"title": "ye|', None, None),
    ('{"year"|', None, None),
    ('{"year|": 1', ["year", "year_seen"], '{"year": 1'),
    ('{"title|": 1', None, None),
    ("{|", None, None),
    ('{"nothing|', None, None),
    ('"ye|', None, None),
    ("|", None, None),
]
"""Selectors that are typed up to ``|``, the words that may stand there, and the text when the first one is taken."""

QUERIES = [
    ('{"sel|', ["selector"], '{"selector": '),
    ('{"selector": {"tit|', ["title"], '{"selector": {"title": '),
    ('{"selector": {"a": 1}, "fields": ["tit|"]', ["title"], '{"selector": {"a": 1}, "fields": ["title"]'),
    ('{"sort": [{"tit|', ["title"], '{"sort": [{"title": '),
    ('{"bookmark": "ye|', None, None),
    ('{"use_index": ["ye|', None, None),
]
"""The same with whole queries."""


def told(cases: list[tuple[Any, ...]]) -> list[Any]:
    """The words that may stand at ``|`` and the text with the first, of ``(text, kind, asked)``; None for nothing."""
    given = "".join(json.dumps(case) + "\n" for case in cases)
    return [json.loads(line) for line in run_module("suggestion_cases.mjs", given=given).splitlines()]


def expected(words: list[str] | None, taken: str | None) -> Any:
    return None if words is None else [words, taken]


@needs_node
def test_selectors_and_queries() -> None:
    kinds = [(case, "selector") for case in SELECTORS] + [(case, "query") for case in QUERIES]
    answers = told([(text, kind, False) for (text, *_), kind in kinds])
    assert len(answers) == len(kinds)
    for ((text, words, taken), _), found in zip(kinds, answers, strict=True):
        assert found == expected(words, taken), text


@needs_node
def test_what_is_asked_for_before_a_word_is_begun() -> None:
    first, second = told([("{|}", "selector", True), ('{|"a": 1}', "selector", True)])
    assert first == [[*FIELDS, "$and", "$or", "$nor", "$not"], '{"year": }']
    assert second[1] == '{"year": "a": 1}'


@needs_node
def test_a_list_of_fields() -> None:
    answers = told([(text, "list", False) for text in ("year desc, tit|", "tit|, x", "title|")])
    assert answers == [[["title"], "year desc, title"], [["title"], "title, x"], None]
