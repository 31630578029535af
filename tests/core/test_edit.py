"""The revisions here are those that CouchDB made of the same edits."""

import pytest

from docstore.core.attachment import Attachment, Linked
from docstore.core.document import Foreseen
from docstore.core.edit import Create, Extend, Head, Rejected, Rewrite, Unchanged, decide, refuse_delete
from docstore.core.rev import MAX_GENERATION, Rev, parse_rev
from docstore.core.revision_hash import new_revision
from docstore.core.revtree import RevTree
from docstore.errors import Conflict, DocstoreError, DocumentDeleted, LastGeneration, NotFound
from tests.core.trees import Record, edit_of, path, replicated, texts, tree

N1 = "1-731bef401491606a3b246ed178e697c1"  # {"n": 1}, new
N2 = "2-c7b1fa7ae4e5ec669a544d4ef6eee928"  # {"n": 2} upon N1
N1_DELETED = "2-bfa217b130671a8782e04560da45345b"  # the deletion of N1
N5_AGAIN = "3-01d9ffd86c584336c81fdec6317bdc1d"  # {"n": 5} upon that
EMPTY_NEW = "1-967a00dff5e02add41819138abb3284d"  # {}, new

A, B = "a" * 32, "b" * 32
ATTACHMENT = Attachment("a", "text/plain", b"m" * 16, 1, 1, None, 1, 1)


def no_tree() -> RevTree:
    raise AssertionError("the tree is not needed here")


def conflicted() -> Record:
    """Two live branches of one revision, on a third a deletion."""
    record = Record()
    record.replicate("2-b 1-a")
    record.replicate("2-c 1-a")
    record.replicate("3-d 2-d 1-a", deleted=True)
    record.loads = 0
    return record


def is_conflict(result: Rev | DocstoreError) -> bool:
    return isinstance(result, Conflict)


class TestNewDocument:
    def test_a_first_revision(self) -> None:
        assert decide(None, no_tree, edit_of({"n": 1}), 1, 1000) == Create(parse_rev(N1), False, path(N1))

    def test_a_deleted_one_may_be_created(self) -> None:
        rev = parse_rev("1-de715bf126efc93d225d9e3f8e8eb81a")
        assert decide(None, no_tree, edit_of({}, deleted=True), 1, 1000) == Create(rev, True, (rev,))

    @pytest.mark.parametrize("told", ["1-a", "2-b 1-a"])
    @pytest.mark.parametrize("deleted", [False, True])
    @pytest.mark.parametrize("doc_id", ["doc", "_design/d"])
    def test_nothing_has_no_revision_that_could_be_changed(self, told: str, deleted: bool, doc_id: str) -> None:
        edit = edit_of({"n": 1}, path(told)[0], deleted, doc_id)._replace(path=path(told))
        outcome = decide(None, no_tree, edit, 1, 1000)
        assert isinstance(outcome, Rejected)
        assert is_conflict(outcome.error)

    def test_a_revision_that_was_foreseen_otherwise_is_made_of_the_body(self) -> None:
        record = Record()
        record.replicate("2-d 1-a", deleted=True)
        whole = edit_of({"n": 1})
        foreseen = Foreseen(None, new_revision(False, None, whole.term))
        outcomes = [
            decide(record.head, record.load, edit, 9, 1000)
            for edit in (whole, whole._replace(term=b"", foreseen=foreseen))
        ]
        assert outcomes[0] == outcomes[1] == Extend(new_revision(False, path("2-d")[0], whole.term), False)

    def test_a_new_design_document(self) -> None:
        assert isinstance(decide(None, no_tree, edit_of({}, doc_id="_design/d"), 1, 1000), Create)


SIMPLE = "3-33 2-22 1-11"


