from time import process_time

import pytest

from docstore.core.receiving import receive
from docstore.core.rev import Rev, parse_rev
from docstore.core.revtree import EMPTY, Arrival, Node, RevTree, branch_points, common_ancestor
from tests.core.trees import path, texts, tree

# The tree drawn in the module's docstring.
DRAWN = ("3-c 2-b 1-a", "4-d 3-9 2-b 1-a x", "2-5")


def arrive(grown: RevTree, *paths: str, limit: int = 1000) -> RevTree:
    """All of ``paths`` at once, then stemmed."""
    first = max((node.seq for node in grown.nodes.values()), default=0) + 1
    arrivals = [Arrival(path(text), first + place, False) for place, text in enumerate(paths)]
    return receive(grown, arrivals, limit)


def paths(grown: RevTree) -> list[str]:
    return [texts(grown.path_to(leaf)) for leaf in grown.leaves()]


class TestFromPath:
    def test_only_the_first_revision_is_written(self) -> None:
        grown = RevTree.from_path(path("3-c 2-b 1-a"), 7, True)
        assert grown.nodes == {
            parse_rev("3-c"): Node(parse_rev("2-b"), 7, True),
            parse_rev("2-b"): Node(parse_rev("1-a"), 0, False),
            parse_rev("1-a"): Node(None, 0, False),
        }

    def test_a_single_revision_has_no_known_parent(self) -> None:
        assert RevTree.from_path(path("4-d"), 1, False).nodes == {parse_rev("4-d"): Node(None, 1, False)}

    @pytest.mark.parametrize("wrong", ["3-c 1-a", "1-a 2-b", "2-b 2-a"])
    def test_generations_go_down_by_one(self, wrong: str) -> None:
        with pytest.raises(ValueError, match="do not go down by one"):
            RevTree.from_path(path(wrong), 1, False)
        with pytest.raises(ValueError, match="do not go down by one"):
            EMPTY.insert_path(path(wrong), 1, False)

    def test_it_needs_a_revision_and_a_seq(self) -> None:
        with pytest.raises(ValueError, match="needs a revision"):
            RevTree.from_path((), 1, False)
        with pytest.raises(ValueError, match="needs a revision"):
            RevTree.from_path(path("1-a"), 0, False)


class TestLeavesAndWinner:
    def test_live_leaves_come_before_deleted_ones(self) -> None:
        grown = tree(*DRAWN)
        assert texts(grown.leaves()) == "3-c 2-5 4-d"
        assert str(grown.winner()) == "3-c"
        assert texts(grown.conflicts()) == "2-5"
        assert texts(grown.deleted_conflicts()) == "4-d"

    def test_a_higher_generation_beats_a_higher_id(self) -> None:
        assert str(tree("2-f 1-a", "3-1 2-b 1-a", "1-f").winner()) == "3-1"

    def test_among_one_generation_the_highest_id_wins(self) -> None:
        assert texts(tree("2-b 1-a", "2-f 1-a", "2-c 1-a").leaves()) == "2-f 2-c 2-b"

    def test_ids_compare_bytewise(self) -> None:
        assert texts(tree("1-B", "1-a", "1-aa", "1-é").leaves()) == "1-é 1-aa 1-a 1-B"

    def test_generations_compare_as_numbers(self) -> None:
        assert str(tree("9-f", "10-a").winner()) == "10-a"

    def test_a_deleted_winner_if_all_are(self) -> None:
        grown = tree("2-b 1-a x", "5-e x")
        assert str(grown.winner()) == "5-e"
        assert texts(grown.deleted_conflicts()) == "2-b"
        assert grown.conflicts() == ()

    def test_an_ancestor_known_by_name_is_no_leaf(self) -> None:
        grown = tree("3-c 2-b 1-a")
        assert texts(grown.leaves()) == "3-c"
        assert grown.is_leaf(parse_rev("3-c"))
        assert not grown.is_leaf(parse_rev("2-b"))
        assert not grown.is_leaf(parse_rev("9-z"))

    def test_the_empty_tree_has_none(self) -> None:
        assert EMPTY.leaves() == ()
        with pytest.raises(IndexError):
            EMPTY.winner()


