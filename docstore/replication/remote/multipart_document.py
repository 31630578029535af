"""A document and its attachments as one request body: ``multipart/related``.

Owns the order of parts, the length of the body, and the check of every attachment against its digest while it passes.
It holds no more of it than a piece. Follows ``couch_doc:doc_to_multi_part_stream``.
"""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from docstore.core.multipart import MultipartWriter, attachment_headers, header_text
from docstore.database.attachments.blob_reader import Inflation
from docstore.replication.errors import PeerBroken
from docstore.replication.peer import FetchedAttachment, FetchedDoc
from docstore.replication.remote.attached_text import emptied, inflated
from docstore.replication.remote.http_messages import JSON, Body

BOUNDARY_BYTES: Final = 16
MD5: Final = "md5-"
SLICE_BYTES: Final = 16 * 1024


def related_body(doc: FetchedDoc) -> Body:
    """The body of a PUT of a document whose attachments follow. It can be sent again: they are opened again."""
    boundary = secrets.token_hex(BOUNDARY_BYTES)
    writer = MultipartWriter("related", boundary)
    text = doc.text
    heads = [writer.part(JSON)]
    for one in doc.attachments:
        headers = attachment_headers(one.name, one.encoded_length, one.encoding)
        heads.append(writer.part(header_text(one.content_type), headers))
    end = writer.end()
    attached = [one.encoded_length for one in doc.attachments]
    lengths = [length for length in attached if length is not None]
    length = None
    if len(lengths) == len(attached):
        length = len(text) + sum(map(len, heads)) + len(end) + sum(lengths)

    async def pieces() -> AsyncGenerator[bytes]:
        yield heads[0] + text
        for head, attachment in zip(heads[1:], doc.attachments, strict=True):
            yield head
            async with aclosing(checked(attachment)) as stored:
                async for piece in stored:
                    yield piece
        yield end

    return Body(writer.content_type, length, pieces)


def without_empty_parts(doc: FetchedDoc) -> FetchedDoc:
    """The same document; attachments without bytes stand in its text.

    A CouchDB that gets a document whose parts are all empty answers after five minutes.
    """
    names = [one.name for one in doc.attachments if one.encoded_length == 0]
    if not names:
        return doc
    follows = tuple(one for one in doc.attachments if one.encoded_length != 0)
    text = emptied(doc.text, names)
    return FetchedDoc(doc.id, doc.rev, doc.deleted, text, attachments=follows, bulk=doc.bulk, complete=doc.complete)


def without_gzip(doc: FetchedDoc) -> FetchedDoc:
    """The same document, with attachments that are stored gzipped sent plain: for a peer that knows no gzip."""
    names = [one.name for one in doc.attachments if one.encoding is not None]
    if not names:
        return doc
    follows = tuple(one if one.encoding is None else _plain(one) for one in doc.attachments)
    text = inflated(doc.text, names)
    return FetchedDoc(doc.id, doc.rev, doc.deleted, text, attachments=follows, complete=doc.complete)


def _plain(attachment: FetchedAttachment) -> FetchedAttachment:
    async def inflate() -> AsyncGenerator[bytes]:
        inflation = Inflation()
        async with aclosing(checked(attachment)) as stored:
            async for piece in stored:
                for start in range(0, len(piece), SLICE_BYTES):
                    inflation.feed(piece[start : start + SLICE_BYTES])
                    while (plain := inflation.next()) is not None:
                        yield plain
        inflation.finish()

    return replace(attachment, digest="", encoded_length=attachment.length, encoding=None, open=inflate)


async def checked(attachment: FetchedAttachment) -> AsyncGenerator[bytes]:
    """The bytes of an attachment. Raises PeerBroken, before the last piece is given, if they are not those it names."""
    md5 = hashlib.md5(usedforsecurity=False)
    length = 0
    last = b""
    async with aclosing(attachment.open()) as pieces:
        async for piece in pieces:
            if last:
                yield last
            last = piece
            length += len(piece)
            md5.update(piece)
    right_length = attachment.encoded_length in (None, length)
    digest = attachment.digest
    right_digest = not digest.startswith(MD5) or digest == MD5 + b64encode(md5.digest()).decode()
    if not (right_length and right_digest):
        raise PeerBroken(f"The bytes of the attachment {attachment.name} are not those that the document tells of.")
    if last:
        yield last
