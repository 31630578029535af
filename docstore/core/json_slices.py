"""Reading a large JSON text in slices, and writing one.

Owns the walk over the members and elements of what is long: a request's body such as ``{"docs": [...], "new_edits":
false}``, and long arrays and objects within it. One call of the C reader for many megabytes would hold the interpreter,
and with it the event loop, for as long as it takes; from a thread that calls ``decode_in_slices`` the loop gets its
turn after every slice. It must not know what members mean.

The walk only finds where values end and leaves their inside to ``json_text.decode``. It checks everything that stands
between them, so the whole is JSON exactly if all slices are.
"""

import re
import sys
from dataclasses import dataclass
from typing import Final

from docstore.core.json_string import long_string
from docstore.core.json_text import DEFAULT_MAX_DEPTH, JsonValue, decode, encode, encode_string
from docstore.errors import BadRequest, InvalidJson

WRITTEN_AT_ONCE: Final = 1 << 16
MEMBERS_AT_ONCE: Final = 1 << 9
WRITTEN_LEVELS: Final = 4

_SLICE: Final = 1 << 16
_PROBE: Final = 1 << 12
_REACH: Final = 1 << 17
_REGULAR_LEVELS: Final = 4
_SEPARATOR_TAIL: Final = 4

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_PLAIN = rb'[^"\[\]{}]*+'


def _container(levels: int) -> bytes:
    """The pattern of an array or object at most ``levels`` deep; which bracket closes which is not its matter."""
    inside = _STRING if levels == 1 else _STRING + b"|" + _container(levels - 1)
    return rb"[\[{]" + _PLAIN + b"(?:(?:" + inside + b")" + _PLAIN + rb")*+[\]}]"


_space = re.compile(rb"[ \t\n\r]*+").match
_string = re.compile(_STRING).match
_scalar = re.compile(rb'[^\s,\[\]{}":]++').match
_regular = re.compile(_container(_REGULAR_LEVELS)).match
_marks = re.compile(_STRING + rb'|[\[\]{}"]').finditer


def decode_in_slices(raw: bytes, *, max_depth: int = DEFAULT_MAX_DEPTH) -> JsonValue:
    """What ``decode`` gives and raises, in many short steps.

    An array or object that is longer than ``_REACH`` is entered, however deep it stands, and a string that is longer is
    read in pieces; what is shorter is read in one step, or with its neighbours.
    """
    start = skip_space(raw, 0)
    if raw[start : start + 1] not in (b"{", b"["):
        return decode(raw, max_depth=max_depth)
    inside = _enter(raw, start, "")
    outer: list[_Inside] = []
    while True:
        depth = max_depth - len(outer)
        if inside.more:
            if isinstance(inside.value, dict):
                inside.name, inside.position = member_name(raw, inside.position)
            outermost = not outer and isinstance(inside.value, dict)
            if not _is_long(raw, inside.position, member_of_all=outermost, deepest=max_depth):
                if isinstance(inside.value, dict):
                    _read_member(raw, inside, inside.value, depth - 1)
                else:
                    _read_elements(raw, inside, inside.value, depth)
            elif raw[inside.position : inside.position + 1] == b'"':
                value, end = long_string(raw, inside.position)
                _put(inside, value)
                inside.position, inside.more = after_item(raw, end, inside.closing)
            else:
                if depth <= 1:
                    decode(b"[" * (max_depth + 1), max_depth=max_depth)  # raises what it raises of such depth
                outer.append(inside)
                inside = _enter(raw, inside.position, inside.name)
        elif outer:
            done, inside = inside, outer.pop()
            _put(inside, done.value)
            inside.position, inside.more = after_item(raw, done.position, inside.closing)
        else:
            break
    if skip_space(raw, inside.position) != len(raw):
        raise InvalidJson
    return inside.value


@dataclass(slots=True)
class _Inside:
    """An array or object that is being read: as far as it is read, and where it goes on.

    ``name`` is the member that is read, ``separator`` the bytes around an element's end (see ``_read_elements``).
    """

    value: dict[str, JsonValue] | list[JsonValue]
    closing: bytes
    position: int
    more: bool
    name: str = ""
    separator: bytes = b""


