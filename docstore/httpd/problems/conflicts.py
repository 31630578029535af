"""What problem details tell of a refused edit: a sentence for people, members for programs.

Owns the sentences and the members. It must not know how an edit is decided: the report comes from
``database/conflicts/report.py``. The next steps are ``next_steps.py``'s.
"""

from typing import Final

from docstore.core.authorship import time_text
from docstore.core.json_text import JsonValue
from docstore.core.rev import Rev
from docstore.database.conflicts.already_applied import Applied
from docstore.database.conflicts.attempts import Attempt, ConflictKind
from docstore.database.conflicts.report import ConflictReport, Relation
from docstore.httpd.problems.next_steps import after_conflict
from docstore.httpd.request import Request

SAME_CONTENT: Final = (
    "Revisions are hashes of content, so this says that the content is in the document's history, not who put it there:"
    " two clients that make the same edit of the same revision cannot be told apart. For counters, locks and claims it"
    " is no proof that the edit was this client's."
)

DETAILS: Final[dict[ConflictKind, str]] = {
    ConflictKind.DOCUMENT_EXISTS: "The document exists, so an edit of it has to name the revision that it changes.",
    ConflictKind.SUPERSEDED: "The edit is one of {supplied}, and that is not a current revision any more.",
    ConflictKind.DELETED: "The document is deleted. Without a revision an edit creates it again.",
    ConflictKind.ATTACHMENT_STALE: "The attachments of {supplied} were to change, which is not a current revision.",
    ConflictKind.APPLIED: "The edit is in the document's history already, as {applied}. " + SAME_CONTENT,
}
NO_DOCUMENT: Final = "There is no document of this id here, and the edit is one of {supplied}."
UNKNOWN_REV: Final = (
    "The edit is one of {supplied}, which is not in the document's history, as far as it is known here."
)
CURRENT_AGAIN: Final = "{supplied} was not current when the edit came, but it is now. Send the edit once more."
STALE_SIBLING: Final = " It is on a branch that is not the winning one."
APPLIED_UNKNOWN: Final = " Whether the edit is applied already cannot be told any more."


def detail_of(report: ConflictReport) -> str:
    """The sentence for people."""
    if report.relation is Relation.LEAF and report.kind is not ConflictKind.APPLIED:
        text = CURRENT_AGAIN
    elif report.kind is ConflictKind.UNKNOWN:
        text = NO_DOCUMENT if report.current_rev is None else UNKNOWN_REV
    else:
        text = DETAILS[report.kind]
    text = text.format(supplied=_text(report.supplied_rev) or "no revision", applied=_text(report.verdict.rev))
    if report.kind is ConflictKind.SUPERSEDED and report.relation is Relation.SIBLING:
        text += STALE_SIBLING
    if report.verdict.applied is Applied.UNKNOWN:
        text += APPLIED_UNKNOWN
    return text


def members_of(request: Request, attempt: Attempt, report: ConflictReport) -> dict[str, JsonValue]:
    """The members that a refused edit has beside those of every problem; what is not known is left out."""
    members: dict[str, JsonValue] = {
        "doc_id": attempt.doc_id,
        "supplied_rev": _text(report.supplied_rev),
        "current_rev": _text(report.current_rev),
        "current_by": None if report.current is None else report.current.by,
        "current_at": None if report.current is None else time_text(report.current.at),
        "relation": report.relation.value,
        "already_applied": report.verdict.applied.value,
        "applied_rev": _text(report.verdict.rev),
        "common_ancestor": _text(report.common_ancestor),
    }
    changes = report.changes
    if changes is not None:
        members["changed_fields"] = list(changes.changed)
        members["your_conflicting_fields"] = list(changes.conflicting)
        if not changes.complete:
            members["fields_complete"] = False
    members["suggested_actions"] = list(after_conflict(request, attempt, report))
    return {name: value for name, value in members.items() if value is not None}


def _text(rev: Rev | None) -> str | None:
    return None if rev is None else str(rev)
