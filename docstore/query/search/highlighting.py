"""Where the words that were asked for stand in a text.

Owns what is marked, and the fragments of a text that are shown. It must not know an index: the text is analyzed once
more. Words of the query count in every field, as with Lucene's ``QueryScorer``; those of regular expressions and ranges
are not marked. A fragment ends with the first word behind its size (``SimpleFragmenter``); those with most different
words are shown, as they stand in the text.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from docstore.core.lucene.nodes import Boost, Combined, Fuzzy, Occur, Pattern, Query, Text
from docstore.query.search.analyzers import Analyzer, Analyzers, Span
from docstore.query.search.asked import Highlighting
from docstore.query.search.bounds import BYTES_OF_A_VALUE, Allowance

FRAGMENT: Final = 100
"""Characters of a fragment, where nobody says."""
WORDS_AT_ONCE: Final = 100
"""That are looked at between two looks at the clock."""

_PIECE: Final = re.compile(r"\\(.)|(.)", re.DOTALL)


class Highlighter:
    """What marks the words of one query."""

    def __init__(self, query: Query, analyzers: Analyzers, how: Highlighting, allowance: Allowance) -> None:
        self._how = how
        self._allowance = allowance
        self._analyzers = analyzers
        self._words: set[str] = set()
        self._patterns: list[re.Pattern[str]] = []
        self._fuzzy: list[tuple[str, int]] = []
        for leaf in _leaves(query):
            self._learn(leaf)

    def fragments(self, field: str, text: str) -> list[str]:
        """The best fragments of a text; none where no word was asked for. Raises SearchTimedOut, BadRequest."""
        size = self._how.size or FRAGMENT
        found: list[_Fragment] = []
        marked: list[Span] = []
        start, bound = 0, size
        for number, span in enumerate(self._analyzers.of(field).spans(text)):
            if number % WORDS_AT_ONCE == 0:
                self._allowance.check()
            if span.end >= bound + start:
                found.append(_Fragment(start, span.start, marked))
                start, marked = span.start, []
            if self._is_wanted(span.term):
                marked.append(span)
        found.append(_Fragment(start, len(text), marked))
        best = sorted((one for one in found if one.marked), key=lambda one: (-one.words, one.start))
        return [self._shown(text, one) for one in best[: self._how.number]]

    def _shown(self, text: str, fragment: "_Fragment") -> str:
        how = self._how
        marks = len(fragment.marked) * (len(how.before) + len(how.after))
        self._allowance.take(BYTES_OF_A_VALUE + fragment.end - fragment.start + marks)
        pieces: list[str] = []
        at = fragment.start
        for first, last, _ in fragment.marked:
            if first >= at:  # words of two characters overlap
                pieces += [text[at:first], how.before, text[first:last], how.after]
                at = last
        return "".join([*pieces, text[at : fragment.end]])

    def _learn(self, leaf: Text | Pattern | Fuzzy) -> None:
        analyzer = self._analyzers.of(leaf.field)
        if isinstance(leaf, Text):
            self._words.update(term for term in analyzer.terms(leaf.text) if term is not None)
        elif isinstance(leaf, Pattern):
            self._patterns.append(_compiled(leaf.text, analyzer))
        else:
            self._fuzzy.append((leaf.text.lower() if analyzer.lowers else leaf.text, leaf.edits))

    def _is_wanted(self, term: str) -> bool:
        return (
            term in self._words
            or any(pattern.fullmatch(term) for pattern in self._patterns)
            or any(_is_near(term, word, edits) for word, edits in self._fuzzy)
        )


class _Fragment(NamedTuple):
    """A part of a text, and the words in it that are marked."""

    start: int
    end: int
    marked: list[Span]

    @property
    def words(self) -> int:
        """How many different ones."""
        return len({one.term for one in self.marked})


def _leaves(query: Query) -> Iterator[Text | Pattern | Fuzzy]:
    if isinstance(query, (Text, Pattern, Fuzzy)):
        yield query
    elif isinstance(query, Boost):
        yield from _leaves(query.query)
    elif isinstance(query, Combined):
        for occur, part in query.parts:
            if occur is not Occur.NOT:
                yield from _leaves(part)


def _compiled(pattern: str, analyzer: Analyzer) -> re.Pattern[str]:
    """A pattern that takes time of its length times that of a word: between two stars the first place is the best."""
    text = pattern.lower() if analyzer.lowers else pattern
    pieces: list[str] = []
    for found in _PIECE.finditer(text):
        if found[1] is not None:
            pieces.append(re.escape(found[1]))
        elif found[2] == "*":
            if not pieces or pieces[-1] != ".*":
                pieces.append(".*")
        else:
            pieces.append("." if found[2] == "?" else re.escape(found[2]))
    parts = "".join(f"\x00{piece}" if piece == ".*" else piece for piece in pieces).split("\x00.*")
    first, *rest = parts
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    return re.compile(first + "".join(f"(?>.*?{part})" for part in middle if part) + f".*{last}", re.DOTALL)


def _is_near(one: str, other: str, edits: int) -> bool:
    """Whether one text is the other after so many edits: letters put in, left out, replaced, or two swapped."""
    if abs(len(one) - len(other)) > edits:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        older, before = before, row
        row = [at]
        for place, there in enumerate(other, 1):
            cost = min(before[place] + 1, row[place - 1] + 1, before[place - 1] + (letter != there))
            if at > 1 and place > 1 and letter == other[place - 2] and one[at - 2] == there:
                cost = min(cost, older[place - 2] + 1)
            row.append(cost)
        if min(row) > edits:
            return False
    return row[-1] <= edits
