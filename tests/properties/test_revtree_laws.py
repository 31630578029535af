"""The laws of the revision tree. Those of merging hold for forged histories too."""

import random

from hypothesis import given
from hypothesis import strategies as st

from docstore.core.receiving import receive
from docstore.core.rev import Rev
from docstore.core.revtree import EMPTY, Arrival, RevTree, branch_points
from tests.properties.revisions import (
    FORGED_ARRIVALS,
    FORGED_TREES,
    History,
    arrivals,
    forged_paths,
    grown_from,
    histories,
)

LIMITS = st.integers(1, 6)


@st.composite
def deliveries(draw: st.DrawFn, *, whole_paths: bool = False) -> tuple[History, list[Arrival]]:
    history = draw(histories())
    return history, draw(arrivals(history, whole_paths=whole_paths))


def has_written_descendant(tree: RevTree, rev: Rev) -> bool:
    return any(node.seq and other != rev and rev in tree.path_to(other) for other, node in tree.nodes.items())


# Merging


@given(FORGED_TREES)
def test_merging_with_itself_changes_nothing(tree: RevTree) -> None:
    assert tree.merge(tree) is tree
    assert tree.merge(EMPTY) is tree
    assert EMPTY.merge(tree) == tree


@given(FORGED_TREES, FORGED_TREES)
def test_merging_is_commutative(one: RevTree, other: RevTree) -> None:
    assert one.merge(other) == other.merge(one)


@given(FORGED_TREES, FORGED_TREES, FORGED_TREES)
def test_merging_is_associative(one: RevTree, two: RevTree, three: RevTree) -> None:
    assert one.merge(two).merge(three) == one.merge(two.merge(three))


@given(FORGED_TREES, forged_paths(), st.integers(1, 9), st.booleans())
def test_inserting_a_path_is_merging_its_tree(tree: RevTree, path: tuple[Rev, ...], seq: int, deleted: bool) -> None:
    grown, is_new = tree.insert_path(path, seq, deleted)
    assert grown == tree.merge(RevTree.from_path(path, seq, deleted))
    before = tree.nodes.get(path[0])
    assert is_new == (before is None or before.seq == 0)
    assert (grown is tree) == (grown == tree)


@given(FORGED_TREES, FORGED_TREES)
def test_merging_loses_no_leaf(one: RevTree, other: RevTree) -> None:
    merged = one.merge(other)
    for leaf in one.leaves():
        assert merged.nodes[leaf].seq
        assert merged.is_leaf(leaf) or has_written_descendant(merged, leaf)
    assert set(merged.leaves()) <= {rev for tree in (one, other) for rev, node in tree.nodes.items() if node.seq}


