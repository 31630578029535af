"""What the commands about ``_local`` documents do inside the write transaction.

Owns the two commands, and what conditions mean for these documents: their tag is that of the text, as revisions may
repeat. No history, no conflicts, no place in ``_changes``. It must not know how their numbers are made
(``core.local_document``).
"""

from docstore.core.conditions import Condition, content_etag
from docstore.core.local_document import name_of, text_of
from docstore.core.rev import Rev
from docstore.database.commands import DeleteLocal, PutLocal
from docstore.storage.databases import get_state, put_state
from docstore.storage.documents import local
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.tables import ReadTransaction


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


def _check(txn: ReadTransaction, database: int, doc_id: str, condition: Condition | None) -> None:
    """Raises PreconditionFailed."""
    if condition is not None:
        row = local.get_local(txn, database, name_of(doc_id))
        condition.check(*(() if row is None else (content_etag(text_of(doc_id, row.number, row.body)),)))