class TestToldHistory:
    """An edit that tells more than its parent; each verdict is that of CouchDB 3.5."""

    def test_the_revision_is_couchdbs(self) -> None:
        record = Record()
        record.edit({})
        told = path("4-967a00dff5e02add41819138abb3284a 3-967a00dff5e02add41819138abb3284b")
        told += path(f"2-967a00dff5e02add41819138abb3284c {EMPTY_NEW}")
        made = record.apply(edit_of({"blargh": "hgralb"}, told[0])._replace(path=told))
        assert str(made) == "5-4c1a3fa652c789437f9d509f69521fdb"
        assert record.tree.path_to(parse_rev(str(made)))[1:] == told

    @pytest.mark.parametrize(
        ("there", "told", "goes_through"),
        [
            ([SIMPLE], "3-33 2-22 1-11", True),
            ([SIMPLE], "3-33 2-22", True),
            ([SIMPLE], "3-33 2-99 1-11", False),
            ([SIMPLE], "3-33 2-22 1-99", False),
            ([SIMPLE], "2-22 1-11", False),
            ([SIMPLE], "5-55 4-44 3-33", True),
            ([SIMPLE], "5-55 4-44 3-33 2-22 1-99", False),
            ([SIMPLE], "4-55 3-99 2-22", False),
            ([SIMPLE], "5-55 4-44", False),
            ([SIMPLE], "6-55 5-44 4-77", False),
            (["3-33"], "3-33 2-22 1-11", True),
            (["3-33"], "5-55 4-44 3-33 2-22 1-11", True),
            (["3-33 2-22", "2-21"], "2-21 1-11", True),
            (["3-33 2-22", "2-21"], "3-33 2-22 1-11", True),
            (["1-11", "3-33"], "3-33 2-22 1-11", True),
            (["1-11", "3-33"], "4-44 3-33 2-22 1-11", True),
            (["2-22 1-11 x", "2-33 1-11"], "2-22 1-11", True),
            (["2-22 1-11 x", "2-33 1-11"], "3-99 2-22 1-11", True),
            (["2-22 1-11 x"], "2-22 1-11", False),
            (["2-22 1-11 x"], "3-99 2-22 1-11", False),
        ],
    )
    def test_verdicts(self, there: list[str], told: str, goes_through: bool) -> None:
        record = Record()
        for one in there:
            record.replicate(one.removesuffix(" x"), deleted=one.endswith(" x"))
        edit = edit_of({"n": 1}, path(told)[0])._replace(path=path(told))
        assert isinstance(record.apply(edit), Rev) == goes_through

    @pytest.mark.parametrize("what", ["design document", "attachments"])
    def test_where_the_leaf_itself_must_be_named(self, what: str) -> None:
        for told, goes_through in ((SIMPLE, True), ("5-55 4-44 3-33", False), ("3-33 2-99", False)):
            record = Record()
            record.replicate(SIMPLE)
            edit = edit_of({"n": 1}, path(told)[0], doc_id="_design/d" if what == "design document" else "d")
            edit = edit._replace(path=path(told))
            if what == "attachments":
                edit = edit._replace(attachments=(Linked(ATTACHMENT),))
            assert isinstance(record.apply(edit), Rev) == goes_through


