"""What goes between the server and its workers: plain data, framed.

Owns the bytes of a frame and what an error is on its way. It must not know processes, nor what a job computes.

A frame is a head (how many parts, how long the packed value), the length of each part, the value as msgpack, and the
parts. A part is a long ``bytes`` that stands in the value's outermost lists, or in those of a dict there: it travels
beside it, so that neither end copies it into or out of a larger text, which would hold the event loop.
"""

import struct
import sys
from collections.abc import Generator, Sequence
from importlib import import_module
from typing import Any, Final, TypeAlias

from msgpack import ExtType, packb, unpackb

Plain: TypeAlias = "bool | int | float | str | bytes | Sequence[Plain] | dict[str, Plain] | None"
Buffers: TypeAlias = "list[bytes]"

LONG_BYTES: Final = 64 * 1024
"""From this length on, bytes are a part."""
RECEIVE_AT_ONCE: Final = 1024 * 1024

_PART: Final = 1
_HEAD: Final = struct.Struct("!IQ")
_LENGTH: Final = struct.Struct("!Q")
_OUTER_LISTS: Final = 2
_WITH_PARTS: Final = frozenset({bytes, list, tuple, dict})


class Unpackable(TypeError):
    """A value that is no plain data."""


def pack(value: Plain) -> Buffers:
    """The buffers of a frame, to be sent in order. Raises Unpackable."""
    parts: list[bytes] = []
    try:
        packed = _pack(_without_parts(value, parts, _OUTER_LISTS))
    except (TypeError, ValueError, OverflowError) as error:
        raise Unpackable(f"no plain data: {error}") from None
    head = _HEAD.pack(len(parts), len(packed)) + b"".join([_LENGTH.pack(len(part)) for part in parts])
    return [head + packed, *parts] if len(packed) < LONG_BYTES else [head, packed, *parts]


def size_of(buffers: Buffers) -> int:
    """The length of a frame in bytes."""
    return sum(map(len, buffers))


def _pack(value: object) -> bytes:
    packed: bytes = packb(value, unicode_errors="surrogatepass")
    return packed


def _without_parts(value: object, parts: list[bytes], levels: int, *, in_dict: bool = False) -> object:
    """The value with a number in each part's place. None is sought below so many levels, nor in a dict of a dict."""
    if type(value) is bytes and len(value) >= LONG_BYTES:
        parts.append(value)
        return ExtType(_PART, _LENGTH.pack(len(parts) - 1))
    if not levels:
        return value
    if isinstance(value, dict) and not in_dict:
        return {name: _without_parts(each, parts, _OUTER_LISTS, in_dict=True) for name, each in value.items()}
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))
        if kinds == {bytes} and max(map(len, value)) < LONG_BYTES:  # rows by the thousand
            return value
        if kinds & _WITH_PARTS:
            return [_without_parts(each, parts, levels - 1, in_dict=in_dict) for each in value]
    return value


def unpack(packed: bytearray | bytes, parts: Sequence[bytes]) -> object:
    """The value of a frame; its tuples have become lists."""

    def part(_: int, place: bytes) -> bytes:
        number: int = _LENGTH.unpack(place)[0]
        return parts[number]

    value: object = unpackb(packed, ext_hook=part, strict_map_key=False, unicode_errors="surrogatepass")
    return value


class BrokenFrame(Exception):
    """What came in is no frame, or one that is too long."""


class FrameReader:
    """Puts frames together from what comes in: fill ``room``, then tell ``filled`` how much it was.

    ``max_size`` in bytes of a frame, 0 for any.
    """

    __slots__ = ("_max_size", "_steps", "room")

    def __init__(self, max_size: int = 0) -> None:
        self._max_size = max_size
        self._steps = _frame(max_size)
        self.room = next(self._steps)

    def filled(self, count: int) -> tuple[bool, object]:
        """So many bytes came; (True, the value) when they end a frame. Raises BrokenFrame."""
        self.room = self.room[count:]
        if self.room:
            return False, None
        try:
            self.room = next(self._steps)
        except StopIteration as end:
            self._begin()
            return True, end.value
        except (ValueError, LookupError, struct.error) as error:
            raise BrokenFrame(str(error)) from error
        return False, None

    def _begin(self) -> None:
        self._steps = _frame(self._max_size)
        self.room = next(self._steps)


def _frame(max_size: int) -> Generator[memoryview, None, object]:
    """The places to fill, one after the other; at last the value."""
    head = bytearray(_HEAD.size)
    yield memoryview(head)
    count, packed_length = _HEAD.unpack(head)
    if max_size and packed_length + count * _LENGTH.size > max_size:
        raise BrokenFrame("too long")
    lengths = bytearray(count * _LENGTH.size)
    if count:
        yield memoryview(lengths)
    if max_size and packed_length + sum(length for (length,) in _LENGTH.iter_unpack(lengths)) > max_size:
        raise BrokenFrame("too long")
    packed = bytearray(packed_length)
    yield memoryview(packed)
    parts = []
    for (length,) in _LENGTH.iter_unpack(lengths):
        part = bytearray(length)
        yield memoryview(part)
        parts.append(bytes(part))
    return unpack(packed, parts)


# --- Errors on their way


def pack_error(error: BaseException) -> Plain:
    """An error as plain data: its class, its words, and those of its attributes that are plain."""
    attributes = {}
    for name, value in vars(error).items():
        try:
            _pack(value)
        except (TypeError, ValueError, OverflowError):
            continue
        attributes[name] = value
    kind = type(error)
    return {"module": kind.__module__, "name": kind.__qualname__, "text": str(error), "attributes": attributes}


def unpack_error(told: dict[str, Any]) -> Exception:
    """The same DocstoreError, or for any other error a WorkerFailed that tells it."""
    from docstore.errors import DocstoreError
    from docstore.workers.errors import WorkerFailed

    found: Any = None
    if told["module"].startswith("docstore."):
        module = sys.modules.get(told["module"]) or import_module(told["module"])
        found = getattr(module, told["name"], None)
    if not (isinstance(found, type) and issubclass(found, DocstoreError)):
        return WorkerFailed(f"{told['name']}: {told['text']}" if told["text"] else told["name"])
    error: DocstoreError = found.__new__(found)
    Exception.__init__(error, told["text"])
    vars(error).update(told["attributes"])
    return error
