"""Short hand for revision trees in tests, and the smallest possible store around the edit rule."""

import json
from collections.abc import Sequence

from docstore.core.edit import (
    Create,
    Edit,
    Extend,
    Head,
    Outcome,
    Rejected,
    Rewrite,
    decide,
    decide_replicated,
    decide_replicated_batch,
    head_of,
)
from docstore.core.json_text import JsonValue
from docstore.core.rev import Rev, parse_rev
from docstore.core.revision_hash import body_term
from docstore.core.revtree import EMPTY, RevTree
from docstore.errors import DocstoreError


def path(text: str) -> tuple[Rev, ...]:
    """``path("3-c 2-b")``: newest first."""
    return tuple(parse_rev(each) for each in text.split())


def tree(*paths: str) -> RevTree:
    """The union of paths, written in this order; an ``x`` at the end marks a deletion: ``tree("1-a", "2-b 1-a x")``."""
    grown = EMPTY
    for seq, text in enumerate(paths, 1):
        deleted = text.endswith(" x")
        grown, _ = grown.insert_path(path(text.removesuffix(" x")), seq, deleted)
    return grown


def texts(revs: Sequence[Rev]) -> str:
    return " ".join(str(rev) for rev in revs)


def edit_of(body: dict[str, JsonValue], parent: Rev | None = None, deleted: bool = False, doc_id: str = "doc") -> Edit:
    return Edit(doc_id, parent, deleted, json.dumps(body).encode(), body_term(body))


def replicated(revs: Sequence[Rev], deleted: bool = False, body: dict[str, JsonValue] | None = None) -> Edit:
    return edit_of(body or {}, None, deleted)._replace(path=tuple(revs))


class Record:
    """One document: applies outcomes as a store would, and counts how often the rule asked for the tree.

    With ``knows_length`` false, its heads do not tell how long a linear tree is.
    """

    def __init__(self, revs_limit: int = 1000, *, knows_length: bool = True) -> None:
        self.revs_limit = revs_limit
        self.knows_length = knows_length
        self.tree = EMPTY
        self.seq = 0
        self.loads = 0
        self.bodies: dict[int, bytes] = {}

    @property
    def head(self) -> Head | None:
        if not self.tree.nodes:
            return None
        head = head_of(self.tree, self.seq)
        return head if self.knows_length else head._replace(length=0)

    def load(self) -> RevTree:
        self.loads += 1
        return self.tree

    def edit(
        self, body: dict[str, JsonValue], parent: Rev | str | None = None, *, deleted: bool = False
    ) -> Rev | DocstoreError:
        """An interactive edit: its revision, or the error."""
        rev = parse_rev(parent) if isinstance(parent, str) else parent
        return self._apply_one(edit_of(body, rev, deleted), interactive=True)

    def replicate(
        self, revs: str | Sequence[Rev], *, deleted: bool = False, body: dict[str, JsonValue] | None = None
    ) -> Outcome:
        """A replicated edit: its outcome."""
        edit = replicated(path(revs) if isinstance(revs, str) else revs, deleted, body)
        self.seq += 1
        outcome = decide_replicated(self.head, self.load, edit, self.seq, self.revs_limit)
        self._store([edit], [self.seq], outcome)
        return outcome

    def replicate_batch(self, edits: Sequence[Edit]) -> Outcome:
        """Replicated edits that come together."""
        seqs = range(self.seq + 1, self.seq + 1 + len(edits))
        self.seq += len(edits)
        outcome = decide_replicated_batch(self.head, self.load, edits, seqs, self.revs_limit)
        self._store(edits, seqs, outcome)
        return outcome

    def apply(self, edit: Edit) -> Rev | DocstoreError:
        """An interactive edit that is made already."""
        return self._apply_one(edit, interactive=True)

    def winner(self) -> str:
        return str(self.tree.winner())

    def body(self, rev: Rev) -> JsonValue:
        value: JsonValue = json.loads(self.bodies[self.tree.nodes[rev].seq])
        return value

    def _apply_one(self, edit: Edit, *, interactive: bool) -> Rev | DocstoreError:
        self.seq += 1
        outcome = decide(self.head, self.load, edit, self.seq, self.revs_limit)
        if isinstance(outcome, Rejected):
            return outcome.error
        self._store([edit], [self.seq], outcome)
        return outcome.rev

    def _store(self, edits: Sequence[Edit], seqs: Sequence[int], outcome: Outcome) -> None:
        stored: tuple[bool, ...] = (True,)
        if isinstance(outcome, Create):
            self.tree = RevTree.from_path(outcome.path, seqs[0], outcome.deleted)
        elif isinstance(outcome, Extend):
            grown, _ = self.tree.insert_path((outcome.rev, self.tree.winner()), seqs[0], outcome.deleted)
            self.tree = grown.stem(self.revs_limit)
        elif isinstance(outcome, Rewrite):
            self.tree = outcome.tree
            stored = outcome.stored
        else:
            stored = (False,) * len(edits)
        for edit, seq, wanted in zip(edits, seqs, stored, strict=True):
            if wanted:
                self.bodies[seq] = edit.body
