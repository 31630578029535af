"""``POST /{db}/_bulk_get``: revisions of many documents, as JSON or as multipart/mixed.

Owns the request's rows, their errors and the two shapes of the reply. Follows ``chttpd_db:bulk_get_parse_args`` and
``bulk_get_ret_json``.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal, NamedTuple

from docstore.core.document import validate_doc_id
from docstore.core.json_text import JsonValue, encode
from docstore.core.rev import Rev, parse_rev
from docstore.database.database import Database
from docstore.database.reading import OpenedDoc, OpenOptions
from docstore.errors import BadRequest, DocstoreError
from docstore.httpd.accept import accepts
from docstore.httpd.chunking import chunked_reply
from docstore.httpd.document_params import bulk_get_options
from docstore.httpd.document_replies import rev_json
from docstore.httpd.multipart import MultipartWriter
from docstore.httpd.open_revs import ERROR_TYPE
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.httpd.streaming import StreamReply
from docstore.settings import Limits

Revs = Literal["all"] | tuple[Rev, ...]


class Wanted(NamedTuple):
    """A row that can be looked up."""

    doc_id: str
    revs: Revs


class Refused(NamedTuple):
    """A row that cannot. ``rev`` and ``doc_id`` as they were sent, None where CouchDB tells null."""

    doc_id: JsonValue
    rev: JsonValue
    error: DocstoreError


class Answer(NamedTuple):
    """One revision, or why there is none: JSON texts, the second form without the surrounding ``{"error":...}``."""

    document: bytes | None
    error: bytes = b""


async def bulk_get(request: Request) -> Reply | StreamReply:
    """The revisions of every row, in the order of the rows."""
    database = request.database()
    members = await request.json_object(require_json_type=True)
    if "docs" not in members:
        raise BadRequest("Missing JSON list of 'docs'.")
    docs = members["docs"]
    if not isinstance(docs, list):
        raise BadRequest("`docs` parameter must be an array.")
    options = bulk_get_options(request)
    limits = request.node.settings.limits
    answers = _answers(database, [_row(doc, limits) for doc in docs], options)
    accept = request.headers.get("Accept")
    if accepts(accept, "application/json"):
        return await chunked_reply(_json(answers))
    for subtype in ("mixed", "related"):
        if accepts(accept, f"multipart/{subtype}"):
            writer = MultipartWriter(subtype)
            return await chunked_reply(
                _multipart(writer, answers), content_type=writer.content_type, cache_control=None
            )
    return await chunked_reply(_json(answers))


def _row(row: JsonValue, limits: Limits) -> Wanted | Refused:
    if not isinstance(row, dict) or not row:
        return Refused(None, None, BadRequest("document must be a JSON object"))
    if "id" not in row:
        return Refused(None, None, BadRequest("document id missed"))
    doc_id = row["id"]
    if not isinstance(doc_id, str):
        raise BadRequest("Document id must be a string")
    try:
        validate_doc_id(doc_id, limits)
    except DocstoreError as error:
        return Refused(doc_id, None, error)
    revs: Revs = "all"
    if "rev" in row:
        try:
            revs = (parse_rev(row["rev"]),)
        except DocstoreError as error:
            return Refused(doc_id, row["rev"], error)
    since = row.get("atts_since", [])
    if not isinstance(since, list):
        return Refused(doc_id, since, BadRequest("att_since value must be array of revs."))
    for rev in since:
        try:
            parse_rev(rev)
        except DocstoreError as error:
            return Refused(doc_id, rev, error)
    return Wanted(doc_id, revs)


async def _answers(
    database: Database, rows: list[Wanted | Refused], options: OpenOptions
) -> AsyncGenerator[tuple[JsonValue, list[Answer]]]:
    """Per row its id and its answers."""
    wanted = [(row.doc_id, row.revs) for row in rows if isinstance(row, Wanted)]
    async with aclosing(database.bulk_get(wanted, options)) as found:
        for row in rows:
            if isinstance(row, Refused):
                error = {"id": row.doc_id, "rev": row.rev, "error": row.error.error, "reason": row.error.reason}
                yield row.doc_id, [Answer(None, encode(error))]
                continue
            entries = await anext(found)
            if entries:
                yield (
                    row.doc_id,
                    [
                        Answer(entry.json)
                        if isinstance(entry, OpenedDoc)
                        else _missing(row.doc_id, rev_json(entry.rev))
                        for entry in entries
                    ],
                )
            else:
                yield row.doc_id, [_missing(row.doc_id, b'"undefined"')]


def _missing(doc_id: str, rev: bytes) -> Answer:
    return Answer(None, b'{"id":%b,"rev":%b,"error":"not_found","reason":"missing"}' % (encode(doc_id), rev))


async def _json(answers: AsyncGenerator[tuple[JsonValue, list[Answer]]]) -> AsyncGenerator[bytes]:
    before = b'{"results":['
    async with aclosing(answers):
        async for doc_id, row in answers:
            docs = b",".join(
                b'{"error":%b}' % answer.error if answer.document is None else b'{"ok":%b}' % answer.document
                for answer in row
            )
            yield b'%b{"id":%b,"docs":[%b]}' % (before, encode(doc_id), docs)
            before = b","
    yield b'{"results":[]}\n' if before != b"," else b"]}\n"


async def _multipart(
    writer: MultipartWriter, answers: AsyncGenerator[tuple[JsonValue, list[Answer]]]
) -> AsyncGenerator[bytes]:
    async with aclosing(answers):
        async for _, row in answers:
            for answer in row:
                if answer.document is None:
                    yield writer.part(ERROR_TYPE) + answer.error
                else:
                    yield writer.part("application/json") + answer.document
    yield writer.end()
