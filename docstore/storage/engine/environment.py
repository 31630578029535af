"""The LMDB environment of one data folder: open, grow, close.

Owns the order of steps at open, at close, when the map is full and when a sync failed, and those rows of ``meta`` that
concern the store as a whole. It must not know what the other tables hold, nor when to commit.

One environment per folder and process, one writing process per folder (``folder_lock.py``), and none survives a fork.
"""

import asyncio
import logging
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import lmdb

from docstore.errors import DocstoreError, StorageFailed, StorageFull, StoreUnusable, Unavailable
from docstore.settings import Durability, StorageSettings
from docstore.storage import keys
from docstore.storage.engine import fork_guard
from docstore.storage.engine.data_file import (
    COMPACT_SUFFIX,
    DATA_FILE,
    NO_LARGER_MAP,
    allocate_lock_file,
    grantable,
    lock_for_reading,
    open_data_file,
)
from docstore.storage.engine.disk_errors import lacks_means, lacks_room
from docstore.storage.engine.epoch import open_folder, sync_folder, sync_opened_folder
from docstore.storage.engine.folder_lock import FolderLock
from docstore.storage.engine.pages import refuse_damage
from docstore.storage.engine.snapshot_gate import SnapshotGate, refuse_closed, refuse_forked
from docstore.storage.engine.store_run import StoreRun, read_meta
from docstore.storage.engine.transactions import GroupTransaction, Snapshot
from docstore.storage.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

_left_open: "list[Environment]" = []
"""Environments that could not be closed, since threads were reading; kept from being collected."""


