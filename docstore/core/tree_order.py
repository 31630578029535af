"""The order of leaves as a walk through the tree meets them.

Owns that order alone: CouchDB tells the leaves of a document so in ``_bulk_get`` (``couch_key_tree:get_all_leafs``).
The tree that it walks through is put together of what the leaves' ``_revisions`` show (``fabric_open_revs``): where a
database has had its ``_revs_limit`` made smaller, branches that meet below it are there trees of their own.
"""

from collections.abc import Iterable

from docstore.core.rev import Rev
from docstore.core.revtree import RevTree


def leaves_as_walked(tree: RevTree, leaves: Iterable[Rev], limit: int) -> list[Rev]:
    """These leaves by depth first, from the highest root on, of siblings the lower first.

    ``limit`` is how many revisions of each branch are looked at, the leaf among them.
    """
    children = _shown(tree, leaves, limit)
    walked: list[Rev] = []
    open_nodes = sorted(children.pop(None, ()))
    while open_nodes:
        rev = open_nodes.pop()
        below = children.get(rev)
        if below is None:
            walked.append(rev)
        else:
            open_nodes += sorted(below, reverse=True)
    return walked


def _shown(tree: RevTree, leaves: Iterable[Rev], limit: int) -> dict[Rev | None, list[Rev]]:
    """The children of each revision that the branches of so many revisions show; roots are those of None.

    Of two branches that meet that of the lower leaf shows more, so that the other need not be followed any further.
    """
    nodes = tree.nodes
    children: dict[Rev | None, list[Rev]] = {}
    seen: set[Rev] = set()
    for leaf in sorted(leaves):
        rev, left = leaf, limit
        while rev not in seen:
            seen.add(rev)
            left -= 1
            parent = nodes[rev].parent if left > 0 else None
            if parent not in nodes:
                parent = None
            children.setdefault(parent, []).append(rev)
            if parent is None:
                break
            rev = parent
    return children
