"""What the commands about resumable uploads do inside the write transaction.

Owns the step from a command to ``storage/attachments/uploads.py``, and how an upload and the edit that completes it go
together: either both are written or none, so that a server that is killed in between neither repeats an edit nor
forgets one. It must not know clients or clocks; how edits are carried out is handed in.
"""

from collections.abc import Callable
from typing import TypeAlias, cast

from docstore.core.rev import Rev
from docstore.database.commands import (
    AcceptUpload,
    AdoptUpload,
    AppendUpload,
    BeginUpload,
    CancelUpload,
    CompleteUpload,
    EditDocuments,
    ExpireUploads,
    RefuseUpload,
    RewindUpload,
    SealUpload,
    SetUploadLength,
)
from docstore.errors import Conflict, DocstoreError, NotFound
from docstore.storage.attachments import uploads
from docstore.storage.attachments.upload_rows import Refusal, UploadRow
from docstore.storage.databases import get_state
from docstore.storage.engine.transactions import GroupTransaction

EditAnswer: TypeAlias = Rev | DocstoreError
EditAll: TypeAlias = Callable[[GroupTransaction, int, list[EditDocuments]], list[object]]
"""Carries out commands of edits for one database; the answers of each."""


def begin(txn: GroupTransaction, command: BeginUpload) -> None:
    """Enter an upload. Raises DatabaseNotFound."""
    get_state(txn, command.database)
    uploads.begin(txn, command.database, command.uuid, command.row)


def append(txn: GroupTransaction, command: AppendUpload) -> int:
    """Put bytes at the end; the new end. Raises NotFound, OffsetMismatch."""
    return uploads.append(
        txn, command.database, command.uuid, command.offset, command.data, command.expires, trial=command.trial
    )


def accept(txn: GroupTransaction, command: AcceptUpload) -> None:
    """Bytes for trial count. Raises as ``append``."""
    uploads.accept(txn, command.database, command.uuid, command.offset)


def rewind(txn: GroupTransaction, command: RewindUpload) -> bool:
    """One step; True when no bytes for trial are left. Raises NotFound."""
    return uploads.rewind(txn, command.database, command.uuid)


def set_length(txn: GroupTransaction, command: SetUploadLength) -> None:
    """Note the length. Raises NotFound."""
    uploads.set_length(txn, command.database, command.uuid, command.length)


def seal(txn: GroupTransaction, command: SealUpload) -> UploadRow:
    """All bytes are there, as they are kept. Raises as ``append``."""
    return uploads.seal(txn, command.database, command.uuid, command.offset, command.sha256, command.md5)


def adopt(txn: GroupTransaction, command: AdoptUpload) -> UploadRow:
    """All bytes are there; they are kept as another staging has them. Raises as ``append``, BytesGone."""
    return uploads.adopt(txn, command.database, command.uuid, command.offset, command.staging)


def complete(txn: GroupTransaction, command: CompleteUpload, edit_all: EditAll) -> Rev | DocstoreError:
    """Carry out the edit; the upload is completed by it, or keeps in mind the conflict. Raises NotFound."""
    database = command.edit.database
    if uploads.find_upload(txn, database, command.uuid) is None:
        raise NotFound
    [answers] = cast("list[list[EditAnswer]]", edit_all(txn, database, [command.edit]))
    [answer] = answers
    if isinstance(answer, Rev):
        [edit] = command.edit.edits
        uploads.complete(txn, database, command.uuid, edit.parent, answer, command.expires)
        return answer
    if isinstance(answer, Conflict):
        uploads.refuse(txn, database, command.uuid, Refusal(answer.error, answer.reason))
    return answer


def refuse(txn: GroupTransaction, command: RefuseUpload) -> None:
    """Keep in mind why no revision took the attachment. Raises NotFound."""
    uploads.refuse(txn, command.database, command.uuid, command.refusal)


def cancel(txn: GroupTransaction, command: CancelUpload) -> bool:
    """Forget an upload; whether there was one."""
    return uploads.cancel(txn, command.database, command.uuid)


def expire(txn: GroupTransaction, command: ExpireUploads) -> int:
    """Forget uploads whose time is over; how many."""
    return uploads.expire(txn, command.uploads, command.now)
