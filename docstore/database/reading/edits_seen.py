"""Edits as the rules of an application see them: what is to be written, and what it takes the place of.

Owns that view. It is made of a snapshot, before the edits are submitted, and so it also says for certain which of them
are conflicts: such an edit is nothing to ask about, and must not go on either, since what it names could become a leaf
by another edit of the same request. It must not know rules. Follows ``couch_db:prep_and_validate_updates`` and
``couch_db:prep_and_validate_replicated_updates``, ``couch_query_servers:json_doc``.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from docstore.core.attachment import Attachment, Linked, attachments_member, unpack_attachments
from docstore.core.document import EMPTY_BODY, revisions_member
from docstore.core.edit import Edit, meet_condition
from docstore.core.json_text import encode_string
from docstore.core.rev import Rev
from docstore.database.reading.document_text import stub_text
from docstore.errors import Conflict, DocstoreError, PreconditionFailed
from docstore.storage.documents.documents import find_revision, get_body, get_record, get_tree
from docstore.storage.documents.records import DocRecord
from docstore.storage.rows import body_metadata
from docstore.storage.tables import ReadTransaction

REVS_SHOWN: Final = 20
"""How many revisions the document that is replaced shows (``query_server_config/revs_limit``)."""

NO_DOCUMENT: Final = b"null"


class SeenEdit(NamedTuple):
    """An edit as it is to be submitted, its document and the one that it replaces, as JSON texts."""

    edit: Edit
    document: bytes
    before: bytes = NO_DOCUMENT


def see_edits(
    txn: ReadTransaction, db: int, edits: Sequence[Edit], *, new_edits: bool
) -> list[SeenEdit | Edit | DocstoreError]:
    """For each edit how it is seen, or the error that it meets; an Edit where nothing is to be asked."""
    see = _see_interactive if new_edits else _see_replicated
    return [see(txn, db, edit) for edit in edits]


def _see_interactive(txn: ReadTransaction, db: int, edit: Edit) -> SeenEdit | DocstoreError:
    record = get_record(txn, db, edit.id)
    if edit.condition is not None:
        try:
            # The parent is settled here: what is checked is what is written, or a conflict.
            head, date = (None, None) if record is None else (record.head(), record.date)
            parent = meet_condition(head, edit.parent, edit.condition, date)
            edit = edit._replace(parent=parent)
        except PreconditionFailed as error:
            return error
    parent = edit.parent
    if parent is None:
        if record is not None and not record.deleted:
            return Conflict()
        return SeenEdit(edit, _text_of(edit, None, (), ()))
    if record is None or not _is_leaf(txn, db, record, parent):
        return Conflict()
    value = _body_of(txn, db, record, parent)
    if value is None:
        return Conflict()
    path = edit.path if edit.path[:1] == (parent,) else (parent,)
    document = _text_of(edit, parent, path, unpack_attachments(body_metadata(value)))
    return SeenEdit(edit, document, _stored_text(txn, db, edit.id, record, parent, value))


def _see_replicated(txn: ReadTransaction, db: int, edit: Edit) -> SeenEdit | Edit:
    record = get_record(txn, db, edit.id)
    document = _text_of(edit, edit.path[0], edit.path, ())
    if record is None:
        return SeenEdit(edit, document)
    if find_revision(txn, db, record, edit.path[0]) is not None:
        # It is there, so there is nothing to write; and nothing may be, if it is purged meanwhile.
        leased = any(isinstance(one, Linked) and one.staging for one in edit.attachments)
        return edit if leased else edit._replace(passed_over=True)
    for rev in edit.path[1:]:
        value = _body_of(txn, db, record, rev)
        if value is not None:
            return SeenEdit(edit, document, _stored_text(txn, db, edit.id, record, rev, value))
    return SeenEdit(edit, document)


def _is_leaf(txn: ReadTransaction, db: int, record: DocRecord, rev: Rev) -> bool:
    return rev == record.winner or (bool(record.whole) and get_tree(txn, db, record).is_leaf(rev))


def _body_of(txn: ReadTransaction, db: int, record: DocRecord, rev: Rev) -> bytes | None:
    entry = find_revision(txn, db, record, rev)
    return None if entry is None or not entry.seq else get_body(txn, db, entry.seq)


def _stored_text(txn: ReadTransaction, db: int, doc_id: str, record: DocRecord, rev: Rev, value: bytes) -> bytes:
    tree = get_tree(txn, db, record)
    return stub_text(doc_id, rev, tree.nodes[rev].deleted, value, (revisions_member(tree.path_to(rev, REVS_SHOWN)),))


def _text_of(edit: Edit, rev: Rev | None, path: tuple[Rev, ...], before: Iterable[Attachment]) -> bytes:
    """The document of an edit, with the revision that it changes, or as a replicated one is."""
    members = [b'"_id":' + encode_string(edit.id)]
    if rev is not None:
        members.append(b'"_rev":' + encode_string(str(rev)))
    if edit.body != EMPTY_BODY:
        members.append(edit.body[1:-1])
    if edit.deleted:
        members.append(b'"_deleted":true')
    if path:
        members.append(revisions_member(path))
    attachments = list(_shown(edit, before))
    if attachments:
        members += attachments_member(attachments)
    return b"{%b}" % b",".join(members)


def _shown(edit: Edit, before: Iterable[Attachment]) -> Iterable[Attachment]:
    there = {one.name: one for one in before}
    for one in edit.attachments:
        if isinstance(one, Linked):
            yield one.attachment
        elif one.name in there:
            yield there[one.name]
