"""What a replication counts, under CouchDB's names (``couch_replicator_stats.erl``).

Owns the counters, and their names and order in replies, checkpoints and rows of jobs. It must not know who counts.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self

from docstore.core.json_text import JsonValue


@dataclass(slots=True)
class Statistics:
    """Revisions that were compared, lacking, read, written, refused; asked for by ``_bulk_get``, and got by it."""

    missing_checked: int = 0
    missing_found: int = 0
    docs_read: int = 0
    docs_written: int = 0
    doc_write_failures: int = 0
    bulk_get_docs: int = 0
    bulk_get_attempts: int = 0

    @classmethod
    def from_history(cls, entry: Mapping[str, JsonValue]) -> Self:
        """The counters of an entry of a checkpoint's history; 0 for those that it has not."""
        found = {field.name: entry.get(field.name) for field in fields(cls)}
        return cls(**{name: value for name, value in found.items() if type(value) is int})

    def at_least(self, other: "Statistics") -> "Statistics":
        """The greater one of each counter: a run goes on counting where an earlier one of the same work stopped."""
        return Statistics(*(max(mine, theirs) for mine, theirs in zip(self.values(), other.values(), strict=True)))

    def values(self) -> tuple[int, ...]:
        """The counters in the order of checkpoints."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def members(self) -> dict[str, JsonValue]:
        """The counters under their names in checkpoints and replies."""
        return dict(asdict(self))
