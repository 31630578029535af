"""The endpoint ``_conflicts``: the documents with more than one live leaf; or what stands twice in unique indexes.

Owns the parameters, which are those of ``_all_docs`` as far as they make sense here, and the text around the rows.
``kind=unique`` is the other listing, with parameters of its own. CouchDB has no such endpoint.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from docstore.core.json_text import JsonValue
from docstore.database.database import Database
from docstore.database.reading.all_docs import AllDocsQuery
from docstore.database.reading.conflicts import ConflictsQuery, read_conflicts
from docstore.database.reading.document_text import join_pieces, join_rows, stream_text
from docstore.database.reading.unique_duplicates import BOOKMARK_BYTES, DuplicatesQuery, read_duplicates
from docstore.errors import QueryParseError
from docstore.httpd.listings.all_docs import SEPARATOR
from docstore.httpd.params.all_docs import query_of_get, query_of_post
from docstore.httpd.params.values import erlang_text, parse_boolean, parse_positive_integer
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.streaming import StreamReply

COUNTS = "counts"
META = "include_meta"
KIND = "kind"
UNIQUE = "unique"
NO_KEYS = "`keys` is not supported by _conflicts; `conflicts_only` of _all_docs takes it."


async def get_conflicts(request: Request) -> Reply | StreamReply:
    """``GET /{db}/_conflicts``."""
    database = request.database()
    if request.query.get(KIND) is not None:
        duplicates = _duplicates_query(request.query)
        return Reply() if request.method == "HEAD" else await chunked_reply(_duplicates(database, duplicates))
    query = _query(query_of_get(request), request.query.get(COUNTS, False), request.query.get(META, False))
    if request.method == "HEAD":
        return Reply()
    return await chunked_reply(_listing(database, query))


async def post_conflicts(request: Request) -> Reply | StreamReply:
    """``POST /{db}/_conflicts``: the parameters in the body; those of the query string count before them."""
    database = request.database()
    body = await request.json_object(require_json_type=True)
    asked = body | request.query
    if asked.get(KIND) is not None:
        return await chunked_reply(_duplicates(database, _duplicates_query(asked)))
    query = _query(query_of_post(request, body), asked.get(COUNTS, False), asked.get(META, False))
    return await chunked_reply(_listing(database, query))


def _query(asked: AllDocsQuery, counts: JsonValue, meta: JsonValue) -> ConflictsQuery:
    """Raises QueryParseError."""
    if asked.keys is not None:
        raise QueryParseError(NO_KEYS)
    return ConflictsQuery(
        start_key=asked.start_key,
        end_key=asked.end_key,
        inclusive_end=asked.inclusive_end,
        descending=asked.descending,
        skip=asked.skip,
        limit=asked.limit,
        include_docs=asked.include_docs,
        conflicts=asked.conflicts,
        attachments=asked.attachments,
        att_encoding_info=asked.att_encoding_info,
        counts=parse_boolean(counts),
        meta=parse_boolean(meta),
    )


def _duplicates_query(asked: Mapping[str, JsonValue]) -> DuplicatesQuery:
    """Raises QueryParseError."""
    if asked[KIND] != UNIQUE:
        raise QueryParseError(f"Invalid kind of conflicts: {erlang_text(asked[KIND])}")
    unknown = next((name for name in asked if name not in (KIND, "limit", "skip", "bookmark")), None)
    if unknown is not None:
        raise QueryParseError(f"`{unknown}` is not supported by _conflicts?kind=unique.")
    limit, bookmark = asked.get("limit"), asked.get("bookmark", "")
    try:
        after = bytes.fromhex(bookmark if isinstance(bookmark, str) else "no text")
    except ValueError:
        after = b"?"
    if after and len(after) != BOOKMARK_BYTES:
        raise QueryParseError(f"Invalid bookmark: {erlang_text(bookmark)}")
    return DuplicatesQuery(
        limit=None if limit is None else parse_positive_integer(limit),
        skip=parse_positive_integer(asked.get("skip", 0)),
        after=after,
    )


async def _duplicates(database: Database, query: DuplicatesQuery) -> AsyncGenerator[bytes]:
    before = b""
    last = query.after
    begun = False
    async with aclosing(read_duplicates(database, query)) as slices:
        async for part in slices:
            if not begun:
                yield b'{"total_rows":%d,"rows":[\r\n' % part.total_rows
                begun = True
            last = part.last
            if part.rows:
                yield before + SEPARATOR.join(part.rows)
                before = SEPARATOR
    yield b'\r\n],"bookmark":"%b"}\n' % last.hex().encode()


async def _listing(database: Database, query: ConflictsQuery) -> AsyncGenerator[bytes]:
    before = b""
    begun = False
    async with aclosing(read_conflicts(database, query)) as slices:
        async for part in slices:
            if not begun:
                yield b'{"total_rows":%d,"rows":[\r\n' % part.total_rows
                begun = True
            if part.rows:
                pieces = join_pieces([before, *join_rows(SEPARATOR, part.rows)])
                async with aclosing(stream_text(pieces)) as text:
                    async for piece in text:
                        yield piece
                before = SEPARATOR
    yield b"\r\n]}\n"
