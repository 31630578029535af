"""The laws of the edit rule: a branch grows at its end, and nodes that hear of all edits agree."""

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from docstore.core.edit import Create, Extend, Rejected, Rewrite, Unchanged, decide, decide_plainly
from docstore.core.receiving import lengthens, receive
from docstore.core.rev import Rev
from docstore.core.revtree import Arrival, RevTree
from docstore.errors import Conflict
from tests.core.trees import Record, edit_of, replicated
from tests.properties.revisions import FORGED_TREES, History, arrivals, forged_paths, histories

LIMITS = st.sampled_from([1, 2, 3, 1000])


@st.composite
def deliveries(draw: st.DrawFn) -> list[Arrival]:
    history: History = draw(histories())
    return draw(arrivals(history))


EDITS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), max_size=10)


def parent_of_choice(record: Record, choice: int) -> Rev | None:
    """0 for no parent, then the leaves in winner order, then the other revisions, over again."""
    known = [*record.tree.leaves(), *sorted(record.tree.nodes)]
    return known[(choice - 1) % len(known)] if choice and known else None


def apply_edits(record: Record, edits: list[tuple[int, int, bool]]) -> None:
    for choice, content, deleted in edits:
        record.edit({"n": content}, parent_of_choice(record, choice), deleted=deleted)


@given(deliveries(), EDITS)
def test_an_interactive_edit_makes_one_leaf_or_changes_nothing(
    made: list[Arrival], edits: list[tuple[int, int, bool]]
) -> None:
    record = Record()
    for arrival in made:
        record.replicate(arrival.path, deleted=arrival.deleted)
    for choice, content, deleted in edits:
        before, head, parent = record.tree, record.head, parent_of_choice(record, choice)
        result = record.edit({"n": content}, parent, deleted=deleted)
        assert head is not None
        allowed = (parent is None and not deleted) if head.deleted else (parent is not None and before.is_leaf(parent))
        if allowed:
            replaced = parent or before.winner()
            assert isinstance(result, Rev)
            assert set(record.tree.leaves()) == {*before.leaves(), result} - {replaced}
            assert record.tree.path_to(result) == (result, *before.path_to(replaced))
            assert record.tree.nodes[result].deleted == deleted
        else:
            assert isinstance(result, Conflict)
            assert record.tree is before


@given(deliveries(), EDITS, LIMITS)
def test_deciding_from_the_head_is_deciding_from_the_tree(
    made: list[Arrival], edits: list[tuple[int, int, bool]], limit: int
) -> None:
    """A head that says "not linear" makes the rule take the long way; the document comes out the same."""
    short = Record(limit)
    for arrival in made:
        short.replicate(arrival.path, deleted=arrival.deleted)
    for choice, content, deleted in edits:
        head = short.head
        assert head is not None
        edit = edit_of({"n": content}, parent_of_choice(short, choice), deleted)
        outcome = decide(head._replace(linear=False), short.load, edit, short.seq + 1, limit)
        short.edit({"n": content}, edit.parent, deleted=deleted)
        if isinstance(outcome, Rewrite):
            assert outcome.tree == short.tree
            assert outcome.stored == (True,)


@given(deliveries(), EDITS, st.booleans())
def test_the_short_way_of_a_decision_comes_to_the_same(
    made: list[Arrival], edits: list[tuple[int, int, bool]], tells_more: bool
) -> None:
    record = Record()
    for arrival in made:
        record.replicate(arrival.path, deleted=arrival.deleted)
    assert decide_plainly(None, edit_of({}, made[0].path[0])) is None
    for choice, content, deleted in edits:
        head, parent = record.head, parent_of_choice(record, choice)
        assert head is not None
        path = () if parent is None else record.tree.path_to(parent)
        edit = edit_of({"n": content}, parent, deleted)._replace(path=path if tells_more else path[:1])
        new = edit_of({"n": content}, None, deleted)
        rev = decide_plainly(None, new)
        assert decide(None, record.load, new, 1, 1000) == Create(rev, deleted, (rev,))
        if head.linear and not head.deleted:
            short = decide_plainly(head.winner, edit)
            if short is not None:
                assert decide(head, record.load, edit, record.seq + 1, 1000) == Extend(short, deleted)
            assert (short is not None) == (parent == head.winner and len(edit.path) <= 1)
        record.edit({"n": content}, parent, deleted=deleted)


@given(deliveries(), LIMITS, st.booleans())
def test_a_replicated_edit_from_the_head_is_one_from_the_tree(
    made: list[Arrival], limit: int, knows_length: bool
) -> None:
    record = Record(limit, knows_length=knows_length)
    for arrival in made:
        before = record.tree
        record.replicate(arrival.path, deleted=arrival.deleted)
        assert record.tree == receive(before, [arrival._replace(seq=record.seq)], limit)


@given(deliveries(), st.booleans())
def test_a_replicated_edit_that_is_repeated_changes_nothing(made: list[Arrival], knows_length: bool) -> None:
    record = Record(knows_length=knows_length)
    for arrival in made:
        record.replicate(arrival.path, deleted=arrival.deleted)
        assert record.replicate(arrival.path, deleted=arrival.deleted) == Unchanged(arrival.path[0])


