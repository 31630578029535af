"""A design document: what it defines, checked and in the order in which everybody counts it.

Owns the shape of design documents and the errors of a wrong one. Values in, values out: it must not know databases,
engines or HTTP. What is checked here is what needs no engine; whether functions compile is found out by
whoever has one. Follows ``couch_mrview:validate_ddoc_fields`` and ``couch_mrview_util:ddoc_to_mrst`` of CouchDB.

Names of functions that are built in (``_sum``) count as CouchDB counts them, by their beginning: ``_sumX`` is ``_sum``.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from docstore.core.document import DESIGN_PREFIX
from docstore.core.json_text import JsonValue, decode, encode
from docstore.query.errors import InvalidDesignDoc

JAVASCRIPT: Final = "javascript"
QUERY: Final = "query"
"""The language of the indexes that ``_index`` makes: their maps are objects."""

ENGINES: Final = frozenset({JAVASCRIPT, "javascript_quickjs"})
"""Languages that the server's own engine runs."""

LIB: Final = "lib"
MAX_RANK: Final = 100
MAX_DIGITS: Final = 308
"""Of a rank, as of an integer in JSON; Python reads no more than some thousands."""

VALIDATE: Final = "validate_doc_update"

_BUILT_IN: Final = ("_sum", "_count", "_stats", "_approx_count_distinct", "_first", "_last")
_RANKS: Final = ("_top_", "_bottom_")
_RANK = re.compile(r"[+-]?[0-9]+")

Types = tuple[str, ...]
Path = tuple[tuple[str | None, Types], ...]
"""Names from the outside in, each with the types that its value may have. None stands for every name."""

_OBJECT: Final[Types] = ("object",)
_STRING: Final[Types] = ("string",)
_BOOLEAN: Final[Types] = ("boolean",)
_FUNCTION: Final[Types] = ("object", "string")


@dataclass(frozen=True, slots=True)
class ViewDefinition:
    """One view.

    ``map``           source text; of the language ``query`` an object
    ``map_index``     which of ``Design.maps`` that is: equal functions are run once
    ``reduce``        source text, or the name of one that is built in (``_sum``)
    ``reduce_index``  which of ``Design.reduces`` that is, None without one and for those built in
    ``options``       the view's own, as they stand there
    """

    name: str
    map: JsonValue
    map_index: int
    reduce: str | None
    reduce_index: int | None
    options: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Design:
    """A checked design document.

    ``id``, ``rev``  as they stand in the document, ``""`` without
    ``body``         the whole document, as functions see it (``this``)
    ``views``        by name, in the order of names
    ``maps``         the different map functions, by ``ViewDefinition.map_index``
    ``reduces``      the different reduce functions that are no built-in ones, by ``ViewDefinition.reduce_index``
    ``lib``          ``views.lib``, which map and reduce functions may require
    ``signature``    32 hex digits; equal for equal views, language, options and lib, whatever else the documents say
    """

    id: str
    rev: str
    body: Mapping[str, JsonValue]
    language: str
    options: Mapping[str, JsonValue]
    views: Mapping[str, ViewDefinition]
    maps: tuple[JsonValue, ...]
    reduces: tuple[str, ...]
    lib: Mapping[str, JsonValue]
    signature: str

    @property
    def definition(self) -> str:
        """What ``javascript.engine.engine_for`` wants beside the signature."""
        members: dict[str, JsonValue] = {
            "id": self.id,
            "language": self.language,
            "lib": dict(self.lib),
            "maps": list(self.maps),
            "reduces": list(self.reduces),
        }
        return encode(members).decode()

    @property
    def validation(self) -> str | None:
        """The source of ``validate_doc_update``; None without one."""
        source = self.body.get(VALIDATE)
        return source if isinstance(source, str) else None

    def functions(self, kind: str) -> Mapping[str, JsonValue] | None:
        """Of ``filters``, ``lists``, ``shows`` or ``updates`` what there is, by name; None if that is not there."""
        found = self.body.get(kind)
        return found if isinstance(found, dict) else None


def is_built_in(reduce: str) -> bool:
    """Whether a reduce function is named and not written out."""
    return reduce.startswith("_")


