"""The revision hash: the same ``_rev`` for the same edit as CouchDB and Cloudant make.

Owns the rule md5(Erlang external term of [Deleted, OldStart, OldRev, Body, Attachments]) and the terms it needs. It
must not know documents beyond that, save which of their members are hashed. The rule is ``couch_db:new_revid`` of
CouchDB, the terms are the Erlang external term format, minor version 1:

    integer 0..255          61 n                 string       6d length UTF-8
    32-bit integer          62 n                 []           6a
    other integer           6e n sign bytes      bytes only   6b length bytes      (an array of integers 0..255)
    float                   46 IEEE              other array  6c length items 6a
    true, false, null       64 length name       object       68 01, then the array of its pairs (68 02 name value)
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, Final, TypeAlias

from docstore.core.json_text import JsonValue, decode
from docstore.core.rev import Rev

NIL: Final = b"j"
"""The term of an empty list: also that of no attachments."""
EMPTY_BODY_TERM: Final = b"h\x01j"
"""The term of ``{}``: the body that a DELETE writes."""

REPLICATION_MEMBERS: Final = frozenset(
    {
        "_replication_state",
        "_replication_state_time",
        "_replication_state_reason",
        "_replication_id",
        "_replication_stats",
    }
)
"""The members that begin with an underscore and are part of a document's body."""

_new = tuple.__new__

_ATOMS = {True: b"d\x00\x04true", False: b"d\x00\x05false", None: b"d\x00\x04null"}
_HEAD_LIVE = b"\x83l\x00\x00\x00\x05" + _ATOMS[False]
_HEAD_DELETED = b"\x83l\x00\x00\x00\x05" + _ATOMS[True]
_NO_PARENT = b"a\x00a\x00"
_MIN_INT32, _MAX_INT32 = -(2**31), 2**31 - 1
_MAX_BYTE_LIST = 65_535
_MAX_SMALL_BIG = 255
_TABLED = 256
_JOINED = 32_768
"""Parts that are joined in one call."""
_FLAT = 32
"""Levels that are calls within calls."""

_string_head = struct.Struct(">cI").pack
_list_head = struct.Struct(">cI").pack
_object_head = struct.Struct(">3sI").pack
_byte_list_head = struct.Struct(">cH").pack
_int32 = struct.Struct(">ci").pack
_float = struct.Struct(">cd").pack
_large_big_head = struct.Struct(">cIB").pack

# Short strings and small integers are most of what documents hold: their bytes are looked up, not packed.
_BYTE_INTEGERS = [b"a%c" % number for number in range(_TABLED)]
_STRING_HEADS = [_string_head(b"m", length) for length in range(_TABLED)]
_OBJECT_HEADS = [_object_head(b"h\x01l", length) for length in range(_TABLED)]


class _MemberHeads(dict[str, bytes]):
    """Member name -> ``68 02`` and the name's term. Names repeat from document to document, so they are remembered."""

    _REMEMBERED = 4_096
    _REMEMBERED_LENGTH = 64

    def __missing__(self, name: str) -> bytes:
        head = b"h\x02" + _string(name)
        if len(name) <= self._REMEMBERED_LENGTH:
            if len(self) >= self._REMEMBERED:
                self.clear()
            self[name] = head
        return head


_member_head = _MemberHeads().__getitem__


def encode_term(value: JsonValue) -> bytes:
    """The external term of a JSON value, without the leading version byte."""
    parts: list[bytes] = []
    try:
        _append(b"", value, parts, 0)
    except _Unusual:
        return _encode_in_steps(value)
    return b"".join(parts)


_Item: TypeAlias = Any
"""A JsonValue, whose ``type()`` is asked once."""


class _Unusual(Exception):
    """A value that is deep or long."""


