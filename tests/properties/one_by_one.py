"""The plain way to receive revisions: one after the other, each a new tree, path by path. Slow, and easy to follow."""

from collections.abc import Iterable, Sequence

from docstore.core.rev import Rev
from docstore.core.revtree import Arrival, Node, RevTree, join


def stem_by_paths(tree: RevTree, limit: int) -> RevTree:
    """As ``RevTree.stem``."""
    paths = [tree.path_to(leaf, limit) for leaf in tree.leaves()]
    kept = set().union(*paths)
    if len(tree.nodes) <= limit and kept == tree.nodes.keys():
        return tree
    nodes = {rev: tree.nodes[rev] for rev in kept}
    for path in paths:
        parent, seq, deleted = nodes[path[-1]]
        if parent is not None and parent not in kept:
            nodes[path[-1]] = Node(None, seq, deleted)
    return RevTree(nodes)


def latest_by_paths(tree: RevTree, rev: Rev) -> tuple[Rev, ...]:
    """As ``RevTree.latest``."""
    return tuple(leaf for leaf in tree.leaves() if rev in tree.path_to(leaf))


def receive_one_by_one(tree: RevTree, arrivals: Sequence[Arrival], limit: int) -> RevTree:
    """As ``receiving.receive``."""
    may_cut = len(tree.nodes) + sum(len(arrival.path) for arrival in arrivals) > limit
    roots: list[RevTree] | None = None
    grown = tree
    for arrival in arrivals:
        if roots is None and may_cut and _touches(grown, arrival.path) > 1:
            roots = _split(grown)
        if roots is None:
            grown, _ = grown.insert_path(*arrival)
        else:
            _insert_at_lowest(roots, arrival)
    stemmed = stem_by_paths(grown, limit) if roots is None else _rejoin(roots, limit)
    return tree if stemmed == tree else stemmed


def _touches(tree: RevTree, path: Sequence[Rev]) -> int:
    """How many roots of a tree have a revision in common with a path."""
    nodes = tree.nodes
    touched = {rev for rev in path if (node := nodes.get(rev)) is not None and node.parent is None}
    if path[-1] in nodes:
        touched.add(tree.path_to(path[-1])[-1])
    return len(touched)


def _split(tree: RevTree) -> list[RevTree]:
    """One tree for every root, lowest root first."""
    parts: dict[Rev, dict[Rev, Node]] = {}
    for leaf in tree.leaves():
        path = tree.path_to(leaf)
        parts.setdefault(path[-1], {}).update((rev, tree.nodes[rev]) for rev in path)
    return [RevTree(parts[root]) for root in sorted(parts)]


def _insert_at_lowest(roots: list[RevTree], arrival: Arrival) -> None:
    for index, part in enumerate(roots):
        if _touches(part, arrival.path):
            roots[index], _ = part.insert_path(*arrival)
            break
    else:
        roots.append(RevTree.from_path(*arrival))
    roots.sort(key=lambda part: min(part.nodes))


def _rejoin(roots: Iterable[RevTree], limit: int) -> RevTree:
    """The union of the stemmed paths of all leaves of trees that may overlap."""
    nodes: dict[Rev, Node] = {}
    for part in roots:
        for leaf in part.leaves():
            path = part.path_to(leaf, limit)
            for rev, parent in zip(path, (*path[1:], None), strict=True):
                node = Node(parent, part.nodes[rev].seq, part.nodes[rev].deleted)
                known = nodes.get(rev)
                nodes[rev] = node if known is None else join(known, node)
    return RevTree(nodes)
