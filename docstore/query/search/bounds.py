"""What one question may take: time, and bytes of its answer.

Owns the clock of a question, which is looked at between the steps that tantivy does in one piece, the bytes of a page,
and the measure by which a question is asked in a process of its own, where it can be ended in the middle of a step. It
must not know tantivy. The words are those of ``chttpd:error_info(timeout)``.
"""

from dataclasses import dataclass
from time import monotonic
from typing import Final

from docstore.core.lucene.nodes import Between, Boost, Combined, Everything, Fuzzy, Pattern, Query, Regex, Text
from docstore.core.lucene.numbers import number_of
from docstore.errors import BadRequest, DocstoreError

BYTES_OF_A_VALUE: Final = 32
"""Of an answer's, beside its text."""
MAX_WILD: Final = 2
MAX_BOUNDS: Final = 16
"""Wildcards of a pattern, and characters of both ends of a range, of which a pattern is made in no time."""


class SearchTimedOut(DocstoreError):
    """A search that took longer than it may."""

    error = "timeout"
    default_reason = "The request could not be processed in a reasonable amount of time."


class Allowance:
    """What is left of a question's time and of its answer's bytes. Of one thread."""

    def __init__(self, seconds: float, size: int) -> None:
        self._ends = monotonic() + seconds
        self._size = size
        self._left = size

    def check(self) -> None:
        """Raises SearchTimedOut when the time is over."""
        if monotonic() > self._ends:
            raise SearchTimedOut

    def take(self, size: int) -> None:
        """Bytes of the answer. Raises BadRequest when there are too many."""
        self._left -= size
        if self._left < 0:
            raise BadRequest(f"The answer has more than {self._size} bytes. Ask for fewer rows, fields or values.")


@dataclass(frozen=True, slots=True)
class Weight:
    """What a query makes an index look at: ``words`` with their documents, ``patterns`` with all terms there are.

    ``intricate``  to make one of its patterns takes long
    """

    words: int = 0
    patterns: int = 0
    intricate: bool = False

    def __add__(self, other: "Weight") -> "Weight":
        return Weight(self.words + other.words, self.patterns + other.patterns, self.intricate or other.intricate)

    def of(self, documents: int, terms: int) -> int:
        """About how many bytes are looked at in an index with so many documents, and bytes of terms."""
        return self.words * documents + self.patterns * terms


def weight_of(query: Query, small: str | None = None) -> Weight:
    """What a query weighs. ``small``: a field that has few terms."""
    match query:
        case Combined(parts):
            return sum((weight_of(part, small) for _, part in parts), Weight())
        case Boost(inner, _):
            return weight_of(inner, small)
        case Everything():
            return Weight(words=1)
        case Text(_, text):
            return Weight(words=1 + text.count(" "))
        case Pattern(field, text):
            if field == small:
                return Weight(words=1)
            return Weight(patterns=1, intricate=text.count("*") + text.count("?") > MAX_WILD)
        case Regex():
            return Weight(patterns=1, intricate=True)
        case Fuzzy():
            return Weight(patterns=1)
        case Between(_, low, high):
            ends = [end for end in (low, high) if end is not None]
            if all(number_of(end) is not None for end in ends):
                return Weight(words=1)
            return Weight(patterns=1, intricate=sum(map(len, ends)) > MAX_BOUNDS)
