"""JSON text to values and back, exactly as CouchDB reads and prints it.

Owns the one reader and the one writer of JSON that documents go through. It must not know documents: no member has a
meaning here. CouchDB's reader is jiffy; where it and a plain JSON reader differ, this module follows jiffy:

* A repeated member counts once, with its last value at its last place.
* A number with a point or an exponent is a float. One with an exponent but no point that is subnormal, overflows or
  is 32 characters or longer is computed as integer times power of ten, with the rounding that brings.
* Floats are printed with the fewest digits that read back alike, decimally from 1e-6 up to 1e21 and always with a
  point or an exponent; ``-0.0`` is printed ``0.0``. Escapes of control characters have upper-case digits.

``decode`` takes msgspec's fast reader and proves afterwards that it was exact (see ``in_order``); where it cannot, it
reads a second time with ``decode_exact``. Values nest at most ``max_depth`` deep, so no caller meets a RecursionError.
"""

import math
import re
import sys
from itertools import accumulate
from json import JSONDecoder
from typing import Final, TypeAlias

import msgspec

from docstore.core.json_marks import SHORT, count_mark
from docstore.errors import BadRequest, InvalidJson

JsonValue: TypeAlias = dict[str, "JsonValue"] | list["JsonValue"] | str | int | float | bool | None

DEFAULT_MAX_DEPTH: Final = 500
HUGE_INTEGER: Final = 2**1024 - 2**970
"""The smallest integer that no float can hold. CouchDB answers it with a crash ("badarith")."""

_HUGE_DIGITS = len(str(HUGE_INTEGER))
_PLAIN_NUMBER_LENGTH = 32
_SMALLEST_NORMAL = sys.float_info.min
_LARGEST = sys.float_info.max


def decode(raw: bytes, *, max_depth: int = DEFAULT_MAX_DEPTH) -> JsonValue:
    """The value of a JSON text in UTF-8.

    Raises InvalidJson for anything that is not JSON (also lone surrogates, a byte order mark, floats that overflow),
    BadRequest for nesting beyond ``max_depth`` and for integers of ``HUGE_INTEGER`` and more.
    """
    return in_order(raw, decode_unordered(raw, max_depth=max_depth), max_depth=max_depth)


def decode_unordered(raw: bytes, *, max_depth: int = DEFAULT_MAX_DEPTH) -> JsonValue:
    """The same, cheaper, but for the places of repeated members: each has its last value, perhaps at another place.

    ``in_order`` puts them there. Raises as ``decode``.
    """
    if len(raw) > max_depth and _openings(raw) > max_depth and _nests_deeper(raw, max_depth):
        raise _too_deep(max_depth)
    try:
        value: JsonValue = _read(raw)
        if len(raw) >= _HUGE_DIGITS and _DIGIT_RUN.search(raw[::_DIGIT_STRIDE]) and _HUGE_RUN.search(raw):
            return decode_exact(raw)
        return value
    except msgspec.ValidationError:
        # Without a type to check, msgspec complains in this way only of integers beyond Python's own limit of digits.
        raise _huge_integer() from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidJson from None
    except RecursionError:
        raise _too_deep(max_depth) from None


def in_order(raw: bytes, value: JsonValue, *, max_depth: int = DEFAULT_MAX_DEPTH) -> JsonValue:
    r"""``value``, which ``decode_unordered`` gave of ``raw``, or the same with repeated members in their places.

    Let s be the number of members in the text and c that of colons inside its strings, none of them escaped as
    ``\u003a``: the text has s + c colons. A reader that meets no repeated member keeps them all, and printing the value
    again gives s + c colons, since the writer escapes none. One that drops n > 0 members loses n of s and cannot gain
    any of c. So equal counts prove that nothing was dropped; an escaped colon spoils the proof.

    Raises BadRequest for a value too deep for the exact reader.
    """
    count = bytes.count if len(raw) < SHORT else count_mark
    colons = count(raw, b":")
    if colons < 2:
        return value
    try:
        is_provable = b"\\" not in raw or b"\\u003" not in raw or _ESCAPED_COLON.search(raw) is None
        return value if is_provable and count(_write(value), b":") == colons else decode_exact(raw)
    except RecursionError:
        raise _too_deep(max_depth) from None


