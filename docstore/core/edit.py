"""THE edit rule: what an edit does to the record of its document.

An **interactive** edit (``new_edits`` true) names the revision that it changes, and the rule is that a branch may only
grow at its end: the parent must be a leaf. The revision's id is made here, from the parent and the content::

    1-a --- 2-b --- 3-c        parent 3-c (winner)          a new leaf, 4-...: the usual edit
                +-- 3-9        parent 3-9 (any other leaf)  a new leaf on that branch, live or not
                               parent 2-b, or unknown       conflict
                               no parent                    conflict

    1-a --- 2-x (deleted)      no parent                    created again, as the child 3-... of the winner
                               any parent, 2-x too          conflict
                               a deletion                   conflict

    no document                no parent                    created as 1-...
                               any parent                   conflict

    ("deleted" is a document all of whose leaves are deleted.)

An edit may tell more of its history than its parent, in ``_revisions``. Then what counts is that its whole path
lengthens a branch (``receiving.lengthens``): several new generations may lead down to a leaf, and ancestors that
contradict the tree make a conflict. A design document, and an edit with attachments, must name the leaf itself.

A content that is sent twice for one parent makes one revision; the second time its parent is no leaf any more, so that
is a conflict like any other. A revision that came before by replication without its parent is given the parent.

A **replicated** edit (``new_edits`` false) brings its own revision and path and is never refused: it is merged into the
tree (``receiving.receive``). What is known already stays as it is.

Most documents have one leaf, and most edits extend it or make a new document. These are decided from the ``Head``
alone, the tree is not loaded. A replicated extension is taken so too, where its path cannot reach below what is stored;
ancestors older than the parent are then not compared, which only forged ones could tell from the long way.

A **condition** that the request states (``conditions.py``) is met by the winner if it is live, or else by nothing there
being; it is looked at first (``meet_condition``). If it names revisions, an edit without a parent changes the winner.

A single DELETE asks ``refuse_delete`` first, since it answers 404 where the rule would create or conflict; a
``_deleted`` document in PUT, POST or ``_bulk_docs`` does not ask, and may create a deleted document.

This module owns the rule. It must not know how records are stored, nor HTTP. It follows ``merge_rev_tree`` of
``couch_db_updater.erl`` and ``prep_and_validate_update`` of ``couch_db.erl``.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from docstore.core.attachment import Attachment, EditAttachment, Stub, resolve, term_of
from docstore.core.conditions import Condition, rev_etag
from docstore.core.document import Foreseen
from docstore.core.receiving import lengthens, receive
from docstore.core.rev import MAX_GENERATION, Rev
from docstore.core.revision_hash import NIL, hashed_term, new_revision
from docstore.core.revtree import EMPTY, Arrival, RevTree
from docstore.errors import Conflict, DocstoreError, DocumentDeleted, LastGeneration, MissingStub, NotFound

DESIGN_PREFIX = "_design/"

_new = tuple.__new__


class Edit(NamedTuple):
    """One edit of one document.

    ``body`` is the stored JSON text, ``term`` the external term that is hashed, or nothing, as of a Document.
    ``attachments`` are plain data too, in the order of the document: those of a replicated edit are all Linked; those
    of an interactive one may be stubs until ``settle_attachments`` has resolved them, which also gives
    ``attachments_term``.
    ``path`` is what the sender tells of the history, newest first: of a replicated edit the revision itself and its
    ancestors (at least itself), of an interactive edit the parent and its ancestors, or nothing.
    ``condition`` is for ``meet_condition``, which comes before all else.
    ``foreseen`` is the revision that the edit makes of one parent, where somebody has computed it before.
    ``passed_over``: a replicated edit of which nothing is written, since its revision was known when it came.
    """

    id: str
    parent: Rev | None
    deleted: bool
    body: bytes
    term: bytes
    attachments_term: bytes = NIL
    path: tuple[Rev, ...] = ()
    attachments: tuple[EditAttachment, ...] = ()
    condition: Condition | None = None
    passed_over: bool = False
    foreseen: Foreseen | None = None


class Head(NamedTuple):
    """What is known of a document without its tree.

    ``linear``: the tree has exactly one leaf, the winner. ``length``: how many revisions such a tree has, 0 where that
    is not at hand. ``seq`` is the document's update sequence, ``body_seq`` the key of the winner's body.
    """

    winner: Rev
    deleted: bool
    seq: int
    body_seq: int
    linear: bool
    length: int = 0


class Create(NamedTuple):
    """There was no record. ``path`` is the whole tree, newest first, already stemmed; only ``rev`` has a body."""

    rev: Rev
    deleted: bool
    path: tuple[Rev, ...]


class Extend(NamedTuple):
    """``rev`` becomes the child of the only leaf. Whoever stores it stems the run to the revs_limit."""

    rev: Rev
    deleted: bool


@dataclass(frozen=True, slots=True)
class Rewrite:
    """``tree`` replaces the whole tree, if there was one; it is stemmed.

    ``stored`` tells for each edit decided, in order, whether its body is wanted under its seq: not if the revision was
    written before (and only its path was news), or is stemmed away at once.
    """

    rev: Rev
    deleted: bool
    tree: RevTree
    stored: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The replicated ``rev`` and all of its path were known: nothing to write, no new update sequence."""

    rev: Rev


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing is written. ``error`` is the edit's result."""

    error: DocstoreError


