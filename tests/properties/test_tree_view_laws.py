"""Laws of what is told and drawn of revision trees, forged ones too."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from docstore.core.drawing.tree_layout import Fold, lay_out
from docstore.core.drawing.tree_svg import draw_svg
from docstore.core.drawing.tree_text import draw_text
from docstore.core.drawing.tree_view import TreeView, members_of, view_of_leaves, view_of_members
from docstore.core.json_text import decode, encode
from docstore.core.revtree import RevTree
from tests.properties.revisions import FORGED_TREES, arrivals, grown_from, histories

trees = histories().flatmap(arrivals).map(grown_from) | FORGED_TREES.filter(lambda tree: bool(tree.nodes))


@given(trees, st.sets(st.integers(1, 12)), st.text(max_size=3))
def test_json_tells_the_whole_tree(tree: RevTree, stored: set[int], doc_id: str):
    view = TreeView(doc_id, tree, stored)
    back = view_of_members(decode(encode(members_of(view))))
    assert (back.id, back.tree, back.summary()) == (doc_id, tree, view.summary())
    for rev in tree.nodes:
        assert (back.state(rev), back.is_stored(rev)) == (view.state(rev), view.is_stored(rev))


@given(trees, st.integers(1, 5))
def test_every_revision_of_a_leaf_is_shown_or_folded_once(tree: RevTree, max_leaves: int):
    layout = lay_out(tree, max_leaves=max_leaves)
    wanted = {rev for leaf in tree.leaves()[:max_leaves] for rev in tree.path_to(leaf)}
    items = [item for chain in layout.chains for item in chain.items]
    shown = [item for item in items if not isinstance(item, Fold)]
    assert len(set(shown)) == len(shown)
    assert set(shown) <= wanted
    assert len(shown) + sum(item.length for item in items if isinstance(item, Fold)) == len(wanted)
    assert set(tree.leaves()[:max_leaves]) <= set(shown)
    assert layout.hidden == max(len(tree.leaves()) - max_leaves, 0)
    for chain in layout.chains:
        assert chain.fork is None or chain.fork in layout.chains[chain.base or 0].items, "a fork is never folded"


@given(trees, st.text(max_size=5))
def test_everything_can_be_drawn(tree: RevTree, doc_id: str):
    view = TreeView(doc_id, tree, {1, 3, 5})
    assert all(text.isprintable() for text, _ in draw_text(view))
    circles = list(ElementTree.fromstring(draw_svg(view)).iter("{http://www.w3.org/2000/svg}circle"))
    shown = [item for chain in lay_out(tree).chains for item in chain.items if not isinstance(item, Fold)]
    assert len(circles) == len(shown)
    assert len({(circle.get("cx"), circle.get("cy")) for circle in circles}) == len(shown)


@given(histories())
def test_leaves_and_their_histories_are_enough_for_an_honest_tree(history):
    whole = RevTree({})
    for seq, (rev, path) in enumerate(history.paths.items(), 1):
        whole, _ = whole.insert_path(path, seq, rev in history.deleted)
    view = view_of_leaves("d", [(whole.path_to(leaf), whole.nodes[leaf].deleted) for leaf in whole.leaves()])
    assert view.tree.leaves() == whole.leaves()
    assert {rev: node.parent for rev, node in view.tree.nodes.items()} == {
        rev: node.parent for rev, node in whole.nodes.items()
    }
