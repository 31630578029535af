"""Request targets with bytes beyond ASCII, as curl sends what was typed: percent-encoded before the parser sees them.

Owns where the request lines are in what a connection receives; aiohttp's parser refuses such bytes there, and CouchDB
takes them. Only request lines are changed, and only those bytes, so nothing that ends a line, a head or a body is ever
added or taken away. Whatever is not framed as HTTP/1.1 demands passes as it came, and the parser refuses it. It must
not know what a target means.
"""

import re
from enum import Enum, auto
from typing import Final

HEAD_END: Final = b"\r\n\r\n"
MOST_HEAD: Final = 8 * 1024 * 1024
"""More than the parser takes of headers; a longer head is refused there, and not followed here."""
MOST_LINE: Final = 32 * 1024
"""The same of the line before a chunk."""

_RAW = re.compile(rb"[\x80-\xff]")


def _in_any_case(name: str) -> str:
    """A pattern for a header's name; the flag for any case makes a search four times as long."""
    return "".join(f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in name)


_BODY = re.compile(
    rf"\r\n(?:{_in_any_case('content-length')}:[ \t]*(?:([0-9]{{1,18}})[ \t]*(?=\r))?|"
    rf"({_in_any_case('transfer-encoding')}):)".encode()
)
"""A header that says where the body ends: how many bytes it has (empty if that is no number), or the other's name."""

_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n", re.DOTALL)
_BLANK = re.compile(rb"[\r\n]*")


class _At(Enum):
    """What the next byte belongs to."""

    LINE = auto()  # a request line, or a blank one before it
    HEAD = auto()
    BODY = auto()  # of so many bytes
    CHUNK_LINE = auto()
    CHUNK = auto()  # so many bytes, with the line end behind them
    TRAILER = auto()
    LOST = auto()  # no longer followed


class RawTargets:
    """The bytes of one connection on their way to the parser, in any pieces, in order.

    ``encode`` takes them before the parser does. ``at_start``: nothing of a request has come. What comes then and is
    ASCII may go to the parser at once; ``follow`` is told of it afterwards, if it was not one whole request.
    """

    __slots__ = ("_at", "_kept", "_left", "at_start")

    def __init__(self) -> None:
        self.at_start = True
        self._at = _At.LINE
        self._left = 0
        self._kept = bytearray()  # of the head, the chunk's line or the trailer under way

    def encode(self, data: bytes) -> bytes:
        """What to hand on: the same bytes, but in request lines each beyond ASCII as ``%XX``."""
        if self.at_start:
            end = data.find(HEAD_END)
            if end > 0:  # one whole request is what usually comes
                bodies = _BODY.findall(data, 0, end + 1)
                length = int(bodies[0][0] or -1) if len(bodies) == 1 else -1 if bodies else 0
                whole = end + 4 + length == len(data) and not data.startswith(b"\r\n")
                line = data[: data.index(b"\n")]
                if whole and line.isascii() and line.endswith(b"\r"):
                    return data
        return self.follow(data)

    def follow(self, data: bytes) -> bytes:
        """As ``encode``, piece by piece. Many clients send a head, and then a body: these are two pieces."""
        if self._at is _At.BODY and len(data) <= self._left:
            self._left -= len(data)
            if not self._left:
                self._at, self.at_start = _At.LINE, True
            return data
        if self.at_start and data.find(HEAD_END) == len(data) - len(HEAD_END) > 0 and data[0] not in b"\r\n":
            line = data[: data.index(b"\n") + 1]
            self._head_over(b"\r\n" + data[len(line) :])
            self.at_start = self._at is _At.LINE
            return data if line.isascii() else _RAW.sub(_escaped, line) + data[len(line) :]
        out: list[bytes] = []
        place = 0
        while place < len(data):
            if self._at is _At.LOST:
                out.append(data[place:])
                break
            place = self._step(data, place, out)
        self.at_start = self._at is _At.LINE and not self._kept
        return b"".join(out)

    def _step(self, data: bytes, place: int, out: list[bytes]) -> int:
        """Take one piece, and give the place behind it."""
        if self._at in (_At.BODY, _At.CHUNK):
            end = min(len(data), place + self._left)
            self._left -= end - place
            if not self._left:
                self._at = _At.LINE if self._at is _At.BODY else _At.CHUNK_LINE
            out.append(data[place:end])
            return end
        found = data.find(b"\n", place)
        end = len(data) if found < 0 else found + 1
        piece = data[place:end]
        out.append(_RAW.sub(_escaped, piece) if self._at is _At.LINE else piece)
        self._kept += piece
        if found >= 0:
            self._line_over()
        elif len(self._kept) > (MOST_HEAD if self._at is _At.HEAD else MOST_LINE) and self._at is not _At.LINE:
            self._follow(_At.LOST)
        elif self._at is _At.LINE:
            self._kept[1:] = b""  # only whether something stands in it
        return end

    def _line_over(self) -> None:
        kept = self._kept
        if self._at is _At.LINE:
            if _BLANK.fullmatch(kept) is None:
                self._at = _At.HEAD
                kept[:] = b"\r\n"
            else:
                kept.clear()
        elif self._at is _At.HEAD:
            if kept.endswith(HEAD_END):
                self._head_over(kept)
            elif len(kept) > MOST_HEAD:
                self._follow(_At.LOST)
        elif self._at is _At.CHUNK_LINE:
            chunk = _CHUNK.fullmatch(kept)
            size = -1 if chunk is None else int(chunk[1], 16)
            self._follow(_At.LOST if size < 0 else _At.CHUNK if size else _At.TRAILER, size + 2)
        elif _BLANK.fullmatch(kept) is not None:
            self._follow(_At.LINE)
        else:
            kept.clear()

    def _head_over(self, head: bytes | bytearray) -> None:
        bodies = _BODY.findall(head)
        if not bodies:
            self._follow(_At.LINE)
        elif len(bodies) == 1 and bodies[0][0]:
            length = int(bodies[0][0])
            self._follow(_At.BODY if length else _At.LINE, length)
        else:
            self._follow(_At.CHUNK_LINE if len(bodies) == 1 and bodies[0][1] else _At.LOST)

    def _follow(self, at: _At, left: int = 0) -> None:
        self._at = at
        self._left = left
        self._kept.clear()


def _escaped(byte: re.Match[bytes]) -> bytes:
    return b"%%%02X" % byte[0][0]
