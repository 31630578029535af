"""A revision tree as lines of text, for a terminal.

Owns the drawing: oldest revisions first, the winner's chain straight down, other chains beside the revision that they
fork off::

    "d": 9 revisions, 2 leaves (2 live, 0 deleted), in conflict

    ● 1-967a00dff5e02add41819138abb3284d
    ├─● 2-0b1f6e4d2c4f4b1cbf7d0e8a1f2c3d4e
    │ ◆ 3-5e1c9d7f4b2a4e0d8c6b3a2f1e0d9c8b  conflict
    ┆ 5 revisions
    ★ 7-7051cbe5c8faecd085a3fa619e6e6337  winner

It must not know what a terminal can do: whoever prints may colour each line by its state.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from docstore.core.drawing.tree_layout import Fold, Layout, lay_out
from docstore.core.drawing.tree_view import State, TreeView, printable
from docstore.core.rev import Rev

MARKS: Final[Mapping[State, str]] = {State.WINNER: "★", State.CONFLICT: "◆", State.DELETED: "×", State.INNER: "●"}
NO_BODY: Final = "○"
ROOT_UNKNOWN: Final = "┆ older revisions are not known here"


class Line(NamedTuple):
    """One line, and the state of the revision that it shows; INNER for what shows none."""

    text: str
    state: State = State.INNER


def draw_text(view: TreeView) -> Iterator[Line]:
    """The lines of the picture. They hold no control characters."""
    layout = lay_out(view.tree)
    yield Line(f'"{printable(view.id)}": {view.summary()}')
    forks = layout.forks()
    for place, chain in enumerate(layout.chains):
        if chain.fork is None:
            yield Line("")
            yield from _draw_chain(view, layout, forks, place, "", "")
    yield Line("")
    if layout.hidden:
        yield Line(f"{layout.hidden:,} more leaves are not shown.")
    if any(view.is_stored(item) is False for chain in layout.chains for item in chain.items if isinstance(item, Rev)):
        yield Line(f"{NO_BODY} the body of the revision is not stored here")


def _draw_chain(
    view: TreeView, layout: Layout, forks: Mapping[Rev, list[int]], place: int, first: str, rest: str
) -> Iterator[Line]:
    """A chain and those that fork off it; ``first`` stands before its first line, ``rest`` before the others.

    Chains are at most ``MAX_LEAVES``, and so the depth of this recursion.
    """
    chain = layout.chains[place]
    root = chain.items[0]
    if chain.fork is None and isinstance(root, Rev) and root.generation > 1:
        yield Line(first + ROOT_UNKNOWN)
        first = rest
    for item in chain.items:
        if isinstance(item, Fold):
            yield Line(f"{first}┆ {item.length:,} revisions")
        else:
            yield Line(first + _revision(view, item), view.state(item))
            for branch in forks.get(item, ()):
                yield from _draw_chain(view, layout, forks, branch, f"{rest}├─", f"{rest}│ ")
        first = rest


def _revision(view: TreeView, rev: Rev) -> str:
    state = view.state(rev)
    mark = NO_BODY if state is State.INNER and view.is_stored(rev) is False else MARKS[state]
    word = f"  {state}" if state else ""
    wrote = view.authorship(rev)
    return f"{mark} {printable(str(rev))}{word}{'  ' if wrote else ''}{wrote}"
