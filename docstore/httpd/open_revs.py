"""``GET /{db}/{doc}?open_revs=``: several revisions of one document, as JSON or as multipart/mixed.

Owns the two shapes of the reply and the choice between them: multipart, unless the Accept header rules it out, so also
for a client that names no type (``chttpd_db:db_doc_req``, ``send_docs_multipart``).
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from docstore.core.rev import Rev
from docstore.database.reading import MissingRev, OpenedDoc, OpenOptions
from docstore.httpd.accept import accepts
from docstore.httpd.chunking import chunked_reply, enclosed, in_turns
from docstore.httpd.document_replies import rev_json
from docstore.httpd.multipart import MultipartWriter
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.httpd.streaming import StreamReply

ERROR_TYPE = 'application/json; error="true"'
"""The type of a part that tells of an error instead of holding a document."""


async def open_revs_reply(
    request: Request, revs: Literal["all"] | Sequence[Rev], options: OpenOptions
) -> Reply | StreamReply:
    """The revisions asked for. Raises NotFound for "all" of no document."""
    found = request.database().open_revs(request.doc_id, revs, options)
    if not accepts(request.headers.get("Accept"), "multipart/mixed"):
        return await chunked_reply(in_turns(enclosed(b"[", map(_row, found), b"]\n")))
    writer = MultipartWriter("mixed")
    pieces = in_turns(_multipart(writer, found))
    return await chunked_reply(pieces, content_type=writer.content_type, cache_control=None)


def _row(entry: OpenedDoc | MissingRev) -> bytes:
    return b'{"ok":%b}' % entry.json if isinstance(entry, OpenedDoc) else _missing(entry)


def _multipart(writer: MultipartWriter, found: list[OpenedDoc | MissingRev]) -> Iterator[bytes]:
    for entry in found:
        if isinstance(entry, OpenedDoc):
            yield writer.part("application/json") + entry.json
        else:
            yield writer.part(ERROR_TYPE) + _missing(entry)
    yield writer.end()


def _missing(entry: MissingRev) -> bytes:
    return b'{"missing":%b}' % rev_json(entry.rev)
