"""What errors of LMDB and the system mean for a write."""

import errno
import os
import resource
from pathlib import Path
from typing import NamedTuple

import lmdb
import pytest

from docstore.core.disk_answers import NO_ROOM
from docstore.errors import DocstoreError, StorageFailed, StorageFull
from docstore.storage.engine.disk_errors import ROOM_LEFT_BYTES, disk_error, has_room, is_disk_error, lacks_means


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


def test_a_partial_write_is_a_full_disk_if_it_is_known_to_be_one(tmp_path: Path) -> None:
    assert type(disk_error(lmdb_error(errno.EIO), tmp_path, partial_write=True)) is StorageFull
    assert type(disk_error(lmdb.PanicError("panic"), tmp_path, partial_write=True)) is StorageFailed


@pytest.mark.parametrize("code", sorted(NO_ROOM))
def test_room_of_which_the_file_system_does_not_tell_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A quota: there are blocks enough, and none for us."""

    def refuse(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    assert has_room(tmp_path)
    monkeypatch.setattr(os, "fsync", refuse)
    assert not has_room(tmp_path)
    assert type(disk_error(lmdb_error(errno.EIO), tmp_path / "docs.mdb")) is StorageFailed, "it is gone"
    (tmp_path / "docs.mdb").touch()
    assert type(disk_error(lmdb_error(errno.EIO), tmp_path / "docs.mdb")) is StorageFull
    assert [path.name for path in tmp_path.iterdir()] == ["docs.mdb"]


def test_looking_for_room_that_fails_otherwise_finds_no_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", refuse)
    assert has_room(tmp_path)


def test_a_file_that_may_not_grow_has_no_room(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(100))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit, room in ((ROOM_LEFT_BYTES + 100, True), (ROOM_LEFT_BYTES + 99, False)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
        try:
            assert has_room(file) is room
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)


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


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (OSError(errno.EMFILE, ""), True),
        (OSError(errno.ENFILE, ""), True),
        (OSError(errno.ENOMEM, ""), False),  # a sync may answer that
        (lmdb_error(errno.ENOMEM, lmdb.MemoryError), True),
        (OSError(errno.EIO, ""), False),
        (lmdb_error(errno.EIO), False),
        (lmdb.MapFullError("full"), False),
        (KeyError("x"), False),
    ],
)
def test_lack_of_handles_or_memory(error: Exception, lacks: bool) -> None:
    assert (lacks_means(error) is not None) is lacks
