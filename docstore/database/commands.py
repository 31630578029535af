"""Commands: everything that changes the store, as plain, serialisable data.

Owns the shape of each command. A command carries whatever its execution may not find out for itself: ids, uuids and
the time (``now``, microseconds since 1970). It holds no closure, no transaction and no open file, so it could cross to
another process. It must not know how it is applied: ``updater.py`` says that.
"""

from dataclasses import dataclass
from typing import Final

from docstore.core.answers import RefusedEdit
from docstore.core.authorship import Written
from docstore.core.conditions import Condition
from docstore.core.edit import Edit
from docstore.core.resolution import Resolution
from docstore.core.rev import Rev
from docstore.settings import KIB
from docstore.storage.attachments.staging import WholeBlob
from docstore.storage.attachments.upload_rows import Refusal, UploadRow

EDIT_COST: Final = 2 * KIB
"""What the work of one edit counts beside its bytes: a group commit of 8,000 small ones is long enough."""


class _OfBytes:
    """A command that is as large as its ``data``."""

    __slots__ = ()
    data: bytes

    @property
    def cost(self) -> int:
        """Bytes of data, for the size of a group commit."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class EditDocuments:
    """Edits of documents of one database, interactive or replicated (``new_edits=False``).

    An edit that goes through takes over the leases that its attachments name; one that fails leaves them.
    ``design_seq``  up to where design documents were looked at when the edits were checked; None: they were not. If a
    design document changed after that, nothing is written, and every edit's result is RulesChanged.
    ``refusals``  of edits that are here only for the reply, which is made of all results
    ``written``   who writes, and when; None: the revisions were made elsewhere, and nobody knows
    ``max_work``, unless 0, bounds the work of the command (``edit_work.py``). Edits beyond are not looked at, but at
    least one is; of a ``whole`` command all are, or it is refused with TooLarge.
    Result: one ``Rev | DocstoreError`` per edit, in the order of ``edits``; None for one that was not looked at.
    """

    database: int
    edits: tuple[Edit, ...]
    new_edits: bool = True
    max_work: int = 0
    whole: bool = False
    design_seq: int | None = None
    refusals: tuple[RefusedEdit, ...] = ()
    written: Written | None = None

    @property
    def cost(self) -> int:
        """Bytes of the bodies, and the edits as so many bytes more, for the size of a group commit."""
        return EDIT_COST * len(self.edits) + sum([len(edit.body) for edit in self.edits])


@dataclass(frozen=True, slots=True)
class ResolveDocuments:
    """Resolve conflicts, each document for itself. Leases and what has a name there are as of EditDocuments.

    Result: RulesChanged, or one ``Resolved | DocstoreError`` for each, in order.
    """

    database: int
    resolutions: tuple[Resolution, ...]
    design_seq: int | None = None
    refusals: tuple[RefusedEdit, ...] = ()
    written: Written | None = None

    @property
    def cost(self) -> int:
        """Bytes of the bodies, for the size of a group commit."""
        return sum(len(one.result.body) for one in self.resolutions if one.result is not None)


@dataclass(frozen=True, slots=True)
class PutLocal:
    """Write a ``_local`` document as revision ``0-number``. Result: that number, or ``told``; PreconditionFailed.

    ``told`` is the revision that a replicator is told instead: the one that it sent.
    """

    database: int
    doc_id: str
    number: int
    body: bytes
    condition: Condition | None = None
    told: Rev | None = None

    @property
    def cost(self) -> int:
        """Bytes of the body, for the size of a group commit."""
        return len(self.body)


@dataclass(frozen=True, slots=True)
class DeleteLocal:
    """Remove a ``_local`` document. Result: whether there was one, or ``told`` as of PutLocal; PreconditionFailed."""

    database: int
    doc_id: str
    condition: Condition | None = None
    told: Rev | None = None


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    """Enter a name, if there are less than ``most`` (0: any). Result: its ``DatabaseRow``. ``security`` or empty."""

    name: str
    uuid: str
    now: int
    shards: int
    revs_limit: int
    purged_infos_limit: int
    partitioned: bool = False
    security: bytes = b""
    most: int = 0


@dataclass(frozen=True, slots=True)
class DeleteDatabase:
    """Remove a name; what it held is swept later. Result: the number that the name stood for."""

    name: str


@dataclass(frozen=True, slots=True)
class SweepDatabase:
    """Remove one portion of a deleted database. Result: True when nothing is left."""

    number: int


@dataclass(frozen=True, slots=True)
class CompactDatabase:
    """Stem and drop superseded bodies of some documents, from sequence ``after`` on.

    Result: where to go on, None at the end.
    """

    database: int
    after: int


@dataclass(frozen=True, slots=True)
class MakeDurable:
    """Let everything up to here survive a power cut, whatever the durability. It changes no row. Result: None."""


@dataclass(frozen=True, slots=True)
class SetSecurity:
    """Replace the security object by this JSON text. Result: None; PreconditionFailed."""

    database: int
    security: bytes
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class SetRevsLimit:
    """Replace ``_revs_limit``. Result: None."""

    database: int
    limit: int


@dataclass(frozen=True, slots=True)
class SetPurgedInfosLimit:
    """Replace ``_purged_infos_limit``. Result: False while more of the log is beyond it than one step removes."""

    database: int
    limit: int


@dataclass(frozen=True, slots=True)
class PurgeRequest:
    """Leaves of one document to be forgotten."""

    uuid: str
    doc_id: str
    revs: tuple[Rev, ...]


@dataclass(frozen=True, slots=True)
class Purge:
    """Forget leaves of documents. Result: per request, the revisions that were removed."""

    database: int
    requests: tuple[PurgeRequest, ...]


@dataclass(frozen=True, slots=True)
class BeginStaging(_OfBytes):
    """Take the first bytes of a blob. ``expires``: microseconds since 1970. Result: the number of the staging."""

    expires: int
    data: bytes


@dataclass(frozen=True, slots=True)
class AppendStaging(_OfBytes):
    """Put bytes at ``offset``, which must be the end. Result: the new end; or BytesGone, OffsetMismatch."""

    staging: int
    offset: int
    data: bytes
    expires: int


@dataclass(frozen=True, slots=True)
class SealStaging:
    """Put the last bytes at ``offset``; the digests are of all bytes. Result: the blob's number; errors as above."""

    staging: int
    offset: int
    last: WholeBlob
    expires: int

    @property
    def cost(self) -> int:
        """Bytes of data, for the size of a group commit."""
        return len(self.last.data)


