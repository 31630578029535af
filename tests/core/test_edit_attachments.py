"""Attachments within an edit: resolved from the parent, before the edit is decided."""

import pytest

from docstore.core.attachment import Attachment, EditAttachment, Linked, Stub
from docstore.core.edit import Edit, Rejected, decide, settle_attachments
from docstore.core.rev import Rev, parse_rev
from docstore.core.revision_hash import NIL
from docstore.core.revtree import RevTree
from docstore.errors import Conflict, MissingStub
from tests.core.trees import Record, edit_of

OLD = Attachment("old", "image/png", b"o" * 16, 3, 3, None, 2, 8)
NEW = Linked(Attachment("new", "image/png", b"n" * 16, 4, 4, None, 0, 9), fresh=True, staging=5)
STUB = Stub("old")
A, B, C = parse_rev("1-a"), parse_rev("2-b"), parse_rev("2-c")


def no_tree() -> RevTree:
    raise AssertionError("the tree is not needed here")


def nothing(rev: Rev) -> tuple[Attachment, ...]:
    raise AssertionError(f"the attachments of {rev} are not needed here")


def edit(parent: Rev | None, *attachments: EditAttachment, deleted: bool = False) -> Edit:
    return edit_of({}, parent, deleted)._replace(attachments=attachments)


def line() -> Record:
    record = Record()
    record.replicate((B, A))
    return record


def test_fresh_bytes_of_a_new_document():
    settled = settle_attachments(None, no_tree, edit(None, NEW), nothing)
    assert isinstance(settled, Edit)
    [one] = settled.attachments
    assert isinstance(one, Linked)
    assert (one.attachment.revpos, one.staging) == (1, 5)
    assert settled.attachments_term != NIL


@pytest.mark.parametrize("parent", [None, A])
def test_a_stub_of_a_new_document_finds_nothing(parent: Rev | None):
    settled = settle_attachments(None, no_tree, edit(parent, NEW, STUB), nothing)
    assert isinstance(settled, Rejected)
    assert isinstance(settled.error, MissingStub)
    assert settled.error.reason == "Invalid attachment stub in doc for old"


def test_a_stub_of_the_winner_needs_no_tree():
    settled = settle_attachments(line().head, no_tree, edit(B, STUB, NEW), lambda rev: [OLD] if rev == B else [])
    assert isinstance(settled, Edit)
    kept, fresh = settled.attachments
    assert kept == Linked(OLD)
    assert isinstance(fresh, Linked)
    assert fresh.attachment.revpos == 3


def test_fresh_bytes_need_nothing_of_the_parent():
    assert isinstance(settle_attachments(line().head, no_tree, edit(B, NEW), nothing), Edit)


def test_a_stub_of_another_leaf():
    record = line()
    record.replicate((C, A))
    loser = next(leaf for leaf in (B, C) if str(leaf) != record.winner())
    settled = settle_attachments(record.head, record.load, edit(loser, STUB), lambda rev: [OLD] if rev == loser else [])
    assert isinstance(settled, Edit)
    assert settled.attachments == (Linked(OLD),)


@pytest.mark.parametrize("parent", [None, A, parse_rev("7-x")])
def test_a_conflict_is_told_by_the_rule_and_not_by_the_stub(parent: Rev | None):
    record = line()
    asked = edit(parent, STUB)
    settled = settle_attachments(record.head, record.load, asked, nothing)
    assert settled == asked
    outcome = decide(record.head, record.load, asked, 9, 1000)
    assert isinstance(outcome, Rejected)
    assert isinstance(outcome.error, Conflict)


def test_a_document_created_again_goes_on_counting():
    record = line()
    record.edit({}, B, deleted=True)
    settled = settle_attachments(record.head, no_tree, edit(None, NEW), nothing)
    assert isinstance(settled, Edit)
    [one] = settled.attachments
    assert isinstance(one, Linked)
    assert one.attachment.revpos == 4
    assert isinstance(settle_attachments(record.head, no_tree, edit(None, STUB), nothing), Rejected)


def test_a_deletion_may_keep_attachments():
    settled = settle_attachments(line().head, no_tree, edit(B, STUB, deleted=True), lambda _rev: [OLD])
    assert isinstance(settled, Edit)
    assert settled.attachments == (Linked(OLD),)


def test_the_revision_depends_on_what_a_stub_stands_for():
    head = line().head
    outcomes = []
    for stored in (OLD, OLD._replace(md5=b"p" * 16), OLD._replace(blob=77)):
        settled = settle_attachments(head, no_tree, edit(B, STUB), lambda _rev, stored=stored: [stored])
        assert isinstance(settled, Edit)
        outcomes.append(decide(head, no_tree, settled, 9, 1000))
    assert outcomes[0] != outcomes[1]
    assert outcomes[0] == outcomes[2]