class TestInsertPath:
    def test_a_body_that_comes_after_its_child(self) -> None:
        grown, is_new = tree("3-c 2-b").insert_path(path("2-b 1-a"), 2, False)
        assert is_new
        assert texts(grown.leaves()) == "3-c"
        assert grown.nodes[parse_rev("2-b")] == Node(parse_rev("1-a"), 2, False)
        assert texts(grown.path_to(parse_rev("3-c"))) == "3-c 2-b 1-a"

    def test_a_known_revision_keeps_its_first_body(self) -> None:
        before = tree("2-b 1-a")
        grown, is_new = before.insert_path(path("2-b 1-a"), 9, False)
        assert not is_new
        assert grown is before

    def test_a_known_revision_may_bring_older_ancestors(self) -> None:
        grown, is_new = tree("4-d").insert_path(path("4-d 3-c 2-b"), 9, False)
        assert not is_new
        assert texts(grown.path_to(parse_rev("4-d"))) == "4-d 3-c 2-b"
        assert grown.nodes[parse_rev("4-d")].seq == 1

    def test_two_roots_are_joined_by_a_path_through_both(self) -> None:
        grown = tree("4-d", "2-b")
        assert texts(grown.leaves()) == "4-d 2-b"
        grown, _ = grown.insert_path(path("4-d 3-c 2-b"), 3, False)
        assert texts(grown.leaves()) == "4-d"
        assert grown.nodes[parse_rev("2-b")].seq == 2

    def test_the_tree_before_is_untouched(self) -> None:
        before = tree("2-b 1-a")
        nodes = dict(before.nodes)
        before.insert_path(path("3-c 2-b 1-a"), 2, False)
        assert before.nodes == nodes
        assert texts(before.leaves()) == "2-b"


class TestMerge:
    def test_the_union_of_branches_and_roots(self) -> None:
        merged = tree("3-c 2-b 1-a").merge(tree("3-d 2-b", "1-z"))
        assert paths(merged) == ["3-d 2-b 1-a", "3-c 2-b 1-a", "1-z"]

    def test_nothing_new_gives_the_same_object(self) -> None:
        grown = tree(*DRAWN)
        assert grown.merge(EMPTY) is grown
        assert grown.merge(tree(DRAWN[0])) is grown

    def test_the_earlier_write_stays(self) -> None:
        early, late = RevTree.from_path(path("1-a"), 3, False), RevTree.from_path(path("1-a"), 8, False)
        assert early.merge(late) == late.merge(early) == early

    def test_of_two_contradicting_parents_the_higher_one_stays(self) -> None:
        one, other = tree("3-r 2-p"), tree("3-r 2-q")
        assert one.merge(other) == other.merge(one)
        assert texts(one.merge(other).path_to(parse_rev("3-r"))) == "3-r 2-q"

    def test_a_written_parent_that_lost_is_a_leaf_of_its_own(self) -> None:
        assert texts(tree("2-p", "3-r 2-p", "3-r 2-q").leaves()) == "3-r 2-p"

    def test_a_parent_that_lost_and_was_never_written_goes_with_stemming(self) -> None:
        grown = tree("3-r 2-p 1-o", "3-r 2-q")
        assert parse_rev("2-p") in grown.nodes
        assert grown.stem(1000).nodes.keys() == set(path("3-r 2-q"))

    def test_a_leaf_stays_one_when_only_a_name_was_ever_put_upon_it(self) -> None:
        grown = tree("2-b", "4-d 3-c 2-b", "4-d 3-x")
        assert texts(grown.path_to(parse_rev("4-d"))) == "4-d 3-x"
        assert texts(grown.leaves()) == "4-d 2-b"
        assert texts(grown.stem(1000).leaves()) == "4-d 2-b"
        assert parse_rev("3-c") not in grown.stem(1000).nodes


