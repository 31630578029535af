"""Receiving many revisions: the work grows with what is sent and what is there, never with their product.

Work is counted in calls, since times say more of the machine.
"""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from docstore.core.receiving import receive
from docstore.core.rev import Rev
from docstore.core.revtree import EMPTY, Arrival, Node, RevTree

TRUNK = tuple(Rev(generation, b"t%015d" % generation) for generation in range(100, 0, -1))


def leaf(number: int, generation: int) -> Rev:
    return Rev(generation, b"leaf%012d" % number)


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, C's among them."""
    counted = 0

    def count(_frame: FrameType, event: str, _of: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


def roots(count: int) -> list[Arrival]:
    return [Arrival((leaf(number, 1),), number + 1, False) for number in range(count)]


def on_one_trunk(count: int) -> list[Arrival]:
    return [Arrival((leaf(number, 101), *TRUNK[:1]), number + 1, False) for number in range(count)]


def over_two_roots(count: int) -> list[Arrival]:
    """Roots that the first path joins, so that all are kept apart."""
    first = Arrival((leaf(0, 3), leaf(0, 2), leaf(0, 1)), count + 3, False)
    return [Arrival(first.path[2:], count + 1, False), Arrival(first.path[1:2], count + 2, False), first, *roots(count)]


@pytest.mark.parametrize("made", [roots, on_one_trunk, over_two_roots])
def test_eight_times_the_arrivals_are_eight_times_the_work(made: Callable[[int], list[Arrival]]) -> None:
    trunk = RevTree.from_path(TRUNK, 1_000_000, False)
    few, many = made(100), made(800)
    assert calls(lambda: receive(trunk, many, 50)) < 12 * calls(lambda: receive(trunk, few, 50))


def test_no_tree_is_made_for_each_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree is made by copying all its nodes, so one for each arrival is what makes the whole quadratic."""
    made = 0
    init = RevTree.__init__

    def counted(self: RevTree, nodes: dict[Rev, Node]) -> None:
        nonlocal made
        made += 1
        init(self, nodes)

    monkeypatch.setattr(RevTree, "__init__", counted)
    assert len(receive(EMPTY, roots(300), 1000).leaves()) == 300
    assert made < 5


class _Counting(dict[Rev, Node]):
    looked_up = 0

    def __getitem__(self, rev: Rev) -> Node:
        self.looked_up += 1
        return super().__getitem__(rev)


@pytest.mark.parametrize(
    "work",
    [
        lambda tree: tree.stem(60),
        lambda tree: tree.latest(TRUNK[-1]),
        lambda tree: tree.purge_leaves([leaf(number, 101) for number in range(100)]),
    ],
    ids=["stem", "latest", "purge"],
)
def test_a_trunk_that_many_leaves_share_is_walked_once(work: Callable[[RevTree], object]) -> None:
    nodes = _Counting(receive(RevTree.from_path(TRUNK, 1_000, False), on_one_trunk(200), 1_000).nodes)
    tree = RevTree(nodes)
    assert len(tree.leaves()) == 200
    nodes.looked_up = 0
    work(tree)
    assert nodes.looked_up < 5 * len(nodes)
