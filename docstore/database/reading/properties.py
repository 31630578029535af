"""What is kept of a database beside its documents: the security object, and what was purged.

Owns the reading of both. What may be set is ``core.properties``'s.
"""

from docstore.core.json_text import JsonValue, decode
from docstore.core.rev import Rev
from docstore.storage.databases import get_state, security_text
from docstore.storage.documents.purges import scan_purges
from docstore.storage.tables import ReadTransaction


def read_security(txn: ReadTransaction, number: int) -> dict[str, JsonValue]:
    """The security object. Raises DatabaseNotFound."""
    get_state(txn, number)
    security = decode(security_text(txn, number))
    if not isinstance(security, dict):
        raise TypeError(f"the security object of database {number} is no object")
    return security


def purged_infos(txn: ReadTransaction, number: int) -> list[tuple[str, list[Rev]]]:
    """The requests in the log, oldest first: id and revisions as asked for. Raises DatabaseNotFound."""
    get_state(txn, number)
    return [(info.doc_id, list(info.revs)) for _, info in scan_purges(txn, number)]
