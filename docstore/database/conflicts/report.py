"""Why an edit was refused, for those who ask.

Owns the explanation of a refused edit: where the supplied revision stands in the tree, whether the edit is applied
already, what the winner has changed since, and what of that the edit had changed too. It must not know HTTP, nor who
may read it. It is made from one snapshot, after the refusal, so by then the document may have changed once more.

What is small is done on the event loop, what would hold it up in a thread: long trees, large contents. Two bodies are
compared if both are stored, and within bounds: beyond ``MAX_BODY`` bytes or ``MAX_DEPTH`` levels nothing is said of
them, and only the first places that differ are named.
"""

from asyncio import to_thread
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple

from docstore.core.attachment import Attachment, unpack_attachments
from docstore.core.authorship import Written
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import JsonValue
from docstore.core.merging import ATTACHMENTS, MISSING, Place, changed_places, same_json
from docstore.core.rev import Rev
from docstore.core.revtree import RevTree, common_ancestor
from docstore.database.conflicts.already_applied import (
    Applied,
    Digests,
    Verdict,
    digests_of,
    gather,
    inline_digests,
    is_heavy,
    judge,
)
from docstore.database.conflicts.attempts import OF_ATTACHMENT, Attempt, ConflictKind
from docstore.errors import BadRequest, MissingStub
from docstore.settings import KIB
from docstore.storage.documents.documents import get_body, get_record
from docstore.storage.documents.stamps import unpack_stamp
from docstore.storage.documents.tree_runs import ENTRY_BYTES
from docstore.storage.engine.environment import Environment
from docstore.storage.rows import decode_body
from docstore.storage.tables import ReadTransaction

MAX_BODY: Final = 256 * KIB
MAX_DEPTH: Final = 100
MAX_PLACES: Final = 100
MAX_POINTERS: Final = 8 * KIB
"""Characters of all pointers of a report."""

COMPARED_AT_ONCE: Final = 8 * KIB
"""Bytes of bodies that are compared on the event loop, since a thread would take longer."""

LONG_TREE: Final = 256
"""Revisions of trees that are not unpacked on the event loop."""

HASHED_AT_ONCE: Final = 256 * KIB
"""Bytes that may have to be hashed there: an edit that names no parent is tried on each deletion."""


class Relation(StrEnum):
    """Where the supplied revision stands.

    ``LEAF``: it is a live leaf, so the edit would be taken if it came again; the document has changed back meanwhile.
    """

    NONE = "none"
    UNKNOWN = "unknown"
    ANCESTOR = "ancestor"
    SIBLING = "sibling"
    DELETED_LEAF = "deleted-leaf"
    LEAF = "leaf"


