"""Resumable uploads as the IETF has them: draft-ietf-httpbis-resumable-upload.

Owns the draft's headers and statuses; ``docs/uploads.md`` names the versions. It must not know how bytes are kept. Any
PUT or POST of an attachment that says ``Upload-Complete`` makes an upload. Replies that carry ``Upload-Complete: ?1``
come from the attachment, those with ``?0`` from the upload: so an upload that is received but refused for a conflict is
answered with 409 and ``?0``, since it can still be completed.
"""

import binascii
from collections.abc import Awaitable

from docstore.core.attachment import DEFAULT_CONTENT_TYPE
from docstore.core.json_text import JsonValue
from docstore.database.attachments.upload_queue import Turn
from docstore.database.attachments.upload_receiver import Upload
from docstore.errors import (
    BadRequest,
    Conflict,
    DigestMismatch,
    DocstoreError,
    InconsistentUploadLength,
    NotFound,
    OffsetMismatch,
    PreconditionFailed,
    TooLarge,
    UnsupportedMediaType,
    UploadCompleted,
)
from docstore.httpd.documents.attachments import content_encoding
from docstore.httpd.problems.details import upload_problem_reply
from docstore.httpd.problems.refusing import count_conflict, refused
from docstore.httpd.replies import Header, Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.uploads.requests import (
    NEW_REV,
    asked_rev,
    completed_reply,
    has_body,
    receive_body,
    require_no_body,
    target_of,
    upload_id,
    upload_url,
    uploads_of,
)
from docstore.httpd.wire.bodies import declared_length
from docstore.httpd.wire.interim import Interim
from docstore.httpd.wire.structured_fields import boolean_item, count_item
from docstore.storage.attachments.upload_rows import UploadState

COMPLETE = "Upload-Complete"
OFFSET = "Upload-Offset"
LENGTH = "Upload-Length"
LIMIT = "Upload-Limit"
PARTIAL_UPLOAD = "application/partial-upload"
NO_STORE = "no-store"


def is_creation(request: Request) -> bool:
    """Whether a PUT or POST of an attachment makes an upload."""
    return boolean_item(request.headers.get(COMPLETE)) is not None


def limits_of(request: Request, upload: Upload | None = None) -> str:
    """The value of ``Upload-Limit``: of an upload, or of one that would be made now."""
    uploads = uploads_of(request)
    age = int(uploads.lifetime) if upload is None else uploads.seconds_left(upload.row)
    return f"max-size={uploads.max_size}, max-age={age}"


async def create(request: Request) -> Reply:
    """``PUT`` or ``POST`` of an attachment with ``Upload-Complete``: an upload, and its first bytes or all of them."""
    return await _answered(request, None, _create(request))


async def append(request: Request) -> Reply:
    """``PATCH`` of an upload: more bytes, perhaps the last ones."""
    database, uuid = upload_id(request)
    uploads = uploads_of(request)
    async with uploads.queue.turn(uuid) as turn:
        upload = uploads.find(database, uuid)
        return await _answered(request, upload, _append(request, turn, upload))


async def complete(request: Request) -> Reply:
    """``POST`` of an upload, without a body: it becomes an attachment of a child of ``rev``.

    Said again after it was done, it is answered again.
    """
    database, uuid = upload_id(request)
    require_no_body(request)
    uploads = uploads_of(request)
    async with uploads.queue.turn(uuid):
        upload = uploads.find(database, uuid)
        row = upload.row
        rev = asked_rev(request, row.doc_id, row.name)
        if row.result is not None and row.rev == rev:
            return completed_reply(request, upload, row.result, headers=_state(upload, complete=True))
        if row.length is None and row.state is UploadState.RECEIVING:
            raise BadRequest(f"The upload has {row.offset} bytes so far, and nobody has said that these are all.")
        return await _answered(request, upload, _completed(request, upload, rev_given=True))


