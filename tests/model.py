"""The store as plain dicts: what a database must do, said as simply as possible.

The model keeps a document as a dict of revisions and works everything else out anew at each question. It knows no
bytes, no tables and no tricks, and of the code that it is used to test it borrows the names of revisions alone. It does
not compute revision ids: it takes those that the database makes.
"""

from dataclasses import dataclass, field

from docstore.core.rev import Rev

CONFLICT = "conflict"


@dataclass
class Revision:
    """``body`` is None where a revision is known only as an ancestor, or a compaction may have dropped its body.

    ``base`` is the body of a revision that a compaction has kept for merges alone.
    """

    parent: Rev | None
    written: bool = False
    deleted: bool = False
    body: int | None = None
    base: int | None = None


@dataclass
class ModelDocument:
    """``changed`` is when it changed last, in the database's own count."""

    revisions: dict[Rev, Revision] = field(default_factory=dict)
    changed: int = 0

    # questions

    def leaves(self) -> list[Rev]:
        """Written revisions without children, the winner first."""
        parents = {revision.parent for revision in self.revisions.values()}
        leaves = [rev for rev, revision in self.revisions.items() if rev not in parents and revision.written]
        return sorted(leaves, key=lambda rev: (not self.revisions[rev].deleted, rev), reverse=True)

    @property
    def winner(self) -> Rev:
        return self.leaves()[0]

    @property
    def deleted(self) -> bool:
        return self.revisions[self.winner].deleted

    def conflicts(self) -> list[Rev]:
        return [rev for rev in self.leaves()[1:] if not self.revisions[rev].deleted]

    def deleted_conflicts(self) -> list[Rev]:
        return [rev for rev in self.leaves()[1:] if self.revisions[rev].deleted]

    def path(self, rev: Rev | None) -> list[Rev]:
        """The revision and its ancestors, newest first."""
        path: list[Rev] = []
        while rev is not None:
            path.append(rev)
            rev = self.revisions[rev].parent
        return path

    def branch_points(self) -> set[Rev]:
        """The nearest common ancestors of any two live leaves."""
        live = [rev for rev in self.leaves() if not self.revisions[rev].deleted]
        points = set()
        for one in live:
            for other in live:
                common = set(self.path(other)) - {other} if one != other else set()
                points.update([rev for rev in self.path(one) if rev in common][:1])
        return points

    def facts(self) -> dict[Rev, tuple[Rev | None, bool]]:
        """What is known of each revision, for comparing before and after."""
        return {rev: (revision.parent, revision.written) for rev, revision in self.revisions.items()}

    # edits

    def parent_for(self, parent: Rev | None, deleted: bool) -> Rev | str | None:
        """The parent that an interactive edit gets, or CONFLICT."""
        if not self.revisions:
            return CONFLICT if parent is not None else None
        if self.deleted:
            return CONFLICT if parent is not None or deleted else self.winner
        return parent if parent in self.leaves() else CONFLICT

    def add(self, path: list[Rev], body: int, deleted: bool) -> None:
        """Enter a revision with its ancestors, newest first. What is known already stays."""
        for rev, parent in zip(path, [*path[1:], None], strict=True):
            known = self.revisions.setdefault(rev, Revision(parent))
            known.parent = known.parent or parent
        newest = self.revisions[path[0]]
        if not newest.written:
            newest.written, newest.body, newest.deleted = True, body, deleted

    def stem(self, limit: int) -> None:
        """Keep the newest ``limit`` revisions of each leaf's path."""
        self.keep({rev for leaf in self.leaves() for rev in self.path(leaf)[:limit]})

    def purge(self, revs: list[Rev]) -> list[Rev]:
        """Forget leaves, and the ancestors of nothing else; the leaves removed."""
        leaves = self.leaves()
        removed = [rev for rev in dict.fromkeys(revs) if rev in leaves]
        if removed:
            self.keep({rev for leaf in leaves if leaf not in removed for rev in self.path(leaf)})
        return removed

    def compact(self, limit: int) -> None:
        """Stem; bodies that are no leaf's may be gone from now on, and those of branch points are for merges alone."""
        self.stem(limit)
        leaves, points = self.leaves(), self.branch_points()
        for rev, revision in self.revisions.items():
            if rev not in leaves:
                revision.base = (revision.base if revision.body is None else revision.body) if rev in points else None
                revision.body = None

    def keep(self, kept: set[Rev]) -> None:
        self.revisions = {rev: revision for rev, revision in self.revisions.items() if rev in kept}
        for revision in self.revisions.values():
            if revision.parent not in kept:
                revision.parent = None

    def copy(self) -> "ModelDocument":
        revisions = {
            rev: Revision(one.parent, one.written, one.deleted, one.body, one.base)
            for rev, one in self.revisions.items()
        }
        return ModelDocument(revisions, self.changed)

    def stems_joined_roots(self, paths: list[list[Rev]], limit: int) -> bool:
        """Whether these paths tie several roots together in a tree that is then stemmed.

        How much of the tie is left depends on the order of things (``core/revtree.py`` says how): not for a model.
        """
        grown, ties = self.copy(), False
        for path in paths:
            ties = ties or len({grown.path(rev)[-1] for rev in path if rev in grown.revisions}) > 1
            grown.add(path, 0, False)
        return ties and any(len(grown.path(leaf)) > limit for leaf in grown.leaves())


@dataclass
class Model:
    """One database."""

    documents: dict[str, ModelDocument] = field(default_factory=dict)
    local: dict[str, tuple[int, int]] = field(default_factory=dict)
    revs_limit: int = 1000
    changes: int = 0

    def document(self, doc_id: str) -> ModelDocument:
        """The document; an empty one, not entered yet, if there is none."""
        return self.documents.get(doc_id) or ModelDocument()

    def changed(self, doc_id: str, document: ModelDocument) -> None:
        """Enter a document as the one that changed last."""
        self.changes += 1
        document.changed = self.changes
        self.documents[doc_id] = document

    def feed(self) -> list[tuple[str, ModelDocument]]:
        """Documents in the order of their last change."""
        return sorted(self.documents.items(), key=lambda item: item[1].changed)

    def live(self) -> list[str]:
        """Ids of documents that are not deleted, by bytes."""
        return sorted((doc_id for doc_id, one in self.documents.items() if not one.deleted), key=str.encode)
