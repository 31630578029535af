"""Do all nodes have the same documents: the same leaves, the same winners, the same conflicts?

Owns that question and the readable answer. It must not know links, time or replication. A revision id is made from
the content, attachments included, and from the parent; so what has the same leaves has the same content.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from docstore.core.rev import Rev
from docstore.database.database import Database
from docstore.storage.documents.documents import get_records, get_tree
from docstore.storage.documents.scans import scan_documents

SHOWN: Final = 10
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Leaves:
    """The current revisions of a document. ``winner`` is the one that the store has noted, and shows to readers."""

    winner: Rev
    deleted: bool
    conflicts: tuple[Rev, ...]
    tombstones: tuple[Rev, ...]

    def __str__(self) -> str:
        parts = [f"{self.winner} {'deleted winner' if self.deleted else 'winner'}"]
        parts += [f"{rev} conflict" for rev in self.conflicts]
        parts += [f"{rev} deleted" for rev in self.tombstones]
        return ", ".join(parts)


State: TypeAlias = Mapping[str, Leaves]
"""All documents of one node, by id."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that is not the same everywhere: who has which leaves, None where there is no such document."""

    doc: str
    versions: tuple[tuple[Leaves | None, tuple[str, ...]], ...]

    def __str__(self) -> str:
        lines = [f"{self.doc}"]
        lines += [f"  {', '.join(nodes)}: {leaves or 'no such document'}" for leaves, nodes in self.versions]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Convergence:
    """The answer. ``documents`` counts those of all nodes together, ``conflicted`` those with a conflict anywhere."""

    nodes: tuple[str, ...]
    documents: int
    conflicted: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def converged(self) -> bool:
        """Whether all nodes are the same."""
        return not self.differences

    def __str__(self) -> str:
        if self.converged:
            conflicts = f"{len(self.conflicted)} with conflicts" if self.conflicted else "no conflicts"
            return f"the same on all {len(self.nodes)} nodes: {self.documents} documents, {conflicts}"
        lines = [f"{len(self.differences)} of {self.documents} documents are not the same on all nodes"]
        lines += [str(difference) for difference in self.differences[:SHOWN]]
        if len(self.differences) > SHOWN:
            lines.append(f"... and {len(self.differences) - SHOWN} more")
        return "\n".join(lines)


async def read_state(database: Database) -> State:
    """All documents of a database, deleted ones too, from one snapshot; read on a thread."""
    return await asyncio.to_thread(_read_state, database)


def compare(states: Mapping[str, State]) -> Convergence:
    """Compare nodes, by name."""
    docs = sorted(set().union(*states.values()))
    differences = []
    for doc in docs:
        versions: dict[Leaves | None, list[str]] = {}
        for node, state in states.items():
            versions.setdefault(state.get(doc), []).append(node)
        if len(versions) > 1:
            named = tuple((leaves, tuple(nodes)) for leaves, nodes in versions.items())
            differences.append(Difference(doc, named))
    conflicted = {doc for state in states.values() for doc, leaves in state.items() if leaves.conflicts}
    return Convergence(tuple(states), len(docs), tuple(sorted(conflicted)), tuple(differences))


def _read_state(database: Database) -> State:
    with database.environment.snapshot() as snapshot:
        ids = [doc_id for doc_id, *_ in scan_documents(snapshot, database.number, deleted=True)]
        state: dict[str, Leaves] = {}
        for start in range(0, len(ids), _CHUNK):
            for doc_id, record in get_records(snapshot, database.number, ids[start : start + _CHUNK]).items():
                tree = get_tree(snapshot, database.number, record)
                others = [rev for rev in tree.leaves() if rev != record.winner]
                state[doc_id] = Leaves(
                    record.winner,
                    record.deleted,
                    tuple(rev for rev in others if not tree.nodes[rev].deleted),
                    tuple(rev for rev in others if tree.nodes[rev].deleted),
                )
    return state
