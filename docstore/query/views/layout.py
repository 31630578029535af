"""The tables of the index environment: every key and every value.

Owns those bytes: nobody else packs one. It must not know transactions. ``docs/storage_format.md`` describes the same in
words. Keys of ``rows``, ``owners``, ``blocks`` and ``dirty`` begin with the number of an index, 4 bytes, never reused.

A *slot* is one map function of an index under one collation; views with the same function share it. The rows of a slot
sort by what its documents emit::

    rows    number 4  slot 2  place           one row; several that a document emits under one key are one row here
    owners  number 4  id                      the places of a document's rows, each with its slot
    blocks  number 4  slot 2  level 1  place  a block of rows, or of blocks of the level below (``blocks.py``)
    dirty   as blocks                         there while the block's reductions are to be computed

*place*: the order-keeping key of the emitted key, then the id with 00 FF for 00, and 00 00; of partitioned views the
document's partition comes before both, written as an id is, so that a partition is one range. LMDB's keys end at 511
bytes: a place of ``LONG_FROM`` bytes or more is cut there, and a label of 8 bytes follows that sorts as the places do
(``storage/documents/long_ids.py``); the row carries the whole place then.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from struct import Struct
from typing import Final, NamedTuple

import msgspec

from docstore.core.json_text import JsonValue
from docstore.query.views.erlang_order import term_order
from docstore.query.views.reducers import ReducedRow

FORMAT_VERSION: Final = 1

META: Final = b"meta"
INDEXES: Final = b"indexes"
GONE: Final = b"gone"
ROWS: Final = b"rows"
OWNERS: Final = b"owners"
BLOCKS: Final = b"blocks"
DIRTY: Final = b"dirty"
TABLE_NAMES: Final = (META, INDEXES, GONE, ROWS, OWNERS, BLOCKS, DIRTY)

META_FORMAT: Final = b"format"
META_COLLATION: Final = b"collation"
META_NEXT: Final = b"next_index"

LONG_FROM: Final = 480
LABEL_BYTES: Final = 8
SLOT_BYTES: Final = 2
ID_UP_TO: Final = 480

_NUMBER = Struct(">I")
_SLOT = Struct(">H")
_OFFSETS = Struct(">II")
_LENGTH = Struct(">I")
_COUNT = Struct(">Q")
_SINGLE, _SEVERAL, _LONG = 0, 1, 2
_ID_AT: Final = len(b'{"id":')
_BEFORE_KEY: Final = b',"key":'
_BEFORE_VALUE: Final = b',"value":'
_KEY_AT: Final = _ID_AT + len(_BEFORE_KEY)
_BETWEEN: Final = len(_BEFORE_VALUE)
_VALUE_AT: Final = 1 + _LENGTH.size
_ROW_AT: Final = 1 + _OFFSETS.size


class IndexState(msgspec.Struct, array_like=True):
    """What an index holds: its row in ``indexes``.

    ``number``    of its keys;  ``database``, ``epoch``  the database's number and the store's epoch that it is made of
    ``seq``       the update sequence that it shows;  ``purge_seq``  the purges that it has followed
    ``counts``    rows of each slot;  ``rows_bytes``, ``text_bytes``  of all rows, keys included, and their texts alone
    ``signature`` 16 bytes, of the views
    """

    number: int
    database: int
    epoch: int
    signature: bytes
    seq: int
    purge_seq: int
    counts: list[int]
    rows_bytes: int = 0
    text_bytes: int = 0


encode_state = msgspec.msgpack.Encoder().encode
decode_state = msgspec.msgpack.Decoder(IndexState).decode


# --- Keys -------------------------------------------------------------------------------------------------------------


def index_key(database: int, signature: bytes) -> bytes:
    """The key in ``indexes``: 4 bytes and 16 bytes."""
    return _NUMBER.pack(database) + signature


def number_prefix(number: int) -> bytes:
    """What all keys of an index begin with; also the key in ``gone``."""
    return _NUMBER.pack(number)


def number_of(key: bytes) -> int:
    """The number that a key begins with."""
    number: int = _NUMBER.unpack_from(key)[0]
    return number


def slot_prefix(number: int, slot: int) -> bytes:
    """What the keys of a slot's rows begin with."""
    return _NUMBER.pack(number) + _SLOT.pack(slot)


def slot_bytes(slot: int) -> bytes:
    """The slot alone, as places are kept in ``owners``."""
    return _SLOT.pack(slot)


def slot_of(slotted: bytes) -> int:
    """The slot of a place that has it in front."""
    slot: int = _SLOT.unpack_from(slotted)[0]
    return slot


