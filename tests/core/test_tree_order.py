"""The order in which a walk through the tree meets the leaves."""

from docstore.core.rev import Rev
from docstore.core.revtree import Node, RevTree
from docstore.core.tree_order import leaves_as_walked


def rev(generation, letter):
    return Rev(generation, letter.encode() * 16)


def tree(*paths):
    nodes = {}
    for path in paths:
        revs = [rev(len(path) - place, letter) for place, letter in enumerate(path)]
        for place, one in enumerate(revs):
            parent = revs[place + 1] if place + 1 < len(revs) else None
            nodes[one] = Node(parent, 1 if place == 0 else nodes.get(one, Node(None, 0, False)).seq, False)
    return RevTree(nodes)


def test_depth_first_from_the_highest_root_and_of_siblings_the_lower_first():
    walked = leaves_as_walked(tree("cba", "da", "zaa", "yfa", "b"))
    assert walked == [rev(1, "b"), rev(3, "z"), rev(3, "c"), rev(2, "d"), rev(3, "y")]


def test_all_leaves_each_once():
    one = tree("cba", "da", "zaa", "yfa", "b")
    assert sorted(leaves_as_walked(one)) == sorted(one.leaves())
