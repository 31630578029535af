"""Strategies that draw revision histories: honest ones, and forged ones that contradict themselves."""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from docstore.core.rev import Rev
from docstore.core.revtree import EMPTY, Arrival, RevTree


class History(NamedTuple):
    """What all nodes together have written: every revision's true path (newest first), and which are deletions."""

    paths: dict[Rev, tuple[Rev, ...]]
    deleted: frozenset[Rev]


@st.composite
def histories(draw: st.DrawFn, max_revs: int = 12) -> History:
    """An honest history: every revision has one parent, or none."""
    paths: dict[Rev, tuple[Rev, ...]] = {}
    deleted: set[Rev] = set()
    revs: list[Rev] = []
    for number in range(draw(st.integers(1, max_revs))):
        back = draw(st.integers(0, 3)) if revs else 0
        ancestors = paths[revs[-min(back, len(revs))]] if back else ()
        generation = ancestors[0].generation + 1 if ancestors else draw(st.sampled_from([1, 1, 3]))
        rev = Rev(generation, draw(st.sampled_from([b"a", b"m", b"z"])) + b"%02d" % number)
        revs.append(rev)
        paths[rev] = (rev, *ancestors)
        if draw(st.booleans()) and draw(st.booleans()):
            deleted.add(rev)
    return History(paths, frozenset(deleted))


@st.composite
def arrivals(draw: st.DrawFn, history: History, *, whole_paths: bool = False) -> list[Arrival]:
    """Some of a history's revisions, in any order, some twice, each with as much of its path as its sender told."""
    chosen = draw(st.lists(st.sampled_from(list(history.paths)), min_size=1, max_size=12))
    made: list[Arrival] = []
    for seq, rev in enumerate(chosen, 1):
        path = history.paths[rev]
        told = len(path) if whole_paths else draw(st.integers(1, len(path)))
        made.append(Arrival(path[:told], seq, rev in history.deleted))
    return made


@st.composite
def forged_paths(draw: st.DrawFn) -> tuple[Rev, ...]:
    """Any consecutive path; two of them soon disagree on a parent."""
    newest = draw(st.integers(1, 5))
    length = draw(st.integers(1, newest))
    return tuple(Rev(newest - age, draw(st.sampled_from([b"a", b"b", b"c"]))) for age in range(length))


FORGED_ARRIVALS = st.lists(st.builds(Arrival, forged_paths(), st.integers(1, 9), st.booleans()), min_size=0, max_size=8)


def grown_from(made: Sequence[Arrival]) -> RevTree:
    """The union of all arrivals, without stemming."""
    tree = EMPTY
    for arrival in made:
        tree, _ = tree.insert_path(*arrival)
    return tree


FORGED_TREES = st.builds(grown_from, FORGED_ARRIVALS)
