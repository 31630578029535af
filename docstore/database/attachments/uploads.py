"""Resumable uploads of attachments: created, appended to, completed, cancelled, expired.

Owns the steps of an upload above the write transaction, and its end. It must not know in which protocol a client
speaks. What is acknowledged is in the store, so it survives the process; what is kept here is only saved work (running
digests) and the order of requests (``queue``).

The revision is looked at when the upload is completed, not before. First the bytes are brought into the form in which
they are kept, which is that of a plain PUT: a type that is stored gzipped is gzipped from what was received, in a
thread; then one transaction writes the edit and completes the upload. If the edit is refused, the upload keeps its
bytes until it expires, and may be completed again with another revision.
"""

import logging
from asyncio import Task, create_task, gather, to_thread
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from docstore.core.attachment import Attachment, Encoding, Linked, is_compressible, validate_name
from docstore.core.authorship import Written
from docstore.core.edit import Edit
from docstore.core.rev import Rev
from docstore.database.attachments.blob_store import BlobStore
from docstore.database.attachments.edits import Attachments, edit_of
from docstore.database.attachments.staging import StagedBytes
from docstore.database.attachments.upload_queue import UploadQueue
from docstore.database.attachments.upload_receiver import RunningDigest, Upload, UploadReceiver, rewind
from docstore.database.background import recur
from docstore.database.commands import (
    AdoptUpload,
    BeginUpload,
    CancelUpload,
    CompleteUpload,
    EditDocuments,
    ExpireUploads,
    RefuseUpload,
    SealUpload,
    SetUploadLength,
)
from docstore.database.conflicts import attempts
from docstore.database.conflicts.attempts import Operation
from docstore.database.reading.at_once import in_thread
from docstore.database.write_gate import Check, submit_through
from docstore.errors import (
    AttachmentTooLarge,
    BytesGone,
    Conflict,
    DigestMismatch,
    DocstoreError,
    InconsistentUploadLength,
    NotFound,
    StorageFull,
    UploadCompleted,
)
from docstore.settings import Limits
from docstore.storage.attachments.upload_rows import Refusal, UploadRow, UploadState
from docstore.storage.attachments.uploads import bytes_there, find_expired, find_upload
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.writer import Writer

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

log = logging.getLogger(__name__)

EXPIRE_SECONDS: Final = 30.0
MAX_DIGESTS: Final = 1024
"""Uploads whose digests are kept running between requests; those of others are computed again in the end."""

NO_UPLOAD: Final = "There is no such upload, or it has expired."


