"""Texts into queries: the grammar of Lucene's classic parser.

Owns the grammar, its errors and its bounds. It must not know analyzers: what words become terms is decided by whoever
answers the query. As in Clouseau ``OR`` is what stands between two queries if nothing does, a pattern may not begin
with a wildcard, and bounds of both kinds can be mixed. The time is that of the text: each character is read a few
times.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from docstore.core.lucene.nodes import (
    ANY_EDITS,
    Between,
    Boost,
    Combined,
    Everything,
    Fuzzy,
    Occur,
    Pattern,
    Query,
    Regex,
    Text,
)
from docstore.errors import BadRequest

DEFAULT_FIELD: Final = "default"
MAX_SLOP: Final = 10_000
MAX_BOOST: Final = 1e9
MAX_TOLD: Final = 200
"""Characters of a query that an error quotes."""

_SPACE: Final = " \\t\\n\\r\\u3000"
_START: Final = rf'(?:[^{_SPACE}+\-!():^\[\]"{{}}~*?\\/]|\\.)'
_WORD: Final = re.compile(rf"(?:{_START}|[*?])(?:{_START}|[-+*?])*", re.DOTALL)
_BLANK: Final = re.compile(rf"[{_SPACE}]*")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_REGEX: Final = re.compile(r"/((?:[^/\\]|\\.)*)/", re.DOTALL)
_SUFFIX: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_BOUND: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^ \]}]+)', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_WILD: Final = re.compile(r"(?:[^\\*?]|\\.)*[*?]", re.DOTALL)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_JOINED: Final = {"AND": True, "&&": True, "OR": False, "||": False}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a query may be: ``length`` in characters, ``depth`` of brackets, ``clauses`` altogether."""

    length: int = 65_536
    depth: int = 100
    clauses: int = 1_024


class _Part(NamedTuple):
    occur: Occur
    query: Query


def parse(text: str, bounds: Bounds | None = None, *, field: str = DEFAULT_FIELD) -> Query:
    """The query that a text is. ``field``: of words that name none. Raises BadRequest, which quotes the text."""
    bounds = bounds or Bounds()
    if len(text) > bounds.length:
        raise BadRequest(f"The query has more than {bounds.length} characters.")
    return _Parser(text, bounds).whole(field)


def unescaped(text: str) -> str:
    """The text without its backslashes."""
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(found: re.Match[str]) -> str:
    escape = found[1]
    return _SURROGATE.sub("\ufffd", chr(int(escape[1:], 16))) if len(escape) > 1 else escape


