from dataclasses import replace

import pytest

from docstore.core.authorship import Written
from docstore.core.drawing.tree_view import State, TreeView, members_of, printable, view_of_leaves, view_of_members
from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.rev import parse_rev
from docstore.errors import BadRequest
from tests.core.trees import path, tree

FORKED = tree("1-a", "2-b 1-a", "3-c 2-b 1-a", "3-d 2-b x", "5-e 4-f x")
VIEW = TreeView("d", FORKED, {1, 3, 4})


def test_the_states():
    states = {str(rev): VIEW.state(rev) for rev in FORKED.nodes}
    assert states == {
        "1-a": State.INNER,
        "2-b": State.INNER,
        "3-c": State.WINNER,
        "3-d": State.DELETED,
        "4-f": State.INNER,
        "5-e": State.DELETED,
    }
    assert TreeView("d", tree("1-a", "1-b"), set()).state(parse_rev("1-a")) is State.CONFLICT
    assert TreeView("d", tree("1-a x"), set()).state(parse_rev("1-a")) is State.DELETED


def test_what_is_stored():
    stored = {str(rev): VIEW.is_stored(rev) for rev in FORKED.nodes}
    assert stored == {"1-a": True, "2-b": False, "3-c": True, "3-d": True, "4-f": False, "5-e": False}
    assert replace(VIEW, stored=None).is_stored(parse_rev("1-a")) is None


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["1-a"], "1 revision, 1 leaf (1 live, 0 deleted)"),
        (["2-b 1-a x"], "2 revisions, 1 leaf (0 live, 1 deleted), deleted"),
        (["1-a", "1-b", "1-c x"], "3 revisions, 3 leaves (2 live, 1 deleted), in conflict"),
    ],
)
def test_the_summary(paths: list[str], words: str):
    assert TreeView("d", tree(*paths), None).summary() == words


def test_the_json():
    told = members_of(VIEW)
    assert [told[name] for name in ("id", "winner", "live_leaves", "deleted_leaves")] == ["d", "3-c", 1, 2]
    rows = told["nodes"]
    assert [row["rev"] for row in rows] == ["1-a", "2-b", "3-c", "3-d", "4-f", "5-e"], "parents come first"
    assert rows[2] == {
        "rev": "3-c",
        "parent": "2-b",
        "deleted": False,
        "leaf": True,
        "winner": True,
        "available": True,
        "seq": 3,
        "at": None,
        "by": None,
    }
    assert rows[4] == {
        "rev": "4-f",
        "parent": None,
        "deleted": False,
        "leaf": False,
        "winner": False,
        "available": False,
        "seq": None,
    }


def test_json_and_back():
    known = replace(VIEW, written={3: Written(1_000_000, "alice"), 4: Written(5)})
    for view in (VIEW, replace(VIEW, stored=None), TreeView("é", tree("1-a x"), {1}), known):
        back = view_of_members(decode(encode(members_of(view))))
        assert (back.id, back.tree, back.written) == (view.id, view.tree, view.written)
        assert {rev: back.is_stored(rev) for rev in back.tree.nodes} == {
            rev: view.is_stored(rev) for rev in view.tree.nodes
        }


def test_only_leaves_have_authors():
    rows = members_of(replace(VIEW, written={1: Written(0, "bob"), 3: Written(1_000_000, "alice")}))["nodes"]
    assert {row["rev"]: (row["at"], row["by"]) for row in rows if "at" in row} == {
        "3-c": ("1970-01-01T00:00:01.000000Z", "alice"),
        "3-d": (None, None),
        "5-e": (None, None),
    }


def node(**members: JsonValue) -> JsonValue:
    return {"rev": "2-b", "parent": None, "deleted": False, "available": True, "seq": 1} | members


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"id": "d", "nodes": {}},
        {"id": "d", "nodes": []},
        {"id": "d", "nodes": ["2-b"]},
        {"id": "d", "nodes": [{}]},
        {"id": "d", "nodes": [node(rev=5)]},
        {"id": "d", "nodes": [node(rev="b")]},
        {"id": "d", "nodes": [node(seq="1")]},
        {"id": "d", "nodes": [node(at="today", by=None)]},
        {"id": "d", "nodes": [node(at="1970-01-01T00:00:01.000000Z", by=1)]},
        {"id": "d", "nodes": [node(parent="1-a")]},
        {"id": "d", "nodes": [node(parent="2-b")]},
        {"id": "d", "nodes": [node(parent="3-c"), node(rev="3-c", parent="2-b", seq=2)]},
        {"nodes": [node()]},
    ],
)
def test_what_is_no_tree(value: JsonValue):
    with pytest.raises(BadRequest, match="no revision tree"):
        view_of_members(value)


def test_leaves_and_their_histories():
    view = view_of_leaves("d", [(path("3-c 2-b 1-a"), False), (path("3-d 2-b 1-a"), True), (path("2-x"), False)])
    assert list(map(str, view.tree.leaves())) == ["3-c", "2-x", "3-d"]
    assert [view.state(leaf) for leaf in view.tree.leaves()] == [State.WINNER, State.CONFLICT, State.DELETED]
    assert view.is_stored(parse_rev("1-a")) is None


def test_text_that_may_be_shown():
    assert printable("é a") == "é a"
    assert printable("a\n\x1b[31mb\x9b\u202e") == "a\\u000a\\u001b[31mb\\u009b\\u202e"
