"""What an error of LMDB or the system means for a write: the disk is full or read-only, it failed, or it was not asked.

Owns that judgement alone.

* Full: LMDB writes the pages of a commit first, and a full disk refuses them there. The transaction is aborted, the
  last commit stays the truth, and the next transaction can be tried. A file system that reports the lack of room only
  at the sync does no harm either: LMDB takes fresh copies of every page that it writes, so the next commit depends on
  nothing that this one failed to bring to the disk. Where the room ends only at the meta page, as it can where the
  file system copies on write, LMDB refuses all further use; that is for ``write_faults.py`` to see.
* A partial write, where the room ends in the middle of what is written, is full too, but LMDB reports it as EIO, as a
  failed sync is. It is taken for one if nothing was synced, or if there is no room: none now, or none before it. What
  the file system tells of its room is not the whole of it (quotas, metadata of btrfs), so where it tells of some, a
  nameless file is written and synced to see.
* Read-only: the same, since nothing can be written there either. Writes are tried again each time, and go on once the
  disk can be written to.
* Failed: anything else that the system refuses. Data already written may or may not be on the disk, and a later sync
  may report success regardless, so nothing may be acknowledged until the store was opened anew.
* Not asked: the process has no file handle, or LMDB no memory, for a step before any sync. Nothing was written that
  counts, and the next transaction can be tried. Of the system's own calls only those that open a file are known to lack
  handles; a lack of memory may be that of a sync.

Not told apart are a sync that fails with EIO while the disk is full, which is taken for full (see there why it does no
harm), and the first partial write of a disk where there is room again by the time that it is asked for, which is taken
for a failure: that there is room now says nothing of a sync that has failed. A sync by LMDB that
fails for lack of memory is taken for LMDB's own lack, which does as little harm as a sync that lacks room.
"""

import errno
import os
import resource
import tempfile
from pathlib import Path

import lmdb

from docstore.core.disk_answers import NO_ROOM, OUT_OF_HANDLES, READ_ONLY
from docstore.errors import DocstoreError, StorageFailed, StorageFull, Unavailable

ROOM_LEFT_BYTES = 1 << 20
"""A partial write with less than this left, on the disk or to the process's limit of a file's size, is a full disk."""

_BROKEN = (lmdb.PanicError, lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.InvalidError, lmdb.ReadonlyError)
_OUR_MISTAKE = (lmdb.MemoryError, lmdb.InvalidParameterError)


def is_disk_error(error: BaseException) -> bool:
    """Whether the error comes from the disk, or shows a broken store, and not from a mistake of the caller."""
    if isinstance(error, lmdb.Error):
        return isinstance(error, _BROKEN) or (_code(error) > 0 and not isinstance(error, _OUR_MISTAKE))
    return isinstance(error, OSError)


def disk_error(error: BaseException, data_file: Path, *, partial_write: bool = False) -> DocstoreError:
    """StorageFull or StorageFailed, for an error that a commit, or the writing for it, ended with.

    ``partial_write``  whether EIO is known to be one: nothing was synced, or there was no room before
    """
    code = _code(error)
    if code == errno.EROFS:
        return StorageFull(READ_ONLY)
    if code in NO_ROOM:
        return StorageFull()
    if code == errno.EIO and (partial_write or not has_room(data_file)):
        return StorageFull()
    return StorageFailed()


def lacks_handles(error: BaseException) -> OSError | None:
    """What the system said, if it has no more files or memory for this process; it may have, a moment later."""
    code = _code(error) or (0 if error.__cause__ is None else _code(error.__cause__))
    return OSError(code, os.strerror(code)) if code in OUT_OF_HANDLES else None


def lacks_means(error: BaseException) -> Unavailable | None:
    """What is told where the process had no file handle or memory to go on, and nothing was synced; else None."""
    said = lacks_handles(error)
    if said is None or (isinstance(error, OSError) and said.errno == errno.ENOMEM):
        return None
    return Unavailable(f"The system has no more files or memory for this process: {said.strerror}.")


def lacks_room(error: BaseException, data_file: Path) -> bool:
    """Whether what failed would not fail if there were more room."""
    return _code(error) != errno.EROFS and isinstance(disk_error(error, data_file), StorageFull)


def _code(error: BaseException) -> int:
    """The system's error number; LMDB's own codes are negative. 0 if there is none."""
    if isinstance(error, lmdb.DiskError):
        return errno.ENOSPC
    code = error.errno if isinstance(error, OSError) else getattr(error, "code", 0)
    return code if isinstance(code, int) else 0


def has_room(path: Path) -> bool:
    """Whether a file, or one in a folder, can grow by ``ROOM_LEFT_BYTES``; if that cannot be found out, it is said to.

    What is written to see is gone afterwards. For those whose disk is full, or seems so: it costs a sync.
    """
    try:
        room = os.statvfs(path)
        size = path.stat().st_size
    except OSError:
        return True
    longest = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if room.f_bavail * room.f_frsize < ROOM_LEFT_BYTES or size + ROOM_LEFT_BYTES > longest != resource.RLIM_INFINITY:
        return False
    return _takes_bytes(path if path.is_dir() else path.parent)


def _takes_bytes(folder: Path) -> bool:
    # Random bytes, since zeros that a file system compresses, or keeps as a hole, take no room.
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            written = file.write(os.urandom(ROOM_LEFT_BYTES))
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno not in NO_ROOM
    return written == ROOM_LEFT_BYTES
