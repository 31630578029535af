"""Selectors as full-text queries of an index of the type ``text``.

Owns which documents a text index is asked for: those that a selector matches, and perhaps others, since each is looked
at afterwards. It must not know how a query is answered. Follows ``mango_selector_text.erl`` but for negations, for
which every document is asked for that has the field: what is not a part of a text may still be part of a document.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, cast

from docstore.core.json_text import JsonValue, encode
from docstore.core.lucene.nodes import Between, Combined, Everything, Occur, Pattern, Query, Text
from docstore.core.lucene.printer import escaped
from docstore.core.selector.normal_form import TEXT, parse_field
from docstore.query.mango.words import refused
from docstore.query.search.asked import BY_RELEVANCE, SortField
from docstore.query.search.ordering import By
from docstore.query.search.patterns import cut_high, cut_low
from docstore.query.search.selected import DEFAULT, ELEMENT, FIELD_NAMES, field_name, kind_of, path_name
from docstore.query.search.terms import MAX_TERM

Path = tuple[str, ...]

EVERY_DOCUMENT: Final = ":"
"""The column of an index that has every document: one of some fields lacks those that have none of them."""
LAST: Final = "\U0010ffff"
SORT_TYPE: Final = "Unspecified or ambiguous sort type. Try appending :number or :string to the sort field. {}"

_INDEX: Final = re.compile(r"[0-9]+")
_BOUNDS: Final = ("$lt", "$lte", "$gt", "$gte")


def text_query(selector: JsonValue) -> Query | None:
    """What a text index is asked for a selector in its normal form.

    None for one that has nothing but operators of empty lists, which CouchDB takes for nothing.
    """
    return _converted((), selector)


def _converted(path: Path, selector: JsonValue) -> Query | None:
    """None for a part that says nothing."""
    if not isinstance(selector, dict) or not selector:
        return None
    if len(selector) > 1:
        return _all([_converted(path, {name: argument}) for name, argument in selector.items()])
    ((name, argument),) = selector.items()
    if name == TEXT:
        return Text(DEFAULT, str(cast("dict[str, JsonValue]", argument)["$text"]), quoted=True)
    if name == "$and" and isinstance(argument, list):
        return _all([_converted(path, one) for one in argument])
    if name == "$or" and isinstance(argument, list):
        return _any([_converted(path, one) or Everything() for one in argument])
    if name.startswith("$"):
        return _condition(path, name, argument)
    return _at(path, name, argument)


def _at(path: Path, name: str, condition: JsonValue) -> Query | None:
    """A condition on a field. A number in its path may be the index into an array."""
    below = parse_field(name) if name else ()
    plain = _converted((*path, *below), condition)
    elements = tuple(ELEMENT if _INDEX.fullmatch(part) else part for part in below)
    if elements == below:
        return plain
    return _any([plain, _converted((*path, *elements), condition)])


def _condition(path: Path, operator: str, argument: JsonValue) -> Query | None:  # one return for each operator
    match operator, argument:
        case "$eq", _:
            return _equal(path, argument)
        case "$exists", False:
            return Combined(((Occur.MUST, Everything()), (Occur.NOT, has_field(path))))
        case "$in", list():
            return _any([_within(path, one) for one in argument])
        case "$all", [list() as only]:
            return _any([_equal(path, only), _equal((*path, ELEMENT), only)])
        case "$all", list():
            return _all([_equal((*path, ELEMENT), one) for one in argument])
        case (("$elemMatch" | "$allMatch"), _):
            return _converted((*path, ELEMENT), argument) or has_field(path)
        case "$size", _:
            return Text(field_name((*path, ELEMENT), "length"), encode(argument).decode())
        case "$beginsWith", str() if argument:
            return Pattern(field_name(path, "string"), f"{escaped(argument)}*")
        case "$mod", _:
            return Text(FIELD_NAMES, field_name(path, "number"), quoted=True)
        case "$regex", _:
            return Text(FIELD_NAMES, field_name(path, "string"), quoted=True)
        case _ if operator in _BOUNDS:
            return _bound(path, operator, argument)
        case _:
            return has_field(path)


def has_field(path: Path) -> Query:
    """Documents that have something at a path, or below it."""
    if not path:
        return Everything()
    name = escaped(path_name(path))
    parts = (Pattern(FIELD_NAMES, f"{name}_3a*"), Pattern(FIELD_NAMES, f"{name}.*"))
    return Combined(tuple((Occur.SHOULD, part) for part in parts))


def _equal(path: Path, value: JsonValue) -> Query | None:
    if isinstance(value, dict):
        return _all([_equal((*path, *parse_field(name)), inner) for name, inner in value.items()]) or has_field(path)
    if isinstance(value, list):
        below = (*path, ELEMENT)
        length = Text(field_name(below, "length"), str(len(value)))
        return _all([length, *(_equal(below, one) for one in value)])
    if isinstance(value, str) and not 0 < len(value) <= MAX_TERM:
        return has_field(path)
    return Text(field_name(path, kind_of(value)), _written(value), quoted=isinstance(value, str))


def _within(path: Path, value: JsonValue) -> Query | None:
    """Equal to a value, or an array that has it."""
    if isinstance(value, (dict, list)):
        return has_field(path)
    return _any([_equal(path, value), _equal((*path, ELEMENT), value)])


def _bound(path: Path, operator: str, value: JsonValue) -> Query:
    if value is None or isinstance(value, (dict, list)):
        return has_field(path)
    texts = isinstance(value, (bool, str))
    field, written = field_name(path, kind_of(value)), _written(value)
    if operator in ("$lt", "$lte"):
        high = cut_high(written) if texts else written
        return Between(field, "" if texts else None, high, with_high=operator == "$lte" or high != written)
    low = cut_low(written) if texts else written
    return Between(field, low, LAST if texts else None, with_low=operator == "$gte" or low != written)


def _written(value: JsonValue) -> str:
    if value is None:
        return "true"
    return value if isinstance(value, str) else encode(value).decode()


def _all(parts: list[Query | None]) -> Query | None:
    return _joined(Occur.MUST, parts)


def _any(parts: list[Query | None]) -> Query | None:
    return _joined(Occur.SHOULD, parts)


def _joined(occur: Occur, parts: list[Query | None]) -> Query | None:
    found = [part for part in parts if part is not None]
    if len(found) > 1:
        return Combined(tuple((occur, part) for part in found))
    return found[0] if found else None


# --- Fields -----------------------------------------------------------------------------------------------------------


def has_text(selector: JsonValue) -> bool:
    """Whether ``$text`` is asked for."""
    if isinstance(selector, dict):
        return TEXT in selector or any(map(has_text, selector.values()))
    return isinstance(selector, list) and any(map(has_text, selector))


def text_columns(selector: JsonValue) -> list[str]:
    """The fields with their types that an index must have to find all that a selector matches."""
    return list(dict.fromkeys(_columns((), selector)))


def _columns(path: Path, selector: JsonValue) -> Iterator[str]:
    if not isinstance(selector, dict):
        return
    for name, argument in selector.items():
        if name == TEXT:
            yield DEFAULT
        elif name in ("$and", "$or", "$nor") and isinstance(argument, list):
            for one in argument:
                yield from _columns(path, one)
        elif name.startswith("$"):
            yield from _columns_of(path, name, argument)
        else:
            yield from _columns((*path, *(parse_field(name) if name else ())), argument)


def _columns_of(path: Path, operator: str, argument: JsonValue) -> Iterator[str]:
    if operator in ("$elemMatch", "$allMatch"):
        yield from _columns((*path, ELEMENT), argument)
    elif operator == "$not":
        yield from _columns(path, argument)
    elif operator == "$all" and isinstance(argument, list):
        for one in argument:
            yield from _column((*path, ELEMENT), one)
    elif operator in ("$in", "$nin") and isinstance(argument, list):
        for one in argument:
            yield from _column(path, one)
    elif operator in ("$eq", "$ne", *_BOUNDS, "$beginsWith"):
        yield from _column(path, argument)
    elif operator == "$regex":
        yield f"{'.'.join(path)}:string"
    elif operator == "$exists" and argument is False:
        yield EVERY_DOCUMENT


def _column(path: Path, value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _column((*path, name), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _column((*path, ELEMENT), inner)
    elif value is not None:
        yield f"{'.'.join(path)}:{kind_of(value)}"


def text_sort(sort: tuple[tuple[str, str], ...], selector: JsonValue) -> tuple[SortField, ...]:
    """The order of a query. Raises BadRequest for a field of which nobody says whether it is a text or a number."""
    return tuple(_sort_field(field, selector, descending=way == "desc") for field, way in sort) or BY_RELEVANCE


def _sort_field(field: str, selector: JsonValue, *, descending: bool) -> SortField:
    name = path_name(parse_field(field))
    for kind, by in (("_3astring", By.TEXT), ("_3anumber", By.NUMBER)):
        if name.endswith(kind):
            return SortField(by, name, descending)
    kinds = set(_kinds(field, selector))
    if len(kinds) != 1:
        raise refused("text_sort_error", SORT_TYPE.format(field))
    kind = kinds.pop()
    return SortField(By.TEXT if kind == "string" else By.NUMBER, f"{name}_3a{kind}", descending)


def _kinds(field: str, selector: JsonValue) -> Iterator[str]:
    """The kinds of what a field is compared with."""
    if isinstance(selector, list):
        for one in selector:
            yield from _kinds(field, one)
    if not isinstance(selector, dict):
        return
    for name, argument in selector.items():
        if name == field and isinstance(argument, Mapping):
            for compared in argument.values():
                if isinstance(compared, (str, int, float)) and not isinstance(compared, bool):
                    yield kind_of(compared)
        yield from _kinds(field, argument)