def decode_string(raw: bytes) -> str:
    """``decode`` for a string, cheaper. Raises InvalidJson for anything else."""
    try:
        value: JsonValue = _read(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidJson from None
    if not isinstance(value, str):
        raise InvalidJson
    return value


def decode_exact(raw: bytes) -> JsonValue:
    """The same value by the standard library's reader: slower, and only for text already known to be JSON."""
    value: JsonValue = _EXACT_READER.decode(raw.decode())
    return value


def encode(value: JsonValue) -> bytes:
    """The compact JSON text of a value, in UTF-8.

    Raises BadRequest for a value too deep to print and InvalidJson for a string with lone surrogates; neither comes
    out of ``decode``.
    """
    if type(value) is float:
        return spell_float(value)
    try:
        text = _write(value)
    except RecursionError:
        raise _too_deep(DEFAULT_MAX_DEPTH) from None
    except UnicodeEncodeError:
        raise InvalidJson from None
    if b"\\" in text and b"\\u00" in text:  # the first is found, or not, at memory speed
        text = _LETTERED.sub(_upper_digits, text)
    return _TOKEN.sub(_respell, text) if _is_odd(text) else text


def encode_string(text: str) -> bytes:
    """``encode`` for a string, cheaper. Raises InvalidJson for lone surrogates."""
    try:
        quoted = _write(text)
    except UnicodeEncodeError:
        raise InvalidJson from None
    return _LETTERED.sub(_upper_digits, quoted) if b"\\" in quoted and b"\\u00" in quoted else quoted


def _too_deep(max_depth: int) -> BadRequest:
    return BadRequest(f"The JSON is nested more than {max_depth} levels deep.")


def _huge_integer() -> BadRequest:
    return BadRequest("An integer is too large (badarith): its magnitude must stay below 1.797693134862315808e308.")


# --- Reading numbers and repeated members -----------------------------------------------------------------------------


def parse_float(text: str) -> float:
    """The float of a JSON number with a point or an exponent. Raises InvalidJson when it overflows."""
    value = float(text)
    if "." in text:
        if -_LARGEST <= value <= _LARGEST:
            return value
        raise InvalidJson
    if len(text) < _PLAIN_NUMBER_LENGTH and (_SMALLEST_NORMAL <= abs(value) <= _LARGEST or value == 0.0):
        return value
    return _integer_times_power(text)


def _integer_times_power(text: str) -> float:
    """``5e-324`` as jiffy and Erlang compute it: 5 * pow(10, -324), each step rounded. Raises InvalidJson."""
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > _HUGE_DIGITS + 1:
        raise InvalidJson
    integer = int(mantissa)
    # Erlang turns a large integer into a float by 64-bit digits from the top, which rounds more than once.
    magnitude, digits = abs(integer), max(1, (integer.bit_length() + 63) // 64)
    factor = 0.0
    for position in range(digits - 1, -1, -1):
        factor = factor * 2.0**64 + float(magnitude >> (64 * position) & (2**64 - 1))
    power = float(exponent)
    try:
        product = math.copysign(factor, integer) * math.pow(10.0, power)
    except OverflowError:
        raise InvalidJson from None
    if not (math.isfinite(product) and math.isfinite(power)):
        raise InvalidJson
    return product


def _parse_integer(text: str) -> int:
    if len(text) > _HUGE_DIGITS + 1:
        raise _huge_integer()
    value = int(text)
    if not -HUGE_INTEGER < value < HUGE_INTEGER:
        raise _huge_integer()
    return value


def _last_of_each(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Members in the order of their last occurrence, with the last value."""
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    latest: dict[str, JsonValue] = {}
    for name, value in reversed(pairs):
        latest.setdefault(name, value)
    return dict(reversed(latest.items()))


_EXACT_READER = JSONDecoder(object_pairs_hook=_last_of_each, parse_float=parse_float, parse_int=_parse_integer)
_read = msgspec.json.Decoder(float_hook=parse_float).decode
_write = msgspec.json.Encoder().encode


# --- When the fast reader was exact -----------------------------------------------------------------------------------
#
# Two things could differ, nothing else: msgspec accepts and refuses the same texts, keeps the order of members and the
# size of integers, and hands every float's text to ``parse_float``.
#
# *Huge integers* have at least ``_HUGE_DIGITS`` digits in a row. Such a run covers ``_HUGE_DIGITS // _DIGIT_STRIDE``
# consecutive positions that are multiples of ``_DIGIT_STRIDE``; when every 30th byte shows no such row of digits, there
# is none. When there is one (it may stand in a string), the exact reader decides.
#
# *Repeated members* are what ``in_order`` is about.

_DIGIT_STRIDE = 30
_DIGIT_RUN = re.compile(rb"[0-9]{%d}" % (_HUGE_DIGITS // _DIGIT_STRIDE))
_HUGE_RUN = re.compile(rb"[0-9]{%d}" % _HUGE_DIGITS)
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")


# --- Depth ------------------------------------------------------------------------------------------------------------

_STRUCTURE = b'{}[]"'
_NOT_STRUCTURE = bytes(sorted(set(range(256)) - set(_STRUCTURE)))
_TO_PARENTHESES = bytes.maketrans(b"{[}]", b"(())")
_STEP: Final = {ord("("): 1, ord(")"): -1}
_COLLAPSES = 6
_STEP_SLICE = 65_536


def _openings(raw: bytes) -> int:
    count = bytes.count if len(raw) < SHORT else count_mark
    return count(raw, b"[") + count(raw, b"{")


def _nests_deeper(raw: bytes, limit: int) -> bool:
    """Whether a JSON text nests deeper than ``limit``; before reading, so that no reader meets a bottomless text.

    Of text that is not JSON only the part before its first fault counts, and of that the depth is never understated.
    """
    marks = raw.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in raw else raw
    marks = marks.translate(_TO_PARENTHESES, _NOT_STRUCTURE)
    # Two quotes side by side enclose nothing of interest or touch as end and start of two strings: either way, without
    # them every parenthesis is still inside or outside as before.
    marks = marks.replace(b'""', b"")
    if b'"' in marks:
        marks = b"".join(marks.split(b'"')[::2])
    depth = 0
    while marks and depth < _COLLAPSES:  # each pass takes the innermost level, at memory speed
        marks = marks.replace(b"()", b"")
        depth += 1
    level = highest = depth
    for start in range(0, len(marks), _STEP_SLICE):
        levels = list(accumulate(map(_STEP.__getitem__, marks[start : start + _STEP_SLICE]), initial=level))
        highest, level = max(highest, *levels), levels[-1]
        if highest > limit:
            return True
    return highest > limit


# --- Writing what msgspec spells differently --------------------------------------------------------------------------

_DIGIT_E = re.compile(rb"e(?<=[0-9]e)")
_EXPONENT = re.compile(rb"[:,\[]-?[0-9.]+e")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?[0-9][0-9.]*(?:e[-+]?[0-9]+)?')
_LETTERED = re.compile(rb"\\u00(?:[0-9][a-f]|[a-f][0-9a-f])")
_BACKSLASH = b"\\"[0]
_MAX_DECIMAL_POINT = 21
_MIN_DECIMAL_POINT = -5


def _is_odd(text: bytes) -> bool:
    """Whether something in msgspec's text may be spelled differently by CouchDB.

    ``-0.0``, and floats with an exponent, since both print all others alike.
    """
    # An "e" behind a digit, also one in a string, is found at memory speed; only then it is worth a closer look.
    if _DIGIT_E.search(text) is not None and _EXPONENT.search(text) is not None:
        return True
    return b"-0.0" in text


def _respell(token: re.Match[bytes]) -> bytes:
    text = token[0]
    if text.startswith(b'"'):
        return text
    return spell_float(float(text)) if b"." in text or b"e" in text else text


def _upper_digits(found: re.Match[bytes]) -> bytes:
    """An escape of a control character with upper-case digits, if it is one: a backslash before it can be escaped."""
    whole, text = found.string, found[0]
    before = start = found.start()
    while before and whole[before - 1] == _BACKSLASH:
        before -= 1
    return text if (start - before) % 2 else b"\\u" + text[2:].upper()


def spell_float(value: float) -> bytes:
    """The text of a finite float: ECMAScript's, with ``.0`` where that looks like an integer, and no ``-0.0``."""
    if value == 0.0:
        return b"0.0"
    text = repr(value)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text.encode()
    sign = "-" if value < 0 else ""
    digits = mantissa.lstrip("-").replace(".", "")
    point = int(exponent) + 1
    if 0 < point <= _MAX_DECIMAL_POINT:
        return f"{sign}{digits:0<{point}}.0".encode()
    if _MIN_DECIMAL_POINT <= point <= 0:
        return f"{sign}0.{'0' * -point}{digits}".encode()
    return f"{mantissa}e{int(exponent):+d}".encode()
