"""``GET /{db}/{doc}?open_revs=``: several revisions of one document, as JSON or as multipart/mixed.

Owns the two shapes of the reply and the choice between them: multipart, unless the Accept header rules it out, so also
for a client that names no type (``chttpd_db:db_doc_req``, ``send_docs_multipart``).
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Literal

from docstore.core.answers import rev_json
from docstore.core.rev import Rev
from docstore.database.reading.bulk_reading import Found
from docstore.database.reading.documents import MissingRev, OpenOptions
from docstore.httpd.documents.related import RelatedDocument
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.httpd.wire.accept import accepts
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.multipart import MIXED, MultipartWriter
from docstore.httpd.wire.streaming import StreamReply

ERROR_TYPE = 'application/json; error="true"'
"""The type of a part that tells of an error instead of holding a document."""


async def open_revs_reply(
    request: Request, revs: Literal["all"] | Sequence[Rev], options: OpenOptions
) -> Reply | StreamReply:
    """The revisions asked for. Raises NotFound for "all" of no document.

    In multipart attachments come with their bytes, without ``atts_since`` all of them.
    """
    multipart = accepts(request.headers.get("Accept"), MIXED)
    if multipart:
        everything = options.atts_since is None
        options = replace(options, attachments=everything, follows=True, att_encoding_info=True)
    found = request.database().read_revs(request.doc_id, revs, options)
    if not multipart:
        return await chunked_reply(_json(found))
    writer = MultipartWriter("mixed")
    return await chunked_reply(_multipart(writer, found), content_type=writer.content_type, cache_control=None)


async def _json(found: AsyncGenerator[Found]) -> AsyncGenerator[bytes]:
    before = b"["
    async with aclosing(found):
        async for portion in found:
            texts: list[bytes] = []
            for entry in portion:
                texts.append(before)
                before = b","
                if isinstance(entry, MissingRev):
                    texts.append(_missing(entry))
                elif not entry.rest:
                    texts.append(b'{"ok":%b}' % entry.json)
                else:
                    yield b'%b{"ok":' % b"".join(texts)
                    texts = [b"}"]
                    async with aclosing(entry.stream()) as pieces:
                        async for piece in pieces:
                            yield piece
            yield b"".join(texts)
    yield b"[]\n" if before == b"[" else b"]\n"


async def _multipart(writer: MultipartWriter, found: AsyncGenerator[Found]) -> AsyncGenerator[bytes]:
    async with aclosing(found):
        async for portion in found:
            for entry in portion:
                if isinstance(entry, MissingRev):
                    yield writer.part(ERROR_TYPE) + _missing(entry)
                    continue
                document = RelatedDocument(entry)
                yield writer.part(document.content_type)
                async with aclosing(document.pieces()) as pieces:
                    async for piece in pieces:
                        yield piece
    yield writer.end()


def _missing(entry: MissingRev) -> bytes:
    return b'{"missing":%b}' % rev_json(entry.rev)