def _enter(raw: bytes, position: int, name: str) -> _Inside:
    """Begin to read the array or object that starts here."""
    is_object = raw[position : position + 1] == b"{"
    closing = b"}" if is_object else b"]"
    position, more = _open(raw, position, closing)
    return _Inside({} if is_object else [], closing, position, more)


def _put(inside: _Inside, value: JsonValue) -> None:
    """The value of the member or element that was being read."""
    if isinstance(inside.value, list):
        inside.value.append(value)
    else:
        inside.value.pop(inside.name, None)  # a repeated member stands where it stood last
        inside.value[inside.name] = value


def _read_member(raw: bytes, inside: _Inside, members: dict[str, JsonValue], max_depth: int) -> None:
    end = value_end(raw, inside.position)
    _put(inside, decode(raw[inside.position : end], max_depth=max_depth))
    inside.position, inside.more = after_item(raw, end, inside.closing)


def _read_elements(raw: bytes, inside: _Inside, items: list[JsonValue], max_depth: int) -> None:
    """Read some whole elements.

    Where the first few elements end is found mark by mark. Most bodies repeat the bytes around that place (``},{"_i``)
    between all elements, so the last such bytes within reach are then taken for an element's end. That they are is
    proved by reading: the reader keeps no memory but the stack of open brackets, so when the text up to there is a
    list of whole elements by itself, it is one in its place too. When it is none, the marks decide.
    """
    position, separator = inside.position, inside.separator
    guess = raw.rfind(separator, position, position + _SLICE) if separator else -1
    separator_held = False
    end = guess + 1
    if guess >= 0:
        try:
            items += _elements(raw, position, end, max_depth)
            separator_held = True
        except BadRequest:
            inside.separator = b""
    if not separator_held:
        end = _probe_end(raw, position)
        items += _elements(raw, position, end, max_depth)
    inside.position, inside.more = after_item(raw, end, inside.closing)
    if inside.more and not separator_held:
        inside.separator = raw[end - 1 : inside.position + _SEPARATOR_TAIL]


def _elements(raw: bytes, start: int, end: int, max_depth: int) -> list[JsonValue]:
    read = decode(b"[%b]" % raw[start:end], max_depth=max_depth)
    if not isinstance(read, list):
        raise InvalidJson
    return read


def _probe_end(raw: bytes, position: int) -> int:
    """Where the first element ends that ends beyond a probe's length, or stands before a long one, or is the last."""
    start = position
    while True:
        end = value_end(raw, position)
        position, more = after_item(raw, end, b"]")
        if not more or end - start >= _PROBE or _is_long(raw, position):
            return end


def skip_space(raw: bytes, position: int) -> int:
    """Where something stands that is no space."""
    space = _space(raw, position)
    return position if space is None else space.end()


def _open(raw: bytes, position: int, closing: bytes) -> tuple[int, bool]:
    """Step over an opening bracket: (where the first item starts, True), or (after the closing bracket, False)."""
    position = skip_space(raw, position + 1)
    if raw[position : position + 1] == closing:
        return position + 1, False
    return position, True


def after_item(raw: bytes, position: int, closing: bytes) -> tuple[int, bool]:
    """Step over what follows an item: (where the next starts, True), or (after the closing bracket, False)."""
    position = skip_space(raw, position)
    found = raw[position : position + 1]
    if found == b",":
        return skip_space(raw, position + 1), True
    if found == closing:
        return position + 1, False
    raise InvalidJson


def member_name(raw: bytes, position: int) -> tuple[str, int]:
    """A member's name, and where its value starts."""
    name: JsonValue
    if _is_long(raw, position):
        name, end = long_string(raw, position)
    else:
        quoted = _string(raw, position)
        if quoted is None:
            raise InvalidJson
        name, end = decode(quoted[0]), quoted.end()
    position = skip_space(raw, end)
    if raw[position : position + 1] != b":" or not isinstance(name, str):
        raise InvalidJson
    return name, skip_space(raw, position + 1)


