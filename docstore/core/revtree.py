"""The revision tree of one document.

Every revision names its parent, so the revisions of a document form a tree. An edit on one node lengthens a branch;
edits of one parent on two nodes that later meet make two branches. Every branch ends in a leaf::

    1-a --- 2-b --- 3-c              a leaf, live: the winner
                +-- 3-9 --- 4-d      a leaf, deleted: a tombstone
    2-5                              a leaf of a second root: its parent was never told, or was stemmed away

The **leaves** are the current revisions. The **winner** is the leaf that readers get: a live leaf before a deleted
one, then the higher generation, then the higher id, bytewise; every node finds the same one among the same leaves.
**Stemming** to a ``_revs_limit`` keeps that many revisions of every branch. With 2, the tree above keeps 3-c 2-b,
4-d 3-9 and 2-5; 1-a goes, and the parent of 2-b is unknown from then on.

A revision may be known only by name, as an ancestor in somebody's ``_revisions``: its node has ``seq`` 0 and is no
leaf. When the revision itself arrives, its node gets a ``seq`` and stays in its place.

**Merging** is the union of the nodes. Where both sides have a node, a known parent beats an unknown one and the
earlier write beats a later one or none. One revision with two different parents cannot come from honest nodes (the
parent is hashed into the id), only from forged ``_revisions``; the higher parent is kept then. All of these choose the
greater of two in a fixed order, so merging is idempotent, commutative and associative, forged or not. The parent that
lost remains a node, and if it was never written and nothing written descends from it, the next stemming drops it.

This module owns the tree and its questions. It must not know documents, bodies or storage. The behaviour is that of
``couch_key_tree.erl`` and ``couch_doc:to_doc_info_path/1``.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from itertools import repeat
from typing import NamedTuple

from docstore.core.rev import Rev


class Node(NamedTuple):
    """What the tree knows of one revision.

    ``parent`` is None where it is unknown or there is none. ``seq`` is the key of the body, 0 for a revision that is
    known only as an ancestor; ``deleted`` is False for those.
    """

    parent: Rev | None
    seq: int
    deleted: bool


class Arrival(NamedTuple):
    """A revision to be written, with what its sender tells of its ancestors.

    ``path`` is newest first, begins with the revision itself and goes down one generation at a step.
    """

    path: Sequence[Rev]
    seq: int
    deleted: bool


def check_path(path: Sequence[Rev], seq: int) -> None:
    """Raises ValueError for an empty path, generations that do not go down by one, or a ``seq`` below 1."""
    if not path or seq < 1:
        raise ValueError("a path needs a revision and a seq from 1")
    newest = path[0].generation
    if [rev.generation for rev in path] != list(range(newest, newest - len(path), -1)):
        raise ValueError(f"the generations below {path[0]} do not go down by one")


class RevTree:
    """An immutable revision tree. ``nodes`` must not be changed once the tree is made."""

    __slots__ = ("_leaf_set", "_leaves", "_stray", "nodes")

    def __init__(self, nodes: Mapping[Rev, Node]) -> None:
        self.nodes = nodes
        self._leaves: tuple[Rev, ...] | None = None
        self._leaf_set: frozenset[Rev] | None = None
        self._stray = False

    @classmethod
    def from_path(cls, path: Sequence[Rev], seq: int, deleted: bool) -> "RevTree":
        """The tree of one written revision and its ancestors. Raises ValueError as ``check_path``."""
        check_path(path, seq)
        nodes = dict(zip(path, map(Node, (*path[1:], None), repeat(0), repeat(False)), strict=True))
        nodes[path[0]] = Node(nodes[path[0]].parent, seq, deleted)
        return cls(nodes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RevTree) and self.nodes == other.nodes

    def __hash__(self) -> int:
        return hash(frozenset(self.nodes))

    def __repr__(self) -> str:
        lines = (f"{rev}<-{node.parent}@{node.seq}{'x' * node.deleted}" for rev, node in sorted(self.nodes.items()))
        return f"RevTree({', '.join(lines)})"

    # Growing

    def merge(self, other: "RevTree") -> "RevTree":
        """The union of two trees (module docstring). The same object if ``other`` adds nothing."""
        nodes = self.nodes
        changed: dict[Rev, Node] = {}
        for rev, theirs in other.nodes.items():
            ours = nodes.get(rev)
            merged = theirs if ours is None else join(ours, theirs)
            if merged != ours:
                changed[rev] = merged
        return RevTree({**nodes, **changed}) if changed else self

    def insert_path(self, path: Sequence[Rev], seq: int, deleted: bool) -> tuple["RevTree", bool]:
        """Merge with the tree of one path; also tells whether its first revision was not written before.

        The same tree object comes back if the path adds nothing. Raises ValueError as ``from_path``.
        """
        nodes = dict(self.nodes)
        growth = insert(nodes, path, seq, deleted)
        return (RevTree(nodes) if growth.changed else self), growth.is_new

    def stem(self, limit: int) -> "RevTree":
        """Keep the newest ``limit`` revisions (at least one) of every leaf's path; the same object if none goes.

        A path may stay longer than ``limit`` where its older part belongs to another leaf's newest revisions.
        """
        leaves = self.leaves()
        if len(self.nodes) <= limit and not self._stray:
            return self
        kept = self.distances(limit)
        if len(kept) == len(self.nodes):
            return self
        nodes = {rev: self.nodes[rev] for rev in kept}
        for rev, (parent, seq, deleted) in nodes.items():
            if parent is not None and parent not in kept:
                nodes[rev] = Node(None, seq, deleted)
        stemmed = RevTree(nodes)
        stemmed._leaves = leaves
        return stemmed

    def distances(self, limit: int) -> dict[Rev, int]:
        """The newest ``limit`` revisions (at least one) of all leaves' paths: how far each is from its nearest leaf.

        Generation by generation from all leaves at once, so a trunk that thousands of leaves share is walked once.
        """
        nodes = self.nodes
        distances = dict.fromkeys(self.leaves(), 0)
        front: Collection[Rev] = self.leaves()
        distance = 1
        while front and distance < limit:
            parents = {parent for rev in front if (parent := nodes[rev].parent) is not None}
            front = parents - distances.keys()
            distances.update(dict.fromkeys(front, distance))
            distance += 1
        return distances

    # Questions

    def leaves(self) -> tuple[Rev, ...]:
        """Written revisions from which no other written one descends, in winner order.

        That is live ones, then deleted ones, each highest first.
        """
        if self._leaves is None:
            nodes = self.nodes
            inner: Set[Rev | None] = {node.parent for node in nodes.values()}
            # Stored trees tell their leaves in this very order, and what is in order is sorted in no time: sorting
            # thousands of leaves that are not holds the interpreter for tens of milliseconds.
            tips = [rev for rev in nodes if rev not in inner]
            self._stray = not all(nodes[rev].seq for rev in tips)
            if self._stray:
                inner = self._ancestors_of_written()
                tips = [rev for rev, node in nodes.items() if node.seq and rev not in inner]
            live = sorted([rev for rev in tips if not nodes[rev].deleted], reverse=True)
            gone = sorted([rev for rev in tips if nodes[rev].deleted], reverse=True) if len(live) < len(tips) else []
            self._leaves = (*live, *gone)
        return self._leaves

    def winner(self) -> Rev:
        """The leaf that readers get. Raises IndexError on a tree without leaves."""
        return self.leaves()[0]

    def conflicts(self) -> tuple[Rev, ...]:
        """The live leaves that lost."""
        return tuple(rev for rev in self.leaves()[1:] if not self.nodes[rev].deleted)

    def deleted_conflicts(self) -> tuple[Rev, ...]:
        """The deleted leaves that lost."""
        return tuple(rev for rev in self.leaves()[1:] if self.nodes[rev].deleted)

    def is_leaf(self, rev: Rev) -> bool:
        """Whether this is a current revision, live or deleted."""
        if self._leaf_set is None:
            self._leaf_set = frozenset(self.leaves())
        return rev in self._leaf_set

    def path_to(self, rev: Rev, limit: int | None = None) -> tuple[Rev, ...]:
        """The revision and its known ancestors, newest first, at most ``limit`` of them (``_revisions`` shows no more
        than the ``_revs_limit``, ``_revs_info`` all). Raises KeyError if the tree does not have the revision.
        """
        nodes = self.nodes
        path = [rev]
        parent = nodes[rev].parent
        while parent is not None and len(path) != limit:
            path.append(parent)
            parent = nodes[parent].parent
        return tuple(path)

    def latest(self, rev: Rev) -> tuple[Rev, ...]:
        """The leaves that are this revision or descend from it, in winner order. Raises KeyError if it is unknown."""
        if rev not in self.nodes:
            raise KeyError(rev)
        if self.is_leaf(rev):  # at once: of thousands of conflicts each is asked for
            return (rev,)
        descends = {rev: True}
        found = []
        for leaf in self.leaves():
            walked: list[Rev] = []
            at: Rev | None = leaf
            while at is not None and at.generation > rev.generation and at not in descends:
                walked.append(at)
                at = self.nodes[at].parent
            verdict = at is not None and descends.get(at, False)
            descends.update(dict.fromkeys(walked, verdict))
            if verdict:
                found.append(leaf)
        return tuple(found)

    def missing(self, revs: Iterable[Rev]) -> list[Rev]:
        """Those of ``revs`` that the tree never heard of, sorted. A known ancestor is not missing, written or not."""
        return sorted(rev for rev in revs if rev not in self.nodes)

    def possible_ancestors(self, missing: Collection[Rev]) -> list[Rev]:
        """The leaves of a lower generation than the highest missing revision: those it may descend from."""
        highest = max((rev.generation for rev in missing), default=0)
        return [leaf for leaf in self.leaves() if leaf.generation < highest]

    def revs_info(self, rev: Rev, has_body: Callable[[int], bool]) -> list[tuple[Rev, str]]:
        """``_revs_info`` of a revision: its path, each ``available``, ``deleted`` or ``missing``.

        ``has_body`` tells whether the body under a seq is still stored.
        """
        return [(each, _status(self.nodes[each], has_body)) for each in self.path_to(rev)]

    def purge_leaves(self, revs: Iterable[Rev]) -> tuple["RevTree | None", list[Rev]]:
        """Remove those of ``revs`` that are leaves, and whatever no other leaf descends from.

        Returns the tree (None if no leaf is left) and the leaves removed. All others in ``revs`` are passed over, also
        those that become childless by this very call, as in CouchDB.
        """
        removed = {rev: None for rev in revs if self.is_leaf(rev)}
        if not removed:
            return self, []
        nodes: dict[Rev, Node] = {}
        for leaf in self.leaves():
            rev: Rev | None = None if leaf in removed else leaf
            while rev is not None and rev not in nodes:
                nodes[rev] = self.nodes[rev]
                rev = nodes[rev].parent
        return (RevTree(nodes) if nodes else None), list(removed)

    def _ancestors_of_written(self) -> set[Rev]:
        nodes = self.nodes
        ancestors: set[Rev] = set()
        for node in nodes.values():
            rev = node.parent if node.seq else None
            while rev is not None and rev not in ancestors:
                ancestors.add(rev)
                rev = nodes[rev].parent
        return ancestors


EMPTY = RevTree({})


def branch_points(tree: RevTree) -> frozenset[Rev]:
    """The nearest common ancestors of the live leaves: the bases that a three-way merge of two of them needs.

    Some may be known only as ancestors (``seq`` 0).
    """
    seen: set[Rev] = set()
    points: set[Rev] = set()
    for leaf in tree.leaves():
        if tree.nodes[leaf].deleted:
            break
        rev: Rev | None = leaf
        while rev is not None and rev not in seen:
            seen.add(rev)
            rev = tree.nodes[rev].parent
        if rev is not None:
            points.add(rev)
    return frozenset(points)


def common_ancestor(tree: RevTree, revs: Iterable[Rev]) -> Rev | None:
    """The newest revision from which all of ``revs`` descend, or which they are; None where the tree shows none.

    It may be known only by name (``seq`` 0). Raises KeyError if the tree does not have one of them.
    """
    common: tuple[Rev, ...] | None = None
    for rev in revs:
        path = tree.path_to(rev)
        if common is None:
            common = path
        else:
            known = set(path)
            common = tuple(each for each in common if each in known)
    return common[0] if common else None


class Growth(NamedTuple):
    """What an insertion did: whether anything changed, whether the revision was not written before, and whether a known
    parent gave way to another one, which only forged paths bring about.
    """

    changed: bool
    is_new: bool
    forged: bool


def insert(nodes: dict[Rev, Node], path: Sequence[Rev], seq: int, deleted: bool) -> Growth:
    """Merge one path into the nodes of a tree that is still being made. Raises ValueError as ``check_path``."""
    check_path(path, seq)
    newest = nodes.get(path[0])
    is_new = newest is None or newest.seq == 0
    changed = forged = False
    written = (seq, deleted)
    child = path[0]
    for parent in (*path[1:], None):
        known = nodes.get(child)
        if known is None:
            nodes[child] = Node(parent, *written)
            changed = True
        elif (parent is not None and parent != known.parent) or written[0]:
            joined = join(known, Node(parent, *written))
            if joined != known:
                forged = forged or (known.parent is not None and known.parent != joined.parent)
                nodes[child] = joined
                changed = True
        if parent is not None:
            child, written = parent, (0, False)
    return Growth(changed, is_new, forged)


def join(ours: Node, theirs: Node) -> Node:
    """What two nodes of one revision know together (module docstring, Merging)."""
    if ours == theirs:
        return ours
    parent = ours.parent if ours.parent is not None else theirs.parent
    if parent is not None and theirs.parent is not None:
        parent = max(parent, theirs.parent)
    written = [(node.seq, node.deleted) for node in (ours, theirs) if node.seq]
    return Node(parent, *min(written, default=(0, False)))


def _status(node: Node, has_body: Callable[[int], bool]) -> str:
    if not node.seq or not has_body(node.seq):
        return "missing"
    return "deleted" if node.deleted else "available"
