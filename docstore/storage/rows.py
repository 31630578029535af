"""The layout of every value but the document records.

Owns the bytes of rows in ``databases``, ``states``, ``bodies``, ``changes``, ``conflicts``, ``local`` and
the counting tables. It must not know tables or transactions. Numbers are big-endian.

A row of ``changes`` holds the JSON text that ``_changes`` prints between the ``seq`` and the ``doc`` member, so that a
feed is made by joining slices of stored bytes::

    1   flags: winner deleted 1, other leaves 2, body elsewhere 4
    8   body elsewhere: the key of the winner's body, where it is not the row's own seq
    4   other leaves: length of the text
    "id":"a","changes":[{"rev":"2-c4e5…"}]            the text; then ,"deleted":true   where the winner is
    ,{"rev":"2-0b1f…"},{"rev":"1-77ab…"}               the other leaves, in winner order
"""

from binascii import hexlify
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

import msgspec

from docstore.core import json_text
from docstore.core.rev import HASH_BYTES, Rev, parse_rev

# --- databases and states ---------------------------------------------------------------------------------------

_DATABASE = Struct(">I16sQI")
_PARTITIONED = b"\x01"
"""Stands behind the row of a partitioned database."""


class DatabaseRow(NamedTuple):
    """What a name stands for. ``created``: microseconds since 1970; ``uuid``: 32 hex digits; ``shards``: ``q``.

    ``partitioned``: whether its ids begin with a partition (``core/partition.py``).
    """

    number: int
    uuid: str
    created: int
    shards: int
    partitioned: bool = False


def encode_database(row: DatabaseRow) -> bytes:
    """The value in ``databases``."""
    value = _DATABASE.pack(row.number, bytes.fromhex(row.uuid), row.created, row.shards)
    return value + _PARTITIONED if row.partitioned else value


def decode_database(value: bytes) -> DatabaseRow:
    """The row of a value in ``databases``."""
    partitioned = value[_DATABASE.size :] == _PARTITIONED
    number, uuid, created, shards = _DATABASE.unpack(value[: _DATABASE.size] if partitioned else value)
    return DatabaseRow(number, uuid.hex(), created, shards, partitioned)


@dataclass(slots=True)
class DatabaseState:
    """The counters of one database. The writer changes them in place and stores the row once a batch.

    ``update_seq``  the last sequence number given out; also of edits whose document changed again since
    ``doc_count``, ``doc_del_count``  documents whose winner is live, is deleted
    ``conflict_count``  documents with more than one live leaf
    ``purge_seq``  number of the last purge request that was carried out
    ``file_size``  bytes of all keys and values of this database in all tables, this row among them
    ``active_size``  the same without the bodies of revisions that are no leaves
    ``external_size``  bytes of the body values of all live leaves
    ``revs_limit``, ``purged_infos_limit``  as set by the user
    ``design_seq``  number of the last write that changed a design document; 0 if none did since this is counted
    ``unique``  how many unique indexes writes have to obey, finished or not
    """

    update_seq: int = 0
    doc_count: int = 0
    doc_del_count: int = 0
    conflict_count: int = 0
    purge_seq: int = 0
    file_size: int = 0
    active_size: int = 0
    external_size: int = 0
    revs_limit: int = 1000
    purged_infos_limit: int = 1000
    design_seq: int = 0
    unique: int = 0

    def note_design(self, seq: int) -> None:
        """A design document changes with this sequence number."""
        before = len(encode_state(self))
        self.design_seq = seq
        self.grow(len(encode_state(self)) - before)

    def note_unique(self, count: int) -> None:
        """There are so many unique indexes now."""
        before = len(encode_state(self))
        self.unique = count
        self.grow(len(encode_state(self)) - before)

    def grow(self, count: int) -> None:
        """Account for ``count`` bytes of rows more (or fewer); for all rows but superseded bodies."""
        self.file_size += count
        self.active_size += count


_STATE = Struct(">10Q")
STATE_BYTES = _STATE.size
_DESIGN_SEQ = Struct(">Q")
_DESIGN_AND_UNIQUE = Struct(">QQ")


def encode_state(state: DatabaseState) -> bytes:
    """The value in ``states``."""
    row = _STATE.pack(
        state.update_seq,
        state.doc_count,
        state.doc_del_count,
        state.conflict_count,
        state.purge_seq,
        state.file_size,
        state.active_size,
        state.external_size,
        state.revs_limit,
        state.purged_infos_limit,
    )
    if state.unique:
        return row + _DESIGN_AND_UNIQUE.pack(state.design_seq, state.unique)
    return row + _DESIGN_SEQ.pack(state.design_seq) if state.design_seq else row


