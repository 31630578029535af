"""THE rule of resolving a conflict: what becomes of the leaves of a document.

A resolution takes all live leaves of a document at once. One is left, and every other gets a child without content, a
tombstone, just as if somebody had deleted it::

    1-a --- 2-b --- 3-c                 the winner                3-c --- 4-r          the result, a new revision
                +-- 3-9                 another live leaf         3-9 --- 4-x deleted  its tombstone
    2-5                                 and one more              2-5 --- 3-y deleted

The result is written on the winning branch; or nothing new is written, and one leaf is **kept** while all others, the
winner perhaps among them, get tombstones. The ids are those that the same edits would have anywhere, so what comes of a
resolution replicates as ordinary revisions, and two nodes that resolve the same leaves in the same way make the same
ones. Afterwards one live leaf is left, or none if the result is a deletion.

Whoever resolves names the leaves that were **seen**. These must be all live leaves; deleted leaves may be named too.
If a leaf came or went meanwhile the resolution is refused, since it was decided without knowing that.

This module owns the rule. It must not know how a result was found (``merge_strategies.py``), records or storage. It
looks at leaves only, so nodes that keep other bodies of ancestors decide alike.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from docstore.core.edit import Edit, Rejected, Rewrite
from docstore.core.receiving import receive
from docstore.core.rev import MAX_GENERATION, Rev
from docstore.core.revision_hash import EMPTY_BODY_TERM, new_revision
from docstore.core.revtree import Arrival, RevTree
from docstore.errors import Conflict, DocstoreError, DocumentDeleted, LastGeneration, ResolveStaleLeaves

SUPPLIED_TOLD: Final = 1_000
"""How many of the leaves that were supplied an error repeats."""


class Resolution(NamedTuple):
    """What shall become of the live leaves of one document. Plain data.

    ``seen`` are the leaves that the decision was made for. Either ``keep`` is the live leaf that stays as it is, or
    ``result`` is the edit of the winner, whose attachments ``settle_attachments`` has to resolve.
    """

    doc_id: str
    seen: tuple[Rev, ...]
    keep: Rev | None = None
    result: Edit | None = None


class Resolved(NamedTuple):
    """The revision that is left of a conflict, and the tombstones of the other leaves, in winner order of these."""

    rev: Rev
    tombstones: tuple[Rev, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolvedTree:
    """What a resolution comes to. ``rewrite`` is None where nothing is to be written.

    ``rewrite.stored`` tells of the result, if there is one, and then of each tombstone.
    """

    answer: Resolved
    rewrite: Rewrite | None


def live_leaves(tree: RevTree) -> tuple[Rev, ...]:
    """The leaves that are no deletions, in winner order."""
    return tuple(leaf for leaf in tree.leaves() if not tree.nodes[leaf].deleted)


def refuse_leaves(tree: RevTree, seen: Collection[Rev]) -> DocstoreError | None:
    """Why a document cannot be resolved for these leaves, or None."""
    live = live_leaves(tree)
    if not seen or not set(live) <= set(seen) <= set(tree.leaves()):
        return stale_leaves(live, seen)
    return None if live else DocumentDeleted()


def stale_leaves(live: Collection[Rev], seen: Collection[Rev]) -> ResolveStaleLeaves:
    """The error of a resolution for other leaves than the live ones."""
    error = ResolveStaleLeaves()
    told = islice(seen, SUPPLIED_TOLD)
    error.details = {"leaves": [str(rev) for rev in live], "supplied_leaves": [str(rev) for rev in told]}
    return error


def decide_resolution(tree: RevTree, resolution: Resolution, seq: int, revs_limit: int) -> ResolvedTree | Rejected:
    """The outcome of a resolution whose bodies would be stored under ``seq`` and the numbers behind it.

    Refused are leaves other than those seen, an edit of another revision than the winner, and what would not leave the
    revision intended: forged histories alone can do that.
    """
    refusal = refuse_leaves(tree, resolution.seen)
    if refusal is not None:
        return Rejected(refusal)
    live = live_leaves(tree)
    edit = resolution.result
    left = live[0] if edit is not None else resolution.keep
    if left not in live or (edit is not None and edit.parent != left):
        return Rejected(stale_leaves(live, resolution.seen))
    if any(leaf.generation >= MAX_GENERATION for leaf in live if edit is not None or leaf != left):
        return Rejected(LastGeneration())
    arrivals: list[Arrival] = []
    rev, deleted = left, False
    if edit is not None:
        rev, deleted = new_revision(edit.deleted, left, edit.term, edit.attachments_term), edit.deleted
        arrivals.append(Arrival((rev, left), seq, deleted))
    tombstones = [(new_revision(True, leaf, EMPTY_BODY_TERM), leaf) for leaf in live if leaf != left]
    arrivals += [Arrival(path, seq + place, True) for place, path in enumerate(tombstones, len(arrivals))]
    answer = Resolved(rev, tuple(tombstone for tombstone, _ in tombstones))
    if not arrivals:
        return ResolvedTree(answer, None)
    grown = receive(tree, arrivals, revs_limit)
    if live_leaves(grown) != (() if deleted else (rev,)):
        return Rejected(Conflict())
    nodes = grown.nodes
    stored = tuple((node := nodes.get(each.path[0])) is not None and node.seq == each.seq for each in arrivals)
    return ResolvedTree(answer, Rewrite(rev, deleted, grown, stored))
