"""The items of a JSON array while its text arrives: replies that may be too large to be held.

Owns the cutting. It must not know what the items are, and reads nothing. A reply of ordinary size is read at once by a
real JSON reader; this is for what is longer, and holds no more than the item that is not complete yet. What is cut out
is text that still has to be read: a text that is no JSON is cut somewhere.
"""

import re
from collections.abc import Iterator
from typing import Final

_MARKS: Final = re.compile(rb'["\[\]{}]')
_INSIDE: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


class ArrayItems:
    """The objects of the array that stands ``depth`` brackets deep: 2 for ``{"results":[...]}``."""

    def __init__(self, depth: int = 2) -> None:
        self._at = depth
        self._depth = 0
        self._item: list[bytes] = []
        self._in_string = False
        self._escaped = False

    @property
    def complete(self) -> bool:
        """Whether every bracket is closed."""
        return self._depth == 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The items that end in this piece."""
        position = start = 0
        inside = self._depth > self._at
        while True:
            if self._in_string:
                position = self._behind_string(piece, position)
                if self._in_string:
                    break
            mark = _MARKS.search(piece, position)
            if mark is None:
                break
            position = mark.end()
            match mark[0]:
                case b'"':
                    self._in_string = True
                case b"{" | b"[":
                    if self._depth == self._at:
                        start, inside = mark.start(), True
                    self._depth += 1
                case _:
                    self._depth -= 1
                    if self._depth == self._at:
                        yield b"".join((*self._item, piece[start:position]))
                        self._item.clear()
                        inside = False
        if inside:
            self._item.append(piece[start:])

    def _behind_string(self, piece: bytes, position: int) -> int:
        """Where the string ends that was begun; the end of the piece if it does not end in it."""
        if self._escaped and position < len(piece):
            self._escaped = False
            position += 1
        inside = _INSIDE.match(piece, position)
        end = position if inside is None else inside.end()
        if end == len(piece):
            return end
        if piece[end : end + 1] == b'"':
            self._in_string = False
        else:
            self._escaped = True  # a backslash at the very end
        return end + 1
