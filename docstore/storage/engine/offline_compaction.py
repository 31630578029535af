"""Compaction of a stopped store: the data file is replaced by a copy without free pages.

Owns the order of steps, which leaves the old or the new file whole at every kill and power cut. It must not know what
any table holds.

1. Take the folder's lock, and the data file's against readers of other processes.
2. Write the copy to ``docs.mdb.compact``, sync it, and compare it with the original.
3. Close the store, and let the seal accept either file, so that the copy does not count as a restored one.
4. Rename the copy to ``docs.mdb``, sync the folder, and seal the new file alone.

A copy that was not renamed is removed at the next open. The update sequences and the epoch stay what they were.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import lmdb

from docstore.errors import StorageFailed, StorageFull, StoreUnusable
from docstore.settings import StorageSettings
from docstore.storage import keys
from docstore.storage.engine.data_file import COMPACT_SUFFIX, DATA_FILE, lock_for_replacing
from docstore.storage.engine.disk_errors import lacks_room
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.epoch import FileFacts, SealFile, sync_folder
from docstore.storage.engine.folder_lock import FolderLock

STEPS = (
    "locked",
    "opened",
    "copied",
    "synced",
    "compared",
    "closed",
    "sealed for both",
    "renamed",
    "folder synced",
    "sealed",
)


@dataclass(frozen=True, slots=True)
class CompactionReport:
    """Sizes of the data file in bytes."""

    before: int
    after: int


def compact_offline(
    folder: Path,
    settings: StorageSettings,
    *,
    holder: str = "docstore compact",
    after_step: Callable[[str], None] = lambda _step: None,
) -> CompactionReport:
    """Compact the store of ``folder``, which no other process may have open.

    ``after_step`` is told each of ``STEPS`` when it is done; tests kill the process there.
    Raises FolderInUse, StoreUnusable, StorageFull, StorageFailed; then the old file is in place.
    """
    data_file = folder / DATA_FILE
    if not data_file.exists():
        raise StoreUnusable(f"There is no store in {folder}.")
    with FolderLock(folder, f"{holder} (process {os.getpid()})") as lock:
        descriptor = lock_for_replacing(data_file)
        try:
            return _compact(folder, settings, lock, after_step)
        except (lmdb.Error, OSError) as error:
            if lacks_room(error, data_file):
                raise StorageFull("The disk has no room for the compact copy.") from error
            raise StorageFailed(f"The compaction failed: {error}") from error
        finally:
            (folder / (DATA_FILE + COMPACT_SUFFIX)).unlink(missing_ok=True)
            os.close(descriptor)


def _compact(
    folder: Path, settings: StorageSettings, lock: FolderLock, after_step: Callable[[str], None]
) -> CompactionReport:
    data_file = folder / DATA_FILE
    copy = folder / (DATA_FILE + COMPACT_SUFFIX)
    after_step("locked")
    with Environment.open(folder, settings, lock=lock) as environment:
        after_step("opened")
        before = data_file.stat().st_size
        with copy.open("wb") as file:
            environment.copy_compactly(file.fileno())
            after_step("copied")
            os.fsync(file.fileno())
        after_step("synced")
        with environment.snapshot() as snapshot:
            rows = {name: snapshot.transaction.stat(getattr(snapshot.tables, name))["entries"] for name in _names()}
        _compare(copy, rows)
        after_step("compared")
    after_step("closed")
    seal_file = SealFile(data_file)
    seal = seal_file.read()
    if seal is None:
        raise StorageFailed("The store could not be closed cleanly.")
    old, new = FileFacts.of(data_file), FileFacts.of(copy)
    # Everything is synced here, whatever the durability: a power cut takes nothing any more.
    seal = replace(seal, files=(old.file, new.file), survives_power_cut=True, closed_ns=None)
    seal_file.write(seal, sync=True)
    after_step("sealed for both")
    copy.replace(data_file)
    after_step("renamed")
    sync_folder(folder)
    after_step("folder synced")
    facts = FileFacts.of(data_file)
    seal_file.write(replace(seal, files=(facts.file,), closed_ns=facts.changed_ns), sync=True)
    after_step("sealed")
    return CompactionReport(before, data_file.stat().st_size)


def _names() -> list[str]:
    return [name.decode() for name in keys.TABLE_NAMES]


def _compare(copy: Path, rows: dict[str, int]) -> None:
    """Every table of the copy must be there with all its rows. Raises StorageFailed."""
    with lmdb.open(str(copy), subdir=False, readonly=True, lock=False, max_dbs=keys.MAX_TABLES) as copied:
        for name, expected in rows.items():
            table = copied.open_db(name.encode(), create=False)
            with copied.begin() as transaction:
                found = transaction.stat(table)["entries"]
            if found != expected:
                raise StorageFailed(f"The compact copy has {found} rows of {expected} in {name}; the old file stays.")
