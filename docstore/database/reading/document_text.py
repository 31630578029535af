"""The JSON text of a stored document, attachments and all.

Owns what a reader is shown of a document's attachments: stubs, bytes in base64, or parts that follow. It must not know
which documents are read, nor HTTP. Follows ``couch_doc:to_json_obj``, ``couch_att:to_json`` and, for ``atts_since``,
``couch_db:apply_open_options``: an attachment is shown as a stub if a revision that the reader has is as new as it.

Where bytes follow as parts, an attachment without any stands in the text nevertheless (``"data":""``): a CouchDB that
replicates from here waits for five minutes for the parts of a document whose attachments are all empty.

Bytes that are small are read on the spot, from the same snapshot. Larger ones are left to be streamed: the text is then
cut at their places, and an ``OpenedAttachment`` stands there.
"""

from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Final, NamedTuple, TypeAlias, cast

from docstore.core.attachment import Attachment, Shown, attachments_member, unpack_attachments
from docstore.core.document import splice
from docstore.core.rev import Rev
from docstore.database.attachments.blob_reader import AT_ONCE_BYTES, OpenedAttachment, read_plain
from docstore.storage.rows import WITH_METADATA, decode_body
from docstore.storage.tables import ReadTransaction

OpenBlob: TypeAlias = Callable[[Attachment], OpenedAttachment]
Piece: TypeAlias = bytes | OpenedAttachment
Row: TypeAlias = bytes | tuple[Piece, ...]
"""The text of a row in a listing; cut where the bytes of attachments are to be streamed."""

NO_LIMIT: Final = 1 << 62


class AttachmentView(NamedTuple):
    """What a reader wants of attachments.

    ``data``  their bytes, for those newer than what the reader has; ``follows``  not in place but as parts
    ``reader_has``  the newest generation of the revision's path that the reader has, 0 for none; -1 if nobody asked.
                    (A replicated attachment may have the ``revpos`` 0.)
    ``encoding_info``  ``encoding`` and ``encoded_length``
    """

    data: bool = False
    follows: bool = False
    reader_has: int = -1
    encoding_info: bool = False

    def form_of(self, attachment: Attachment) -> Shown:
        """How the reader gets one: what has no bytes does not follow."""
        if not self.data or attachment.revpos <= self.reader_has:
            return Shown.STUB
        return Shown.FOLLOWS if self.follows and attachment.encoded_length else Shown.DATA


STUBS: Final = AttachmentView()


def listed_view(*, data: bool, encoding_info: bool) -> AttachmentView | None:
    """What a listing shows of attachments, None for stubs."""
    return AttachmentView(data=data, encoding_info=encoding_info) if data or encoding_info else None


class DocumentText(NamedTuple):
    """A document's text: ``json``, and where it is cut ``rest``. ``follows`` are the parts that belong to it.

    ``attached``: whether it has attachments at all.
    """

    json: bytes
    rest: tuple[Piece, ...] = ()
    follows: tuple[OpenedAttachment, ...] = ()
    attached: bool = False


def stub_text(doc_id: str, rev: Rev, deleted: bool, value: bytes, extra: Sequence[bytes] = ()) -> bytes:
    """The text of a document from its value in ``bodies``; attachments are stubs. ``extra`` as in ``splice``."""
    if value[0] != WITH_METADATA:
        return splice(doc_id, rev, deleted, value, extra)
    body, metadata = decode_body(value)
    return splice(doc_id, rev, deleted, body, [*extra, *attachments_member(unpack_attachments(metadata))])


def document_text(
    txn: ReadTransaction,
    doc_id: str,
    rev: Rev,
    deleted: bool,
    value: bytes,
    extra: Sequence[bytes],
    view: AttachmentView,
    open_blob: OpenBlob | None,
) -> DocumentText:
    """The text of a document from its value in ``bodies``.

    Without ``open_blob`` all bytes are read on the spot, however many, and there are no parts.
    """
    body, metadata = decode_body(value)
    if not metadata:
        return DocumentText(splice(doc_id, rev, deleted, body, extra))
    attachments = unpack_attachments(metadata)
    shown = [view.form_of(one) for one in attachments]
    first, *others = attachments_member(attachments, shown, encoding_info=view.encoding_info)
    if view.follows and open_blob is not None:
        text = splice(doc_id, rev, deleted, body, [*extra, b"".join([first, *others])])
        follows = [open_blob(one) for one, form in zip(attachments, shown, strict=True) if form is Shown.FOLLOWS]
        return DocumentText(text, follows=tuple(follows), attached=True)
    text = splice(doc_id, rev, deleted, body, [*extra, first])
    if not others:
        return DocumentText(text, attached=True)
    pieces: list[Piece] = [text[:-1]]  # without the brace that ends the document
    left = NO_LIMIT if open_blob is None else AT_ONCE_BYTES
    wanted = [one for one, form in zip(attachments, shown, strict=True) if form is Shown.DATA]
    for attachment, after in zip(wanted, others, strict=True):
        plain = read_plain(txn, attachment, left)
        if plain is None and open_blob is not None:
            pieces.append(open_blob(attachment))
        elif plain is not None:
            left -= len(plain)
            pieces.append(b64encode(plain))
        pieces.append(after)
    pieces.append(b"}")
    json, *rest = join_pieces(pieces)
    if not isinstance(json, bytes):
        raise TypeError("a text begins with bytes")
    return DocumentText(json, tuple(rest), attached=True)


def newest_generation(path: Iterable[Rev], known: Iterable[Rev]) -> int:
    """The generation of the newest revision of a path (newest first) that is among the known ones; 0 for none."""
    reader_has = set(known)
    return next((rev.generation for rev in path if rev in reader_has), 0)


def row_of(before: bytes, text: DocumentText, after: bytes) -> Row:
    """A row: a document's text, and what stands around it."""
    if not text.rest:
        return b"".join((before, text.json, after))
    return (before + text.json, *text.rest, after)


def row_size(row: Row) -> int:
    """How many bytes of a row are at hand."""
    return len(row) if isinstance(row, bytes) else sum(len(piece) for piece in row if isinstance(piece, bytes))


def join_rows(separator: bytes, rows: Sequence[Row]) -> list[Piece]:
    """Rows as one text, with separators between them; one piece, unless there are bytes to be streamed."""
    try:
        return [separator.join(cast("Sequence[bytes]", rows))]
    except TypeError:  # some row is cut
        pieces: list[Piece] = []
        for row in rows:
            pieces += (row, separator) if isinstance(row, bytes) else (*row, separator)
        return join_pieces(pieces[:-1])


async def stream_text(pieces: Iterable[Piece]) -> AsyncGenerator[bytes]:
    """The pieces of a text, the bytes of attachments read and in base64."""
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        left = b""
        async with aclosing(piece.decoded()) as plain:
            async for some in plain:
                data = left + some if left else some
                end = len(data) - len(data) % 3
                left = data[end:]
                yield b64encode(data[:end])
        yield b64encode(left)
        piece.close()


def join_pieces(pieces: Sequence[Piece]) -> list[Piece]:
    """The same pieces, neighbouring bytes joined."""
    result: list[Piece] = []
    texts: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            texts.append(piece)
        else:
            result += (b"".join(texts), piece)
            texts = []
    if texts:
        result.append(b"".join(texts))
    return result
