"""``_local`` documents: no history, no conflicts, no place in ``_changes``; replicators keep their checkpoints there.

Owns their revisions, ``0-N``: a write makes N one more than that of the revision it names, or 1, and nobody compares it
with what is stored (``couch_db_updater:increment_local_doc_revs``). A deletion answers ``0-0``.
"""

from docstore.core.conditions import Condition, content_etag
from docstore.core.document import LOCAL_PREFIX, Document, splice
from docstore.core.rev import HASH_BYTES, Rev
from docstore.database.commands import DeleteLocal, PutLocal
from docstore.errors import DocstoreError, NotFound
from docstore.storage import local
from docstore.storage.databases import get_state, put_state
from docstore.storage.rows import LocalRow
from docstore.storage.tables import ReadTransaction
from docstore.storage.transactions import GroupTransaction

FIRST = 1
DELETED = 0
MAX_DIGITS = HASH_BYTES - 2
"""A number of 16 digits would be taken for the 16 bytes of a hash."""


def is_local(doc_id: str) -> bool:
    """Whether an id is that of a ``_local`` document."""
    return doc_id.startswith(LOCAL_PREFIX)


# --- inside the write transaction -------------------------------------------------------------------------------


def put(txn: GroupTransaction, command: PutLocal) -> int:
    """Write one; its number. Raises DatabaseNotFound, PreconditionFailed."""
    state = get_state(txn, command.database)
    _check(txn, command.database, command.doc_id, command.condition)
    local.put_local(txn, command.database, state, name_of(command.doc_id), command.number, command.body)
    put_state(txn, command.database, state)
    return command.number


def delete(txn: GroupTransaction, command: DeleteLocal) -> bool:
    """Remove one; whether it was there. Raises DatabaseNotFound, PreconditionFailed."""
    state = get_state(txn, command.database)
    _check(txn, command.database, command.doc_id, command.condition)
    found = local.delete_local(txn, command.database, state, name_of(command.doc_id))
    if found:
        put_state(txn, command.database, state)
    return found


# --- before it --------------------------------------------------------------------------------------------------


def write_command(database: int, document: Document) -> PutLocal | DeleteLocal:
    """The command that writes a ``_local`` document. Raises CouchDB's answer to a revision that is not ``0-N``."""
    if document.deleted:
        return DeleteLocal(database, document.id, document.condition)
    return PutLocal(database, document.id, _next_number(document), document.body, document.condition)


def next_rev(document: Document) -> Rev:
    """The revision that the command of ``write_command`` makes. Raises as that."""
    return rev_of(DELETED if document.deleted else _next_number(document))


def rev_of(number: int) -> Rev:
    """The revision ``0-N``."""
    return Rev(0, str(number).encode())


def read(txn: ReadTransaction, database: int, doc_id: str) -> tuple[Rev, bytes]:
    """Revision and JSON text. Raises NotFound, DatabaseNotFound."""
    row = local.get_local(txn, database, name_of(doc_id))
    if row is None:
        get_state(txn, database)
        raise NotFound
    return rev_of(row.number), text_of(doc_id, row)


def read_body(txn: ReadTransaction, database: int, doc_id: str) -> tuple[Rev, bool, bytes]:
    """Revision, whether it is deleted (it is not), and the JSON text of its body. Raises as ``read``."""
    row = local.get_local(txn, database, name_of(doc_id))
    if row is None:
        get_state(txn, database)
        raise NotFound
    return rev_of(row.number), False, row.body


def text_of(doc_id: str, row: LocalRow) -> bytes:
    """The JSON text of a ``_local`` document."""
    return splice(doc_id, rev_of(row.number), False, row.body)


def name_of(doc_id: str) -> str:
    """The id as the store has it, without ``_local/``."""
    return doc_id.removeprefix(LOCAL_PREFIX)


def _check(txn: ReadTransaction, database: int, doc_id: str, condition: Condition | None) -> None:
    """Raises PreconditionFailed. A ``_local`` document's tag is that of its text, as its revisions may repeat."""
    if condition is not None:
        row = local.get_local(txn, database, name_of(doc_id))
        condition.check(*(() if row is None else (content_etag(text_of(doc_id, row)),)))


def _next_number(document: Document) -> int:
    return FIRST if document.rev is None else _number(document.rev) + 1


def _number(rev: Rev) -> int:
    digits = rev.id
    if rev.generation != 0 or not digits.isdigit() or len(digits) > MAX_DIGITS:
        raise DocstoreError("Invalid rev format", error="error")
    return int(digits)
