"""``_list``: the rows of a view through a function.

Owns what the function is given and what becomes of its answer. All rows cross to the function at once, since it may
ask for them in the middle of its work; what they may come to is bounded (``list_rows``). It must not know how views are
read. Follows ``chttpd_show:handle_view_list_req``.
"""

from contextlib import aclosing
from typing import Final, cast

from docstore.core.json_text import JsonValue, encode
from docstore.errors import TooLarge
from docstore.httpd.functions.answers import function_reply
from docstore.httpd.params.function_request import function_request
from docstore.httpd.params.views import view_query_of_get, view_query_of_post
from docstore.httpd.replies import JSON, Reply
from docstore.httpd.request import Request
from docstore.query.design.document import design_id
from docstore.query.errors import InvalidPath

NAME: Final = 4
TOO_MANY: Final = "The rows of the view are more than a list function may get (list_rows: {} bytes)."


async def render_list(request: Request) -> Reply:
    """``/{db}/_design/{ddoc}/_list/{name}/{view}``, or ``.../{name}/{other ddoc}/{view}``."""
    database = request.database()
    name, *rest = request.segments[NAME:]
    function = request.node.query.function(database, request.segments[2], "lists", name)
    if len(rest) not in (1, 2):
        raise InvalidPath(error="list_error")
    design = await request.node.query.views.design(database, request.segments[2] if len(rest) == 1 else rest[0])
    if request.method == "POST":
        query = view_query_of_post(request, await request.json_object(require_json_type=True))
    else:
        query = view_query_of_get(request)
    view = design.view(rest[-1])
    view.check(query)
    limit = request.node.settings.functions.list_rows
    head: dict[str, JsonValue] = {}
    rows: list[bytes] = []
    size = 0
    async with aclosing(view.read(query)) as slices:
        async for part in slices:
            if not rows and part.total_rows is not None:
                head = {"total_rows": part.total_rows, "offset": part.offset or 0}
            for row in part.rows:
                text = row if isinstance(row, bytes) else b"".join(piece for piece in row if isinstance(piece, bytes))
                rows.append(text)
                size += len(text)
            if size > limit:
                raise TooLarge(TOO_MANY.format(limit))
    asked = await function_request(request, database)
    texts = (encode(head).decode(), asked, f"[{b','.join(rows).decode()}]")
    answer = cast("dict[str, JsonValue]", await request.node.query.functions.render(function, "list", *texts))
    start = cast("dict[str, JsonValue]", answer["start"])
    body = cast("str", answer["body"])
    return function_reply(_with_body(start, body))


async def no_list(request: Request) -> Reply:
    """``_list`` without a name or a view."""
    database = request.database()
    database.open_doc(design_id(request.segments[2]))
    raise InvalidPath(error="list_error")


def _with_body(start: dict[str, JsonValue], body: str) -> dict[str, JsonValue]:
    """What the function began its reply with, and what it sent; a list is JSON unless it says what it is."""
    headers = cast("dict[str, JsonValue]", start.get("headers") or {})
    if not any(name.lower() == "content-type" for name in headers):
        headers = headers | {"Content-Type": JSON}
    code = {"code": start["code"]} if "code" in start else {}
    return {**code, "headers": headers, "body": body}
