r"""Order-keeping keys: bytes that sort as JSON values do in views.

Owns those bytes: two keys compare bytewise exactly as ``collation.compare`` compares the values. It must not know what
is sorted. Every key ends by itself, so that it can stand before other bytes, and none is the beginning of another::

    null 02   false 03   true 04
    number    05  the nearest double, 8 bytes that sort  80, or what an integer has more or less than that double
    string    06  the sort key of the ICU root collation, which ends with 00
    array     07  the keys of its items  00
    object    08  name and value, each as a key  00

So the key of an array of n items begins with the bytes of its first n items, wherever it goes on: groups of a view are
ranges of bytes (``array_prefix``).

Raw collation, an option of design documents, is Erlang's order of terms: numbers, false, null, true, objects, arrays,
strings by bytes (``couch_ejson_compare`` is not asked then). Its keys have other tags and the same shape.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import inf, isinf
from struct import Struct
from typing import Final

from docstore.core.collation import sort_key
from docstore.core.json_text import JsonValue

END: Final = b"\x00"
AFTER: Final = b"\xff"
"""Greater than what any key goes on with: ``prefix + AFTER`` is behind all keys that begin with the prefix."""

_NULL, _FALSE, _TRUE = b"\x02", b"\x03", b"\x04"
_NUMBER, _STRING, _ARRAY, _OBJECT = b"\x05", b"\x06", b"\x07", b"\x08"
_RAW_NUMBER, _RAW_FALSE, _RAW_NULL, _RAW_TRUE = b"\x02", b"\x03", b"\x04", b"\x05"
_RAW_OBJECT, _RAW_ARRAY, _RAW_STRING = b"\x06", b"\x07", b"\x08"

_EXACT = b"\x80"
_MORE, _LESS = b"\xc0", b"\x40"
_SIGN = 1 << 63
_ALL = (1 << 64) - 1
_ALL_LENGTH = (1 << 32) - 1
_double = Struct(">d").pack
_bits_of = Struct(">Q").unpack
_bits = Struct(">Q").pack
_EXACT_INTEGERS = 1 << 53

KeyOf = Callable[[JsonValue], bytes]

REMEMBERED: Final = 4096
"""So many keys of numbers, and of strings up to ``REMEMBERED_LENGTH``, are known from before: in a view they repeat."""
REMEMBERED_LENGTH: Final = 32


def order_key(value: JsonValue) -> bytes:
    """The key of a value in the order of views."""
    if isinstance(value, str):
        return _short_string(value) if len(value) <= REMEMBERED_LENGTH else _STRING + sort_key(value)
    if value is None:
        return _NULL
    if value is True:
        return _TRUE
    if value is False:
        return _FALSE
    if isinstance(value, int | float):
        return _NUMBER + _number(value)
    return _container(value, order_key, _ARRAY, _OBJECT)


def raw_key(value: JsonValue) -> bytes:
    """The key of a value in raw collation."""
    if isinstance(value, str):
        return _RAW_STRING + value.encode("utf-8", "surrogatepass").replace(b"\x00", b"\x00\xff") + b"\x00\x00"
    if value is None:
        return _RAW_NULL
    if value is True:
        return _RAW_TRUE
    if value is False:
        return _RAW_FALSE
    if isinstance(value, int | float):
        return _RAW_NUMBER + _number(value)
    return _container(value, raw_key, _RAW_ARRAY, _RAW_OBJECT)


def array_prefix(items: Sequence[JsonValue], key_of: KeyOf) -> bytes:
    """What the keys of all arrays that begin with these items begin with."""
    return (_ARRAY if key_of is order_key else _RAW_ARRAY) + b"".join(map(key_of, items))


def _container(value: JsonValue, key_of: KeyOf, array: bytes, obj: bytes) -> bytes:
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return b"%b%b%b" % (array, b"".join(map(key_of, value)), END)
    parts: list[bytes] = []
    pending: list[JsonValue | bytes] = [value]  # what is left, the first last: nesting must not use up Python's stack
    while pending:
        part = pending.pop()
        if isinstance(part, bytes):
            parts.append(part)
        elif isinstance(part, list):
            parts.append(array)
            pending.append(END)
            pending.extend(reversed(part))
        elif isinstance(part, dict):
            parts.append(obj)
            pending.append(END)
            for name, inner in reversed(part.items()):
                pending += (inner, name)
        else:
            parts.append(key_of(part))
    return b"".join(parts)


@lru_cache(maxsize=REMEMBERED)
def _short_string(value: str) -> bytes:
    return _STRING + sort_key(value)


@lru_cache(maxsize=REMEMBERED)
def _number(value: float) -> bytes:
    """Bytes that sort as numbers do: the nearest double, and for integers that have none how far they are from it.

    Numbers that are equal have one key, so it does not matter which of them was asked for first.
    """
    if isinstance(value, int) and not -_EXACT_INTEGERS <= value <= _EXACT_INTEGERS:
        return _large_integer(value)
    return _sorting(value or 0.0) + _EXACT


def _large_integer(value: int) -> bytes:
    try:
        nearest = float(value)
    except OverflowError:
        nearest = inf if value > 0 else -inf
    rest = value if isinf(nearest) else value - int(nearest)
    if rest == 0:
        return _sorting(nearest) + _EXACT
    size = (abs(rest).bit_length() + 7) // 8
    if rest > 0:
        return b"%b%b%b%b" % (_sorting(nearest), _MORE, size.to_bytes(4), rest.to_bytes(size))
    inverted = (-rest) ^ ((1 << 8 * size) - 1)
    return b"%b%b%b%b" % (_sorting(nearest), _LESS, (_ALL_LENGTH - size).to_bytes(4), inverted.to_bytes(size))


def _sorting(value: float) -> bytes:
    bits: int = _bits_of(_double(value))[0]
    return _bits(bits ^ _ALL if bits & _SIGN else bits | _SIGN)