Outcome = Create | Extend | Rewrite | Unchanged | Rejected
LoadTree = Callable[[], RevTree]
LoadAttachments = Callable[[Rev], Iterable[Attachment]]
"""The attachments of a leaf."""


def meet_condition(
    head: Head | None, parent: Rev | None, condition: Condition | None, date: int | None = None
) -> Rev | None:
    """The revision that an edit of ``parent`` changes: the winner, if the condition names that and the edit none.

    ``date`` is the document's, where it is known. Raises PreconditionFailed.
    """
    if condition is None:
        return parent
    if head is None or head.deleted:
        condition.check()
        return parent
    condition.check(rev_etag(head.winner), date=date)
    return head.winner if parent is None and condition.match is not None else parent


def settle_attachments(
    head: Head | None, load_tree: LoadTree, edit: Edit, load_attachments: LoadAttachments
) -> Edit | Rejected:
    """An interactive edit with its attachments resolved from its parent's, as ``decide`` wants it.

    An edit whose parent is no leaf comes back as it is, for ``decide`` to refuse. A stub of an edit that changes no
    living revision finds nothing: MissingStub. ``revpos`` of what is new is the generation of the new revision.
    """
    parent = edit.parent
    stored: Iterable[Attachment] = ()
    if head is not None and head.deleted:
        if parent is not None or edit.deleted:
            return edit
        parent = head.winner
    elif head is not None:
        if parent is None or not (parent == head.winner if head.linear else load_tree().is_leaf(parent)):
            return edit
        if any(isinstance(one, Stub) for one in edit.attachments):
            stored = load_attachments(parent)
    try:
        settled = resolve(edit.id, edit.attachments, stored, 1 if parent is None else parent.generation + 1)
    except MissingStub as error:
        return Rejected(error)
    return edit._replace(attachments=settled, attachments_term=term_of(settled))


def decide(head: Head | None, load_tree: LoadTree, edit: Edit, seq: int, revs_limit: int) -> Outcome:
    """The outcome of an interactive edit whose body would be stored under ``seq``. Never ``Unchanged``."""
    parent = edit.parent
    if head is None:
        if parent is not None:
            return Rejected(Conflict())
        rev = _revision(edit, None)
        return _new(Create, (rev, edit.deleted, (rev,)))
    if head.deleted:
        if parent is not None or edit.deleted:
            return Rejected(Conflict())
        parent = head.winner
    elif parent is None or is_stale(head, parent, edit.path):
        return Rejected(Conflict())
    if parent.generation >= MAX_GENERATION:
        return Rejected(LastGeneration())
    rev = _revision(edit, parent)
    tells_more = _tells_more(parent, edit.path)
    if head.linear and not tells_more:
        return Extend(rev, edit.deleted)
    tree = load_tree()
    known = tree.nodes.get(rev)
    if known is not None and known.parent is not None:
        return Rejected(Conflict())
    must_be_leaf = not tells_more or edit.attachments or edit.id.startswith(DESIGN_PREFIX)
    if must_be_leaf and not tree.is_leaf(parent):
        return Rejected(Conflict())
    path = (rev, *edit.path) if tells_more else (rev, parent)
    if tells_more and not lengthens(tree, path):
        return Rejected(Conflict())
    return _receive(tree, [edit._replace(path=path)], [seq], revs_limit)


