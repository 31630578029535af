"""What the resolution of conflicts is answered with, for one document and for many.

Owns the JSON of these replies, and the forms that render it from a command's result, so that it can be remembered in
the transaction that resolves. It must not know requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from docstore.core.answers import reason_of, rev_json
from docstore.core.conditions import rev_etag
from docstore.core.document import quote_id
from docstore.core.json_text import JsonValue, encode
from docstore.core.resolution import Resolved
from docstore.core.rev import Rev
from docstore.errors import DocstoreError
from docstore.storage.remembered_rows import StoredReply

AROUND_ROW = 200
"""Bytes of a row beside the id, the places that clashed and the tombstones; and of a tombstone."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """What is told of a document beside the revisions that come of it, as it was planned. ``clashes`` is JSON text."""

    doc_id: str
    leaves: int
    merged: bool = False
    ancestor: Rev | None = None
    clashes: bytes = b"[]"

    @property
    def expected_bytes(self) -> int:
        """How long its text will be, at most, if revisions are those of CouchDB."""
        return len(quote_id(self.doc_id)) + len(self.clashes) + AROUND_ROW + self.leaves * AROUND_ROW // 4

    def text(self, resolved: Resolved, extra: bytes = b"") -> bytes:
        """The JSON text; ``extra`` is that of further members."""
        tombstones = b",".join(map(rev_json, resolved.tombstones))
        parts = [b'{"ok":true,"id":', quote_id(self.doc_id), b',"rev":', rev_json(resolved.rev)]
        parts += (b',"tombstones":[', tombstones, b"]")
        if self.merged:
            ancestor = b"null" if self.ancestor is None else rev_json(self.ancestor)
            parts += (b',"ancestor":', ancestor, b',"clashes":', self.clashes)
        parts += (extra, b"}")
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class ResolvedForm:
    """One document was resolved."""

    row: PlannedRow
    status: int
    headers: Headers = ()

    @property
    def expected_bytes(self) -> int:
        """One row."""
        return self.row.expected_bytes

    def render(self, results: Sequence[object]) -> StoredReply:
        """The new revision and the tombstones, from the answer to the one resolution."""
        [answer] = _answers(results, 1)
        if isinstance(answer, DocstoreError):
            raise answer
        return StoredReply(self.status, self.row.text(answer) + b"\n", self.headers, rev_etag(answer.rev))


@dataclass(frozen=True, slots=True)
class ManyResolvedForm:
    """A row for each document, in order. ``rows`` are those planned, and the texts of those that could not be.

    ``following`` is the id to go on from, None at the end.
    """

    rows: tuple[PlannedRow | bytes, ...]
    following: str | None = None

    @property
    def expected_bytes(self) -> int:
        """All rows."""
        return AROUND_ROW + sum(len(row) if isinstance(row, bytes) else row.expected_bytes for row in self.rows)

    def render(self, results: Sequence[object]) -> StoredReply:
        """The rows, from the answers to the resolutions that were planned."""
        planned = sum(isinstance(row, PlannedRow) for row in self.rows)
        answers = iter(_answers(results, planned))
        texts = [row if isinstance(row, bytes) else _row(row, next(answers)) for row in self.rows]
        return StoredReply(201, rows_text(texts, self.following) + b"\n")


def rows_text(rows: Sequence[bytes], following: str | None) -> bytes:
    """The reply of many rows."""
    after = b"null" if following is None else quote_id(following)
    return b'{"rows":[%b],"next":%b}' % (b",".join(rows), after)


def refused_row(doc_id: str, error: DocstoreError) -> bytes:
    """The row of a document that was not resolved, with all that the error tells."""
    row: dict[str, JsonValue] = {"id": doc_id, "error": error.error, "reason": reason_of(error)}
    row.update(cast("Mapping[str, JsonValue]", error.details))
    return encode(row)


def _row(row: PlannedRow, answer: Resolved | DocstoreError) -> bytes:
    return refused_row(row.doc_id, answer) if isinstance(answer, DocstoreError) else row.text(answer)


def _answers(results: Sequence[object], count: int) -> list[Resolved | DocstoreError]:
    """The answers in the result of the one effect. Raises the error of all of them."""
    [answers] = results
    if isinstance(answers, DocstoreError):
        raise answers
    if not isinstance(answers, list) or len(answers) != count:
        raise TypeError(f"{type(answers).__name__} is no result of a resolution")
    return answers
