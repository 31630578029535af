"""Documents whose attachments come along as parts: ``multipart/related``, in both directions.

Owns how a document and its attachments are put into one body, and read out of one while it arrives. It must not know
what becomes of the document. Follows ``couch_doc:doc_from_multi_part_stream`` and ``couch_httpd_multipart`` of CouchDB:

* The first part is the document. Each attachment with ``"follows": true`` has a part of its own, in the order in which
  ``_attachments`` names them; names and types in the parts' own headers count for nothing.
* On the way out attachments travel as they are stored, so gzipped ones with ``Content-Encoding``.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Self

from docstore.core.attachment import AttachmentSpec, Follows, Linked
from docstore.core.document import Document
from docstore.database.database import Database
from docstore.database.reading.documents import OpenedDoc
from docstore.errors import BadRequest, DigestMismatch, TooLarge, UnsupportedMediaType
from docstore.httpd.documents.bodies import document_from
from docstore.httpd.documents.replies import known_reply
from docstore.httpd.replies import JSON, Reply
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.memory import BODY, cost_of_json
from docstore.httpd.wire.multipart import MultipartWriter, attachment_headers, header_text
from docstore.httpd.wire.multipart_reader import MultipartReader
from docstore.httpd.wire.streaming import StreamReply

NOT_JSON = "Content-Type must be application/json"
NO_PARTS = "The multipart body has no part with the document."
TOO_LONG = "attachment longer than expected"
TOO_SHORT = "attachment shorter than expected"


class RelatedBody:
    """A request's body of a document and its attachments; an async context manager.

    ``read_document`` first, then ``receive``. When the context is left by an exception, what was received is dropped.
    """

    def __init__(self, request: Request, database: Database) -> None:
        """Raises UnsupportedMediaType for a body with a Content-Encoding, BadRequest for one without boundary."""
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType("A multipart body cannot have a Content-Encoding.")
        self._request = request
        self._database = database
        self._reader = MultipartReader(request.headers.get("Content-Type", ""), request.stream())
        self._received = AsyncExitStack()

    async def read_document(self, doc_id: str) -> Document:
        """The first part. Raises UnsupportedMediaType unless it is JSON, TooLarge, what ``parse_document`` raises."""
        headers = await self._reader.next_part()
        if headers is None:
            raise BadRequest(NO_PARTS)
        if headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise UnsupportedMediaType(NOT_JSON)
        limits = self._request.node.settings.limits
        text = bytearray()
        async for data in self._reader.data():
            await self._request.claim.take(len(data))
            text += data
            if len(text) > limits.max_request_body:
                raise TooLarge
        whole = bytes(text)
        await self._request.claim.take(await cost_of_json(whole) + BODY * len(whole))
        document = await document_from(whole, doc_id, limits)
        self._request.claim.keep(BODY * len(whole))  # attachments take any time to follow
        self._reader.expect_parts(1 + sum(isinstance(spec, Follows) for spec in document.attachments))
        return document

    async def receive(self, document: Document) -> Document:
        """The document with those attachments stored that follow.

        Raises BadRequest for a part that is missing, or longer or shorter than the document says; DigestMismatch,
        AttachmentTooLarge.
        """
        attachments: list[AttachmentSpec] = [
            await self._receive_part(spec) if isinstance(spec, Follows) else spec for spec in document.attachments
        ]
        await self._reader.next_part()  # there is none: this waits for the end
        return document._replace(attachments=tuple(attachments))

    async def _receive_part(self, spec: Follows) -> Linked:
        if await self._reader.next_part() is None:
            raise BadRequest(TOO_SHORT)
        expected = spec.expected_length
        limit = self._request.node.settings.limits.max_attachment_size
        staging = await self._received.enter_async_context(
            self._database.blobs.stage(spec.content_type, name=spec.name, encoding=spec.encoding, limit=limit)
        )
        async for data in self._reader.data():
            await staging.write(data)
            if expected is not None and staging.length > expected:
                raise BadRequest(TOO_LONG)
        if expected is not None and staging.length < expected:
            raise BadRequest(await self._mismatch(staging.length, expected))
        staged = await staging.seal()
        if spec.md5 and spec.md5 != staged.sent_md5:
            raise DigestMismatch
        plain_length = None if spec.encoding is None else spec.length
        return staged.linked(spec.name, spec.content_type, revpos=spec.revpos, length=plain_length)

    async def _mismatch(self, received: int, expected: int) -> str:
        """What CouchDB says of a part that is too short: its parts are one stream, in which the next ones follow."""
        while received < expected and await self._reader.next_part() is not None:
            async for data in self._reader.data():
                received += len(data)
        return TOO_LONG if received > expected else TOO_SHORT

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._received.__aexit__(kind, error, trace)


class RelatedDocument:
    """A revision as a body: its JSON alone, or in a multipart/related with the attachments that follow it.

    ``content_type`` and ``length`` are those of the body. ``multipart``: whether it is one.
    """

    def __init__(self, opened: OpenedDoc, writer: MultipartWriter | None = None) -> None:
        """``opened`` with ``follows``. A ``writer`` may be given for its boundary; nothing was written with it yet."""
        self._opened = opened
        self._heads: list[bytes] = []
        self._end = b""
        self.multipart = bool(opened.follows)
        self.content_type = JSON
        self.length = len(opened.json)
        if self.multipart:
            writer = writer or MultipartWriter("related")
            self.content_type = writer.content_type
            self._heads = [writer.part(JSON)]
            for attachment in opened.follows:
                meta = attachment.meta
                headers = attachment_headers(meta.name, meta.encoded_length, meta.encoding)
                self._heads.append(writer.part(header_text(meta.content_type), headers))
                self.length += meta.encoded_length
            self._end = writer.end()
            self.length += sum(map(len, self._heads)) + len(self._end)

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body."""
        if not self.multipart:
            yield self._opened.json
            return
        yield self._heads[0] + self._opened.json
        for head, attachment in zip(self._heads[1:], self._opened.follows, strict=True):
            yield head
            async with aclosing(attachment.stored()) as stored:
                async for piece in stored:
                    yield piece
            attachment.close()
        yield self._end


async def attached_reply(
    request: Request, opened: OpenedDoc, etag: str | None, *, multipart: bool
) -> Reply | StreamReply:
    """A revision with the bytes of its attachments, as multipart or within its JSON; 304 if the client has it."""
    known = known_reply(request, etag, opened.date)
    if known is not None:
        return known
    reply: Reply | StreamReply
    if multipart:
        body = RelatedDocument(opened)
        reply = StreamReply(
            body.pieces(), content_type=body.content_type, etag=etag, cache_control=None, length=body.length
        )
    else:
        reply = await chunked_reply(_with_line_end(opened), etag=etag)
    reply.date = opened.date
    return reply


async def _with_line_end(opened: OpenedDoc) -> AsyncGenerator[bytes]:
    async with aclosing(opened.stream()) as text:
        async for piece in text:
            yield piece
    yield b"\n"
