"""All databases of one node: create, delete, open, list.

Owns the rule of names, the handles, and the sweep of what deleted databases leave behind. The truth about which names
exist is the ``databases`` table in a snapshot; the handles kept here are only saved work. Follows
``couch_server`` and ``couch_db:validate_dbname``.
"""

import logging
import re
from asyncio import Task, create_task, sleep, wait
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Final, TypeVarTuple, cast

from docstore.core.edit import Head
from docstore.database.active_tasks import ActiveTasks
from docstore.database.apply.administration import GONE
from docstore.database.attachments.blob_store import BlobStore
from docstore.database.background import persist
from docstore.database.commands import CreateDatabase, DeleteDatabase, SweepDatabase
from docstore.database.database import Database
from docstore.database.notifier import Notifier
from docstore.database.once import Once
from docstore.database.reading.documents import OpenedDoc, open_plain
from docstore.database.reading.index_feed import FeedEnd, end_in
from docstore.database.reading.key_range import RangeQuery
from docstore.database.reading.replica import Replica
from docstore.database.slices import CHUNK_ROWS, SliceClock
from docstore.database.unique_indexes import UniqueIndexes
from docstore.database.write_gate import DesignFilter, Gates, no_gates
from docstore.database.write_hooks import WriteHooks, no_write_hooks
from docstore.errors import BadRequest, DatabaseNameTooLong, DatabaseNotFound, IllegalDatabaseName
from docstore.settings import Limits, Settings
from docstore.storage.databases import list_databases, pending_sweeps
from docstore.storage.documents.documents import get_record, get_record_value
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.group_commit import CommitSummary
from docstore.storage.engine.transactions import Snapshot
from docstore.storage.engine.writer import Writer
from docstore.storage.rows import DatabaseRow, decode_database, encode_database

logger = logging.getLogger(__name__)

DEFAULT_SHARDS: Final = 2
SYSTEM_NAMES: Final = frozenset({"_users", "_replicator", "_global_changes"})
UNPARTITIONED: Final = frozenset({"_users", "_replicator"})
"""What a name may not end with, behind a slash or alone, if its database is to be partitioned."""

MAX_HANDLES: Final = 10_000
LOOKED_AT: Final = 10_000
"""How many names are read when a node starts."""

Arguments = TypeVarTuple("Arguments")

_NAME = re.compile(r"[a-z][a-z0-9_$()+/-]*", re.ASCII)


ALL_NAMES: Final = RangeQuery()
PUBLIC: Final = b"{}"
"""A security object that lets everybody in."""