class TestLinearDocument:
    """One leaf: nothing but the head is looked at."""

    def test_the_winner_is_extended(self) -> None:
        head = Head(parse_rev(N1), False, 1, 1, True)
        assert decide(head, no_tree, edit_of({"n": 2}, parse_rev(N1)), 2, 1000) == Extend(parse_rev(N2), False)

    def test_the_winner_is_deleted(self) -> None:
        head = Head(parse_rev(N1), False, 1, 1, True)
        outcome = decide(head, no_tree, edit_of({}, parse_rev(N1), deleted=True), 2, 1000)
        assert outcome == Extend(parse_rev(N1_DELETED), True)

    def test_a_deleted_document_is_created_upon_its_winner(self) -> None:
        head = Head(parse_rev(N1_DELETED), True, 2, 2, True)
        assert decide(head, no_tree, edit_of({"n": 5}), 3, 1000) == Extend(parse_rev(N5_AGAIN), False)

    @pytest.mark.parametrize("parent", [None, "1-00", N2, f"2-{A}", f"7-{A}", "1-"])
    @pytest.mark.parametrize("deleted", [False, True])
    def test_no_other_parent_will_do(self, parent: str | None, deleted: bool) -> None:
        head = Head(parse_rev(N1), False, 1, 1, True)
        edit = edit_of({"n": 3}, None if parent is None else parse_rev(parent), deleted)
        outcome = decide(head, no_tree, edit, 2, 1000)
        assert isinstance(outcome, Rejected)
        assert is_conflict(outcome.error)

    @pytest.mark.parametrize("parent", [N1, N1_DELETED, "9-z"])
    def test_a_deleted_document_takes_no_parent_at_all(self, parent: str) -> None:
        head = Head(parse_rev(N1_DELETED), True, 2, 2, True)
        assert isinstance(decide(head, no_tree, edit_of({"n": 2}, parse_rev(parent)), 3, 1000), Rejected)

    def test_a_deleted_document_is_not_deleted_again(self) -> None:
        head = Head(parse_rev(N1_DELETED), True, 2, 2, True)
        assert isinstance(decide(head, no_tree, edit_of({}, deleted=True), 3, 1000), Rejected)

    def test_a_life(self) -> None:
        record = Record()
        assert str(record.edit({"n": 1})) == N1
        assert is_conflict(record.edit({"n": 1}))  # the very same once more
        assert str(record.edit({"n": 2}, N1)) == N2
        assert is_conflict(record.edit({"n": 2}, N1))  # and that one too
        deletion = record.edit({}, N2, deleted=True)
        assert isinstance(deletion, Rev)
        again = record.edit({"n": 1})
        assert isinstance(again, Rev)
        assert again.generation == 4
        assert record.tree.path_to(again) == (again, deletion, parse_rev(N2), parse_rev(N1))
        assert record.loads == 0

    def test_the_same_edit_of_the_same_parent_is_the_same_revision_everywhere(self) -> None:
        here, there = Record(), Record()
        for record in (here, there):
            record.edit({"n": 1})
        assert here.edit({"n": 2}, N1) == there.edit({"n": 2}, N1)


