"""The indexes of a database: what design documents of the language ``query`` define, and the one of ids.

Owns the shape of an index's definition, in design documents and in ``_index``. It must not know how one is chosen or
read. A view is an index if it says so as ``_index`` writes it: ``map`` with ``fields``, and ``options``; any other view
of such a design document is none, as in CouchDB. Follows ``mango_idx.erl`` and ``mango_idx_view.erl``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from docstore.core.json_text import JsonValue
from docstore.core.unique.definition import UNIQUE
from docstore.query.design.document import QUERY
from docstore.query.mango.ranges import ID
from docstore.query.mango.text_index import TEXT, TextIndex, text_indexes_of

JSON: Final = "json"
SPECIAL: Final = "special"
ALL_DOCS: Final = "_all_docs"


@dataclass(frozen=True, slots=True)
class MangoIndex:
    """One index.

    ``ddoc``      the design document's id, None for the index of ids
    ``columns``   the fields in their order, each with its direction, which is only shown: rows can be read both ways
    ``partial``   the selector of the documents that are in it, None for all that have the fields
    ``shown``     its definition as clients are shown it
    ``text``      of an index of the type ``text``: what it has; then there are no columns
    ``unique``    whether it says that no two documents may have the same in it
    ``kind``      its type
    ``fields``    the fields alone
    ``order``     by which indexes are listed: that of ids first
    """

    ddoc: str | None
    name: str
    columns: tuple[tuple[str, str], ...]
    partial: JsonValue
    partitioned: bool
    shown: JsonValue
    unique: bool = False
    text: TextIndex | None = None

    kind: str = field(init=False)
    fields: tuple[str, ...] = field(init=False)
    order: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """What every choice among indexes asks for is made once."""
        kind = SPECIAL if self.ddoc is None else JSON if self.text is None else TEXT
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "fields", tuple(name for name, _ in self.columns))
        object.__setattr__(self, "order", (self.ddoc or "", self.name))

    def listed(self) -> dict[str, JsonValue]:
        """What ``_index`` and ``_explain`` say of it."""
        shown: dict[str, JsonValue] = {"ddoc": self.ddoc, "name": self.name, "type": self.kind}
        if self.ddoc is not None:
            shown["partitioned"] = self.partitioned
        if self.unique:
            shown["unique"] = True
        return shown | {"def": self.shown}


BY_ID: Final = MangoIndex(None, ALL_DOCS, ((ID, "asc"),), None, partitioned=False, shown={"fields": [{ID: "asc"}]})
"""The index that every database has."""


def indexes_of(design: Mapping[str, JsonValue], *, partitioned: bool, with_text: bool = False) -> list[MangoIndex]:
    """The indexes that a design document defines. ``partitioned``: what is usual in its database.

    ``with_text``: those of the type ``text`` too.
    """
    views, options = design.get("views"), design.get("options")
    if design.get("language") != QUERY:
        return []
    if isinstance(options, dict) and isinstance(options.get("partitioned"), bool):
        partitioned = options["partitioned"] is True
    ddoc = str(design["_id"])
    texts = text_indexes_of(design) if with_text else ()
    return [
        *(
            found
            for name, view in (views.items() if isinstance(views, dict) else ())
            if (found := _index_of(ddoc, name, view, partitioned=partitioned)) is not None
        ),
        *(MangoIndex(ddoc, one.name, (), one.partial, partitioned, one.shown, text=one) for one in texts),
    ]


def _index_of(ddoc: str, name: str, view: JsonValue, *, partitioned: bool) -> MangoIndex | None:
    options = view.get("options") if isinstance(view, dict) else None
    if not isinstance(view, dict) or not isinstance(options, dict):
        return None
    columns = columns_of(view.get("map"))
    if columns is None:
        return None
    definition = view["map"]
    assert isinstance(definition, dict)
    shown: dict[str, JsonValue] = {}
    for member, value in definition.items():
        if member == "fields":
            shown[member] = [{field: direction} for field, direction in columns]
        elif member != "partial_filter_selector" or value != {}:
            shown[member] = value
    unique = options.get(UNIQUE) is True
    return MangoIndex(ddoc, name, columns, partial_of(definition), partitioned, shown, unique)


def columns_of(definition: JsonValue) -> tuple[tuple[str, str], ...] | None:
    """The fields of a ``map`` with their directions; None if it is no index's."""
    fields = definition.get("fields") if isinstance(definition, dict) else None
    if not isinstance(fields, dict):
        return None
    columns = tuple((name, direction) for name, direction in fields.items() if isinstance(direction, str))
    return columns if len(columns) == len(fields) else None


def partial_of(definition: Mapping[str, JsonValue]) -> JsonValue:
    """The selector of the documents that a ``map`` takes, None for all; older ones call it ``selector``."""
    partial = definition.get("partial_filter_selector")
    if partial is None:
        partial = definition.get("selector")
    return None if partial == {} else partial
