"""What the clients of a soak know: of each document its leaves, and what of that nobody can know after a lost answer.

Owns the bookkeeping and the comparison. It knows no server and no bytes, computes no revision ids, and is as simple as
it can be: a document is a dict of leaves. A request whose answer was lost may have happened or not; it leaves a
``Change`` behind, and the next look at the document says which it was.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Rev = str


@dataclass(frozen=True, slots=True)
class Leaf:
    """``path`` holds the hashes from the leaf down, as far as known; ``attachments`` digests by name."""

    value: int | None
    deleted: bool = False
    path: tuple[str, ...] = ()
    attachments: tuple[tuple[str, str], ...] = ()

    def same_content(self, other: "Leaf") -> bool:
        """Whether a reader would see the same."""
        return (self.value, self.deleted, self.attachments) == (other.value, other.deleted, other.attachments)


@dataclass(frozen=True, slots=True)
class Change:
    """What a request would do: leaves that go, and one that comes, whose revision may have to be learnt."""

    gone: frozenset[Rev]
    come: Leaf | None
    rev: Rev | None = None

    def explains(self, before: Mapping[Rev, Leaf], after: Mapping[Rev, Leaf]) -> bool:
        """Whether it leads from these leaves to those."""
        left = {rev: leaf for rev, leaf in before.items() if rev not in self.gone}
        if self.come is None:
            return same_leaves(left, after)
        new = [rev for rev in after if rev not in left]
        if len(new) != 1 or (self.rev is not None and new[0] != self.rev):
            return False
        return after[new[0]].same_content(self.come) and same_leaves(left, {r: after[r] for r in after if r != new[0]})


@dataclass(slots=True)
class Document:
    """The leaves of a document by revision."""

    leaves: dict[Rev, Leaf] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)

    def live(self) -> list[Rev]:
        """Leaves that are not deleted, the winner first."""
        return [rev for rev in self.in_order() if not self.leaves[rev].deleted]

    def in_order(self) -> list[Rev]:
        """All leaves, the winner first: not deleted, then the higher generation, then the higher hash."""
        return sorted(self.leaves, key=lambda rev: (not self.leaves[rev].deleted, order(rev)), reverse=True)

    def apply(self, change: Change, rev: Rev | None) -> None:
        """Enter a change that is known to have happened."""
        for gone in change.gone:
            self.leaves.pop(gone, None)
        if change.come is not None:
            assert rev is not None
            leaf = change.come
            path = leaf.path if leaf.path and leaf.path[0] == hash_of(rev) else (hash_of(rev), *leaf.path)
            self.leaves[rev] = Leaf(leaf.value, leaf.deleted, path, leaf.attachments)

    def settle(self, seen: Mapping[Rev, Leaf]) -> str | None:
        """Compare with what a server shows, and learn which pending change happened. A complaint, or None."""
        pending, self.pending = self.pending, []
        if same_leaves(self.leaves, seen):
            return None
        for change in pending:
            if change.explains(self.leaves, seen):
                new = [rev for rev in seen if rev not in self.leaves]
                self.apply(change, new[0] if new else None)
                return None
        return f"expected {shown(self.leaves)}{' or after ' + str(pending) if pending else ''}, found {shown(seen)}"


class Ledger:
    """The documents of one database that one client alone writes; ``version`` is that of its design document."""

    def __init__(self) -> None:
        self.version = 0
        self.design_rev: Rev | None = None
        self.docs: dict[str, Document] = {}
        self.local: dict[str, set[int | None]] = {}
        self.acknowledged = 0

    def document(self, doc_id: str) -> Document:
        """The document, made if there is none."""
        return self.docs.setdefault(doc_id, Document())

    def existing(self) -> list[str]:
        """Ids of documents that have leaves."""
        return [doc_id for doc_id, one in self.docs.items() if one.leaves]

    def snapshot(self) -> "Ledger":
        """A copy that later changes leave alone."""
        return copy.deepcopy(self)

    def restore(self, kept: "Ledger") -> None:
        """Know what was known at a snapshot, and nothing that came after it."""
        self.docs, self.local = copy.deepcopy(kept.docs), copy.deepcopy(kept.local)
        self.version, self.design_rev = kept.version, kept.design_rev

    def compare(self, found: Mapping[str, Mapping[Rev, Leaf]]) -> Iterable[str]:
        """All documents against all that a server has: complaints, a line each."""
        for doc_id, document in self.docs.items():
            if complaint := document.settle(found.get(doc_id, {})):
                yield f"{doc_id}: {complaint}"
        for doc_id in found.keys() - self.docs.keys():
            yield f"{doc_id}: nobody wrote it, found {shown(found[doc_id])}"


def same_leaves(one: Mapping[Rev, Leaf], other: Mapping[Rev, Leaf]) -> bool:
    """The same revisions with the same content; how much is known of their paths counts for nothing."""
    return one.keys() == other.keys() and all(leaf.same_content(other[rev]) for rev, leaf in one.items())


def order(rev: Rev) -> tuple[int, str]:
    """By generation, then by hash."""
    generation, _, digest = rev.partition("-")
    return int(generation), digest


def hash_of(rev: Rev) -> str:
    """The part behind the generation."""
    return rev.partition("-")[2]


def shown(leaves: Mapping[Rev, Leaf]) -> str:
    """Leaves in one line."""
    return (
        "{"
        + ", ".join(
            f"{rev}={'deleted ' if leaf.deleted else ''}{leaf.value}{list(leaf.attachments) or ''}"
            for rev, leaf in sorted(leaves.items(), key=lambda item: order(item[0]))
        )
        + "}"
    )
