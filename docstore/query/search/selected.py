"""The fields of a Mango index of the type ``text``: what a document has in it.

Owns which members of a document are fields, and their names: the path, then ``:`` and the kind of the value. It must
not know analyzers. Follows ``mango_native_proc:get_text_entries`` and ``mango_util:lucene_escape_field``: names
are escaped as there, since clients see them in ``sort`` and ``_explain``.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from docstore.core.document import DESIGN_PREFIX
from docstore.core.json_text import JsonValue
from docstore.core.selector.normal_form import parse_field
from docstore.core.selector.selector import Selector, compile_selector
from docstore.core.steps import OutOfSteps, Steps
from docstore.errors import BadRequest
from docstore.query.search.entries import Field
from docstore.settings import Limits

DEFAULT: Final = "$default"
FIELD_NAMES: Final = "$fieldnames"
ELEMENT: Final = "[]"
MAX_STEPS: Final = Limits().max_filter_steps
_ALNUM: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class TextFields:
    """Which fields of documents are indexed. ``wanted`` are names, None for all."""

    def __init__(
        self, wanted: frozenset[str] | None, selector: Selector | None, *, default: bool, lengths: bool
    ) -> None:
        self._wanted = wanted
        self._selector = selector
        self._default = default
        self._lengths = lengths

    def of(self, document: dict[str, JsonValue]) -> list[Field]:
        """Those of a document; none of a design document, and of one that the selector leaves out."""
        if str(document.get("_id", "")).startswith(DESIGN_PREFIX) or not self._selects(document):
            return []
        found = [
            (name, value) for name, value in self._values(document, ()) if self._wanted is None or name in self._wanted
        ]
        names = {name for name, _ in found}
        fields = [Field(FIELD_NAMES, name, {}) for name in sorted(names)]
        if self._default:
            fields += [Field(DEFAULT, value, {}) for name, value in found if isinstance(value, str)]
        return fields + [Field(name, value, {}) for name, value in found]

    def _selects(self, document: dict[str, JsonValue]) -> bool:
        if self._selector is None:
            return True
        try:
            return self._selector.matches(document, Steps(MAX_STEPS))
        except OutOfSteps:
            return False

    def _values(self, value: JsonValue, path: tuple[str, ...]) -> Iterator[tuple[str, str | float | bool]]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from self._values(inner, (*path, name))
        elif isinstance(value, list):
            below = (*path, ELEMENT)
            if self._lengths:
                yield field_name(below, "length"), len(value)
            for inner in value:
                yield from self._values(inner, below)
        elif value is None:
            yield field_name(path, "null"), True
        else:
            yield field_name(path, kind_of(value)), value


def text_fields_of(definition: Mapping[str, JsonValue]) -> TextFields:
    """What the ``index`` of a design document of the language ``query`` says. Raises BadRequest."""
    default = definition.get("default_field", {})
    if isinstance(default, dict):
        default = default.get("enabled", True)
    partial = definition.get("partial_filter_selector") or definition.get("selector")
    return TextFields(
        _wanted(definition.get("fields")),
        compile_selector(partial) if partial else None,
        default=default is not False,
        lengths=definition.get("index_array_lengths", True) is not False,
    )


def _wanted(fields: JsonValue) -> frozenset[str] | None:
    if not isinstance(fields, list):
        return None
    wanted: set[str] = set()
    for field in fields:
        if isinstance(field, dict) and isinstance(name := field.get("name"), str):
            kind = field.get("type")
            wanted.add(field_name(_path(name), kind if kind in ("number", "boolean", "text") else "string"))
    return frozenset(wanted)


def _path(name: str) -> tuple[str, ...]:
    try:
        return parse_field(name)
    except BadRequest:
        return (name,)


def kind_of(value: JsonValue) -> str:
    """The kind of a value in the names of fields."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def field_name(path: tuple[str, ...], kind: str) -> str:
    """The name of a field."""
    return f"{path_name(path)}_3a{kind}"


def path_name(path: tuple[str, ...]) -> str:
    """The beginning of the names of all fields at a path."""
    return ".".join(map(_escaped, path))


def _escaped(name: str) -> str:
    return "".join(chr(byte) if byte in _ALNUM else f"_{byte:02x}" for byte in name.encode())
