"""``_show`` and ``_update``: one call of a function, for one document or none.

Owns what the functions are given and what becomes of their answers. It must not know how they are run. Follows
``chttpd_show:handle_doc_show_req`` and ``handle_doc_update_req``.
"""

from asyncio import to_thread
from typing import Final, cast

from docstore.core.conditions import content_etag
from docstore.core.document import parse_document
from docstore.core.json_text import JsonValue
from docstore.core.partition import check_placed
from docstore.database.database import Database
from docstore.database.reading.documents import OpenedDoc, OpenOptions
from docstore.errors import NotFound
from docstore.httpd.functions.answers import function_reply
from docstore.httpd.params.function_request import function_request
from docstore.httpd.replies import Reply, etag_matches, not_modified
from docstore.httpd.request import Request
from docstore.httpd.wire.paths import encode_segment
from docstore.query.design.document import design_id
from docstore.query.errors import InvalidPath
from docstore.settings import KIB

SHOWN: Final = OpenOptions(revs=True, conflicts=True)
LARGE: Final = 64 * KIB
"""A document of more bytes is hashed beside the event loop."""

NAME: Final = 4
"""The place of the function's name in the path."""


async def show(request: Request) -> Reply:
    """``/{db}/_design/{ddoc}/_show/{name}`` with or without a document's id behind it."""
    database = request.database()
    function = request.node.query.function(database, request.segments[2], "shows", request.segments[NAME])
    doc_id = _doc_id(request)
    found = await _document(database, doc_id)
    etag = await to_thread(_etag, request, database, found) if _is_large(found) else _etag(request, database, found)
    if etag_matches(request.if_none_match, etag):
        return not_modified(etag)
    asked = await function_request(request, database, doc_id)
    text = b"null" if found is None else found.json
    answer = await request.node.query.functions.render(function, "show", asked, text)
    reply = cast("list[JsonValue]", answer)[1]
    return await to_thread(function_reply, reply, etag=etag, headers=(("Vary", "Accept"),))


async def update(request: Request) -> Reply:
    """``/{db}/_design/{ddoc}/_update/{name}`` with or without a document's id behind it."""
    database = request.database()
    function = request.node.query.function(database, request.segments[2], "updates", request.segments[NAME])
    doc_id = _doc_id(request)
    found = await _document(database, doc_id)
    asked = await function_request(request, database, doc_id)
    text = b"null" if found is None else found.json
    answer = await request.node.query.functions.render(function, "update", asked, text)
    _, changed, reply = cast("list[JsonValue]", answer)
    if not isinstance(changed, dict):
        return await to_thread(function_reply, reply)
    await to_thread(function_reply, reply)  # an answer that is none changes nothing
    # a document without an id is refused as one whose id is empty
    document = await to_thread(parse_document, changed, limits=request.node.settings.limits, new_id=str)
    written = await database.acting_for(request.actor).update_doc(document)
    headers = (("X-Couch-Update-NewRev", str(written.rev)), ("X-Couch-Id", encode_segment(document.id)))
    return await to_thread(function_reply, reply, status=201, headers=headers)


async def no_show(request: Request) -> Reply:
    """``_show`` without a name."""
    raise _no_path(request, "show_error")


async def no_update(request: Request) -> Reply:
    """``_update`` without a name."""
    raise _no_path(request, "update_error")


def _no_path(request: Request, word: str) -> InvalidPath:
    request.database().open_doc(design_id(request.segments[2]))
    return InvalidPath(error=word)


def _doc_id(request: Request) -> str | None:
    return "/".join(request.segments[NAME + 1 :]) or None


async def _document(database: Database, doc_id: str | None) -> OpenedDoc | None:
    if doc_id is None:
        return None
    if database.partitioned:
        check_placed(doc_id)
    try:
        return await database.read_doc(doc_id, SHOWN)
    except NotFound:
        return None


def _is_large(found: OpenedDoc | None) -> bool:
    return found is not None and len(found.json) > LARGE


def _etag(request: Request, database: Database, found: OpenedDoc | None) -> str:
    design = database.open_doc(design_id(request.segments[2])).rev
    asked = (request.headers.get("Accept", ""), request.user.name or "", request.query_string)
    parts = [part.encode("utf-8", "surrogateescape") for part in (str(design), *asked)]
    parts.insert(1, b"" if found is None else found.json)
    return content_etag(b"\0".join(parts))
