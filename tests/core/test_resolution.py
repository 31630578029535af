"""Revisions follow from the hash: a result is what an edit of the winner makes, a tombstone what a DELETE makes."""

from docstore.core.edit import Edit, Rejected
from docstore.core.receiving import receive
from docstore.core.resolution import (
    SUPPLIED_TOLD,
    Resolution,
    Resolved,
    ResolvedTree,
    decide_resolution,
    live_leaves,
    refuse_leaves,
)
from docstore.core.rev import Rev, parse_rev
from docstore.core.revision_hash import EMPTY_BODY_TERM, new_revision
from docstore.core.revtree import Arrival, RevTree
from docstore.errors import Conflict, DocumentDeleted, ResolveStaleLeaves
from tests.core.trees import edit_of, path, texts, tree

SEQ = 10
FORK = tree("1-a", "2-b 1-a", "2-c 1-a", "3-e 2-e 1-a x", "1-z")
"""The winner is 2-c, 2-b and 1-z are live, 3-e is deleted."""


def tombstone(leaf: str) -> Rev:
    return new_revision(True, parse_rev(leaf), EMPTY_BODY_TERM)


def resolution(seen: str, *, keep: str | None = None, result: Edit | None = None) -> Resolution:
    return Resolution("doc", path(seen), None if keep is None else parse_rev(keep), result)


def decided(before: RevTree, wanted: Resolution, revs_limit: int = 1000) -> ResolvedTree:
    outcome = decide_resolution(before, wanted, SEQ, revs_limit)
    assert isinstance(outcome, ResolvedTree)
    return outcome


def refused(before: RevTree, wanted: Resolution) -> object:
    outcome = decide_resolution(before, wanted, SEQ, 1000)
    assert isinstance(outcome, Rejected)
    return outcome.error


def test_a_result_extends_the_winner_and_the_others_get_tombstones() -> None:
    edit = edit_of({"n": 1}, parse_rev("2-c"))
    outcome = decided(FORK, resolution("2-c 2-b 1-z", result=edit))
    rev = new_revision(False, parse_rev("2-c"), edit.term)
    assert outcome.answer == Resolved(rev, (tombstone("2-b"), tombstone("1-z")))
    assert outcome.rewrite is not None
    grown = outcome.rewrite.tree
    assert live_leaves(grown) == (rev,)
    assert [(grown.nodes[each].seq, grown.nodes[each].parent) for each in (rev, *outcome.answer.tombstones)] == [
        (SEQ, parse_rev("2-c")),
        (SEQ + 1, parse_rev("2-b")),
        (SEQ + 2, parse_rev("1-z")),
    ]
    assert outcome.rewrite.stored == (True, True, True)


def test_keeping_a_loser_writes_tombstones_alone() -> None:
    outcome = decided(FORK, resolution("1-z 2-b 2-c", keep="1-z"))
    assert outcome.answer == Resolved(parse_rev("1-z"), (tombstone("2-c"), tombstone("2-b")))
    assert outcome.rewrite is not None
    assert texts(live_leaves(outcome.rewrite.tree)) == "1-z"
    assert outcome.rewrite.tree.nodes[tombstone("2-c")].seq == SEQ


def test_keeping_the_only_leaf_writes_nothing() -> None:
    assert decided(tree("2-b 1-a"), resolution("2-b", keep="2-b")) == ResolvedTree(Resolved(parse_rev("2-b")), None)


def test_a_result_that_is_a_deletion_leaves_no_live_leaf() -> None:
    outcome = decided(FORK, resolution("2-c 2-b 1-z", result=edit_of({}, parse_rev("2-c"), deleted=True)))
    assert outcome.rewrite is not None
    assert live_leaves(outcome.rewrite.tree) == ()
    assert outcome.rewrite.deleted
    assert outcome.answer.rev == tombstone("2-c")


def test_all_live_leaves_must_be_named_and_only_leaves() -> None:
    for seen in ("2-c 2-b", "2-c 2-b 1-z 1-a", "2-c 2-b 1-z 9-x", "3-e"):
        error = refused(FORK, resolution(seen, keep="2-c"))
        assert isinstance(error, ResolveStaleLeaves)
        assert error.details == {"leaves": ["2-c", "2-b", "1-z"], "supplied_leaves": seen.split()}
    assert isinstance(refused(FORK, resolution("", keep="2-c")), ResolveStaleLeaves)


