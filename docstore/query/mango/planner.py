"""Which index answers a query.

Owns the choice, and why each other index was not chosen. It must not know how indexes are read. Follows
``mango_idx:get_usable_indexes``, ``mango_cursor:create`` and ``mango_cursor_view:choose_best_index``, so that a query
has the same index here as there: of those that are usable the one whose first fields are narrowed most, then the one
with the fewest fields, then the first by name. The index of ids is taken only if there is no other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from docstore.core.json_text import JsonValue
from docstore.query.mango.definitions import JSON, SPECIAL, MangoIndex
from docstore.query.mango.options import DESIGN, FindOptions
from docstore.query.mango.ranges import (
    ALL_IDS,
    EMPTY_LISTS,
    ID,
    Condition,
    Range,
    condition_of,
    conditions_of,
    field_ranges,
    indexable_fields,
)
from docstore.query.mango.text_index import TEXT, TextIndex
from docstore.query.mango.text_selector import has_text, text_columns
from docstore.query.mango.words import (
    NO_GLOBAL_INDEX_FOR_SORT,
    NO_INDEX_FOR_SORT,
    NO_PARTITIONED_INDEX_FOR_SORT,
    SEVERAL_TEXTS,
    refused,
)

_IMPLICIT: Final = frozenset({ID, "_rev"})
"""Fields that every document has."""

Key: TypeAlias = tuple[str, str]
"""An index among those of a database: ``MangoIndex.order``."""


class Reason(StrEnum):
    """Why an index cannot be used."""

    EMPTY_SELECTOR = "empty_selector"
    NEEDS_TEXT_SEARCH = "needs_text_search"
    FIELD_MISMATCH = "field_mismatch"
    SORT_ORDER_MISMATCH = "sort_order_mismatch"


class Ranked(NamedTuple):
    """A usable index: the ranges of its first fields, and how many of the query's ranges these leave out."""

    candidate: MangoIndex
    ranges: list[Range | None]
    distance: int


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of each index of the database on the way to the choice; every stage is a part of the one before.

    ``reasons`` has those within scope: why each cannot be used, nothing for those that can.
    """

    existing: Sequence[MangoIndex]
    whole: Sequence[MangoIndex]
    within_scope: Sequence[MangoIndex]
    reasons: dict[Key, list[Reason]]
    usable: Sequence[MangoIndex]
    filtered: Sequence[MangoIndex]
    of_type: Sequence[MangoIndex]
    ranked: tuple[Ranked, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """How a query is answered. Without an index there is nothing but the trace.

    ``ranges``  of the index's first fields;  ``nothing``  no document can match
    """

    index: MangoIndex | None
    ranges: tuple[Range, ...]
    nothing: bool
    trace: Trace


def choose_index(
    indexes: Sequence[MangoIndex], options: FindOptions, *, partitioned: bool, explain: bool = False
) -> Choice:
    """The index for a query. ``partitioned``: whether the database is; ``explain``: there may be none.

    Raises BadRequest: no_usable_index, invalid_index.
    """
    whole = [index for index in indexes if index.partial is None]
    named = _named(indexes, options.use_index)
    candidates = whole
    if named:
        candidates = sorted({index.order: index for index in (*whole, *named)}.values(), key=lambda index: index.order)
    within = [one for one in candidates if one.kind == SPECIAL or one.partitioned == bool(options.partition)]
    reasons = {index.order: _reasons_against(index, options) for index in within}
    usable = [index for index in within if not reasons[index.order]]
    if not usable and not explain:
        raise _no_index_for_sort(partitioned=partitioned, in_partition=bool(options.partition))
    chosen = _named(usable, options.use_index)
    if not chosen:
        if not options.allow_fallback and (options.use_index or len(usable) <= 1):
            raise _not_suitable(options.use_index)
        chosen = usable
    of_type = _favoured(chosen)
    is_text = bool(of_type) and of_type[0].kind == TEXT
    if is_text and len(of_type) > 1:
        raise refused("multiple_text_indexes", SEVERAL_TEXTS)
    ranked = [] if is_text else _rank(of_type, options.normal)
    trace = Trace(
        existing=indexes,
        whole=whole,
        within_scope=within,
        reasons=reasons,
        usable=usable,
        filtered=chosen,
        of_type=of_type,
        ranked=tuple(ranked),
    )
    if is_text:
        return Choice(of_type[0], (), False, trace)
    if not ranked:
        return Choice(None, (), False, trace)
    ranges = ranked[0].ranges
    nothing = _asks_for_nothing(options.normal) or ranges == [None]
    return Choice(ranked[0].candidate, tuple(one for one in ranges if one is not None), nothing, trace)


def _favoured(indexes: Sequence[MangoIndex]) -> list[MangoIndex]:
    """Those of the best type that there is."""
    for kind in (JSON, TEXT, SPECIAL):
        found = [index for index in indexes if index.kind == kind]
        if found:
            return found
    return []


def _named(indexes: Sequence[MangoIndex], use_index: tuple[str, ...]) -> list[MangoIndex]:
    """Those that ``use_index`` names."""
    return [index for index in indexes if is_named(index, use_index)] if use_index else []


def is_named(index: MangoIndex, use_index: tuple[str, ...]) -> bool:
    """Whether ``use_index`` names this one."""
    ddoc, *names = use_index
    if index.ddoc != (ddoc if ddoc.startswith(f"{DESIGN}/") else f"{DESIGN}/{ddoc}"):
        return False
    return not names or index.name == names[0]


def _no_index_for_sort(*, partitioned: bool, in_partition: bool) -> Exception:
    if not partitioned:
        return refused("no_usable_index", NO_INDEX_FOR_SORT)
    return refused("no_usable_index", NO_PARTITIONED_INDEX_FOR_SORT if in_partition else NO_GLOBAL_INDEX_FOR_SORT)


def _not_suitable(use_index: tuple[str, ...]) -> Exception:
    if not use_index:
        return refused("invalid_index", "You must specify an index with the `use_index` parameter.")
    return refused(
        "invalid_index", f"{name_of(use_index)} specified by `use_index` could not be found or it is not suitable."
    )


def name_of(use_index: tuple[str, ...]) -> str:
    """What ``use_index`` names, in a sentence."""
    ddoc, *names = use_index
    return ", ".join((f"{DESIGN}/{ddoc.removeprefix(f'{DESIGN}/')}", *names))


# --- Whether one can be used ------------------------------------------------------------------------------------------


def _reasons_against(index: MangoIndex, options: FindOptions) -> list[Reason]:
    reasons: list[Reason] = []
    if index.kind == SPECIAL:
        if not options.sort:
            return reasons
        if ID not in indexable_fields(options.normal):
            reasons.append(Reason.FIELD_MISMATCH)
        if options.sort_fields != index.fields:
            reasons.append(Reason.SORT_ORDER_MISMATCH)
        return reasons
    if index.text is not None:
        return _reasons_against_text(index.text, options.normal)
    if has_text(options.normal):
        reasons.append(Reason.NEEDS_TEXT_SEARCH)
    required = set(index.fields).difference(options.sort_fields, _IMPLICIT)
    if not _is_of_no_account(options.normal) and _missing_of([options.normal], required):
        reasons.append(Reason.FIELD_MISMATCH)
    if not _sorts(index.fields, options.sort_fields, options.normal):
        reasons.append(Reason.SORT_ORDER_MISMATCH)
    return reasons


def _reasons_against_text(index: TextIndex, selector: JsonValue) -> list[Reason]:
    if selector == {}:
        return [Reason.EMPTY_SELECTOR]
    if index.columns is None or index.columns.issuperset(text_columns(selector)):
        return []
    return [Reason.FIELD_MISMATCH]


NOTHING: Final[JsonValue] = {"$or": []}
"""A selector that no document matches, if it stands alone."""


def _is_of_no_account(normal: JsonValue) -> bool:
    """Whether which index answers does not matter, since no document matches; CouchDB takes the first then.

    It does so for an empty ``$or``, beside which something else may match: then the index must have it.
    """
    if normal == NOTHING:
        return True
    parts = normal.get("$and") if isinstance(normal, dict) else None
    if not isinstance(parts, list) or NOTHING not in parts:
        return False
    return any({"$in": []} in part.values() for part in parts if isinstance(part, dict))


def _missing_of(parts: Iterable[JsonValue], required: set[str]) -> set[str]:
    """Those fields that a document may lack and still match all of these parts of a selector."""
    missing = set(required)
    for part in parts:
        if not missing:
            break
        if not isinstance(part, dict) or not part:
            continue
        ((name, argument),) = part.items()
        if name == "$and" and isinstance(argument, list):
            missing = _missing_of(argument, missing)
        elif name == "$or" and isinstance(argument, list):
            if argument:  # an empty one asks for nothing
                missing = set().union(*(_missing_of([one], missing) for one in argument))
        elif argument != {"$exists": False}:
            missing.discard(name)
    return missing


def _sorts(fields: tuple[str, ...], sort: tuple[str, ...], selector: JsonValue) -> bool:
    """Whether rows in the order of these fields are in the order that is asked for."""
    if not sort:
        return True
    constant = {one.field for one in map(condition_of, conditions_of(selector)) if one and one.operator == "$eq"}
    for place, field in enumerate(fields):
        if field == sort[0]:
            return fields[place : place + len(sort)] == sort
        if field not in constant:
            return False
    return False


# --- Which is the best ------------------------------------------------------------------------------------------------


def _rank(indexes: Sequence[MangoIndex], selector: JsonValue) -> list[Ranked]:
    """Usable indexes of one type, the best first."""
    narrowed = field_ranges(selector)
    ranked: list[Ranked] = []
    for index in indexes:
        all_ids = index.kind == SPECIAL
        prefix: list[Range | None] = []
        for field in index.fields:
            if field not in narrowed and not all_ids:
                break
            prefix.append(narrowed.get(field, ALL_IDS))
        ranked.append(Ranked(index, prefix, len(narrowed) + all_ids - len(prefix)))
    return sorted(ranked, key=lambda one: (one.distance, len(one.candidate.columns), one.candidate.order))


def _asks_for_nothing(selector: JsonValue) -> bool:
    """Whether all there is is an operator of an empty list, which CouchDB takes for nothing."""
    if not isinstance(selector, dict) or len(selector) != 1:
        return False
    ((name, argument),) = selector.items()
    return name in EMPTY_LISTS and argument == []


# --- What is left to be looked at -------------------------------------------------------------------------------------


def is_exact(choice: Choice, selector: JsonValue) -> bool:
    """Whether every row within the ranges is a document that matches: then none has to be looked at.

    So it is where each condition is one of those that make the bounds: equalities of the first fields, and a range of
    the one behind them. Values of ``_id`` compare otherwise in selectors than in indexes, and are no part of it, but
    for the index of ids itself.
    """
    index = choice.index
    if index is None:
        return False
    bounded = _bounded(choice)
    return all(_is_bound(condition_of(part), index, bounded) for part in conditions_of(selector))


def _bounded(choice: Choice) -> tuple[str, ...]:
    """The fields whose ranges are the bounds of what is read."""
    if choice.index is None:
        return ()
    fields = choice.index.fields
    singles = 0
    while singles < len(choice.ranges) and choice.ranges[singles].single:
        singles += 1
    return fields[: min(singles + 1, len(choice.ranges))]


def _is_bound(condition: Condition | None, index: MangoIndex, bounded: tuple[str, ...]) -> bool:
    if condition is None:
        return False
    if condition.operator == "$exists":
        return condition.argument is True and condition.field in index.fields
    if condition.operator not in ("$eq", "$lt", "$lte", "$gt", "$gte") or condition.field not in bounded:
        return False
    return condition.field != ID or index.kind == SPECIAL