class _Parser:
    def __init__(self, text: str, bounds: Bounds) -> None:
        self._text = text
        self._bounds = bounds
        self._at = 0
        self._clauses = 0

    def whole(self, field: str) -> Query:
        query = self._query(field, 0)
        if self._at < len(self._text):
            raise self._error(f"'{self._text[self._at]}' at column {self._at} closes nothing.")
        return query

    # --- Parts

    def _query(self, field: str, depth: int) -> Query:
        """What stands between two brackets, or all of it."""
        if depth > self._bounds.depth:
            raise self._error(f"More than {self._bounds.depth} brackets are open.")
        parts: list[_Part] = []
        plain = True
        while True:
            joined = self._conjunction() if parts else None
            occur = self._modifier()
            self._skip()
            if self._at >= len(self._text) or (depth and self._text[self._at] == ")"):
                if not parts or joined is not None or occur is not None:
                    raise self._error(f"Nothing stands at column {self._at} where a word is expected.")
                break
            plain = occur is None
            query = self._clause(field, depth)
            if joined and parts[-1].occur is not Occur.NOT:
                parts[-1] = _Part(Occur.MUST, parts[-1].query)
            parts.append(_Part(occur or (Occur.MUST if joined else Occur.SHOULD), query))
            if not depth and self._next_is(")"):
                break
        if len(parts) == 1 and plain:
            return parts[0].query
        return Combined(tuple((part.occur, part.query) for part in parts))

    def _conjunction(self) -> bool | None:
        """Whether AND is next; None if neither AND nor OR is."""
        self._skip()
        found = _WORD.match(self._text, self._at)
        joined = _JOINED.get(found[0]) if found else None
        if found and joined is not None:
            self._at = found.end()
        return joined

    def _modifier(self) -> Occur | None:
        self._skip()
        first = self._text[self._at : self._at + 1]
        if first == "+":
            self._at += 1
            return Occur.MUST
        if first in ("-", "!"):
            self._at += 1
            return Occur.NOT
        found = _WORD.match(self._text, self._at)
        if found and found[0] == "NOT":
            self._at = found.end()
            return Occur.NOT
        return None

    def _clause(self, field: str, depth: int) -> Query:
        named = self._field()
        field = field if named is None else named
        self._skip()
        if not self._next_is("("):
            return self._boosted(self._term(field))
        self._at += 1
        query = self._query(field, depth + 1)
        if not self._next_is(")"):
            raise self._error("A bracket is not closed.")
        self._at += 1
        return self._boosted(query)

    def _field(self) -> str | None:
        """The field that is named next; it is taken."""
        found = _WORD.match(self._text, self._at)
        if found is None:
            return None
        colon = _end_of(_BLANK, self._text, found.end())
        if self._text[colon : colon + 1] != ":" or (found[0] != "*" and _WILD.match(found[0])):
            return None
        self._at = colon + 1
        return unescaped(found[0])

    # --- Leaves

    def _term(self, field: str) -> Query:
        self._clauses += 1
        if self._clauses > self._bounds.clauses:
            raise self._error(f"The query has more than {self._bounds.clauses} clauses.")
        first = self._text[self._at : self._at + 1]
        if first == '"':
            quoted = self._taken(_QUOTED, "A quotation mark is not closed.")
            slop = min(float(self._suffix("~") or 0), MAX_SLOP)
            return Text(field, unescaped(quoted[1]), quoted=True, slop=int(slop))
        if first == "/":
            pattern = self._taken(_REGEX, "A regular expression is not closed.")[1]
            return Regex(field, pattern)
        if first in ("[", "{"):
            return self._between(field)
        word = self._taken(_WORD, f"'{first}' at column {self._at} is not expected." if first else "A word is missing.")
        return self._word(field, word[0])

    def _word(self, field: str, word: str) -> Query:
        if word in ("AND", "OR", "NOT", "&&", "||"):
            raise self._error(f"'{word}' stands where a word is expected.")
        if _WILD.match(word):
            if word == "*" and field == "*":
                return Everything()
            if word[0] in "*?":
                raise self._error("'*' or '?' not allowed as first character in WildcardQuery")
            return Pattern(field, word)
        if not self._next_is("~"):
            return Text(field, unescaped(word))
        similarity = float(self._suffix("~") or ANY_EDITS)
        if similarity >= 1 and similarity % 1:
            raise self._error("Fractional edit distances are not allowed!")
        return Fuzzy(field, unescaped(word), similarity)

    def _between(self, field: str) -> Query:
        with_low = self._text[self._at] == "["
        self._at += 1
        low = self._bound()
        self._skip()
        if self._text[self._at : self._at + 2] == "TO" and self._text[self._at + 2 : self._at + 3] in (" ", "\t", "\n"):
            self._at += 2
        high = self._bound()
        self._skip()
        end = self._text[self._at : self._at + 1]
        if end not in ("]", "}"):
            raise self._error("A range is not closed.")
        self._at += 1
        return Between(field, low, high, with_low=with_low, with_high=end == "]")

    def _bound(self) -> str | None:
        self._skip()
        found = self._taken(_BOUND, "A range has an end and a beginning.")
        if found[1] is not None:
            return unescaped(found[1])
        return None if found[2] == "*" else unescaped(found[2])

    def _boosted(self, query: Query) -> Query:
        if not self._next_is("^"):
            return query
        factor = self._suffix("^")
        if factor is None:
            raise self._error(f"A number is missing at column {self._at}.")
        return Boost(query, min(float(factor), MAX_BOOST))

    # --- The text

    def _suffix(self, mark: str) -> str | None:
        """The number behind a mark, which is taken with it."""
        if not self._next_is(mark):
            return None
        self._at += 1
        found = _SUFFIX.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[0]

    def _next_is(self, character: str) -> bool:
        return self._text.startswith(character, self._at)

    def _skip(self) -> None:
        self._at = _end_of(_BLANK, self._text, self._at)

    def _taken(self, expected: re.Pattern[str], otherwise: str) -> re.Match[str]:
        found = expected.match(self._text, self._at)
        if found is None:
            raise self._error(otherwise)
        self._at = found.end()
        return found

    def _error(self, told: str) -> BadRequest:
        quoted = self._text if len(self._text) <= MAX_TOLD else self._text[:MAX_TOLD] + "..."
        return BadRequest(f"Cannot parse '{quoted}': {told}")


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()