def parse_design(doc: Mapping[str, JsonValue]) -> Design:
    """A design document, with or without ``_id`` and ``_rev``. Raises InvalidDesignDoc in CouchDB's words."""
    language = doc.get("language", JAVASCRIPT)
    for path in _paths(language):
        _check(doc, path, ())
    raw_views = doc.get("views", {})
    options = doc.get("options", {})
    if not isinstance(raw_views, dict) or not isinstance(options, dict) or not isinstance(language, str):
        raise TypeError("a checked design document is not what was checked")
    views = {name: view for name, view in raw_views.items() if name != LIB}
    lib = raw_views.get(LIB, {})
    maps: dict[bytes, int] = {}
    reduces: dict[str, int] = {}
    definitions = {name: _view(name, views[name], maps, reduces) for name in sorted(views)}
    identity, rev = doc.get("_id", ""), doc.get("_rev", "")
    return Design(
        id=identity if isinstance(identity, str) else "",
        rev=rev if isinstance(rev, str) else "",
        body=doc,
        language=language,
        options=options,
        views=definitions,
        maps=tuple(map(decode, maps)),
        reduces=tuple(reduces),
        lib=lib if isinstance(lib, dict) else {},
        signature=_signature(language, options, lib, views),
    )


def design_id(name: str) -> str:
    """The document id of the design document of this name."""
    return name if name.startswith(DESIGN_PREFIX) else DESIGN_PREFIX + name


# --- The shape --------------------------------------------------------------------------------------------------------


def _paths(language: JsonValue) -> Iterable[Path]:
    """What may stand where, in the order in which CouchDB looks."""
    map_types = _OBJECT if language == QUERY else _STRING
    yield (("filters", _OBJECT), (None, _FUNCTION))
    yield (("language", _STRING),)
    yield (("lists", _OBJECT), (None, _FUNCTION))
    yield (("options", _OBJECT),)
    for flag in ("include_design", "local_seq", "partitioned"):
        yield (("options", _OBJECT), (flag, _BOOLEAN))
    yield (("rewrites", ("string", "array")),)
    yield (("shows", _OBJECT), (None, _FUNCTION))
    yield (("updates", _OBJECT), (None, _FUNCTION))
    yield (("validate_doc_update", _STRING),)
    yield (("views", _OBJECT), (LIB, _OBJECT))
    yield (("views", _OBJECT), (None, _OBJECT), ("map", map_types))
    yield (("views", _OBJECT), (None, _OBJECT), ("reduce", _STRING))
    yield (("views", _OBJECT), (None, _OBJECT), ("options", _OBJECT))


def _check(value: Mapping[str, JsonValue], path: Path, above: tuple[str, ...]) -> None:
    (name, types), below = path[0], path[1:]
    for member in (name,) if name is not None else tuple(value):
        if member not in value:
            continue
        found = value[member]
        here = (*above, member)
        if _type_of(found) not in types:
            raise InvalidDesignDoc(f"`{'.'.join(here)}` field must have {' or '.join(reversed(types))} type")
        if below and isinstance(found, dict):
            _check(found, below, here)


def _type_of(value: JsonValue) -> str:
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    if isinstance(value, str):
        return "string"
    return "boolean" if isinstance(value, bool) else "other"


def _view(name: str, view: JsonValue, maps: dict[bytes, int], reduces: dict[str, int]) -> ViewDefinition:
    if not isinstance(view, dict) or "map" not in view:
        raise InvalidDesignDoc(f"View `{name}` must contain map function")
    source, reduce, options = view["map"], view.get("reduce"), view.get("options", {})
    reduce_index = None
    if isinstance(reduce, str):
        if is_built_in(reduce):
            _check_built_in(reduce)
        else:
            reduce_index = reduces.setdefault(reduce, len(reduces))
    return ViewDefinition(
        name=name,
        map=source,
        map_index=maps.setdefault(encode(source), len(maps)),
        reduce=reduce if isinstance(reduce, str) else None,
        reduce_index=reduce_index,
        options=options if isinstance(options, dict) else {},
    )


def _check_built_in(reduce: str) -> None:
    for prefix in _RANKS:
        if reduce.startswith(prefix):
            rank = reduce.removeprefix(prefix)
            if _RANK.fullmatch(rank) is None:
                raise InvalidDesignDoc("invalid rank reducer")
            if len(rank) > MAX_DIGITS or not 1 <= int(rank) <= MAX_RANK:
                raise InvalidDesignDoc(f"rank value must be between 1 and {MAX_RANK}")
            return
    if not reduce.startswith(_BUILT_IN):
        raise InvalidDesignDoc(f"`{reduce}` is not a supported reduce function.")


def _signature(language: str, options: Mapping[str, JsonValue], lib: JsonValue, views: Mapping[str, JsonValue]) -> str:
    """The views as they count: whatever of a view is no map, reduce or option changes nothing."""
    counted: dict[str, JsonValue] = {}
    for name in sorted(views):
        view = views[name]
        if isinstance(view, dict):
            counted[name] = [view.get("map"), view.get("reduce"), _sorted(view.get("options", {}))]
    members: list[JsonValue] = [language, _sorted(dict(options)), _sorted(lib), counted]
    return hashlib.md5(encode(members), usedforsecurity=False).hexdigest()


def _sorted(value: JsonValue) -> JsonValue:
    """The same value with the members of objects in the order of their names."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
