"""Writing revisions that come as text to a database of this process.

Owns the way from a document's text and its attachments to an edit, and which document is at fault when some are
refused. It must not know where the documents come from. It does what the server does with ``_bulk_docs`` and with a PUT
of multipart/related; attachments are stored while they arrive, in pieces.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Final, NamedTuple, TypeAlias

from docstore.core.attachment import AttachmentSpec, Follows, Linked
from docstore.core.document import DESIGN_PREFIX, Document, parse_document
from docstore.core.json_cost import is_for_a_thread
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import JsonValue, decode
from docstore.database.database import Database
from docstore.database.slices import SliceClock
from docstore.errors import (
    BadRequest,
    BytesGone,
    Conflict,
    DatabaseNotFound,
    DigestMismatch,
    DocstoreError,
    Forbidden,
    MissingStub,
    NotFound,
    PreconditionFailed,
    TooLarge,
    Unauthorized,
)
from docstore.query.errors import FunctionFailed
from docstore.replication.errors import PeerBroken, PeerNotFound, PeerUnreachable
from docstore.replication.patience import Patience
from docstore.replication.peer import FetchedAttachment, FetchedDoc, WriteFailure
from docstore.replication.together import together
from docstore.settings import Limits

Validate: TypeAlias = Callable[[dict[str, JsonValue], dict[str, JsonValue] | None], None]
"""What a validate function says of a new revision beside the present winner: raises Forbidden, Unauthorized, if no."""

OF_A_DOCUMENT: Final = (BadRequest, MissingStub, TooLarge)
"""Errors that are about a single document, though they refuse all that are written together."""

OF_A_REVISION: Final = (*OF_A_DOCUMENT, Forbidden, Unauthorized, Conflict, PreconditionFailed, FunctionFailed)
"""Errors that say no to a revision for good, a rule that fails on it among them, as between servers; all others are
about the store, and another attempt need not meet them."""

DATABASE_NOT_FOUND: Final = "db_not_found"
STREAMS_AT_ONCE: Final = 8
"""Documents with attachments that are being read at the same time."""

PORTION_DOCS: Final = 500
PORTION_BYTES: Final = 4 * 1024 * 1024


class _Parsed(NamedTuple):
    doc: FetchedDoc
    document: Document


class LocalWriter:
    """The writes to one database. ``patience`` gives the attempts to read a document's attachments."""

    def __init__(
        self, database: Database, limits: Limits, validate: Validate | None, patience: Callable[[], Patience]
    ) -> None:
        self._database = database
        self._limits = limits
        self._validate = validate
        self._patience = patience

    async def write(self, docs: Sequence[FetchedDoc]) -> list[WriteFailure]:
        """Write them; the failures. Raises what is wrong with the database, or with the source, as a whole."""
        failures: list[WriteFailure] = []
        if self._validate is not None:
            refused = await refusals(self._database, docs, self._validate)
            failures += refused.values()
            docs = [doc for doc in docs if (doc.id, doc.rev) not in refused]
        portion: list[_Parsed] = []
        streamed: list[_Parsed] = []
        size = 0
        clock = SliceClock()
        for doc in docs:
            try:
                parsed = _Parsed(doc, await self._parse(doc.text))
                self._database.check_id(parsed.document.id)
            except OF_A_DOCUMENT as error:
                failures.append(_failure(doc, error))
                continue
            (streamed if doc.attachments else portion).append(parsed)
            size += len(parsed.document.body)
            if size > PORTION_BYTES or len(portion) + len(streamed) == PORTION_DOCS:
                failures += await self._write_all(portion, streamed)
                portion, streamed, size = [], [], 0
            if clock.over:
                await asyncio.sleep(0)
                clock = SliceClock()
        return failures + await self._write_all(portion, streamed)

    async def _parse(self, text: bytes) -> Document:
        if not is_for_a_thread(text, self._limits):
            return self._read(decode(text, max_depth=self._limits.max_json_depth))
        large = await asyncio.to_thread(decode_in_slices, text, max_depth=self._limits.max_json_depth)
        return await asyncio.to_thread(self._read, large)

    def _read(self, members: JsonValue) -> Document:
        return parse_document(members, limits=self._limits, hashed=False)

    async def _write_all(self, portion: Sequence[_Parsed], streamed: Sequence[_Parsed]) -> list[WriteFailure]:
        failures = await self._write_portion(portion)
        for some in await together(STREAMS_AT_ONCE, self._write_streamed, streamed):
            failures += some
        return failures

    async def _write_portion(self, portion: Sequence[_Parsed]) -> list[WriteFailure]:
        """Write documents that are complete; each half by itself if one of them refuses all."""
        if not portion:
            return []
        try:
            results = await self._database.update_docs([one.document for one in portion], new_edits=False)
        except OF_A_DOCUMENT as error:
            if len(portion) > 1:
                middle = len(portion) // 2
                return await self._write_portion(portion[:middle]) + await self._write_portion(portion[middle:])
            return await self._write_refused(portion[0].doc, error)
        return [
            failure_of(one.doc.id, one.doc.rev, result.error)
            for one, result in zip(portion, results, strict=True)
            if result.error is not None
        ]

    async def _write_refused(self, doc: FetchedDoc, error: DocstoreError) -> list[WriteFailure]:
        """A document alone was refused: perhaps it only lacks attachments that the database was thought to have."""
        if not isinstance(error, MissingStub) or doc.complete is None:
            return [_failure(doc, error)]
        complete = await doc.complete()
        if isinstance(complete, FetchedDoc):
            return await self.write([complete])
        return [WriteFailure(doc.id, doc.rev, complete.error, complete.reason)]

    # --- documents whose attachments follow

    async def _write_streamed(self, parsed: _Parsed) -> list[WriteFailure]:
        """Write one. What is wrong with its attachments is its failure, once they were read often enough."""
        doc, document = parsed
        patience = self._patience()
        while True:
            try:
                await self._write_with_attachments(doc, document)
            except (PeerUnreachable, PeerBroken, DigestMismatch) as error:
                try:
                    await patience.again(error)
                except (PeerBroken, DigestMismatch):
                    return [_failure(doc, error)]
            except PeerNotFound as error:
                if error.error == DATABASE_NOT_FOUND:
                    raise
                return [_failure(doc, error)]  # the revision has gone from the source; its successor is still to come
            except OF_A_DOCUMENT as error:
                return await self._write_refused(doc, error)
            except OF_A_REVISION as error:
                return [_failure(doc, error)]
            else:
                return []

    async def _write_with_attachments(self, doc: FetchedDoc, document: Document) -> None:
        follow = {one.name: one for one in doc.attachments}
        async with AsyncExitStack() as received:
            attachments: list[AttachmentSpec] = []
            for spec in document.attachments:
                if isinstance(spec, Follows) and spec.name in follow:
                    attachments.append(await self._receive(spec, follow[spec.name], received))
                else:
                    attachments.append(spec)
            linked = document._replace(attachments=tuple(attachments))
            [result] = await self._database.update_docs([linked], new_edits=False)
            if result.error is not None:
                raise result.error

    async def _receive(self, spec: Follows, attachment: FetchedAttachment, received: AsyncExitStack) -> Linked:
        """Store an attachment while it arrives. Raises DigestMismatch, AttachmentTooLarge, and what ``open`` does."""
        limit = self._limits.max_attachment_size
        staging = await received.enter_async_context(
            self._database.blobs.stage(spec.content_type, name=spec.name, encoding=spec.encoding, limit=limit)
        )
        async with aclosing(attachment.open()) as pieces:
            async for piece in pieces:
                await staging.write(piece)
        if spec.expected_length not in (None, staging.length):
            raise DigestMismatch(f"The attachment {spec.name} is not as long as it is said to be.")
        staged = await staging.seal()
        if spec.md5 and spec.md5 != staged.sent_md5:
            raise DigestMismatch
        plain_length = None if spec.encoding is None else spec.length
        return staged.linked(spec.name, spec.content_type, revpos=spec.revpos, length=plain_length)


