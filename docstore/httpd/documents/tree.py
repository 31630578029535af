"""``_tree``: the revision tree of a document, as JSON or drawn.

Owns the ``format`` parameter. CouchDB has no such endpoint, and refuses attachments whose name begins with an
underscore, so the path is nobody else's.
"""

import asyncio
from collections.abc import Callable

from docstore.core.conditions import content_etag
from docstore.core.drawing.tree_svg import draw_svg
from docstore.core.drawing.tree_text import draw_text
from docstore.core.drawing.tree_view import TreeView, members_of
from docstore.core.json_text import encode
from docstore.database.database import Database
from docstore.database.reading.at_once import ALONE
from docstore.database.reading.trees import read_tree
from docstore.errors import QueryParseError
from docstore.httpd.documents.attachments import SANDBOX
from docstore.httpd.replies import JSON, Header, Reply, etag_matches, not_modified
from docstore.httpd.request import Request

FORMATS: dict[str, tuple[str, Callable[[TreeView], bytes]]] = {
    "json": (JSON, lambda view: encode(members_of(view)) + b"\n"),
    "text": ("text/plain; charset=utf-8", lambda view: "".join(f"{text}\n" for text, _ in draw_text(view)).encode()),
    "svg": ("image/svg+xml", lambda view: draw_svg(view).encode()),
}
"""Name -> media type, and how a view is written."""


def _tree_text(database: Database, doc_id: str, write: Callable[[TreeView], bytes]) -> tuple[bytes, str]:
    """The text and its ETag. The snapshot is opened when it is this thread's turn."""
    with ALONE:
        body = write(read_tree(database, doc_id))
    return body, content_etag(body)


async def get_tree(request: Request) -> Reply:
    """``GET /{db}/{doc}/_tree``. A tree may be large, so it is read and written in a thread."""
    database = request.database()
    name = request.query.get("format", "json")
    if name not in FORMATS:
        raise QueryParseError(f"Supported `format` types: {', '.join(FORMATS)}")
    content_type, write = FORMATS[name]
    body, etag = await asyncio.to_thread(_tree_text, database, request.doc_id, write)
    if etag_matches(request.if_none_match, etag):
        return not_modified(etag)
    headers: tuple[Header, ...] = () if content_type == JSON else (SANDBOX,)
    return Reply(200, body, content_type=content_type, headers=headers, etag=etag)
