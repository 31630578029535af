"""What ``_explain`` says: the choice, its reasons, and how the index would be read.

Owns that text. It must not know how indexes are read. Follows ``mango_cursor:explain`` and
``mango_cursor:extract_candidate_indexes``.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple, cast

from docstore.core.json_text import JsonValue
from docstore.core.lucene.printer import printed
from docstore.query.mango.definitions import JSON, SPECIAL, MangoIndex
from docstore.query.mango.options import FindOptions, shown_options
from docstore.query.mango.planner import Choice, Key, Trace
from docstore.query.mango.ranges import (
    HIGHEST_CHARACTER,
    ID,
    LAST_CHARACTER,
    Bound,
    End,
    end_key,
    fields_of,
    indexable_fields,
    start_key,
)
from docstore.query.mango.text_selector import text_columns, text_query, text_sort
from docstore.query.search.asked import BY_RELEVANCE, RELEVANCE

MAX: Final = "<MAX>"


def explain(
    database: str, choice: Choice, options: FindOptions, *, partitioned: bool, with_text: bool = False
) -> dict[str, JsonValue]:
    """The reply of ``_explain``. ``with_text``: whether there is a search engine. Raises BadRequest."""
    index = choice.index
    said: dict[str, JsonValue] = {
        "dbname": database,
        "index": None if index is None else index.listed(),
        "partitioned": partitioned,
        "selector": options.normal,
        "opts": shown_options(options),
        "limit": options.limit,
        "skip": options.skip,
        "fields": list(options.fields or ()),
        "index_candidates": _candidates(choice, options),
        "selector_hints": [_hints(options.normal), *([_text_hints(options.normal)] if with_text else [])],
    }
    if index is not None and index.text is not None:
        query, sort = text_query(options.normal), text_sort(options.sort, options.normal)
        shown = [f"{'-' * one.descending}{one.field}<{one.by.value}>" for one in sort]
        said |= {
            "query": "" if query is None else printed(query),
            "partition": options.partition or None,
            "sort": RELEVANCE if sort == BY_RELEVANCE else cast("JsonValue", shown),
        }
    elif index is not None:
        covering = covers(index, required_fields(options))
        said["mrargs"] = _view_query(choice, options, covering=covering)
        said["covering"] = covering
    return said


def required_fields(options: FindOptions) -> set[str] | None:
    """The fields that a query shows or tests; None for whole documents."""
    if options.fields is None:
        return None
    return {str(field) for field in options.fields} | fields_of(options.normal)


def covers(index: MangoIndex, fields: Iterable[str] | None) -> bool:
    """Whether an index has all that is asked for, so that no document needs to be opened."""
    if fields is None or index.kind != JSON:
        return False
    return {ID, *index.fields}.issuperset(fields)


def _hints(selector: JsonValue) -> dict[str, JsonValue]:
    indexable = {field.partition(":")[0] for field in indexable_fields(selector)}
    others = fields_of(selector) - indexable
    return {"type": "json", "indexable_fields": [*sorted(indexable)], "unindexable_fields": [*sorted(others)]}


def _text_hints(selector: JsonValue) -> dict[str, JsonValue]:
    indexable = {column.partition(":")[0] for column in text_columns(selector)}
    others = fields_of(selector) - indexable
    return {"type": "text", "indexable_fields": [*sorted(indexable)], "unindexable_fields": [*sorted(others)]}


# --- How the index would be read --------------------------------------------------------------------------------------


def _view_query(choice: Choice, options: FindOptions, *, covering: bool) -> dict[str, JsonValue]:
    first, last = _keys(choice)
    if options.descending:
        first, last = last, first
    stale = options.stale == "ok"
    return {
        "include_docs": options.r == 1 and not covering,
        "view_type": "map",
        "reduce": False,
        "partition": options.partition or None,
        "start_key": first,
        "end_key": last,
        "direction": "rev" if options.descending else "fwd",
        "stable": options.stable or stale,
        "update": options.update and not stale,
        "conflicts": True if options.conflicts else "undefined",
    }


def _keys(choice: Choice) -> tuple[JsonValue, JsonValue]:
    if choice.nothing or choice.index is None:
        return None, None
    ranges = list(choice.ranges)
    if choice.index.kind != SPECIAL:
        return start_key(ranges), [_shown(one) for one in end_key(ranges)]
    low, high = ranges[0].low, ranges[0].high
    if isinstance(high, str) and high.endswith(LAST_CHARACTER):
        high = high[:-1] + HIGHEST_CHARACTER  # as CouchDB has it, which leaves ids out by it
    return "" if isinstance(low, End) else low, _shown(high)


def _shown(bound: Bound) -> JsonValue:
    return MAX if isinstance(bound, End) else bound


# --- Why no other index -----------------------------------------------------------------------------------------------


class _Analysis:
    """What is said of an index that was not chosen. Stages add to it."""

    def __init__(self) -> None:
        self.usable = True
        self.reasons: list[str] = []
        self.ranking = 0

    def add(self, *reasons: str, usable: bool = True, ranking: int = 0) -> None:
        self.usable = self.usable and usable
        self.reasons += reasons
        self.ranking += ranking


def _candidates(choice: Choice, options: FindOptions) -> list[JsonValue]:
    """All indexes but the one that was chosen, the last by name first."""
    analyses = {index.order: _Analysis() for index in choice.trace.existing}
    for stage in _stages(choice.trace):
        for key in stage.indexes:
            analyses[key].add(*stage.reasons, usable=stage.usable, ranking=stage.ranking)
    for key, reasons in choice.trace.reasons.items():
        analyses[key].add(*reasons)
    width = 0 if choice.index is None else len(choice.index.columns)
    for place, (index, _, distance) in enumerate(choice.trace.ranked):
        reason = "alphabetically_comes_after"
        if distance > 0:
            reason = "less_overlap"
        elif len(index.columns) > width:
            reason = "too_many_fields"
        analyses[index.order].add(reason, ranking=place)
    others = [index for index in choice.trace.existing if choice.index is None or index.order != choice.index.order]
    return [
        _candidate(index, analyses[index.order], options)
        for index in sorted(others, key=lambda index: index.order, reverse=True)
    ]


def _candidate(index: MangoIndex, analysis: _Analysis, options: FindOptions) -> dict[str, JsonValue]:
    fields = None if options.fields is None else list(map(str, options.fields))
    return {
        "index": index.listed(),
        "analysis": {
            "usable": analysis.usable,
            "reasons": [{"name": analysis.reasons[0]}] if analysis.reasons else [],
            "ranking": analysis.ranking,
            "covering": None if index.kind != JSON else covers(index, fields),
        },
    }


class _Stage(NamedTuple):
    indexes: frozenset[Key]
    reasons: tuple[str, ...]
    usable: bool
    ranking: int


def _stages(trace: Trace) -> list[_Stage]:
    """Where indexes dropped out; those that came further rank higher."""
    existing, whole, within_scope, usable, filtered, of_type = map(
        _keys_of, (trace.existing, trace.whole, trace.within_scope, trace.usable, trace.filtered, trace.of_type)
    )
    ranking = max(1, len(trace.ranked))
    stages: list[_Stage] = []
    for indexes, reasons, can_be_used in (
        (filtered - of_type, ("unfavored_type",), True),
        (usable - filtered, ("excluded_by_user",), True),
        (within_scope - usable, (), False),
        (whole - within_scope, ("scope_mismatch",), False),
        (existing - whole, ("is_partial",), False),
    ):
        stages.append(_Stage(indexes, reasons, can_be_used, ranking))
        ranking += bool(indexes)
    return stages[::-1]


def _keys_of(indexes: Iterable[MangoIndex]) -> frozenset[Key]:
    return frozenset(index.order for index in indexes)
