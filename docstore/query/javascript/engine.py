"""The functions of a view group, compiled and kept, in a worker process.

Owns the way from documents to rows and from values to reductions. It must not know indexes, processes or databases.
Follows ``share/server/views.js`` of CouchDB.
"""

from collections.abc import Sequence
from functools import lru_cache

MAX_ENGINES = 16

Row = tuple[bytes, bytes]
"""Key and value of an emitted row, as JSON."""


class Engine:
    """The compiled map and reduce functions of one definition. Of one thread only."""

    def __init__(self, definition: str) -> None:
        self._definition = definition

    def map(self, documents: Sequence[bytes]) -> list[list[list[Row]]]:
        """Per document and map function the rows that it emits; of a function that throws there are none."""
        raise NotImplementedError

    def reduce(self, index: int, keys_and_ids: Sequence[bytes], values: Sequence[bytes]) -> bytes:
        """The reduction of some rows, as JSON; ``keys_and_ids`` are JSON arrays of a key and a document's id."""
        raise NotImplementedError

    def rereduce(self, index: int, values: Sequence[bytes]) -> bytes:
        """The reduction of reductions, as JSON."""
        raise NotImplementedError


@lru_cache(maxsize=MAX_ENGINES)
def engine_for(signature: str, definition: str) -> Engine:
    """The engine of a view group, kept by its signature."""
    return Engine(definition)
