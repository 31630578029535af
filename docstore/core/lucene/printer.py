"""Queries of full-text search as they are written.

Owns the canonical text of a query: what ``parser.py`` makes the same value of. It must not know how it is answered.
"""

import re
from typing import Final

from docstore.core.lucene.nodes import Between, Boost, Combined, Everything, Fuzzy, Pattern, Query, Regex, Text

_SPECIAL: Final = re.compile(r'([-+!(){}\[\]^"~*?:\\/|&\s\u3000])')
_IN_QUOTES: Final = re.compile(r'(["\\])')
_WORDS: Final = frozenset({"AND", "OR", "NOT"})


def escaped(text: str) -> str:
    """A word in which nothing means anything but itself."""
    if text in _WORDS:
        return f"\\{text}"
    return _SPECIAL.sub(r"\\\1", text)


def printed(query: Query) -> str:
    """The text of a query."""
    return _parts(query) if isinstance(query, Combined) else _printed(query)


def _printed(query: Query) -> str:  # one return for each shape
    match query:
        case Everything():
            return "*:*"
        case Combined():
            return f"({_parts(query)})"
        case Boost(inner, factor):
            return f"{_boostable(inner)}^{_number(factor)}"
        case _:
            return f"{escaped(query.field)}:{_leaf(query)}"


def _boostable(query: Query) -> str:
    return f"({_printed(query)})" if isinstance(query, Boost) else _printed(query)


def _leaf(query: Text | Pattern | Fuzzy | Regex | Between) -> str:
    match query:
        case Text(_, text, True, slop):
            return f"{_quoted(text)}{f'~{slop}' if slop else ''}"
        case Text(_, text):
            return escaped(text)
        case Pattern(_, text):
            return text
        case Fuzzy(_, text, similarity):
            return f"{escaped(text)}~{_number(similarity)}"
        case Regex(_, pattern):
            return f"/{pattern}/"
        case Between(_, low, high, with_low, with_high):
            return f"{'[' if with_low else '{'}{_end(low)} TO {_end(high)}{']' if with_high else '}'}"


def _parts(query: Combined) -> str:
    return " ".join(occur.value + _printed(part) for occur, part in query.parts)


def _quoted(text: str) -> str:
    return '"' + _IN_QUOTES.sub(r"\\\1", text) + '"'


def _end(text: str | None) -> str:
    return "*" if text is None else _quoted(text)


def _number(value: float) -> str:
    """Without an exponent, which no query has."""
    return f"{value:.17f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))
