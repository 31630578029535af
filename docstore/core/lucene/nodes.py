"""What a query of full-text search asks for, as values.

Owns the shapes. It must not know how a query is written nor how it is answered. Every leaf names its field; texts are
as they are meant, without escapes. A ``Pattern``'s text keeps the escapes of those characters that are no wildcards.
Follows the queries that Lucene's classic parser makes.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

ANY_EDITS: Final = 2
"""Edits of a fuzzy term that does not say how many."""


class Occur(Enum):
    """Whether a part of a query must match, or must not, or counts if it does."""

    MUST = "+"
    NOT = "-"
    SHOULD = ""


@dataclass(frozen=True, slots=True)
class Everything:
    """``*:*``"""


@dataclass(frozen=True, slots=True)
class Text:
    """``field:word``, or with ``quoted`` ``field:"some words"~slop``: a text that its analyzer makes terms of."""

    field: str
    text: str
    quoted: bool = False
    slop: int = 0


@dataclass(frozen=True, slots=True)
class Pattern:
    """``field:te?t*``; a backslash takes its meaning from the character behind it."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """``field:word~``, ``word~1``, ``word~0.8``: terms within so many edits, or of so much similarity below 1."""

    field: str
    text: str
    similarity: float = ANY_EDITS

    @property
    def edits(self) -> int:
        """How many edits that are, at most two."""
        if self.similarity >= 1:
            return min(int(self.similarity), ANY_EDITS)
        if self.similarity == 0:
            return 0
        return min(int((1 - self.similarity) * len(self.text)), ANY_EDITS)


@dataclass(frozen=True, slots=True)
class Regex:
    """``field:/pattern/``"""

    field: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Between:
    """``field:[low TO high}``; None is ``*``, no end."""

    field: str
    low: str | None
    high: str | None
    with_low: bool = True
    with_high: bool = True


@dataclass(frozen=True, slots=True)
class Boost:
    """``query^factor``"""

    query: "Query"
    factor: float


@dataclass(frozen=True, slots=True)
class Combined:
    """Several queries, or one that says how it counts."""

    parts: "tuple[tuple[Occur, Query], ...]"


Leaf: TypeAlias = Everything | Text | Pattern | Fuzzy | Regex | Between
Query: TypeAlias = Leaf | Boost | Combined
