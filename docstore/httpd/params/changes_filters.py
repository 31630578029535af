"""Filters of ``_changes``: from the ``filter`` parameter to what the database reads by.

Owns the filters' names and arguments. It must not know how documents are filtered. Follows
``couch_changes:configure_filter``.
"""

from asyncio import to_thread
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import unquote_plus

from docstore.core.json_text import JsonValue
from docstore.core.projection import Projection, compile_projection
from docstore.core.selector.selector import compile_selector
from docstore.database.database import Database
from docstore.database.reading.changes import DocumentFilter
from docstore.database.reading.selected_changes import Select
from docstore.errors import BadRequest
from docstore.httpd.params.function_request import function_request
from docstore.httpd.params.selectors import compiles_at_once
from docstore.httpd.params.values import parse_json
from docstore.httpd.request import Request
from docstore.httpd.wire.bodies import declared_length
from docstore.httpd.wire.turns import Turns

Body = Mapping[str, JsonValue] | None
"""The members of a POST's body; None for a GET."""

READ_FROM_BODY = frozenset({"_doc_ids", "_selector"})
"""Filters whose arguments a POST must have in its body; for others an empty body will do."""

FILTERS: Final = "filters"
NOTHING: Final = b"null"
NO_DOC_IDS = "`doc_ids` filter parameter is not a list of doc ids."


@dataclass(frozen=True, slots=True)
class ChangesFilter:
    """Which changes are told, in the terms of ``ChangesQuery``."""

    doc_ids: Set[str] | None = None
    design: bool = False
    filter: DocumentFilter | None = None
    projection: Projection | None = None
    select: Select | None = None


async def changes_filter(request: Request, database: Database, name: str, body: Body) -> ChangesFilter:
    """The filter of that name. Raises BadRequest, NotFound for a design document's missing parts."""
    query = request.node.query
    if not name.strip("/"):
        return ChangesFilter()
    if name == "_doc_ids":
        return ChangesFilter(doc_ids=await _doc_ids(request, body))
    if name == "_design":
        return ChangesFilter(design=True)
    if name == "_selector":
        return await _selector(body, await request.body(), request.node.settings.limits.max_regex_time)
    if name == "_view":
        view = request.query.get("view", "")
        if not view:
            raise BadRequest("`view` filter parameter is not provided.")
        design, name = _parts(view, "`view` must be of the form `designname/viewname`")
        function = query.function(database, design, "views", name, "map")
        return ChangesFilter(select=query.filter(function, NOTHING))  # a map function sees no request
    if name.startswith("_"):
        raise BadRequest("unknown builtin filter name")
    design, name = _parts(name, "`filter` must be of the form `designname/filtername`")
    function = query.function(database, design, FILTERS, name)
    members = None if declared_length(request.raw) == 0 else body  # which was not there then
    return ChangesFilter(select=query.filter(function, await function_request(request, database, members=members)))


async def _doc_ids(request: Request, body: Body) -> Set[str]:
    given = parse_json(request.query.get("doc_ids", "null")) if body is None else body.get("doc_ids")
    if not isinstance(given, list):
        raise BadRequest(NO_DOC_IDS)
    doc_ids: set[str] = set()
    with Turns() as turns:
        for doc_id in given:
            if not isinstance(doc_id, str):
                raise BadRequest(NO_DOC_IDS)
            doc_ids.add(doc_id)
            if turns.over():
                await turns.next()
    return doc_ids


async def _selector(body: Body, text: bytes, regex_time: float) -> ChangesFilter:
    """The selector of a body, and its JSON text. Raises BadRequest."""
    if body is None:
        raise BadRequest("Selector must be specified in POST payload")
    selector = body.get("selector")
    if not isinstance(selector, dict):
        raise BadRequest("Selector error: expected a JSON object")
    fields = body.get("fields", [])
    if not isinstance(fields, list):
        raise BadRequest("Selector error: fields must be JSON array")
    compiled = partial(compiled_filter, selector, fields, regex_time)
    return compiled() if compiles_at_once(text) else await to_thread(compiled)


def compiled_filter(selector: JsonValue, fields: list[JsonValue], regex_time: float) -> ChangesFilter:
    """The filter of a selector, with the fields that are shown. Raises BadRequest."""
    try:
        accepts = compile_selector(selector, regex_time)
        return ChangesFilter(filter=accepts, projection=compile_projection(fields) if fields else None)
    except BadRequest as error:  # here every one of them is a plain bad_request
        raise BadRequest(error.reason) from None


def _parts(path: str, form: str) -> tuple[str, str]:
    """A design document's name and a function's. Raises BadRequest."""
    parts = [unquote_plus(part) for part in path.split("/") if part]
    if len(parts) != 2:
        raise BadRequest(form)
    return parts[0], parts[1]
