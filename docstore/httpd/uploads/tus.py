"""Resumable uploads as tus has them: version 1.0.0 of its protocol, with the extensions of ``EXTENSIONS``.

Owns the headers and statuses of tus (https://tus.io/protocols/resumable-upload). It must not know how bytes are kept. A
request speaks tus if it has ``Tus-Resumable``. The upload's URL is made by a POST to that of the attachment.

To a tus client an upload is done when its offset is its length. Here it is done when the attachment is there, and that
can fail for a conflict. So the request that brings the last bytes completes the upload; if that is refused it is
answered with 412, and so is every later HEAD. A HEAD that finds all bytes there without a verdict, because the server
was killed at that moment, completes the upload first.
"""

import hashlib
from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from docstore.core.attachment import DEFAULT_CONTENT_TYPE
from docstore.core.rev import Rev
from docstore.database.attachments.upload_queue import Turn
from docstore.database.attachments.upload_receiver import Upload
from docstore.errors import (
    BadRequest,
    ChecksumMismatch,
    Conflict,
    DocstoreError,
    InconsistentUploadLength,
    OffsetMismatch,
    PreconditionFailed,
    UnsupportedMediaType,
)
from docstore.httpd.problems.refusing import refused
from docstore.httpd.replies import Header, Reply
from docstore.httpd.request import Request
from docstore.httpd.uploads.requests import (
    NEW_REV,
    has_body,
    http_date,
    receive_body,
    target_of,
    upload_id,
    upload_url,
    uploads_of,
)
from docstore.httpd.wire.bodies import declared_length
from docstore.storage.attachments.upload_rows import UploadState

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

VERSION: Final = "1.0.0"
RESUMABLE: Final = ("Tus-Resumable", VERSION)
EXTENSIONS: Final = "creation,creation-with-upload,termination,checksum,expiration"
OFFSET_STREAM: Final = "application/offset+octet-stream"
CHECKSUM_ALGORITHMS: Final = ("sha1", "md5", "sha256", "sha512")
UNCOUNTABLE_DIGITS: Final = 19
UNCOUNTABLE: Final = 10 ** (UNCOUNTABLE_DIGITS - 1)
"""Stands for all numbers of bytes that have so many digits: more than any attachment has."""

TYPE_KEYS: Final = ("content_type", "filetype", "type")
"""Members of ``Upload-Metadata`` that name the attachment's content type; the first one that is there counts."""


def speaks_tus(request: Request) -> bool:
    """Whether a request is one of tus."""
    return "Tus-Resumable" in request.headers


def discovery(request: Request) -> tuple[Header, ...]:
    """What an OPTIONS is told of tus."""
    return (
        RESUMABLE,
        ("Tus-Version", VERSION),
        ("Tus-Extension", EXTENSIONS),
        ("Tus-Max-Size", str(uploads_of(request).max_size)),
        ("Tus-Checksum-Algorithm", ",".join(CHECKSUM_ALGORITHMS)),
    )


async def create(request: Request) -> Reply:
    """``POST`` of an attachment: an upload, perhaps with its first bytes."""
    return await _answered(request, _create)


async def show(request: Request) -> Reply:
    """``HEAD`` of an upload: its offset."""
    return await _answered(request, _show)


async def append(request: Request) -> Reply:
    """``PATCH`` of an upload: more bytes."""
    return await _answered(request, _append)


async def cancel(request: Request) -> Reply:
    """``DELETE`` of an upload."""
    return await _answered(request, _cancel)


# --- steps ------------------------------------------------------------------------------------------------------


async def _create(request: Request) -> Reply:
    target = target_of(request)
    headers = request.headers
    if "Upload-Concat" in headers or "Upload-Defer-Length" in headers:
        raise BadRequest(f"Of the extensions of tus these are supported: {EXTENSIONS}")
    length = _count(request, "Upload-Length")
    metadata = headers.get("Upload-Metadata", "")
    uploads = uploads_of(request)
    with_upload = has_body(request)
    if with_upload:
        _require_offset_stream(request)
    checksum = _checksum(request)
    upload = await uploads.create(
        target.database,
        doc_id=target.doc_id,
        name=target.name,
        content_type=_content_type(metadata),
        rev=target.rev,
        length=length,
        metadata=metadata,
    )
    here = ("Location", upload_url(request, upload))
    async with uploads.queue.turn(upload.uuid) as turn:
        try:
            if with_upload:
                upload = await _receive(request, turn, upload, checksum)
            rev = await _complete_if_received(request, upload)
        except ConnectionError:
            await uploads.cancel(upload)  # nobody has ever heard of it
            raise
        except DocstoreError as error:
            return await _refused(request, error, here)
        return Reply(201, content_type=None, headers=(here, *_state(upload, rev)))


async def _show(request: Request) -> Reply:
    database, uuid = upload_id(request)
    uploads = uploads_of(request)
    async with uploads.queue.turn(uuid):
        upload = uploads.find(database, uuid)
        row = upload.row
        _refuse_again(upload)
        rev = row.result or await _complete_if_received(request, upload)
        headers = _state(upload, rev)
        headers.append(("Upload-Defer-Length", "1") if row.length is None else ("Upload-Length", str(row.length)))
        if row.metadata:
            headers.append(("Upload-Metadata", row.metadata))
        return Reply(200, content_type=None, headers=headers, cache_control="no-store")


