"""Reading ``_local`` documents: by id, on a snapshot.

Owns the way from an id to revision and text. What these are is the rule of ``core.local_document``.
"""

from docstore.core.local_document import name_of, rev_of, text_of
from docstore.core.rev import Rev
from docstore.errors import NotFound
from docstore.storage.databases import get_state
from docstore.storage.documents import local
from docstore.storage.rows import LocalRow
from docstore.storage.tables import ReadTransaction


def read(txn: ReadTransaction, database: int, doc_id: str, *, revs: bool = False) -> tuple[Rev, bytes]:
    """Revision and JSON text, with ``_revisions`` on demand. Raises NotFound, DatabaseNotFound."""
    row = _row(txn, database, doc_id)
    return rev_of(row.number), text_of(doc_id, row.number, row.body, revs=revs)


def read_body(txn: ReadTransaction, database: int, doc_id: str) -> tuple[Rev, bool, bytes]:
    """Revision, whether it is deleted (it is not), and the JSON text of its body. Raises as ``read``."""
    row = _row(txn, database, doc_id)
    return rev_of(row.number), False, row.body


def _row(txn: ReadTransaction, database: int, doc_id: str) -> LocalRow:
    row = local.get_local(txn, database, name_of(doc_id))
    if row is None:
        get_state(txn, database)
        raise NotFound
    return row
