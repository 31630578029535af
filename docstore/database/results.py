"""What became of an edit.

Owns that value, which every write of a document ends with. It must not know how it came about.
"""

from typing import NamedTuple

from docstore.core.document import Document
from docstore.core.rev import Rev
from docstore.errors import DocstoreError


class EditResult(NamedTuple):
    """What became of one edit: the new revision, or the error; of a replicated one that is refused both."""

    id: str
    rev: Rev | None
    error: DocstoreError | None


def result_of(document: Document, answer: Rev | DocstoreError, new_edits: bool) -> EditResult:
    """The result for a document."""
    if isinstance(answer, DocstoreError):
        return EditResult(document.id, None if new_edits else document.path[0], answer)
    return EditResult(document.id, answer, None)
