"""What is kept of a database beside its documents: the security object, and what was purged.

Owns the reading of both. What may be set is ``core.properties``'s.
"""

from docstore.core.rev import Rev
from docstore.storage import databases
from docstore.storage.databases import get_state
from docstore.storage.documents.purges import scan_purges
from docstore.storage.tables import ReadTransaction


def security_text(txn: ReadTransaction, number: int) -> bytes:
    """The security object as JSON, which may be long. Raises DatabaseNotFound."""
    get_state(txn, number)
    return databases.security_text(txn, number)


def purged_infos(txn: ReadTransaction, number: int) -> list[tuple[str, list[Rev]]]:
    """The requests in the log, oldest first: id and revisions as asked for. Raises DatabaseNotFound."""
    get_state(txn, number)
    return [(info.doc_id, list(info.revs)) for _, info in scan_purges(txn, number)]