async def show(request: Request) -> Reply:
    """``HEAD`` or ``GET`` of an upload: how far it is. A GET tells more, as JSON."""
    database, uuid = upload_id(request)
    uploads = uploads_of(request)
    async with uploads.queue.turn(uuid):
        upload = uploads.find(database, uuid)
        row = upload.row
        headers = (
            *_state(upload, complete=row.state is UploadState.COMPLETED),
            *(() if row.length is None else ((LENGTH, str(row.length)),)),
            (LIMIT, limits_of(request, upload)),
            *(() if row.result is None else ((NEW_REV, str(row.result)),)),
        )
        if request.method == "HEAD":
            return Reply(204, content_type=None, headers=headers, cache_control=NO_STORE)
        body: dict[str, JsonValue] = {
            "id": row.doc_id,
            "name": row.name,
            "content_type": row.content_type,
            "parent": None if row.rev is None else str(row.rev),
            "offset": row.offset,
            "length": row.length,
            "complete": row.state is UploadState.COMPLETED,
            "rev": None if row.result is None else str(row.result),
            "expires_in": uploads.seconds_left(row),
        }
        if row.refusal is not None:
            body["refused"] = {"error": row.refusal.error, "reason": row.refusal.reason}
        reply = json_reply(body, headers=headers)
        reply.cache_control = NO_STORE
        return reply


# --- steps ------------------------------------------------------------------------------------------------------


async def _create(request: Request) -> Reply:
    target = target_of(request)
    is_all = boolean_item(request.headers.get(COMPLETE)) or False
    length = _length_told(request, 0, is_all=is_all)
    uploads = uploads_of(request)
    uploads.check_size(target.name, declared_length(request.raw))
    upload = await uploads.create(
        target.database,
        doc_id=target.doc_id,
        name=target.name,
        content_type=request.headers.get("Content-Type", DEFAULT_CONTENT_TYPE),
        rev=target.rev,
        length=length,
        encoding=content_encoding(request),
        md5=_content_md5(request) if is_all else b"",
    )
    url = upload_url(request, upload)
    here = (("Location", url), (LIMIT, limits_of(request, upload)))
    interim = Interim(request.raw)
    async with uploads.queue.turn(upload.uuid) as turn:
        try:
            interim.created(url, limits_of(request, upload))
            upload = await _receive(request, turn, upload, interim)
        except ConnectionError:
            if not interim.wanted:
                await uploads.cancel(upload)  # nobody has ever heard of it
            raise
        except DocstoreError as error:
            return await _refused(request, upload, error, here)
        if is_all:
            return await _answered(request, upload, _completed(request, upload), here)
        return json_reply({"ok": True}, 201, headers=(*here, *_state(upload, complete=False)))


async def _append(request: Request, turn: Turn, upload: Upload) -> Reply:
    is_all = boolean_item(request.headers.get(COMPLETE))
    offset = count_item(request.headers.get(OFFSET))
    if request.content_type != PARTIAL_UPLOAD:
        raise UnsupportedMediaType(f"Content-Type must be {PARTIAL_UPLOAD}")
    if offset is None or is_all is None:
        raise BadRequest(f"{OFFSET} and {COMPLETE} are needed.")
    row = upload.row
    if offset != row.offset:
        raise OffsetMismatch(row.offset)
    if row.state is not UploadState.RECEIVING and has_body(request):
        raise InconsistentUploadLength(f"The upload has {row.length} bytes, and all of them are there.")
    if row.state is UploadState.COMPLETED:
        raise UploadCompleted
    length = _length_told(request, offset, is_all=is_all)
    if length is not None:
        upload = await uploads_of(request).set_length(upload, length)
    if row.state is UploadState.RECEIVING:
        upload = await _receive(request, turn, upload, Interim(request.raw))
    if is_all:
        return await _completed(request, upload)
    return Reply(204, content_type=None, headers=_state(upload, complete=False))


