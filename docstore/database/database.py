"""One database: what the layers above use for documents.

Owns the handle and nothing else; the work is in the modules that it delegates to. Point reads are synchronous and take
a snapshot each, since they cost microseconds; writes and long reads are awaited. It must not know HTTP.
"""

from asyncio import sleep
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast
from uuid import uuid4

from docstore.core.document import EMPTY_BODY, Document
from docstore.core.edit import Edit, Head, refuse_delete
from docstore.core.json_text import JsonValue
from docstore.core.rev import Rev
from docstore.core.revision_hash import EMPTY_BODY_TERM, NIL, attachments_term
from docstore.database import administration, local_docs, purging, reading, revisions
from docstore.database.active_tasks import ActiveTasks
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
from docstore.errors import BadRequest, DocstoreError, NotFound
from docstore.storage.databases import get_state
from docstore.storage.documents import get_record
from docstore.storage.environment import Environment
from docstore.storage.rows import DatabaseRow
from docstore.storage.writer import Writer

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

    After that every method raises DatabaseNotFound. ``opaque`` is the text after the dash of its update sequences.
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
    ) -> None:
        self.name = name
        self.number = row.number
        self.uuid = row.uuid
        self.shards = row.shards
        self.created = row.created
        self.opaque = opaque_part(row.uuid, environment.epoch)
        self.environment = environment
        self.notifier = notifier
        self._snapshot = environment.snapshot
        self._writer = writer
        self._active_tasks = active_tasks
        self._compacting = False

    # --- reading one document or a few

    def open_doc(self, doc_id: str, options: OpenOptions = PLAIN) -> OpenedDoc:
        """One revision; of a ``_local`` document too. Raises NotFound, DocumentDeleted."""
        with self._snapshot() as snapshot:
            if options is PLAIN:
                return reading.open_plain(snapshot, self.number, doc_id)
            return reading.open_with_options(snapshot, self.number, doc_id, options)

    def open_revs(self, doc_id: str, revs: Revs, options: OpenOptions = PLAIN) -> list[OpenedDoc | MissingRev]:
        """Several revisions; of the options ``revs`` and ``latest`` count. Raises NotFound for "all" of no document."""
        with self._snapshot() as snapshot:
            found = reading.open_revs(
                snapshot, self.number, doc_id, revs, latest=options.latest, with_revisions=options.revs
            )
            if not found and revs == "all":
                get_state(snapshot, self.number)
                raise NotFound
            return found

    async def bulk_get(
        self, requests: Sequence[tuple[str, Revs]], options: OpenOptions = PLAIN
    ) -> AsyncGenerator[list[OpenedDoc | MissingRev]]:
        """``open_revs`` for each request, in order; an empty list for "all" of no document."""
        with LongSnapshot(self.environment) as snapshot:
            get_state(snapshot.current, self.number)
            clock = SliceClock()
            for doc_id, revs in requests:
                if clock.over:
                    await sleep(0)
                    clock = SliceClock()
                if snapshot.renew():
                    get_state(snapshot.current, self.number)
                yield reading.open_revs(
                    snapshot.current, self.number, doc_id, revs, latest=options.latest, with_revisions=options.revs
                )

    def head(self, doc_id: str) -> Head | None:
        """The head of a document's record, None if there is no such document."""
        with self._snapshot() as snapshot:
            record = get_record(snapshot, self.number, doc_id)
            if record is None:
                get_state(snapshot, self.number)
                return None
            return record.head()

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
        """Write one document, a ``_local`` one too. Raises Conflict and what else refuses the edit."""
        if local_docs.is_local(document.id):
            return await self._write_local(document)
        command = EditDocuments(self.number, (_edit_of(document, new_edits=new_edits),), new_edits)
        [answer] = cast("list[Rev | DocstoreError]", await self._writer.submit(command))
        if isinstance(answer, DocstoreError):
            raise answer
        return EditResult(document.id, answer, None)

    async def update_docs(self, documents: Sequence[Document], *, new_edits: bool = True) -> list[EditResult]:
        """Write documents; each result stands where its document stood.

        Those with a history are one command: a failing disk takes all or none. Raises BadRequest, before anything is
        written, for a document without revision where ``new_edits`` is false.
        """
        plain = [document for document in documents if not local_docs.is_local(document.id)]
        edits = tuple(_edit_of(document, new_edits=new_edits) for document in plain)
        answers: list[Rev | DocstoreError] = []
        if edits:
            command = EditDocuments(self.number, edits, new_edits)
            answers = cast("list[Rev | DocstoreError]", await self._writer.submit(command))
        results = [_result_of(edit.id, answer) for edit, answer in zip(edits, answers, strict=True)]
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


def _edit_of(document: Document, *, new_edits: bool) -> Edit:
    """The edit that a document asks for. Raises BadRequest for a replicated one without revision."""
    if not new_edits and not document.path:
        raise BadRequest("When `new_edits: false`, the document needs `_rev` or `_revisions` specified")
    attachments = document.attachments
    return Edit(
        document.id,
        document.rev,
        document.deleted,
        document.body,
        document.term,
        attachments_term([(one.name, one.content_type, one.md5) for one in attachments]) if attachments else NIL,
        document.path,
    )