def id_bytes(doc_id: str) -> bytes:
    """A document id as it ends a place: no other one begins with it, and they sort as the ids do."""
    return doc_id.encode().replace(b"\x00", b"\x00\xff") + b"\x00\x00"


def partition_bytes(name: str) -> bytes:
    """A partition as it begins the places of its rows: the bytes of no other one begin with it."""
    return id_bytes(name)


def id_bound(doc_id: str, *, after: bool = False) -> bytes:
    """Bytes behind the key in a place that separate the rows of lesser ids; with ``after`` those of the id too."""
    raw = doc_id.encode("utf-8", "surrogatepass").replace(b"\x00", b"\x00\xff")
    return raw + (b"\x00\x01" if after else b"\x00\x00")


def is_long(place: bytes) -> bool:
    """Whether a place, or a bound of places, is cut and labelled in keys."""
    return len(place) >= LONG_FROM


def owner_key(number: int, doc_id: str) -> bytes:
    """The key in ``owners``; the order of ids does not matter there."""
    raw = doc_id.encode()
    if len(raw) >= ID_UP_TO:
        raw = raw[: ID_UP_TO - 16] + blake2b(raw, digest_size=16).digest()
    return _NUMBER.pack(number) + raw


def block_prefix(slot: bytes, level: int) -> bytes:
    """What the keys of a slot's blocks of one level begin with; ``slot`` is its ``slot_prefix``."""
    return b"%b%c" % (slot, level)


# --- Rows -------------------------------------------------------------------------------------------------------------


def row_text(doc_id: bytes, key: bytes, value: bytes) -> tuple[bytes, int, int]:
    """The text of a row without what follows its value, and where key and value begin; three JSON texts."""
    text = b'{"id":%b,"key":%b,"value":%b' % (doc_id, key, value)
    key_at = _ID_AT + len(doc_id) + len(_BEFORE_KEY)
    return text, key_at, key_at + len(key) + len(_BEFORE_VALUE)


def pack_single(doc_id: bytes, key: bytes, value: bytes) -> bytes:
    """The value in ``rows`` of one row; three JSON texts."""
    key_at = _KEY_AT + len(doc_id)
    offsets = _OFFSETS.pack(key_at, key_at + _BETWEEN + len(key))
    return b'\x00%b{"id":%b,"key":%b,"value":%b' % (offsets, doc_id, key, value)


def pack_row(doc_id: bytes, emitted: Sequence[tuple[bytes, bytes]], order: Sequence[JsonValue] | None = None) -> bytes:
    """The value in ``rows`` of (key, value) pairs under one key. Of several ``order`` has the values, to sort by."""
    if len(emitted) == 1:
        return pack_single(doc_id, *emitted[0])
    ranks = [term_order(value) for value in order or ()]
    parts = [bytes((_SEVERAL,)), _LENGTH.pack(len(emitted))]
    for place in sorted(range(len(emitted)), key=ranks.__getitem__):
        text, key_at, value_at = row_text(doc_id, *emitted[place])
        parts += (_LENGTH.pack(len(text)), _OFFSETS.pack(key_at, value_at), text)
    return b"".join(parts)


def with_place(value: bytes, place: bytes) -> bytes:
    """The value of a row whose place does not fit into its key."""
    return b"%c%b%b%b" % (_LONG, _LENGTH.pack(len(place)), place, value)


def place_of_long(value: bytes) -> bytes:
    """The whole place that such a row carries."""
    start = 1 + _LENGTH.size
    return value[start : start + _LENGTH.unpack_from(value, 1)[0]]


def row_count(value: bytes) -> int:
    """How many rows a value holds."""
    at = _start_of(value)
    if value[at] == _SINGLE:
        return 1
    count: int = _LENGTH.unpack_from(value, at + 1)[0]
    return count


def count_all(values: Sequence[bytes]) -> int:
    """How many rows some values hold, most of which hold one."""
    return len(values) + sum([row_count(value) - 1 for value in values if value[0] != _SINGLE])


def value_texts(values: Iterable[bytes]) -> list[bytes]:
    """What was emitted as values by the rows in some values, JSON."""
    found: list[bytes] = []
    for value in values:
        if value[0] == _SINGLE:
            found.append(value[_ROW_AT + _LENGTH.unpack_from(value, _VALUE_AT)[0] :])
        else:
            found += [row.value for row in row_texts(value)]
    return found


def text_size(value: bytes) -> int:
    """How many bytes of a value are its rows."""
    return len(value) - _start_of(value)