async def _receive(request: Request, turn: Turn, upload: Upload, interim: Interim) -> Upload:
    """Append the body. Bytes beyond a limit that could not be foreseen end the upload, as the draft demands."""
    uploads = uploads_of(request)
    declared = declared_length(request.raw)
    length = upload.row.length
    if declared is not None and length is not None and upload.row.offset + declared > length:
        raise InconsistentUploadLength(f"The upload has {length} bytes, and here are more.")
    if declared is not None:
        uploads.check_size(upload.row.name, upload.row.offset + declared)
    try:
        async with uploads.receive(upload, on_durable=interim.progress) as receiver:
            await receive_body(request, turn, receiver)
    except (InconsistentUploadLength, TooLarge):
        await uploads.cancel(upload)
        raise
    return receiver.upload


async def _completed(request: Request, upload: Upload, *, rev_given: bool = False) -> Reply:
    """Complete the upload, with the revision that it was made for unless the request names one."""
    rev = asked_rev(request, upload.row.doc_id, upload.row.name)
    if rev is None and not rev_given:
        rev = upload.row.rev
    result = await uploads_of(request).complete(upload, rev, request.database().check, request.actor.name)
    return completed_reply(request, upload, result, headers=_state(upload, complete=True))


async def _answered(
    request: Request, upload: Upload | None, work: Awaitable[Reply], here: tuple[Header, ...] = ()
) -> Reply:
    try:
        return await work
    except DocstoreError as error:
        return await _refused(request, upload, error, here)


async def _refused(
    request: Request, upload: Upload | None, error: DocstoreError, here: tuple[Header, ...] = ()
) -> Reply:
    """The reply to an error, with what tells a client how to go on; ``here`` too, if the upload is still there."""
    now = None if upload is None else _reread(request, upload)
    headers: list[Header] = [] if now is None else list(here)
    members: dict[str, JsonValue] = {}
    if isinstance(error, OffsetMismatch):
        headers += [(COMPLETE, "?0"), (OFFSET, str(error.offset))]
        members = {"expected-offset": error.offset, "provided-offset": count_item(request.headers.get(OFFSET))}
    elif isinstance(error, Conflict | PreconditionFailed) and now is not None:
        headers += _state(now, complete=False)
    elif isinstance(error, InconsistentUploadLength | UploadCompleted | TooLarge):
        headers.append((COMPLETE, "?0"))
        if not any(name == LIMIT for name, _ in headers):
            headers.append((LIMIT, limits_of(request, now)))
    elif isinstance(error, DigestMismatch):
        headers.append((COMPLETE, "?1"))
    reply = upload_problem_reply(error, headers, members)
    if reply is None:
        return await refused(request, error, headers)
    if isinstance(error, Conflict):
        count_conflict(request, error)
    return reply


def _reread(request: Request, upload: Upload) -> Upload | None:
    """The upload as it is now; None if it was given up."""
    try:
        return uploads_of(request).find(upload.database, upload.uuid)
    except NotFound:
        return None


def _state(upload: Upload, *, complete: bool) -> tuple[Header, ...]:
    return (COMPLETE, "?1" if complete else "?0"), (OFFSET, str(upload.row.offset))


def _length_told(request: Request, offset: int, *, is_all: bool) -> int | None:
    """How many bytes the upload has according to the request; None if it does not tell.

    Raises InconsistentUploadLength if it tells twice, and not the same.
    """
    told = count_item(request.headers.get(LENGTH))
    declared = declared_length(request.raw)
    if declared is None and not request.raw.body_exists:
        declared = 0
    if declared is None:
        return told
    end = offset + declared
    if told is not None and (end > told or (is_all and end != told)):
        raise InconsistentUploadLength(f"{LENGTH} says {told} bytes, but the body ends at {end}.")
    return end if is_all else told


def _content_md5(request: Request) -> bytes:
    """The digest of all bytes that the client has told, empty if it has not. Raises BadRequest."""
    told = request.headers.get("Content-MD5")
    if told is None:
        return b""
    try:
        digest = binascii.a2b_base64(told, strict_mode=True)
    except ValueError:
        digest = b""
    if len(digest) != 16:
        raise BadRequest("Content-MD5 is not the base64 of an MD5 digest.")
    return digest
