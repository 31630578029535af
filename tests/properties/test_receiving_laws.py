"""Many arrivals in one pass are the same as one after the other, forged histories included."""

import random

from hypothesis import given
from hypothesis import strategies as st

from docstore.core.receiving import receive
from docstore.core.rev import Rev
from docstore.core.revtree import EMPTY, Arrival, RevTree
from tests.properties.one_by_one import latest_by_paths, receive_one_by_one, stem_by_paths
from tests.properties.revisions import FORGED_ARRIVALS, FORGED_TREES, arrivals, histories

LIMITS = st.integers(1, 6)


@st.composite
def honest_arrivals(draw: st.DrawFn) -> list[Arrival]:
    return draw(arrivals(draw(histories())))


ANY_ARRIVALS = FORGED_ARRIVALS | honest_arrivals()


@given(ANY_ARRIVALS, ANY_ARRIVALS, LIMITS)
def test_one_pass_is_one_by_one(first: list[Arrival], then: list[Arrival], limit: int) -> None:
    tree = receive(EMPTY, first, limit)
    assert tree == receive_one_by_one(EMPTY, first, limit)
    later = [arrival._replace(seq=arrival.seq + 100) for arrival in then]
    grown = receive(tree, later, limit)
    assert grown == receive_one_by_one(tree, later, limit)
    assert (grown is tree) == (grown == tree)
    assert grown.leaves() == RevTree(dict(grown.nodes)).leaves()


@given(honest_arrivals(), st.randoms(use_true_random=False), st.integers(1, 12))
def test_neither_the_order_nor_the_portions_of_arrivals_matter(
    made: list[Arrival], rng: random.Random, portion: int
) -> None:
    shuffled = list(made)
    rng.shuffle(shuffled)
    in_portions = EMPTY
    for start in range(0, len(shuffled), portion):
        in_portions = receive(in_portions, shuffled[start : start + portion], 1000)
    together = receive(EMPTY, made, 1000)
    assert in_portions == together
    assert in_portions.conflicts() == together.conflicts()


@given(FORGED_TREES, LIMITS)
def test_stemming_is_keeping_the_newest_of_each_path(tree: RevTree, limit: int) -> None:
    assert tree.stem(limit) == stem_by_paths(tree, limit)


@given(FORGED_TREES, st.data())
def test_the_latest_are_the_leaves_whose_path_has_the_revision(tree: RevTree, data: st.DataObject) -> None:
    if tree.nodes:
        rev: Rev = data.draw(st.sampled_from(sorted(tree.nodes)))
        assert tree.latest(rev) == latest_by_paths(tree, rev)
