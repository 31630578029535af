"""Commands that make and remove unique indexes.

Owns the shapes; like all commands they are plain data. It must not know how they are applied: ``unique_commands.py``.
"""

from dataclasses import dataclass

from docstore.core.unique.definition import Definition


@dataclass(frozen=True, slots=True)
class BeginUnique:
    """Let writes obey an index from now on, provisionally: a design document is to have it later.

    Result: its number, that of one that is there where that is the same; TooManyUnique.
    """

    database: int
    ddoc: str
    name: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class BuildUnique:
    """Give an index the keys of some documents more. ``version``: what keys are made by. Result: a ``BuildStep``."""

    database: int
    index: int
    version: str


@dataclass(frozen=True, slots=True)
class GiveUpUnique:
    """Let go of an index, if it is still provisional. Result: None."""

    database: int
    index: int


@dataclass(frozen=True, slots=True)
class SweepUnique:
    """Remove a portion of an index that goes. Result: True when nothing is left."""

    database: int
    index: int


@dataclass(frozen=True, slots=True)
class RenewUnique:
    """Make an index anew. Result: None."""

    database: int
    index: int


@dataclass(frozen=True, slots=True)
class MendUnique:
    """Make those of a database anew by its design documents, if an older docstore has not kept them. Result: None."""

    database: int