@dataclass(frozen=True, slots=True)
class StageBlobs:
    """Take small blobs, all in one. Result: a ``Staged`` for each."""

    blobs: tuple[WholeBlob, ...]
    expires: int

    @property
    def cost(self) -> int:
        """Bytes of data, for the size of a group commit."""
        return sum(len(blob.data) for blob in self.blobs)


@dataclass(frozen=True, slots=True)
class DropStagings:
    """Give up what these stagings hold. Result: how many there were."""

    stagings: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExpireStagings:
    """End those of these leases that have expired by ``now``, and if so those that are not resumable.

    Which they are was found before: a write transaction looks through no table. Result: how many.
    """

    stagings: tuple[int, ...]
    now: int
    all_transient: bool = False


@dataclass(frozen=True, slots=True)
class CollectGarbage:
    """Remove a portion of these blobs, as far as nothing holds them. Result: True when nothing of them is left."""

    blobs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BeginUpload:
    """Enter a resumable upload of no bytes yet. Result: None."""

    database: int
    uuid: bytes
    row: UploadRow


@dataclass(frozen=True, slots=True)
class AppendUpload(_OfBytes):
    """Put bytes at ``offset``, which must be the end; for ``trial`` they do not count yet. Result: the new end.

    Errors: NotFound, OffsetMismatch.
    """

    database: int
    uuid: bytes
    offset: int
    data: bytes
    expires: int
    trial: bool = False


@dataclass(frozen=True, slots=True)
class AcceptUpload:
    """The bytes for trial count from now on, up to ``offset``, the end. Result: None; errors as above."""

    database: int
    uuid: bytes
    offset: int


@dataclass(frozen=True, slots=True)
class RewindUpload:
    """Remove a portion of the bytes for trial. Result: True when none is left; NotFound."""

    database: int
    uuid: bytes


@dataclass(frozen=True, slots=True)
class SetUploadLength:
    """Note how many bytes there will be. Result: None; NotFound."""

    database: int
    uuid: bytes
    length: int


@dataclass(frozen=True, slots=True)
class SealUpload:
    """All bytes are there, and these are their digests. Result: the ``UploadRow``; errors as of AppendUpload."""

    database: int
    uuid: bytes
    offset: int
    sha256: bytes
    md5: bytes


@dataclass(frozen=True, slots=True)
class AdoptUpload:
    """All bytes are there, and ``staging`` has them in the form in which they are kept. Result: as of SealUpload."""

    database: int
    uuid: bytes
    offset: int
    staging: int


@dataclass(frozen=True, slots=True)
class CompleteUpload:
    """Carry out the one edit of ``edit``, and note its outcome with the upload. Result: ``Rev``; the edit's error."""

    uuid: bytes
    edit: EditDocuments
    expires: int


@dataclass(frozen=True, slots=True)
class RefuseUpload:
    """Note with an upload why no revision took it. Result: None; NotFound."""

    database: int
    uuid: bytes
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class CancelUpload:
    """Forget an upload. Result: whether there was one."""

    database: int
    uuid: bytes


@dataclass(frozen=True, slots=True)
class ExpireUploads:
    """Forget those of these uploads (database and uuid) that have expired by ``now``. Result: how many."""

    uploads: tuple[tuple[int, bytes], ...]
    now: int
