"""The order in which a walk through the tree meets the leaves."""

from hypothesis import given
from hypothesis import strategies as st

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


def walked(one, limit=1_000):
    return leaves_as_walked(one, one.leaves(), limit)


PATHS = ("cba", "da", "zaa", "yfa", "b")


def test_depth_first_from_the_highest_root_and_of_siblings_the_lower_first():
    assert walked(tree(*PATHS)) == [rev(1, "b"), rev(3, "z"), rev(3, "c"), rev(2, "d"), rev(3, "y")]


def test_branches_that_a_limit_cuts_are_trees_of_their_own():
    """As if each branch had been stemmed; the higher root, not the lower sibling, is met first."""
    one = tree("dba", "ca")
    assert walked(one) == [rev(3, "d"), rev(2, "c")]
    other = tree("dca", "ba")
    assert walked(other) == [rev(2, "b"), rev(3, "d")]
    assert walked(other, 2) == [rev(3, "d"), rev(2, "b")]
    assert walked(other, 1) == [rev(3, "d"), rev(2, "b")]


@given(st.lists(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=12), st.integers(1, 6), st.data())
def test_as_the_tree_of_the_branches_alone(paths, limit, data):
    """The limit makes of a tree what it would be if the branches had been sent here cut."""
    one = tree(*paths)
    leaves = data.draw(st.lists(st.sampled_from(list(one.leaves())), unique=True))
    nodes = {}
    for leaf in leaves:
        path = one.path_to(leaf, limit)
        for place, each in enumerate(path):
            known = nodes.get(each)
            if known is None or known.parent is None:
                nodes[each] = Node(path[place + 1] if place + 1 < len(path) else None, 1, False)
    cut = RevTree(nodes)
    assert leaves_as_walked(one, leaves, limit) == leaves_as_walked(cut, leaves, 1_000)
    assert sorted(leaves_as_walked(one, leaves, limit)) == sorted(leaves)
