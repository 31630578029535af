from docstore.core.drawing.tree_layout import FOLD_FROM, Chain, Fold, lay_out
from tests.core.drawn import branched, rev
from tests.core.trees import path, tree


def test_a_short_line_is_shown_whole():
    [chain] = lay_out(branched(FOLD_FROM + 1)).chains
    assert chain == Chain(tuple(rev(number) for number in range(1, FOLD_FROM + 2)), None, None)


def test_a_long_line_is_folded_between_its_ends():
    [chain] = lay_out(branched(1000)).chains
    assert chain.items == (rev(1), Fold(998, rev(2), rev(999)), rev(1000))


def test_forks_are_shown_and_everything_between_them_folded():
    layout = lay_out(branched(1000, (500, 20), (501, 1), deleted=frozenset({2})))
    trunk, longer, shorter = layout.chains
    assert trunk.items == (
        rev(1),
        Fold(498, rev(2), rev(499)),
        rev(500),
        rev(501),
        Fold(498, rev(502), rev(999)),
        rev(1000),
    )
    assert longer == Chain((rev(501, 1), Fold(18, rev(502, 1), rev(519, 1)), rev(520, 1)), rev(500), 0)
    assert shorter == Chain((rev(502, 2),), rev(501), 0)
    assert layout.forks() == {rev(500): [1], rev(501): [2]}


def test_the_winner_comes_first_whatever_its_length():
    layout = lay_out(tree("5-e 4-d 3-c 2-b 1-a x", "2-x 1-a"))
    assert [chain.items[-1] for chain in layout.chains] == [*path("2-x"), *path("5-e")]
    assert layout.chains[1].fork == path("1-a")[0]


def test_a_branch_of_a_branch_and_a_second_root():
    layout = lay_out(tree("4-d 3-c 2-b 1-a", "4-e 3-f 2-b", "4-a 3-f", "3-x 2-y"))
    bases = {str(chain.items[-1]): (chain.fork and str(chain.fork), chain.base) for chain in layout.chains}
    assert bases == {"4-e": (None, None), "4-d": ("2-b", 0), "4-a": ("3-f", 0), "3-x": (None, None)}


def test_too_many_leaves_are_left_out():
    layout = lay_out(branched(3, *[(1, 1)] * 10), max_leaves=4)
    assert (len(layout.chains), layout.hidden) == (4, 7)


def test_revisions_that_lead_to_no_leaf_are_left_out():
    forged = tree("3-c 2-b 1-a", "4-z 3-c 2-w")
    assert set(path("1-a 2-b")) < forged.nodes.keys(), "3-c was said to descend from 2-b before"
    [chain] = lay_out(forged).chains
    assert chain.items == path("4-z 3-c 2-w")[::-1]
