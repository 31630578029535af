"""Parameters of searches: from query string or body, read once.

Owns their names and CouchDB's words for what cannot be read. What a question may be is ``query/search/asked.py``. A GET
has them in its query string, most of them as JSON; a POST in its body, but for ``partition``. Follows ``dreyfus_httpd``
(``parse_index_param``, ``parse_json_index_param``, ``validate_search_restrictions``).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from docstore.core.json_text import JsonValue, encode
from docstore.core.lucene.parser import Bounds
from docstore.errors import BadRequest, QueryParseError
from docstore.httpd.params.values import erlang_text, parse_json
from docstore.query.search import asked
from docstore.query.search.asked import Grouping, Highlighting, Question
from docstore.query.search.plan import SearchPlan
from docstore.settings import SearchSettings

NO_QUERY: Final = "Query must include a 'q' or 'query' argument"
NOT_HERE: Final = "`partition` not supported on this index"
NEEDED: Final = "`partition` parameter is mandatory for queries to this index."
NOT_TOGETHER: Final = (
    "`partition` and any of `drilldown`, `ranges`, `group_field`, `group_sort`, `group_limit` or `group_by`"
    " are incompatible"
)
TWO_PARTITIONS: Final = "Multiple conflicting values for `partition` provided"
NOT_OK: Final = "stale only available as stale=ok"

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_NAMES: Final = {"query": "q"}
_TEXTS: Final = frozenset({"q", "partition", "bookmark", "group_by", "group_field", "stale"})
_JSON: Final = frozenset(
    {"sort", "limit", "group_sort", "include_fields", "counts", "ranges", "highlight_fields", "highlight_pre_tag",
     "highlight_post_tag"}
)  # fmt: skip
_PLAIN: Final = frozenset({"group_limit", "highlight_number", "highlight_size", "include_docs", "stable"})
_GROUPED: Final = ("counts", "drilldown", "ranges", "group_sort", "group_by", "group_field", "group_limit")


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked, and how it is shown. ``old_groups``: with the names of members that ``group_by`` has."""

    question: Question
    include_docs: bool
    update: bool
    old_groups: bool


Values = dict[str, JsonValue]


def values_of_get(pairs: Iterable[tuple[str, str]]) -> Values:
    """The parameters of a query string; the last of a name counts, but for ``drilldown``, of which all do.

    Raises InvalidJson, QueryParseError.
    """
    values: Values = {}
    drilldown: list[JsonValue] = []
    for given, text in pairs:
        name = _NAMES.get(given, given)
        if name == "drilldown":
            _add_drilldown(drilldown, parse_json(text))
        elif name == "stale" and text != "ok":
            raise QueryParseError(NOT_OK)
        elif name in _TEXTS or name in _PLAIN:
            values[name] = text
        elif name in _JSON:
            values[name] = parse_json(text)
    if drilldown:
        values["drilldown"] = drilldown
    return values


def values_of_post(body: Mapping[str, JsonValue], partition: str | None) -> Values:
    """The parameters of a body. ``partition``: that of the query string. Raises BadRequest."""
    values: Values = {}
    for given, value in body.items():
        name = _NAMES.get(given, given)
        if name == "drilldown":
            drilldown: list[JsonValue] = []
            _add_drilldown(drilldown, value)
            values[name] = drilldown
        elif name == "include_docs":
            if isinstance(value, bool):
                values[name] = value
        elif name == "stale":
            if value == "ok":
                values[name] = value
        elif name in _TEXTS or name in _JSON or name in _PLAIN:
            values[name] = value
    if partition is not None:
        if values.get("partition", partition) != partition:
            raise BadRequest(TWO_PARTITIONS)
        values["partition"] = partition
    return values