def decode_state(value: bytes) -> DatabaseState:
    """The counters of a value in ``states``."""
    state = DatabaseState(*_STATE.unpack_from(value))
    if len(value) >= STATE_BYTES + _DESIGN_AND_UNIQUE.size:
        state.design_seq, state.unique = _DESIGN_AND_UNIQUE.unpack_from(value, STATE_BYTES)
    elif len(value) > STATE_BYTES:
        (state.design_seq,) = _DESIGN_SEQ.unpack_from(value, STATE_BYTES)
    return state


# --- bodies -----------------------------------------------------------------------------------------------------

WITH_METADATA = 1
"""First byte of a body with attachment metadata. The text of a plain body begins with a brace."""

_METADATA_LENGTH = Struct(">BI")


def encode_body(body: bytes, metadata: bytes = b"") -> bytes:
    """The value in ``bodies``: the JSON text, behind the attachments' metadata if there is any."""
    return _METADATA_LENGTH.pack(WITH_METADATA, len(metadata)) + metadata + body if metadata else body


def body_text(value: bytes) -> bytes:
    """The JSON text of a value in ``bodies``."""
    return value if value[0] != WITH_METADATA else decode_body(value)[0]


def decode_body(value: bytes) -> tuple[bytes, bytes]:
    """(JSON text, metadata) of a value in ``bodies``."""
    if value[0] != WITH_METADATA:
        return value, b""
    end = _METADATA_LENGTH.size + _METADATA_LENGTH.unpack_from(value)[1]
    return value[end:], value[_METADATA_LENGTH.size : end]


def body_metadata(value: bytes) -> bytes:
    """The metadata of a value in ``bodies``, empty if it has none; the text, which may be long, is not copied."""
    if value[0] != WITH_METADATA:
        return b""
    start = _METADATA_LENGTH.size
    return value[start : start + _METADATA_LENGTH.unpack_from(value)[1]]


# --- changes ----------------------------------------------------------------------------------------------------

CHANGE_DELETED = 1
CHANGE_OTHERS = 2
CHANGE_BODY_ELSEWHERE = 4

_BODY_SEQ = Struct(">Q")
_TEXT_LENGTH = Struct(">I")
_ID_STARTS = 5
_ID_ENDS = b',"changes":[{"rev":'
_DELETED_TEXT = b',"deleted":true'
_AFTER_REV = (len(b"}]"), len(b"}]" + _DELETED_TEXT))
"""How much text follows the winner, of a live document and of a deleted one."""

_read_text = msgspec.json.Decoder(str).decode


class Change(NamedTuple):
    """A row of ``changes``, unpacked. ``others`` are the leaves but the winner, in winner order."""

    id: str
    winner: Rev
    deleted: bool
    body_seq: int
    others: tuple[Rev, ...]


def encode_change(doc_id: str, winner: Rev, deleted: bool, seq: int, body_seq: int, others: Sequence[Rev]) -> bytes:
    """The value in ``changes`` of a document whose last edit is ``seq``."""
    if body_seq == seq and not others and not deleted and len(winner.id) == HASH_BYTES:  # as nearly all
        quoted = json_text.encode_string(doc_id)
        return b'\x00"id":%b,"changes":[{"rev":"%d-%b"}]' % (quoted, winner.generation, hexlify(winner.id))
    text = b'"id":%b,"changes":[{"rev":%b}]%b' % (
        json_text.encode_string(doc_id),
        _rev_json(winner),
        _DELETED_TEXT if deleted else b"",
    )
    if body_seq == seq and not others:
        return (b"\x01" if deleted else b"\x00") + text
    flags = deleted * CHANGE_DELETED
    middle = rest = b""
    if body_seq != seq:
        flags |= CHANGE_BODY_ELSEWHERE
        middle = _BODY_SEQ.pack(body_seq)
    if others:
        flags |= CHANGE_OTHERS
        middle += _TEXT_LENGTH.pack(len(text))
        rest = b"".join(b',{"rev":%b}' % _rev_json(rev) for rev in others)
    return bytes((flags,)) + middle + text + rest


def change_text(value: bytes, all_leaves: bool = False) -> bytes:
    """``"id":…,"changes":[…]`` and, if so, ``,"deleted":true``: with the winner only, or with all leaves."""
    flags = value[0]
    if flags <= CHANGE_DELETED:
        return value[1:]
    start, end = _text_bounds(value)
    text = value[start:end]
    if not all_leaves or end == len(value):
        return text
    cut = len(text) + len(b"}") - _AFTER_REV[flags & CHANGE_DELETED]
    return text[:cut] + value[end:] + text[cut:]


def change_id_json(value: bytes) -> bytes:
    """The document's id as JSON text, quotes included."""
    start = _text_bounds(value)[0] + _ID_STARTS
    return value[start : value.index(_ID_ENDS, start)]


def change_id(value: bytes) -> str:
    """The document's id."""
    return _read_text(change_id_json(value))


def change_rev_json(value: bytes) -> bytes:
    """The winning revision as JSON text, quotes included."""
    start, end = _text_bounds(value)
    return value[value.index(_ID_ENDS, start) + len(_ID_ENDS) : end - _AFTER_REV[value[0] & CHANGE_DELETED]]