class TestBranchedDocument:
    def test_the_winner_may_be_extended(self) -> None:
        record = conflicted()
        rev = record.edit({"n": 1}, "2-c")
        assert isinstance(rev, Rev)
        assert record.winner() == str(rev)
        assert texts(record.tree.conflicts()) == "2-b"

    def test_a_losing_leaf_may_be_extended(self) -> None:
        record = Record()
        record.replicate(f"1-{A}")
        record.replicate(f"1-{B}")
        assert str(record.edit({"n": 3}, f"1-{A}")) == "2-bd47c4eb36263a174abe2f5a3b92f76e"
        assert texts(record.tree.leaves()) == f"2-bd47c4eb36263a174abe2f5a3b92f76e 1-{B}"
        assert str(record.edit({}, f"1-{B}", deleted=True)) == "2-d57ce398f63417fd01c5c372e5e048e6"
        assert texts(record.tree.deleted_conflicts()) == "2-d57ce398f63417fd01c5c372e5e048e6"

    def test_a_deleted_leaf_beside_a_live_one_may_be_brought_back(self) -> None:
        record = conflicted()
        rev = record.edit({"n": 1}, "3-d")
        assert record.winner() == str(rev)
        assert texts(record.tree.conflicts()) == "2-c 2-b"

    def test_a_deleted_leaf_beside_a_live_one_may_be_deleted_once_more(self) -> None:
        record = conflicted()
        rev = record.edit({}, "3-d", deleted=True)
        assert texts(record.tree.deleted_conflicts()) == str(rev)

    @pytest.mark.parametrize("parent", [None, "1-a", "2-d", "2-z", "9-c"])
    def test_no_other_parent_will_do(self, parent: str | None) -> None:
        record = conflicted()
        before = record.tree
        assert is_conflict(record.edit({"n": 1}, parent))
        assert is_conflict(record.edit({}, parent, deleted=True))
        assert record.tree is before

    def test_without_a_parent_the_tree_is_not_needed(self) -> None:
        record = conflicted()
        record.edit({"n": 1})
        assert record.loads == 0

    def test_all_leaves_deleted_makes_a_deleted_document(self) -> None:
        record = conflicted()
        record.edit({}, "2-c", deleted=True)
        record.edit({}, "2-b", deleted=True)
        winner = record.winner()
        assert is_conflict(record.edit({"n": 1}, winner))
        again = record.edit({"n": 1})
        assert isinstance(again, Rev)
        assert str(record.tree.path_to(again)[1]) == winner

    def test_created_again_upon_the_higher_of_two_deleted_leaves(self) -> None:
        record = Record()
        record.replicate(f"2-{B} 1-{A}")
        longer = " ".join(f"{5 - age}-{digit * 32}" for age, digit in enumerate("54fca"))
        record.replicate(longer, deleted=True)
        assert record.winner() == f"2-{B}"
        assert str(record.edit({}, f"2-{B}", deleted=True)) == "3-d2d1efbc9e5470b799deea60fcf929c9"
        assert record.winner() == f"5-{'5' * 32}"
        again = record.edit({"n": "again"})
        assert str(again) == "6-c6cb6d28fac006f410cece32386eb429"
        assert texts(record.tree.deleted_conflicts()) == "3-d2d1efbc9e5470b799deea60fcf929c9"

    def test_a_revision_that_came_before_without_its_parent_is_joined_to_it(self) -> None:
        here, there = Record(), Record()
        here.edit({"n": 1})
        there.edit({"n": 1})
        made = there.edit({"n": 2}, N1)
        assert isinstance(made, Rev)
        here.replicate([made])
        assert texts(here.tree.leaves()) == f"{N2} {N1}"
        assert here.edit({"n": 2}, N1) == made
        assert here.tree.path_to(made) == path(f"{N2} {N1}")
        assert here.tree.leaves() == (made,)
        assert here.tree.nodes[made].seq == 2  # the body that came by replication stays

    def test_a_revision_that_has_another_parent_is_a_conflict(self) -> None:
        forged = Record()
        forged.edit({"n": 1})
        forged.replicate(f"{N2} 1-f")
        assert is_conflict(forged.edit({"n": 2}, N1))

    def test_stemming(self) -> None:
        record = Record(revs_limit=2)
        record.replicate("4-d 3-c 2-b 1-a")
        record.replicate("3-x")
        rev = record.edit({"n": 1}, "4-d")
        assert isinstance(rev, Rev)
        assert texts(record.tree.path_to(rev)) == f"{rev} 4-d"
        assert texts(record.tree.conflicts()) == "3-x"


