"""What workers do for views: documents into rows, rows into reductions of JavaScript functions.

Owns the functions that a worker process is asked for; plain data in and out. Everything that costs time for each row
is done here, so that the server's own process only writes: keys in their order, texts of rows, places. It must not know
databases or transactions.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from docstore.core.collation_key import KeyOf, order_key, raw_key
from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.partition import partition_of
from docstore.errors import InvalidJson
from docstore.query.javascript.engine import engine_for
from docstore.query.views import layout
from docstore.query.views.index_rows import Mapped
from docstore.settings import FunctionSettings

REMEMBERED_LENGTH: Final = 64
"""Longer keys are not remembered while a batch is mapped."""

Emitted = list[tuple[bytes, bytes]]

_LONE: Final = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\)\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_EXPONENT: Final = re.compile(rb"[0-9]e[+-]?[0-9]")
_REPLACEMENT: Final = b"\xef\xbf\xbd"


class _Keys(dict[bytes, tuple[bytes, bytes]]):
    """A key as it was emitted -> as it is printed, and in order. Keys repeat from document to document."""

    def __init__(self, key_of: KeyOf) -> None:
        super().__init__()
        self._key_of = key_of

    def __missing__(self, emitted: bytes) -> tuple[bytes, bytes]:
        text, value = _read(emitted)
        found = text, self._key_of(value)
        if len(emitted) <= REMEMBERED_LENGTH:
            self[emitted] = found
        return found


def map_documents(
    signature: str,
    definition: str,
    limits: Mapping[str, Any],
    slots: Sequence[tuple[int, bool, bool]],
    ids: Sequence[str],
    documents: Sequence[bytes],
) -> Mapped:
    """What some documents emit. ``slots``: (which map function, whether its collation is raw, whether partitioned).

    ``limits``: the members of FunctionSettings. Raises what the functions fail with.
    """
    engine = engine_for(signature, definition, FunctionSettings(**limits))
    mapped = rows_of(slots, ids, engine.map(documents))
    mapped["log"] = engine.take_log()
    return mapped


def rows_of(
    slots: Sequence[tuple[int, bool, bool]], ids: Sequence[str], emitted: Sequence[Sequence[Emitted]]
) -> Mapped:
    """The rows of what documents emitted, per document and map function; none in a partitioned slot of ids without."""
    places: list[bytes] = []
    rows: list[tuple[bytes, bytes]] = []
    long: list[tuple[bytes, bytes]] = []
    ways = [
        (layout.slot_bytes(slot), number, partitioned, _Keys(raw_key if raw else order_key))
        for slot, (number, raw, partitioned) in enumerate(slots)
    ]
    for doc_id, of_document in zip(ids, emitted, strict=True):
        quoted, ending = encode(doc_id), layout.id_bytes(doc_id)
        owned: list[bytes] = []
        for slot, number, partitioned, keys in ways:
            partition = partition_of(doc_id) if partitioned else None
            if of_document[number] and (partition is not None or not partitioned):
                before = slot if partition is None else slot + layout.partition_bytes(partition)
                _add_rows(before, quoted, ending, of_document[number], keys, owned, rows, long)
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


def _add_rows(
    before: bytes,
    quoted: bytes,
    ending: bytes,
    emitted: Emitted,
    keys: _Keys,
    owned: list[bytes],
    rows: list[tuple[bytes, bytes]],
    long: list[tuple[bytes, bytes]],
) -> None:
    """The rows of one document in one slot, ``before`` their keys."""
    by_place: dict[bytes, Emitted] = {}
    for key, value in emitted:
        key_text, order = keys[key]
        place = b"%b%b%b" % (before, order, ending)
        value_text = value if _is_plain(value) else _read(value)[0]
        by_place.setdefault(place, []).append((key_text, value_text))
    for place, pairs in by_place.items():
        values = [decode(value) for _, value in pairs] if len(pairs) > 1 else None
        packed = layout.pack_row(quoted, pairs, values)
        owned.append(place)
        if layout.is_long(place[layout.SLOT_BYTES :]):
            long.append((place, layout.with_place(packed, place[layout.SLOT_BYTES :])))
        else:
            rows.append((place, packed))


def _is_plain(text: bytes) -> bool:
    """Whether a text is printed as CouchDB prints it: no escape, and no number with an exponent."""
    return b"\\" not in text and (b"e" not in text or _EXPONENT.search(text) is None)


def _read(text: bytes) -> tuple[bytes, JsonValue]:
    """A JSON text of the engine as CouchDB prints it, and its value."""
    try:
        value = decode(text)
    except InvalidJson:  # half a surrogate pair, which UTF-8 cannot have
        text = _LONE.sub(_REPLACEMENT, text)
        value = decode(text)
    return (text if _is_plain(text) else encode(value)), value


# --- Reductions of JavaScript functions -------------------------------------------------------------------------------


def reduce_javascript(
    signature: str,
    definition: str,
    limits: Mapping[str, Any],
    index: int,
    jobs: Sequence[Sequence[Sequence[bytes]]],
) -> tuple[list[bytes], list[str]]:
    """One reduction for each job (keys and ids of rows, their values, reductions to be reduced with them), and the log.

    Raises what the function fails with.
    """
    engine = engine_for(signature, definition, FunctionSettings(**limits))
    results: list[bytes] = []
    for keys_and_ids, values, reductions in jobs:
        parts = list(reductions)
        if values:
            parts.insert(0, engine.reduce(index, list(keys_and_ids), list(values)))
        results.append(parts[0] if len(parts) == 1 else engine.rereduce(index, parts))
    return results, engine.take_log()
