"""What a request to resolve conflicts asks: its body and its query string, read once.

Owns the members of these bodies. They are docstore's own, so nothing in them is passed over: a name that is misspelt
must not end in a resolution that nobody wanted. It must not know how a conflict is resolved.

    {"leaves": [REV, ...], "keep": REV or "winner"}
    {"leaves": [REV, ...], "body": {...}}
    {"leaves": [REV, ...], "merge": "three-way", "on_conflict": "fail"|"winner", "ancestor": "required"|"if-available"}
    {"leaves": [REV, ...], "merge": "latest", "by": "/json/pointer"}
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, cast

from docstore.core.document import Document, parse_document, validate_doc_id
from docstore.core.json_cost import is_for_a_thread
from docstore.core.json_text import JsonValue
from docstore.core.merge_strategies import Ancestor, Keep, Latest, OnConflict, Replace, Strategy, ThreeWay
from docstore.core.merging import is_pointer
from docstore.core.rev import parse_rev
from docstore.database.conflicts.planning import ResolveRequest
from docstore.errors import BadRequest, QueryParseError
from docstore.httpd.params.documents import parse_many_revs
from docstore.httpd.request import Request
from docstore.httpd.wire.turns import Turns

WINNER: Final = "winner"
FORMS: Final = ("keep", "body", "merge")
OPTIONS: Final = {"three-way": {"on_conflict", "ancestor"}, "latest": {"by"}}
"""What goes with each kind of merge."""

OF_FORM: Final = {*FORMS, "on_conflict", "ancestor", "by"}

DEFAULT_ROWS: Final = 100
MAX_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class ManyParams:
    """What a request about many documents asks.

    ``requests`` are those named; where that is None, all conflicted documents from ``start`` on, at most ``limit`` of
    them, in the way ``how``.
    """

    requests: tuple[ResolveRequest, ...] | None
    how: Strategy | None = None
    start: str | None = None
    limit: int = DEFAULT_ROWS


def dry_run_of(request: Request) -> bool:
    """Whether nothing is to be written. Raises QueryParseError for anything but ``true`` and ``false``."""
    value = request.query.get("dry_run", "false")
    if value not in ("true", "false"):
        raise QueryParseError("`dry_run` must be true or false.")
    return value == "true"


async def one_request(request: Request) -> ResolveRequest:
    """The body of a request about the document of its path.

    Raises IllegalDocId, BadRequest, InvalidRev and what ``parse_document`` raises.
    """
    doc_id = validate_doc_id(request.doc_id, request.node.settings.limits)
    members = await request.json_object(require_json_type=True)
    _refuse_others(members, {"leaves", *OF_FORM})
    if "leaves" not in members:
        raise _no_leaves()
    with Turns() as turns:
        return await _of_row(request, doc_id, members, None, turns)


async def many_requests(request: Request) -> ManyParams:
    """The body of a request about many documents. Raises as ``one_request``."""
    members = await request.json_object(require_json_type=True)
    _refuse_others(members, {"ids", "docs", "startkey", "limit", *OF_FORM})
    if "body" in members:
        raise BadRequest("`body` belongs to one document.")
    how = await _strategy(request, "", members)
    if isinstance(how, Keep) and how.rev is not None:
        raise BadRequest(f'`keep` of many documents can only be "{WINNER}".')
    if "ids" in members and "docs" in members:
        raise BadRequest("Either `ids` or `docs`, not both.")
    if "ids" in members or "docs" in members:
        if "startkey" in members or "limit" in members:
            raise BadRequest("`startkey` and `limit` belong to requests about all conflicted documents.")
        return ManyParams(await _rows(request, members, how), how)
    if how is None:
        raise _no_form()
    start, limit = members.get("startkey"), members.get("limit", DEFAULT_ROWS)
    if start is not None and not isinstance(start, str):
        raise BadRequest("`startkey` must be a document's id.")
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_ROWS:
        raise BadRequest(f"`limit` must be an integer from 1 to {MAX_ROWS}.")
    return ManyParams(None, how, start, limit)


async def _rows(request: Request, members: dict[str, JsonValue], how: Strategy | None) -> tuple[ResolveRequest, ...]:
    """Those of ``ids`` or ``docs``; ``how`` holds for each that does not say otherwise."""
    rows = members.get("ids", members.get("docs"))
    if not isinstance(rows, list):
        raise BadRequest("`ids` and `docs` must be arrays.")
    if len(rows) > MAX_ROWS:
        raise BadRequest(f"At most {MAX_ROWS} documents in one request.")
    requests: list[ResolveRequest] = []
    with Turns() as turns:
        for row in rows:
            own: JsonValue = {"id": row} if "ids" in members else row
            if not isinstance(own, dict):
                raise BadRequest("Each of `docs` must be an object.")
            _refuse_others(own, {"id", "leaves", *OF_FORM})
            doc_id = validate_doc_id(own.get("id"), request.node.settings.limits)
            requests.append(await _of_row(request, doc_id, own, how, turns))
            if turns.over():
                await turns.next()
    return tuple(requests)


async def _of_row(
    request: Request, doc_id: str, members: dict[str, JsonValue], default: Strategy | None, turns: Turns
) -> ResolveRequest:
    how = await _strategy(request, doc_id, members) or default
    if how is None:
        raise _no_form()
    chosen = how.document.rev if isinstance(how, Replace) else how.rev if isinstance(how, Keep) else None
    if "leaves" not in members:
        if chosen is not None or isinstance(how, Replace):
            raise _no_leaves()  # what is chosen, is chosen among leaves that were seen
        return ResolveRequest(doc_id, how)
    leaves = await parse_many_revs(members["leaves"], turns)
    if not leaves:
        raise BadRequest("`leaves` is empty.")
    if chosen is not None and chosen not in leaves:
        raise BadRequest("`keep`, and `_rev` in `body`, must be one of `leaves`.")
    return ResolveRequest(doc_id, how, leaves)


async def _strategy(request: Request, doc_id: str, members: dict[str, JsonValue]) -> Strategy | None:
    """What the members say about how to resolve; None if nothing."""
    named = [name for name in FORMS if name in members]
    if len(named) > 1:
        raise BadRequest(f"`{named[0]}` and `{named[1]}` do not go together.")
    given = [name for name in ("on_conflict", "ancestor", "by") if name in members]
    if not named:
        _refuse_others(given, ())
        return None
    form, value = named[0], members[named[0]]
    if form != "merge":
        _refuse_others(given, ())
        return _keep(value) if form == "keep" else Replace(await _document(request, doc_id, value))
    if not isinstance(value, str) or value not in OPTIONS:
        raise BadRequest('`merge` must be "three-way" or "latest".')
    _refuse_others(given, OPTIONS[value])
    if value == "latest":
        return Latest(_pointer(members.get("by")))
    on_conflict = _one_of("on_conflict", members.get("on_conflict", "fail"), ("fail", "winner"))
    ancestor = _one_of("ancestor", members.get("ancestor", "required"), ("required", "if-available"))
    return ThreeWay(cast("OnConflict", on_conflict), cast("Ancestor", ancestor))


def _keep(value: JsonValue) -> Keep:
    return Keep() if value == WINNER else Keep(parse_rev(value))


async def _document(request: Request, doc_id: str, members: JsonValue) -> Document:
    """The ``body`` of a document, as a PUT would take it."""
    limits = request.node.settings.limits
    if not is_for_a_thread(await request.body(), limits):
        document = parse_document(members, doc_id=doc_id, limits=limits)
    else:
        document = await asyncio.to_thread(parse_document, members, doc_id=doc_id, limits=limits)
    return document._replace(path=())


def _pointer(value: JsonValue) -> str:
    if isinstance(value, str) and is_pointer(value):
        return value
    raise BadRequest("`by` must be a JSON Pointer, such as /updated_at.")


def _one_of(name: str, value: JsonValue, choices: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in choices:
        return value
    raise BadRequest(f"`{name}` must be {' or '.join(choices)}.")


def _refuse_others(members: Iterable[str], known: Collection[str]) -> None:
    for name in members:
        if name not in known:
            raise BadRequest(f"`{name}` has no meaning here.")


def _no_leaves() -> BadRequest:
    return BadRequest("`leaves` is missing: the live leaves that you saw.")


def _no_form() -> BadRequest:
    return BadRequest("One of `keep`, `body` and `merge` must say how to resolve.")