class Event(StrEnum):
    """What can happen to a database as a whole."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


class Registry:
    """The databases of one environment. ``blobs`` keeps the bytes of all their attachments.

    ``clock`` gives microseconds since 1970, ``new_uuid`` 32 hex digits. ``on_created`` is told of new databases,
    ``on_event`` of the names of those that were made or deleted, ``many_answered`` when several commands get their
    results at once.
    ``is_system`` says of a name whether the server itself relies on what is in the database, ``creates_public`` whether
    other new ones are everybody's.
    """

    def __init__(
        self,
        environment: Environment,
        writer: Writer,
        notifier: Notifier,
        active_tasks: ActiveTasks,
        settings: Settings,
        *,
        clock: Callable[[], int],
        new_uuid: Callable[[], str],
        write_hooks: WriteHooks = no_write_hooks,
        gates: Gates = no_gates,
        design_filter: DesignFilter | None = None,
    ) -> None:
        self.on_created: Callable[[Database], None] = lambda database: None
        self.on_event: Callable[[Event, str], None] = lambda event, name: None
        self.many_answered: set[Callable[[], None]] = set()
        self.blobs = BlobStore(environment, writer, clock)
        self.unique = UniqueIndexes(environment, writer)
        self._environment = environment
        self._writer = writer
        self._notifier = notifier
        self._active_tasks = active_tasks
        self._settings = settings
        self._clock = clock
        self._new_uuid = new_uuid
        self._write_hooks = write_hooks
        self._gates = gates
        self.design_filter = design_filter
        self.creates_public: Callable[[], bool] = bool
        self.is_system: Callable[[str], bool] = SYSTEM_NAMES.__contains__
        self._handles: dict[bytes, Database] = {}
        self._rows: dict[int, bytes] = {}
        self._sweeps: dict[int, Task[None]] = {}
        self._stopped = False

    # --- reading

    def open(self, name: str) -> Database:
        """The database of this name. Raises DatabaseNotFound."""
        with self._environment.snapshot() as snapshot:
            return self._open_in(snapshot, name)

    def open_with_record(self, name: str, doc_id: str) -> tuple[Database, bytes | None]:
        """A database and the record of one of its documents as stored, in one snapshot. Raises DatabaseNotFound."""
        with self._environment.snapshot() as snapshot:
            database = self._open_in(snapshot, name)
            return database, get_record_value(snapshot, database.number, doc_id)

    def open_with_head(self, name: str, doc_id: str) -> tuple[Database, Head | None, FeedEnd]:
        """A database, the head of one of its documents and how far it goes, in one snapshot. As ``open``."""
        with self._environment.snapshot() as snapshot:
            database = self._open_in(snapshot, name)
            record = get_record(snapshot, database.number, doc_id)
            return database, record and record.head(), end_in(snapshot, database.number)

    def open_doc(self, name: str, doc_id: str) -> OpenedDoc:
        """The winner of a document, in one snapshot with the row of its database.

        Raises DatabaseNotFound, NotFound, DocumentDeleted.
        """
        with self._environment.snapshot() as snapshot:
            return open_plain(snapshot, self._open_in(snapshot, name).number, doc_id)

    def replica(self, name: str) -> Replica:
        """The stored revisions of a database, for replication. Raises DatabaseNotFound."""
        return self.replica_of(self.open(name))

    def replica_of(self, database: Database) -> Replica:
        """The same, on behalf of whoever the handle is for."""
        return Replica(database, self._writer)

    @property
    def limits(self) -> Limits:
        """What documents may not exceed."""
        return self._settings.limits

    def heed(self, settings: Settings) -> None:
        """Go by these settings from now on."""
        self._settings = settings

    def reopen(self, names: Container[str]) -> None:
        """Open databases of these names anew at their next use, since what they are to the server has changed."""
        for value in [value for value, handle in self._handles.items() if handle.name in names]:
            self._forget(self._handles[value].number)

    def exists(self, name: str) -> bool:
        """Whether there is a database of this name."""
        try:
            self.open(name)
        except DatabaseNotFound:
            return False
        return True

    def names(self, query: RangeQuery = ALL_NAMES) -> list[str]:
        """The names in the range, sorted by bytes."""
        limits = query.range()
        with self._environment.snapshot() as snapshot:
            names = [name for name, _ in list_databases(snapshot) if limits.contains(name)]
        if query.descending:
            names.reverse()
        return names[query.skip :][: query.limit]

    def numbers(self) -> set[int]:
        """The numbers of all databases."""
        with self._environment.snapshot() as snapshot:
            return {row.number for _, row in list_databases(snapshot)}

    async def find(self, accepts: Callable[[str], bool]) -> list[str]:
        """The names that are accepted, sorted by bytes; looked through in slices, however many there are."""
        found: list[str] = []
        start, done = "", False
        while not done:
            clock = SliceClock()
            done = True
            with self._environment.snapshot() as snapshot:
                for count, (name, _) in enumerate(list_databases(snapshot, start), 1):
                    if accepts(name):
                        found.append(name)
                    if count % CHUNK_ROWS == 0 and clock.over:
                        start, done = name + "\x00", False
                        break
            await sleep(0)
        return found

    def name_of(self, number: int) -> str | None:
        """The name of a database that is open; None for others."""
        handle = self._handles.get(self._rows.get(number, b""))
        return None if handle is None else handle.name

    def look_at_names(self) -> None:
        """Read the first rows of ``databases``, so that a store in which they are damaged is not served."""
        with self._environment.snapshot() as snapshot:
            for _ in islice(list_databases(snapshot), LOOKED_AT):
                pass

    @property
    def open_databases(self) -> int:
        """How many handles are kept."""
        return len(self._handles)

    # --- writing

    async def create(
        self, name: str, *, shards: int = DEFAULT_SHARDS, partitioned: bool = False, once: Once | None = None
    ) -> Database:
        """A new database. Raises IllegalDatabaseName, DatabaseNameTooLong, DatabaseExists.

        Forbidden where there are ``max_databases``; BadRequest for one of the server's own that was to be partitioned.
        """
        self._check_name(name)
        if partitioned and (name in SYSTEM_NAMES or name.rpartition("/")[2] in UNPARTITIONED):
            raise BadRequest("Cannot partition a system database")
        command = CreateDatabase(
            name,
            self._new_uuid(),
            self._clock(),
            shards,
            self._settings.revs_limit,
            self._settings.purged_infos_limit,
            partitioned,
            PUBLIC if self.creates_public() and not self.is_system(name) else b"",
            self._settings.limits.max_databases,
        )
        row = cast("DatabaseRow", await (once or self._writer).submit(command))
        database = self._new_handle(name, encode_database(row))
        self.on_created(database)
        self.on_event(Event.CREATED, name)
        return database

    async def delete(self, name: str, *, once: Once | None = None) -> None:
        """Remove a database. Its rows are swept in the background. Raises DatabaseNotFound."""
        if not self._may_exist(name):
            raise DatabaseNotFound
        await (once or self._writer).submit(DeleteDatabase(name))
        self.on_event(Event.DELETED, name)

    def came_back(self, names: Iterable[str]) -> None:
        """Databases of these names are there that nobody has made, and the store is another one."""
        for name in names:
            with suppress(DatabaseNotFound):
                self.on_created(self.open(name))
        self.blobs.collector.forget()
        self.blobs.collector.wake()
        self.resume_sweeps()
        self.unique.resume()

    def committed(self, summary: CommitSummary) -> None:
        """Wake those who wait for what a group commit changed. Called on the event loop after each.

        Who waits is told first. Neither that nor anything else that is done here keeps the rest from being done.
        """
        if summary.commands > 1:
            for tell in self.many_answered:
                _going_on("gathering replies", tell)
        changed = summary.changed
        gone = [number for number, seq in changed.items() if seq == GONE]
        _going_on("waking feeds", self._notifier.written, changed)
        for number in gone:
            _going_on("ending feeds", self._notifier.ended, number)
            _going_on("forgetting a database", self._forget, number)
            # Here, since whoever asked for it may have gone before the commit.
            _going_on("starting a sweep", self._start_sweep, number)
        if summary.leaves_garbage:
            _going_on("waking the collector", self.blobs.collector.wake)
        if summary.unique_work:
            _going_on("building unique indexes", self.unique.wake, summary.unique_work)

    # --- sweeping

    def resume_sweeps(self) -> None:
        """Go on with the sweeps that the last stop cut short."""
        with self._environment.snapshot() as snapshot:
            numbers = pending_sweeps(snapshot)
        for number in numbers:
            self._start_sweep(number)

    async def finish_sweeps(self) -> None:
        """Wait until nothing is left to sweep."""
        while self._sweeps:
            await wait(self._sweeps.values())

    async def stop(self) -> None:
        """Leave the sweeps and the garbage for the next start."""
        self._stopped = True
        await self.blobs.collector.stop()
        await self.unique.stop()
        for task in self._sweeps.values():
            task.cancel()
        await self.finish_sweeps()

    def _forget(self, number: int) -> None:
        self._handles.pop(self._rows.pop(number, b""), None)

    def _start_sweep(self, number: int) -> None:
        if number in self._sweeps or self._stopped:
            return
        name = f"sweep of database {number}"
        task = create_task(persist(f"the {name}", partial(self._sweep, number)), name=name)
        self._sweeps[number] = task
        task.add_done_callback(lambda _: self._sweeps.pop(number))

    async def _sweep(self, number: int) -> None:
        while not await self._writer.submit(SweepDatabase(number)):
            pass

    # --- names and handles

    def _open_in(self, snapshot: Snapshot, name: str) -> Database:
        value = snapshot.raw_get(name.encode(), None, snapshot.tables.databases) if self._may_exist(name) else None
        if value is None:
            raise DatabaseNotFound
        # The row holds the number, which is never given again: so it names the incarnation.
        return self._handles.get(value) or self._new_handle(name, value)

    def _may_exist(self, name: str) -> bool:
        return name.isascii() and 0 < len(name) <= self._settings.limits.max_database_name

    def _check_name(self, name: str) -> None:
        if _NAME.fullmatch(name) is None and name not in SYSTEM_NAMES:
            raise IllegalDatabaseName(name)
        if len(name) > self._settings.limits.max_database_name:
            raise DatabaseNameTooLong(name)

    def _new_handle(self, name: str, value: bytes) -> Database:
        if len(self._handles) >= MAX_HANDLES:
            self._handles.clear()
            self._rows.clear()
        row = decode_database(value)
        handle = Database(
            name,
            row,
            environment=self._environment,
            writer=self._writer,
            notifier=self._notifier,
            active_tasks=self._active_tasks,
            blobs=self.blobs,
            write_hook=self._write_hooks(name),
            gate=self._gates(name, row),
            clock=self._clock,
        )
        self._handles[value] = handle
        self._rows[row.number] = value
        return handle


def _going_on(step: str, take: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
    """Take a step; the next one is taken whatever comes of it."""
    try:
        take(*arguments)
    except Exception:
        logger.exception("after a commit, %s failed", step)
