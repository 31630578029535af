"""Who may write new documents and nothing else: what of their edits goes on.

Owns that rule. An edit that names no revision, and none as its condition, changes no document that is there: the edit
rule makes it a conflict, inside the write transaction. So it is enough to look at the edit. A document that was deleted
may be made again. ``_local`` documents are never new, since they are replaced by whoever writes them. It must not know
who that is: Cloudant's role ``_creator`` (``core/security/database_security.py``).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from docstore.core.document import Document
from docstore.core.edit import Edit
from docstore.core.local_document import is_local
from docstore.database.write_gate import Gate, Verdict
from docstore.database.write_hooks import Actor
from docstore.errors import DocstoreError, Forbidden

NEW_ALONE: Final = "You may write new documents alone in this db."


class CreatingGate:
    """The gate of a database, for those who may create and not change."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def __call__(self, edits: Sequence[Edit], actor: Actor | None, *, new_edits: bool) -> Verdict:
        """See ``write_gate.Gate``."""
        judged: list[Edit | DocstoreError] = [
            edit if new_edits and _creates(edit) else Forbidden(NEW_ALONE) for edit in edits
        ]
        places = [place for place, one in enumerate(judged) if isinstance(one, Edit)]
        verdict = await self._gate([edits[place] for place in places], actor, new_edits=new_edits)
        for place, one in zip(places, verdict.edits, strict=True):
            judged[place] = one
        return Verdict(judged, verdict.design_seq)

    def open_to(self, edit: Edit) -> int | None:
        """See ``write_gate.Gate``: every edit is looked at."""
        return None


def check_local(actor: Actor | None, documents: Iterable[Document]) -> None:
    """Raises Forbidden if any of these is a ``_local`` document, and who writes may only create."""
    if actor is not None and actor.creates_only and any(is_local(document.id) for document in documents):
        raise Forbidden(NEW_ALONE)


def _creates(edit: Edit) -> bool:
    named = edit.condition is not None and edit.condition.match is not None
    return edit.parent is None and not edit.path and not edit.deleted and not named
