"""Reading one long JSON string in pieces.

Owns where such a string can be cut: between escapes, between the two halves of a surrogate pair never, and between
characters of UTF-8. A string of megabytes with many escapes takes the C reader, and the search for its end, a tenth of
a second in one step each. It must not know what stands around a string (``json_slices.py``).
"""

import re
from typing import Final

from docstore.core.json_text import decode_string
from docstore.errors import InvalidJson

_PIECE: Final = 1 << 16
_LONGEST_ESCAPE: Final = len(b"\\ud83d\\ude00")
_CONTINUES: Final = range(0x80, 0xC0)
"""The bytes of UTF-8 that begin no character."""

_ESCAPE = rb"\\(?:[^u]|u(?:(?![dD][89abAB])[0-9a-fA-F]{4}|[dD][89abAB]..\\u[dD][c-fC-F]..))"
_whole = re.compile(rb'[^"\\]*+(?:' + _ESCAPE + rb'[^"\\]*+)*+', re.DOTALL).match
_other = re.compile(rb"[^ !#-\[\]-\x7f]").search
_rest = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL).match


def long_string(raw: bytes, position: int) -> tuple[str, int]:
    """What ``decode`` makes of the string that starts here, and where it ends. Raises InvalidJson as that."""
    at = position + 1
    plain = _end_of_plain(raw, at)
    if raw[plain : plain + 1] == b'"':
        return str(memoryview(raw)[at:plain], "ascii"), plain + 1  # there once: pieces would be there twice, joined
    pieces: list[str] = []
    while True:
        end = _end_of_piece(raw, at)
        ended = raw[end : end + 1] == b'"'
        if not ended and end < at + _PIECE - _LONGEST_ESCAPE:  # half a pair, no escape at all, or no end
            end = _end(raw, at) - 1
            ended = True
        pieces.append(decode_string(b'"%b"' % raw[at:end]))
        at = end
        if ended:
            return "".join(pieces), at + 1


def _end_of_plain(raw: bytes, at: int) -> int:
    """How far from here on all characters are of ASCII and stand for themselves."""
    while at < len(raw):
        found = _other(raw, at, at + _PIECE)
        if found is not None:
            return found.start()
        at += _PIECE
    return len(raw)


def _end_of_piece(raw: bytes, at: int) -> int:
    """Where a piece that starts here can be cut; at the closing quote, if that comes first."""
    found = _whole(raw, at, at + _PIECE)
    end = at if found is None else found.end()
    while end > at and end < len(raw) and raw[end] in _CONTINUES:
        end -= 1
    return end


def _end(raw: bytes, at: int) -> int:
    """Behind the closing quote of a string of which this is the inside."""
    rest = _rest(raw, at)
    if rest is None:
        raise InvalidJson
    return rest.end()