def test_deleted_leaves_may_be_named_too() -> None:
    assert decided(FORK, resolution("2-c 2-b 1-z 3-e", keep="2-b")).answer.rev == parse_rev("2-b")


def test_what_is_kept_must_be_live_and_what_is_edited_the_winner() -> None:
    assert isinstance(refused(FORK, resolution("2-c 2-b 1-z 3-e", keep="3-e")), ResolveStaleLeaves)
    loser = edit_of({}, parse_rev("2-b"))
    assert isinstance(refused(FORK, resolution("2-c 2-b 1-z", result=loser)), ResolveStaleLeaves)


def test_a_deleted_document_is_not_resolved() -> None:
    gone = tree("1-a", "2-b 1-a x", "2-c 1-a x")
    assert isinstance(refuse_leaves(gone, path("2-b 2-c")), DocumentDeleted)
    assert isinstance(refuse_leaves(gone, path("2-c")), DocumentDeleted)
    assert isinstance(refuse_leaves(gone, path("1-a")), ResolveStaleLeaves)


def test_the_tree_is_stemmed() -> None:
    outcome = decided(FORK, resolution("2-c 2-b 1-z", keep="2-c"), revs_limit=1)
    assert outcome.rewrite is not None
    assert set(outcome.rewrite.tree.nodes) == {
        parse_rev("2-c"), tombstone("2-b"), tombstone("1-z"), parse_rev("3-e")
    }  # fmt: skip


def test_a_tombstone_that_came_without_its_parent_is_given_it() -> None:
    known = tombstone("2-b")
    before, _ = tree("2-c 1-a", "2-b 1-a").insert_path((known,), 3, True)
    outcome = decided(before, resolution("2-c 2-b", keep="2-c"))
    assert outcome.answer.tombstones == (known,)
    assert outcome.rewrite is not None
    assert outcome.rewrite.stored == (False,)
    assert outcome.rewrite.tree.nodes[known] == before.nodes[known]._replace(parent=parse_rev("2-b"))


def test_a_result_that_a_forged_history_has_buried_is_a_conflict() -> None:
    edit = edit_of({"n": 1}, parse_rev("2-c"))
    buried = new_revision(False, parse_rev("2-c"), edit.term)
    forged, _ = tree("2-c 1-a", "2-b 1-a").insert_path((Rev(4, b"x"), buried), 3, True)
    error = refused(forged, resolution("2-c 2-b", result=edit))
    assert type(error) is Conflict


def test_what_is_grown_at_once_is_what_would_be_received() -> None:
    for limit in (1, 2, 3, 1000):
        outcome = decided(FORK, resolution("2-c 2-b 1-z", result=edit_of({}, parse_rev("2-c"))), limit)
        rev, (second, third) = outcome.answer
        arrivals = [
            Arrival((rev, parse_rev("2-c")), SEQ, False),
            Arrival((second, parse_rev("2-b")), SEQ + 1, True),
            Arrival((third, parse_rev("1-z")), SEQ + 2, True),
        ]
        assert outcome.rewrite is not None
        assert outcome.rewrite.tree == receive(FORK, arrivals, limit)


def test_an_error_repeats_some_of_many_supplied_leaves() -> None:
    many = tuple(Rev(1, b"%d" % number) for number in range(2 * SUPPLIED_TOLD))
    error = refuse_leaves(FORK, many)
    assert error is not None
    assert error.details["supplied_leaves"] == [str(rev) for rev in many[:SUPPLIED_TOLD]]


def test_the_order_in_which_leaves_arrived_does_not_matter() -> None:
    other = tree("1-z", "3-e 2-e 1-a x", "2-b 1-a", "2-c 1-a", "1-a")
    wanted = resolution("2-c 2-b 1-z", result=edit_of({"n": 1}, parse_rev("2-c")))
    one, two = decided(FORK, wanted), decided(other, wanted)
    assert one.answer == two.answer
    assert one.rewrite is not None
    assert two.rewrite is not None
    parents = [
        {rev: (node.parent, node.deleted) for rev, node in each.rewrite.tree.nodes.items()}
        for each in (one, two)
        if each.rewrite is not None
    ]
    assert parents[0] == parents[1]
