"""CouchDB's words for queries that cannot be asked.

Owns the errors that ``_find``, ``_explain`` and ``_index`` answer with, but for those of selectors, which are
``core/selector``'s. It must not know what is asked. Follows ``mango_error.erl``.
"""

from typing import Final

from docstore.core.erlang_text import erlang_text
from docstore.core.json_text import JsonValue, encode
from docstore.errors import BadRequest, DocstoreError, NotImplementedHere, Unavailable

SEVERAL_TEXTS: Final = "You must specify an index with the `use_index` parameter."
NO_TEXT_INDEX: Final = "There is no index available for this selector."
NO_INDEX_FOR_SORT: Final = "No index exists for this sort, try indexing by the sort fields."
NO_PARTITIONED_INDEX_FOR_SORT: Final = "No partitioned index exists for this sort, try indexing by the sort fields."
NO_GLOBAL_INDEX_FOR_SORT: Final = "No global index exists for this sort, try indexing by the sort fields."

_PRINTABLE: Final = frozenset((*range(32, 127), *range(160, 256), 8, 9, 10, 11, 12, 13, 27))
_ESCAPED: Final = {
    8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r", 27: b"\\e", 34: b'\\"', 92: b"\\\\",
}  # fmt: skip


class IndexNotSaved(DocstoreError):
    """The design document of an index could not be written."""

    error = "error_saving_ddoc"


class InvalidListing(DocstoreError):
    """A listing of indexes from nowhere to nowhere."""

    error = "invalid_list_index_params"
    default_reason = "Index parameter ranges: limit > 1, skip > 0"


class NoIndexService(Unavailable):
    """An index of a type that needs a search engine. The reason is the type."""

    error = "required index service unavailable"


class NoSuchIndexType(NotImplementedHere):
    """An index of a type that is known and not made."""

    error = "index_not_implemented"


def refused(word: str, reason: str) -> BadRequest:
    """The error of a query, by its word."""
    return BadRequest(reason, error=word)


def not_of_kind(word: str, sentence: str, value: JsonValue) -> BadRequest:
    """The same, the value in the sentence as an Erlang term (``~w``) in the place of ``{}``."""
    return BadRequest(sentence.format(erlang_text(value)), error=word)


def invalid_bookmark(bookmark: JsonValue) -> BadRequest:
    """A bookmark that no reply had."""
    return BadRequest(f"Invalid bookmark value: {encode(bookmark).decode()}", error="invalid_bookmark")


def pretty_text(value: JsonValue) -> str:
    """A value as Erlang prints terms for people (``~p``): texts as texts, where all of them can be printed."""
    if isinstance(value, str):
        raw = value.encode()
        if not raw:
            return "<<>>"
        if not _PRINTABLE.issuperset(raw):
            return f"<<{','.join(map(str, raw))}>>"
        return f'<<"{b"".join(_ESCAPED.get(byte, bytes((byte,))) for byte in raw).decode()}">>'
    if isinstance(value, list):
        return f"[{','.join(map(pretty_text, value))}]"
    if isinstance(value, dict):
        return f"{{[{','.join(f'{{{pretty_text(name)},{pretty_text(item)}}}' for name, item in value.items())}]}}"
    return erlang_text(value)