class Environment:
    """An open store; ``open`` makes it.

    ``epoch``        see ``epoch.py``
    ``server_uuid``  32 hex digits, made with the store
    ``snapshot``     opens a snapshot; raises Unavailable when ``max_snapshots`` are open or the store is closed
    ``long_snapshot``  opens that of a reader in slices (``database/slices.py``), who must live with losing it
    """

    epoch: int
    server_uuid: str
    snapshot: "Callable[[], Snapshot]"
    long_snapshot: "Callable[[], Snapshot]"

    def __init__(self, folder: Path, settings: StorageSettings, lock: FolderLock | None, *, read_only: bool) -> None:
        """Not to be called: use ``open``."""
        self.folder = folder
        self.settings = settings
        self.data_file = folder / DATA_FILE
        self.read_only = read_only
        self._lock = lock
        self._owns_lock = False
        self._created = False
        self._run: StoreRun | None = None
        self._shared: int | None = None
        self._closed = False
        self._forked = False
        self._failed = False
        self._lmdb: lmdb.Environment
        self._gate: SnapshotGate

    @classmethod
    def open(
        cls,
        folder: Path,
        settings: StorageSettings,
        *,
        lock: FolderLock | None = None,
        holder: str = "a docstore process",
        read_only: bool = False,
    ) -> "Environment":
        """Open the store of ``folder``, which is made if it is missing, unless ``read_only``.

        ``lock`` is the folder's lock, if the caller holds it; otherwise the environment takes it, names ``holder`` in
        it and gives it back. ``read_only`` needs no lock and works beside a running server.
        Raises FolderInUse, StoreUnusable (StoreDamaged among them), StorageFull.
        """
        environment = cls(folder, settings, lock, read_only=read_only)
        try:
            if read_only:
                environment._open_to_read()
            else:
                if lock is None:
                    environment._lock = FolderLock(folder, f"{holder} (process {os.getpid()})")
                    environment._owns_lock = True
                environment._open_to_write()
        except (lmdb.Error, OSError) as error:
            environment._give_up()
            if lacks_room(error, folder):
                raise StorageFull from error
            raise StoreUnusable(f"The store in {folder} cannot be opened: {error}") from error
        except BaseException:
            environment._give_up()
            raise
        environment.snapshot, environment.long_snapshot = environment._gate.open, environment._gate.open_long
        fork_guard.guard(environment)
        return environment

    # The open tables and transactions

    @property
    def tables(self) -> Tables:
        """The handles of all tables. Not to be kept: a fault may make us open the store anew, and then they change."""
        return self._gate.tables

    def begin_write(self) -> GroupTransaction:
        """The write transaction; for the writer and for tests.

        Raises Unavailable, what LMDB raises, and OSError: if the disk was full when the store was opened, and still is.
        """
        if self._forked:
            refuse_forked()
        if self._closed:
            refuse_closed()
        if self.read_only:
            raise Unavailable("The store is open for reading only.")
        if self._run is not None and not self._run.recorded:
            self._gate.tables = self._run.record(self._lmdb)
            log.warning("the disk of %s has room again, and writes are taken", self.folder)
        return GroupTransaction(self._lmdb.begin(write=True), self._gate.tables)

    def commit_nothing(self) -> None:
        """A commit that writes what is there: afterwards pages can be used again that the one before it freed.

        Raises as ``begin_write``.
        """
        transaction = self.begin_write()
        try:
            run = transaction.get(transaction.tables.meta, keys.META_RUN)
            transaction.put(transaction.tables.meta, keys.META_RUN, run or b"")
            transaction.transaction.commit()
        except BaseException:
            transaction.transaction.abort()
            raise

    def announce(self, holder: str) -> None:
        """Name the holder of the folder for those who will be refused; a server names its URL."""
        if self._lock is not None:
            self._lock.announce(holder)

    # What the event loop and the metrics ask for

    def attach_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell on which event loop coroutines hold snapshots. Called on its thread."""
        self._gate.attach_loop(loop)

    @property
    def open_snapshots(self) -> int:
        """How many snapshots are open."""
        return self._gate.open_snapshots

    @property
    def oldest_snapshot_age(self) -> float:
        """Seconds; while a snapshot is open LMDB cannot use pages again that were freed after it."""
        return self._gate.oldest_age

    @property
    def oldest_snapshot_txnid(self) -> int | None:
        """The commit that the oldest open snapshot shows; None without one."""
        return self._gate.oldest_txnid

    @property
    def map_size(self) -> int:
        """Bytes of address space."""
        return self._lmdb.info()["map_size"]

    @property
    def used_size(self) -> int:
        """Bytes of the data file that are in use, free pages among them."""
        with self.snapshot():  # so that the map is not replaced meanwhile
            return (self._lmdb.info()["last_pgno"] + 1) * self._lmdb.stat()["psize"]

    # For the writer

    def grow_map(self) -> None:
        """Double the map. No write transaction may be open, and the caller may hold no snapshot.

        Raises StorageFull if the system grants no more address space, Unavailable if a thread goes on reading for
        ``map_growth_patience``, StorageFailed if it grants no map at all any more.
        """
        size = self.map_size
        more = grantable(size)
        if more == 0:
            raise StorageFull(NO_LARGER_MAP)
        self._gate.run_alone(lambda: self._replace_map(size + more), patience=self.settings.map_growth_patience)
        log.info("the map of %s has grown to %d MiB", self.data_file, (size + more) >> 20)

    def drop_stale_readers(self) -> int:
        """Free the reader slots of processes that were killed, since they keep pages from being used again."""
        return self._lmdb.reader_check()

    def committed(self, transaction: GroupTransaction) -> None:
        """If this group wants it, let all that was committed survive a power cut.

        Raises what a disk can do; Unavailable if there was no file handle for it, and nothing was tried.

        On the writer's thread, so that no commit is half written meanwhile. Under ``none`` the promise is good until
        LMDB uses pages again that this state freed: from then on a power cut may damage the file as ever.
        """
        if not transaction.wants_sync or self.settings.durability is Durability.FSYNC:
            return
        if self.settings.durability is Durability.NONE:
            try:
                opened = open_folder(self.folder)
            except OSError as error:
                if told := lacks_means(error):
                    raise told from error
                raise
            sync_opened_folder(opened)  # the file may be new
        self._lmdb.sync(True)

    @property
    def broken(self) -> bool:
        """Whether LMDB refuses all use: its meta page could not be written, or it has no map."""
        try:
            self._lmdb.begin().abort()
        except (lmdb.ReadersFullError, lmdb.MemoryError):
            return False
        except lmdb.Error:
            return True
        return False

    def writes_failed(self) -> None:
        """Nothing will be written any more. Makes sure that reads go on.

        Where LMDB refuses even reads, the store is opened anew, to read only.
        """
        self._failed = True
        if self.broken:
            log.warning("opening %s again, for reading only", self.data_file)
            try:
                self._gate.run_alone(self._reopen_to_read, patience=self.settings.map_growth_patience)
            except DocstoreError as error:
                log.critical("%s could not be opened again: %s", self.data_file, error.reason)

    def copy_compactly(self, descriptor: int) -> None:
        """Write a copy without free pages to an open file. Raises what LMDB raises."""
        with self.snapshot():  # so that the map is not replaced meanwhile
            self._lmdb.copyfd(descriptor, compact=True)

    # Close

    def close(self) -> None:
        """End all snapshots, make everything durable, close, and seal the store as cleanly closed.

        The writer must have been closed before: LMDB waits for an open write transaction. Threads that read are waited
        for; one that goes on for ``close_patience`` leaves the file open, though sealed, until the process ends.
        """
        if self._closed:
            return
        self._closed = True
        fork_guard.unguard(self)
        if self._forked:
            return
        self._gate.refuse(refuse_closed)
        drained = self._gate.drain(self.settings.close_patience)
        clean = not self.read_only and not self._failed and self._sync_all()
        if drained:
            self._lmdb.close()
        if clean and self._run is not None:
            self._run.seal()
        if drained:
            self._release()
        else:
            # LMDB must not be closed under a thread that is inside it, nor the file be opened twice by one process.
            log.error("a thread still reads %s; it is left open until this process ends", self.data_file)
            _left_open.append(self)

    async def close_beside_loop(self) -> None:
        """``close``, on an event loop that goes on while threads are waited for that still read."""
        if not self._closed and not self._forked:
            self._gate.refuse(refuse_closed)
            await asyncio.to_thread(self._gate.drain, self.settings.close_patience)
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def after_fork_in_child(self) -> None:
        """Refuse all use: the parent's locks, reader slots and map are not ours."""
        self._forked = True
        self._gate.after_fork_in_child()
        if self._lock is not None:
            self._lock.after_fork_in_child()
        self._close_shared()

    # Steps of opening

    def _open_to_write(self) -> None:
        for leftover in self.folder.glob(f"{DATA_FILE}{COMPACT_SUFFIX}*"):
            leftover.unlink()
        created = self._created = not self.data_file.exists()
        if not created:
            refuse_damage(self.data_file)
        allocate_lock_file(self.data_file, self.settings)
        self._lmdb = open_data_file(self.data_file, self.settings, read_only=False)
        self._lmdb.reader_check()
        if created and self.settings.durability is not Durability.NONE:
            sync_folder(self.folder)
        meta = read_meta(self._lmdb, self.data_file)
        self._run = StoreRun(self.data_file, self.settings, meta)
        self.epoch, self.server_uuid = self._run.epoch, self._run.server_uuid
        self._set_gate(self._run.begin(self._lmdb))

    def _open_to_read(self) -> None:
        if not self.data_file.exists():
            raise StoreUnusable(f"There is no store in {self.folder}.")
        self._shared = lock_for_reading(self.data_file)
        self._lmdb = open_data_file(self.data_file, self.settings, read_only=True)
        meta = read_meta(self._lmdb, self.data_file)
        if not meta:
            raise StoreUnusable(f"There is no store in {self.folder}.")
        self.epoch = int.from_bytes(meta[keys.META_EPOCH])
        self.server_uuid = meta[keys.META_SERVER_UUID].decode()
        self._set_gate(Tables.open(self._lmdb, create=False))

    def _set_gate(self, tables: Tables) -> None:
        self._gate = SnapshotGate(self._lmdb.begin, tables, self.settings)

    # Steps of closing and of faults

    def _sync_all(self) -> bool:
        if self.settings.durability is Durability.FSYNC:
            return True
        try:
            self._lmdb.sync(True)
        except lmdb.Error:
            log.exception("the last sync of %s failed", self.data_file)
            return False
        return True

    def _replace_map(self, size: int) -> None:
        """LMDB gives up the old map first. Should the system not grant the new one after all, the store is closed."""
        try:
            self._lmdb.set_mapsize(size)
        except lmdb.MemoryError as error:
            log.warning("opening %s again: no map of %d MiB is granted", self.data_file, size >> 20)
            self._reopen()
            raise StorageFull(NO_LARGER_MAP) from error

    def _reopen_to_read(self) -> None:
        self.read_only = True
        self._reopen()

    def _reopen(self) -> None:
        self._lmdb.close()
        try:
            self._lmdb = open_data_file(self.data_file, self.settings, read_only=self.read_only)
            self._gate.reopen(self._lmdb.begin, Tables.open(self._lmdb, create=False))
        except Exception as error:
            self._gate.reopen(_refuse_failed, self._gate.tables)
            raise StorageFailed(f"The store could not be opened again: {error}") from error

    def _give_up(self) -> None:
        """Undo an open that failed."""
        if hasattr(self, "_lmdb"):
            self._lmdb.close()
        if self._created:
            self.data_file.unlink(missing_ok=True)  # half a file could not be opened later
        self._release()

    def _close_shared(self) -> None:
        if self._shared is not None:
            os.close(self._shared)
            self._shared = None

    def _release(self) -> None:
        self._close_shared()
        if self._owns_lock and self._lock is not None:
            self._owns_lock = False
            self._lock.release()


def _refuse_failed() -> "lmdb.Transaction[bytes]":
    raise StorageFailed
