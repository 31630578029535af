"""The order of leaves as a walk through the tree meets them.

Owns that order alone: CouchDB tells the leaves of a document so in ``_bulk_get`` (``couch_key_tree:get_all_leafs``).
"""

from docstore.core.rev import Rev
from docstore.core.revtree import RevTree


def leaves_as_walked(tree: RevTree) -> list[Rev]:
    """The leaves by depth first, from the highest root on, of siblings the lower first."""
    children: dict[Rev | None, list[Rev]] = {}
    for rev, node in tree.nodes.items():
        children.setdefault(node.parent if node.parent in tree.nodes else None, []).append(rev)
    leaves: list[Rev] = []
    open_nodes = sorted(children.get(None, ()))
    while open_nodes:
        rev = open_nodes.pop()
        below = children.get(rev)
        if below is None:
            leaves.append(rev)
        else:
            open_nodes += sorted(below, reverse=True)
    return leaves
