"""What workers do for views: documents into rows, rows into reductions of JavaScript functions.

Owns the functions that a worker process is asked for; plain data in and out. Everything that costs time for each row
is done here, so that the server's own process only writes: keys in their order, texts of rows, places. It must not know
databases or transactions.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from docstore.core.collation_key import KeyOf, order_key, raw_key
from docstore.core.json_text import JsonValue, decode, encode, encode_string
from docstore.core.partition import partition_of
from docstore.errors import BadRequest, DocstoreError, InvalidJson
from docstore.query.errors import FunctionFailed
from docstore.query.javascript.words import OS_PROCESS
from docstore.query.servers.choice import engine_for
from docstore.query.views import layout
from docstore.query.views.mapped import Mapped
from docstore.settings import FunctionSettings

KEYS_AT_ONCE: Final = 400
"""Few enough that their brackets alone are no reason to look how deep a text nests."""

Emitted = list[tuple[bytes, bytes]]

_LONE: Final = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\)\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_EXPONENT: Final = re.compile(rb"[0-9]e[+-]?[0-9]")
_REPLACEMENT: Final = b"\xef\xbf\xbd"


class _Keys(dict[bytes, tuple[bytes, bytes]]):
    """A key as it was emitted -> as it is printed, and in order."""

    def __init__(self, key_of: KeyOf) -> None:
        super().__init__()
        self._key_of = key_of

    def learn(self, emitted: set[bytes]) -> None:
        """Read many keys at once, which costs half as much as one by one."""
        if not _is_plain(b",".join(emitted)):
            odd = {one for one in emitted if not _is_plain(one)}
            self.update((one, self._read(one)) for one in odd)
            emitted = emitted - odd
        plain = list(emitted)
        for start in range(0, len(plain), KEYS_AT_ONCE):
            some = plain[start : start + KEYS_AT_ONCE]
            try:
                values = cast("list[JsonValue]", decode(b"[%b]" % b",".join(some)))
            except DocstoreError:  # one of them nests as deep as it may
                self.update((one, self._read(one)) for one in some)
            else:
                self.update(zip(some, zip(some, map(self._key_of, values), strict=True), strict=True))

    def _read(self, emitted: bytes) -> tuple[bytes, bytes]:
        text, value = _read(emitted)
        return text, self._key_of(value)


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
    emitted = engine.map(documents)
    try:
        mapped = rows_of(slots, ids, emitted)
    except BadRequest as error:  # nobody who asks the view has asked for that
        raise FunctionFailed(f"The function emits what cannot be a row. {error.reason}", error=OS_PROCESS) from None
    mapped["log"] = engine.take_log()
    return mapped


def rows_of(
    slots: Sequence[tuple[int, bool, bool]], ids: Sequence[str], emitted: Sequence[Sequence[Emitted]]
) -> Mapped:
    """The rows of what documents emitted, per document and map function; none in a partitioned slot of ids without."""
    names = [(encode_string(doc_id), layout.id_bytes(doc_id)) for doc_id in ids]
    owned: list[list[bytes]] = [[] for _ in ids]
    rows: dict[bytes, bytes] = {}
    for slot, (number, raw, partitioned) in enumerate(slots):
        befores = _befores(layout.slot_bytes(slot), ids, partitioned=partitioned)
        column = [of_document[number] if before else [] for of_document, before in zip(emitted, befores, strict=True)]
        _add_rows(befores, raw_key if raw else order_key, names, column, owned, rows)
    longer = layout.SLOT_BYTES + layout.LONG_FROM
    out_of_keys = [place for place in rows if len(place) >= longer]
    long = [(place, layout.with_place(rows.pop(place), place[layout.SLOT_BYTES :])) for place in out_of_keys]
    keys = sorted(rows)
    return Mapped(
        ids=list(ids),
        places=[layout.pack_places(one) if one else b"" for one in owned],
        keys=keys,
        values=list(map(rows.__getitem__, keys)),
        long=long,
        log=[],
    )


def _befores(slot: bytes, ids: Sequence[str], *, partitioned: bool) -> list[bytes]:
    """What the places of each document's rows begin with; nothing of one that has none."""
    if not partitioned:
        return [slot] * len(ids)
    partitions = map(partition_of, ids)
    return [b"" if one is None else slot + layout.partition_bytes(one) for one in partitions]


def _add_rows(
    befores: Sequence[bytes],
    key_of: KeyOf,
    names: Sequence[tuple[bytes, bytes]],
    column: Sequence[Emitted],
    owned: Sequence[list[bytes]],
    rows: dict[bytes, bytes],
) -> None:
    """The rows of one slot; ``names`` has each document's id as JSON and as it ends a place."""
    keys = _Keys(key_of)
    keys.learn({key for pairs in column for key, _ in pairs})
    plain = _is_plain(b",".join([value for pairs in column for _, value in pairs]))
    for before, (quoted, ending), pairs, places in zip(befores, names, column, owned, strict=True):
        if not pairs:
            continue
        new: dict[bytes, bytes] = {}
        for emitted, value in pairs:
            text, order = keys[emitted]
            new[before + order + ending] = layout.pack_single(quoted, text, value if plain else _printed(value))
        places.extend(new)
        rows.update(new)
        if len(new) < len(pairs):
            _join_equal(before, quoted, ending, [(keys[key], _printed(value)) for key, value in pairs], rows)


def _join_equal(
    before: bytes,
    quoted: bytes,
    ending: bytes,
    pairs: Sequence[tuple[tuple[bytes, bytes], bytes]],
    rows: dict[bytes, bytes],
) -> None:
    """The rows of a document that emits one key more than once: ((key, in order), value)."""
    by_place: dict[bytes, Emitted] = {}
    for (text, order), value in pairs:
        by_place.setdefault(before + order + ending, []).append((text, value))
    for place, some in by_place.items():
        rows[place] = layout.pack_row(quoted, some, [decode(value) for _, value in some])


def _is_plain(text: bytes) -> bool:
    """Whether a text is printed as CouchDB prints it: no escape, and no number with an exponent."""
    return b"\\" not in text and (b"e" not in text or _EXPONENT.search(text) is None)


def _printed(text: bytes) -> bytes:
    return text if _is_plain(text) else _read(text)[0]


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