async def _append(request: Request) -> Reply:
    database, uuid = upload_id(request)
    _require_offset_stream(request)
    offset = _count(request, "Upload-Offset")
    checksum = _checksum(request)
    uploads = uploads_of(request)
    async with uploads.queue.turn(uuid) as turn:
        upload = uploads.find(database, uuid)
        row = upload.row
        _refuse_again(upload)
        if row.length is None:
            raise BadRequest("The length of this upload is not known; it was not made by tus.")
        if "Upload-Length" in request.headers and _count(request, "Upload-Length") != row.length:
            raise InconsistentUploadLength(f"The upload has {row.length} bytes; it was told so when it was made.")
        if offset != row.offset:
            raise OffsetMismatch(row.offset)
        declared = declared_length(request.raw)
        if declared is not None and offset + declared > row.length:
            raise InconsistentUploadLength(f"The upload has {row.length} bytes, and here are more.")
        if row.state is UploadState.RECEIVING:
            upload = await _receive(request, turn, upload, checksum)
        elif has_body(request):
            raise InconsistentUploadLength(f"The upload has {row.length} bytes, and all of them are there.")
        rev = row.result or await _complete_if_received(request, upload)
        return Reply(204, content_type=None, headers=_state(upload, rev))


async def _cancel(request: Request) -> Reply:
    database, uuid = upload_id(request)
    uploads = uploads_of(request)
    async with uploads.queue.turn(uuid):
        await uploads.cancel(uploads.find(database, uuid))
    return Reply(204, content_type=None)


async def _receive(request: Request, turn: Turn, upload: Upload, checksum: "tuple[Hash, bytes] | None") -> Upload:
    """Append the body. Raises ChecksumMismatch, and keeps nothing of it then."""
    hasher, expected = (None, b"") if checksum is None else checksum
    async with uploads_of(request).receive(upload, checksum=hasher) as receiver:
        await receive_body(request, turn, receiver)
        if hasher is not None:
            if hasher.digest() != expected:
                raise ChecksumMismatch
            await receiver.accept()
    return receiver.upload


async def _complete_if_received(request: Request, upload: Upload) -> Rev | None:
    """The revision that has the attachment, made now if all bytes are there; None if some are missing."""
    row = upload.row
    if row.offset != row.length:
        return None
    return await uploads_of(request).complete(upload, row.rev, request.database().check, request.actor.name)


def _refuse_again(upload: Upload) -> None:
    """Raises PreconditionFailed if the upload was refused for a conflict."""
    if upload.row.refusal is not None:
        raise PreconditionFailed(upload.row.refusal.reason, error=upload.row.refusal.error)


async def _answered(request: Request, work: Callable[[Request], Awaitable[Reply]]) -> Reply:
    """What ``work`` answers, or the reply to its error, with the header that all of tus has."""
    try:
        if request.headers["Tus-Resumable"] == VERSION:
            reply = await work(request)
        else:
            error = PreconditionFailed(f"Tus-Resumable must be {VERSION}.")
            reply = await refused(request, error, (("Tus-Version", VERSION),))
    except DocstoreError as refusal:
        reply = await _refused(request, refusal)
    reply.headers = (*reply.headers, RESUMABLE)
    return reply


async def _refused(request: Request, error: DocstoreError, *here: Header) -> Reply:
    """A conflict of revisions is no reason to try again, which 409 would be to a client of tus."""
    if isinstance(error, Conflict) and not isinstance(error, OffsetMismatch):
        attempt = error.attempt
        error = PreconditionFailed(error.reason, error=error.error)
        error.attempt = attempt
    told = (("Upload-Offset", str(error.offset)),) if isinstance(error, OffsetMismatch) else ()
    return await refused(request, error, (*told, *here))


def _state(upload: Upload, rev: Rev | None) -> list[Header]:
    headers = [("Upload-Offset", str(upload.row.offset)), ("Upload-Expires", http_date(upload.row.expires))]
    if rev is not None:
        headers.append((NEW_REV, str(rev)))
    return headers


# --- headers ----------------------------------------------------------------------------------------------------


def _require_offset_stream(request: Request) -> None:
    if request.content_type != OFFSET_STREAM:
        raise UnsupportedMediaType(f"Content-Type must be {OFFSET_STREAM}")


def _count(request: Request, name: str) -> int:
    """A number of bytes, ``UNCOUNTABLE`` for any that is larger. Raises BadRequest."""
    value = request.headers.get(name, "").strip()
    if not (value.isascii() and value.isdigit()):
        raise BadRequest(f"{name} must be a number of bytes.")
    digits = value.lstrip("0")
    return int(digits or "0") if len(digits) < UNCOUNTABLE_DIGITS else UNCOUNTABLE


def _checksum(request: Request) -> "tuple[Hash, bytes] | None":
    """What computes the checksum of the body, and what it must be. Raises BadRequest for one that cannot be checked."""
    told = request.headers.get("Upload-Checksum")
    if told is None:
        return None
    algorithm, _, digest = told.partition(" ")
    if algorithm not in CHECKSUM_ALGORITHMS:
        raise BadRequest(f"Upload-Checksum must be of {', '.join(CHECKSUM_ALGORITHMS)}.")
    try:
        return hashlib.new(algorithm, usedforsecurity=False), b64decode(digest, validate=True)
    except ValueError:
        raise BadRequest("Upload-Checksum is not base64.") from None


def _content_type(metadata: str) -> str:
    """The attachment's type according to ``Upload-Metadata``. Raises BadRequest if that cannot be read."""
    found: dict[str, str] = {}
    for pair in metadata.split(",") if metadata.strip() else ():
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = b64decode(value, validate=True).decode()
        except ValueError:
            raise BadRequest("Upload-Metadata must be keys and base64, with commas between them.") from None
    return next((found[key] for key in TYPE_KEYS if found.get(key)), DEFAULT_CONTENT_TYPE)