@given(deliveries(), LIMITS)
def test_the_bodies_that_are_stored_are_those_of_the_tree(made: list[Arrival], limit: int) -> None:
    record = Record(limit)
    edits = [replicated(arrival.path, arrival.deleted) for arrival in made]
    for some in (edits[:3], edits[3:6], edits[6:]):
        if some:
            record.replicate_batch(some)
            assert {node.seq for node in record.tree.nodes.values() if node.seq} <= record.bodies.keys()


@given(EDITS, EDITS, st.randoms(use_true_random=False))
def test_two_nodes_that_exchange_their_leaves_agree(
    ours: list[tuple[int, int, bool]], theirs: list[tuple[int, int, bool]], rng: random.Random
) -> None:
    here, there = Record(), Record()
    apply_edits(here, ours)
    apply_edits(there, theirs)
    for source, target in ((here, there), (there, here)):
        leaves = list(source.tree.leaves())
        rng.shuffle(leaves)
        for leaf in leaves:
            target.replicate(source.tree.path_to(leaf), deleted=source.tree.nodes[leaf].deleted)
    assert here.tree.leaves() == there.tree.leaves()
    assert here.tree.nodes.keys() == there.tree.nodes.keys()
    if here.tree.nodes:
        assert here.head is not None
        assert there.head is not None
        assert here.head.winner == there.head.winner


# --- edits that tell of their history


@given(deliveries(), st.data())
def test_an_edit_with_its_parents_whole_path_is_the_edit_without(made: list[Arrival], data: st.DataObject) -> None:
    plain, telling = Record(), Record()
    for arrival in made:
        for record in (plain, telling):
            record.replicate(arrival.path, deleted=arrival.deleted)
    parent = data.draw(st.sampled_from(sorted(plain.tree.nodes)))
    edit = edit_of({"n": 1}, parent)
    without, result = plain.apply(edit), telling.apply(edit._replace(path=plain.tree.path_to(parent)))
    assert result == without or isinstance(result, Conflict) == isinstance(without, Conflict)
    assert plain.tree == telling.tree


@given(deliveries(), st.integers(1, 4), st.integers(1, 4), st.data())
def test_new_generations_may_lead_down_to_a_leaf_and_to_nothing_else(
    made: list[Arrival], gap: int, told: int, data: st.DataObject
) -> None:
    record = Record()
    for arrival in made:
        record.replicate(arrival.path, deleted=arrival.deleted)
    before, head = record.tree, record.head
    assert head is not None
    base = data.draw(st.sampled_from(sorted(before.nodes)))
    between = tuple(Rev(base.generation + up, b"new") for up in range(gap, 0, -1))
    path = (*between, *before.path_to(base)[:told])
    result = record.apply(edit_of({"n": 1}, path[0])._replace(path=path))
    if before.is_leaf(base) and not head.deleted:
        assert isinstance(result, Rev)
        assert record.tree.path_to(result) == (result, *between, *before.path_to(base))
        assert set(record.tree.leaves()) == {*before.leaves(), result} - {base}
    else:
        assert isinstance(result, Conflict)
        assert record.tree is before


@given(FORGED_TREES, forged_paths())
def test_a_path_lengthens_where_it_adds_no_leaf_and_contradicts_nothing(tree: RevTree, path: tuple[Rev, ...]) -> None:
    """Of trees with one root and no strays this is all that the verdict means."""
    inner = {node.parent for node in tree.nodes.values()}
    if sum(node.parent is None for node in tree.nodes.values()) != 1 or len(tree.nodes.keys() - inner) != len(
        tree.leaves()
    ):
        return
    grown, _ = tree.insert_path(path, 1_000, False)
    contradicted = any(grown.nodes[rev].parent != parent for rev, parent in pairwise(path)) or any(
        node.parent not in (None, grown.nodes[rev].parent) for rev, node in tree.nodes.items()
    )
    is_new = path[0] not in tree.nodes and grown.is_leaf(path[0])
    adds_none = len(grown.leaves()) == len(tree.leaves())
    joined = sum(node.parent is None for node in grown.nodes.values()) == 1
    assert lengthens(tree, path) == (is_new and adds_none and joined and not contradicted)


@given(deliveries(), forged_paths(), LIMITS)
def test_a_history_is_decided_from_the_head_as_from_the_tree(
    made: list[Arrival], path: tuple[Rev, ...], limit: int
) -> None:
    record = Record(limit)
    for arrival in made:
        record.replicate(arrival.path, deleted=arrival.deleted)
    head = record.head
    assert head is not None
    edit = edit_of({"n": 1}, path[0])._replace(path=path)
    short = decide(head, record.load, edit, record.seq + 1, limit)
    long = decide(head._replace(linear=False), record.load, edit, record.seq + 1, limit)
    assert isinstance(short, Rejected) == isinstance(long, Rejected)
