"""``POST /{db}/_bulk_get``: revisions of many documents, as JSON or as multipart/mixed.

Owns the request's rows, their errors and the two shapes of the reply. Follows ``chttpd_db:bulk_get_parse_args`` and
``bulk_get_ret_json``.
"""

from asyncio import sleep
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Literal, NamedTuple

from docstore.core.answers import rev_json
from docstore.core.document import quote_id, validate_doc_id
from docstore.core.json_text import JsonValue, encode
from docstore.core.rev import Rev, parse_rev
from docstore.database.database import Database
from docstore.database.reading.documents import OpenedDoc, OpenOptions
from docstore.errors import BadRequest, DocstoreError
from docstore.httpd.documents.open_revs import ERROR_TYPE
from docstore.httpd.documents.related import RelatedDocument
from docstore.httpd.params.documents import bulk_get_options
from docstore.httpd.replies import JSON, Reply
from docstore.httpd.request import Request
from docstore.httpd.wire.accept import accepts
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.multipart import MultipartWriter, header_text
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.wire.turns import Turns
from docstore.settings import Limits

Revs = Literal["all"] | tuple[Rev, ...]

REFUSED_A_TURN = 64

MISSING = b'"error":"not_found","reason":"missing"'


class Wanted(NamedTuple):
    """A row that can be looked up; ``atts_since`` are the revisions whose attachments the reader has."""

    doc_id: str
    revs: Revs
    atts_since: tuple[Rev, ...] | None


class Refused(NamedTuple):
    """A row that cannot. ``rev`` and ``doc_id`` as they were sent, None where CouchDB tells null."""

    doc_id: JsonValue
    rev: JsonValue
    error: DocstoreError


class Failure(NamedTuple):
    """Why there is no revision: JSON texts for the two shapes of the reply."""

    json: bytes
    part: bytes


Answers = AsyncGenerator[tuple[JsonValue, list[OpenedDoc | Failure]]]
"""Per row its id and its revisions."""


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
    rows: list[Wanted | Refused] = []
    wanted: list[Wanted] = []
    with Turns() as turns:
        for doc in docs:
            row = _row(doc, database, limits)
            rows.append(row)
            if isinstance(row, Wanted):
                wanted.append(row)
            if turns.over():
                await turns.next()
    writer = _multipart_writer(request.headers.get("Accept"))
    if writer is None:
        return await chunked_reply(_json(_answers(database, rows, wanted, options)))
    answers = _answers(database, rows, wanted, replace(options, attachments=True, follows=True, att_encoding_info=True))
    return await chunked_reply(_multipart(writer, answers), content_type=writer.content_type, cache_control=None)


def _multipart_writer(accept: str | None) -> MultipartWriter | None:
    """What writes the reply as multipart; None for JSON, which goes before wherever the client takes it."""
    if accepts(accept, JSON):
        return None
    return next((MultipartWriter(one) for one in ("mixed", "related") if accepts(accept, f"multipart/{one}")), None)


def _row(row: JsonValue, database: Database, limits: Limits) -> Wanted | Refused:
    if not isinstance(row, dict) or not row:
        return Refused(None, None, BadRequest("document must be a JSON object"))
    if "id" not in row:
        return Refused(None, None, BadRequest("document id missed"))
    doc_id = row["id"]
    if not isinstance(doc_id, str):
        raise BadRequest("Document id must be a string")
    try:
        database.check_id(validate_doc_id(doc_id, limits))
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
    atts_since = []
    for rev in since:
        try:
            atts_since.append(parse_rev(rev))
        except DocstoreError as error:
            return Refused(doc_id, rev, error)
    return Wanted(doc_id, revs, tuple(atts_since) or None)


async def _answers(
    database: Database, rows: list[Wanted | Refused], wanted: list[Wanted], options: OpenOptions
) -> Answers:
    async with aclosing(database.bulk_get(wanted, options)) as found:
        for place, row in enumerate(rows, 1):
            if place % REFUSED_A_TURN == 0:  # rows that are looked up come in turns anyway
                await sleep(0)
            if isinstance(row, Refused):
                error = {"id": row.doc_id, "rev": row.rev, "error": row.error.error, "reason": row.error.reason}
                text = encode(error)
                yield row.doc_id, [Failure(text, text)]
                continue
            entries = await anext(found)
            quoted = quote_id(row.doc_id)
            if entries:
                yield (
                    row.doc_id,
                    [entry if isinstance(entry, OpenedDoc) else _missing(quoted, entry.rev) for entry in entries],
                )
            else:
                text = b'{"id":%b,"rev":"undefined",%b}' % (quoted, MISSING)
                yield row.doc_id, [Failure(text, text)]


def _missing(doc_id: bytes, rev: Rev) -> Failure:
    text = b'"rev":%b,%b}' % (rev_json(rev), MISSING)
    return Failure(b'{"id":%b,%b' % (doc_id, text), b"{" + text)


async def _json(answers: Answers) -> AsyncGenerator[bytes]:
    before = b'{"results":['
    with Turns() as turns:
        async with aclosing(answers):
            async for doc_id, row in answers:
                texts = [b'%b{"id":%b,"docs":[' % (before, encode(doc_id))]
                for place, answer in enumerate(row):
                    comma = b"," if place else b""
                    if isinstance(answer, Failure):
                        texts.append(b'%b{"error":%b}' % (comma, answer.json))
                    elif not answer.rest:
                        texts.append(b'%b{"ok":%b}' % (comma, answer.json))
                    else:
                        yield b'%b%b{"ok":' % (b"".join(texts), comma)
                        texts = [b"}"]
                        async with aclosing(answer.stream()) as pieces:
                            async for piece in pieces:
                                yield piece
                    if turns.over():  # a row may have thousands of leaves
                        yield b"".join(texts)
                        texts = []
                        await turns.next()
                yield b"".join((*texts, b"]}"))
                before = b","
    yield b'{"results":[]}\n' if before != b"," else b"]}\n"


async def _multipart(writer: MultipartWriter, answers: Answers) -> AsyncGenerator[bytes]:
    with Turns() as turns:
        async with aclosing(answers):
            async for doc_id, row in answers:
                for answer in row:
                    if turns.over():
                        await turns.next()
                    if isinstance(answer, Failure):
                        yield writer.part(ERROR_TYPE) + answer.part
                        continue
                    document = RelatedDocument(answer, MultipartWriter("related", quoted=False))
                    headers = [("X-Doc-Id", header_text(str(doc_id))), ("X-Rev-Id", header_text(str(answer.rev)))]
                    yield writer.part(document.content_type, headers if document.multipart else ())
                    async with aclosing(document.pieces()) as pieces:
                        async for piece in pieces:
                            yield piece
    yield writer.end()