class RowText(NamedTuple):
    """A row: its JSON text without the last brace, where its key begins and where its value begins."""

    text: bytes
    key_at: int
    value_at: int

    @property
    def doc_id(self) -> bytes:
        """The document's id, JSON."""
        return self.text[_ID_AT : self.key_at - len(_BEFORE_KEY)]

    @property
    def key(self) -> bytes:
        """What was emitted as the key, JSON."""
        return self.text[self.key_at : self.value_at - len(_BEFORE_VALUE)]

    @property
    def value(self) -> bytes:
        """What was emitted as the value, JSON."""
        return self.text[self.value_at :]


def row_texts(value: bytes) -> list[RowText]:
    """The rows in a value."""
    at = _start_of(value)
    if value[at] == _SINGLE:
        return [RowText(value[at + 1 + _OFFSETS.size :], *_OFFSETS.unpack_from(value, at + 1))]
    rows: list[RowText] = []
    count = _LENGTH.unpack_from(value, at + 1)[0]
    at += 1 + _LENGTH.size
    for _ in range(count):
        length = _LENGTH.unpack_from(value, at)[0]
        at += _LENGTH.size
        offsets = _OFFSETS.unpack_from(value, at)
        at += _OFFSETS.size
        rows.append(RowText(value[at : at + length], *offsets))
        at += length
    return rows


def single_text(value: bytes) -> bytes | None:
    """The whole text of the row in a value; None if there are several, or its place is beside it."""
    return value[_ROW_AT:] + b"}" if value[0] == _SINGLE else None


def key_and_id(value: bytes) -> tuple[bytes, bytes]:
    """Key and document's id, JSON, of the first row in a value; there are others in no index that is declared."""
    at = _start_of(value)
    if value[at] != _SINGLE:
        first = row_texts(value)[0]
        return first.key, first.doc_id
    key_at, value_at = _OFFSETS.unpack_from(value, at + 1)
    at += 1 + _OFFSETS.size
    return value[at + key_at : at + value_at - len(_BEFORE_VALUE)], value[at + _ID_AT : at + key_at - len(_BEFORE_KEY)]


def quoted_ids(values: Sequence[bytes]) -> list[bytes]:
    """The documents' ids of such rows, JSON."""
    return [
        value[_ROW_AT + _ID_AT : _ROW_AT + _LENGTH.unpack_from(value, 1)[0] - len(_BEFORE_KEY)]
        if value[0] == _SINGLE
        else key_and_id(value)[1]
        for value in values
    ]


def reduced_rows(value: bytes) -> Iterator[ReducedRow]:
    """The rows of a value as reduce functions see them."""
    if value[0] == _SINGLE:
        key_at, value_at = _OFFSETS.unpack_from(value, 1)
        start = 1 + _OFFSETS.size
        yield ReducedRow(
            value[start + key_at : start + value_at - len(_BEFORE_VALUE)],
            value[start + _ID_AT : start + key_at - len(_BEFORE_KEY)],
            value[start + value_at :],
        )
        return
    for text, key_at, value_at in row_texts(value):
        yield ReducedRow(
            text[key_at : value_at - len(_BEFORE_VALUE)],
            text[_ID_AT : key_at - len(_BEFORE_KEY)],
            text[value_at:],
        )


def whole_place(place: bytes, value: bytes) -> bytes:
    """The place of a row, as it was before it was cut for its key."""
    return place_of_long(value) if value[0] == _LONG else place


def _start_of(value: bytes) -> int:
    """Where the rows begin: behind the place, if there is one."""
    return 1 + _LENGTH.size + _LENGTH.unpack_from(value, 1)[0] if value[0] == _LONG else 0


# --- Owners and blocks ------------------------------------------------------------------------------------------------

pack_places = msgspec.msgpack.Encoder().encode
unpack_places = msgspec.msgpack.Decoder(list[bytes]).decode


def pack_block(count: int, reductions: Sequence[bytes]) -> bytes:
    """The value in ``blocks``: how many rows, and a reduction for each function. An empty value is a dirty block."""
    return _COUNT.pack(count) + b"".join(_LENGTH.pack(len(one)) + one for one in reductions)


def block_count(value: bytes) -> int:
    """How many rows a clean block has."""
    count: int = _COUNT.unpack_from(value)[0]
    return count


def block_reductions(value: bytes) -> list[bytes]:
    """The reductions of a clean block."""
    found: list[bytes] = []
    at = _COUNT.size
    while at < len(value):
        start = at + _LENGTH.size
        at = start + _LENGTH.unpack_from(value, at)[0]
        found.append(value[start:at])
    return found
