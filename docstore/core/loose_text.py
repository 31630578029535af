"""Bytes of any kind as text, in CouchDB's way, where functions are to see a body that is not UTF-8.

Owns that way: a byte that is wrong and all continuation bytes behind it come to one U+FFFD, forms that are too long are
taken for what they say, and what is no character, as half a surrogate pair, to a U+FFFD too (``jiffy_utf8:fix``).
Python's own ``replace`` counts otherwise, and holds the interpreter for a tenth of a second over 14 MB of garbage: here
bytes are taken in pieces. It must not know whose bytes they are.
"""

import re
from typing import Final

_PIECE: Final = 16 * 1024
_CONTINUATIONS: Final = bytes(range(0x80, 0xC0))
_LONGEST: Final = 4
_REPLACEMENT: Final = "\ufffd"

_BROKEN: Final = re.compile("[\udc80-\udcff][\udc80-\udcbf]*")
"""A wrong byte and the continuation bytes behind it, as ``surrogateescape`` decodes them."""
_ODD: Final = re.compile(
    rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xed[\xa0-\xbf][\x80-\xbf]|"
    rb"\xf0[\x80-\x8f][\x80-\xbf]{2}|\xf4[\x90-\xbf][\x80-\xbf]{2}|[\xf5-\xf7][\x80-\xbf]{3}"
)
"""What has the form of a character and is none to Python."""

_HALF: Final = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]")
"""The first of two, which are not to be parted."""
_PAIR: Final = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
_OTHER: Final = re.compile(
    rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]|"
    rb"([\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3})|[\x80-\xff][\x80-\xbf]*"
)
"""Two halves of a surrogate pair; what has the form of a character; or what has none."""


def loose_text(raw: bytes) -> str:
    """The text; that of UTF-8 as it stands."""
    pieces: list[str] = []
    at = 0
    while at < len(raw):
        piece, broken = _piece_at(raw, at)
        try:
            pieces.append(piece.decode())
        except UnicodeDecodeError:
            pieces.append(_mended(piece))
        at += len(piece)
        while broken and at < len(raw):
            following = raw[at : at + _PIECE]
            rest = following.lstrip(_CONTINUATIONS)
            at += len(following) - len(rest)
            broken = not rest
    return "".join(pieces)


def _piece_at(raw: bytes, at: int) -> tuple[bytes, bool]:
    """Bytes from a place on that end behind a character, or in the middle of what is none: whether they do."""
    piece = raw[at : at + _PIECE]
    if at + _PIECE >= len(raw):
        return piece, False
    for end in range(len(piece) - 1, len(piece) - 1 - _LONGEST, -1):
        if piece[end] not in _CONTINUATIONS:
            return piece[: end - 3 if _HALF.fullmatch(piece, end - 3, end) else end], False
    return piece, True


def _mended(piece: bytes) -> str:
    if not _ODD.search(piece):
        return _BROKEN.sub(_REPLACEMENT, piece.decode(errors="surrogateescape"))
    return _OTHER.sub(_read, piece).decode()


def _read(part: re.Match[bytes]) -> bytes:
    found = part[0]
    if part[1] is None:
        is_pair = _PAIR.fullmatch(found) is not None
        return _joined(found).encode() if is_pair else _REPLACEMENT.encode()
    bits = 8 - len(found) - 1
    code = found[0] & (1 << bits) - 1
    for byte in found[1:]:
        code = code << 6 | byte & 0x3F
    is_none = 0xD800 <= code < 0xE000 or code in (0xFFFE, 0xFFFF) or code > 0x10FFFF
    return (_REPLACEMENT if is_none else chr(code)).encode()


def _joined(pair: bytes) -> str:
    return pair.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass").decode("utf-16-le")
