"""A ``_local`` document by itself: its id, its revisions and its text.

Owns their revisions, ``0-N``: a write makes N one more than that of the revision it names, or 1, and nobody compares it
with what is stored (``couch_db_updater:increment_local_doc_revs``). A deletion answers ``0-0``. Of a write with
``new_edits`` false, too, the revision must be named, and is what is answered; it is stored as any other, where CouchDB
answers the same, and loses the document unless the revision is ``0-N``. It must not know where they are kept.
"""

from docstore.core.document import LOCAL_PREFIX, NEEDS_REV, Document, revisions_member, splice
from docstore.core.rev import HASH_BYTES, Rev
from docstore.errors import BadRequest, DocstoreError

FIRST = 1
DELETED = 0
MAX_DIGITS = HASH_BYTES - 2
"""A number of 16 digits would be taken for the 16 bytes of a hash."""


def is_local(doc_id: str) -> bool:
    """Whether an id is that of a ``_local`` document."""
    return doc_id.startswith(LOCAL_PREFIX)


def name_of(doc_id: str) -> str:
    """The id as the store has it, without ``_local/``."""
    return doc_id.removeprefix(LOCAL_PREFIX)


def rev_of(number: int) -> Rev:
    """The revision ``0-N``."""
    return Rev(0, str(number).encode())


def text_of(doc_id: str, number: int, body: bytes, *, revs: bool = False) -> bytes:
    """The JSON text, with ``_revisions`` on demand."""
    rev = rev_of(number)
    return splice(doc_id, rev, False, body, revisions_member([rev]) if revs else b"")


def told_rev(document: Document) -> Rev:
    """What a replicator is told of its write: the revision that it sent. Raises BadRequest without one."""
    if document.rev is None:
        raise BadRequest(NEEDS_REV)
    return document.rev


def next_number(document: Document, *, new_edits: bool = True) -> int:
    """The number that a write makes. Raises CouchDB's answer to a revision that is not ``0-N``.

    With ``new_edits`` false any revision will do.
    """
    if document.rev is None:
        return FIRST
    number = _number(document.rev)
    if number is None and new_edits:
        raise DocstoreError("Invalid rev format", error="error")
    return FIRST if number is None else number + 1


def next_rev(document: Document, *, new_edits: bool = True) -> Rev:
    """The revision that a write answers. Raises as ``told_rev`` and ``next_number``."""
    if not new_edits:
        return told_rev(document)
    return rev_of(DELETED if document.deleted else next_number(document))


def _number(rev: Rev) -> int | None:
    digits = rev.id
    if rev.generation != 0 or not digits.isdigit() or len(digits) > MAX_DIGITS:
        return None
    return int(digits)
