"""Replies to resolutions, as they are rendered from a command's result."""

import json
import pickle

import pytest

from docstore.core.json_text import encode
from docstore.core.resolution import Resolved
from docstore.core.rev import parse_rev
from docstore.database.apply.resolve_forms import ManyResolvedForm, PlannedRow, ResolvedForm, refused_row, rows_text
from docstore.errors import DatabaseNotFound, MergeClash, ResolveStaleLeaves

DONE = Resolved(parse_rev("3-c"), (parse_rev("3-b"), parse_rev("2-a")))
MERGED = PlannedRow("a/b", 3, True, parse_rev("1-x"), encode(["/n", '/"']))


def clash():
    error = MergeClash("The leaves differ at '/n'.")
    error.details = {"clashes": ["/n"]}
    return error


def test_one():
    form = ResolvedForm(PlannedRow("a", 3), 201, (("Location", "there"),))
    reply = form.render([[DONE]])
    assert reply.body == b'{"ok":true,"id":"a","rev":"3-c","tombstones":["3-b","2-a"]}\n'
    assert (reply.status, reply.headers, reply.etag) == (201, (("Location", "there"),), "3-c")


def test_one_that_was_merged():
    told = json.loads(ResolvedForm(MERGED, 201).render([[DONE]]).body)
    assert told == {
        "ok": True, "id": "a/b", "rev": "3-c", "tombstones": ["3-b", "2-a"], "ancestor": "1-x", "clashes": ["/n", '/"']
    }  # fmt: skip
    assert json.loads(PlannedRow("a", 1, True).text(DONE, b',"x":1'))["ancestor"] is None


def test_an_error_is_raised():
    for results in ([[ResolveStaleLeaves()]], [ResolveStaleLeaves()]):
        with pytest.raises(ResolveStaleLeaves):
            ResolvedForm(MERGED, 201).render(results)


def test_many():
    form = ManyResolvedForm((PlannedRow("a", 2), refused_row("b", clash()), MERGED), "é")
    reply = form.render([[DONE, ResolveStaleLeaves()]])
    told = json.loads(reply.body)
    assert [row["id"] for row in told["rows"]] == ["a", "b", "a/b"]
    assert told["rows"][1] == {
        "id": "b", "error": "merge_clash", "reason": "The leaves differ at '/n'.", "clashes": ["/n"]
    }  # fmt: skip
    assert told["rows"][2]["error"] == "resolve_stale_leaves"
    assert told["next"] == "é"
    assert json.loads(rows_text([], None)) == {"rows": [], "next": None}


def test_many_of_a_database_that_is_gone():
    with pytest.raises(DatabaseNotFound):
        ManyResolvedForm((MERGED,)).render([DatabaseNotFound()])


def test_results_of_something_else():
    for results in ([5], [[DONE]]):
        with pytest.raises(TypeError, match="no result of a resolution"):
            ManyResolvedForm((MERGED, MERGED)).render(results)


def test_what_is_expected_is_enough():
    for form in (ResolvedForm(MERGED, 201), ManyResolvedForm((MERGED, refused_row("b", clash())))):
        rev = parse_rev("12345-" + "a" * 32)
        assert len(form.render([[Resolved(rev, (rev, rev))]]).body) <= form.expected_bytes


def test_forms_are_plain_data():
    form = ManyResolvedForm((MERGED, b"{}"), "x")
    assert pickle.loads(pickle.dumps(form)) == form