class Uploads:
    """The uploads of one node.

    ``queue``   the turns of requests; all below is called within a turn of the upload, but ``create``
    ``counts``  what has happened since the node started: created, completed, conflicts, cancelled, expired, bytes
    """

    def __init__(
        self,
        environment: Environment,
        writer: Writer,
        blobs: BlobStore,
        *,
        clock: Callable[[], int],
        new_uuid: Callable[[], bytes],
        lifetime: float,
        limits: Limits,
    ) -> None:
        """``clock`` gives microseconds since 1970, ``new_uuid`` 16 bytes; ``lifetime`` is in seconds."""
        self.queue = UploadQueue()
        self.counts: Counter[str] = Counter()
        self.lifetime = lifetime
        self.max_size = limits.max_attachment_size
        self._environment = environment
        self._writer = writer
        self._blobs = blobs
        self._clock = clock
        self._new_uuid = new_uuid
        self._digests: OrderedDict[bytes, RunningDigest] = OrderedDict()
        self._expiry: Task[None] | None = None

    # --- finding

    def find(self, database: int, uuid: bytes) -> Upload:
        """An upload. Raises NotFound."""
        with self._environment.snapshot() as snapshot:
            row = find_upload(snapshot, database, uuid)
        if row is None or row.expires <= self._clock():
            raise NotFound(NO_UPLOAD)
        return Upload(database, uuid, row)

    def seconds_left(self, row: UploadRow) -> int:
        """How long an upload still lives, rounded up."""
        return max(-((self._clock() - row.expires) // 1_000_000), 0)

    # --- receiving

    async def create(
        self,
        database: int,
        *,
        doc_id: str,
        name: str,
        content_type: str,
        rev: Rev | None,
        length: int | None,
        encoding: Encoding = None,
        md5: bytes = b"",
        metadata: str = "",
    ) -> Upload:
        """A new upload of no bytes. Raises DatabaseNotFound, BadRequest for the name, AttachmentTooLarge."""
        validate_name(name)
        self.check_size(name, length)
        row = UploadRow(
            doc_id,
            name,
            content_type,
            rev,
            self._expires(),
            length=length,
            encoding=encoding,
            md5=md5,
            metadata=metadata,
        )
        uuid = self._new_uuid()
        await self._writer.submit(BeginUpload(database, uuid, row))
        self.counts["created"] += 1
        log.debug("upload %s begins: %r of %r", uuid.hex(), name, doc_id)
        return self.find(database, uuid)

    def check_size(self, name: str, length: int | None) -> None:
        """Raises AttachmentTooLarge."""
        if length is not None and length > self.max_size:
            raise AttachmentTooLarge(name)

    async def set_length(self, upload: Upload, length: int) -> Upload:
        """The client says how many bytes there will be. Raises InconsistentUploadLength, AttachmentTooLarge."""
        row = upload.row
        if row.length == length:
            return upload
        if row.length is not None or length < row.offset:
            known = f"at least {row.offset}" if row.length is None else row.length
            raise InconsistentUploadLength(f"The upload has {known} bytes, not {length}.")
        self.check_size(row.name, length)
        await self._writer.submit(SetUploadLength(upload.database, upload.uuid, length))
        return upload._replace(row=row._replace(length=length))

    @asynccontextmanager
    async def receive(
        self,
        upload: Upload,
        *,
        checksum: "Hash | None" = None,
        on_durable: Callable[[int], None] | None = None,
    ) -> AsyncGenerator[UploadReceiver]:
        """What appends the bytes of one request. They follow those that count; others are removed first."""
        with self._environment.snapshot() as snapshot:
            there = bytes_there(snapshot, upload.row)
        if there != upload.row.offset:
            await rewind(self._writer, upload)
        digest = self._digests.pop(upload.uuid, None)
        if not upload.row.offset:
            digest = RunningDigest()
        elif digest is not None and digest.offset != upload.row.offset:
            digest = None
        receiver = UploadReceiver(
            self._writer,
            upload,
            expires=self._expires,
            limit=self.max_size,
            digest=None if _is_gzipped_later(upload.row) else digest,
            checksum=checksum,
            on_durable=on_durable,
        )
        try:
            async with receiver:
                yield receiver
        finally:
            self.counts["bytes"] += receiver.durable - upload.row.offset
            if receiver.running_digest is not None:
                self._keep_digest(upload.uuid, receiver.running_digest)

    # --- the end

    async def complete(self, upload: Upload, rev: Rev | None, check: Check | None = None, by: str | None = None) -> Rev:
        """All bytes are there: make them an attachment of a child of ``rev``; that child. ``check`` may refuse it.

        ``by`` is the name of who completes it.

        Raises UploadCompleted, InconsistentUploadLength if bytes are missing, DigestMismatch (and forgets the upload),
        Conflict, DatabaseNotFound, and what a disk can do. After all of these but the first the bytes are still there.
        """
        if upload.row.state is UploadState.COMPLETED:
            raise UploadCompleted
        if upload.row.state is UploadState.RECEIVING:
            upload = await self._finish_bytes(upload)
        try:
            result = await self._edit(upload, rev, check, by)
        except Conflict:
            self.counts["conflicts"] += 1
            log.info("upload %s is complete, but the document has changed", upload.uuid.hex())
            raise
        self.counts["completed"] += 1
        log.debug("upload %s is revision %s", upload.uuid.hex(), result)
        return result

    async def cancel(self, upload: Upload) -> None:
        """Forget an upload; a completed one keeps its revision."""
        self._digests.pop(upload.uuid, None)
        if await self._writer.submit(CancelUpload(upload.database, upload.uuid)):
            self.counts["cancelled"] += 1

    async def expire(self) -> int:
        """Forget what has expired; how many. Where none are ended by a step, the next time is soon enough."""
        count = 0
        while True:
            now = self._clock()
            over = await in_thread(self._environment, partial(find_expired, now=now))
            ended = cast("int", await self._writer.submit(ExpireUploads(tuple(over), now))) if over else 0
            if not ended:
                break
            count += ended
        if count:
            self.counts["expired"] += count
            log.info("%d uploads have expired", count)
        return count

    async def start(self) -> None:
        """Look for expired uploads, now and from now on."""
        with suppress(StorageFull):
            await self.expire()
        self._expiry = create_task(
            recur("the expiry of resumable uploads", EXPIRE_SECONDS, self.expire), name="expiry of resumable uploads"
        )

    async def stop(self) -> None:
        """Leave the uploads for the next start."""
        task, self._expiry = self._expiry, None
        if task is not None:
            task.cancel()
            await gather(task, return_exceptions=True)

    def forget(self) -> None:
        """Compute digests anew: the bytes that uploads have received may be others by now."""
        self._digests.clear()

    # --- steps

    async def _finish_bytes(self, upload: Upload) -> Upload:
        """Bring the bytes into the form in which they are kept, and seal them."""
        row = upload.row
        if row.length is not None and row.offset != row.length:
            raise InconsistentUploadLength(f"The upload has {row.offset} of {row.length} bytes.")
        with self._environment.snapshot() as snapshot:
            there = bytes_there(snapshot, row)
        if there != row.offset:
            await rewind(self._writer, upload)
        received = await (self._gzip(upload) if _is_gzipped_later(row) else self._seal(upload))
        return upload._replace(row=received)

    async def _seal(self, upload: Upload) -> UploadRow:
        row = upload.row
        digest = self._digests.pop(upload.uuid, None)
        if digest is None or digest.offset != row.offset:
            digest = await self._digest_of(row)
        md5 = digest.md5.digest()
        await self._check_md5(upload, md5)
        command = SealUpload(upload.database, upload.uuid, row.offset, digest.sha256.digest(), md5)
        return cast("UploadRow", await self._writer.submit(command))

    async def _gzip(self, upload: Upload) -> UploadRow:
        row = upload.row
        sent = StagedBytes(row.staging, self._held_blob(row), row.offset, row.offset, None, b"", b"")
        packed = await self._blobs.compressed(sent)
        try:
            await self._check_md5(upload, packed.sent_md5)
            command = AdoptUpload(upload.database, upload.uuid, row.offset, packed.staging)
            return cast("UploadRow", await self._writer.submit(command))
        except DocstoreError:
            # Not after a cancellation, which does not keep the command from being carried out.
            await self._blobs.drop((packed.staging,))
            raise

    async def _check_md5(self, upload: Upload, md5: bytes) -> None:
        if upload.row.md5 not in (b"", md5):
            await self.cancel(upload)
            raise DigestMismatch

    async def _digest_of(self, row: UploadRow) -> RunningDigest:
        """The digests of bytes that were received by requests of which nothing is known any more."""
        digest = RunningDigest()
        blob = self._held_blob(row)
        with self._environment.snapshot():
            opened = self._blobs.open(Attachment("", "", b"", row.offset, row.offset, None, 0, blob))
        async with aclosing(opened.stored()) as pieces:
            async for piece in pieces:
                await to_thread(digest.update, piece)
        return digest

    async def _edit(self, upload: Upload, rev: Rev | None, check: Check | None, by: str | None) -> Rev:
        """Write the edit. A conflict is noted with the upload."""
        database, uuid, row = upload
        attachments = Attachments(database, self._environment, self._writer, self._blobs)
        try:
            document, hold = await attachments.with_attachment(row.doc_id, rev, self._linked(row))
        except Conflict as conflict:
            await self._note_conflict(upload, conflict)
            raise
        linked = tuple(one for one in document.attachments if isinstance(one, Linked))
        edit = edit_of(document, new_edits=True, attachments=linked)

        async def submit(edits: Sequence[Edit], design_seq: int | None, _: object) -> list[object]:
            written = Written(self._clock(), by)
            command = EditDocuments(database, tuple(edits), design_seq=design_seq, written=written)
            return [await self._writer.submit(CompleteUpload(uuid, command, self._expires()))]

        with hold:
            try:
                [answer] = await submit_through(check, [edit], submit, new_edits=True)
                if isinstance(answer, Conflict):  # of the gate; those of the command are noted by it
                    await self._note_conflict(upload, answer)
                if isinstance(answer, DocstoreError):
                    raise answer
            except Conflict as conflict:
                attempts.note(conflict, database, document, Operation.PUT_ATTACHMENT)
                raise
        return cast("Rev", answer)

    async def _note_conflict(self, upload: Upload, conflict: Conflict) -> None:
        refusal = Refusal(conflict.error, conflict.reason)
        await self._writer.submit(RefuseUpload(upload.database, upload.uuid, refusal))

    def _linked(self, row: UploadRow) -> Linked:
        found = self._blobs.find_staging(row.staging)
        if found is None or row.length is None:
            raise BytesGone
        encoding: Encoding = "gzip" if _is_gzipped_later(row) else row.encoding
        attachment = Attachment(
            row.name, row.content_type, found.blob.md5, row.length, found.blob.length, encoding, 0, found.row.blob
        )
        return Linked(attachment, fresh=True, staging=row.staging)

    def _held_blob(self, row: UploadRow) -> int:
        found = self._blobs.find_staging(row.staging)
        if found is None:
            raise BytesGone
        return found.row.blob

    def _keep_digest(self, uuid: bytes, digest: RunningDigest) -> None:
        self._digests[uuid] = digest
        if len(self._digests) > MAX_DIGESTS:
            self._digests.popitem(last=False)

    def _expires(self) -> int:
        return self._clock() + int(self.lifetime * 1_000_000)


def _is_gzipped_later(row: UploadRow) -> bool:
    """Whether what was sent plain is stored gzipped, as a plain PUT of this type would be."""
    return row.encoding is None and is_compressible(row.content_type)
