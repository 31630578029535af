"""The text of a row in ``_changes``.

Owns what a row shows: sequence, revisions, the document. It must not know which rows a feed has. A row is made by
joining stored bytes (``storage/rows.py``); only a filter or a projection has the document parsed. A row that is too
much work for the event loop is not made but told how to be made (``at_once.Later``). Follows
``couch_changes:changes_row`` and ``fabric_rpc:changes_enumerator``.
"""

from collections.abc import Callable, Sequence, Set
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from docstore.core.json_cost import is_costly
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import JsonValue, decode, encode, encode_string
from docstore.core.rev import Rev
from docstore.core.steps import OutOfSteps, Steps
from docstore.database.reading.at_once import (
    ALONE,
    FILTER_STEPS,
    PARSED_BYTES,
    TREE_BYTES,
    Later,
    TooMuchAtOnce,
    check_tree,
    on_snapshot,
)
from docstore.database.reading.conflicts import is_conflicted
from docstore.database.reading.document_text import (
    AttachmentView,
    DocumentText,
    OpenBlob,
    Row,
    document_text,
    row_of,
    stub_text,
)
from docstore.database.reading.documents import conflict_members_of
from docstore.errors import BadRequest
from docstore.settings import Limits
from docstore.storage.documents.documents import get_body, get_record, get_tree
from docstore.storage.engine.environment import Environment
from docstore.storage.rows import (
    CHANGE_DELETED,
    CHANGE_OTHERS,
    Change,
    change_id,
    change_text,
    decode_change,
)
from docstore.storage.tables import ReadTransaction

DocumentFilter: TypeAlias = Callable[[dict[str, JsonValue], Steps], bool]
"""Takes steps of a budget, and may raise OutOfSteps."""
DocumentProjection: TypeAlias = Callable[[dict[str, JsonValue]], JsonValue]

Candidates: TypeAlias = Sequence[tuple[Rev, DocumentText | None]]
"""Revisions that a row names, and their texts as far as these are stored."""

