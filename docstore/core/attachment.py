"""Attachments: what a document says of them, what a revision knows of them, and how they are shown.

Owns the shapes of ``_attachments`` on the way in and out, and the rule by which a stub finds its attachment. It must
not know where the bytes are kept: to this module ``blob`` is a number. The words are those of CouchDB's ``couch_att``
and ``couch_doc:merge_stubs``. The way of an attachment into a revision::

    "_attachments": {"a": {...}}          parse_attachments
      Inline   bytes in base64      --+   the bytes are stored first
      Follows  bytes in a later part  +-> Linked --+
      Stub     "keep what you have"  -------------+-> resolve, with the attachments of the parent
                                                       -> Attachment, in the order of the document
"""

import binascii
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from docstore.core.json_text import JsonValue, encode_string
from docstore.core.revision_hash import NIL, attachments_term
from docstore.errors import AttachmentTooLarge, BadRequest, MissingStub
from docstore.settings import Limits

DEFAULT_CONTENT_TYPE: Final = "application/octet-stream"

Encoding: TypeAlias = Literal["gzip"] | None
"""How bytes are kept, or arrive; None is CouchDB's ``identity``."""

_COMPRESSIBLE = re.compile(
    r"\s*(?:text/.*|application/javascript|application/json|application/xml)(?:\s*;.*?)?\s*", re.ASCII | re.IGNORECASE
)
_WHITE_SPACE = str.maketrans("", "", " \t\r\n")
BASE64_QUANTUM: Final = 4


class Attachment(NamedTuple):
    """What a revision knows of one attachment.

    ``md5`` is that of the bytes as stored, ``length`` counts the plain bytes and ``encoded_length`` the stored ones;
    they differ where ``encoding`` is ``gzip``. ``revpos`` is the generation that brought the attachment. ``blob`` is
    the number under which the bytes are stored.
    """

    name: str
    content_type: str
    md5: bytes
    length: int
    encoded_length: int
    encoding: Encoding
    revpos: int
    blob: int

    @property
    def etag(self) -> str:
        """The entity tag, without quotes."""
        return b64encode(self.md5).decode()

    @property
    def digest(self) -> str:
        """The text of the ``digest`` member."""
        return f"md5-{self.etag}"


# --- what a document says ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inline:
    """An attachment whose plain bytes stand in the document. ``revpos`` counts in replicated revisions only."""

    name: str
    content_type: str
    data: bytes
    revpos: int = 0


@dataclass(frozen=True, slots=True)
class Stub:
    """An attachment that the parent has. ``revpos`` must be the parent's, where it is given."""

    name: str
    revpos: JsonValue | None = None
    has_revpos: bool = False


@dataclass(frozen=True, slots=True)
class Follows:
    """An attachment whose bytes come in a part of their own.

    ``length`` counts plain bytes, ``encoded_length`` those that are sent if ``encoding`` is ``gzip``; None where the
    sender does not tell. ``md5`` is that of the bytes as sent, empty where it does not tell.
    """

    name: str
    content_type: str
    length: int | None = None
    encoded_length: int | None = None
    encoding: Encoding = None
    md5: bytes = b""
    revpos: int = 0

    @property
    def expected_length(self) -> int | None:
        """How many bytes are to come."""
        return self.length if self.encoding is None else self.encoded_length


@dataclass(frozen=True, slots=True)
class Linked:
    """An attachment whose bytes are stored.

    ``fresh``: it comes with this edit, which therefore sets its ``revpos``. ``staging`` is the lease on the bytes that
    the edit takes over, 0 where there is none.
    """

    attachment: Attachment
    fresh: bool = False
    staging: int = 0

    @property
    def name(self) -> str:
        """The attachment's name."""
        return self.attachment.name


AttachmentSpec: TypeAlias = Inline | Stub | Follows | Linked
"""An attachment of a document that is to be written."""

EditAttachment: TypeAlias = Linked | Stub
"""An attachment of an edit: plain data, the bytes are stored."""


def parse_attachments(members: dict[str, JsonValue], limits: Limits) -> tuple[AttachmentSpec, ...]:
    """The attachments that the ``_attachments`` of a document name, in their order: Inline, Stub or Follows.

    As in CouchDB, a member that is no object is passed over. Raises BadRequest for data that are not base64, for
    lengths, types and encodings that cannot be, and for a name that begins with an underscore; AttachmentTooLarge.
    """
    specs = [_parse(name, member, limits) for name, member in members.items() if isinstance(member, dict)]
    for spec in specs:
        validate_name(spec.name)
    return tuple(specs)


def validate_name(name: str) -> str:
    """The name itself, if an attachment may have it. Raises BadRequest."""
    if name.startswith("_"):
        raise BadRequest(f"Attachment name '{name}' starts with prohibited character '_'")
    return name


def is_compressible(content_type: str) -> bool:
    """Whether attachments of this type are stored gzipped (CouchDB's default ``compressible_types``)."""
    return _COMPRESSIBLE.fullmatch(content_type) is not None


def _parse(name: str, member: dict[str, JsonValue], limits: Limits) -> Inline | Stub | Follows:
    if member.get("stub") is True:
        return Stub(name, member.get("revpos"), "revpos" in member)
    content_type = member.get("content_type", DEFAULT_CONTENT_TYPE)
    if not isinstance(content_type, str):
        raise BadRequest(f"Invalid attachment content type for {name}")
    revpos = _revpos(member.get("revpos"))
    spec: Inline | Follows
    if member.get("follows") is True:
        spec = _parse_follows(name, content_type, member, revpos)
        size = spec.expected_length
    else:
        spec = Inline(name, content_type, _decode_base64(name, member.get("data")), revpos)
        size = len(spec.data)
    if size is not None and size > limits.max_attachment_size:
        raise AttachmentTooLarge(name)
    return spec


