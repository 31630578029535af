"""Full-text search: ``_search`` and its kin.

Owns the replies. Follows ``dreyfus_httpd``.
"""

from asyncio import to_thread
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Final, cast

from docstore.core.json_text import JsonValue, encode
from docstore.database.database import Database
from docstore.database.reading.winners import bodies_of, find_winners, winner_text
from docstore.errors import BadRequest, Unavailable
from docstore.httpd.params.searches import Search, Values, read_search, values_of_get, values_of_post
from docstore.httpd.replies import Reply, json_reply, raw_json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.streaming import StreamReply
from docstore.query.search.answering import Answer, Group, Row
from docstore.query.search.searches import OpenedSearch
from docstore.settings import KIB

METHODS: Final = "GET,POST"
SLOW_FROM: Final = 2 * KIB
"""Bytes of a question that is read in a thread."""
ROWS_AT_ONCE: Final = 50
"""With their documents; the bytes of a reply that are put together at a time are those of so many."""
NO_PATH: Final = "path not recognized"


async def get_search(request: Request) -> Reply | StreamReply:
    """``GET /{db}/_design/{ddoc}/_search/{index}``"""
    opened = await _open(request)
    return await _search(request, opened, values_of_get(request.query_list), len(request.query_string))


async def post_search(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_design/{ddoc}/_search/{index}``: the parameters in the body."""
    opened = await _open(request)
    body = await request.json_object()
    values = values_of_post(body, request.query.get("partition"))
    return await _search(request, opened, values, len(await request.body()))


async def _search(request: Request, opened: OpenedSearch, values: Values, size: int) -> Reply | StreamReply:
    searches = request.node.query.searches
    read = partial(read_search, values, opened.plan, searches.bounds, searches.settings)
    search: Search = await to_thread(read) if size >= SLOW_FROM else read()
    answer = await searches.ask(opened.index, search.question, update=search.update)
    if not search.include_docs and len(answer.rows) <= ROWS_AT_ONCE and answer.groups is None:
        return Reply(200, await to_thread(_whole, answer))
    return await chunked_reply(_pieces(request.database(), answer, search))


async def _pieces(database: Database, answer: Answer, search: Search) -> AsyncGenerator[bytes]:
    """The reply, put together in a thread, some rows at a time."""
    shown = database if search.include_docs else None
    if answer.groups is not None:
        yield _group_head(answer, old=search.old_groups)
        for at, group in enumerate(answer.groups):
            yield (b"," if at else b"") + _group_start(group, old=search.old_groups)
            async for piece in _row_pieces(group.rows, shown):
                yield piece
            yield b"]}"
        yield b"]}\n"
        return
    yield _head(answer) + b',"rows":['
    async for piece in _row_pieces(answer.rows, shown):
        yield piece
    yield b"]" + b"".join(_tail(answer))


async def _row_pieces(rows: Sequence[Row], database: Database | None) -> AsyncGenerator[bytes]:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        text = await to_thread(_row_texts, some, database)
        yield (b"," if start else b"") + text


# --- The text ---------------------------------------------------------------------------------------------------------


def _head(answer: Answer) -> bytes:
    return b'{"total_rows":%d,"bookmark":%b' % (answer.total, encode(answer.bookmark))


def _whole(answer: Answer) -> bytes:
    rows = b',"rows":[%b]' % _row_texts(answer.rows, None)
    return b"".join((_head(answer), rows, *_tail(answer)))


def _tail(answer: Answer) -> list[bytes]:
    """Counts and ranges, where they were asked for."""
    told = [(b"counts", answer.counts), (b"ranges", answer.ranges)]
    return [*(b',"%b":%b' % (name, encode(value)) for name, value in told if value is not None), b"}\n"]


def _group_head(answer: Answer, *, old: bool) -> bytes:
    if not old:
        return b'{"total_rows":%d,"groups":[' % answer.total
    grouped = sum(group.total for group in answer.groups or ())
    return b'{"total_hits":%d,"total_grouped_hits":%d,"groups":[' % (answer.total, grouped)


def _group_start(group: Group, *, old: bool) -> bytes:
    total, rows = (b"total_hits", b"hits") if old else (b"total_rows", b"rows")
    return b'{"by":%b,"%b":%d,"%b":[' % (encode(group.by), total, group.total, rows)


def _row_texts(rows: Sequence[Row], database: Database | None) -> bytes:
    """Rows, and their documents as they are now; null for one that is gone meanwhile."""
    texts = [_row_text(row) for row in rows]
    if database is not None:
        documents = _documents(database, [row.id for row in rows])
        texts = [b'%b,"doc":%b}' % (text[:-1], doc) for text, doc in zip(texts, documents, strict=True)]
    return b",".join(texts)


def _row_text(row: Row) -> bytes:
    text = b'{"id":%b,"order":%b,"fields":%b' % (encode(row.id), encode(row.order), row.fields)
    if row.highlights is not None:
        return b'%b,"highlights":%b}' % (text, encode(row.highlights))
    return text + b"}"


def _documents(database: Database, ids: Sequence[str]) -> list[bytes]:
    with database.environment.snapshot() as txn:
        winners = find_winners(txn, database.number, [doc_id.encode() for doc_id in ids])
        bodies = bodies_of(txn, database.number, [one for one in winners if one is not None])
    return [
        b"null" if one is None or one.body_seq not in bodies else winner_text(one, bodies[one.body_seq])
        for one in winners
    ]


# --- About an index ---------------------------------------------------------------------------------------------------


async def info(request: Request) -> Reply:
    """``GET /{db}/_design/{ddoc}/_search_info/{index}``"""
    opened = await _open(request)
    return json_reply(_about(request, await request.node.query.searches.info(opened.index)))


async def disk_size(request: Request) -> Reply:
    """``GET /{db}/_design/{ddoc}/_search_disk_size/{index}``"""
    opened = await _open(request)
    return json_reply(_about(request, {"disk_size": await request.node.query.searches.disk_size(opened.index)}))


def _about(request: Request, told: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {"name": f"_design/{request.segments[2]}/{request.segments[4]}", "search_index": told}


async def clean_up(request: Request) -> Reply:
    """``POST /{db}/_search_cleanup``: indexes go that no design document defines."""
    await request.node.query.searches.clean_up(request.database())
    return json_reply({"ok": True}, 202)


async def get_analyze(request: Request) -> Reply:
    """``GET /_search_analyze``"""
    query = request.query
    return await _analyzed(request, cast("dict[str, JsonValue]", {**query}))


async def post_analyze(request: Request) -> Reply:
    """``POST /_search_analyze``"""
    return await _analyzed(request, await request.json_object(require_json_type=True))


async def _analyzed(request: Request, members: dict[str, JsonValue]) -> Reply:
    analyzer, text = members.get("analyzer"), members.get("text")
    check_available(request)
    if analyzer is None:
        raise BadRequest("analyzer parameter is mandatory")
    if not isinstance(analyzer, str) and not (isinstance(analyzer, dict) and analyzer):
        raise BadRequest("analyzer parameter must be a string or an object")
    if text is None:
        raise BadRequest("text parameter is mandatory")
    if not isinstance(text, str):
        raise BadRequest("text parameter must be a string")
    tokens = await request.node.query.searches.analyze(analyzer, text)
    return raw_json_reply(b'{"tokens":%b}' % tokens)


async def no_index(request: Request) -> Reply:
    """``_search`` and its kin without the name of an index, or with more behind it."""
    request.database()
    check_available(request)
    raise BadRequest(NO_PATH)


def check_available(request: Request) -> None:
    """Raises Unavailable where search is turned off, in the word that CouchDB has without Clouseau."""
    try:
        request.node.query.searches.check_available()
    except Unavailable as error:
        raise Unavailable(error.reason, error="service unavailable") from None


async def _open(request: Request) -> OpenedSearch:
    database = request.database()
    check_available(request)
    return await request.node.query.searches.open(database, request.segments[2], request.segments[4])
