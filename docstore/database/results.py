"""What became of an edit.

Owns that value, which every write of a document ends with. It must not know how it came about.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from docstore.core.document import Document
from docstore.core.rev import Rev
from docstore.errors import DocstoreError

_new = tuple.__new__


class EditResult(NamedTuple):
    """What became of one edit: the new revision, or the error; of a replicated one that is refused both."""

    id: str
    rev: Rev | None
    error: DocstoreError | None


def results_of(
    documents: Sequence[Document], answers: Sequence[Rev | DocstoreError], new_edits: bool
) -> Iterator[EditResult]:
    """The results for documents, each with its answer."""
    for document, answer in zip(documents, answers, strict=True):
        if isinstance(answer, Rev):
            yield _new(EditResult, (document.id, answer, None))
        else:
            yield result_of(document, answer, new_edits)


def result_of(document: Document, answer: Rev | DocstoreError, new_edits: bool) -> EditResult:
    """The result for a document."""
    if isinstance(answer, DocstoreError):
        return EditResult(document.id, None if new_edits else document.path[0], answer)
    return EditResult(document.id, answer, None)
