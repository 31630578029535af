"""Who owns a replication document, what it may say, and how its state stands in it."""

import pytest

from docstore.core.json_text import decode
from docstore.core.revision_hash import encode_term
from docstore.database.write_hooks import Actor
from docstore.errors import Forbidden
from docstore.replication.jobs import documents as replicator_docs
from docstore.replication.jobs.documents import check_edit, described, is_replicator, replicator_hook
from tests.database.helpers import document

ADMIN = Actor("admin", True)
SUE = Actor("sue", False)
SOURCE = "http://sue:secret@host:5984/a"
VALID = {"source": SOURCE, "target": "http://host:5984/b"}


def checked(actor=ADMIN, **members):
    found = check_edit(document("d", **members), actor)
    body = decode(found.body)
    assert found.term == encode_term(body)
    return body


@pytest.mark.parametrize("name", ["_replicator", "a/_replicator", "a/b/_replicator"])
def test_replicator_databases(name):
    assert is_replicator(name)
    assert replicator_hook(name) is check_edit


@pytest.mark.parametrize("name", ["a", "a_replicator", "_users", "_replicator/a", "a/_replicators"])
def test_other_databases(name):
    assert not is_replicator(name)
    assert replicator_hook(name) is None


def test_the_writer_owns_a_document_that_names_no_owner():
    assert checked(**VALID) == {**VALID, "owner": "admin"}
    assert checked(Actor(None, True), **VALID)["owner"] is None


def test_an_owner_stays():
    assert checked(**VALID, owner="sue")["owner"] == "sue"
    assert checked(SUE, **VALID, owner="sue")["owner"] == "sue"
    assert checked(owner=None, **VALID) == {"owner": "admin", **VALID}


def test_a_document_of_somebody_else():
    with pytest.raises(Forbidden, match="from other users"):
        checked(SUE, **VALID, owner="joe")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "Missing replicator database"),
        ({"source": SOURCE}, "Missing replicator database"),
        ({**VALID, "source": 5}, "{error,function_clause}"),
        ({**VALID, "source": "a"}, "local_endpoints_not_supported"),
        (
            {**VALID, "continuous": "yes"},
            '{throw,{bad_request,<<"parameter `continuous` must be a boolean">>}}',
        ),
    ],
)
def test_what_is_no_replication_is_refused(members, words):
    with pytest.raises(Forbidden) as refused:
        checked(**members)
    assert refused.value.reason == words


def test_deletions_and_failed_documents_need_be_no_replications():
    assert checked(_replication_state="failed")["owner"] == "admin"
    gone = check_edit(document("d", "1-a", deleted=True), ADMIN)
    assert decode(gone.body) == {"owner": "admin"}


def test_design_documents_are_left_alone():
    edit = document("_design/d", a=1)
    assert check_edit(edit, SUE) is edit


def test_a_document_that_needs_no_change_is_the_same():
    edit = document("d", **VALID, owner="admin")
    assert check_edit(edit, ADMIN) is edit


# --- states


def test_completed():
    before = {**VALID, "_replication_state_reason": "x", "_replication_state": "error"}
    assert replicator_docs.completed(before, {"docs_read": 1}, 0.0) == {
        **VALID,
        "_replication_state": "completed",
        "_replication_state_time": "1970-01-01T00:00:00Z",
        "_replication_stats": {"docs_read": 1},
    }


def test_failed():
    before = {**VALID, "_replication_stats": {}}
    assert replicator_docs.failed(before, "why", 60.9) == {
        **VALID,
        "_replication_state": "failed",
        "_replication_state_time": "1970-01-01T00:01:00Z",
        "_replication_state_reason": "why",
    }


def test_the_time_is_that_of_the_last_change_of_the_state():
    once = replicator_docs.troubled(VALID, "a", "id", 1.0)
    twice = replicator_docs.troubled(once, "b", "id", 2.0)
    assert twice == {**once, "_replication_state_reason": "b"}
    assert replicator_docs.without_state(twice) == VALID
    triggered = replicator_docs.triggered(twice, "id2", 3.0)
    assert triggered["_replication_state_time"] == "1970-01-01T00:00:03Z"
    assert triggered["_replication_id"] == "id2"
    assert "_replication_state_reason" not in triggered


def test_stats_of_a_run():
    info = {"docs_read": 3, "source_seq": "5-x", "through_seq": "5-x", "checkpointed_source_seq": "5-x"}
    assert replicator_docs.completion_stats(info, 0.0) == {
        "docs_read": 3,
        "checkpointed_source_seq": "5-x",
        "start_time": "1970-01-01T00:00:00Z",
    }


# --- what a document tells by itself


def test_a_completed_document():
    members = replicator_docs.completed(
        {"_id": "d", **VALID}, {"docs_read": 1, "start_time": "1970-01-01T00:00:00Z"}, 60.0
    )
    assert described("_replicator", members) == {
        "database": "_replicator",
        "doc_id": "d",
        "id": None,
        "source": "http://host:5984/a/",
        "target": "http://host:5984/b/",
        "state": "completed",
        "error_count": 0,
        "info": {"docs_read": 1},
        "start_time": "1970-01-01T00:00:00Z",
        "last_updated": "1970-01-01T00:01:00Z",
    }


def test_a_failed_document():
    row = described("_replicator", replicator_docs.failed({"_id": "d", "source": {"url": SOURCE}}, "why", 0.0))
    assert (row["state"], row["error_count"], row["info"]) == ("failed", 1, {"error": "why"})
    assert row["start_time"] == row["last_updated"] == "1970-01-01T00:00:00Z"
    assert (row["source"], row["target"]) == ("http://host:5984/a/", None)


def test_a_document_without_a_word():
    row = described("_replicator", {"_id": "d", **VALID})
    assert (row["state"], row["info"], row["last_updated"]) == (None, None, None)