def _append(head: bytes, item: _Item, parts: list[bytes], depth: int) -> None:
    """The parts of a head and an item, a level of nesting being a call. Raises _Unusual."""
    kind = type(item)
    if kind is dict:
        _append_object(head, item, parts, depth)
    elif kind is list:
        _append_array(head, item, parts, depth)
    elif kind is str:
        text = item.encode()
        length = len(text)
        parts += (head, _STRING_HEADS[length] if length < _TABLED else _string_head(b"m", length), text)
    elif kind is int:
        parts += (head, _BYTE_INTEGERS[item] if 0 <= item < _TABLED else _integer(item))
    else:
        parts += (head, _float(b"F", item) if kind is float else _ATOMS[item])


def _append_object(head: bytes, members: dict[str, Any], parts: list[bytes], depth: int) -> None:
    count = len(members)
    if not count:
        parts += (head, EMPTY_BODY_TERM)
        return
    if depth > _FLAT or len(parts) + count > _JOINED:
        raise _Unusual
    parts += (head, _OBJECT_HEADS[count] if count < _TABLED else _object_head(b"h\x01l", count))
    for name, item in members.items():
        kind = type(item)
        if kind is str:  # as _append, without the call: most members are these
            text = item.encode()
            length = len(text)
            parts += (
                _member_head(name),
                _STRING_HEADS[length] if length < _TABLED else _string_head(b"m", length),
                text,
            )
        elif kind is int:
            parts += (_member_head(name), _BYTE_INTEGERS[item] if 0 <= item < _TABLED else _integer(item))
        else:
            _append(_member_head(name), item, parts, depth + 1)
    parts.append(NIL)


def _append_array(head: bytes, items: list[Any], parts: list[bytes], depth: int) -> None:
    if not items or (type(items[0]) is int and _is_byte_list(items)):
        parts += (head, _byte_list_head(b"k", len(items)) + bytes(items) if items else NIL)
        return
    if depth > _FLAT or len(parts) + len(items) > _JOINED:
        raise _Unusual
    parts += (head, _list_head(b"l", len(items)))
    for item in items:
        if type(item) is dict:
            _append_object(b"", item, parts, depth + 1)
        else:
            _append(b"", item, parts, depth + 1)
    parts.append(NIL)


def _encode_in_steps(value: JsonValue) -> bytes:
    """The same of any value.

    Enclosing levels wait in a list, so that a deep value needs no more stack than a flat one; a level is an iterator
    over (what stands before the item, item). Parts are joined now and then: one call that joins millions would hold the
    interpreter, in whatever thread this is.
    """
    joined: list[bytes] = []
    parts: list[bytes] = []
    append = parts.append
    outer: list[Iterator[tuple[bytes, Any]]] = []
    level: Iterator[tuple[bytes, Any]] = iter(((b"", value),))
    while True:
        for head, item in level:
            kind = type(item)
            if kind is str:
                text = item.encode()
                length = len(text)
                parts += (head, _STRING_HEADS[length] if length < _TABLED else _string_head(b"m", length), text)
                continue
            append(head)
            if kind is int:
                append(_BYTE_INTEGERS[item] if 0 <= item < _TABLED else _integer(item))
            elif kind is dict:
                count = len(item)
                if count:
                    append(_OBJECT_HEADS[count] if count < _TABLED else _object_head(b"h\x01l", count))
                    outer.append(level)
                    level = zip(map(_member_head, item), item.values(), strict=True)
                    if count > _JOINED:
                        level = _joining(level, parts, joined)
                    break
                append(EMPTY_BODY_TERM)
            elif kind is list:
                if item and not _is_byte_list(item):
                    append(_list_head(b"l", len(item)))
                    outer.append(level)
                    level = zip(repeat(b""), item)
                    if len(item) > _JOINED:
                        level = _joining(level, parts, joined)
                    break
                append(_byte_list_head(b"k", len(item)) + bytes(item) if item else NIL)
            elif kind is float:
                append(_float(b"F", item))
            else:
                append(_ATOMS[item])
        else:
            if not outer:
                return b"".join((*joined, *parts) if joined else parts)
            append(NIL)
            level = outer.pop()
            if len(parts) > _JOINED:
                _join(parts, joined)