class Changes(NamedTuple):
    """JSON Pointers: what the winner changed since the supplied parent, and what of it the refused edit changed too.

    ``complete`` is False where there was more than is named.
    """

    changed: tuple[str, ...]
    conflicting: tuple[str, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class ConflictReport:
    """What there is to be said of a refused edit.

    ``current_rev`` is the winner, None where there is no document; ``current`` tells who wrote it, None where nobody
    knows; ``deleted`` says whether it is a deletion and ``conflicted`` whether the document has other live leaves.
    ``changes`` is None where bodies are not at hand.
    """

    kind: ConflictKind
    relation: Relation
    supplied_rev: Rev | None
    current_rev: Rev | None
    deleted: bool
    conflicted: bool
    verdict: Verdict
    common_ancestor: Rev | None = None
    current: Written | None = None
    changes: Changes | None = None


class _Stored(NamedTuple):
    """A stored revision: the text of its body, and its attachments."""

    text: bytes
    attachments: tuple[Attachment, ...]


async def already_applied(environment: Environment, attempt: Attempt) -> Verdict:
    """Whether the edit is in the tree. Raises DatabaseNotFound."""
    with environment.snapshot() as snapshot:
        at_once = not (is_heavy(attempt) or _is_long(snapshot, attempt))
    work = partial(_judged, environment, attempt)
    return work() if at_once else await to_thread(work)


async def explain(environment: Environment, attempt: Attempt) -> ConflictReport:
    """All there is to be said. Raises DatabaseNotFound."""
    with environment.snapshot() as snapshot:
        at_once = not (is_heavy(attempt) or _is_long(snapshot, attempt))
    work = partial(_explained, environment, attempt)
    report, bodies = work() if at_once else await to_thread(work)
    if bodies is None:
        return report
    size = sum(len(stored.text) for stored in bodies)
    compare = partial(_compare, attempt, *bodies)
    changes = compare() if at_once and size <= COMPARED_AT_ONCE else await to_thread(compare)
    return replace(report, changes=changes)


def _is_long(txn: ReadTransaction, attempt: Attempt) -> bool:
    record = get_record(txn, attempt.database, attempt.doc_id)
    if record is None:
        return False
    revisions = len(record.whole) // ENTRY_BYTES + record.live + 1
    hashed = revisions * len(attempt.document.body) if attempt.document is not None and attempt.rev is None else 0
    return revisions > LONG_TREE or hashed > HASHED_AT_ONCE


def _judged(environment: Environment, attempt: Attempt) -> Verdict:
    with environment.snapshot() as snapshot:
        evidence = gather(snapshot, attempt)
    return judge(evidence, attempt)


def _explained(environment: Environment, attempt: Attempt) -> tuple[ConflictReport, tuple[_Stored, _Stored] | None]:
    """The report without the changes, and the bodies that they are found in."""
    with environment.snapshot() as snapshot:
        evidence = gather(snapshot, attempt)
        bodies = _read_bodies(snapshot, evidence.tree, attempt)
        written = _winner_written(snapshot, attempt)
    verdict = judge(evidence, attempt)
    tree = evidence.tree
    winner = tree.winner() if tree.nodes else None
    deleted = winner is not None and tree.nodes[winner].deleted
    relation = _relation(tree, attempt.rev)
    report = ConflictReport(
        kind=_kind(attempt, relation, verdict, exists=winner is not None, deleted=deleted),
        relation=relation,
        supplied_rev=attempt.rev,
        current_rev=winner,
        deleted=deleted,
        conflicted=bool(tree.conflicts()) if tree.nodes else False,
        verdict=verdict,
        common_ancestor=_common_ancestor(tree, attempt.rev),
        current=written,
    )
    return report, bodies


def _winner_written(txn: ReadTransaction, attempt: Attempt) -> Written | None:
    record = get_record(txn, attempt.database, attempt.doc_id)
    stamp = None if record is None else record.stamps().get(record.body_seq)
    return None if stamp is None else unpack_stamp(stamp)


def _kind(attempt: Attempt, relation: Relation, verdict: Verdict, *, exists: bool, deleted: bool) -> ConflictKind:
    """As ``attempts.kind_of``, and whether it was applied before."""
    if verdict.applied is Applied.YES:
        return ConflictKind.APPLIED
    if not exists:
        return ConflictKind.UNKNOWN
    if deleted:
        return ConflictKind.DELETED
    if relation is Relation.NONE:
        return ConflictKind.DOCUMENT_EXISTS
    if attempt.operation in OF_ATTACHMENT:
        return ConflictKind.ATTACHMENT_STALE
    return ConflictKind.UNKNOWN if relation is Relation.UNKNOWN else ConflictKind.SUPERSEDED


# --- the tree ---------------------------------------------------------------------------------------------------


def _relation(tree: RevTree, rev: Rev | None) -> Relation:
    if rev is None:
        return Relation.NONE
    if rev not in tree.nodes:
        return Relation.UNKNOWN
    if tree.is_leaf(rev):
        return Relation.DELETED_LEAF if tree.nodes[rev].deleted else Relation.LEAF
    return Relation.ANCESTOR if rev in tree.path_to(tree.winner()) else Relation.SIBLING


def _common_ancestor(tree: RevTree, rev: Rev | None) -> Rev | None:
    """That of the supplied revision and the winner."""
    return None if rev is None or rev not in tree.nodes else common_ancestor(tree, (rev, tree.winner()))


# --- the bodies -------------------------------------------------------------------------------------------------


def _read_bodies(txn: ReadTransaction, tree: RevTree, attempt: Attempt) -> tuple[_Stored, _Stored] | None:
    """The supplied parent and the winner, if both are stored and there is an edit to compare with."""
    document, rev = attempt.document, attempt.rev
    if document is None or rev is None or rev not in tree.nodes or len(document.body) > MAX_BODY:
        return None
    winner = tree.nodes[tree.winner()]
    before = None if winner.deleted else _stored(txn, attempt.database, tree.nodes[rev].seq)
    after = None if before is None else _stored(txn, attempt.database, winner.seq)
    return None if before is None or after is None else (before, after)


def _stored(txn: ReadTransaction, database: int, seq: int) -> _Stored | None:
    value = get_body(txn, database, seq) if seq else None
    if value is None:
        return None
    text, metadata = decode_body(value)
    return None if len(text) > MAX_BODY else _Stored(text, unpack_attachments(metadata))


def _compare(attempt: Attempt, before: _Stored, after: _Stored) -> Changes | None:
    """None for bodies that nest too deep."""
    document = attempt.document
    if document is None:
        return None
    try:
        parent = _members(before.text, _digests(before.attachments))
        winner = _members(after.text, _digests(after.attachments))
        edit = _members(document.body, digests_of(document, inline_digests(document), before.attachments))
    except (BadRequest, MissingStub):
        return None
    changed: list[str] = []
    left = MAX_POINTERS
    places = changed_places(parent, winner)
    for pointer in places[:MAX_PLACES]:
        left -= len(pointer)
        if left < 0:
            break
        changed.append(pointer)
    conflicting = [pointer for pointer in changed if not same_json(_at(parent, pointer), _at(edit, pointer))]
    return Changes(tuple(changed), tuple(conflicting), len(changed) == len(places))


def _digests(attachments: Sequence[Attachment]) -> Digests:
    return [(one.name, one.content_type, one.md5) for one in attachments]


def _members(text: bytes, attachments: Digests) -> dict[str, JsonValue]:
    """The members of a revision, its attachments among them. Raises BadRequest for what nests too deep."""
    members = decode_in_slices(text, max_depth=MAX_DEPTH)
    if not isinstance(members, dict):
        raise BadRequest
    members[ATTACHMENTS] = {name: [content_type, md5.hex()] for name, content_type, md5 in attachments}
    return members


def _at(members: Mapping[str, JsonValue], pointer: str) -> Place:
    """The value at a place that objects lead to, MISSING if the way there ends before it."""
    value: Place = dict(members)
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value