@given(FORGED_ARRIVALS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(made: list[Arrival], rng: random.Random) -> None:
    shuffled = list(made)
    rng.shuffle(shuffled)
    assert grown_from(made) == grown_from(shuffled)


@given(deliveries(), st.randoms(use_true_random=False))
def test_every_order_of_arrival_gives_the_same_leaves_and_winner(
    delivery: tuple[History, list[Arrival]], rng: random.Random
) -> None:
    made = delivery[1]
    shuffled = list(made)
    rng.shuffle(shuffled)
    one = two = EMPTY
    for arrival in made:
        one = receive(one, [arrival], 1000)
    for arrival in shuffled:
        two = receive(two, [arrival], 1000)
    together = receive(EMPTY, made, 1000)
    assert one.leaves() == two.leaves() == together.leaves()
    assert one.winner() == two.winner()
    assert one.nodes.keys() == two.nodes.keys() == together.nodes.keys()
    assert all(one.path_to(leaf) == two.path_to(leaf) for leaf in one.leaves())


@given(deliveries(whole_paths=True))
def test_the_leaves_are_the_revisions_that_nothing_received_descends_from(
    delivery: tuple[History, list[Arrival]],
) -> None:
    history, made = delivery
    received = {arrival.path[0] for arrival in made}
    superseded = {ancestor for rev in received for ancestor in history.paths[rev][1:]}
    tree = grown_from(made)
    assert set(tree.leaves()) == received - superseded
    live = [leaf for leaf in tree.leaves() if leaf not in history.deleted]
    assert tree.winner() == max(live or tree.leaves())


# Questions


@given(FORGED_TREES)
def test_leaves_are_in_winner_order(tree: RevTree) -> None:
    leaves = tree.leaves()
    order = [(not tree.nodes[leaf].deleted, leaf) for leaf in leaves]
    assert order == sorted(order, reverse=True)
    if leaves:
        assert (tree.winner(), *tree.conflicts(), *tree.deleted_conflicts()) == leaves


@given(FORGED_TREES)
def test_a_leaf_is_written_and_has_no_written_descendant(tree: RevTree) -> None:
    for rev, node in tree.nodes.items():
        assert tree.is_leaf(rev) == bool(node.seq and not has_written_descendant(tree, rev))


@given(FORGED_TREES)
def test_paths_follow_the_parents(tree: RevTree) -> None:
    for rev, node in tree.nodes.items():
        path = tree.path_to(rev)
        assert path[0] == rev
        assert path[1:] == (() if node.parent is None else tree.path_to(node.parent))
        assert [each.generation for each in path] == list(range(rev.generation, rev.generation - len(path), -1))


@given(FORGED_TREES)
def test_latest_are_the_leaves_whose_path_has_the_revision(tree: RevTree) -> None:
    for rev in tree.nodes:
        assert set(tree.latest(rev)) == {leaf for leaf in tree.leaves() if rev in tree.path_to(leaf)}


@given(FORGED_TREES, st.lists(forged_paths(), max_size=4))
def test_a_revision_is_missing_if_no_path_named_it(tree: RevTree, asked: list[tuple[Rev, ...]]) -> None:
    revs = [path[0] for path in asked]
    missing = tree.missing(revs)
    assert set(missing) == set(revs) - tree.nodes.keys()
    for ancestor in tree.possible_ancestors(missing):
        assert tree.is_leaf(ancestor)
        assert any(ancestor.generation < rev.generation for rev in missing)


@given(deliveries())
def test_branch_points_are_where_the_paths_of_two_live_leaves_meet(delivery: tuple[History, list[Arrival]]) -> None:
    tree = grown_from(delivery[1])
    live = [leaf for leaf in tree.leaves() if not tree.nodes[leaf].deleted]
    met = set()
    for one in live:
        for other in live:
            shared = [rev for rev in tree.path_to(one) if rev in tree.path_to(other)]
            if one != other and shared:
                met.add(shared[0])
    assert branch_points(tree) == met


# Stemming


@given(FORGED_TREES, LIMITS)
def test_stemming_keeps_every_leaf(tree: RevTree, limit: int) -> None:
    stemmed = tree.stem(limit)
    assert stemmed.leaves() == tree.leaves()
    assert RevTree(stemmed.nodes).leaves() == tree.leaves()
    assert all(stemmed.nodes[leaf][1:] == tree.nodes[leaf][1:] for leaf in tree.leaves())


@given(FORGED_TREES, LIMITS)
def test_stemming_never_lengthens_a_path(tree: RevTree, limit: int) -> None:
    stemmed = tree.stem(limit)
    for leaf in tree.leaves():
        path = tree.path_to(leaf)
        kept = stemmed.path_to(leaf)
        assert kept == path[: len(kept)]
        assert len(kept) >= min(limit, len(path))


@given(FORGED_TREES, LIMITS)
def test_stemming_twice_is_stemming_once(tree: RevTree, limit: int) -> None:
    stemmed = tree.stem(limit)
    assert stemmed.stem(limit) is stemmed
    assert stemmed.stem(limit + 1) is stemmed


@given(FORGED_TREES, LIMITS)
def test_what_stemming_keeps_is_near_a_leaf(tree: RevTree, limit: int) -> None:
    near = {rev for leaf in tree.leaves() for rev in tree.path_to(leaf)[:limit]}
    assert tree.stem(limit).nodes.keys() == near or (len(tree.nodes) <= limit and tree.stem(limit) == tree)


@given(deliveries(), LIMITS)
def test_receiving_loses_no_leaf_to_stemming(delivery: tuple[History, list[Arrival]], limit: int) -> None:
    """A leaf goes only when a revision arrived that descends from it."""
    history, made = delivery
    tree = EMPTY
    for arrival in made:
        before, tree = tree, receive(tree, [arrival], limit)
        superseded = set(history.paths[arrival.path[0]][1:])
        assert set(before.leaves()) - superseded <= set(tree.leaves())
        assert all(rev in tree.nodes for rev in tree.path_to(tree.winner()))


@given(deliveries(), LIMITS)
def test_receiving_is_stemming_the_union_but_for_roots_that_the_stem_hides(
    delivery: tuple[History, list[Arrival]], limit: int
) -> None:
    received = receive(EMPTY, delivery[1], limit)
    union = grown_from(delivery[1])
    assert set(union.leaves()) <= set(received.leaves())
    assert union.stem(limit).nodes.keys() <= received.nodes.keys() <= union.nodes.keys()
    if received.leaves() == union.leaves() and limit >= len(union.nodes):
        assert received == union


# Purging


@given(FORGED_TREES, st.data())
def test_purging_removes_exactly_the_branch(tree: RevTree, data: st.DataObject) -> None:
    asked = data.draw(st.lists(st.sampled_from(sorted(tree.nodes)), max_size=4)) if tree.nodes else []
    purged, removed = tree.purge_leaves(asked)
    assert set(removed) == set(asked) & set(tree.leaves())
    remaining = tuple(leaf for leaf in tree.leaves() if leaf not in removed)
    if not removed:
        assert purged is tree
    elif not remaining:
        assert purged is None
    else:
        assert purged is not None
        assert purged.leaves() == remaining
        assert purged.nodes == {rev: tree.nodes[rev] for leaf in remaining for rev in tree.path_to(leaf)}
