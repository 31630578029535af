"""The text of a row in ``_changes``.

Owns what a row shows: sequence, revisions, the document. It must not know which rows a feed has. A row is made by
joining stored bytes (``storage/rows.py``); only a filter or a projection has the document parsed. Follows
``couch_changes:changes_row`` and ``fabric_rpc:changes_enumerator``.
"""

from collections.abc import Callable, Sequence, Set
from enum import StrEnum
from typing import TypeAlias

from docstore.core.json_text import JsonValue, decode, encode, encode_string
from docstore.core.rev import Rev
from docstore.database.conflicts import is_conflicted
from docstore.database.document_text import (
    AttachmentView,
    DocumentText,
    OpenBlob,
    Row,
    document_text,
    row_of,
    stub_text,
)
from docstore.database.reading import conflict_members_of
from docstore.storage.documents import get_body, get_record, get_tree
from docstore.storage.rows import (
    CHANGE_DELETED,
    CHANGE_OTHERS,
    Change,
    change_id,
    change_text,
    decode_change,
)
from docstore.storage.tables import ReadTransaction

DocumentFilter: TypeAlias = Callable[[dict[str, JsonValue]], bool]
DocumentProjection: TypeAlias = Callable[[dict[str, JsonValue]], JsonValue]


class Style(StrEnum):
    """Which revisions a row names: the winner, or all leaves."""

    MAIN_ONLY = "main_only"
    ALL_DOCS = "all_docs"


class RowWriter:
    """Writes the rows of one feed; the parameters are those of ``ChangesQuery``.

    ``ids``    the only documents that have a row, None for all
    ``conflicts_only``  those with more than one live leaf alone have a row
    ``plain``  whether ``plain_rows`` is all that is needed
    ``attachments``  what is shown of them, None for stubs; ``open_blob`` opens those that are to be streamed
    """

    def __init__(
        self,
        database: int,
        opaque: str,
        *,
        style: Style,
        ids: Set[str] | None,
        conflicts_only: bool = False,
        include_docs: bool,
        conflicts: bool,
        filter: DocumentFilter | None,
        projection: DocumentProjection | None,
        attachments: AttachmentView | None = None,
        open_blob: OpenBlob | None = None,
    ) -> None:
        self.plain = ids is None and filter is None and not include_docs and not conflicts_only
        self._database = database
        self._tail = f'-{opaque}",'.encode()
        self._all_leaves = style is Style.ALL_DOCS
        self._ids = ids
        self._conflicts_only = conflicts_only
        self._include_docs = include_docs
        self._conflicts = conflicts
        self._filter = filter
        self._projection = projection
        self._view = attachments
        # A projection needs the text whole: it is parsed.
        self._open_blob = open_blob if projection is None else None

    def plain_rows(self, chunk: Sequence[tuple[int, bytes]]) -> list[bytes]:
        """The rows of stored rows (seq, value), without looking at any document."""
        tail, all_leaves = self._tail, self._all_leaves
        return [
            b'{"seq":"%d%b%b}' % (seq, tail, row[1:] if row[0] <= CHANGE_DELETED else change_text(row, all_leaves))
            for seq, row in chunk
        ]

    def row(self, txn: ReadTransaction, seq: int, value: bytes, shown: int | None) -> Row | None:
        """One row, None if it is filtered out. ``shown`` is the sequence that it shows, None for null."""
        if self._ids is not None and change_id(value) not in self._ids:
            return None
        if self._conflicts_only and not (
            value[0] & CHANGE_OTHERS and is_conflicted(txn, self._database, change_id(value))
        ):
            return None
        text = change_text(value, self._all_leaves)
        document: DocumentText | None = None
        if self._filter is not None or self._include_docs:
            change = decode_change(value, seq)
            if self._filter is not None:
                passing = self._passing(txn, change, self._filter)
                if not passing:
                    return None
                if value[0] & CHANGE_OTHERS:
                    text = _text_with(change, passing)
            if self._include_docs:
                document = self._shown_document(txn, change, others=bool(value[0] & CHANGE_OTHERS))
        head = b'{"seq":null,' if shown is None else b'{"seq":"%d%b' % (shown, self._tail)
        return b"%b%b}" % (head, text) if document is None else row_of(b'%b%b,"doc":' % (head, text), document, b"}")

    def _passing(self, txn: ReadTransaction, change: Change, accepts: DocumentFilter) -> list[Rev]:
        """The revisions that the row names and the filter lets pass."""
        winner = self._text(txn, change.id, change.winner, change.deleted, change.body_seq)
        candidates = [(change.winner, winner)]
        if self._all_leaves and change.others:
            record = get_record(txn, self._database, change.id)
            nodes = {} if record is None else get_tree(txn, self._database, record).nodes
            for rev in change.others:
                node = nodes[rev]
                candidates.append((rev, self._text(txn, change.id, rev, node.deleted, node.seq)))
        return [rev for rev, text in candidates if text is not None and accepts(_parsed(text.json))]

    def _shown_document(self, txn: ReadTransaction, change: Change, *, others: bool) -> DocumentText:
        extra = conflict_members_of(txn, self._database, change.id) if self._conflicts and others else []
        text = self._text(txn, change.id, change.winner, change.deleted, change.body_seq, extra, self._view)
        if text is None:
            return DocumentText(b"null")
        return text if self._projection is None else DocumentText(encode(self._projection(_parsed(text.json))))

    def _text(
        self,
        txn: ReadTransaction,
        doc_id: str,
        rev: Rev,
        deleted: bool,
        body_seq: int,
        extra: Sequence[bytes] = (),
        view: AttachmentView | None = None,
    ) -> DocumentText | None:
        value = get_body(txn, self._database, body_seq)
        if value is None:
            return None
        if view is None:
            return DocumentText(stub_text(doc_id, rev, deleted, value, extra))
        return document_text(txn, doc_id, rev, deleted, value, extra, view, self._open_blob)


def _parsed(text: bytes) -> dict[str, JsonValue]:
    document = decode(text)
    if not isinstance(document, dict):
        raise TypeError("a stored document is no object")
    return document


def _text_with(change: Change, revs: Sequence[Rev]) -> bytes:
    """What ``change_text`` gives, with these revisions."""
    named = b",".join(b'{"rev":%b}' % encode_string(str(rev)) for rev in revs)
    deleted = b',"deleted":true' if change.deleted else b""
    return b'"id":%b,"changes":[%b]%b' % (encode_string(change.id), named, deleted)
