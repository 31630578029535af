"""Receiving: written revisions are merged into the tree of their document, which is then stemmed.

Owns the order of the two, and the one odd case of them: a path that touches several roots of a tree. All arrivals are
merged in one pass over one set of nodes, whose cost grows with their paths and with the tree, not with the product of
the two: tens of thousands of conflicts may come in one request. The result is that of merging them one after the other,
stemmed once. It must not know documents or storage. Follows ``couch_key_tree:merge`` and ``stem``.
"""

from collections.abc import Iterator, Sequence

from docstore.core.rev import Rev
from docstore.core.revtree import Arrival, Node, RevTree, check_path, insert, join


def receive(tree: RevTree, arrivals: Sequence[Arrival], limit: int) -> RevTree:
    """Merge written revisions into a tree, then stem it. The same object comes back if nothing changed.

    A path grows out of the lowest root that it touches. If it touches further roots, it joins them only as far as the
    stemmed paths show it: with a limit of 1, the roots 1-a and 2-b and the path 3-c 2-b 1-a leave the leaves 3-c and
    2-b, since nothing kept tells that 2-b is an ancestor. CouchDB comes to the same tree by keeping such roots apart,
    as overlapping trees, until it stems. Raises ValueError as ``check_path``.
    """
    may_cut = len(tree.nodes) + sum(len(arrival.path) for arrival in arrivals) > limit
    growing = _Growing(tree)
    rest = iter(arrivals)
    for arrival in rest:
        if may_cut and growing.touches_several(arrival.path):
            stemmed = _receive_apart(growing.tree(), arrival, rest, limit)
            break
        growing.insert(arrival)
    else:
        stemmed = growing.tree().stem(limit)
    return tree if stemmed == tree else stemmed


class _Growing:
    """A tree and what was merged into it so far."""

    def __init__(self, tree: RevTree) -> None:
        self._tree = tree
        self._nodes = dict(tree.nodes)
        self._changed = False
        self._leaps: dict[Rev, Rev] = {}

    def tree(self) -> RevTree:
        """The tree so far; the one that it began with if nothing changed."""
        return RevTree(self._nodes) if self._changed else self._tree

    def insert(self, arrival: Arrival) -> None:
        growth = insert(self._nodes, *arrival)
        self._changed = self._changed or growth.changed
        if growth.forged:
            self._leaps.clear()

    def touches_several(self, path: Sequence[Rev]) -> bool:
        """Whether more than one root has a revision in common with a path."""
        nodes = self._nodes
        touched = {rev for rev in path if (node := nodes.get(rev)) is not None and node.parent is None}
        if path and path[-1] in nodes:
            touched.add(self._root(path[-1]))
        return len(touched) > 1

    def _root(self, rev: Rev) -> Rev:
        """The oldest known ancestor. Whoever was asked for leaps next time: trunks may be long and often asked for."""
        walked = []
        while (below := self._leaps.get(rev) or self._nodes[rev].parent) is not None:
            walked.append(rev)
            rev = below
        self._leaps.update(dict.fromkeys(walked, rev))
        return rev


def _receive_apart(tree: RevTree, first: Arrival, rest: Iterator[Arrival], limit: int) -> RevTree:
    """Merge with the roots of the tree kept apart, and join them as far as their stemmed paths overlap."""
    parts = _Parts()
    _split(tree, parts)
    parts.insert(first)
    for arrival in rest:
        parts.insert(arrival)
    return _rejoin(parts.trees(), limit)


class _Parts:
    """Trees of one root each, which may overlap; and where each revision is found."""

    def __init__(self) -> None:
        self._parts: list[dict[Rev, Node]] = []
        self._lowest: list[Rev] = []
        self._holders: dict[Rev, list[int]] = {}

    def add(self, root: Rev) -> int:
        """The place of a new part, which the caller fills by ``put``; ``root`` is its lowest revision."""
        self._parts.append({})
        self._lowest.append(root)
        return len(self._parts) - 1

    def put(self, place: int, rev: Rev, node: Node) -> None:
        self._parts[place][rev] = node
        self._holders.setdefault(rev, []).append(place)

    def trees(self) -> list[RevTree]:
        return [RevTree(nodes) for nodes in self._parts]

    def insert(self, arrival: Arrival) -> None:
        """Into the lowest part that the path touches, or as a part of its own."""
        path = arrival.path
        check_path(path, arrival.seq)
        touched = self._touched(path)
        place = min(touched, key=self._lowest.__getitem__) if touched else self.add(path[-1])
        nodes = self._parts[place]
        for rev in path:
            if rev not in nodes:
                self._holders.setdefault(rev, []).append(place)
        insert(nodes, *arrival)
        self._lowest[place] = min(self._lowest[place], path[-1])

    def _touched(self, path: Sequence[Rev]) -> set[int]:
        holders, parts = self._holders, self._parts
        touched = {place for rev in path for place in holders.get(rev, ()) if parts[place][rev].parent is None}
        touched.update(holders.get(path[-1], ()))
        return touched


def _split(tree: RevTree, parts: _Parts) -> None:
    """A part for every root. What no leaf descends from is left out."""
    places: dict[Rev, int] = {}
    for leaf in tree.leaves():
        walked = []
        rev: Rev | None = leaf
        while rev is not None and rev not in places:
            walked.append(rev)
            rev = tree.nodes[rev].parent
        if not walked:
            continue
        place = parts.add(walked[-1]) if rev is None else places[rev]
        for each in walked:
            places[each] = place
            parts.put(place, each, tree.nodes[each])


def _rejoin(roots: Sequence[RevTree], limit: int) -> RevTree:
    """The union of the stemmed paths of all leaves of trees that may overlap."""
    nodes: dict[Rev, Node] = {}
    for part in roots:
        for rev, distance in part.distances(limit).items():
            parent, seq, deleted = part.nodes[rev]
            node = Node(parent if distance + 1 < limit else None, seq, deleted)
            known = nodes.get(rev)
            nodes[rev] = node if known is None else join(known, node)
    return RevTree(nodes)


def lengthens(tree: RevTree, path: Sequence[Rev]) -> bool:
    """Whether merging a path only makes a branch longer at its end: the verdict ``new_leaf`` of ``couch_key_tree``.

    The path meets a root, or the root meets the path, where both are first known; from there on the path must follow
    the tree up to a childless revision and go beyond it. The lowest root that is met decides.
    """
    nodes = tree.nodes
    met = _first_met(tree, path)
    if met is None or met == 0:
        return False
    rev = path[met]
    for newer in reversed(path[:met]):
        node = nodes.get(newer)
        if node is None or node.parent != rev:
            return all(each.parent != rev for each in nodes.values())
        rev = newer
    return False


def _first_met(tree: RevTree, path: Sequence[Rev]) -> int | None:
    """The place in a path at which the lowest root that it meets and the path are both first known."""
    nodes = tree.nodes
    oldest = path[-1]
    places = {rev: place for place, rev in enumerate(path)}
    met = [rev for rev, node in nodes.items() if node.parent is None and rev in places]
    if oldest in nodes:
        met.append(tree.path_to(oldest)[-1])
    if not met:
        return None
    return places.get(min(met), len(path) - 1)