def _joining(
    level: Iterator[tuple[bytes, Any]], parts: list[bytes], joined: list[bytes]
) -> Iterator[tuple[bytes, Any]]:
    """The items of a long level; what was made of them is joined from time to time."""
    for entry in level:
        if len(parts) > _JOINED:
            _join(parts, joined)
        yield entry


def _join(parts: list[bytes], joined: list[bytes]) -> None:
    joined.append(b"".join(parts))
    parts.clear()


def _is_byte_list(items: list[JsonValue]) -> bool:
    """Whether Erlang takes this array for a string, which it sends as bytes; true and false are no integers there."""
    if type(items[0]) is not int or len(items) > _MAX_BYTE_LIST:
        return False
    return all(type(item) is int and 0 <= item < _TABLED for item in items)


def _integer(number: int) -> bytes:
    if 0 <= number < _TABLED:
        return _BYTE_INTEGERS[number]
    if _MIN_INT32 <= number <= _MAX_INT32:
        return _int32(b"b", number)
    magnitude = abs(number)
    size = (magnitude.bit_length() + 7) // 8
    head = b"n%c%c" % (size, number < 0) if size <= _MAX_SMALL_BIG else _large_big_head(b"o", size, number < 0)
    return head + magnitude.to_bytes(size, "little")


def _string(text: str) -> bytes:
    return _binary(text.encode())


def _binary(value: bytes) -> bytes:
    return _string_head(b"m", len(value)) + value


def body_members(members: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The members that are stored as a document's body and hashed: all but those that begin with an underscore.

    The replicator's own marks (``_replication_id`` ...) belong to the body nevertheless.
    """
    return without_special(members, [name for name in members if name[:1] == "_"])


def without_special(members: dict[str, JsonValue], special: Iterable[str]) -> dict[str, JsonValue]:
    """The same, where the names that begin with an underscore are known."""
    body = members.copy()  # and not built anew: most documents have one such member, and many others
    for name in special:
        if name not in REPLICATION_MEMBERS:
            del body[name]
    return body


def body_term(members: dict[str, JsonValue]) -> bytes:
    """The external term of the body of a document with these members."""
    return encode_term(body_members(members))


def hashed_term(term: bytes, body: bytes) -> bytes:
    """The term of a body, made of its text where it was not kept. See ``has_lost_sign``."""
    return term or encode_term(decode(body))


def has_lost_sign(body: bytes) -> bool:
    """Whether the printed text of a body may come from another term than is made of it: ``-0.0`` is printed ``0.0``."""
    return b"0.0" in body


def attachments_term(attachments: Sequence[tuple[str, str, bytes]]) -> bytes:
    """The external term of attachments: (name, content type, md5 of the bytes as stored), in the document's order.

    CouchDB hashes them in reverse of that order.
    """
    if not attachments:
        return NIL
    parts = [_list_head(b"l", len(attachments))]
    for name, content_type, md5 in reversed(attachments):
        parts += (b"h\x03", _string(name), _string(content_type), _binary(md5))
    parts.append(NIL)
    return b"".join(parts)


def new_revision(deleted: bool, parent: Rev | None, body_term: bytes, attachments_term: bytes = NIL) -> Rev:
    """The revision that an edit makes of ``parent`` (None for a document without one)."""
    if parent is None:
        generation, old = 0, _NO_PARENT
    else:
        generation = parent.generation
        old = _integer(generation) + _binary(parent.id)
    head = _HEAD_DELETED if deleted else _HEAD_LIVE
    digest = hashlib.md5(b"".join((head, old, body_term, attachments_term, NIL)), usedforsecurity=False).digest()
    return _new(Rev, (generation + 1, digest))
