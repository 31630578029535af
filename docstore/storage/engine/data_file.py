"""The data file: its name, how LMDB opens it, and how much address space it can have.

Owns the flags and sizes that LMDB is given, and the lock between processes that read the file and one that replaces
it. It must not know what the file holds.

Durability is LMDB's own. ``fsync`` is its default: data pages are written and synced, then the meta page through a
descriptor that syncs. ``relaxed`` leaves the meta page to the system (``metasync=False``): a power cut may take the
last commits, never the file. ``none`` syncs nothing (``sync=False``). The map is never writable: LMDB writes with
``pwrite``, so that a full disk is an error and not a signal.

The map is address space, neither memory nor disk: 1 TiB by default, halved as often as the system refuses it.
"""

import fcntl
import logging
import mmap
import os
from pathlib import Path

import lmdb

from docstore.errors import StorageFull, StoreUnusable
from docstore.settings import Durability, StorageSettings
from docstore.storage import keys
from docstore.storage.engine.disk_errors import lacks_room

log = logging.getLogger(__name__)

DATA_FILE = "docs.mdb"
COMPACT_SUFFIX = ".compact"
LOCK_SUFFIX = "-lock"
READER_BYTES = 64
NO_LARGER_MAP = "The map is full, and the system grants no more address space."
OTHER_READERS = 64
"""Reader slots beyond our own snapshots, for other processes such as ``docstore check``."""


def open_data_file(data_file: Path, settings: StorageSettings, *, read_only: bool) -> lmdb.Environment:
    """Open the file, which is made if it is missing, with as much address space as the system grants.

    Raises StoreUnusable if LMDB cannot open it, or not even ``map_size_smallest`` is granted; StorageFull.
    """
    size = settings.map_size
    while True:
        try:
            return lmdb.open(
                str(data_file),
                map_size=size,
                subdir=False,
                readonly=read_only,
                metasync=settings.durability is Durability.FSYNC,
                sync=settings.durability is not Durability.NONE,
                max_readers=settings.max_snapshots + OTHER_READERS,
                max_spare_txns=settings.max_snapshots,
                max_dbs=keys.MAX_TABLES,
            )
        except lmdb.MemoryError as error:
            if size // 2 < settings.map_size_smallest:
                raise StoreUnusable(f"The system grants no map of {size >> 20} MiB for {data_file}.") from error
            size //= 2
            log.warning("the system grants no larger map for %s; trying %d MiB", data_file, size >> 20)
        except lmdb.Error as error:
            if lacks_room(error, data_file):
                raise StorageFull from error
            raise StoreUnusable(f"{data_file} cannot be opened: {error}") from error


def allocate_lock_file(data_file: Path, settings: StorageSettings) -> None:
    """Give the file of LMDB's locks its room on the disk. Raises OSError.

    LMDB makes it with holes and writes to it by memory, which on a full disk is a signal that ends the process. To be
    called before the data file is opened to write: that the file is closed here gives up LMDB's own locks on it.
    """
    size = (settings.max_snapshots + OTHER_READERS + 4) * READER_BYTES
    path = data_file.with_name(data_file.name + LOCK_SUFFIX)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
    try:
        os.posix_fallocate(descriptor, 0, -(-size // mmap.PAGESIZE) * mmap.PAGESIZE)
    finally:
        os.close(descriptor)


def lock_for_reading(data_file: Path) -> int:
    """Keep ``lock_for_replacing`` of other processes away until the descriptor is closed. Raises StoreUnusable."""
    while True:
        descriptor = _lock(data_file, fcntl.LOCK_SH, f"{data_file} is just being compacted.")
        if os.path.samestat(os.fstat(descriptor), data_file.stat()):
            return descriptor
        os.close(descriptor)  # replaced between open and lock


def lock_for_replacing(data_file: Path) -> int:
    """Make sure that no other process reads the file, until the descriptor is closed. Raises StoreUnusable.

    Processes that write are kept away by ``folder_lock.py``; those that read need not hold that.
    """
    return _lock(data_file, fcntl.LOCK_EX, f"Another process is reading {data_file}.")


def _lock(data_file: Path, kind: int, refusal: str) -> int:
    descriptor = os.open(data_file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreUnusable(refusal) from None
    return descriptor


def grantable(size: int) -> int:
    """By how many bytes a map of ``size`` can grow: as many again, or fewer if the system does not grant them; or 0.

    Asked before the old map is given up, because LMDB cannot go back to it.
    """
    more = size
    while more >= mmap.PAGESIZE:
        more -= more % mmap.PAGESIZE
        try:
            mmap.mmap(-1, more, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ).close()
        except OSError:
            more //= 2
        else:
            return more
    return 0
