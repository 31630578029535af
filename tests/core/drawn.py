"""Trees to be drawn."""

from docstore.core.rev import Rev
from docstore.core.revtree import Node, RevTree


def rev(generation: int, branch: int = 0) -> Rev:
    return Rev(generation, branch.to_bytes(4, "big") * 4)


def branched(trunk: int, *branches: tuple[int, int], deleted: frozenset[int] = frozenset()) -> RevTree:
    """A trunk of that many revisions; each further branch leaves it after a generation, and has some revisions.

    ``deleted`` are the branches (from 1) whose leaf is.
    """
    nodes: dict[Rev, Node] = {}
    parent: Rev | None = None
    for generation in range(1, trunk + 1):
        nodes[rev(generation)] = Node(parent, len(nodes) + 1, False)
        parent = rev(generation)
    for number, (fork, length) in enumerate(branches, 1):
        parent = rev(fork)
        for generation in range(fork + 1, fork + length + 1):
            is_deleted = number in deleted and generation == fork + length
            nodes[rev(generation, number)] = Node(parent, len(nodes) + 1, is_deleted)
            parent = rev(generation, number)
    return RevTree(nodes)
