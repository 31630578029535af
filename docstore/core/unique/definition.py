"""Unique indexes as design documents have them.

    {"language": "query", "views": {"by-email": {
        "map": {"fields": {"email": "asc"}, "partial_filter_selector": {"active": true}},
        "reduce": "_count",
        "options": {"def": {"fields": ["email"]}, "unique": true}}}}

A unique index is a json index with ``"unique": true`` among its options; to whatever else reads the design document it
is an index like any other, and so it is to a CouchDB that the design document is replicated to.

Owns what such a definition may be. What it asks is evaluated inside the write transaction, so it is small, and has
nothing in it whose outcome hangs on a clock: no ``$regex``. It must not know documents, nor who stores definitions.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from docstore.core import json_text
from docstore.core.json_text import JsonValue
from docstore.core.selector.normal_form import normalize, parse_field
from docstore.errors import BadRequest, DocstoreError
from docstore.settings import MAX_UNIQUE_FIELDS, MAX_UNIQUE_INDEXES, MAX_UNIQUE_SELECTOR

LANGUAGE: Final = "query"
UNIQUE: Final = "unique"
MARK: Final = b'"unique"'
"""What the text of every design document with a unique index has in it."""

MOST_WRITTEN: Final = 8 * MAX_UNIQUE_SELECTOR
"""Bytes of a selector as it is written; the normal form of a longer one is too long."""

_SLOW_OPERATORS: Final = frozenset({"$regex", "$text"})
_COMBINATIONS: Final = ("$and", "$or", "$nor")
_OPEN: Final = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$all")
"""Operators whose argument is a value, in which names are nobody's operators."""


class Definition(NamedTuple):
    """What is to be unique: field paths, and the normal form of the selector of those documents, empty for all."""

    fields: tuple[str, ...]
    selector: bytes = b""


def definition_of(fields: JsonValue, selector: JsonValue = None) -> Definition:
    """The definition of these field paths and this ``partial_filter_selector``.

    Raises BadRequest: for what is no list of field paths, for too many, for a selector that is malformed, too large, or
    uses an operator that takes its time.
    """
    if not isinstance(fields, list) or not fields or not all(isinstance(each, str) for each in fields):
        raise BadRequest("A unique index needs a list of fields.")
    names = [each for each in fields if isinstance(each, str)]
    if len(names) > MAX_UNIQUE_FIELDS:
        raise BadRequest(f"A unique index has at most {MAX_UNIQUE_FIELDS} fields.")
    if sum(map(len, names)) > MAX_UNIQUE_SELECTOR:
        raise BadRequest(f"The fields of a unique index have at most {MAX_UNIQUE_SELECTOR} characters together.")
    for name in names:
        if parse_field(name)[0] in ("_id", "_rev"):
            raise BadRequest(f"{name} cannot be a field of a unique index.")
    slow = next((name for name in _operators(selector) if name in _SLOW_OPERATORS), "")
    if slow:  # before its pattern is read, which takes time as well
        raise BadRequest(f"The selector of a unique index cannot have {slow}.")
    written = json_text.encode(selector) if selector else b""
    fits = len(written) <= MOST_WRITTEN  # or it is not even worth its normal form, which takes time
    text = json_text.encode(normalize(selector)) if selector and fits else written
    if len(text) > MAX_UNIQUE_SELECTOR:
        raise BadRequest(f"The selector of a unique index has at most {MAX_UNIQUE_SELECTOR} bytes.")
    return Definition(tuple(names), text)


def definitions_in(text: bytes) -> dict[str, Definition]:
    """The unique indexes of a design document, by name; those that are none by the rules are left out.

    Asked inside the write transaction, for design documents that come from anywhere.
    """
    if MARK not in text:
        return {}
    try:
        body = json_text.decode(text)
    except DocstoreError:
        return {}
    views = body.get("views") if isinstance(body, dict) and body.get("language") == LANGUAGE else None
    if not isinstance(views, dict):
        return {}
    found: dict[str, Definition] = {}
    for name, view in views.items():
        definition = _read(view) if len(found) < MAX_UNIQUE_INDEXES else None
        if definition is not None:
            found[name] = definition
    return found


def _read(view: JsonValue) -> Definition | None:
    options = _member(view, "options")
    if _member(options, UNIQUE) is not True:
        return None
    index = _member(view, "map")
    fields = _member(index, "fields")
    selector = _member(index, "partial_filter_selector")
    try:
        names: JsonValue = list(fields) if isinstance(fields, dict) else None
        return definition_of(names, _member(index, "selector") if selector is None else selector)
    except DocstoreError:
        return None


def _member(value: JsonValue, name: str) -> JsonValue:
    return value.get(name) if isinstance(value, Mapping) else None


def _operators(selector: JsonValue) -> Iterator[str]:
    """The operators and field names of a selector, wherever they stand; of a list that is a value, nothing."""
    pending = [selector]
    while pending:
        part = pending.pop()
        if not isinstance(part, dict):
            continue
        for name, inner in part.items():
            yield name
            if isinstance(inner, list) and name in _COMBINATIONS:
                pending += inner
            elif name not in _OPEN:
                pending.append(inner)