def short_end(raw: bytes, position: int, reach: int) -> int:
    """Where the value that starts here ends, if it does so within ``reach`` bytes. Raises InvalidJson if not.

    Also for arrays and objects that nest more than a few levels deep: this is for a quick look.
    """
    if raw[position : position + 1] not in (b"{", b"["):
        return value_end(raw[: position + reach], position)
    whole = _regular(raw, position, position + reach)
    if whole is None:
        raise InvalidJson
    return whole.end()


def value_end(raw: bytes, position: int) -> int:
    """Where the value that starts here ends. For what is no value some place inside it, or InvalidJson."""
    first = raw[position : position + 1]
    if first in (b"{", b"["):
        whole = _regular(raw, position, position + _REACH)
        return _container_end(raw, position) if whole is None else whole.end()
    value = _string(raw, position) if first == b'"' else _scalar(raw, position)
    if value is None:
        raise InvalidJson
    return value.end()


def _is_long(raw: bytes, position: int, *, member_of_all: bool = False, deepest: int = sys.maxsize) -> bool:
    """Whether an array, an object or a string starts here that does not end within reach.

    ``member_of_all``: it is a member of the whole text. Of an array a probe decides then, since it is mostly long, as
    ``docs`` is, and to look for its end takes as long as to read it. What nests deeper than ``deepest`` counts as long:
    it is entered level by level until it is refused, and no level looks through all that is below it.
    """
    first = raw[position : position + 1]
    if first not in (b"{", b"[", b'"') or len(raw) - position <= _REACH:
        return False
    if first == b'"':
        return _string(raw, position, position + _REACH) is None
    if member_of_all and first == b"[":
        return _regular(raw, position, position + _PROBE) is None
    return _regular(raw, position, position + _REACH) is None and not _container_end(
        raw, position, position + _REACH, deepest
    )


def _container_end(raw: bytes, position: int, limit: int = sys.maxsize, deepest: int = sys.maxsize) -> int:
    """Where the array or object that starts here ends, mark by mark: for deep ones.

    0 if not before ``limit``, or if it nests deeper than ``deepest``.
    """
    depth = 0
    for mark in _marks(raw, position, limit):
        text = mark[0]
        if text in (b"{", b"["):
            depth += 1
            if depth > deepest:
                return 0
        elif text in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return mark.end()
        elif text == b'"':  # the start of a string without an end
            break
    if limit < len(raw):
        return 0
    raise InvalidJson


# --- Writing ----------------------------------------------------------------------------------------------------------


def encode_in_slices(value: JsonValue, levels: int = WRITTEN_LEVELS) -> bytes:
    """As ``encode``, in steps between which other threads may have the interpreter.

    Long are strings, and lists and objects of many members, in the outermost levels. Raises as ``encode``.
    """
    parts: list[bytes] = []
    _write(value, levels, parts)
    return b"".join(parts)  # once: a copy of tens of megabytes is a step as long as may be


def _write(value: JsonValue, levels: int, parts: list[bytes]) -> None:
    if isinstance(value, str) and len(value) > WRITTEN_AT_ONCE:
        starts = range(0, len(value), WRITTEN_AT_ONCE)
        parts += [b'"', *[encode_string(value[at : at + WRITTEN_AT_ONCE])[1:-1] for at in starts], b'"']
    elif levels and value and isinstance(value, dict) and len(value) <= MEMBERS_AT_ONCE:
        mark = b"{"
        for name, one in value.items():
            parts.append(b"%b%b:" % (mark, encode_string(name)))
            _write(one, levels - 1, parts)
            mark = b","
        parts.append(b"}")
    elif levels and value and isinstance(value, list):
        mark = b"["
        if len(value) <= MEMBERS_AT_ONCE:
            for one in value:
                parts.append(mark)
                _write(one, levels - 1, parts)
                mark = b","
        else:
            for at in range(0, len(value), MEMBERS_AT_ONCE):
                parts.append(mark + encode(value[at : at + MEMBERS_AT_ONCE])[1:-1])
                mark = b","
        parts.append(b"]")
    else:
        parts.append(encode(value))
