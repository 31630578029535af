"""One database: what the layers above use for documents.

Owns the handle and nothing else; the work is in the modules that it delegates to. Point reads are synchronous and take
a snapshot each, since they cost microseconds; writes and long reads are awaited. It must not know HTTP.
"""

from asyncio import sleep
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias, cast
from uuid import uuid4

from docstore.core.attachment import Linked
from docstore.core.document import EMPTY_BODY, Document
from docstore.core.edit import Head, is_stale, refuse_delete
from docstore.core.json_text import JsonValue
from docstore.core.rev import Rev
from docstore.core.revision_hash import EMPTY_BODY_TERM
from docstore.database import administration, local_docs, purging, reading, revisions
from docstore.database.active_tasks import ActiveTasks
from docstore.database.attachments import Attachments, EditAnswer, edit_of
from docstore.database.blob_reader import OpenedAttachment
from docstore.database.blob_store import BlobStore
from docstore.database.commands import (
    CompactDatabase,
    DeleteLocal,
    EditDocuments,
    Purge,
    PurgeRequest,
    SetPurgedInfosLimit,
    SetRevsLimit,
    SetSecurity,
)
from docstore.database.notifier import Notifier
from docstore.database.reading import PLAIN, MissingRev, OpenedDoc, OpenOptions, Revs
from docstore.database.revisions import RevsDiff
from docstore.database.sequences import opaque_part, parse_since
from docstore.database.slices import LongSnapshot, SliceClock
from docstore.errors import Conflict, DocstoreError, NotFound
from docstore.storage.databases import get_state
from docstore.storage.documents import get_record
from docstore.storage.environment import Environment
from docstore.storage.rows import DatabaseRow
from docstore.storage.writer import Writer

RevsRequest: TypeAlias = tuple[str, Revs] | tuple[str, Revs, tuple[Rev, ...] | None]
"""A document, its revisions, and perhaps the revisions that the reader has (``OpenOptions.atts_since``)."""

DISK_FORMAT_VERSION = 8
"""What CouchDB 3 answers; clients look at it, it says nothing about our format."""


class EditResult(NamedTuple):
    """What became of one edit: the new revision, or the error."""

    id: str
    rev: Rev | None
    error: DocstoreError | None


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """What ``GET /{db}`` tells. Sizes are bytes, ``instance_start_time`` microseconds since 1970 as text."""

    name: str
    update_seq: str
    purge_seq: str
    doc_count: int
    doc_del_count: int
    size_file: int
    size_active: int
    size_external: int
    compact_running: bool
    instance_start_time: str
    shards: int

    def members(self) -> dict[str, JsonValue]:
        """The JSON object of CouchDB, its members in CouchDB's order."""
        return {
            "instance_start_time": self.instance_start_time,
            "db_name": self.name,
            "purge_seq": self.purge_seq,
            "update_seq": self.update_seq,
            "sizes": {"file": self.size_file, "external": self.size_external, "active": self.size_active},
            "props": {},
            "doc_del_count": self.doc_del_count,
            "doc_count": self.doc_count,
            "disk_format_version": DISK_FORMAT_VERSION,
            "compact_running": self.compact_running,
            "cluster": {"q": self.shards, "n": 1, "w": 1, "r": 1},
        }