def change_deleted(value: bytes) -> bool:
    """Whether the winner is deleted."""
    return value[0] & CHANGE_DELETED == CHANGE_DELETED


def change_body_seq(value: bytes, seq: int) -> int:
    """The key of the winner's body; ``seq`` is the row's own."""
    if value[0] & CHANGE_BODY_ELSEWHERE:
        body_seq: int = _BODY_SEQ.unpack_from(value, 1)[0]
        return body_seq
    return seq


def decode_change(value: bytes, seq: int) -> Change:
    """A whole row; ``seq`` is its key's."""
    start, end = _text_bounds(value)
    cut = value.index(_ID_ENDS, start)
    deleted = value[0] & CHANGE_DELETED == CHANGE_DELETED
    winner = value[cut + len(_ID_ENDS) : end - _AFTER_REV[deleted]]
    others = tuple(_rev_of_json(part) for part in _split_revs(value[end:])) if end < len(value) else ()
    doc_id = _read_text(value[start + _ID_STARTS : cut])
    return Change(doc_id, _rev_of_json(winner), deleted, change_body_seq(value, seq), others)


def _text_bounds(value: bytes) -> tuple[int, int]:
    flags = value[0]
    if flags <= CHANGE_DELETED:
        return 1, len(value)
    start = 1 + _BODY_SEQ.size if flags & CHANGE_BODY_ELSEWHERE else 1
    if not flags & CHANGE_OTHERS:
        return start, len(value)
    length: int = _TEXT_LENGTH.unpack_from(value, start)[0]
    start += _TEXT_LENGTH.size
    return start, start + length


def _split_revs(text: bytes) -> Sequence[bytes]:
    # A quote inside a rev is escaped in JSON, so this separator stands between two members only.
    return text[len(b',{"rev":') : -1].split(b'},{"rev":')


def _rev_json(rev: Rev) -> bytes:
    generation, rev_id = rev
    if len(rev_id) == HASH_BYTES:
        return b'"%d-%b"' % (generation, rev_id.hex().encode())
    return json_text.encode_string(str(rev))


def _rev_of_json(text: bytes) -> Rev:
    generation, _, rev_id = text[1:-1].partition(b"-")
    if len(rev_id) == 2 * HASH_BYTES:
        try:
            return Rev(int(generation), bytes.fromhex(rev_id.decode()))
        except ValueError:
            pass
    return parse_rev(_read_text(text))


# --- the small ones ---------------------------------------------------------------------------------------------

_LOCAL = Struct(">QH")
_COUNT = Struct(">I")
_DOC_COUNT = Struct(">II")
_NUMBER = Struct(">Q")


class LocalRow(NamedTuple):
    """A ``_local`` document. ``long_id`` (UTF-8) is its id without ``_local/`` if that is a long one, else empty."""

    number: int
    body: bytes
    long_id: bytes = b""


def encode_local(row: LocalRow) -> bytes:
    """The value in ``local``."""
    return _LOCAL.pack(row.number, len(row.long_id)) + row.long_id + row.body


def decode_local(value: bytes) -> LocalRow:
    """The document of a value in ``local``."""
    number, length = _LOCAL.unpack_from(value)
    start = _LOCAL.size
    return LocalRow(number, value[start + length :], value[start : start + length])


def id_of_long_local(value: bytes) -> bytes:
    """The id (UTF-8) that the row of a long ``_local`` id carries."""
    return value[_LOCAL.size : _LOCAL.size + _LOCAL.unpack_from(value)[1]]


class DocCount(NamedTuple):
    """A block of ``doc_counts``: documents from its first key to the next block's, live ones and all."""

    live: int
    rows: int


def encode_doc_count(count: DocCount) -> bytes:
    """The value in ``doc_counts``."""
    return _DOC_COUNT.pack(*count)


def decode_doc_count(value: bytes) -> DocCount:
    """The block of a value in ``doc_counts``."""
    return DocCount(*_DOC_COUNT.unpack(value))


def encode_count(count: int) -> bytes:
    """The value in ``seq_counts`` (rows in the block) and in ``conflicts`` (live leaves)."""
    return _COUNT.pack(count)


def decode_count(value: bytes) -> int:
    """The number of a value in ``seq_counts`` or ``conflicts``."""
    count: int = _COUNT.unpack(value)[0]
    return count


def sum_counts(values: Sequence[bytes]) -> int:
    """The sum of many values of ``seq_counts``."""
    return sum(Struct(f">{len(values)}I").unpack(b"".join(values)))


def encode_number(number: int) -> bytes:
    """The value in ``purge_ids`` (the purge's number)."""
    return _NUMBER.pack(number)


def decode_number(value: bytes) -> int:
    """The number of a value in ``purge_ids``."""
    number: int = _NUMBER.unpack(value)[0]
    return number
