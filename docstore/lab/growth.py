"""How the trees of documents grew on each node, as a row of pictures.

Owns what is remembered of them: a frame for each moment at which a tree on a node was seen to be another one. It must
not know how frames are drawn, nor why a tree grew; the cause is told by whoever looks.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from docstore.core.revtree import RevTree
from docstore.database.database import Database
from docstore.storage.documents.documents import get_records, get_tree
from docstore.storage.documents.scans import scan_changes
from docstore.storage.rows import decode_change


@dataclass(frozen=True, slots=True)
class Frame:
    """A tree as it was from a moment on. ``cause`` is a sentence."""

    at: float
    tree: RevTree
    cause: str


KEPT_FRAMES: Final = 64
"""Of each document on each node: the first one and the latest ones."""


class ConflictChange(NamedTuple):
    """A document's number of live leaves went beyond one (``appeared``), or back to one or none."""

    doc: str
    appeared: bool
    leaves: int


class Growth:
    """The frames of all documents on all nodes. Only what changed since the last look is read."""

    def __init__(self) -> None:
        self._frames: dict[str, dict[str, list[Frame]]] = {}
        self._dropped: Counter[tuple[str, str]] = Counter()
        self._conflicted: set[str] = set()
        self._seen: dict[str, int] = {}

    def frames(self, doc: str) -> dict[str, list[Frame]]:
        """The frames of one document, by node; of many the first one and the latest."""
        return self._frames.get(doc, {})

    def dropped(self, doc: str, node: str) -> int:
        """How many frames there were between the first and the second one that are kept."""
        return self._dropped[doc, node]

    def conflicted(self) -> list[str]:
        """The documents that had a conflict at some time on some node."""
        return sorted(self._conflicted)

    def look(self, node: str, database: Database, at: float, cause: str) -> list[ConflictChange]:
        """Remember the trees that changed on a node since the last look; the conflicts that came or went."""
        found = []
        for doc, tree in self._changed(node, database):
            frames = self._frames.setdefault(doc, {}).setdefault(node, [])
            before = _live_leaves(frames[-1].tree) if frames else 0
            if not frames or frames[-1].tree != tree:
                frames.append(Frame(at, tree, cause))
            if len(frames) > KEPT_FRAMES:
                del frames[1]
                self._dropped[doc, node] += 1
            after = _live_leaves(tree)
            if after > 1:
                self._conflicted.add(doc)
            if (before > 1) != (after > 1):
                found.append(ConflictChange(doc, after > 1, after))
        return found

    def _changed(self, node: str, database: Database) -> Iterator[tuple[str, RevTree]]:
        with database.environment.snapshot() as snapshot:
            docs: list[str] = []
            for seq, value in scan_changes(snapshot, database.number, after=self._seen.get(node, 0)):
                docs.append(decode_change(value, seq).id)
                self._seen[node] = seq
            for doc, record in get_records(snapshot, database.number, docs).items():
                yield doc, get_tree(snapshot, database.number, record)


def _live_leaves(tree: RevTree) -> int:
    return sum(not tree.nodes[rev].deleted for rev in tree.leaves())
