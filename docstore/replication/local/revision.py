"""A stored revision of this process on its way to somebody.

Owns its two forms: itself, for a database of the same store, and text with attachments, for everybody else. The text is
made when it is asked for, so that the direct way pays nothing for it.
"""

from base64 import b64encode
from collections.abc import AsyncGenerator
from functools import partial

from docstore.core.attachment import Attachment, Shown, attachments_member
from docstore.core.document import revisions_member, splice
from docstore.core.rev import Rev
from docstore.database.attachments.blob_reader import read_plain
from docstore.database.reading.document_text import newest_generation
from docstore.database.reading.replica import Replica, StoredRevision
from docstore.replication.peer import FetchedAttachment, FetchedDoc

INLINE_BYTES = 64 * 1024
"""Attachments of a document travel within its text if they are not gzipped and take no more than this together."""


class LocalRevision:
    """A revision of a local peer. The target has the ``known`` ones."""

    __slots__ = ("_known", "replica", "stored")

    def __init__(self, replica: Replica, stored: StoredRevision, known: tuple[Rev, ...]) -> None:
        self.replica = replica
        self.stored = stored
        self._known = known

    @property
    def size(self) -> int:
        """About as many bytes as the text has."""
        inline = sum(one.length for one in self._needed()) if self.stored.attachments and self._is_inline() else 0
        return len(self.stored.body) + 40 * len(self.stored.path) + inline * 4 // 3

    def text(self) -> bytes:
        """The JSON text: with the bytes of attachments, if they are few, otherwise these follow."""
        stored = self.stored
        members = [revisions_member(stored.path)]
        if not stored.attachments:
            return splice(stored.id, stored.rev, stored.deleted, stored.body, members)
        needed = self._needed()
        form = Shown.DATA if self._is_inline() else Shown.FOLLOWS
        shown = [form if one in needed else Shown.STUB for one in stored.attachments]
        pieces = attachments_member(stored.attachments, shown, encoding_info=form is Shown.FOLLOWS)
        if form is Shown.DATA:
            pieces = (b"".join(_interleaved(pieces, [self._read(one) for one in needed])),)
        return splice(stored.id, stored.rev, stored.deleted, stored.body, [*members, *pieces])

    def attachments(self) -> tuple[FetchedAttachment, ...]:
        """Those that follow."""
        if not self.stored.attachments or self._is_inline():
            return ()
        return tuple(
            FetchedAttachment(
                one.name,
                one.content_type,
                one.revpos,
                one.digest,
                one.length,
                one.encoded_length,
                one.encoding,
                partial(self._open, one),
            )
            for one in self._needed()
        )

    def fetched(self, *, bulk: bool) -> FetchedDoc:
        """The revision as peers hand it on."""
        stored = self.stored
        complete = self._complete if self._known and stored.attachments else None
        return FetchedDoc(stored.id, str(stored.rev), stored.deleted, None, bulk=bulk, complete=complete, direct=self)

    async def _complete(self) -> FetchedDoc:
        return LocalRevision(self.replica, self.stored, ()).fetched(bulk=False)

    def _needed(self) -> tuple[Attachment, ...]:
        """The attachments that the target does not have."""
        if not self._known:
            return self.stored.attachments
        has = newest_generation(self.stored.path, self._known) or -1
        return tuple(one for one in self.stored.attachments if one.revpos > has)

    def _is_inline(self) -> bool:
        needed = self._needed()
        return all(one.encoding is None for one in needed) and sum(one.length for one in needed) <= INLINE_BYTES

    def _read(self, attachment: Attachment) -> bytes:
        with self.replica.environment.snapshot() as snapshot:
            return b64encode(read_plain(snapshot, attachment, INLINE_BYTES) or b"")

    def _open(self, attachment: Attachment) -> AsyncGenerator[bytes]:
        return self.replica.blobs.open(attachment).stored()  # which the revision's own hold keeps


def _interleaved(pieces: tuple[bytes, ...], data: list[bytes]) -> list[bytes]:
    result = [pieces[0]]
    for some, piece in zip(data, pieces[1:], strict=True):
        result += (some, piece)
    return result