class TestReplicated:
    def test_a_new_document(self) -> None:
        record = Record(revs_limit=3)
        assert record.replicate("5-e 4-d 3-c 2-b 1-a") == Create(parse_rev("5-e"), False, path("5-e 4-d 3-c"))
        assert record.replicate("6-f 5-e") == Extend(parse_rev("6-f"), False)
        assert texts(record.tree.path_to(parse_rev("6-f"))) == "6-f 5-e 4-d"
        assert record.loads == 0

    def test_a_known_revision_is_left_alone(self) -> None:
        record = Record()
        record.replicate("1-abc", body={"v": 1})
        assert record.replicate("1-abc", body={"v": 2}) == Unchanged(parse_rev("1-abc"))
        assert record.body(parse_rev("1-abc")) == {"v": 1}
        assert record.loads == 0

    def test_an_old_revision_below_the_stem_becomes_a_conflict(self) -> None:
        record = Record(revs_limit=3)
        record.replicate("6-f 5-e 4-d 3-c")
        record.replicate("3-c 2-b 1-a")
        assert texts(record.tree.leaves()) == "6-f 3-c"

    def test_a_deletion_on_a_shorter_branch_leaves_the_winner(self) -> None:
        record = Record()
        record.replicate("3-abc")
        record.replicate("4-e 3-abc")
        record.replicate("2-f")
        record.replicate("5-d", deleted=True)
        assert record.winner() == "4-e"
        assert texts(record.tree.conflicts()) == "2-f"
        assert texts(record.tree.deleted_conflicts()) == "5-d"

    def test_a_body_for_an_ancestor_known_by_name(self) -> None:
        record = Record()
        record.replicate("3-c 2-b")
        outcome = record.replicate("2-b 1-a", body={"n": "late"})
        assert isinstance(outcome, Rewrite)
        assert outcome.stored == (True,)
        assert record.body(parse_rev("2-b")) == {"n": "late"}
        assert texts(record.tree.leaves()) == "3-c"

    def test_a_longer_path_to_a_known_revision_brings_no_body(self) -> None:
        record = Record()
        record.replicate("4-d", body={"n": 1})
        record.replicate("2-b")
        outcome = record.replicate("4-d 3-c 2-b", body={"n": 2})
        assert isinstance(outcome, Rewrite)
        assert outcome.stored == (False,)
        assert record.body(parse_rev("4-d")) == {"n": 1}
        assert texts(record.tree.leaves()) == "4-d"

    def test_a_body_that_is_stemmed_away_at_once(self) -> None:
        record = Record(revs_limit=1)
        record.replicate("1-x")
        outcome = record.replicate_batch([replicated(path("3-c 2-b 1-a")), replicated(path("1-a"))])
        assert isinstance(outcome, Rewrite)
        assert outcome.stored == (True, False)
        assert texts(record.tree.leaves()) == "3-c 1-x"

    def test_a_batch_of_one_takes_the_short_way(self) -> None:
        record = Record()
        record.replicate("1-a")
        assert record.replicate_batch([replicated(path("2-b 1-a"))]) == Extend(parse_rev("2-b"), False)
        assert record.loads == 0

    def test_a_batch_makes_a_new_document(self) -> None:
        record = Record()
        outcome = record.replicate_batch([replicated(path("1-a")), replicated(path("1-b"), deleted=True)])
        assert outcome == Rewrite(parse_rev("1-b"), True, tree("1-a", "1-b x"), (True, True))

    def test_a_batch_of_known_revisions(self) -> None:
        record = Record()
        record.replicate("1-a")
        record.replicate("1-b")
        assert record.replicate_batch([replicated(path("1-b")), replicated(path("1-a"))]) == Unchanged(parse_rev("1-a"))

    @pytest.mark.parametrize("bad", [(), path("3-c 1-a")])
    def test_a_path_is_consecutive_and_not_empty(self, bad: tuple[Rev, ...]) -> None:
        record = conflicted()
        with pytest.raises(ValueError, match=r"path|generations"):
            record.replicate(bad)


