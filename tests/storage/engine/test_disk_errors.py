"""What errors of LMDB and the system mean for a write."""

import errno
import os
from pathlib import Path
from typing import NamedTuple

import lmdb
import pytest

from docstore.errors import DocstoreError, StorageFailed, StorageFull
from docstore.storage.engine.disk_errors import disk_error, is_disk_error


def lmdb_error(code: int, kind: type[lmdb.Error] = lmdb.Error) -> lmdb.Error:
    """As the C extension makes them."""
    error = kind(os.strerror(code))
    error.code = code  # type: ignore[misc]
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (lmdb_error(errno.ENOSPC, lmdb.DiskError), StorageFull),
        (lmdb.DiskError("without a code"), StorageFull),
        (lmdb_error(errno.EDQUOT), StorageFull),
        (lmdb_error(errno.EFBIG), StorageFull),
        (OSError(errno.ENOSPC, ""), StorageFull),
        (lmdb_error(errno.EIO), StorageFailed),
        (OSError(errno.EIO, ""), StorageFailed),
        (lmdb_error(errno.EROFS), StorageFull),
        (lmdb.PanicError("panic"), StorageFailed),
        (lmdb.CorruptedError("corrupted"), StorageFailed),
        (RuntimeError("what is this?"), StorageFailed),
    ],
)
def test_full_or_failed(tmp_path: Path, error: Exception, told: type[DocstoreError]) -> None:
    assert type(disk_error(error, tmp_path)) is told


class Room(NamedTuple):
    f_bavail: int
    f_frsize: int = 4096


@pytest.mark.parametrize(("blocks", "told"), [(0, StorageFull), (100, StorageFull), (100_000, StorageFailed)])
def test_a_partial_write_is_a_full_disk_where_no_room_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int, told: type[DocstoreError]
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _path: Room(blocks))
    assert type(disk_error(lmdb_error(errno.EIO), tmp_path)) is told


def test_a_partial_write_to_a_file_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    assert type(disk_error(lmdb_error(errno.EIO), tmp_path / "gone")) is StorageFailed


@pytest.mark.parametrize(
    ("error", "of_the_disk"),
    [
        (lmdb_error(errno.EIO), True),
        (lmdb.DiskError("full"), True),
        (lmdb.PanicError("panic"), True),
        (lmdb.PageNotFoundError("page"), True),
        (lmdb_error(errno.EINVAL, lmdb.InvalidParameterError), False),
        (lmdb_error(errno.ENOMEM, lmdb.MemoryError), False),
        (lmdb.MapFullError("full"), False),
        (lmdb.BadValsizeError("key too long"), False),
        (lmdb.KeyExistsError("exists"), False),
        (OSError(errno.EIO, ""), True),
        (KeyError("x"), False),
    ],
)
def test_which_errors_are_the_disks(error: Exception, of_the_disk: bool) -> None:
    assert is_disk_error(error) is of_the_disk
