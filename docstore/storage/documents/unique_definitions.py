"""Which unique indexes a database has: those of its design documents, and what is to be one.

Owns how the rows of ``unique_indexes`` follow design documents. It must not know how an index is built. Whoever calls
stores the ``state``; what is begun here is to be built, what is ended to be removed.
"""

from collections.abc import Mapping

from docstore.core.unique.definition import Definition, definitions_in
from docstore.settings import MAX_UNIQUE_INDEXES
from docstore.storage import rows
from docstore.storage.documents import unique_rows
from docstore.storage.documents.documents import get_body
from docstore.storage.documents.scans import scan_documents
from docstore.storage.documents.unique_rows import UniqueIndex
from docstore.storage.rows import DatabaseState
from docstore.storage.tables import WriteTransaction

_FIRST, _END = "_design/", "_design0"


def begin(
    txn: WriteTransaction, db: int, state: DatabaseState, ddoc: str, name: str, definition: Definition
) -> UniqueIndex | None:
    """An index that is provisional, or the same one that is there; None: there are too many."""
    mend(txn, db, state)
    for index in unique_rows.obeyed_indexes(txn, db):
        if (index.ddoc, index.name, index.definition) == (ddoc, name, definition):
            return index
    if state.unique >= MAX_UNIQUE_INDEXES:
        return None
    return unique_rows.enter_index(txn, db, state, ddoc, name, definition, provisional=True)


def follow_design(
    txn: WriteTransaction, db: int, state: DatabaseState, ddoc: str, wanted: Mapping[str, Definition]
) -> bool:
    """Let the indexes be those that a design document has now; whether there is anything to build or to remove.

    A provisional one that it has is one of its own from now on; others wait for the next write of it.
    """
    return mend(txn, db, state) or _agree(txn, db, state, ddoc, wanted)


def mend(txn: WriteTransaction, db: int, state: DatabaseState) -> bool:
    """Begin anew, by all design documents, if the indexes were not kept; whether that was so.

    An older docstore, which knows no unique indexes, writes a state that has none.
    """
    obeyed = unique_rows.obeyed_indexes(txn, db)
    if state.unique == len(obeyed):
        return False
    for index in obeyed:
        unique_rows.end_index(txn, db, state, index)
    for ddoc, _, _, body_seq in list(scan_documents(txn, db, start=_FIRST, end=_END, inclusive_end=False)):
        body = get_body(txn, db, body_seq)
        _agree(txn, db, state, ddoc, {} if body is None else definitions_in(rows.body_text(body)))
    return True


def _agree(txn: WriteTransaction, db: int, state: DatabaseState, ddoc: str, wanted: Mapping[str, Definition]) -> bool:
    left = dict(wanted)
    changed = False
    for index in unique_rows.obeyed_indexes(txn, db):
        if index.ddoc != ddoc:
            continue
        if left.get(index.name) == index.definition:
            del left[index.name]
            if index.provisional:
                index.provisional = False
                unique_rows.put_index(txn, db, state, index)
        elif not index.provisional:
            unique_rows.end_index(txn, db, state, index)
            changed = True
    for name, definition in left.items():
        if state.unique < MAX_UNIQUE_INDEXES:
            unique_rows.enter_index(txn, db, state, ddoc, name, definition)
            changed = True
    return changed
