"""What can be asked of ``_find``, ``_explain`` and ``_index``, read from JSON.

Owns the members of these bodies, what each may be, and in which order they are looked at: the first fault is the one
that is told. It must not know databases, indexes or HTTP. Follows ``mango_opts.erl``, ``mango_sort.erl`` and
``mango_fields.erl``; ``conflicts_only`` and ``unique`` are docstore's own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias, TypeVar

from docstore.core.json_text import JsonValue
from docstore.core.partition import IllegalPartition, check_partition
from docstore.core.projection import Projection, compile_projection
from docstore.core.selector.selector import REGEX_TIME, Selector, compile_selector
from docstore.query.mango.words import invalid_bookmark, not_of_kind, pretty_text, refused

DESIGN: Final = "_design"

Sort: TypeAlias = tuple[tuple[str, str], ...]
"""Fields, each with ``asc`` or ``desc``."""

T = TypeVar("T")

NOT_STALE: Final[bool | str] = False
EVERYTHING: Final[JsonValue] = {}
"""The selector that all documents match."""


@dataclass(frozen=True, slots=True, eq=False)
class FindOptions:
    """One query, checked. Two that were read from equal bodies are not equal.

    ``selector``    compiled
    ``use_index``   a design document's name, perhaps with an index's; empty for none
    ``bookmark``    where the page before ended, None at the beginning
    ``fields``      the field paths to be shown, None for whole documents; ``project`` takes them out
    ``partition``   its key, empty for the whole database
    ``stale``       "ok" or False;  ``conflicts_only``  documents in conflict alone
    ``large``       whether what is done with the selector as a whole takes long
    """

    selector: Selector
    use_index: tuple[str, ...]
    bookmark: str | None
    limit: int
    skip: int
    sort: Sort
    fields: tuple[JsonValue, ...] | None
    project: Projection
    partition: str
    r: int
    conflicts: bool
    stale: bool | str
    update: bool
    stable: bool
    execution_stats: bool
    allow_fallback: bool
    conflicts_only: bool
    large: bool

    @property
    def normal(self) -> JsonValue:
        """The selector written out in full."""
        return self.selector.normalised

    @property
    def sort_fields(self) -> tuple[str, ...]:
        """The fields alone."""
        return tuple(name for name, _ in self.sort)

    @property
    def descending(self) -> bool:
        """Whether the last document comes first."""
        return bool(self.sort) and self.sort[0][1] == "desc"

    @property
    def updates(self) -> bool:
        """Whether the index is brought up to date before it is read."""
        return self.update and self.stale != "ok"


@dataclass(frozen=True, slots=True)
class NewIndex:
    """An index to be made. ``name`` and ``ddoc`` are None where CouchDB makes them of the definition.

    ``raw``  the definition as it came, for ``read_definition``
    ``partitioned``  None for what is usual in the database
    ``unique``  whether no two documents may have the same in it
    """

    raw: JsonValue
    kind: str
    name: str | None
    ddoc: str | None
    w: int
    partitioned: bool | None
    unique: bool = False


def read_find(
    body: Mapping[str, JsonValue], *, default_limit: int, regex_time: float = REGEX_TIME, large: bool = False
) -> FindOptions:
    """The query that a body asks, of which the caller knows whether it is ``large``.

    ``regex_time`` is ``max_regex_time``. Raises BadRequest in CouchDB's words, and what a selector raises.
    """
    members = _Members(body)
    options = FindOptions(
        selector=members.required("selector", partial(compile_selector, regex_time=regex_time, with_text=True)),
        use_index=members.optional("use_index", _use_index, ()),
        bookmark=members.optional("bookmark", _bookmark, None),
        limit=members.optional("limit", _non_negative, default_limit),
        skip=members.optional("skip", _non_negative, 0),
        sort=members.optional("sort", read_sort, ()),
        fields=members.optional("fields", _fields, None),
        project=compile_projection(_list_of(body.get("fields"))),
        partition=members.optional("partition", _partition, ""),
        r=members.optional("r", _positive, 1),
        conflicts=members.optional("conflicts", _boolean, False),
        stale=members.optional("stale", _ok_or_false, NOT_STALE),
        update=members.optional("update", _boolean, True),
        stable=members.optional("stable", _boolean, False),
        execution_stats=members.optional("execution_stats", _boolean, False),
        allow_fallback=members.optional("allow_fallback", _boolean, True),
        conflicts_only=members.optional("conflicts_only", _boolean, False),
        large=large,
    )
    members.end()
    return options


def read_new_index(body: Mapping[str, JsonValue]) -> NewIndex:
    """The index that a body asks for; neither its type nor its definition is looked at yet. Raises as ``read_find``."""
    members = _Members(body)
    index = NewIndex(
        raw=members.required("index", _anything),
        kind=members.optional("type", _string, "json"),
        name=members.optional("name", _name, None),
        ddoc=members.optional("ddoc", _name, None),
        w=members.optional("w", _positive, 2),
        partitioned=members.optional("partitioned", _partitioned, None),
        unique=members.optional("unique", _boolean, False),
    )
    members.end()
    return index


def read_definition(definition: JsonValue) -> dict[str, JsonValue]:
    """The ``map`` of an index, from its definition as clients write it. Raises as ``read_find``."""
    if not isinstance(definition, dict):
        raise not_of_kind("invalid_index", "JSON indexes must be an object, not: {}", definition)
    members = _Members(definition)
    fields = members.required("fields", read_sort)
    selector: JsonValue = members.optional("partial_filter_selector", _selector, EVERYTHING)
    members.end()
    return {"fields": dict(fields), "partial_filter_selector": selector}


def read_text_members(definition: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The members of a definition of the type ``text``, all of them. Raises as ``read_find``."""
    members = _Members(definition)
    keyword: JsonValue = "keyword"
    nothing: JsonValue = {}
    all_fields: JsonValue = []
    read: dict[str, JsonValue] = {
        "default_analyzer": members.optional("default_analyzer", _anything, keyword),
        "default_field": members.optional("default_field", _anything, nothing),
        "partial_filter_selector": members.optional("partial_filter_selector", _selector, EVERYTHING),
        "selector": members.optional("selector", _selector, EVERYTHING),
        "fields": members.optional("fields", _anything, all_fields),
        "index_array_lengths": members.optional("index_array_lengths", _boolean, True),
    }
    members.end()
    return read


