"""Resumable uploads of attachments: which protocol a request speaks, and what is the same in both.

Owns that choice, for the paths of attachments and of uploads. A request with ``Tus-Resumable`` speaks tus, one with
``Upload-Complete`` the IETF's draft; a PUT with neither is a plain one. An upload that was begun in one protocol may be
asked about in the other.
"""

from docstore.errors import MethodNotAllowed
from docstore.httpd.documents import attachments
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.httpd.uploads import draft as resumable_uploads
from docstore.httpd.uploads import tus
from docstore.httpd.uploads.requests import upload_id, uploads_of
from docstore.httpd.writing.idempotency import refuse_key
from docstore.httpd.writing.writes import Edit

NO_KEY = "A resumable upload has no Idempotency-Key: the upload itself can be asked what became of it."
ATTACHMENT_METHODS = "DELETE,GET,HEAD,PUT"


async def put_attachment(request: Request) -> Reply | Edit:
    """``PUT /{db}/{doc}/{path...}``: an attachment, by a resumable upload if the request offers one."""
    if resumable_uploads.is_creation(request):
        refuse_key(request, NO_KEY)
        return await resumable_uploads.create(request)
    return await attachments.put_attachment(request)


async def post_attachment(request: Request) -> Reply:
    """``POST /{db}/{doc}/{path...}``: a resumable upload. Raises MethodNotAllowed for anything else, as CouchDB."""
    if tus.speaks_tus(request):
        return await tus.create(request)
    if resumable_uploads.is_creation(request):
        return await resumable_uploads.create(request)
    request.database()
    raise MethodNotAllowed(ATTACHMENT_METHODS)


async def options(request: Request) -> Reply:
    """``OPTIONS`` of an attachment or of an upload: what is supported, and its limits."""
    request.database()
    headers = (
        *tus.discovery(request),
        ("Accept-Patch", f"{resumable_uploads.PARTIAL_UPLOAD}, {tus.OFFSET_STREAM}"),
        (resumable_uploads.LIMIT, resumable_uploads.limits_of(request)),
    )
    return Reply(204, content_type=None, headers=headers)


async def show(request: Request) -> Reply:
    """``GET`` and ``HEAD /{db}/_uploads/{uuid}``: how far the upload is."""
    if tus.speaks_tus(request) and request.method == "HEAD":
        return await tus.show(request)
    return await resumable_uploads.show(request)


async def append(request: Request) -> Reply:
    """``PATCH /{db}/_uploads/{uuid}``: more bytes."""
    return await (tus.append(request) if tus.speaks_tus(request) else resumable_uploads.append(request))


async def complete(request: Request) -> Reply:
    """``POST /{db}/_uploads/{uuid}``: complete an upload all of whose bytes are there."""
    return await resumable_uploads.complete(request)


async def cancel(request: Request) -> Reply:
    """``DELETE /{db}/_uploads/{uuid}``: forget an upload. A completed one keeps its attachment."""
    if tus.speaks_tus(request):
        return await tus.cancel(request)
    database, uuid = upload_id(request)
    uploads = uploads_of(request)
    async with uploads.queue.turn(uuid):
        await uploads.cancel(uploads.find(database, uuid))
    return Reply(204, content_type=None)
