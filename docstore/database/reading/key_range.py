"""Ranges of ids and names, as ``key``, ``startkey``, ``endkey`` and ``inclusive_end`` describe them.

Owns the reading of such keys. Ids sort by bytes; a key that is no string sorts before every id, as in Erlang's order of
terms (``couch_mrview:all_docs_key_opts``). It must not know what is listed.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from docstore.core.json_text import JsonValue


class Unset(Enum):
    """The value of a key that was not given; ``None`` is JSON's null."""

    UNSET = 0


UNSET: Final = Unset.UNSET


class KeyRange(NamedTuple):
    """A range in the direction of reading: descending, ``start`` is the greater end.

    None is an end without bound; the start is always inclusive. ``empty`` where no id can be in it; it then still has a
    start, which tells how many ids come before, except with ``past_end``: then all do.
    """

    start: str | None
    end: str | None
    inclusive_end: bool
    descending: bool
    empty: bool = False
    past_end: bool = False

    def contains(self, text: str) -> bool:
        """Whether an id is in the range."""
        if self.empty:
            return False
        low, high = (self.end, self.start) if self.descending else (self.start, self.end)
        if (low is not None and text < low) or (high is not None and text > high):
            return False
        return self.inclusive_end or text != self.end

    def within(self, low: str, high: str) -> "KeyRange":
        """The part of the range from ``low`` to ``high``; neither may be an id itself."""
        # Python compares strings by code points, which is the order of their bytes in UTF-8.
        if self.descending:
            start = high if self.start is None else min(self.start, high)
            end = low if self.end is None else max(self.end, low)
            empty = start <= low or end >= high
        else:
            start = low if self.start is None else max(self.start, low)
            end = high if self.end is None else min(self.end, high)
            empty = start >= high or end <= low
        return self._replace(start=start, end=end, empty=self.empty or empty)


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """What all listings are asked: a range of keys (JSON values), and what part of it. ``key`` counts first."""

    key: JsonValue | Unset = UNSET
    start_key: JsonValue | Unset = UNSET
    end_key: JsonValue | Unset = UNSET
    inclusive_end: bool = True
    descending: bool = False
    skip: int = 0
    limit: int | None = None

    def range(self) -> KeyRange:
        """The range that is named."""
        start_key, end_key, inclusive_end = self.start_key, self.end_key, self.inclusive_end
        if self.key is not UNSET:
            start_key = end_key = self.key
            inclusive_end = True
        start = start_key if isinstance(start_key, str) else None
        end = end_key if isinstance(end_key, str) else None
        start_before_all = start_key is not UNSET and start is None
        end_before_all = end_key is not UNSET and end is None
        if self.descending:
            return KeyRange(start, end, inclusive_end, True, empty=start_before_all, past_end=start_before_all)
        return KeyRange(start, end, inclusive_end, False, empty=end_before_all)
