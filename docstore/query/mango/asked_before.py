"""Queries that were asked before: applications ask the same ones again and again.

Owns what is remembered of them: what a text says, and how a query is answered in a database as long as that has the
same indexes. It must not know how either is found out, and remembers no more than so many of each, the last ones.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

REMEMBERED: Final = 512
"""Texts, which are short ones, and answers to how; of each some kilobytes."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class AskedBefore(Generic[K, V]):
    """What was found out for the last ``REMEMBERED`` keys that were asked for."""

    def __init__(self) -> None:
        self._known: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """What is remembered; None if it is not known, or not known any more."""
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def keep(self, key: K, value: V) -> None:
        """Remember it, and forget what was not asked for longest."""
        self._known[key] = value
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