MAX_FILTER_STEPS: Final = Limits().max_filter_steps
TOO_MANY_STEPS: Final = "The filter takes more than max_filter_steps ({}) steps for one document."


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
        max_filter_steps: int = MAX_FILTER_STEPS,
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
        self._max_filter_steps = max_filter_steps
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

    def row(self, txn: ReadTransaction, seq: int, value: bytes, shown: int | None) -> Row | Later | None:
        """One row, None if it is filtered out. ``shown`` is the sequence that it shows, None for null."""
        if self._ids is not None and change_id(value) not in self._ids:
            return None
        if self._conflicts_only and not (
            value[0] & CHANGE_OTHERS and is_conflicted(txn, self._database, change_id(value))
        ):
            return None
        try:
            if len(value) > TREE_BYTES:  # which names as many leaves
                raise TooMuchAtOnce
            passing: list[Rev] | None = None
            if self._filter is not None:
                candidates = self._candidates(txn, decode_change(value, seq), at_once=True)
                passing = self._passing(candidates, self._filter, Steps(FILTER_STEPS), at_once=True)
            return self._write(txn, (seq, value, shown), passing, at_once=True)
        except (TooMuchAtOnce, OutOfSteps):
            return Later(partial(self._row_in_thread, _Told(seq, value, shown)))

    def _row_in_thread(self, told: "_Told", environment: Environment) -> Row | None:
        """The same row, whatever work it is. No snapshot is open while the filter works.

        A document that has changed since its row was read has another one by now, beyond the end of the pass. Raises
        BadRequest for a filter that takes too many steps.
        """
        seq, value, _ = told
        passing: list[Rev] | None = None
        if self._filter is not None:
            change = decode_change(value, seq)
            candidates = on_snapshot(environment, partial(self._candidates, change=change))
            try:
                with ALONE:
                    passing = self._passing(candidates, self._filter, Steps(self._max_filter_steps))
            except OutOfSteps:
                raise BadRequest(TOO_MANY_STEPS.format(self._max_filter_steps)) from None
        return on_snapshot(environment, partial(self._write_if_current, told=told, passing=passing))

    def _write_if_current(self, txn: ReadTransaction, told: "_Told", passing: list[Rev] | None) -> Row | None:
        record = get_record(txn, self._database, change_id(told.value))
        return None if record is None or record.seq != told.seq else self._write(txn, told, passing)

    def _write(
        self,
        txn: ReadTransaction,
        told: tuple[int, bytes, int | None],
        passing: list[Rev] | None,
        *,
        at_once: bool = False,
    ) -> Row | None:
        """The row itself. ``passing``: the revisions that a filter let pass, None without a filter."""
        seq, value, shown = told
        if passing is not None and not passing:
            return None
        text = change_text(value, self._all_leaves)
        document: DocumentText | None = None
        others = bool(value[0] & CHANGE_OTHERS)
        if passing is not None or self._include_docs:
            change = decode_change(value, seq)
            if passing is not None and others:
                text = _text_with(change, passing)
            if self._include_docs:
                document = self._shown_document(txn, change, others=others, at_once=at_once)
        head = b'{"seq":null,' if shown is None else b'{"seq":"%d%b' % (shown, self._tail)
        return b"%b%b}" % (head, text) if document is None else row_of(b'%b%b,"doc":' % (head, text), document, b"}")

    def _candidates(self, txn: ReadTransaction, change: Change, *, at_once: bool = False) -> Candidates:
        """The revisions that the row names. Raises TooMuchAtOnce if so asked."""
        parsed_bytes = PARSED_BYTES if at_once else None
        winner = self._text(txn, change.id, change.winner, change.deleted, change.body_seq, parsed_bytes=parsed_bytes)
        candidates = [(change.winner, winner)]
        if self._all_leaves and change.others:
            record = get_record(txn, self._database, change.id)
            if at_once and record is not None:
                check_tree(record)
            nodes = {} if record is None else get_tree(txn, self._database, record).nodes
            for rev in change.others:
                node = nodes.get(rev)
                text = (
                    None
                    if node is None
                    else self._text(txn, change.id, rev, node.deleted, node.seq, parsed_bytes=parsed_bytes)
                )
                candidates.append((rev, text))
        return candidates

    def _passing(
        self, candidates: Candidates, accepts: DocumentFilter, steps: Steps, *, at_once: bool = False
    ) -> list[Rev]:
        """Those that the filter lets pass. Raises OutOfSteps; TooMuchAtOnce if so asked."""
        read = _parsed_at_once if at_once else _parsed
        return [rev for rev, text in candidates if text is not None and accepts(read(text.json), steps)]

    def _shown_document(self, txn: ReadTransaction, change: Change, *, others: bool, at_once: bool) -> DocumentText:
        wanted = self._conflicts and others
        extra = conflict_members_of(txn, self._database, change.id, at_once=at_once) if wanted else []
        text = self._text(txn, change.id, change.winner, change.deleted, change.body_seq, extra, self._view)
        if text is None:
            return DocumentText(b"null")
        if self._projection is None:
            return text
        members = (_parsed_at_once if at_once else _parsed)(text.json)
        return DocumentText(encode(self._projection(members)))

    def _text(
        self,
        txn: ReadTransaction,
        doc_id: str,
        rev: Rev,
        deleted: bool,
        body_seq: int,
        extra: Sequence[bytes] = (),
        view: AttachmentView | None = None,
        *,
        parsed_bytes: int | None = None,
    ) -> DocumentText | None:
        """The text of a revision. Raises TooMuchAtOnce for one of more than ``parsed_bytes``."""
        value = get_body(txn, self._database, body_seq)
        if value is None:
            return None
        if parsed_bytes is not None and len(value) > parsed_bytes:
            raise TooMuchAtOnce
        if view is None:
            return DocumentText(stub_text(doc_id, rev, deleted, value, extra))
        return document_text(txn, doc_id, rev, deleted, value, extra, view, self._open_blob)


class _Told(NamedTuple):
    """What a row is made of: its place in ``changes``, its value there, and the sequence that it shows."""

    seq: int
    value: bytes
    shown: int | None


def _parsed(text: bytes) -> dict[str, JsonValue]:
    return _members(decode_in_slices(text) if is_costly(text) else decode(text))


def _parsed_at_once(text: bytes) -> dict[str, JsonValue]:
    if is_costly(text):
        raise TooMuchAtOnce
    return _members(decode(text))


def _members(document: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(document, dict):
        raise TypeError("a stored document is no object")
    return document


def _text_with(change: Change, revs: Sequence[Rev]) -> bytes:
    """What ``change_text`` gives, with these revisions."""
    named = b",".join(b'{"rev":%b}' % encode_string(str(rev)) for rev in revs)
    deleted = b',"deleted":true' if change.deleted else b""
    return b'"id":%b,"changes":[%b]%b' % (encode_string(change.id), named, deleted)
