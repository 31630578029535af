"""Reading a large JSON text in slices.

Owns the walk over the outermost members and elements of a request's body such as ``{"docs": [...], "new_edits":
false}``. One call of the C reader for many megabytes would hold the interpreter, and with it the event loop, for as
long as it takes; from a thread that calls ``decode_in_slices`` the loop gets its turn after every slice. It must not
know what members mean.

The walk only finds where values end and leaves their inside to ``json_text.decode``. It checks everything that stands
between them, so the whole is JSON exactly if all slices are.
"""

import re
from typing import Final

from docstore.core.json_text import DEFAULT_MAX_DEPTH, JsonValue, decode
from docstore.errors import BadRequest, InvalidJson

_SLICE: Final = 1 << 16
_PROBE: Final = 1 << 12
_REGULAR_REACH: Final = 1 << 17
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
    """What ``decode`` gives and raises, in many short steps if the text is an array or an object.

    A single value below the second level (one huge document of a bulk request, say) is still one step.
    """
    start = _skip_space(raw, 0)
    first = raw[start : start + 1]
    value: JsonValue
    if first == b"{":
        value, end = _object(raw, start, max_depth)
    elif first == b"[":
        value, end = _array(raw, start, max_depth)
    else:
        return decode(raw, max_depth=max_depth)
    if _skip_space(raw, end) != len(raw):
        raise InvalidJson
    return value


def _object(raw: bytes, position: int, max_depth: int) -> tuple[dict[str, JsonValue], int]:
    members: dict[str, JsonValue] = {}
    position, more = _open(raw, position, b"}")
    while more:
        name, position = _member_name(raw, position)
        value: JsonValue
        if raw[position : position + 1] == b"[":
            value, end = _array(raw, position, max_depth - 1)
        else:
            end = _value_end(raw, position)
            value = decode(raw[position:end], max_depth=max_depth - 1)
        members.pop(name, None)  # a repeated member stands where it stood last
        members[name] = value
        position, more = _next(raw, end, b"}")
    return members, position


def _array(raw: bytes, position: int, max_depth: int) -> tuple[list[JsonValue], int]:
    """Read an array in slices of whole elements.

    Where the first few elements end is found mark by mark. Most bodies repeat the bytes around that place (``},{"_i``)
    between all elements, so the last such bytes within reach are then taken for an element's end. That they are is
    proved by reading: the reader keeps no memory but the stack of open brackets, so when the text up to there is a
    list of whole elements by itself, it is one in its place too. When it is none, the marks decide.
    """
    items: list[JsonValue] = []
    separator = b""
    position, more = _open(raw, position, b"]")
    while more:
        guess = raw.rfind(separator, position, position + _SLICE) if separator else -1
        separator_held = False
        if guess >= 0:
            end = guess + 1
            try:
                items += _elements(raw, position, end, max_depth)
                separator_held = True
            except BadRequest:
                separator = b""
        if not separator_held:
            end = _probe_end(raw, position)
            items += _elements(raw, position, end, max_depth)
        position, more = _next(raw, end, b"]")
        if more and not separator_held:
            separator = raw[end - 1 : position + _SEPARATOR_TAIL]
    return items, position


def _elements(raw: bytes, start: int, end: int, max_depth: int) -> list[JsonValue]:
    read = decode(b"[%b]" % raw[start:end], max_depth=max_depth)
    if not isinstance(read, list):
        raise InvalidJson
    return read


def _probe_end(raw: bytes, position: int) -> int:
    """Where the first element ends that ends beyond a probe's length, or the last one of the array."""
    start = position
    while True:
        end = _value_end(raw, position)
        position, more = _next(raw, end, b"]")
        if not more or end - start >= _PROBE:
            return end


def _skip_space(raw: bytes, position: int) -> int:
    space = _space(raw, position)
    return position if space is None else space.end()


def _open(raw: bytes, position: int, closing: bytes) -> tuple[int, bool]:
    """Step over an opening bracket: (where the first item starts, True), or (after the closing bracket, False)."""
    position = _skip_space(raw, position + 1)
    if raw[position : position + 1] == closing:
        return position + 1, False
    return position, True


def _next(raw: bytes, position: int, closing: bytes) -> tuple[int, bool]:
    """Step over what follows an item: (where the next starts, True), or (after the closing bracket, False)."""
    position = _skip_space(raw, position)
    found = raw[position : position + 1]
    if found == b",":
        return _skip_space(raw, position + 1), True
    if found == closing:
        return position + 1, False
    raise InvalidJson


def _member_name(raw: bytes, position: int) -> tuple[str, int]:
    """A member's name, and where its value starts."""
    quoted = _string(raw, position)
    if quoted is None:
        raise InvalidJson
    name = decode(quoted[0])
    position = _skip_space(raw, quoted.end())
    if raw[position : position + 1] != b":" or not isinstance(name, str):
        raise InvalidJson
    return name, _skip_space(raw, position + 1)


def _value_end(raw: bytes, position: int) -> int:
    """Where the value that starts here ends. For what is no value some place inside it, or InvalidJson."""
    first = raw[position : position + 1]
    if first in (b"{", b"["):
        whole = _regular(raw, position, position + _REGULAR_REACH)
        return _container_end(raw, position) if whole is None else whole.end()
    value = _string(raw, position) if first == b'"' else _scalar(raw, position)
    if value is None:
        raise InvalidJson
    return value.end()


def _container_end(raw: bytes, position: int) -> int:
    """Where the array or object that starts here ends, mark by mark: for deep or long ones."""
    depth = 0
    for mark in _marks(raw, position):
        text = mark[0]
        if text in (b"{", b"["):
            depth += 1
        elif text in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return mark.end()
        elif text == b'"':  # the start of a string without an end
            break
    raise InvalidJson
