"""The layout of the values of ``uploads``.

Owns the bytes of these rows. It must not know tables or transactions, nor the protocols that uploads are spoken in.
"""

from enum import IntEnum
from typing import NamedTuple

import msgspec

from docstore.core.attachment import Encoding
from docstore.core.rev import Rev


class UploadState(IntEnum):
    """How far an upload has come.

    ``RECEIVING``  bytes are appended
    ``RECEIVED``   all bytes are there and sealed; what is missing is the edit
    ``COMPLETED``  a revision has the attachment; the row only tells so
    """

    RECEIVING = 0
    RECEIVED = 1
    COMPLETED = 2


class Refusal(NamedTuple):
    """Why the last try to complete an upload was refused: the two words of the error."""

    error: str
    reason: str


class UploadRow(NamedTuple):
    """One resumable upload of an attachment.

    ``doc_id``, ``name``, ``content_type``  of the attachment that it becomes
    ``rev``       the revision that is to get it, None for a new document
    ``expires``   microseconds since 1970
    ``offset``    bytes that count: all before it are acknowledged for good
    ``length``    bytes that there will be, None where nobody has said so yet
    ``encoding``  how they are sent
    ``staging``   where they are; 0 once a revision has them
    ``md5``       what the digest of all bytes as sent must be, empty if anything goes
    ``metadata``  what the client wants to be told again, as it was sent
    ``refusal``   of the last completion
    ``result``    the revision that has the attachment; ``rev`` is then its parent
    """

    doc_id: str
    name: str
    content_type: str
    rev: Rev | None
    expires: int
    offset: int = 0
    length: int | None = None
    state: UploadState = UploadState.RECEIVING
    encoding: Encoding = None
    staging: int = 0
    md5: bytes = b""
    metadata: str = ""
    refusal: Refusal | None = None
    result: Rev | None = None


_read_upload = msgspec.msgpack.Decoder(UploadRow).decode


def encode_upload(row: UploadRow) -> bytes:
    """The value in ``uploads``: msgpack of an array."""
    return msgspec.msgpack.encode(row)


def decode_upload(value: bytes) -> UploadRow:
    """The upload of a value in ``uploads``."""
    return _read_upload(value)
