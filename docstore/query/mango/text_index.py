"""Definitions of indexes of the type ``text``: as clients write them, as they are kept, as they are shown.

Owns that shape. It must not know how they are built (``query/search``). Follows ``mango_idx_text.erl``.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from docstore.core.erlang_text import erlang_text
from docstore.core.json_text import JsonValue
from docstore.errors import DocstoreError
from docstore.query.mango.options import read_text_members
from docstore.query.mango.words import pretty_text, refused
from docstore.query.search.selected import DEFAULT

TEXT: Final = "text"
ALL_FIELDS: Final = "all_fields"
TYPES: Final = ("string", "number", "boolean")
FIELDS: Final = (
    "Text Index field definitions must be of the form\n"
    '            {{"name": "non-empty fieldname", "type":\n'
    '                "boolean,number, or string"}}. Def: {}'
)


class TextIndex(NamedTuple):
    """A text index of a design document. ``columns``: its fields with their types, None for all there are."""

    name: str
    columns: frozenset[str] | None
    shown: JsonValue
    partial: JsonValue


def read_text_definition(definition: JsonValue) -> dict[str, JsonValue]:
    """The ``index`` that is kept, of a definition as clients write it. Raises BadRequest."""
    if not isinstance(definition, dict):
        raise refused("invalid_index", f"Text indexes must be an object, not: {erlang_text(definition)}")
    members = read_text_members(definition)
    members["fields"] = _fields(members["fields"])
    return members


def analyzer_of(index: Mapping[str, JsonValue]) -> JsonValue:
    """What analyzes the fields of a definition that is kept."""
    default = index.get("default_field", {})
    enabled: JsonValue = default
    analyzer: JsonValue = "standard"
    if isinstance(default, dict):
        enabled, analyzer = default.get("enabled", True), default.get("analyzer", "standard")
    if enabled is not True:
        return "keyword"
    return {"name": "perfield", "default": index.get("default_analyzer", "keyword"), "fields": {DEFAULT: analyzer}}


def text_indexes_of(design: Mapping[str, JsonValue]) -> Iterator[TextIndex]:
    """Those that a design document of the language ``query`` defines. What is none is passed over."""
    indexes = design.get("indexes")
    for name, index in indexes.items() if isinstance(indexes, dict) else ():
        kept = index.get("index") if isinstance(index, dict) else None
        try:
            definition = read_text_definition(kept)
        except DocstoreError:
            continue
        assert isinstance(kept, dict)
        partial = definition["partial_filter_selector"] or definition["selector"]
        yield TextIndex(name, _columns(definition), _shown(kept), partial or None)


def _fields(fields: JsonValue) -> JsonValue:
    if fields in ([], ALL_FIELDS):
        return ALL_FIELDS
    if not isinstance(fields, list):
        raise refused("invalid_index_fields_definition", FIELDS.format(pretty_text(fields)))
    for field in fields:
        valid = isinstance(field, dict) and set(field) == {"name", "type"}
        if not valid or not isinstance(field, dict) or not field["name"] or not isinstance(field["name"], str):
            raise refused("invalid_index_fields_definition", FIELDS.format(pretty_text(fields)))
        if field["type"] not in TYPES:
            raise refused("invalid_index_fields_definition", FIELDS.format(pretty_text(fields)))
    return fields


def _columns(definition: Mapping[str, JsonValue]) -> frozenset[str] | None:
    fields = definition["fields"]
    if not isinstance(fields, list):
        return None
    default = definition["default_field"]
    enabled = default.get("enabled", True) if isinstance(default, dict) else default
    columns = {f"{field['name']}:{field['type']}" for field in fields if isinstance(field, dict)}
    return frozenset(columns | ({DEFAULT} if enabled is True else set()))


def _shown(kept: Mapping[str, JsonValue]) -> JsonValue:
    shown: dict[str, JsonValue] = {}
    for name, value in kept.items():
        if name == "fields":
            fields = value if isinstance(value, list) else []
            shown[name] = [{str(one["name"]): one["type"]} for one in fields if isinstance(one, dict)]
        elif name != "partial_filter_selector" or value != {}:
            shown[name] = value
    return shown
