"""What an edit is answered with: the JSON text of its new revision, or of the words that it was refused with.

Owns that spelling, alone and as a row of ``_bulk_docs``, for replies that are sent and for those that are stored. It
must not know requests. Follows ``chttpd_db:update_doc_result_to_json``.
"""

from docstore.core.document import quote_id
from docstore.core.json_text import encode
from docstore.core.rev import HASH_BYTES, Rev
from docstore.errors import DocstoreError


def rev_json(rev: Rev) -> bytes:
    """The JSON text of a revision; one made elsewhere may hold any character."""
    text = str(rev)
    return b'"%b"' % text.encode() if len(rev.id) == HASH_BYTES else encode(text)


def written_json(doc_id: str, rev: Rev) -> bytes:
    """What an edit that went through is answered with, alone or as a row of ``_bulk_docs``."""
    return b'{"ok":true,"id":%b,"rev":%b}' % (quote_id(doc_id), rev_json(rev))


def refused_json(doc_id: str, error: DocstoreError) -> bytes:
    """A row of ``_bulk_docs`` about an edit that did not go through."""
    return encode({"id": doc_id, "error": error.error, "reason": error.reason})
