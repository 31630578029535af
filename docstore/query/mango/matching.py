"""Whether a document matches, and what is shown of it.

Owns how much of a document is read: nothing where the index has settled it already, else those members alone that the
selector tests and the query shows. It must not know where rows come from. Follows
``mango_cursor_view:match_and_extract_doc`` and ``derive_doc_from_index``.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import msgspec

from docstore.core.json_text import JsonValue, decode, encode, encode_string
from docstore.core.needed_members import ReadMembers, reader_of
from docstore.core.selector.normal_form import parse_field
from docstore.core.steps import Steps
from docstore.database.reading.winners import Winner, is_in_body, winner_text, winner_text_with_conflicts
from docstore.query.mango.bookmarks import Place
from docstore.query.mango.options import FindOptions
from docstore.query.mango.ranges import ID, fields_of
from docstore.storage.documents.records import winner_text as rev_text
from docstore.storage.rows import body_text
from docstore.storage.tables import ReadTransaction

REV: Final = "_rev"
_AT_HAND: Final = frozenset({ID, REV})

_raw_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Documents:
    """What a query makes of documents that are read."""

    def __init__(self, options: FindOptions) -> None:
        self._options = options
        self._matches = options.selector.matches
        self._project = options.project if options.fields is not None else None
        self._conflicts = options.conflicts

    @cached_property
    def _tests(self) -> "_Reader | None":
        tested = fields_of(self._options.normal)
        return None if "" in tested else _reader({parse_field(field)[0] for field in tested})

    @cached_property
    def _shows(self) -> "_Reader | None":
        fields = {*fields_of(self._options.normal), *map(str, self._options.fields or ())}
        return None if "" in fields else _reader({parse_field(field)[0] for field in fields})

    def show(
        self, txn: ReadTransaction, db: int, winner: Winner, body: bytes, steps: Steps, *, settled: bool
    ) -> bytes | None:
        """What is shown of a document, None if it does not match. ``body`` is its value in ``bodies``.

        ``settled``: it matches. Raises OutOfSteps.
        """
        if self._project is None:
            if settled and not self._conflicts:
                return winner_text(winner, body)
            if not settled and not self._matches(self._read(txn, db, winner, body, self._tests), steps):
                return None
            return winner_text_with_conflicts(txn, db, winner, body) if self._conflicts else winner_text(winner, body)
        members = self._read(txn, db, winner, body, self._shows)
        if not settled and not self._matches(members, steps):
            return None
        return encode(self._project(members))

    def _read(
        self, txn: ReadTransaction, db: int, winner: Winner, body: bytes, reader: "_Reader | None"
    ) -> dict[str, JsonValue]:
        if reader is None:
            whole = winner_text_with_conflicts(txn, db, winner, body) if self._conflicts else winner_text(winner, body)
            members = decode(whole)
            assert isinstance(members, dict)
            return members
        members = reader.read(body_text(body)) if reader.read is not None else {}
        if reader.with_id:
            members[ID] = winner.doc_id.decode()
        if reader.with_rev:
            members[REV] = rev_text(winner.record)
        return members


class _Reader:
    """Reads members of these names. ``read`` is None where none of them is in the body."""

    def __init__(self, names: set[str]) -> None:
        self.with_id = ID in names
        self.with_rev = REV in names
        in_body = frozenset(names - _AT_HAND)
        self.read: ReadMembers | None = reader_of(in_body) if in_body else None


def _reader(names: set[str]) -> _Reader | None:
    """None where a member is made only with the document's text: then that is read."""
    return _Reader(names) if all(is_in_body(name) for name in names - _AT_HAND) else None


class CoveredRows:
    """What a query makes of the rows of an index that has all it asks for."""

    def __init__(self, options: FindOptions, columns: Sequence[str]) -> None:
        self._matches = options.selector.matches
        self._project = options.project
        self._paths = [parse_field(column) for column in columns]
        self._template = _template(options.fields or (), columns)

    def show(self, place: Place, steps: Steps, *, settled: bool) -> bytes | None:
        """What is shown of a row, None if it does not match. Raises OutOfSteps."""
        if settled and self._template is not None:
            parts, cells = self._template
            items = _raw_items(place.key)
            return parts % tuple([bytes(items[cell]) if cell >= 0 else place.doc_id for cell in cells])
        document = self._document(place)
        if not settled and not self._matches(document, steps):
            return None
        return encode(self._project(document))

    def _document(self, place: Place) -> dict[str, JsonValue]:
        """As much of the document as the row has."""
        document: dict[str, JsonValue] = {ID: decode(place.doc_id)}
        values = decode(place.key)
        if isinstance(values, list):
            for path, value in zip(self._paths, values, strict=False):
                _put(document, path, value)
        return document


def _template(fields: Sequence[JsonValue], columns: Sequence[str]) -> tuple[bytes, list[int]] | None:
    """The text of a projection with gaps, and which column stands in each, -1 for the id; None for nested ones."""
    names = [str(field) for field in fields]
    if len(set(names)) != len(names) or any(len(parse_field(name)) > 1 for name in (*names, *columns)):
        return None
    members = [encode_string(parse_field(name)[0]).replace(b"%", b"%%") + b":%b" for name in names]
    return b"{%b}" % b",".join(members), [columns.index(name) if name in columns else -1 for name in names]


def _put(document: dict[str, JsonValue], path: tuple[str, ...], value: JsonValue) -> None:
    *parents, last = path
    for name in parents:
        inner = document.get(name)
        if not isinstance(inner, dict):
            inner = document[name] = {}
        document = inner
    document[last] = value