def _parse_follows(name: str, content_type: str, member: dict[str, JsonValue], revpos: int) -> Follows:
    length = _count(name, member, "length")
    encoding = member.get("encoding", "identity")
    if encoding not in ("identity", "gzip"):
        raise BadRequest(f"Invalid attachment encoding for {name}")
    encoded_length = None
    if encoding == "gzip":
        encoded_length = _count(name, member, "encoded_length") if "encoded_length" in member else length
    digest = member.get("digest")
    md5 = b""
    if isinstance(digest, str) and digest.startswith("md5-"):
        try:
            md5 = binascii.a2b_base64(digest.removeprefix("md5-"), strict_mode=True)
        except ValueError:
            raise BadRequest(f"Invalid attachment digest for {name}") from None
    return Follows(name, content_type, length, encoded_length, "gzip" if encoding == "gzip" else None, md5, revpos)


def _revpos(value: JsonValue) -> int:
    """The generation that a replicated attachment came with; what cannot be one is passed over, as by CouchDB."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63 else 0


def _count(name: str, member: dict[str, JsonValue], what: str) -> int | None:
    value = member.get(what)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise BadRequest(f"Invalid attachment {what} for {name}")
    return value


def _decode_base64(name: str, data: JsonValue) -> bytes:
    """The bytes of base64, white space in it passed over as in CouchDB. Raises BadRequest."""
    decoded = None
    if isinstance(data, str):
        decoded = _strictly(data)
        if decoded is None:  # to look for white space, which there rarely is, takes longer than to decode
            decoded = _strictly(data.translate(_WHITE_SPACE))
    if decoded is None:
        raise BadRequest(f"Invalid attachment data for {name}")
    return decoded


def _strictly(text: str) -> bytes | None:
    if len(text) % BASE64_QUANTUM == 0:  # the decoder lets one mark too many pass
        with suppress(ValueError):
            return binascii.a2b_base64(text, strict_mode=True)
    return None


# --- what a revision gets ---------------------------------------------------------------------------------------


def resolve(
    doc_id: str, wanted: Sequence[EditAttachment], stored: Iterable[Attachment], generation: int
) -> tuple[Linked, ...]:
    """The attachments of a new revision of this ``generation`` whose parent has the ``stored`` ones.

    A stub takes over what the parent has under its name; a fresh attachment gets its ``revpos``. Raises MissingStub.
    """
    known = {attachment.name: attachment for attachment in stored}
    result: list[Linked] = []
    for one in wanted:
        if isinstance(one, Stub):
            found = known.get(one.name)
            if found is None or (one.has_revpos and not _same_number(one.revpos, found.revpos)):
                raise missing_stub(doc_id, one.name)
            result.append(Linked(found))
        elif one.fresh:
            result.append(Linked(one.attachment._replace(revpos=generation), staging=one.staging))
        else:
            result.append(one)
    return tuple(result)


def missing_stub(doc_id: str, name: str) -> MissingStub:
    """The error of a stub that finds nothing."""
    return MissingStub(f"Invalid attachment stub in {doc_id} for {name}")


def term_of(attachments: Sequence[EditAttachment]) -> bytes:
    """The external term of a revision's attachments, all of them stored and in the order of the document."""
    stored = [one.attachment for one in attachments if isinstance(one, Linked)]
    return attachments_term([(one.name, one.content_type, one.md5) for one in stored]) if stored else NIL


def _same_number(one: JsonValue, other: int) -> bool:
    return isinstance(one, int | float) and not isinstance(one, bool) and one == other


# --- as stored with a body --------------------------------------------------------------------------------------

_unpack = msgspec.msgpack.Decoder(tuple[Attachment, ...]).decode


def pack_attachments(attachments: Sequence[Attachment]) -> bytes:
    """The metadata that is stored with a revision's body: msgpack of an array per attachment; empty without any."""
    return msgspec.msgpack.encode(attachments) if attachments else b""


def unpack_attachments(metadata: bytes) -> tuple[Attachment, ...]:
    """The attachments of such metadata."""
    return _unpack(metadata) if metadata else ()


# --- as shown ---------------------------------------------------------------------------------------------------


class Shown(Enum):
    """What a reader gets of an attachment's bytes: nothing, base64 in place, or a part that follows."""

    STUB = b'"stub":true'
    DATA = b'"data":"'
    FOLLOWS = b'"follows":true'


def attachments_member(
    attachments: Sequence[Attachment], shown: Sequence[Shown] | None = None, *, encoding_info: bool = False
) -> tuple[bytes, ...]:
    """The text of the member ``"_attachments":{...}``, of a document that has some.

    Without ``shown`` all are stubs. The text is cut where data belong: piece, data of the first attachment that is
    shown as DATA, piece, and so on; so without any it is one piece.
    """
    pieces: list[bytes] = []
    parts: list[bytes] = [b'"_attachments":{']
    for place, one in enumerate(attachments):
        form = Shown.STUB if shown is None else shown[place]
        parts += (
            b"," if place else b"",
            encode_string(one.name),
            b':{"content_type":',
            encode_string(one.content_type),
            b',"revpos":%d,"digest":"md5-%b",' % (one.revpos, b64encode(one.md5)),
        )
        if form is Shown.DATA:
            parts.append(form.value)
            pieces.append(b"".join(parts))
            parts = [b'"']
        else:
            parts.append(b'"length":%d,%b' % (one.length, form.value))
        if encoding_info and one.encoding is not None:
            parts.append(b',"encoding":"gzip","encoded_length":%d' % one.encoded_length)
        parts.append(b"}")
    parts.append(b"}")
    pieces.append(b"".join(parts))
    return tuple(pieces)
