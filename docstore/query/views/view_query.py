"""What can be asked of a view, and the ranges of places that it means.

Owns the query's shape, its rules (which of its members cannot be combined) and its bounds. It must not know HTTP nor
where rows are kept. Follows ``couch_mrview_util:validate_args``, ``check_range`` and ``key_opts``.
"""

from asyncio import to_thread
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from docstore.core.collation_key import AFTER, KeyOf
from docstore.core.json_text import JsonValue, encode
from docstore.database.reading.key_range import UNSET, Unset
from docstore.errors import QueryParseError
from docstore.query.views import layout

EXACT: Final = -1
"""The group level of ``group=true``: the whole key."""


class Update(Enum):
    """Whether an index is brought up to date before it is read, afterwards, or not at all."""

    TRUE = "true"
    FALSE = "false"
    LAZY = "lazy"


@dataclass(frozen=True, slots=True)
class ViewQuery:
    """The parameters of a query. None for ``reduce``, ``group``, ``group_level``, ``conflicts``: not said.

    ``keys``  rows of these keys, in this order; ``start_key`` is the greater one if ``descending``
    ``partition``  rows of its documents alone; a partitioned view is asked of one always, another one never
    ``large``  its keys may be long or many, and take long to be brought into their order
    """

    keys: tuple[JsonValue, ...] | None = None
    start_key: JsonValue | Unset = UNSET
    end_key: JsonValue | Unset = UNSET
    start_key_docid: str | None = None
    end_key_docid: str | None = None
    inclusive_end: bool = True
    descending: bool = False
    skip: int = 0
    limit: int | None = None
    reduce: bool | None = None
    group: bool | None = None
    group_level: int | None = None
    include_docs: bool = False
    conflicts: bool | None = None
    attachments: bool = False
    att_encoding_info: bool = False
    update: Update = Update.TRUE
    update_seq: bool = False
    partition: str | None = None
    large: bool = False

    @property
    def level(self) -> int:
        """How much of a key makes a group: ``EXACT``, 0 for none, or so many items of an array."""
        if self.group_level is None:
            return EXACT if self.group else 0
        if self.group is False and self.group_level > 0:
            raise QueryParseError("Can't specify group=false and group_level>0 at the same time")
        return self.group_level

    def reduces(self, *, reducible: bool) -> bool:
        """Whether a view that may have a reduce function is reduced by this query."""
        return reducible and self.reduce is not False


def check_query(query: ViewQuery, *, reducible: bool, partitioned: bool = False) -> None:
    """Raises QueryParseError for what cannot be combined."""
    level = query.level
    reduced = query.reduces(reducible=reducible)
    if not reduced and query.reduce:
        raise QueryParseError("Reduce is invalid for map-only views.")
    if reduced and level != EXACT and query.keys is not None:
        raise QueryParseError("Multi-key fetches for reduce views must use `group=true`")
    if query.keys and not (query.start_key is UNSET and query.end_key is UNSET) and not _is_that_key(query):
        raise QueryParseError("`keys` is incompatible with `key`, `start_key` and `end_key`")
    if not reduced and level != 0:
        raise QueryParseError("Invalid use of grouping on a map view.")
    if reduced and query.include_docs:
        raise QueryParseError("`include_docs` is invalid for reduce")
    if reduced and query.conflicts is not None:
        raise QueryParseError("`conflicts` is invalid for reduce views.")
    if partitioned and query.partition is None:
        raise QueryParseError("`partition` parameter is mandatory for queries to this view.")
    if query.partition is not None and not partitioned:
        raise QueryParseError("`partition` parameter is not supported in this design doc")


def _is_that_key(query: ViewQuery) -> bool:
    """Whether the bounds are the single key."""
    if UNSET in (query.start_key, query.end_key) or query.keys is None:
        return False
    texts = {encode(one) for one in (*query.keys, query.start_key, query.end_key) if not isinstance(one, Unset)}
    return len(query.keys) == 1 and len(texts) == 1


def check_range(query: ViewQuery, key_of: KeyOf) -> None:
    """Raises QueryParseError for a range that can match no row."""
    if query.keys is not None:
        return
    if query.start_key is UNSET or query.end_key is UNSET:
        return
    start, end = key_of(query.start_key), key_of(query.end_key)
    if start == end:  # of the keys: to Python 1 and true are the same
        return
    low, high = ("", "\U0010ffff") if not query.descending else ("\U0010ffff", "")
    start_id = low if query.start_key_docid is None else query.start_key_docid
    end_id = high if query.end_key_docid is None else query.end_key_docid
    before = (start, start_id) < (end, end_id)
    if before == query.descending:
        other = "false" if query.descending else "true"
        raise QueryParseError(
            f"No rows can match your key range, reverse your start_key and end_key or set descending={other}"
        )


class PlaceRange(NamedTuple):
    """Places from ``low`` on and before ``high``, not yet as keys have them."""

    low: bytes
    high: bytes

    @property
    def empty(self) -> bool:
        """Whether no place can be in it."""
        return self.low >= self.high


def ranges_of(query: ViewQuery, key_of: KeyOf) -> Iterator[PlaceRange]:
    """The ranges that a query reads, one after the other: one, or one for each key."""
    before = b"" if query.partition is None else layout.partition_bytes(query.partition)
    if query.keys is None:
        start = None if query.start_key is UNSET else key_of(query.start_key)
        end = None if query.end_key is UNSET else key_of(query.end_key)
        yield _inside(before, _range(query, start, end))
        return
    for key in reversed(query.keys) if query.descending else query.keys:
        place = key_of(key)
        yield _inside(before, _range(query, place, place))


async def make_ranges(query: ViewQuery, key_of: KeyOf) -> Iterator[PlaceRange]:
    """The same; those of a large query are all made before, in a thread."""
    ranges = ranges_of(query, key_of)
    return iter(await to_thread(list, ranges)) if query.large else ranges


def _inside(before: bytes, places: PlaceRange) -> PlaceRange:
    """The range within a partition, whose places all begin in the same way."""
    return PlaceRange(before + places.low, before + places.high) if before else places


def _range(query: ViewQuery, start: bytes | None, end: bytes | None) -> PlaceRange:
    # A bound "before" has the rows of its key and document behind it, one "after" before it.
    if query.descending:
        high = AFTER if start is None else _bound(start, query.start_key_docid, after=True)
        low = b"" if end is None else _bound(end, query.end_key_docid, after=not query.inclusive_end)
    else:
        low = b"" if start is None else _bound(start, query.start_key_docid, after=False)
        high = AFTER if end is None else _bound(end, query.end_key_docid, after=query.inclusive_end)
    return PlaceRange(low, high)


def _bound(key: bytes, doc_id: str | None, *, after: bool) -> bytes:
    if doc_id is None:
        return key + AFTER if after else key
    return key + layout.id_bound(doc_id, after=after)
