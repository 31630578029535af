"""The functions of design documents, found by name.

Owns the way from a design document and a path in it to a function. It must not know what functions are asked, nor HTTP.
Follows ``couch_util:get_nested_json_value``: what is not there is not found, by the name that is missing.
"""

from collections.abc import Sequence
from functools import partial
from typing import cast

from docstore.core.json_text import JsonValue, decode
from docstore.database.database import Database
from docstore.database.reading.selected_changes import Select
from docstore.errors import NotFound
from docstore.query.design.document import design_id
from docstore.query.design.rules import function_of
from docstore.query.javascript.calling import Function, Functions


def find_function(database: Database, design: str, path: Sequence[str]) -> Function:
    """A function of a design document. Raises NotFound, DocumentDeleted."""
    doc_id = design_id(design)
    text = database.open_doc(doc_id).json
    members = decode(text)
    value = members
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
        if value is None:
            raise NotFound(f"missing json key: {name}")
    return function_of(database.name, doc_id, cast("dict[str, JsonValue]", members), text, tuple(path))


def filter_by(functions: Functions, function: Function, request: bytes) -> Select:
    """A filter of changes: a filter function, or a view's map function, which lets through what it emits for."""
    return partial(functions.select, function, request=request)
