"""The body of ``_bulk_docs`` in pieces, found without reading the documents.

Owns where ``{"docs": [...], ...}`` may be cut: into the members beside ``docs``, and into texts that hold some whole
documents each, with commas between them. It must not know what becomes of the pieces.

Places to cut are guessed, as in ``json_slices.py``: most bodies repeat the bytes between two documents (``},{"_i``).
The guess is proved by whoever reads the pieces. If each of them, in brackets, is an array, and what stands around them,
with an empty array between, is an object, then the whole is that object with all their documents; if one of them is
not, the body has to be read as a whole.
"""

from typing import Final, NamedTuple

from docstore.core.json_slices import after_item, member_name, short_end, skip_space
from docstore.core.json_text import JsonValue, decode
from docstore.errors import BadRequest

PIECE: Final = 8 * 1024
"""Bytes of a piece, about: some twenty small documents. Most pieces are short enough that nobody asks what they cost to
read (``json_cost.NEVER_COSTLY``)."""

_LONGEST_END: Final = 1_024
_REACH: Final = 64 * 1024
_SEPARATOR_TAIL: Final = 4


class Cut(NamedTuple):
    """``members`` beside ``docs``; where each piece starts and ends."""

    members: dict[str, JsonValue]
    pieces: list[tuple[int, int]]


def cut(raw: bytes, piece: int = PIECE) -> Cut | None:
    """Cut a body; None if it is none of ``_bulk_docs``, or one that is spelled in an unusual way.

    This is a quick look, whatever is in the body; the last piece is what nobody could cut.
    """
    try:
        end = raw.rfind(b"]")
        if len(raw) - end > _LONGEST_END:
            return None
        start = _start_of_docs(raw)
        around = raw[:start] + raw[end:]
        if start > end or b'"docs"' in raw[end:] or b"\\" in around:
            return None
        members = decode(around)
        if not isinstance(members, dict) or members.pop("docs", None) != []:
            return None
        pieces = _pieces(raw, start, end, piece)
    except BadRequest:
        return None
    return Cut(members, pieces) if pieces else None


def _start_of_docs(raw: bytes) -> int:
    """Where the first document stands. Raises InvalidJson where there is none."""
    position = skip_space(raw, 0)
    if raw[position : position + 1] != b"{":
        return len(raw)
    position = skip_space(raw, position + 1)
    while position < _LONGEST_END:
        name, position = member_name(raw[: position + _LONGEST_END], position)
        if name == "docs" and raw[position : position + 1] == b"[":
            return skip_space(raw, position + 1)
        position, more = after_item(raw, short_end(raw, position, _LONGEST_END), b"}")
        if not more:
            break
    return len(raw)


def _pieces(raw: bytes, start: int, end: int, piece: int) -> list[tuple[int, int]]:
    first = short_end(raw, start, _REACH)
    following, more = after_item(raw, first, b"]")
    if not more:
        return [(start, end)]
    separator = raw[first - 1 : following + _SEPARATOR_TAIL]
    step = len(separator) - _SEPARATOR_TAIL
    pieces = []
    while end - start > piece + piece // 2:
        at = raw.rfind(separator, start, start + piece)
        if at < 0:
            behind = max(start, start + piece - len(separator) + 1)
            at = raw.find(separator, behind, min(start + _REACH, end))
        if at < 0:
            break
        pieces.append((start, at + 1))
        start = at + step
    pieces.append((start, end))
    return pieces
