"""What a unique index refuses, in words.

Owns the two errors and their sentences; both are conflicts, so their status is that of one. It must not know where the
other document was found.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from docstore.core.json_text import encode
from docstore.errors import Conflict

TOLD: Final = 3
"""How many duplicates the sentence names; the details have more."""


class Duplicate(NamedTuple):
    """Documents that have the same values in the fields of a unique index; not all of them need be named."""

    ids: tuple[str, ...]


class NotUnique(Conflict):
    """An edit gives a document values that another document has."""


class DuplicatesExist(Conflict):
    """An index cannot be unique, since documents have the same values."""


def not_unique(doc_id: str, ddoc: str, name: str, fields: Sequence[str], other: str) -> NotUnique:
    """The refusal of an edit of ``doc_id``, in favour of the document ``other``."""
    error = NotUnique(f"The document {_quoted(other)} has the same value of {_fields(fields)}, which is to be unique.")
    index = {"ddoc": ddoc, "name": name}
    error.details = {"doc_id": doc_id, "index": index, "fields": list(fields), "other_id": other}
    return error


def duplicates_exist(fields: Sequence[str], duplicates: Sequence[Duplicate]) -> DuplicatesExist:
    """The refusal of an index, with some of the documents that are in its way."""
    some = "; ".join(", ".join(map(_quoted, one.ids[:TOLD])) for one in duplicates[:TOLD])
    error = DuplicatesExist(f"Documents have the same value of {_fields(fields)}, so it cannot be unique: {some}.")
    error.details = {"fields": list(fields), "duplicates": [list(one.ids) for one in duplicates]}
    return error


def _fields(fields: Sequence[str]) -> str:
    return ", ".join(map(_quoted, fields))


def _quoted(text: str) -> str:
    return encode(text).decode()