def read_bulk_delete(body: Mapping[str, JsonValue]) -> list[str]:
    """The design documents whose index is to go, as they are named. Raises as ``read_find``."""
    members = _Members(body)
    names: list[str] = members.required("docids", _docids)
    members.optional("w", _positive, 2)
    members.end()
    return names


def shown_options(options: FindOptions) -> dict[str, JsonValue]:
    """The options as ``_explain`` shows them."""
    shown: dict[str, JsonValue] = {
        "use_index": list(options.use_index),
        "bookmark": options.bookmark or "nil",
        "limit": options.limit,
        "skip": options.skip,
        "sort": dict(options.sort),
        "fields": list(options.fields or ()),
        "partition": options.partition,
        "r": options.r,
        "conflicts": options.conflicts,
        "stale": options.stale,
        "update": options.update,
        "stable": options.stable,
        "execution_stats": options.execution_stats,
        "allow_fallback": options.allow_fallback,
    }
    return shown | {"conflicts_only": True} if options.conflicts_only else shown


class _Members:
    """The members of an object, taken one after the other."""

    def __init__(self, body: Mapping[str, JsonValue]) -> None:
        self._body = body
        self._taken: set[str] = set()

    def required(self, name: str, read: Callable[[JsonValue], T]) -> T:
        if name not in self._body:
            raise refused("missing_required_key", f"Missing required key: {name}")
        self._taken.add(name)
        return read(self._body[name])

    def optional(self, name: str, read: Callable[[JsonValue], T], default: T) -> T:
        if name not in self._body:
            return default
        self._taken.add(name)
        return read(self._body[name])

    def end(self) -> None:
        """Raises BadRequest for a member that nobody took."""
        for name in self._body:
            if name not in self._taken:
                raise refused("invalid_key", f"Invalid key {name} for this request.")


