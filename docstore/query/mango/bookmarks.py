"""Bookmarks: where a page ended, for the next one to go on behind it.

Owns their text. A bookmark names a row, by key and document, and the next page begins behind its place, whether or not
the row is still there: so nothing is shown twice and nothing is left out, whatever is written meanwhile. (CouchDB
begins at the row and passes over one, which is another row if that one is gone.) It must not know how rows are read.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, NamedTuple

from docstore.core.json_text import DEFAULT_MAX_DEPTH, JsonValue, decode
from docstore.errors import BadRequest
from docstore.query.mango.words import invalid_bookmark

NONE: Final = "nil"
"""The bookmark of a page without rows that had no bookmark itself."""


class Place(NamedTuple):
    """A row: its key, JSON (of the index of ids the id), and its document's id, JSON."""

    key: bytes
    doc_id: bytes


class PlaceRead(NamedTuple):
    """The same, as values."""

    key: JsonValue
    doc_id: str


def bookmark_of(place: Place) -> str:
    """The text of a bookmark."""
    return urlsafe_b64encode(b"[%b,%b]" % place).rstrip(b"=").decode()


def read_bookmark(bookmark: str) -> PlaceRead:
    """The row that a bookmark names. Raises BadRequest ``invalid_bookmark``."""
    try:
        raw = bookmark.encode("ascii")
        named = decode(urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)), max_depth=DEFAULT_MAX_DEPTH + 1)
    except (BadRequest, ValueError):
        raise invalid_bookmark(bookmark) from None
    match named:
        case [key, str() as doc_id]:
            return PlaceRead(key, doc_id)
        case _:
            raise invalid_bookmark(bookmark)
