"""One attachment of a document: GET, HEAD, PUT and DELETE of its own path.

Owns statuses, headers, conditions and ranges. How the bytes are kept, and what a PUT makes of the document, is the
database's. Follows ``chttpd_db:db_attachment_req`` of CouchDB, which passes over Content-MD5: the header is checked for
those who ask for it by ``Prefer: handling=strict`` (RFC 7240).

An attachment is sent as it is stored where the client takes that: plain, or gzipped for one of ``Accept-Encoding:
gzip``; otherwise it is inflated on the way. Only what is stored plain has ranges.
"""

from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import aclosing

from docstore.core.attachment import DEFAULT_CONTENT_TYPE, Attachment, Encoding, validate_name
from docstore.core.document import validate_doc_id
from docstore.core.partition import check_placed
from docstore.database.attachments.blob_reader import OpenedAttachment
from docstore.database.once import Once
from docstore.database.results import EditResult
from docstore.errors import AttachmentTooLarge, DigestMismatch, UnsupportedMediaType
from docstore.httpd.params.conditions import chosen_parent
from docstore.httpd.params.documents import document_query
from docstore.httpd.params.preferences import STRICT, handling, wants_explanation
from docstore.httpd.replies import Header, Reply, etag_matches, location, not_modified
from docstore.httpd.request import Request
from docstore.httpd.wire.accept import accepts_gzip
from docstore.httpd.wire.bodies import declared_length
from docstore.httpd.wire.multipart import MultipartWriter, header_text
from docstore.httpd.wire.ranges import ByteRange, requested_ranges
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.writing.writes import Edit, through

UNKNOWN_ENCODING = "Only gzip and identity content-encodings are supported"
SANDBOX = ("Content-Security-Policy", "sandbox")
"""A page that somebody attached runs no scripts in this server's origin."""


async def get_attachment(request: Request) -> Reply | StreamReply:
    """``GET /{db}/{doc}/{name...}``: the bytes, or some of them."""
    database = request.database()
    query = document_query(request)
    if database.partitioned:
        check_placed(request.doc_id)
    opened = database.open_attachment(request.doc_id, request.rest, query.options.rev)
    meta = opened.meta
    gzipped = accepts_gzip(request.headers.get("Accept-Encoding")) and meta.encoding is not None
    etag = meta.etag
    if etag_matches(request.if_none_match, etag):
        return not_modified(etag)
    length = _sent_length(meta, gzipped=gzipped)
    ranges = [] if length is None else requested_ranges(_range_header(request, etag), length)
    if meta.encoding is None and len(ranges) > 1:
        return _several_ranges(opened, ranges)
    headers: list[Header] = [("Accept-Ranges", "bytes" if meta.encoding is None else "none"), SANDBOX]
    pieces = opened.stored() if gzipped else opened.decoded()
    status = 200
    if meta.encoding is None and ranges:
        [part] = ranges
        status = 206
        headers.append(("Content-Range", part.content_range(meta.length)))
        pieces, length = opened.stored(part.first, part.length), part.length
    if gzipped:
        headers.append(("Content-Encoding", "gzip"))
    content_type = header_text(meta.content_type)
    return StreamReply(pieces, status=status, content_type=content_type, headers=headers, etag=etag, length=length)


async def put_attachment(request: Request) -> Edit:
    """``PUT /{db}/{doc}/{name...}``: the bytes as an attachment of the revision named, or of a new document."""
    database = request.database()
    name = validate_name(request.rest)
    encoding = content_encoding(request)
    rev, condition = chosen_parent(request, document_query(request).options.rev)
    limits = request.node.settings.limits
    doc_id = validate_doc_id(request.doc_id, limits)
    strict, explained = handling(request.raw.headers) == STRICT, wants_explanation(request.raw.headers)
    database.check_id(doc_id)
    if not explained:  # it is explained by the bytes, so they must come
        database.check_attachment_parent(doc_id, database.attachment_parent(doc_id, name, rev, condition))
    declared = declared_length(request.raw)
    if declared is not None and declared > limits.max_attachment_size:
        raise AttachmentTooLarge(name)
    content_type = content_type_of(request)
    headers = [("Location", location(request.base_url, request.segments[0], doc_id, name))]
    if strict:
        headers.append(("Preference-Applied", STRICT))

    async def write(once: Once | None) -> EditResult:
        async with database.blobs.stage(
            content_type, name=name, encoding=encoding, limit=limits.max_attachment_size
        ) as staging:
            async for piece in request.stream():
                await staging.write(piece)
            staged = await staging.seal()
            if strict and not _is_digest(request.headers.get("Content-MD5"), staged.sent_md5):
                raise DigestMismatch
            linked = staged.linked(name, content_type)
            return await through(once, database).put_attachment(doc_id, rev, linked, condition)

    return Edit(write, doc_id, 201, etag=False, location=False, headers=headers)


async def delete_attachment(request: Request) -> Edit:
    """``DELETE /{db}/{doc}/{name...}``: the revision named without the attachment, as a new one."""
    database = request.database()
    name = validate_name(request.rest)
    rev, condition = chosen_parent(request, document_query(request).options.rev)
    if database.partitioned:
        check_placed(request.doc_id)
    return Edit(
        lambda once: through(once, database).delete_attachment(request.doc_id, rev, name, condition),
        request.doc_id,
        200,
        etag=False,
        location=False,
    )


def content_type_of(request: Request) -> str:
    """The type that an attachment is stored with."""
    return request.headers.get("Content-Type", DEFAULT_CONTENT_TYPE)


def content_encoding(request: Request) -> Encoding:
    """How the bytes of a PUT come. Raises UnsupportedMediaType."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMediaType(UNKNOWN_ENCODING)
    return "gzip" if encoding == "gzip" else None


def _is_digest(header: str | None, md5: bytes) -> bool:
    """Whether a Content-MD5 header, if there is one, names these bytes."""
    return header is None or header.strip() == b64encode(md5).decode()


def _range_header(request: Request, etag: str) -> str | None:
    """The Range header, unless If-Range says that it was meant for other bytes (RFC 9110, 13.1.5)."""
    if request.headers.get("If-Range", f'"{etag}"') != f'"{etag}"':
        return None
    return request.headers.get("Range")


def _sent_length(meta: Attachment, *, gzipped: bool) -> int | None:
    """How many bytes are sent; None where nobody knows: those that came gzipped were never counted."""
    if gzipped:
        return meta.encoded_length
    return None if meta.encoding is not None and meta.length == meta.encoded_length else meta.length


def _several_ranges(opened: OpenedAttachment, ranges: list[ByteRange]) -> StreamReply:
    writer = MultipartWriter("byteranges")

    async def parts() -> AsyncGenerator[bytes]:
        meta = opened.meta
        for part in ranges:
            headers = (("Content-Range", part.content_range(meta.length)),)
            yield writer.part(header_text(meta.content_type), headers)
            async with aclosing(opened.stored(part.first, part.length)) as pieces:
                async for piece in pieces:
                    yield piece
        yield writer.end()

    return StreamReply(parts(), status=206, content_type=writer.content_type, cache_control=None)
