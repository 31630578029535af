"""Each action of a rule has a test that sees its effect from a client; the store is looked at when that ends."""

import inspect

import pytest

from docstore.double.actions import Action
from tests.double import conftest, test_answers, test_documents, test_feeds, test_sessions, test_throttle

PROOFS = {
    "answer": test_answers.test_an_error_instead_of_the_answer,
    "delay": test_answers.test_a_delay,
    "stall": test_answers.test_a_stall_lasts_as_long_as_its_rule,
    "drop": test_answers.test_a_closed_connection,
    "drop_reply": test_answers.test_a_closed_connection,
    "reset": test_answers.test_a_reset_connection,
    "broken_json": test_answers.test_an_answer_that_is_no_json,
    "truncate": test_answers.test_a_body_that_breaks_off,
    "slow_body": test_answers.test_a_slow_body_is_the_same_body,
    "break_feed": test_feeds.test_a_feed_that_breaks_off_in_a_row,
    "repeat_rows": test_feeds.test_rows_again,
    "reorder_rows": test_feeds.test_rows_in_another_order,
    "rewind": test_feeds.test_a_feed_begins_earlier,
    "stale_read": test_documents.test_a_stale_read,
    "spurious_conflict": test_documents.test_a_stale_write_becomes_a_branch,
    "expire_session": test_sessions.test_a_session_ends_and_another_can_be_begun,
    "throttle": test_throttle.test_a_class_beyond_its_limit,
}
KINDS = {kind.__struct_config__.tag: kind for kind in Action.__args__}


def test_every_action_has_one() -> None:
    assert PROOFS.keys() == KINDS.keys()


@pytest.mark.parametrize("name", PROOFS)
def test_it_is_about_the_action(name: str) -> None:
    proof = PROOFS[name]
    said = inspect.getsource(proof) + "".join(
        repr(mark.args) for mark in getattr(proof, "pytestmark", ()) if mark.name == "parametrize"
    )
    assert f"{KINDS[name].__name__}(" in said or f'"{name}"' in said
    assert {"server", "guarded"} & inspect.signature(proof).parameters.keys()


def test_the_stores_are_looked_at() -> None:
    for fixture in (test_sessions.guarded, conftest.server):
        assert "storage_findings" in inspect.getsource(fixture)