class TestReplicatedExtensionWithoutTheTree:
    """It must not lose what the path tells of older ancestors."""

    def test_the_path_tells_no_more_than_is_stored(self) -> None:
        record = Record()
        record.replicate("3-c 2-b 1-a")
        record.replicate("4-d 3-c 2-b 1-a")
        assert record.loads == 0

    def test_the_path_reaches_below_what_is_stored(self) -> None:
        record = Record()
        record.replicate("3-c")
        assert isinstance(record.replicate("4-d 3-c 2-b"), Rewrite)
        assert texts(record.tree.path_to(parse_rev("4-d"))) == "4-d 3-c 2-b"

    def test_but_what_it_tells_would_be_stemmed_off(self) -> None:
        record = Record(revs_limit=3)
        record.replicate("3-c 2-b 1-a")
        record.replicate("4-d 3-c 2-b 1-a")
        record.replicate("5-e 4-d 3-c 2-b 1-a")
        record.replicate("5-e 4-d 3-c 2-b 1-a")
        assert record.loads == 0
        assert texts(record.tree.path_to(parse_rev("5-e"))) == "5-e 4-d 3-c"

    def test_a_smaller_revs_limit_takes_effect_with_the_next_edit(self) -> None:
        record = Record()
        record.replicate("3-c 2-b 1-a")
        record.revs_limit = 2
        assert isinstance(record.replicate("3-c"), Rewrite)
        assert texts(record.tree.path_to(parse_rev("3-c"))) == "3-c 2-b"

    def test_an_unknown_length_counts_as_one(self) -> None:
        record = Record(knows_length=False)
        record.replicate("2-b 1-a")
        record.replicate("3-c 2-b")
        assert record.loads == 0
        record.replicate("4-d 3-c 2-b 1-a")
        assert record.loads == 1

    def test_the_winner_again_with_a_longer_path(self) -> None:
        record = Record()
        record.replicate("3-c 2-b")
        assert isinstance(record.replicate("3-c 2-b 1-a"), Rewrite)
        assert texts(record.tree.path_to(parse_rev("3-c"))) == "3-c 2-b 1-a"


class TestSingleDelete:
    def test_of_nothing(self) -> None:
        error = refuse_delete(None)
        assert isinstance(error, NotFound)
        assert error.reason == "missing"

    def test_of_a_deleted_document(self) -> None:
        record = Record()
        record.edit({"n": 1})
        record.edit({}, N1, deleted=True)
        assert isinstance(refuse_delete(record.head), DocumentDeleted)

    def test_of_a_live_one_the_edit_rule_decides(self) -> None:
        record = Record()
        record.edit({"n": 1})
        assert refuse_delete(record.head) is None
        assert is_conflict(record.edit({}, deleted=True))


class TestTheHighestGeneration:
    """No edit makes a revision that ``parse_rev`` would refuse."""

    @pytest.mark.parametrize("deleted", [False, True])
    @pytest.mark.parametrize("others", [(), ("2-b 1-a",)])
    def test_it_has_no_children(self, deleted: bool, others: tuple[str, ...]) -> None:
        for generation in (MAX_GENERATION - 1, MAX_GENERATION):
            record = Record()
            for other in others:
                record.replicate(other)
            rev = parse_rev(f"{generation}-a")
            record.replicate(str(rev), deleted=deleted)
            result = record.edit({"n": 1}, None if deleted and not others else rev)
            if isinstance(result, Rev):
                assert parse_rev(str(result)) == result
            elif not isinstance(result, Conflict):
                assert generation == MAX_GENERATION
                assert isinstance(result, LastGeneration)


class TestForeseenRevision:
    """A revision that was computed before counts for its own parent alone, and changes nothing."""

    @pytest.mark.parametrize("parent", [None, N1])
    @pytest.mark.parametrize(
        "head",
        [
            None,
            Head(parse_rev(N1), False, 1, 1, True, 1),
            Head(parse_rev(N1_DELETED), True, 2, 2, True, 2),
        ],
    )
    def test_the_outcome_is_the_same(self, head: Head | None, parent: str | None) -> None:
        told = None if parent is None else parse_rev(parent)
        plain = edit_of({"n": 2}, told)
        foreseen = plain._replace(foreseen=Foreseen(told, new_revision(False, told, plain.term)))
        without, with_it = decide(head, no_tree, plain, 3, 1000), decide(head, no_tree, foreseen, 3, 1000)
        if isinstance(without, Rejected):
            assert isinstance(with_it, Rejected)
        else:
            assert with_it == without

    def test_it_is_taken_for_its_parent(self) -> None:
        marked = Rev(1, b"m" * 16)
        edit = edit_of({"n": 1})._replace(foreseen=Foreseen(None, marked))
        assert decide(None, no_tree, edit, 1, 1000) == Create(marked, False, (marked,))
        assert decide(None, no_tree, edit._replace(attachments_term=b"x"), 1, 1000) != Create(marked, False, (marked,))