class TestStem:
    def test_the_drawn_tree(self) -> None:
        stemmed = tree(*DRAWN).stem(2)
        assert stemmed.nodes.keys() == set(path("3-c 2-b 4-d 3-9 2-5"))
        assert stemmed.nodes[parse_rev("2-b")].parent is None
        # 2-b is kept for 3-c, so 4-d still shows where it comes from.
        assert paths(stemmed) == ["3-c 2-b", "2-5", "4-d 3-9 2-b"]

    def test_with_one_only_leaves_remain(self) -> None:
        stemmed = tree(*DRAWN).stem(1)
        assert paths(stemmed) == ["3-c", "2-5", "4-d"]

    def test_a_stemmed_away_link_between_kept_revisions_of_two_leaves(self) -> None:
        # 3-d is two above 5-f and gone; 2-b stays for 3-c.
        stemmed = tree("3-c 2-b 1-a", "5-f 4-e 3-d 2-b 1-a").stem(2)
        assert paths(stemmed) == ["5-f 4-e", "3-c 2-b"]

    def test_nothing_to_cut_gives_the_same_object(self) -> None:
        grown = tree(*DRAWN)
        assert grown.stem(3) is grown
        assert grown.stem(1000) is grown

    def test_bodies_and_deletions_are_kept(self) -> None:
        stemmed = tree("1-a", "2-b 1-a x", "3-c 2-b 1-a").stem(2)
        assert stemmed.nodes[parse_rev("2-b")] == Node(None, 2, True)

    def test_the_leaves_are_known_without_another_look(self) -> None:
        stemmed = tree("3-c 2-b 1-a", "3-d 2-b 1-a").stem(2)
        assert stemmed.leaves() == RevTree(stemmed.nodes).leaves()


class TestPaths:
    def test_newest_first(self) -> None:
        grown = tree(*DRAWN)
        assert texts(grown.path_to(parse_rev("4-d"))) == "4-d 3-9 2-b 1-a"
        assert texts(grown.path_to(parse_rev("2-b"))) == "2-b 1-a"

    def test_no_longer_than_asked_for(self) -> None:
        assert texts(tree(*DRAWN).path_to(parse_rev("4-d"), 2)) == "4-d 3-9"
        assert texts(tree(*DRAWN).path_to(parse_rev("2-5"), 2)) == "2-5"

    def test_an_unknown_revision(self) -> None:
        with pytest.raises(KeyError):
            tree(*DRAWN).path_to(parse_rev("2-z"))

    def test_latest_finds_the_leaves_above(self) -> None:
        grown = tree(*DRAWN)
        assert texts(grown.latest(parse_rev("2-b"))) == "3-c 4-d"
        assert texts(grown.latest(parse_rev("3-9"))) == "4-d"
        assert texts(grown.latest(parse_rev("2-5"))) == "2-5"
        with pytest.raises(KeyError):
            grown.latest(parse_rev("9-z"))

    def test_revs_info(self) -> None:
        grown = tree("1-a", "2-b 1-a x", "4-d 3-c 2-b 1-a")
        info = grown.revs_info(parse_rev("4-d"), lambda seq: seq != 1)
        assert [(str(rev), status) for rev, status in info] == [
            ("4-d", "available"),
            ("3-c", "missing"),  # known by name alone
            ("2-b", "deleted"),
            ("1-a", "missing"),  # its body was compacted away
        ]


