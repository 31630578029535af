"""Revision ids: ``<generation>-<id>``.

Owns parsing, printing and the order of revision ids. It must not know documents or trees.
As in CouchDB (``couch_doc:parse_rev``), an id of 32 hex digits is held as its 16 bytes, any other id as the bytes of
its text, and 16 bytes are always printed as hex. The order of ``Rev`` is the order of winners: generation first,
then the id bytewise.
"""

from typing import NamedTuple

from docstore.errors import InvalidRev

HASH_BYTES = 16
HASH_DIGITS = 32
MAX_GENERATION_DIGITS = 18
MAX_GENERATION = 10**MAX_GENERATION_DIGITS - 1
"""The highest generation that can be named; a revision of it has no children."""


_new = tuple.__new__


class Rev(NamedTuple):
    """One revision id. ``generation`` counts from 1 (0 for local documents); ``id`` as described above."""

    generation: int
    id: bytes

    def __str__(self) -> str:
        rev_id = self.id
        if len(rev_id) == HASH_BYTES:
            return f"{self.generation}-{rev_id.hex()}"
        return f"{self.generation}-{rev_id.decode()}"

    @property
    def id_text(self) -> str:
        """The id as it stands in ``_revisions.ids``."""
        return id_to_text(self.id)


def id_to_text(rev_id: bytes) -> str:
    """The text of a revision's id."""
    return rev_id.hex() if len(rev_id) == HASH_BYTES else rev_id.decode()


def id_from_text(text: str) -> bytes:
    """The bytes of a revision's id. Raises InvalidRev for 32 characters that are not hex."""
    if len(text) == HASH_DIGITS:
        try:
            parsed = bytes.fromhex(text)
        except ValueError:
            raise InvalidRev from None
        if len(parsed) != HASH_BYTES:
            raise InvalidRev
        return parsed
    return text.encode()


def parse_rev(value: object) -> Rev:
    """A Rev from its text. Raises InvalidRev for anything else (a value that is no string too)."""
    if not isinstance(value, str):
        raise InvalidRev
    head, dash, tail = value.partition("-")
    if not dash or not head.isascii() or not head.isdigit() or len(head) > MAX_GENERATION_DIGITS:
        raise InvalidRev
    rev: Rev = _new(Rev, (int(head), id_from_text(tail)))  # the class's own way takes twice as long
    return rev
