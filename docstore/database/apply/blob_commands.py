"""What the commands about attachments' bytes do inside the write transaction.

Owns the step from a command to ``storage/attachments/staging.py`` and ``storage/attachments/garbage.py``, and what
edits need of blobs: the stored attachments of a revision, whether a blob may be named, the end of leases. It must not
know clients or clocks.
"""

from collections.abc import Iterable

from docstore.core.attachment import Attachment, Linked, pack_attachments, unpack_attachments
from docstore.core.edit import Edit
from docstore.core.rev import Rev
from docstore.database.commands import (
    AppendStaging,
    BeginStaging,
    CollectGarbage,
    DropStagings,
    ExpireStagings,
    SealStaging,
    StageBlobs,
)
from docstore.storage.attachments import blobs, garbage, staging
from docstore.storage.attachments.blob_rows import StagingRow
from docstore.storage.attachments.staging import Staged
from docstore.storage.documents.document_change import DocumentChange
from docstore.storage.documents.documents import get_body
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.rows import body_metadata, encode_body
from docstore.storage.tables import ReadTransaction

# --- commands ---------------------------------------------------------------------------------------------------


def begin(txn: GroupTransaction, command: BeginStaging) -> int:
    """Take the first bytes; the number of the staging."""
    return staging.begin(txn, StagingRow(command.expires, 0), command.data)


def append(txn: GroupTransaction, command: AppendStaging) -> int:
    """Put bytes at the end; the new end. Raises BytesGone, OffsetMismatch."""
    return staging.append(txn, command.staging, command.offset, command.data, command.expires)


def seal(txn: GroupTransaction, command: SealStaging) -> int:
    """Put the last bytes; the blob's number. Raises BytesGone, OffsetMismatch."""
    return staging.seal(txn, command.staging, command.offset, command.last, command.expires)


def stage(txn: GroupTransaction, command: StageBlobs) -> list[Staged]:
    """Take small blobs."""
    return staging.stage_whole(txn, command.blobs, command.expires)


def drop(txn: GroupTransaction, command: DropStagings) -> int:
    """Give up stagings; how many there were."""
    return staging.release(txn, command.stagings)


def expire(txn: GroupTransaction, command: ExpireStagings) -> int:
    """Give up stagings whose time is over; how many."""
    return staging.expire(txn, command.stagings, command.now, all_transient=command.all_transient)


def collect(txn: GroupTransaction, command: CollectGarbage) -> bool:
    """One step of the collector; True when nothing is left of the blobs named."""
    return garbage.collect(txn, command.blobs)


# --- within an edit ---------------------------------------------------------------------------------------------


def leaf_attachments(txn: ReadTransaction, change: DocumentChange, leaf: Rev) -> tuple[Attachment, ...]:
    """The attachments of a leaf, which may have been written in this very batch."""
    record = change.record
    seq = record.body_seq if record is not None and record.winner == leaf else change.tree(txn).nodes[leaf].seq
    body = change.bodies.get(seq) or get_body(txn, change.db, seq)
    return () if body is None else unpack_attachments(body_metadata(body))


def body_of(edit: Edit) -> bytes:
    """The value in ``bodies`` of an edit whose attachments are settled."""
    if not edit.attachments:
        return edit.body
    return encode_body(edit.body, pack_attachments([one.attachment for one in _linked(edit)]))


class Links:
    """The blobs that the edits of a batch name: read once before, their leases ended once after."""

    def __init__(self, txn: ReadTransaction, edits: Iterable[Edit]) -> None:
        named = {one.attachment.blob for edit in edits for one in _linked(edit)}
        self._sealed = blobs.sealed(txn, named) if named else set()
        self._taken: set[int] = set()

    def allow(self, edit: Edit) -> bool:
        """Whether all blobs that the edit brings are stored, complete, and not on their way out."""
        return all(one.attachment.blob in self._sealed for one in _linked(edit))

    def take(self, edit: Edit) -> None:
        """The edit went through: its body holds the blobs now."""
        self._taken.update(one.staging for one in _linked(edit) if one.staging)

    def end_leases(self, txn: GroupTransaction) -> None:
        """End the leases of what was taken, after the bodies were written."""
        if self._taken:
            staging.release(txn, self._taken)


def _linked(edit: Edit) -> list[Linked]:
    return [one for one in edit.attachments if isinstance(one, Linked)]