# --- What members may be ----------------------------------------------------------------------------------------------


def _anything(value: JsonValue) -> JsonValue:
    return value


def _string(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise not_of_kind("invalid_string", "Invalid string: {}", value)
    return value


def _name(value: JsonValue) -> str:
    if value == "":
        raise refused("invalid_empty_string", "Index name or ddoc cannot be empty string")
    return _string(value)


def _boolean(value: JsonValue) -> bool:
    if not isinstance(value, bool):
        raise not_of_kind("invalid_boolean", "Invalid boolean value: {}", value)
    return value


def _partitioned(value: JsonValue) -> bool:
    if not isinstance(value, bool):
        raise not_of_kind("invalid_partitioned_value", "Invalid value for partitioned: {}", value)
    return value


def _positive(value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise not_of_kind("invalid_pos_integer", "{} is not an integer greater than zero", value)
    return value


def _non_negative(value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise not_of_kind("invalid_non_neg_integer", "{} is not an integer greater than or equal to zero", value)
    return value


def _ok_or_false(value: JsonValue) -> bool | str:
    if value == "ok":
        return "ok"
    if value is False or value == "false":
        return False
    raise not_of_kind("invalid_ok_or_false_value", "Invalid value for stale: {}", value)


def _selector(value: JsonValue) -> JsonValue:
    return compile_selector(value).normalised


def _bookmark(value: JsonValue) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise invalid_bookmark(value)
    return value


def _use_index(value: JsonValue) -> tuple[str, ...]:
    names: list[JsonValue] = []
    if isinstance(value, str):
        names = list(value.split("/"))
        if len(names) > 1 and names[0] == DESIGN:
            del names[0]
    elif isinstance(value, list):
        names = value
    elif value is not None:
        raise _no_index_name(value)
    if len(names) > 2 or not all(isinstance(name, str) for name in names):
        raise _no_index_name(value)
    return tuple(str(name) for name in names)


def _no_index_name(value: JsonValue) -> Exception:
    return not_of_kind("invalid_index_name", "Invalid index name: {}", value)


def _docids(value: JsonValue) -> list[str]:
    if not isinstance(value, list):
        raise not_of_kind("invalid_bulk_docs", "Bulk Delete requires an array of non-null docids. Docids: {}", value)
    for name in value:
        _use_index(name)
        if not isinstance(name, str):
            raise _no_index_name(name)
    return [str(name) for name in value]


def read_sort(value: JsonValue) -> Sort:
    """Fields with their directions, as ``sort`` and the fields of an index write them. Raises BadRequest."""
    if not isinstance(value, list):
        raise refused("invalid_sort_json", f"Sort must be an array of sort specs, not: {pretty_text(value)}")
    sort = tuple(map(_sort_field, value))
    if len({direction for _, direction in sort}) > 1:
        raise refused("unsupported_mixed_sort", "Sorts currently only support a single direction for all fields.")
    return sort


def _sort_field(value: JsonValue) -> tuple[str, str]:
    if isinstance(value, str) and value:
        return value, "asc"
    if isinstance(value, dict) and len(value) == 1:
        ((name, direction),) = value.items()
        if direction in ("asc", "desc"):
            return name, str(direction)
    raise refused("invalid_sort_field", f"Invalid sort field: {pretty_text(value)}")


def _fields(value: JsonValue) -> tuple[JsonValue, ...] | None:
    if not isinstance(value, list):
        raise not_of_kind("invalid_fields", "Fields must be an array of strings, not: {}", value)
    for field in value:
        if not isinstance(field, str):
            raise not_of_kind("invalid_field", "Invalid JSON for field spec: {}", field)
    return tuple(value) or None


def _list_of(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _partition(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise IllegalPartition("Partition must be a string")
    return check_partition(value) if value else ""
