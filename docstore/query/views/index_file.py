"""The second LMDB environment: what can be made again from the documents.

Owns the file ``indexes.mdb`` of the data folder: opening, snapshots, the one thread that writes, closing. It must not
know what an index is. The file may be deleted at any time when no server runs; nothing is lost but the time to build.
It is made anew when its format is another one, when its keys were made by another collation, and when it is damaged.

It is not synced as it is written: a killed process leaves it whole, since what was written is in the system's cache. A
power cut may not, so beside the file stands, while it is open, the name of the system's present run
(``indexes.run``); if that is another one at the next start, the file is dropped.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar, cast

import lmdb

from docstore.core.collation import collation_version
from docstore.errors import DocstoreError, StorageFailed, StorageFull, StoreUnusable
from docstore.query.views import layout
from docstore.settings import Durability, StorageSettings
from docstore.storage.documents import long_ids
from docstore.storage.engine import fork_guard
from docstore.storage.engine.data_file import LOCK_SUFFIX, allocate_lock_file, grantable, open_data_file
from docstore.storage.engine.disk_errors import disk_error, is_disk_error, lacks_handles, lacks_room
from docstore.storage.engine.snapshot_gate import SnapshotGate, refuse_closed
from docstore.storage.engine.transactions import Snapshot
from docstore.storage.tables import ReadTransaction, Tables, WriteTransaction

if TYPE_CHECKING:
    from lmdb import Cursor
    from lmdb import _Database as Table

log = logging.getLogger(__name__)

INDEX_FILE: Final = "indexes.mdb"
RUN_FILE: Final = "indexes.run"
NO_LARGER_MAP: Final = "The map of the indexes is full, and the system grants no more address space."
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IndexTables:
    """One handle for each table."""

    meta: "Table"
    indexes: "Table"
    gone: "Table"
    rows: "Table"
    owners: "Table"
    blocks: "Table"
    dirty: "Table"


class ReadIndex:
    """A snapshot of the indexes; a context manager, made by ``IndexFile.read``."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.tables = cast("IndexTables", snapshot.tables)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.snapshot.close()

    def get(self, table: "Table", key: bytes) -> bytes | None:
        """The value of one key."""
        return self.snapshot.raw_get(key, None, table)

    def getmulti(self, table: "Table", keys: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
        """(key, value) of those keys that exist, in the order given."""
        return self.snapshot.getmulti(table, keys)

    def cursor(self, table: "Table") -> "Cursor[bytes]":
        """A cursor that gives bytes."""
        return self.snapshot.cursor(table)

    def bound_in_group(self, group: bytes, place: bytes) -> bytes:
        """A key that separates rows of lesser places from the others, among places with the same beginning."""
        txn = cast("ReadTransaction", self)
        return long_ids.bound_in_group(txn, self.tables.rows, group, place, layout.place_of_long)


class WriteIndex(ReadIndex):
    """The one open write transaction, on the thread that writes."""

    def __init__(self, transaction: "lmdb.Transaction[bytes]", tables: IndexTables) -> None:
        self.transaction = transaction
        self.tables = tables

    def get(self, table: "Table", key: bytes) -> bytes | None:
        """The value of one key."""
        return self.transaction.get(key, None, table)

    def getmulti(self, table: "Table", keys: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
        """(key, value) of those keys that exist, in the order given."""
        with self.transaction.cursor(table) as cursor:
            return cursor.getmulti(keys)

    def cursor(self, table: "Table") -> "Cursor[bytes]":
        """A cursor that gives bytes."""
        return self.transaction.cursor(table)

    def put(self, table: "Table", key: bytes, value: bytes) -> None:
        """Write one row."""
        self.transaction.put(key, value, db=table)

    def putmulti(self, table: "Table", items: Sequence[tuple[bytes, bytes]]) -> None:
        """Write rows in one call."""
        with self.transaction.cursor(table) as cursor:
            cursor.putmulti(items)

    def delete(self, table: "Table", key: bytes) -> bool:
        """Remove one row; whether it was there."""
        return self.transaction.delete(key, b"", table)

    def deletemulti(self, table: "Table", keys: Iterable[bytes]) -> int:
        """Remove rows; how many were there."""
        delete = self.transaction.delete
        return sum(delete(key, b"", table) for key in keys)

    def place_in_group(self, group: bytes, place: bytes) -> tuple[bytes, dict[bytes, bytes]]:
        """The key of a long place, and the keys of others that had to make room: ``long_ids.place_in_group``."""
        txn = cast("WriteTransaction", self)
        key, moved = long_ids.place_in_group(txn, self.tables.rows, group, place, layout.place_of_long)
        return key, dict(moved)

    def find_in_group(self, group: bytes, place: bytes) -> tuple[bytes, bytes] | None:
        """The row of a long place."""
        txn = cast("ReadTransaction", self)
        return long_ids.find_in_group(txn, self.tables.rows, group, place, layout.place_of_long)


class IndexFile:
    """The open file. ``write`` may be awaited on one event loop; snapshots are of any thread."""

    def __init__(self, folder: Path, settings: StorageSettings) -> None:
        """Open it, made anew where it cannot be used. Raises StoreUnusable, StorageFull, StorageFailed."""
        self.folder = folder
        self.settings = settings
        self.path = folder / INDEX_FILE
        self._run = folder / RUN_FILE
        self._closed = False
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="docstore-indexes")
        try:
            self._drop_if_unsafe()
            self._open()
        except OSError as error:
            raise _not_opened(error, folder) from error
        self.snapshot = self._gate.open
        self.long_snapshot = self._gate.open_long
        fork_guard.guard(self)

    def attach_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell on which event loop coroutines hold snapshots."""
        self._gate.attach_loop(loop)

    def read(self) -> ReadIndex:
        """A snapshot, to be closed soon. Raises Unavailable."""
        return ReadIndex(self._gate.open())

    async def write(self, work: Callable[[WriteIndex], T]) -> T:
        """Do ``work`` in a transaction of its own. It may be done twice, if the map was full.

        Raises what ``work`` raises, and then nothing is written; StorageFull, StorageFailed, Unavailable.
        """
        if self._closed:
            refuse_closed()
        return await asyncio.get_running_loop().run_in_executor(self._writing, self._write, work)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    async def close(self) -> None:
        """Finish what is being written, end all snapshots, sync, close."""
        if self._closed:
            return
        self._closed = True
        fork_guard.unguard(self)
        await asyncio.to_thread(self._writing.shutdown)
        self._gate.refuse(refuse_closed)
        if await asyncio.to_thread(self._gate.drain, self.settings.close_patience):
            if await asyncio.to_thread(self._sync):
                self._run.unlink(missing_ok=True)
            self._lmdb.close()

    def after_fork_in_child(self) -> None:
        """Refuse all use."""
        self._closed = True
        self._gate.after_fork_in_child()

    # --- Opening

    def _drop_if_unsafe(self) -> None:
        boot = _boot_id()
        try:
            written = self._run.read_text()
        except FileNotFoundError:
            written = None
        if self.path.exists() and (written not in (None, boot) or not boot):
            log.warning("%s was not closed before the system stopped; indexes are built anew", self.path)
            self._drop()
        if written != (name := boot or "unknown"):
            self._note_run(name)

    def _note_run(self, name: str) -> None:
        """Replaced as a whole: half a name, which a full disk would leave, is that of another run."""
        new = self._run.with_name(RUN_FILE + ".new")
        try:
            new.write_text(name)
            new.replace(self._run)
        except OSError:
            new.unlink(missing_ok=True)
            raise

    def _open(self) -> None:
        try:
            tables = self._open_tables()
        except (lmdb.Error, StoreUnusable) as error:
            if isinstance(error, lmdb.Error) and lacks_room(error, self.folder):
                raise StorageFull from error
            if refused := lacks_handles(error):  # the file is as it was
                raise refused from error
            log.warning("%s cannot be opened (%s); indexes are built anew", self.path, error)
            self._drop()
            tables = self._open_tables()
        self._gate = SnapshotGate(self._lmdb.begin, cast("Tables", tables), self.settings)
        self._tables = tables

    def _open_tables(self) -> IndexTables:
        self._open_lmdb()
        try:
            tables = self._handles()
            if self._is_current(tables):
                return tables
            log.warning("%s has another format or collation; indexes are built anew", self.path)
        except BaseException:
            self._lmdb.close()
            raise
        self._lmdb.close()
        self._drop()
        self._open_lmdb()
        return self._handles()

    def _open_lmdb(self) -> None:
        allocate_lock_file(self.path, self.settings)
        self._lmdb = open_data_file(self.path, replace(self.settings, durability=Durability.NONE), read_only=False)

    def _handles(self) -> IndexTables:
        with self._lmdb.begin(write=True) as transaction:
            tables = IndexTables(*(self._lmdb.open_db(name, txn=transaction) for name in layout.TABLE_NAMES))
            if transaction.get(layout.META_FORMAT, None, tables.meta) is None:
                transaction.put(layout.META_FORMAT, b"%d" % layout.FORMAT_VERSION, db=tables.meta)
                transaction.put(layout.META_COLLATION, collation_version().encode(), db=tables.meta)
        return tables

    def _is_current(self, tables: IndexTables) -> bool:
        with self._lmdb.begin() as transaction:
            version = transaction.get(layout.META_FORMAT, None, tables.meta)
            collation = transaction.get(layout.META_COLLATION, None, tables.meta)
        return version == b"%d" % layout.FORMAT_VERSION and collation == collation_version().encode()

    def _drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self.path.with_name(INDEX_FILE + LOCK_SUFFIX).unlink(missing_ok=True)

    # --- Writing

    def _write(self, work: Callable[[WriteIndex], T]) -> T:
        while True:
            try:
                with self._lmdb.begin(write=True) as transaction:
                    return work(WriteIndex(transaction, self._tables))
            except lmdb.MapFullError:
                self._grow()
            except (lmdb.Error, OSError) as error:
                if is_disk_error(error):
                    raise disk_error(error, self.path) from error
                raise

    def _grow(self) -> None:
        size = self._lmdb.info()["map_size"]
        more = grantable(size)
        if not more:
            raise StorageFull(NO_LARGER_MAP)
        self._gate.run_alone(lambda: self._replace_map(size + more), patience=self.settings.map_growth_patience)

    def _replace_map(self, size: int) -> None:
        """LMDB gives up the old map first. Should the system not grant the new one after all, the file is closed."""
        try:
            self._lmdb.set_mapsize(size)
        except lmdb.MemoryError as error:
            log.warning("opening %s again: no map of %d MiB is granted", self.path, size >> 20)
            self._lmdb.close()
            self._open_lmdb()
            self._tables = self._handles()
            self._gate.reopen(self._lmdb.begin, cast("Tables", self._tables))
            raise StorageFull(NO_LARGER_MAP) from error

    def _sync(self) -> bool:
        try:
            self._lmdb.sync(True)
        except lmdb.Error:
            log.exception("the last sync of %s failed", self.path)
            return False
        return True


def _boot_id() -> str:
    """Names the system's present run; empty where it does not say."""
    try:
        return BOOT_ID.read_text().strip()
    except (FileNotFoundError, PermissionError):
        return ""


def _not_opened(error: OSError, folder: Path) -> DocstoreError:
    """What is told where the system refuses to open the file."""
    if refused := lacks_handles(error):
        return StorageFailed(f"The indexes cannot be opened: {refused.strerror}")
    return disk_error(error, folder)