class Database:
    """A handle of one incarnation of a database, made by ``Registry``; good until the database is deleted.

    After that every method raises DatabaseNotFound, except that point reads may find a document until it is swept: they
    do not spend a look at the counters on each hit. ``opaque`` is the text after the dash of its update sequences.
    """

    def __init__(
        self,
        name: str,
        row: DatabaseRow,
        *,
        environment: Environment,
        writer: Writer,
        notifier: Notifier,
        active_tasks: ActiveTasks,
        blobs: BlobStore,
    ) -> None:
        self.name = name
        self.number = row.number
        self.uuid = row.uuid
        self.shards = row.shards
        self.created = row.created
        self.opaque = opaque_part(row.uuid, environment.epoch)
        self.environment = environment
        self.notifier = notifier
        self.blobs = blobs
        self._snapshot = environment.snapshot
        self._writer = writer
        self._active_tasks = active_tasks
        self._attachments = Attachments(row.number, environment, writer, blobs)
        self._compacting = False

    # --- reading one document or a few

    def open_doc(self, doc_id: str, options: OpenOptions = PLAIN) -> OpenedDoc:
        """One revision; of a ``_local`` document too. Raises NotFound, DocumentDeleted."""
        with self._snapshot() as snapshot:
            if options is PLAIN:
                return reading.open_plain(snapshot, self.number, doc_id)
            return reading.open_with_options(snapshot, self.number, doc_id, options, self.blobs.open)

    def open_revs(self, doc_id: str, revs: Revs, options: OpenOptions = PLAIN) -> list[OpenedDoc | MissingRev]:
        """Several revisions; of the options ``revs``, ``latest`` and those of attachments count.

        Raises NotFound for "all" of no document.
        """
        with self._snapshot() as snapshot:
            found = reading.open_revs(snapshot, self.number, doc_id, revs, options, self.blobs.open)
            if not found and revs == "all":
                get_state(snapshot, self.number)
                raise NotFound
            return found

    async def bulk_get(
        self, requests: Sequence[RevsRequest], options: OpenOptions = PLAIN
    ) -> AsyncGenerator[list[OpenedDoc | MissingRev]]:
        """``open_revs`` for each request, in order; an empty list for "all" of no document."""
        with LongSnapshot(self.environment) as snapshot:
            get_state(snapshot.current, self.number)
            clock = SliceClock()
            for doc_id, revs, *since in requests:
                if clock.over:
                    await sleep(0)
                    clock = SliceClock()
                if snapshot.renew():
                    get_state(snapshot.current, self.number)
                wanted = replace(options, atts_since=since[0]) if since and since[0] is not None else options
                found = reading.open_revs(snapshot.current, self.number, doc_id, revs, wanted, self.blobs.open)
                if any(isinstance(entry, OpenedDoc) and entry.streams for entry in found):
                    snapshot.close()  # their bytes may take any time to be sent
                yield found

    def head(self, doc_id: str) -> Head | None:
        """The head of a document's record, None if there is no such document."""
        with self._snapshot() as snapshot:
            record = get_record(snapshot, self.number, doc_id)
            if record is None:
                get_state(snapshot, self.number)
                return None
            return record.head()

    def _committed_head(self, doc_id: str) -> Head | None:
        """``head``, without a look whether the database still is: for what is only a shortcut."""
        with self._snapshot() as snapshot:
            record = get_record(snapshot, self.number, doc_id)
        return None if record is None else record.head()

    def revs_diff(self, requests: Mapping[str, Sequence[Rev]]) -> dict[str, RevsDiff]:
        """Per document the revisions that are missing here; documents that lack none are left out."""
        with self._snapshot() as snapshot:
            get_state(snapshot, self.number)
            return revisions.revs_diff(snapshot, self.number, requests)

    # --- reading about the database

    def info(self) -> DatabaseInfo:
        """Counts, sizes and sequences."""
        with self._snapshot() as snapshot:
            state = get_state(snapshot, self.number)
        return DatabaseInfo(
            name=self.name,
            update_seq=self.update_seq_text(state.update_seq),
            purge_seq=self.update_seq_text(state.purge_seq),
            doc_count=state.doc_count,
            doc_del_count=state.doc_del_count,
            size_file=state.file_size,
            size_active=state.active_size,
            size_external=state.external_size,
            compact_running=self._compacting,
            instance_start_time=str(self.created),
            shards=self.shards,
        )

    def update_seq(self) -> int:
        """The number of the latest write."""
        with self._snapshot() as snapshot:
            return get_state(snapshot, self.number).update_seq

    def update_seq_text(self, seq: int) -> str:
        """A sequence as text."""
        return f"{seq}-{self.opaque}"

    def parse_since(self, value: JsonValue) -> int:
        """A reader's ``since`` as a number; "now" is the present end. Raises BadRequest."""
        return parse_since(value, self.opaque, self.update_seq())

    def security(self) -> dict[str, JsonValue]:
        """The security object."""
        with self._snapshot() as snapshot:
            return administration.read_security(snapshot, self.number)

    def revs_limit(self) -> int:
        """How many revisions of a branch are remembered."""
        with self._snapshot() as snapshot:
            return get_state(snapshot, self.number).revs_limit

    def purged_infos_limit(self) -> int:
        """How many purges are remembered."""
        with self._snapshot() as snapshot:
            return get_state(snapshot, self.number).purged_infos_limit

    def purged_infos(self) -> list[tuple[str, list[Rev]]]:
        """The remembered purges, oldest first: id and revisions as requested."""
        with self._snapshot() as snapshot:
            return purging.purged_infos(snapshot, self.number)

    # --- writing documents

    async def update_doc(self, document: Document, *, new_edits: bool = True) -> EditResult:
        """Write one document, a ``_local`` one too. Raises Conflict and what else refuses the edit.

        A conflict that a snapshot shows for certain is told at once, without a turn of the writer.
        """
        if local_docs.is_local(document.id):
            return await self._write_local(document)
        if new_edits and is_stale(self._committed_head(document.id), document.rev):
            raise Conflict
        [answer] = await self._write([document], new_edits=new_edits)
        if isinstance(answer, DocstoreError):
            raise answer
        return EditResult(document.id, answer, None)

    async def update_docs(self, documents: Sequence[Document], *, new_edits: bool = True) -> list[EditResult]:
        """Write documents; each result stands where its document stood.

        Those with a history are one command: a failing disk takes all or none. Raises BadRequest, before anything is
        written, for a document without revision where ``new_edits`` is false.
        """
        plain = [document for document in documents if not local_docs.is_local(document.id)]
        answers = await self._write(plain, new_edits=new_edits) if plain else []
        results = [_result_of(document.id, answer) for document, answer in zip(plain, answers, strict=True)]
        if len(plain) == len(documents):
            return results
        others = iter(results)
        return [
            await self._try_local(document) if local_docs.is_local(document.id) else next(others)
            for document in documents
        ]

    async def delete_doc(self, doc_id: str, rev: Rev | None) -> EditResult:
        """A single DELETE. Raises NotFound and DocumentDeleted before it looks at ``rev``, as CouchDB; Conflict."""
        if local_docs.is_local(doc_id):
            if not await self._writer.submit(DeleteLocal(self.number, doc_id)):
                raise NotFound
            return EditResult(doc_id, local_docs.rev_of(local_docs.DELETED), None)
        refusal = refuse_delete(self.head(doc_id))
        if refusal is not None:
            raise refusal
        return await self.update_doc(Document(doc_id, rev, True, EMPTY_BODY, EMPTY_BODY_TERM))

    async def _write(self, documents: Sequence[Document], *, new_edits: bool) -> list[EditAnswer]:
        """Documents with a history, as one command; an answer for each."""
        if any(document.attachments for document in documents):
            return await self._attachments.write(documents, new_edits=new_edits)
        edits = tuple(edit_of(document, new_edits=new_edits) for document in documents)
        return cast("list[EditAnswer]", await self._writer.submit(EditDocuments(self.number, edits, new_edits)))

    async def _write_local(self, document: Document) -> EditResult:
        command = local_docs.write_command(self.number, document)
        await self._writer.submit(command)
        number = local_docs.DELETED if isinstance(command, DeleteLocal) else command.number
        return EditResult(document.id, local_docs.rev_of(number), None)

    async def _try_local(self, document: Document) -> EditResult:
        try:
            return await self._write_local(document)
        except DocstoreError as error:
            return EditResult(document.id, None, error)

    # --- attachments

    def open_attachment(self, doc_id: str, name: str, rev: Rev | None = None) -> OpenedAttachment:
        """An attachment of the winner or of another revision. Raises NotFound, DocumentDeleted."""
        return self._attachments.open(doc_id, name, rev)

    def check_parent(self, doc_id: str, rev: Rev | None) -> None:
        """Raises Conflict if a snapshot shows for certain that an edit of this parent is one.

        To be asked before a client sends what may be much; when it passes, nothing is promised.
        """
        if is_stale(self._committed_head(doc_id), rev):
            raise Conflict

    def check_attachment_parent(self, doc_id: str, rev: Rev | None) -> None:
        """The same for ``put_attachment``, which needs the revision itself."""
        self._attachments.check_revision(doc_id, rev)
        self.check_parent(doc_id, rev)

    async def put_attachment(self, doc_id: str, rev: Rev | None, linked: Linked) -> EditResult:
        """A standalone PUT: the revision with this attachment in front, or a new document. Raises Conflict."""
        document, hold = self._attachments.with_attachment(doc_id, rev, linked)
        with hold:
            return await self.update_doc(document)

    async def delete_attachment(self, doc_id: str, rev: Rev | None, name: str) -> EditResult:
        """A standalone DELETE: the revision without this attachment. Raises NotFound, DocumentDeleted, Conflict."""
        document, hold = self._attachments.without_attachment(doc_id, rev, name)
        with hold:
            return await self.update_doc(document)

    async def copy_doc(self, doc_id: str, rev: Rev | None, target: str, parent: Rev | None) -> EditResult:
        """COPY: the content of a revision, with its attachments, as an edit of ``target``.

        Raises NotFound and DocumentDeleted of the source, Conflict of the target.
        """
        document, hold = self._attachments.copy_of(doc_id, rev, target, parent)
        with hold:
            return await self.update_doc(document)

    # --- writing about the database

    async def set_security(self, value: JsonValue) -> None:
        """Replace the security object. Raises what CouchDB answers to a malformed one."""
        await self._writer.submit(SetSecurity(self.number, administration.check_security(value)))

    async def set_revs_limit(self, value: JsonValue) -> None:
        """Raises BadRequest unless the value is a positive integer."""
        await self._writer.submit(SetRevsLimit(self.number, administration.check_limit(value, "revs_limit")))

    async def set_purged_infos_limit(self, value: JsonValue) -> None:
        """Raises BadRequest unless the value is a positive integer."""
        limit = administration.check_limit(value, "purged_infos_limit")
        await self._writer.submit(SetPurgedInfosLimit(self.number, limit))

    async def purge(self, requests: Mapping[str, Sequence[Rev]]) -> dict[str, list[Rev]]:
        """Forget leaves; the answer has every requested id with the revisions that were removed."""
        named = tuple(PurgeRequest(uuid4().hex, doc_id, tuple(revs)) for doc_id, revs in requests.items())
        removed = cast("list[list[Rev]]", await self._writer.submit(Purge(self.number, named))) if named else []
        return dict(zip(requests, removed, strict=True))

    async def compact(self) -> None:
        """Drop superseded bodies, in small steps between other writes; returns at once if this is under way."""
        if self._compacting:
            return
        self._compacting = True
        try:
            end = self.update_seq()
            with self._active_tasks.running(
                "database_compaction", database=self.name, progress=0, changes_done=0, total_changes=end
            ) as task:
                position: int | None = 0
                while position is not None and position < end:
                    step = CompactDatabase(self.number, position)
                    position = cast("int | None", await self._writer.submit(step))
                    done = end if position is None else min(position, end)
                    task.update(progress=100 * done // max(end, 1), changes_done=done)
        finally:
            self._compacting = False


def _result_of(doc_id: str, answer: Rev | DocstoreError) -> EditResult:
    return EditResult(doc_id, None, answer) if isinstance(answer, DocstoreError) else EditResult(doc_id, answer, None)
