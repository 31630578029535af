"""What an edit is answered with: the JSON text of its new revision, or of the words that it was refused with.

Owns that spelling, alone and as a row of ``_bulk_docs``, for replies that are sent and for those that are stored. It
must not know requests. Follows ``chttpd_db:update_doc_result_to_json``.
"""

from binascii import hexlify
from typing import Final, NamedTuple, cast

from docstore.core.json_text import JsonValue, encode, encode_string
from docstore.core.rev import HASH_BYTES, Rev
from docstore.errors import (
    BadRequest,
    Conflict,
    DocstoreError,
    Forbidden,
    NotFound,
    PreconditionFailed,
    Unauthorized,
    Unavailable,
)


class RulesChanged(Unavailable):
    """A design document changed between the look at edits and their turn; they are looked at again."""

    default_reason = "The design documents of the database keep changing; try again."


class RefusedEdit(NamedTuple):
    """That one of many edits was refused before they were submitted, as plain data. ``place`` is where it stands."""

    place: int
    error: str
    reason: str
    told: JsonValue = None

    def as_error(self) -> DocstoreError:
        """The error in these words, of the class that has them; one of those that a look at edits can end with."""
        kind = _BY_WORD.get(self.error)
        error = DocstoreError(self.reason, error=self.error) if kind is None else kind(self.reason)
        error.told = self.told
        return error


_BY_WORD: Final[dict[str, type[DocstoreError]]] = {
    kind.error: kind for kind in (BadRequest, Conflict, Forbidden, NotFound, PreconditionFailed, Unauthorized)
}


def refusal_of(place: int, error: DocstoreError) -> RefusedEdit:
    """The refusal that an error comes to."""
    return RefusedEdit(place, error.error, error.reason, cast("JsonValue", error.told))


def rev_json(rev: Rev) -> bytes:
    """The JSON text of a revision; one made elsewhere may hold any character."""
    text = str(rev)
    return b'"%b"' % text.encode() if len(rev.id) == HASH_BYTES else encode(text)


def written_json(doc_id: str, rev: Rev) -> bytes:
    """What an edit that went through is answered with, alone or as a row of ``_bulk_docs``."""
    if len(rev.id) == HASH_BYTES:
        return b'{"ok":true,"id":%b,"rev":"%d-%b"}' % (encode_string(doc_id), rev.generation, hexlify(rev.id))
    return b'{"ok":true,"id":%b,"rev":%b}' % (encode_string(doc_id), rev_json(rev))


def refused_json(doc_id: str, error: DocstoreError, rev: Rev | None = None) -> bytes:
    """A row of ``_bulk_docs`` about an edit that did not go through; a replicated one has its revision."""
    row: dict[str, JsonValue] = {"id": doc_id} if rev is None else {"id": doc_id, "rev": str(rev)}
    return encode(row | {"error": error.error, "reason": reason_of(error)})


def reason_of(error: DocstoreError) -> JsonValue:
    """The reason as it is told: text, or what a function of a design document gave."""
    return error.reason if error.told is None else cast("JsonValue", error.told)