def _add_drilldown(found: list[JsonValue], value: JsonValue) -> None:
    """One drilldown, or a list of them."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        found += value
    elif value != []:
        found.append(value)


def read_search(values: Values, plan: SearchPlan, bounds: Bounds, limits: SearchSettings) -> Search:
    """What is asked of an index. Raises QueryParseError, BadRequest."""
    if "q" not in values:
        raise QueryParseError(NO_QUERY)
    partition = values.get("partition")
    if partition is not None and not isinstance(partition, str):
        raise BadRequest("Invalid partition")
    check_partition(partition, plan)
    limit = _limit(values, plan, limits)
    if partition is not None and any(name in values for name in _GROUPED):
        raise BadRequest(NOT_TOGETHER)
    sort = asked.read_sort(values.get("sort"), limits.max_sort_fields)
    bookmark = values.get("bookmark")
    counts, ranges = values.get("counts"), values.get("ranges")
    include = values.get("include_fields")
    question = Question(
        query=asked.read_query(values["q"], bounds),
        limit=limit,
        partition=partition,
        sort=sort,
        after=asked.read_bookmark(bookmark, sort),
        bookmark=bookmark if isinstance(bookmark, str) else None,
        counts=None if counts is None else asked.read_names("counts", counts, limits.max_names),
        ranges=None if ranges is None else asked.read_ranges(ranges, bounds),
        drilldown=asked.read_drilldown(values["drilldown"], limits.max_names) if "drilldown" in values else (),
        grouping=_grouping(values, limits),
        fields=None if include is None else frozenset(asked.read_names("include_fields", include, limits.max_names)),
        highlighting=_highlighting(values, limits),
    )
    return Search(
        question,
        include_docs=_boolean("include_docs", values.get("include_docs", False)),
        update=values.get("stale") != "ok",
        old_groups="group_by" in values and "group_field" not in values,
    )


def check_partition(partition: str | None, plan: SearchPlan) -> None:
    """Raises BadRequest for an index that is to be asked of a partition and is not, or the other way round."""
    if partition is None and plan.partitioned:
        raise BadRequest(NEEDED)
    if partition is not None and not plan.partitioned:
        raise BadRequest(NOT_HERE)


def _limit(values: Values, plan: SearchPlan, limits: SearchSettings) -> int:
    if plan.with_partitions:
        default, most = limits.default_partition_limit, limits.max_partition_limit
    else:
        default, most = limits.default_limit, limits.max_limit
    limit = _integer("limit", values.get("limit", default))
    if limit > most:
        raise QueryParseError(f"Value for limit is too large, must not exceed {most}")
    if limit < 0:
        raise QueryParseError("limit must be greater than or equal to zero")
    return limit


def _grouping(values: Values, limits: SearchSettings) -> Grouping | None:
    field = values.get("group_field", values.get("group_by"))
    if field is None:
        return None
    return Grouping(
        asked.read_group_field(field),
        _positive("group_limit", values.get("group_limit", 10), limits.max_group_limit),
        asked.read_sort(values.get("group_sort"), limits.max_sort_fields),
    )


def _highlighting(values: Values, limits: SearchSettings) -> Highlighting | None:
    fields = values.get("highlight_fields")
    if fields is None:
        return None
    tags = [values.get("highlight_pre_tag", "<em>"), values.get("highlight_post_tag", "</em>")]
    before, after = (tag if isinstance(tag, str) else encode(tag).decode() for tag in tags)
    number = _positive("highlight_number", values.get("highlight_number", 1))
    size = _positive("highlight_size", values["highlight_size"]) if "highlight_size" in values else 0
    return Highlighting(asked.read_names("highlight_fields", fields, limits.max_names), before, after, number, size)


# --- Values -----------------------------------------------------------------------------------------------------------


def _boolean(name: str, value: JsonValue) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise QueryParseError(f"Invalid value for {name}: {erlang_text(value)}")
    return value == "true"


def _integer(name: str, value: JsonValue) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise QueryParseError(f"Invalid value for {name}: {erlang_text(value)}")


def _positive(name: str, value: JsonValue, most: int | None = None) -> int:
    number = _integer(name, value)
    if most is not None and number > most:
        raise QueryParseError(f"Value for {name} is too large, must not exceed {most}")
    if number <= 0:
        raise QueryParseError(f"{name} must be greater than zero")
    return number