async def refusals(
    database: Database, docs: Sequence[FetchedDoc], validate: Validate
) -> dict[tuple[str, str], WriteFailure]:
    """What ``validate`` refuses, by id and revision. Design documents are not asked about."""
    refused: dict[tuple[str, str], WriteFailure] = {}
    clock = SliceClock()
    for doc in docs:
        if doc.id.startswith(DESIGN_PREFIX):
            continue
        try:
            validate(members_of(doc.text) or {}, stored_members(database, doc.id))
        except (Forbidden, Unauthorized) as error:
            refused[doc.id, doc.rev] = _failure(doc, error)
        if clock.over:
            await asyncio.sleep(0)
            clock = SliceClock()
    return refused


def stored_members(database: Database, doc_id: str) -> dict[str, JsonValue] | None:
    """A document, None if there is none. Raises DatabaseNotFound."""
    try:
        return members_of(database.open_doc(doc_id).json)
    except DatabaseNotFound:
        raise
    except NotFound:
        return None


def members_of(text: bytes) -> dict[str, JsonValue] | None:
    """The members of a JSON object."""
    value = decode(text)
    return value if isinstance(value, dict) else None


def failure_of(doc_id: str, rev: str, error: DocstoreError) -> WriteFailure:
    """What is told of a revision that was not written. Raises the error if it is not about the revision.

    Bytes that went before they were linked are as good as a revision that the source does not give: it is asked for
    again, and no checkpoint passes over it while the source has it.
    """
    if isinstance(error, BytesGone):
        return WriteFailure(doc_id, rev, NotFound.error, error.reason)
    if not isinstance(error, OF_A_REVISION):
        raise error
    return WriteFailure(doc_id, rev, error.error, error.reason)


def _failure(doc: FetchedDoc, error: DocstoreError) -> WriteFailure:
    return WriteFailure(doc.id, doc.rev, error.error, error.reason)
