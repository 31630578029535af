from dataclasses import replace

import pytest

from docstore.lab.scenario import Delete, Kill, Link, Partition, Quality, RandomEdits, Scenario, Write
from docstore.lab.scenario_rules import ScenarioError, check_scenario, describe

GOOD = Scenario("x", ("a", "b", "c"), (Link(("a", "b")), Link(("b", "c"))), duration=60)
EDITS = RandomEdits(("a",), until=60, every=5)


def test_a_good_scenario_passes():
    check_scenario(replace(GOOD, edits=(EDITS,), steps=(Write(1, "a", "_design/d", {}), Partition(2, ("all",)))))


@pytest.mark.parametrize(
    ("changes", "place", "message"),
    [
        ({"nodes": ()}, ("nodes",), "must be a node"),
        ({"nodes": ("a", "b", "b")}, ("nodes",), "same name"),
        ({"nodes": ("a", "../b")}, ("nodes",), "no name for a node"),
        ({"nodes": tuple(f"n{number}" for number in range(51))}, ("nodes",), "more than 50"),
        ({"links": (Link(("a", "x")),)}, ("link", 0, "between"), "no node 'x' \\(there are: a, b, c\\)"),
        ({"links": (Link(("a", "x"), one_way=True),)}, ("link", 0, "to"), "no node 'x'"),
        ({"links": (Link(("a", "a")),)}, ("link", 0, "between"), "two nodes"),
        ({"links": (Link(("a", "b"), driver="c"),)}, ("link", 0, "driver"), "not an end"),
        ({"links": (Link(("a", "b")), Link(("a", "b")))}, ("link", 1, "name"), "already"),
        ({"links": (Link(("a", "b"), name="all"),)}, ("link", 0, "name"), "stands for all"),
        ({"links": (Link(("a", "b"), every=0),)}, ("link", 0, "every"), "more than 0"),
        ({"links": (Link(("a", "b"), every=1e-6),)}, ("link",), "more than 100000"),
        ({"links": (Link(("a", "b"), quality=Quality(cut=1.5)),)}, ("link", 0, "cut"), "between 0 and 1"),
        ({"links": (Link(("a", "b"), quality=Quality(bandwidth=0)),)}, ("link", 0, "bandwidth"), "more than 0"),
        ({"links": (Link(("a", "b")),)}, ("link",), "nothing gets from 'a' to 'c'"),
        ({"links": (Link(("a", "b")), Link(("b", "c"), one_way=True))}, ("link",), "nothing gets from 'c' to 'a'"),
        ({"edits": (replace(EDITS, nodes=("x",)),)}, ("edits", 0, "nodes"), "no node 'x'"),
        ({"edits": (replace(EDITS, nodes=()),)}, ("edits", 0, "nodes"), "must be a node"),
        ({"edits": (replace(EDITS, every=0),)}, ("edits", 0, "every"), "more than 0"),
        ({"edits": (replace(EDITS, every=1e-6),)}, ("edits", 0, "every"), "more than 100000 edits"),
        ({"edits": (replace(EDITS, start=61),)}, ("edits", 0, "until"), "before the start"),
        ({"edits": (replace(EDITS, documents=0),)}, ("edits", 0, "documents"), "must be a document"),
        ({"edits": (replace(EDITS, deletes=0.9, resolves=0.2),)}, ("edits", 0, "deletes"), "more than all"),
        ({"steps": (Kill(1, "x"),)}, ("step", 0, "node"), "no node 'x'"),
        ({"steps": (Kill(-1, "a"),)}, ("step", 0, "at"), "no moment"),
        ({"steps": (Kill(1, "a"), Partition(1, ("a-c",)))}, ("step", 1, "links"), "no link 'a-c'"),
        ({"steps": (Delete(1, "a", "_x"),)}, ("step", 0, "doc"), "no document can have the id '_x'"),
        ({"steps": (Write(1, "a", "d", {"_id": "x"}),)}, ("step", 0, "body"), "underscore"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(changes, place, message):
    with pytest.raises(ScenarioError, match=message) as caught:
        check_scenario(replace(GOOD, **changes))
    assert caught.value.place == place


def test_nodes_need_not_be_connected_where_nothing_has_to_converge():
    check_scenario(replace(GOOD, links=(Link(("a", "b"), one_way=True),), converges=False))


def test_places_in_words():
    assert describe(("step", 2, "node")) == "step 3, node"
    assert describe(("nodes",)) == "nodes"
