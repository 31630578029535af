"""``_list``: the rows of a view through a function, both ways as a stream.

Owns what the function is given, in which portions, and what becomes of what it sends. It must not know how views are
read, nor where functions run. What was sent before the function asks for a row may still change the head of the reply.
A client that takes nothing for long is left, since a process is held for it. Follows
``chttpd_show:handle_view_list_req`` and ``couch_mrview_show:list_cb``.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, NamedTuple, TypeAlias, cast

from docstore.core.json_text import JsonValue, encode
from docstore.database.database import Database
from docstore.database.reading.all_docs import AllDocsQuery, read_all_docs
from docstore.database.reading.document_text import Row
from docstore.httpd.functions.answers import function_reply
from docstore.httpd.params.all_docs import query_of_get, query_of_post
from docstore.httpd.params.function_request import function_request
from docstore.httpd.params.views import list_query_of_get, list_query_of_post
from docstore.httpd.replies import JSON, Reply
from docstore.httpd.request import Request
from docstore.httpd.wire.streaming import StreamReply
from docstore.query.design.document import design_id
from docstore.query.errors import InvalidPath
from docstore.query.javascript.calling import Function
from docstore.query.lists.step import END, TURN, Step
from docstore.query.views.view_query import ViewQuery
from docstore.query.views.views import OpenedView

NAME: Final = 4
METHODS: Final = ("GET", "POST", "OPTIONS")
ALL_DOCS: Final = "_all_docs"
"""In the place of a view: the documents of the database."""


class _Slice(NamedTuple):
    """Some rows of what is listed, and what is told of all of it."""

    head: dict[str, JsonValue]
    rows: list[Row]


Slices: TypeAlias = AsyncGenerator[_Slice]


class _Portion(NamedTuple):
    """Rows that cross at once; ``last``: there are no more."""

    head: dict[str, JsonValue]
    rows: list[bytes]
    last: bool


async def render_list(request: Request) -> Reply | StreamReply:
    """``/{db}/_design/{ddoc}/_list/{name}/{view}``, or ``.../{name}/{other ddoc}/{view}``."""
    database = request.database()
    name, *rest = request.segments[NAME:]
    if len(rest) not in (1, 2):
        return await no_list(request)
    function = request.node.query.function(database, request.segments[2], "lists", name)
    body = await request.json_object(require_json_type=True) if request.method == "POST" else None
    if rest[-1] == ALL_DOCS:
        listing = query_of_get(request) if body is None else query_of_post(request, body)
        slices = _all_docs(database, listing)
    else:
        design = await request.node.query.views.design(database, request.segments[2] if len(rest) == 1 else rest[0])
        if body is None:
            query = list_query_of_get(request)
        else:
            query = list_query_of_post(request, body, len(await request.body()))
        view = design.view(rest[-1])
        await view.check_slowly(query)
        slices = _view(database, view, query)
    asked = await function_request(request, database, members=body)
    steps = _steps(request, function, slices, asked)
    try:
        return await _reply(request, steps)
    except BaseException:
        await steps.aclose()
        raise


async def _view(database: Database, view: OpenedView, query: ViewQuery) -> Slices:
    async with aclosing(view.read(query)) as slices:
        async for part in slices:
            head: dict[str, JsonValue] = {}
            if part.total_rows is not None:
                head = {"total_rows": part.total_rows, "offset": part.offset or 0}
            if query.update_seq:
                head["update_seq"] = database.update_seq_text(part.seq)
            yield _Slice(head, part.rows)


async def _all_docs(database: Database, query: AllDocsQuery) -> Slices:
    async with aclosing(read_all_docs(database, query)) as slices:
        async for part in slices:
            head: dict[str, JsonValue] = {"total_rows": part.total_rows, "offset": part.offset}
            if query.update_seq:
                head["update_seq"] = part.update_seq
            yield _Slice(head, part.rows)


async def no_list(request: Request) -> Reply:
    """``_list`` without a name or a view."""
    database = request.database()
    database.open_doc(design_id(request.segments[2]))
    raise InvalidPath(error="list_error")


async def _reply(request: Request, steps: AsyncGenerator[Step]) -> Reply | StreamReply:
    """The reply begins with the first text that is sent."""
    start: JsonValue = {}
    async for step in steps:
        if step.start is not None:
            start = step.start
        if step.wants == END:
            await steps.aclose()
            return function_reply(_with_body(start, step.text))
        if step.text:
            head = function_reply(_with_body(start, ""))
            return StreamReply(
                _texts(request, step.text, steps),
                status=head.status,
                content_type=head.content_type or JSON,
                headers=head.headers,
                cache_control=head.cache_control,
            )
    return function_reply(_with_body(start, ""))


async def _texts(request: Request, first: str, steps: AsyncGenerator[Step]) -> AsyncGenerator[bytes]:
    """What the function sends. Whoever takes nothing for ``list_patience`` is left."""
    loop, patience = asyncio.get_running_loop(), request.node.settings.functions.list_patience
    async with aclosing(steps):
        text = first
        while True:
            if text:
                timer = loop.call_later(patience, _leave, request)
                try:
                    yield text.encode("utf-8", "replace")
                finally:
                    timer.cancel()
            step = await anext(steps, None)
            if step is None:
                return
            text = step.text


def _leave(request: Request) -> None:
    if request.raw.transport is not None:
        request.raw.transport.abort()


async def _steps(request: Request, function: Function, slices: Slices, asked: bytes) -> AsyncGenerator[Step]:
    """The steps of the function's call, up to its end."""
    limit = request.node.settings.functions.list_rows
    async with (
        aclosing(_portions(slices, limit)) as portions,
        request.node.query.lists.run(function) as listing,
    ):
        begun = False
        async for portion in portions:
            if begun:
                step = await listing.go_on(portion.rows, last=portion.last)
            else:
                head = encode(portion.head).decode()
                step = await listing.begin(head, asked, portion.rows, last=portion.last)
                begun = True
            yield step
            while step.wants == TURN:
                step = await listing.go_on([], last=portion.last)
                yield step
            if step.wants == END:
                return


async def _portions(slices: Slices, limit: int) -> AsyncGenerator[_Portion]:
    """The rows in portions of so many bytes; one is held back, so that the last one is known as that."""
    head: dict[str, JsonValue] | None = None
    rows: list[bytes] = []
    size = 0
    async with aclosing(slices):
        async for part in slices:
            if head is None:
                head = part.head
            for row in part.rows:
                if size >= limit:
                    yield _Portion(head, rows, last=False)
                    rows, size = [], 0
                text = row if isinstance(row, bytes) else b"".join(piece for piece in row if isinstance(piece, bytes))
                rows.append(text)
                size += len(text)
    yield _Portion(head or {}, rows, last=True)


def _with_body(start: JsonValue, body: str) -> dict[str, JsonValue]:
    """What the function began its reply with, and what it sent; a list is JSON unless it says what it is."""
    said = start if isinstance(start, dict) else {}
    headers = cast("dict[str, JsonValue]", said.get("headers") or {})
    if not any(name.lower() == "content-type" for name in headers):
        headers = headers | {"Content-Type": JSON}
    code = {"code": said["code"]} if "code" in said else {}
    return {**code, "headers": headers, "body": body}