def decide_plainly(winner: Rev | None, edit: Edit) -> Rev | None:
    """The short way of ``decide``, for nearly all edits: the revision that the edit makes; None: take the long way.

    ``winner`` is that of a live document with one leaf, which the revision extends; None: there is no document, and the
    revision creates it.
    """
    parent = edit.parent
    if parent != winner or edit.condition is not None or edit.attachments:
        return None
    if parent is not None and (len(edit.path) > 1 or parent.generation >= MAX_GENERATION):
        return None
    return _revision(edit, parent)


def _revision(edit: Edit, parent: Rev | None) -> Rev:
    foreseen = edit.foreseen
    if foreseen is not None and foreseen.parent == parent and edit.attachments_term is NIL:
        return foreseen.rev
    return new_revision(edit.deleted, parent, hashed_term(edit.term, edit.body), edit.attachments_term)


def decide_replicated(head: Head | None, load_tree: LoadTree, edit: Edit, seq: int, revs_limit: int) -> Outcome:
    """The outcome of a replicated edit, of which ``path`` is read. Never ``Rejected``.

    Raises ValueError for a path that is empty or whose generations do not go down by one.
    """
    path = edit.path
    if head is None:
        return _new(Create, (path[0], edit.deleted, path[:revs_limit]))
    if head.linear:
        length = head.length
        if path[0] == head.winner and 0 < length <= revs_limit and (len(path) <= length or length == revs_limit):
            return Unchanged(path[0])
        if path[1:2] == (head.winner,) and (len(path) - 1 <= max(length, 1) or length >= revs_limit - 1):
            return Extend(path[0], edit.deleted)
    return _receive(load_tree(), [edit], [seq], revs_limit)


def decide_replicated_batch(
    head: Head | None, load_tree: LoadTree, edits: Sequence[Edit], seqs: Sequence[int], revs_limit: int
) -> Outcome:
    """The outcome of replicated edits of one document that come in one request: ``seqs[i]`` is for ``edits[i]``.

    It is stemmed once, after all of them, so this is not the same as one after the other; ``rev`` is the last one's.
    Raises ValueError as ``decide_replicated``.
    """
    if len(edits) == 1:
        return decide_replicated(head, load_tree, edits[0], seqs[0], revs_limit)
    return _receive(EMPTY if head is None else load_tree(), edits, seqs, revs_limit)


def refuse_delete(head: Head | None) -> DocstoreError | None:
    """Why a single DELETE of a document is refused before its revision is looked at, or None."""
    if head is None:
        return NotFound()
    return DocumentDeleted() if head.deleted else None


def is_stale(head: Head | None, parent: Rev | None, path: Sequence[Rev] = ()) -> bool:
    """Whether the head alone tells that an interactive edit of this parent is a conflict; False is no promise.

    ``path`` is what the edit tells of the parent's history. An edit of nothing passes: its stubs are looked at first.
    """
    if head is None or head.deleted:
        return False
    if parent is None:
        return True
    return head.linear and parent != head.winner and not (path and _tells_more(parent, path))


def head_of(tree: RevTree, seq: int) -> Head:
    """The head of a document with this tree and update sequence."""
    winner = tree.winner()
    node = tree.nodes[winner]
    linear = len(tree.leaves()) == 1
    return Head(winner, node.deleted, seq, node.seq, linear, len(tree.nodes) if linear else 0)


def _tells_more(parent: Rev, path: Sequence[Rev]) -> bool:
    """Whether an interactive edit of this parent tells ancestors beside it."""
    return len(path) > 1 and path[0] == parent


def _receive(tree: RevTree, edits: Sequence[Edit], seqs: Sequence[int], revs_limit: int) -> Rewrite | Unchanged:
    arrivals = [Arrival(edit.path, seq, edit.deleted) for edit, seq in zip(edits, seqs, strict=True)]
    grown = receive(tree, arrivals, revs_limit)
    last = edits[-1]
    if grown is tree:
        return Unchanged(last.path[0])
    nodes = grown.nodes
    stored = tuple((node := nodes.get(arrival.path[0])) is not None and node.seq == arrival.seq for arrival in arrivals)
    return Rewrite(last.path[0], last.deleted, grown, stored)