class TestRevsDiff:
    GROWN = ("3-c 2-b 1-a", "2-d 1-a x")

    def test_ancestors_known_by_name_are_not_missing(self) -> None:
        wanted = path("3-c") + path("1-a") + path("4-e") + path("2-z")
        assert texts(tree(*self.GROWN).missing(wanted)) == "2-z 4-e"

    @pytest.mark.parametrize(
        ("missing", "ancestors"),
        [("4-e", "3-c 2-d"), ("3-f", "2-d"), ("2-f", ""), ("9-f", "3-c 2-d"), ("1-x", "")],
    )
    def test_possible_ancestors_are_leaves_of_a_lower_generation(self, missing: str, ancestors: str) -> None:
        assert texts(tree(*self.GROWN).possible_ancestors(path(missing))) == ancestors

    def test_the_highest_missing_revision_counts(self) -> None:
        assert texts(tree(*self.GROWN).possible_ancestors([parse_rev("3-f"), parse_rev("4-f")])) == "3-c 2-d"
        assert tree(*self.GROWN).possible_ancestors([]) == []


class TestPurge:
    def test_the_whole_branch_goes(self) -> None:
        purged, removed = tree(*DRAWN).purge_leaves([parse_rev("4-d")])
        assert texts(removed) == "4-d"
        assert purged is not None
        assert purged.nodes.keys() == set(path("3-c 2-b 1-a 2-5"))

    def test_what_another_leaf_needs_stays(self) -> None:
        purged, _ = tree(*DRAWN).purge_leaves(path("3-c"))
        assert purged is not None
        assert paths(purged) == ["2-5", "4-d 3-9 2-b 1-a"]

    def test_the_last_leaf_takes_the_document_along(self) -> None:
        assert tree("2-b 1-a").purge_leaves(path("2-b")) == (None, [parse_rev("2-b")])

    def test_interior_and_unknown_revisions_are_passed_over(self) -> None:
        grown = tree("1-a", "2-b 1-a")
        assert grown.purge_leaves([parse_rev("1-a"), parse_rev("7-z")]) == (grown, [])

    def test_a_revision_is_not_purged_because_its_child_is(self) -> None:
        grown = tree("1-a", "2-b 1-a", "2-c 1-a")
        purged, removed = grown.purge_leaves([parse_rev("2-b"), parse_rev("1-a"), parse_rev("2-b")])
        assert texts(removed) == "2-b"
        assert purged is not None
        assert texts(purged.leaves()) == "2-c"


class TestBranchPoints:
    def test_the_nearest_common_ancestors_of_live_leaves(self) -> None:
        grown = tree("4-d 3-c 2-b 1-a", "4-e 3-c 2-b 1-a", "3-f 2-b 1-a", "2-g 1-a x")
        assert branch_points(grown) == set(path("3-c 2-b"))

    def test_none_for_one_leaf_or_for_separate_roots(self) -> None:
        assert branch_points(tree("3-c 2-b 1-a")) == frozenset()
        assert branch_points(tree("2-b 1-a", "2-x 1-y")) == frozenset()
        assert branch_points(tree("2-b 1-a x", "2-c 1-a x")) == frozenset()
        assert branch_points(EMPTY) == frozenset()


class TestCommonAncestor:
    GROWN = tree("4-d 3-c 2-b 1-a", "4-e 3-c 2-b 1-a", "3-f 2-b 1-a", "1-z")

    @pytest.mark.parametrize(
        ("revs", "common"),
        [
            ("4-d 4-e", "3-c"),
            ("4-e 4-d 3-f", "2-b"),
            ("4-d", "4-d"),
            ("3-f 2-b", "2-b"),
            ("4-d 1-z", None),
            ("", None),
        ],
    )
    def test_the_newest_that_all_descend_from(self, revs: str, common: str | None) -> None:
        found = common_ancestor(self.GROWN, path(revs))
        assert found == (None if common is None else parse_rev(common))

    def test_it_is_a_branch_point_of_live_leaves(self) -> None:
        assert common_ancestor(self.GROWN, path("4-e 4-d 3-f")) in branch_points(self.GROWN)

    def test_an_unknown_revision(self) -> None:
        with pytest.raises(KeyError):
            common_ancestor(self.GROWN, path("9-x"))


