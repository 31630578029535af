"""Conditions of edits: looked at before anything else, by the winner."""

import pytest

from docstore.core.conditions import ANY, CREATE_ONLY, Condition
from docstore.core.edit import meet_condition
from docstore.core.rev import Rev, parse_rev
from docstore.errors import PreconditionFailed
from tests.core.trees import Record

A, B, C, OTHER = (parse_rev(text) for text in ("1-a", "2-b", "2-c", "9-z"))


def record(*leaves: Rev, deleted: bool = False) -> Record:
    made = Record()
    for leaf in leaves:
        made.replicate((leaf, A), deleted=deleted)
    return made


def names(*revs: Rev) -> Condition:
    return Condition(tuple(map(str, revs)))


def test_no_condition_leaves_the_parent_as_it_is():
    assert meet_condition(record(B).head, OTHER, None) == OTHER
    assert meet_condition(None, None, None) is None


def test_a_list_that_names_the_winner_makes_it_the_parent():
    assert meet_condition(record(B, C).head, None, names(OTHER, C)) == C
    assert meet_condition(record(B, C).head, B, names(B, C)) == B, "the edit's own parent stays"


@pytest.mark.parametrize("made", [None, record(B, deleted=True), record(B, C)])
def test_a_list_that_does_not(made: Record | None):
    head = None if made is None else made.head
    for parent in (None, B):
        with pytest.raises(PreconditionFailed):
            meet_condition(head, parent, names(A, B))


def test_create_only():
    for head in (None, record(B, deleted=True).head):
        assert meet_condition(head, None, CREATE_ONLY) is None
        assert meet_condition(head, OTHER, CREATE_ONLY) == OTHER
    for parent in (None, B, OTHER):
        with pytest.raises(PreconditionFailed):
            meet_condition(record(B).head, parent, CREATE_ONLY)


def test_both_at_once_cannot_hold():
    for head in (None, record(B).head):
        with pytest.raises(PreconditionFailed):
            meet_condition(head, None, Condition((str(B),), ANY))
