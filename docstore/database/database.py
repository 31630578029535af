"""One database: what the layers above use for documents.

Owns the handle and nothing else; the work is in the modules that it delegates to. Point reads are synchronous and take
a snapshot each, since they cost microseconds; writes and long reads are awaited. It must not know HTTP.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from copy import copy
from functools import partial
from typing import cast

from docstore.core.attachment import Linked
from docstore.core.authorship import Written
from docstore.core.conditions import Condition
from docstore.core.document import EMPTY_BODY, LOCAL_PREFIX, NEEDS_REV, Document
from docstore.core.edit import Head, refuse_delete
from docstore.core.json_text import JsonValue
from docstore.core.local_document import DELETED, is_local, rev_of
from docstore.core.partition import check_partitioned_id
from docstore.core.properties import check_limit, check_security
from docstore.core.rev import Rev
from docstore.core.revision_hash import EMPTY_BODY_TERM
from docstore.database import commands, edit_parts
from docstore.database.active_tasks import ActiveTasks
from docstore.database.attachments.blob_reader import OpenedAttachment
from docstore.database.attachments.blob_store import BlobStore
from docstore.database.attachments.edits import Attachments, edit_of
from docstore.database.compacting import Compactor
from docstore.database.conflicts import attempts
from docstore.database.conflicts.attempts import Operation
from docstore.database.conflicts.resolving import Resolver
from docstore.database.creating import CreatingGate, check_local
from docstore.database.edit_parts import EditAnswer
from docstore.database.info import DatabaseInfo, info_of
from docstore.database.local_docs import try_local, write_local, write_mixed
from docstore.database.notifier import Notifier
from docstore.database.once import Once
from docstore.database.reading import bulk_reading, properties, revisions
from docstore.database.reading import documents as reading
from docstore.database.reading.access_rules import AccessRules
from docstore.database.reading.at_once import list_of
from docstore.database.reading.bulk_reading import Found, RevsRequest
from docstore.database.reading.documents import PLAIN, OpenedDoc, OpenOptions, Revs
from docstore.database.reading.revisions import RevsDiff
from docstore.database.results import EditResult, results_of
from docstore.database.sequences import opaque_part, parse_since
from docstore.database.write_gate import Check, Gate, bound
from docstore.database.write_hooks import Actor, WriteHook, settle
from docstore.errors import BadRequest, Conflict, DocstoreError, NotFound
from docstore.settings import Durability
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import get_record
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.writer import Writer
from docstore.storage.rows import DatabaseRow


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
        write_hook: WriteHook | None = None,
        gate: Gate | None = None,
        clock: Callable[[], int],
    ) -> None:
        self.name = name
        self.number = row.number
        self.uuid = row.uuid
        self.shards = row.shards
        self.partitioned = row.partitioned
        self._row = row
        self.opaque = opaque_part(row.uuid, environment.epoch)
        self.environment = environment
        self.notifier = notifier
        self.blobs = blobs
        self.write_hook = write_hook
        self._gate = gate
        self._clock = clock
        self._actor: Actor | None = None
        self._snapshot = environment.snapshot
        self.access_rules = AccessRules(environment, row.number).read
        self._writer: Writer | Once = writer
        self._attachments = Attachments(row.number, environment, writer, blobs)
        self._compactor = Compactor(row.number, name, writer, active_tasks)

    def acting_for(self, actor: Actor) -> "Database":
        """The same database on behalf of somebody: what they write goes through the write hook first."""
        other = Database.__new__(Database)  # as copy() does, in a fifth of its time
        other.__dict__.update(self.__dict__)
        other._actor = actor
        if actor.creates_only and self._gate is not None:
            other._gate = CreatingGate(self._gate)
        return other

    def writing_by(self, writer: Once) -> "Database":
        """The same database, its writes submitted to another writer. Bytes of attachments are staged as ever."""
        other = copy(self)
        other._writer = writer
        other._attachments = Attachments(self.number, self.environment, writer, self.blobs)
        return other

    def check_id(self, doc_id: str) -> None:
        """Raises IllegalDocId or IllegalPartition for an id that no document of this database can have."""
        if self.partitioned:
            check_partitioned_id(doc_id)

    # --- reading one document or a few

    def open_doc(self, doc_id: str, options: OpenOptions = PLAIN) -> OpenedDoc:
        """One revision; of a ``_local`` document too. Raises NotFound, DocumentDeleted."""
        with self._snapshot() as snapshot:
            if options is PLAIN:
                return reading.open_plain(snapshot, self.number, doc_id)
            return reading.open_with_options(snapshot, self.number, doc_id, options, self.blobs.open)

    async def read_doc(self, doc_id: str, options: OpenOptions = PLAIN) -> OpenedDoc:
        """As ``open_doc``, however large the document's tree is: then it is read in a thread."""
        return await bulk_reading.read_doc(self.environment, self.number, doc_id, options, self.blobs.open)

    def open_revs(self, doc_id: str, revs: Revs, options: OpenOptions = PLAIN) -> Found:
        """Several revisions, as ``reading.open_revs``."""
        with self._snapshot() as snapshot:
            return reading.open_revs(snapshot, self.number, doc_id, revs, options, self.blobs.open)

    def read_revs(self, doc_id: str, revs: Revs, options: OpenOptions = PLAIN) -> AsyncGenerator[Found]:
        """As ``open_revs``, in portions, however many they are and however large the document's tree is."""
        return bulk_reading.read_revs(self.environment, self.number, doc_id, revs, options, self.blobs.open)

    def bulk_get(self, requests: Sequence[RevsRequest], options: OpenOptions = PLAIN) -> AsyncGenerator[Found]:
        """``read_revs`` for each request, in order and whole; an empty list for "all" of no document."""
        return bulk_reading.bulk_get(self.environment, self.number, requests, options, self.blobs.open)

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
            return revisions.revs_diff(snapshot, self.number, requests)

    async def compare_revs(self, requests: Mapping[str, Sequence[Rev]]) -> dict[str, RevsDiff]:
        """As ``revs_diff``, however many revisions are asked for and however large the trees are."""
        return await revisions.compare_revs(self.environment, self.number, requests)

    # --- reading about the database

    def info(self) -> DatabaseInfo:
        """Counts, sizes and sequences."""
        with self._snapshot() as snapshot:
            state = get_state(snapshot, self.number)
        epoch, running = self.environment.epoch, self._compactor.running
        return info_of(self.name, self._row, state, self.opaque, epoch, compact_running=running)

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

    def security_text(self) -> bytes:
        """The security object as JSON, as it is kept: nothing is parsed."""
        with self._snapshot() as snapshot:
            return properties.security_text(snapshot, self.number)

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
            return properties.purged_infos(snapshot, self.number)

    # --- writing documents

    async def update_doc(
        self,
        document: Document,
        *,
        new_edits: bool = True,
        operation: Operation = Operation.WRITE,
        looked_at: bool = False,
    ) -> EditResult:
        """Write one document, a ``_local`` one too. Raises Conflict, PreconditionFailed and what else refuses the edit.

        A conflict that a snapshot shows for certain is told at once; ``looked_at`` if the caller has just asked one.
        """
        if is_local(document.id):
            check_local(self._actor, [document])
            rev = await write_local(self._writer, self.number, document, new_edits=new_edits)
            return EditResult(document.id, rev, None)
        if self._actor is not None and self.write_hook is not None:
            [document] = await settle(self.write_hook, self._actor, [document], new_edits=new_edits)
        try:
            if new_edits and not looked_at:
                self.check_parent(document.id, document.rev, document.condition, operation, path=document.path)
            edit_parts.note_single(self._writer)
            answers = await self._write([document], new_edits=new_edits)
            if isinstance(answers[0], DocstoreError):
                raise cast("DocstoreError", answers.pop())  # and no name for it, see attempts.refuse_stale
        except attempts.EXPLAINED as error:
            attempts.note(error, self.number, document, operation)
            raise
        return EditResult(document.id, answers[0], None)

    async def update_docs(self, documents: Sequence[Document], *, new_edits: bool = True) -> list[EditResult]:
        """Write documents; each result stands where its document stood.

        Those with a history are one command, or where they are many several (``edit_parts.py``): when one of them fails
        this raises, and what was written before stays. Raises BadRequest, before anything is written, for a document
        without revision where ``new_edits`` is false.
        """
        if not new_edits and not all(one.path for one in documents):
            raise BadRequest(NEEDS_REV)
        if isinstance(self._writer, Once) and any(is_local(document.id) for document in documents):
            check_local(self._actor, documents)
            most = self.environment.settings.keyed_command_max_work
            mixed = await write_mixed(self, self.number, documents, self._writer, most, new_edits=new_edits)
            return list(results_of(documents, mixed, new_edits))
        if self._actor is not None and self.write_hook is not None:
            documents = await settle(self.write_hook, self._actor, documents, new_edits=new_edits)
        plain = await list_of((one for one in documents if not one.id.startswith(LOCAL_PREFIX)), len(documents))
        answers = await self._write(plain, new_edits=new_edits) if plain else []
        await edit_parts.note_refused(answers, self.number, plain)
        results = await list_of(results_of(plain, answers, new_edits), len(plain))
        if len(plain) == len(documents):
            return results
        rest = iter(results)
        return [
            await try_local(self, one, new_edits=new_edits) if is_local(one.id) else next(rest) for one in documents
        ]

    async def delete_doc(self, doc_id: str, rev: Rev | None, condition: Condition | None = None) -> EditResult:
        """A single DELETE. Raises NotFound and DocumentDeleted before it looks at ``rev``, as CouchDB; Conflict, ..."""
        if is_local(doc_id):
            if not await self._writer.submit(commands.DeleteLocal(self.number, doc_id, condition)):
                raise NotFound
            return EditResult(doc_id, rev_of(DELETED), None)
        document = Document(doc_id, rev, True, EMPTY_BODY, EMPTY_BODY_TERM, condition=condition)
        refusal = refuse_delete(self.head(doc_id))
        if refusal is not None:
            attempts.note(refusal, self.number, document, Operation.DELETE)
            raise refusal
        return await self.update_doc(document, operation=Operation.DELETE)

    async def _write(self, documents: Sequence[Document], *, new_edits: bool) -> list[EditAnswer]:
        """Documents with a history; an answer for each. Raises IllegalDocId before anything is written."""
        written = self._written() if new_edits else None
        if self.partitioned:
            await list_of(map(check_partitioned_id, [one.id for one in documents]), len(documents))
        if [True for one in documents if one.attachments]:
            return await self._attachments.write(documents, new_edits=new_edits, check=self.check, written=written)
        if written is not None and len(documents) == 1:
            edit = edit_of(documents[0], new_edits=True)
            answers = await edit_parts.submit_known(self._writer, self._gate, self.number, edit, written)
            if answers is not None:
                return answers
        edits = await list_of((edit_of(one, new_edits=new_edits) for one in documents), len(documents))
        place = (self._writer, self.environment.settings, self.number)
        return await edit_parts.submit_edits(*place, edits, new_edits=new_edits, check=self.check, written=written)

    def _written(self) -> Written:
        """By whoever writes here, now."""
        return Written(self._clock(), None if self._actor is None else self._actor.name)

    def open_attachment(self, doc_id: str, name: str, rev: Rev | None = None) -> OpenedAttachment:
        """An attachment of the winner or of another revision. Raises NotFound, DocumentDeleted."""
        return self._attachments.open(doc_id, name, rev)

    def check_parent(
        self,
        doc_id: str,
        rev: Rev | None,
        condition: Condition | None = None,
        operation: Operation = Operation.WRITE,
        *,
        path: Sequence[Rev] = (),
    ) -> None:
        """Raises Conflict if a snapshot shows for certain that an edit of this parent is one; PreconditionFailed.

        To be asked before a client sends what may be much; when it passes, nothing is promised.
        """
        with self._snapshot() as snapshot:
            attempts.refuse_stale(snapshot, self.number, doc_id, rev, condition, operation, path)

    def check_attachment_parent(self, doc_id: str, rev: Rev | None) -> None:
        """The same for ``put_attachment``, which needs the revision itself."""
        self._attachments.check_revision(doc_id, rev)
        self.check_parent(doc_id, rev, operation=Operation.PUT_ATTACHMENT)

    def attachment_parent(self, doc_id: str, name: str, rev: Rev | None, condition: Condition | None) -> Rev | None:
        """What ``put_attachment`` would change now. Raises PreconditionFailed."""
        return self._attachments.meet_condition(doc_id, name, rev, condition)[0]

    async def put_attachment(
        self, doc_id: str, rev: Rev | None, linked: Linked, condition: Condition | None = None
    ) -> EditResult:
        """A standalone PUT: the revision with this attachment in front, or a new document.

        Raises Conflict, PreconditionFailed; the condition is about the attachment (``Attachments.meet_condition``).
        """
        document, hold = await self._attachments.with_attachment(doc_id, rev, linked, condition)
        with hold:
            try:
                return await self.update_doc(document, operation=Operation.PUT_ATTACHMENT)
            except Conflict:  # perhaps since somebody else has made just this attachment
                self._attachments.meet_condition(doc_id, linked.name, rev, condition)
                raise

    async def delete_attachment(
        self, doc_id: str, rev: Rev | None, name: str, condition: Condition | None = None
    ) -> EditResult:
        """A standalone DELETE: the revision without this attachment. Raises NotFound and as ``put_attachment``."""
        document, hold = await self._attachments.without_attachment(doc_id, rev, name, condition)
        with hold:
            return await self.update_doc(document, operation=Operation.DELETE_ATTACHMENT)

    async def copy_doc(
        self, doc_id: str, rev: Rev | None, target: str, parent: Rev | None, condition: Condition | None = None
    ) -> EditResult:
        """COPY: the content of a revision, with its attachments, as an edit of ``target``.

        Raises NotFound and DocumentDeleted of the source, Conflict and PreconditionFailed of the target.
        """
        document, hold = await self._attachments.copy_of(doc_id, rev, target, parent, condition)
        with hold:
            return await self.update_doc(document, operation=Operation.COPY if rev else Operation.COPY_LATEST)

    @property
    def resolver(self) -> Resolver:
        """What resolves conflicts."""
        settled = None if self._actor is None else partial(settle, self.write_hook, self._actor)
        by = (self._writer, self.blobs, self._attachments, self._written, settled, self.check)
        return Resolver(self.number, self.environment, *by)

    @property
    def check(self) -> Check | None:
        """The gate that edits go through, on behalf of whoever writes here."""
        return bound(self._gate, self._actor)

    async def set_security(self, value: JsonValue, condition: Condition | None = None) -> None:
        """Replace the security object. Raises what CouchDB answers to a malformed one, PreconditionFailed."""
        await self._writer.submit(commands.SetSecurity(self.number, check_security(value), condition))

    async def set_revs_limit(self, value: JsonValue) -> None:
        """Raises BadRequest unless the value is a positive integer."""
        await self._writer.submit(commands.SetRevsLimit(self.number, check_limit(value, "revs_limit")))

    async def set_purged_infos_limit(self, value: JsonValue) -> None:
        """Raises BadRequest unless the value is a positive integer."""
        command = commands.SetPurgedInfosLimit(self.number, check_limit(value, "purged_infos_limit"))
        while not await self._writer.submit(command):
            pass

    async def purge(self, requests: Mapping[str, Sequence[Rev]]) -> dict[str, list[Rev]]:
        """Forget leaves; the answer has every requested id with the revisions that were removed."""
        return await edit_parts.purge_documents(self._writer, self.number, requests)

    async def make_durable(self) -> str:
        """Let all that was acknowledged survive a power cut, whatever the durability; the ``instance_start_time``."""
        if self.environment.settings.durability is not Durability.FSYNC:
            await self._writer.submit(commands.MakeDurable())
        return self.info().instance_start_time

    async def compact(self) -> None:
        """Drop superseded bodies, in small steps between other writes; returns at once if this is under way."""
        await self._compactor.run(self.update_seq())
