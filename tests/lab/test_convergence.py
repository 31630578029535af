from docstore.core.rev import parse_rev
from docstore.lab.convergence import Leaves, compare, read_state
from tests.database.helpers import replicated


def rev(text):
    generation, letter = text.split("-")
    return parse_rev(f"{generation}-{letter * 32}")


def leaves(winner, *conflicts, tombstones=(), deleted=False):
    return Leaves(rev(winner), deleted, tuple(map(rev, conflicts)), tuple(map(rev, tombstones)))


async def test_the_state_of_a_node_has_every_leaf(nodes):
    database = nodes[0].database
    arrivals = [
        replicated("d", "2-b", "1-a"),
        replicated("d", "2-c", "1-a"),
        replicated("d", "3-d", "2-d", "1-a", deleted=True),
        replicated("gone", "2-a", "1-a", deleted=True),
        *(replicated(f"many-{number}", "1-a") for number in range(1_200)),
    ]
    await database.update_docs(arrivals, new_edits=False)
    state = await read_state(database)
    assert len(state) == 1_202
    assert state["d"] == leaves("2-c", "2-b", tombstones=["3-d"])
    assert state["gone"] == leaves("2-a", deleted=True)
    assert state["many-7"] == leaves("1-a")


def test_equal_nodes_have_converged():
    state = {"d": leaves("2-c", "2-b"), "e": leaves("1-a")}
    found = compare({"left": state, "right": dict(state)})
    assert found.converged
    assert (found.documents, found.conflicted) == (2, ("d",))
    assert str(found) == "the same on all 2 nodes: 2 documents, 1 with conflicts"


def test_what_differs_is_told():
    found = compare(
        {
            "left": {"d": leaves("2-c", "2-b"), "same": leaves("1-a")},
            "right": {"d": leaves("2-c"), "same": leaves("1-a")},
            "third": {"d": leaves("2-c", "2-b"), "same": leaves("1-a"), "more": leaves("2-d", deleted=True)},
        }
    )
    assert not found.converged
    assert str(found) == "\n".join(
        [
            "2 of 3 documents are not the same on all nodes",
            "d",
            f"  left, third: 2-{'c' * 32} winner, 2-{'b' * 32} conflict",
            f"  right: 2-{'c' * 32} winner",
            "more",
            "  left, right: no such document",
            f"  third: 2-{'d' * 32} deleted winner",
        ]
    )


def test_another_winner_of_the_same_leaves_is_a_difference():
    assert not compare({"a": {"d": leaves("2-c", "2-b")}, "b": {"d": leaves("2-b", "2-c")}}).converged


def test_another_tombstone_is_a_difference():
    assert not compare({"a": {"d": leaves("2-c", tombstones=["2-b"])}, "b": {"d": leaves("2-c")}}).converged


def test_long_differences_are_cut():
    found = compare({"a": {f"doc-{number:02}": leaves("1-a") for number in range(30)}, "b": {}})
    assert len(found.differences) == 30
    assert str(found).endswith("doc-09\n  a: 1-" + "a" * 32 + " winner\n  b: no such document\n... and 20 more")
