"""What workers do for Mango's indexes: documents into rows, without JavaScript.

Owns the function that a worker process is asked for, as ``query/views/mapping.py`` does for views; what it makes is
the same. Of a document those members alone are read that an index has or that its ``partial_filter_selector`` tests. A
document is in an index if it has all of its fields. Follows ``mango_native_proc.erl``.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, cast

from docstore.core.collation_key import KeyOf, order_key, raw_key
from docstore.core.document import DESIGN_PREFIX
from docstore.core.json_text import JsonValue, decode, encode, encode_string
from docstore.core.needed_members import ReadMembers, reader_of
from docstore.core.partition import partition_of
from docstore.core.projection import Absent, find_value
from docstore.core.selector.normal_form import parse_field
from docstore.core.selector.selector import Selector, compile_selector
from docstore.core.steps import OutOfSteps, Steps
from docstore.errors import BadRequest
from docstore.query.mango.definitions import columns_of, partial_of
from docstore.query.mango.ranges import fields_of
from docstore.query.views import layout
from docstore.query.views.mapped import Mapped
from docstore.settings import Limits

MAX_STEPS: Final = Limits().max_filter_steps
"""Of a ``partial_filter_selector``, for one document; one that takes more is not in the index."""

REMEMBERED_DEFINITIONS: Final = 64
REMEMBERED_LENGTH: Final = 64
_NULL: Final = b"null"


def map_documents(
    definition: str,
    limits: Mapping[str, Any],
    slots: Sequence[tuple[int, bool, bool]],
    ids: Sequence[str],
    documents: Sequence[bytes],
) -> Mapped:
    """The rows of some documents. ``definition``: the plan's; ``limits``: those of functions, of which there are none.

    ``slots``: (which map, whether its collation is raw, whether partitioned).
    """
    maps = _maps_of(definition)
    read = _reader_of(definition)
    ways = [
        (layout.slot_bytes(slot), maps[number], partitioned, raw_key if raw else order_key, _Remembered())
        for slot, (number, raw, partitioned) in enumerate(slots)
        if maps[number] is not None
    ]
    places: list[bytes] = []
    rows: list[tuple[bytes, bytes]] = []
    long: list[tuple[bytes, bytes]] = []
    for doc_id, text in zip(ids, documents, strict=True):
        if doc_id.startswith(DESIGN_PREFIX):
            places.append(b"")
            continue
        document = read(text)
        quoted, ending = encode_string(doc_id), layout.id_bytes(doc_id)
        owned: list[bytes] = []
        for slot, index, partitioned, key_of, remembered in ways:
            partition = partition_of(doc_id) if partitioned else ""
            values = None if partition is None else cast("_Map", index).values(document)
            if values is None:
                continue
            key = encode(values)
            before = slot + layout.partition_bytes(partition) if partition else slot
            place = b"%b%b%b" % (before, remembered.order(key, values, key_of), ending)
            owned.append(place)
            packed = layout.pack_row(quoted, ((key, _NULL),))
            if layout.is_long(place[layout.SLOT_BYTES :]):
                long.append((place, layout.with_place(packed, place[layout.SLOT_BYTES :])))
            else:
                rows.append((place, packed))
        places.append(layout.pack_places(owned) if owned else b"")
    rows.sort()
    return Mapped(
        ids=list(ids),
        places=places,
        keys=[key for key, _ in rows],
        values=[value for _, value in rows],
        long=long,
        log=[],
    )


class _Remembered(dict[bytes, bytes]):
    """Keys as they are printed -> in order. Keys repeat from document to document."""

    def order(self, key: bytes, values: JsonValue, key_of: KeyOf) -> bytes:
        found = self.get(key)
        if found is None:
            found = key_of(values)
            if len(key) <= REMEMBERED_LENGTH:
                self[key] = found
        return found


class _Map:
    """One index: the paths of its fields, and which documents are in it.

    ``names`` of the members that it reads, ``""`` among them for all.
    """

    def __init__(self, paths: list[tuple[str, ...]], partial: JsonValue) -> None:
        self.paths = paths
        self.partial: Selector | None = None if partial is None else compile_selector(partial)
        self.names = {path[0] for path in paths}
        if self.partial is not None:
            tested = fields_of(self.partial.normalised)
            self.names |= {parse_field(field)[0] if field else "" for field in tested}

    def values(self, document: dict[str, JsonValue]) -> list[JsonValue] | None:
        """The values of the fields; None for a document that is not in the index."""
        values: list[JsonValue] = []
        for path in self.paths:
            value = find_value(document, path)
            if isinstance(value, Absent):
                return None
            values.append(value)
        if self.partial is not None:
            try:
                if not self.partial.matches(document, Steps(MAX_STEPS)):
                    return None
            except OutOfSteps:
                return None
        return values


@lru_cache(REMEMBERED_DEFINITIONS)
def _maps_of(definition: str) -> tuple[_Map | None, ...]:
    """The indexes of a design document; None for a map that is no index's."""
    maps = cast("Any", decode(definition.encode()))["maps"]
    return tuple(map(_map_of, maps))


def _map_of(definition: JsonValue) -> _Map | None:
    columns = columns_of(definition)
    if columns is None or not isinstance(definition, dict):
        return None
    try:
        return _Map([parse_field(name) for name, _ in columns], partial_of(definition))
    except BadRequest:
        return None


@lru_cache(REMEMBERED_DEFINITIONS)
def _reader_of(definition: str) -> ReadMembers:
    """What reads the members that any of them needs."""
    names = frozenset().union(*(one.names for one in _maps_of(definition) if one is not None))
    return reader_of(names) if "" not in names else _read_all


def _read_all(text: bytes) -> dict[str, JsonValue]:
    return cast("dict[str, JsonValue]", decode(text))
