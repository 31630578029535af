"""A document's revision tree as it is shown to people and programs.

Owns what is told of each revision, its JSON, and the way back from JSON or from what a CouchDB tells of its leaves. It
must not know storage or HTTP; pictures are made by ``tree_text.py`` and ``tree_svg.py`` of what ``tree_layout.py``
arranges.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

from docstore.core import authorship
from docstore.core.authorship import Written
from docstore.core.json_text import JsonValue
from docstore.core.rev import Rev, parse_rev
from docstore.core.revtree import Node, RevTree, insert
from docstore.errors import BadRequest, InvalidRev

FOR_MERGING: Final = "for merging"
"""What is told of a body that only merges use."""


class State(StrEnum):
    """What a revision is to a reader; the values are the words that pictures show."""

    WINNER = "winner"
    CONFLICT = "conflict"
    DELETED = "deleted"
    INNER = ""


@dataclass(frozen=True)
class TreeView:
    """The tree of a document.

    ``stored`` are the keys of the bodies that readers get; None if nobody knows. ``for_merging`` are those of the
    bodies that compaction has kept for merges alone. ``written`` tells of leaves who wrote them, by the same keys.
    """

    id: str
    tree: RevTree
    stored: Container[int] | None
    for_merging: Container[int] = frozenset()
    written: Mapping[int, Written] = field(default_factory=dict)

    @cached_property
    def leaves(self) -> frozenset[Rev]:
        """The leaves, of which there may be thousands."""
        return frozenset(self.tree.leaves())

    def state(self, rev: Rev) -> State:
        """What a revision is. A document may have been deleted, and then so has its winner."""
        if self.tree.nodes[rev].deleted:
            return State.DELETED
        if rev not in self.leaves:
            return State.INNER
        return State.WINNER if rev == self.tree.winner() else State.CONFLICT

    def authorship(self, rev: Rev) -> str:
        """Who wrote a leaf, and when, for pictures; empty where nobody knows."""
        written = self.written.get(self.tree.nodes[rev].seq)
        return "" if written is None else printable(authorship.sentence(written))

    def is_stored(self, rev: Rev) -> bool | None:
        """Whether the revision's body is there, if only for merges; None if nobody knows."""
        available = self.availability(rev)
        return available if available is None else bool(available)

    def availability(self, rev: Rev) -> bool | str | None:
        """The member ``available``: whether readers get the body, FOR_MERGING, or None if nobody knows."""
        seq = self.tree.nodes[rev].seq
        if self.stored is None:
            return None
        if seq and seq in self.for_merging:
            return FOR_MERGING
        return seq != 0 and seq in self.stored

    @property
    def live_leaves(self) -> int:
        """How many leaves are live: more than one is a conflict."""
        return sum(not self.tree.nodes[leaf].deleted for leaf in self.leaves)

    def summary(self) -> str:
        """One line: how many leaves, how many revisions."""
        leaves = len(self.leaves)
        live = self.live_leaves
        state = ", in conflict" if live > 1 else "" if live else ", deleted"
        parts = f"{_count(leaves, 'leaf', 'leaves')} ({live} live, {leaves - live} deleted)"
        return f"{_count(len(self.tree.nodes), 'revision', 'revisions')}, {parts}{state}"


def members_of(view: TreeView) -> dict[str, JsonValue]:
    """The JSON object. Parents come before their children; ``seq`` is null for what was never written here.

    Leaves have ``at`` and ``by``, both null where nobody knows.
    """
    tree = view.tree
    winner = tree.winner()
    texts = {rev: str(rev) for rev in tree.nodes}
    nodes: list[JsonValue] = []
    for rev in sorted(tree.nodes):
        parent, seq, deleted = tree.nodes[rev]
        row: dict[str, JsonValue] = {
            "rev": texts[rev],
            "parent": None if parent is None else texts[parent],
            "deleted": deleted,
            "leaf": rev in view.leaves,
            "winner": rev == winner,
            "available": view.availability(rev),
            "seq": seq or None,
        }
        nodes.append(row | authorship.members_of(view.written.get(seq)) if row["leaf"] else row)
    live = view.live_leaves
    return {
        "id": view.id,
        "winner": texts[winner],
        "live_leaves": live,
        "deleted_leaves": len(view.leaves) - live,
        "nodes": nodes,
    }


def view_of_members(value: JsonValue) -> TreeView:
    """The view that ``members_of`` describes. Raises BadRequest for anything else."""
    try:
        return _read(value)
    except (InvalidRev, KeyError, TypeError, ValueError, IndexError):
        raise BadRequest("This is no revision tree.") from None


def view_of_leaves(doc_id: str, leaves: Iterable[tuple[tuple[Rev, ...], bool]]) -> TreeView:
    """The view of a document of which only the leaves are told: (path, newest first, and whether it is deleted)."""
    nodes: dict[Rev, Node] = {}
    for seq, (path, deleted) in enumerate(leaves, 1):
        insert(nodes, path, seq, deleted)
    return TreeView(doc_id, RevTree(nodes), None)


def printable(text: str) -> str:
    """Text as it may be shown: what would steer a terminal, or is no character, is escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def _read(value: JsonValue) -> TreeView:
    if not isinstance(value, dict) or not isinstance(value["nodes"], list):
        raise TypeError("no tree")
    nodes: dict[Rev, Node] = {}
    stored: set[int] = set()
    for_merging: set[int] = set()
    written: dict[int, Written] = {}
    known = True
    for row in value["nodes"]:
        if not isinstance(row, dict):
            raise TypeError("no node")
        rev, parent, seq = parse_rev(row["rev"]), row["parent"], row["seq"]
        if seq is not None and not isinstance(seq, int):
            raise TypeError("no sequence number")
        nodes[rev] = Node(None if parent is None else parse_rev(parent), seq or 0, row["deleted"] is True)
        if parent is not None and parse_rev(parent).generation >= rev.generation:
            raise ValueError("a parent that is no older than its child")
        wrote = authorship.written_of_members(row.get("at"), row.get("by"))
        if wrote is not None:
            written[seq or 0] = wrote
        known = known and row["available"] is not None
        if row["available"] and seq:
            (for_merging if row["available"] == FOR_MERGING else stored).add(seq)
    if any(node.parent is not None and node.parent not in nodes for node in nodes.values()):
        raise ValueError("a parent that is not there")
    tree = RevTree(nodes)
    tree.winner()
    return TreeView(str(value["id"]), tree, stored if known else None, for_merging, written)


def _count(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
