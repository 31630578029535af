"""The Range header: which bytes of an attachment a client wants.

Owns its reading. Follows ``mochiweb_http:parse_range_request`` and ``chttpd_db:parse_ranges`` of CouchDB, oddities
included: a header that cannot be read, one that asks for everything (``bytes=0-``) and one with ten ranges or more get
the whole. But of 30 bytes the last 100 (``bytes=-100``) are all 30 (RFC 9110, 14.1.2), where CouchDB gives 29.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from docstore.errors import RangeNotSatisfiable

UNIT = "bytes="
MOST_RANGES = 9
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)


class ByteRange(NamedTuple):
    """Bytes ``first`` to ``last``, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes these are."""
        return self.last - self.first + 1

    def content_range(self, size: int) -> str:
        """The value of Content-Range, where ``size`` is the length of the whole."""
        return f"bytes {self.first}-{self.last}/{size}"


def requested_ranges(header: str | None, size: int) -> list[ByteRange]:
    """The ranges that a Range header asks for of ``size`` bytes; none where the whole is to be sent.

    Raises RangeNotSatisfiable if one of them has no byte.
    """
    if header is None or not header.startswith(UNIT) or header == "bytes=0-":
        return []
    try:
        bounds = list(_bounds(header.removeprefix(UNIT)))
    except ValueError:
        return []
    ranges: list[ByteRange] = []
    for first, last in bounds:
        if (first, last) == (0, None):
            return []
        ranges.append(_range(first, last, size))
    return ranges if len(ranges) <= MOST_RANGES else []


def _bounds(text: str) -> Iterator[tuple[int | None, int | None]]:
    """First and last byte of each range as they stand; None where nothing stands. Raises ValueError."""
    for token in (part.strip(" ") for part in text.split(",")):
        if token.startswith("-"):
            yield None, _integer(token[1:])
        elif token:
            bounds = [_integer(bound) for bound in token.split("-") if bound]
            if len(bounds) > 2 or not bounds:
                raise ValueError(token)
            yield bounds[0], bounds[1] if len(bounds) == 2 else None


def _integer(text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise ValueError(text)
    return int(text)


def _range(first: int | None, last: int | None, size: int) -> ByteRange:
    if first is not None and last is not None and last < first:
        raise RangeNotSatisfiable
    if first is None and last is not None:  # the last so many bytes
        first, last = max(0, size - last), size - 1
    elif last is None or last >= size:
        last = size - 1
    if first is None or last < first:
        raise RangeNotSatisfiable
    return ByteRange(first, last)
