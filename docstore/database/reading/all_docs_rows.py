"""The text of a row in ``_all_docs``, ``_design_docs`` and ``_local_docs``.

Owns what a row shows. It must not know which rows a listing has. Follows ``fabric_view_all_docs:open_doc_int``: a
deleted document that was asked for by its key has a row with ``deleted`` and no document.
"""

from dataclasses import dataclass

from docstore.core.json_text import JsonValue, encode, encode_string
from docstore.core.local_document import name_of, text_of
from docstore.core.rev import parse_rev
from docstore.database.reading.at_once import Later, TooMuchAtOnce, on_snapshot
from docstore.database.reading.document_text import OpenBlob, Row, document_text, listed_view, row_of, stub_text
from docstore.database.reading.documents import conflict_members_of
from docstore.database.reading.key_range import RangeQuery
from docstore.storage.documents.documents import get_body, get_record
from docstore.storage.documents.local import get_local
from docstore.storage.documents.records import DocRecord
from docstore.storage.documents.scans import DocRow
from docstore.storage.rows import LocalRow
from docstore.storage.tables import ReadTransaction


@dataclass(frozen=True, slots=True)
class ListingQuery(RangeQuery):
    """What listings of documents are asked beside the range: what their rows show."""

    include_docs: bool = False
    conflicts: bool = False
    attachments: bool = False
    att_encoding_info: bool = False


class RowWriter:
    """Writes the rows of one listing. ``open_blob`` opens attachments that are to be streamed."""

    def __init__(self, database: int, query: ListingQuery, open_blob: OpenBlob) -> None:
        self._database = database
        self._include_docs = query.include_docs
        self._conflicts = query.conflicts
        self._view = listed_view(data=query.attachments, encoding_info=query.att_encoding_info)
        self._open_blob = open_blob

    def document_row(
        self,
        txn: ReadTransaction,
        row: DocRow,
        more: bytes = b"",
        conflicts: bytes | None = None,
        *,
        at_once: bool = False,
    ) -> Row:
        """The row of a document, with ``more`` in its value: JSON members, a comma before each.

        ``conflicts``: the member ``_conflicts`` of a document in conflict, from those who know it anyway. Raises
        TooMuchAtOnce if so asked.
        """
        doc_id, rev, deleted, body_seq = row
        quoted = encode_string(doc_id)
        text = b'{"id":%b,"key":%b,"value":{"rev":%b%b' % (quoted, quoted, encode_string(rev), more)
        if deleted:
            return text + (b',"deleted":true},"doc":null}' if self._include_docs else b',"deleted":true}}')
        if not self._include_docs:
            return text + b"}}"
        if not self._conflicts:
            extra = []
        elif conflicts is not None:
            extra = [conflicts]
        else:
            extra = conflict_members_of(txn, self._database, doc_id, at_once=at_once)
        return self._with_document(txn, text + b'},"doc":', doc_id, rev, body_seq, extra)

    def listed_row(self, txn: ReadTransaction, row: DocRow) -> Row | Later:
        """The row of a document, or how it is made of what the document is then; None if it is deleted by then."""
        try:
            return self.document_row(txn, row, at_once=True)
        except TooMuchAtOnce:
            return Later(lambda environment: on_snapshot(environment, lambda txn: self._row_now(txn, row[0])))

    def _row_now(self, txn: ReadTransaction, doc_id: str) -> Row | None:
        record = get_record(txn, self._database, doc_id)
        return None if record is None or record.deleted else self.document_row(txn, _row_of(doc_id, record))

    def local_row(self, doc_id: str, row: LocalRow) -> bytes:
        """The row of a ``_local`` document."""
        quoted = encode_string(doc_id)
        text = b'{"id":%b,"key":%b,"value":{"rev":"0-%d"}' % (quoted, quoted, row.number)
        return b'%b,"doc":%b}' % (text, text_of(doc_id, row.number, row.body)) if self._include_docs else text + b"}"

    def key_row(self, txn: ReadTransaction, key: JsonValue) -> Row | Later:
        """The row for one of ``keys``: a document's, or an error."""
        try:
            return self._key_row(txn, key, at_once=True)
        except TooMuchAtOnce:
            return Later(lambda environment: on_snapshot(environment, lambda txn: self._key_row(txn, key)))

    def _key_row(self, txn: ReadTransaction, key: JsonValue, *, at_once: bool = False) -> Row:
        record = get_record(txn, self._database, key) if isinstance(key, str) else None
        if record is None or not isinstance(key, str):
            return _not_found(key)
        return self.document_row(txn, _row_of(key, record), at_once=at_once)

    def local_key_row(self, txn: ReadTransaction, key: str) -> bytes:
        """The same of ``_local_docs``."""
        row = get_local(txn, self._database, name_of(key))
        return _not_found(key) if row is None else self.local_row(key, row)

    def _with_document(
        self, txn: ReadTransaction, before: bytes, doc_id: str, rev: str, body_seq: int, extra: list[bytes]
    ) -> Row:
        body = get_body(txn, self._database, body_seq)
        if body is None:
            return before + b"null}"
        if self._view is None:
            return b"%b%b}" % (before, stub_text(doc_id, parse_rev(rev), False, body, extra))
        text = document_text(txn, doc_id, parse_rev(rev), False, body, extra, self._view, self._open_blob)
        return row_of(before, text, b"}")


def _row_of(doc_id: str, record: DocRecord) -> DocRow:
    return (doc_id, str(record.winner), record.deleted, record.body_seq)


def _not_found(key: JsonValue) -> bytes:
    return b'{"key":%b,"error":"not_found"}' % encode(key)