class TestReceive:
    """With stemming, what a path joins depends on what the stemmed tree still shows."""

    def test_nothing_new_gives_the_same_object(self) -> None:
        grown = tree("3-c 2-b 1-a")
        assert arrive(grown, "3-c 2-b") is grown

    def test_a_path_that_is_stemmed_off_again_changes_nothing(self) -> None:
        grown = arrive(EMPTY, "3-c 2-b 1-a", limit=2)
        assert paths(grown) == ["3-c 2-b"]
        assert arrive(grown, "3-c 2-b 1-a", limit=2) is grown

    def test_an_old_revision_below_the_stem_comes_back_as_a_root(self) -> None:
        grown = arrive(EMPTY, "5-e 4-d 3-c 2-b 1-a", limit=3)
        grown = arrive(grown, "6-f 5-e", limit=3)
        assert paths(grown) == ["6-f 5-e 4-d"]
        assert paths(arrive(grown, "3-c 2-b 1-a", limit=3)) == ["6-f 5-e 4-d", "3-c 2-b 1-a"]

    def test_the_parent_of_a_new_leaf_may_be_stemmed_at_once(self) -> None:
        assert paths(arrive(tree("1-a"), "3-c 2-b 1-a", limit=1)) == ["3-c"]

    def test_a_root_that_the_stemmed_path_does_not_show_stays_a_leaf(self) -> None:
        grown = arrive(arrive(EMPTY, "2-b 1-a", limit=1), "1-a", limit=1)
        assert paths(grown) == ["2-b", "1-a"]
        assert paths(arrive(grown, "3-c 2-b 1-a", limit=1)) == ["3-c", "2-b"]

    def test_a_root_that_the_stemmed_path_shows_is_joined(self) -> None:
        grown = arrive(arrive(EMPTY, "2-b", limit=2), "1-a", limit=2)
        assert paths(arrive(grown, "3-c 2-b 1-a", limit=2)) == ["3-c 2-b"]

    def test_later_paths_of_the_same_request_see_the_roots_still_apart(self) -> None:
        grown = arrive(arrive(EMPTY, "2-b", limit=1), "1-a", limit=1)
        together = arrive(grown, "3-c 2-b 1-a", "4-d 3-c 2-b 1-a", "9-z", limit=1)
        assert paths(together) == ["9-z", "4-d", "2-b"]

    def test_bodies_of_one_request_are_stemmed_after_all_of_them(self) -> None:
        assert paths(arrive(EMPTY, "2-b 1-a", "1-a", limit=1)) == ["2-b"]
        assert paths(arrive(arrive(EMPTY, "2-b 1-a", limit=1), "1-a", limit=1)) == ["2-b", "1-a"]


def test_equal_trees_are_equal() -> None:
    assert tree(*DRAWN) == tree(*DRAWN)
    assert hash(tree(*DRAWN)) == hash(tree(*DRAWN))
    assert tree("1-a") != tree("1-a x")
    assert tree("1-a") != "1-a"
    assert repr(tree("2-b 1-a x")) == "RevTree(1-a<-None@0, 2-b<-1-a@1x)"


def test_a_long_history_grows_and_is_stemmed() -> None:
    revs = [Rev(generation, generation.to_bytes(16, "big")) for generation in range(1001, 0, -1)]
    grown = receive(RevTree.from_path(revs[1:], 1, False), [Arrival(revs, 2, False)], 1000)
    assert grown.path_to(revs[0]) == tuple(revs[:-1])
    assert grown.leaves() == (revs[0],)


def test_latest_of_many_conflicts() -> None:
    """Each of them is asked for when they are replicated: that must not look at all others each time."""
    leaves = [Rev(2, number.to_bytes(16)) for number in range(3_000)]
    root = Rev(1, b"1" * 16)
    grown = RevTree({root: Node(None, 0, False)} | {leaf: Node(root, 1, False) for leaf in leaves})
    started = process_time()
    assert all(grown.latest(leaf) == (leaf,) for leaf in leaves)
    assert process_time() - started < 1
