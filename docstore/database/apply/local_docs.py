"""``_local`` documents: no history, no conflicts, no place in ``_changes``; replicators keep their checkpoints there.

Owns their revisions, ``0-N``: a write makes N one more than that of the revision it names, or 1, and nobody compares it
with what is stored (``couch_db_updater:increment_local_doc_revs``). A deletion answers ``0-0``. Of a write with
``new_edits`` false, too, the revision must be named, and is what is answered; it is stored as any other, where CouchDB
answers the same, and loses the document unless the revision is ``0-N``.
"""

from docstore.core.conditions import Condition, content_etag
from docstore.core.document import LOCAL_PREFIX, Document, revisions_member, splice
from docstore.core.rev import HASH_BYTES, Rev
from docstore.database.commands import DeleteLocal, PutLocal
from docstore.errors import BadRequest, DocstoreError, NotFound
from docstore.storage.databases import get_state, put_state
from docstore.storage.documents import local
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.rows import LocalRow
from docstore.storage.tables import ReadTransaction

NEEDS_REV = "When `new_edits: false`, the document needs `_rev` or `_revisions` specified"
FIRST = 1
DELETED = 0
MAX_DIGITS = HASH_BYTES - 2
"""A number of 16 digits would be taken for the 16 bytes of a hash."""


def is_local(doc_id: str) -> bool:
    """Whether an id is that of a ``_local`` document."""
    return doc_id.startswith(LOCAL_PREFIX)


# --- inside the write transaction -------------------------------------------------------------------------------


def put(txn: GroupTransaction, command: PutLocal) -> int | Rev:
    """Write one; its number, or what is to be told. Raises DatabaseNotFound, PreconditionFailed."""
    state = get_state(txn, command.database)
    _check(txn, command.database, command.doc_id, command.condition)
    local.put_local(txn, command.database, state, name_of(command.doc_id), command.number, command.body)
    put_state(txn, command.database, state)
    return command.number if command.told is None else command.told


def delete(txn: GroupTransaction, command: DeleteLocal) -> bool | Rev:
    """Remove one; whether it was there, or what is to be told. Raises DatabaseNotFound, PreconditionFailed."""
    state = get_state(txn, command.database)
    _check(txn, command.database, command.doc_id, command.condition)
    found = local.delete_local(txn, command.database, state, name_of(command.doc_id))
    if found:
        put_state(txn, command.database, state)
    return found if command.told is None else command.told


# --- before it --------------------------------------------------------------------------------------------------


def write_command(database: int, document: Document, *, new_edits: bool = True) -> PutLocal | DeleteLocal:
    """The command that writes a ``_local`` document. Raises CouchDB's answer to a revision that is not ``0-N``.

    With ``new_edits`` false any revision will do; BadRequest without one.
    """
    told = None if new_edits else _told(document)
    if document.deleted:
        return DeleteLocal(database, document.id, document.condition, told)
    number = _next_number(document, new_edits=new_edits)
    return PutLocal(database, document.id, number, document.body, document.condition, told)


def next_rev(document: Document, *, new_edits: bool = True) -> Rev:
    """The revision that the command of ``write_command`` tells. Raises as that."""
    if not new_edits:
        return _told(document)
    return rev_of(DELETED if document.deleted else _next_number(document))


def rev_of(number: int) -> Rev:
    """The revision ``0-N``."""
    return Rev(0, str(number).encode())


def read(txn: ReadTransaction, database: int, doc_id: str, *, revs: bool = False) -> tuple[Rev, bytes]:
    """Revision and JSON text, with ``_revisions`` on demand. Raises NotFound, DatabaseNotFound."""
    row = local.get_local(txn, database, name_of(doc_id))
    if row is None:
        get_state(txn, database)
        raise NotFound
    return rev_of(row.number), text_of(doc_id, row, revs=revs)


def read_body(txn: ReadTransaction, database: int, doc_id: str) -> tuple[Rev, bool, bytes]:
    """Revision, whether it is deleted (it is not), and the JSON text of its body. Raises as ``read``."""
    row = local.get_local(txn, database, name_of(doc_id))
    if row is None:
        get_state(txn, database)
        raise NotFound
    return rev_of(row.number), False, row.body


def text_of(doc_id: str, row: LocalRow, *, revs: bool = False) -> bytes:
    """The JSON text of a ``_local`` document."""
    rev = rev_of(row.number)
    return splice(doc_id, rev, False, row.body, revisions_member([rev]) if revs else b"")


def name_of(doc_id: str) -> str:
    """The id as the store has it, without ``_local/``."""
    return doc_id.removeprefix(LOCAL_PREFIX)


def _check(txn: ReadTransaction, database: int, doc_id: str, condition: Condition | None) -> None:
    """Raises PreconditionFailed. A ``_local`` document's tag is that of its text, as its revisions may repeat."""
    if condition is not None:
        row = local.get_local(txn, database, name_of(doc_id))
        condition.check(*(() if row is None else (content_etag(text_of(doc_id, row)),)))


def _told(document: Document) -> Rev:
    if document.rev is None:
        raise BadRequest(NEEDS_REV)
    return document.rev


def _next_number(document: Document, *, new_edits: bool = True) -> int:
    if document.rev is None:
        return FIRST
    number = _number(document.rev)
    if number is None and new_edits:
        raise DocstoreError("Invalid rev format", error="error")
    return FIRST if number is None else number + 1


def _number(rev: Rev) -> int | None:
    digits = rev.id
    if rev.generation != 0 or not digits.isdigit() or len(digits) > MAX_DIGITS:
        return None
    return int(digits)
