"""How a revision tree is arranged in a picture.

Owns which revisions are shown and what belongs to one line. It must not know how anything is drawn. A tree may have
thousands of revisions; what matters in it are its ends and its forks::

    1-a   2-b   3-c   4-d   5-e   6-f   7-g   8-h          the winner's chain: from its root to the winner
                      4-x   5-y                            a chain that forks off 3-c

    1-a   2-b   3-c   (4 revisions)   8-h                  as it is shown
                      4-x   5-y

Each leaf has a **chain**: the revisions between it and the chain of a leaf that comes before it in winner order. A
chain shows its first and its last revision and those that others fork off; of the stretches between, longer ones are
**folded**. So a picture is at most as large as ``max_leaves`` wants it, whatever the length of the branches.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from docstore.core.rev import Rev
from docstore.core.revtree import RevTree

MAX_LEAVES: Final = 64
FOLD_FROM: Final = 3
"""A stretch of so many revisions is folded; a shorter one is shown."""


class Fold(NamedTuple):
    """A stretch of a chain that is not shown: how many revisions, from the oldest to the newest."""

    length: int
    first: Rev
    last: Rev


Item: TypeAlias = Rev | Fold


class Chain(NamedTuple):
    """The revisions of one leaf, oldest first, that belong to no chain before.

    ``fork``  the revision that the first one descends from; None for a root
    ``base``  the chain that ``fork`` belongs to
    """

    items: tuple[Item, ...]
    fork: Rev | None
    base: int | None


class Layout(NamedTuple):
    """The chains in winner order of their leaves, and how many leaves are left out."""

    chains: tuple[Chain, ...]
    hidden: int

    def forks(self) -> dict[Rev, list[int]]:
        """The chains that fork off each revision, in winner order."""
        found: dict[Rev, list[int]] = {}
        for place, chain in enumerate(self.chains):
            if chain.fork is not None:
                found.setdefault(chain.fork, []).append(place)
        return found


def lay_out(tree: RevTree, *, max_leaves: int = MAX_LEAVES) -> Layout:
    """The layout of a tree; revisions from which no leaf descends are left out."""
    leaves = tree.leaves()
    owner: dict[Rev, int] = {}
    runs: list[list[Rev]] = []
    forks: list[Rev | None] = []
    for place, leaf in enumerate(leaves[:max_leaves]):
        run: list[Rev] = []
        rev: Rev | None = leaf
        while rev is not None and rev not in owner:
            owner[rev] = place
            run.append(rev)
            rev = tree.nodes[rev].parent
        run.reverse()
        runs.append(run)
        forks.append(rev)
    ends = {rev for run in runs for rev in (run[0], run[-1])}
    kept = ends.union(fork for fork in forks if fork is not None)
    chains = tuple(
        Chain(_folded(run, kept), fork, None if fork is None else owner[fork])
        for run, fork in zip(runs, forks, strict=True)
    )
    return Layout(chains, max(len(leaves) - max_leaves, 0))


def _folded(run: Sequence[Rev], kept: set[Rev]) -> tuple[Item, ...]:
    items: list[Item] = []
    stretch: list[Rev] = []
    for rev in run:
        if rev not in kept:
            stretch.append(rev)
            continue
        items += _shown(stretch)
        stretch = []
        items.append(rev)
    return tuple(items)


def _shown(stretch: Sequence[Rev]) -> Sequence[Item]:
    return stretch if len(stretch) < FOLD_FROM else [Fold(len(stretch), stretch[0], stretch[-1])]
