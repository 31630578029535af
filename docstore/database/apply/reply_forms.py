"""How replies are made of what commands result in: the forms that ``Remembered`` commands carry.

Owns the forms of all writes but those of conflicts' resolution. They are plain data, and rendering them is
deterministic. It must not know requests: statuses, types and headers are settled before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

from docstore.core.answers import refused_json, written_json
from docstore.core.conditions import rev_etag
from docstore.core.document import quote_id
from docstore.core.json_text import JsonValue, encode
from docstore.core.local_document import DELETED, is_local, rev_of
from docstore.core.rev import Rev
from docstore.errors import DocstoreError, NotFound
from docstore.storage.remembered_rows import StoredReply

AROUND_ROW = 70
"""Bytes of a row of ``_bulk_docs`` beside the id: a new revision or a conflict."""

Headers = tuple[tuple[str, str], ...]


class WrittenForm(NamedTuple):
    """One document was written; a ``_local`` one too.

    ``etag``  whether the new revision is told as one, or another text that is
    ``must_exist``  whether it is an error that there was no ``_local`` document to delete
    """

    doc_id: str
    status: int
    headers: Headers = ()
    etag: bool | str = False
    must_exist: bool = False

    @property
    def expected_bytes(self) -> int:
        """The id is most of it."""
        return len(quote_id(self.doc_id)) + AROUND_ROW

    def render(self, results: Sequence[object]) -> StoredReply:
        """The new revision, from the result of the one effect."""
        rev = _written_rev(results[0], must_exist=self.must_exist)
        etag = rev_etag(rev) if self.etag is True else self.etag or None
        return StoredReply(self.status, written_json(self.doc_id, rev) + b"\n", self.headers, etag)


@dataclass(frozen=True, slots=True)
class BulkForm:
    """Rows for documents, those with a history by one effect, then one for each ``_local`` document, as they come.

    ``only_failed``  rows for those that were refused, and for no others (``new_edits: false``); these have ``revs``
    """

    ids: tuple[str, ...]
    only_failed: bool = False
    revs: tuple[Rev, ...] = ()

    @property
    def expected_bytes(self) -> int:
        """A row for each document, or none. Escapes in ids are not counted: this is asked for on the event loop."""
        return 3 if self.only_failed else len("".join(self.ids).encode()) + AROUND_ROW * len(self.ids)

    def render(self, results: Sequence[object]) -> StoredReply:
        """The rows. Raises what refused all documents together."""
        answers = bulk_answers(self.ids, results)
        revs: Iterable[Rev | None] = self.revs or repeat(None)
        rows = [
            refused_json(doc_id, answer, rev) if isinstance(answer, DocstoreError) else written_json(doc_id, answer)
            for doc_id, rev, answer in zip(self.ids, revs, answers, strict=False)
            if isinstance(answer, DocstoreError) or not self.only_failed
        ]
        return StoredReply(201, b"[%b]\n" % b",".join(rows))


@dataclass(frozen=True, slots=True)
class PurgedForm:
    """Leaves were forgotten; one effect with a request for each id, or none of either."""

    ids: tuple[str, ...]
    expected_bytes: int

    def render(self, results: Sequence[object]) -> StoredReply:
        """Per id the revisions that are gone."""
        purged: dict[str, JsonValue] = {}
        for result in results:
            if not isinstance(result, list):
                raise _error_in(result)
            purged = {doc_id: [str(rev) for rev in revs] for doc_id, revs in zip(self.ids, result, strict=True)}
        return StoredReply(201, encode({"purge_seq": None, "purged": purged}) + b"\n")


@dataclass(frozen=True, slots=True)
class ConstantForm:
    """The reply is known before; the effects only have to succeed."""

    reply: StoredReply

    @property
    def expected_bytes(self) -> int:
        """It is at hand."""
        return len(self.reply.body)

    def render(self, results: Sequence[object]) -> StoredReply:
        """The reply."""
        for result in results:
            if isinstance(result, DocstoreError):
                raise result
        return self.reply


def bulk_answers(ids: Sequence[str], results: Sequence[object]) -> list[Rev | DocstoreError]:
    """What became of each document of a bulk, from the effects as ``BulkForm`` has them.

    Raises what refused all documents with a history together.
    """
    ours = iter(results)
    plain: list[Rev | DocstoreError] = []
    if not all(map(is_local, ids)):
        together = next(ours)
        if not isinstance(together, list):
            raise _error_in(together)
        plain = together
    theirs = iter(plain)
    return [_answer(next(ours)) if is_local(doc_id) else next(theirs) for doc_id in ids]


def _answer(result: object) -> Rev | DocstoreError:
    return result if isinstance(result, DocstoreError) else _written_rev(result)


def _written_rev(result: object, *, must_exist: bool = False) -> Rev:
    """The revision in the result of EditDocuments with one edit, of PutLocal or of DeleteLocal. Raises its error."""
    if isinstance(result, list):
        [result] = result
    if isinstance(result, Rev):
        return result
    if isinstance(result, bool):
        if must_exist and not result:
            raise NotFound
        return rev_of(DELETED)
    if isinstance(result, int):
        return rev_of(result)
    raise _error_in(result)


def _error_in(result: object) -> Exception:
    if isinstance(result, DocstoreError):
        return result
    return TypeError(f"{type(result).__name__} is no result of a write")
