"""What the requests of both upload protocols have in common.

Owns the way from a path to an upload, the reading of a body that another request may cut short, and the reply to an
upload that has become an attachment. It must not know the headers of either protocol.
"""

import binascii
from collections.abc import Sequence
from email.utils import formatdate
from typing import NamedTuple

from docstore.core.answers import written_json
from docstore.core.attachment import validate_name
from docstore.core.document import validate_doc_id
from docstore.core.rev import Rev
from docstore.database.attachments.upload_queue import Turn
from docstore.database.attachments.upload_receiver import Upload, UploadReceiver
from docstore.database.attachments.uploads import Uploads
from docstore.errors import BadRequest, NotFound
from docstore.httpd.params.conditions import chosen_parent
from docstore.httpd.params.documents import document_query
from docstore.httpd.replies import Header, Reply, location, raw_json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.bodies import declared_length, stream_body

UPLOADS = "_uploads"
UUID_DIGITS = 32
NEW_REV = "X-Couch-Update-NewRev"
"""CouchDB's header for a revision that a request has made."""


class Superseded(ConnectionResetError):
    """Another request for the same upload came; nobody waits for the answer to this one."""


class Target(NamedTuple):
    """What an upload becomes: the attachment ``name`` of a child of ``rev``."""

    database: int
    doc_id: str
    name: str
    rev: Rev | None


def target_of(request: Request) -> Target:
    """What a request to an attachment's path names. Raises as a plain PUT."""
    database = request.database()
    name = validate_name(request.rest)
    doc_id = validate_doc_id(request.doc_id, request.node.settings.limits)
    database.check_id(doc_id)
    return Target(database.number, doc_id, name, asked_rev(request, doc_id, name))


def asked_rev(request: Request, doc_id: str, name: str) -> Rev | None:
    """The revision that ``rev`` or If-Match names. Raises BadRequest, InvalidRev, PreconditionFailed.

    The request's condition need hold only now: whoever completes an upload names the revision that it changes, and a
    revision's attachments are what they are; without one there must be no document.
    """
    rev, condition = chosen_parent(request, document_query(request).options.rev)
    return request.database().attachment_parent(doc_id, name, rev, condition)


def upload_id(request: Request) -> tuple[int, bytes]:
    """The database's number and the upload's uuid in a path. Raises DatabaseNotFound, NotFound."""
    database = request.database()
    try:
        uuid = binascii.unhexlify(request.segments[2])
    except ValueError:
        raise NotFound from None
    if len(request.segments[2]) != UUID_DIGITS:
        raise NotFound
    return database.number, uuid


def upload_url(request: Request, upload: Upload) -> str:
    """Where an upload of the request's database lives."""
    return location(request.base_url, request.segments[0], UPLOADS, upload.uuid.hex())


def has_body(request: Request) -> bool:
    """Whether a body comes, or may come, that is not empty."""
    declared = declared_length(request.raw)
    return request.raw.body_exists if declared is None else declared > 0


def require_no_body(request: Request) -> None:
    """Raises BadRequest if a body comes."""
    if has_body(request):
        raise BadRequest("This request takes no body.")


def http_date(microseconds: int) -> str:
    """A time since 1970 as headers have it."""
    return formatdate(microseconds / 1_000_000, usegmt=True)


async def receive_body(request: Request, turn: Turn, receiver: UploadReceiver) -> None:
    """Append the body, durably.

    Raises Superseded if another request for the upload came, ConnectionError if the client left; what had come by then
    is kept.
    """
    if not await turn.until_ended(_append(request, receiver)):
        raise Superseded
    await receiver.flush()


async def _append(request: Request, receiver: UploadReceiver) -> None:
    async for piece in stream_body(request.raw):
        await receiver.write(piece)


def completed_reply(
    request: Request, upload: Upload, rev: Rev, *, status: int = 201, headers: Sequence[Header] = ()
) -> Reply:
    """What a plain PUT of the attachment is answered with."""
    row = upload.row
    url = location(request.base_url, request.segments[0], row.doc_id, row.name)
    return raw_json_reply(written_json(row.doc_id, rev), status, headers=(*headers, ("Location", url)))


def uploads_of(request: Request) -> Uploads:
    """The uploads of the node."""
    return request.node.uploads
