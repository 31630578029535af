"""The file of indexes: kept where it can be, made anew where it cannot."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import lmdb
import pytest

from docstore.errors import StorageFailed, StorageFull, Unavailable
from docstore.query.views import index_file, layout
from docstore.query.views.index_file import INDEX_FILE, RUN_FILE, IndexFile, WriteIndex
from docstore.settings import StorageSettings

SMALL = StorageSettings(map_size=1 << 24, map_size_smallest=1 << 20)


def put_row(txn: WriteIndex) -> None:
    txn.put(txn.tables.indexes, b"key", b"value")


async def has_row(folder: Path) -> bool:
    file = IndexFile(folder, SMALL)
    try:
        with file.read() as txn:
            return txn.get(txn.tables.indexes, b"key") is not None
    finally:
        await file.close()


async def fill(folder: Path) -> None:
    file = IndexFile(folder, SMALL)
    await file.write(put_row)
    await file.close()
    assert not (folder / RUN_FILE).exists()


async def test_what_was_closed_is_kept(tmp_path: Path) -> None:
    await fill(tmp_path)
    assert await has_row(tmp_path)


async def test_after_a_kill_it_is_kept(tmp_path: Path) -> None:
    await fill(tmp_path)
    (tmp_path / RUN_FILE).write_text(index_file._boot_id())
    assert await has_row(tmp_path)


async def test_after_a_power_cut_it_is_made_anew(tmp_path: Path) -> None:
    await fill(tmp_path)
    (tmp_path / RUN_FILE).write_text("another run of the system")
    assert not await has_row(tmp_path)


@pytest.mark.parametrize("name", [layout.META_FORMAT, layout.META_COLLATION])
async def test_another_format_or_collation_is_made_anew(tmp_path: Path, name: bytes) -> None:
    file = IndexFile(tmp_path, SMALL)
    await file.write(put_row)
    await file.write(lambda txn: txn.put(txn.tables.meta, name, b"another"))
    await file.close()
    assert not await has_row(tmp_path)
    await fill(tmp_path)
    assert await has_row(tmp_path)


async def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / INDEX_FILE).write_bytes(b"no pages" * 10_000)
    assert not await has_row(tmp_path)


async def test_work_that_fails_writes_nothing(tmp_path: Path) -> None:
    file = IndexFile(tmp_path, SMALL)

    def fail(txn: WriteIndex) -> None:
        put_row(txn)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        await file.write(fail)
    await file.close()
    assert not await has_row(tmp_path)


async def test_the_map_grows(tmp_path: Path) -> None:
    file = IndexFile(tmp_path, StorageSettings(map_size=1 << 20, map_size_smallest=1 << 20))
    for number in range(4):
        await file.write(lambda txn, number=number: txn.put(txn.tables.rows, b"%d" % number, bytes(1 << 19)))
    with file.read() as txn:
        assert len(list(txn.cursor(txn.tables.rows))) == 4
    await file.close()


async def test_a_map_that_the_system_grants_and_then_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = IndexFile(tmp_path, StorageSettings(map_size=1 << 20, map_size_smallest=1 << 20))
    await file.write(put_row)
    with monkeypatch.context() as patched:
        patched.setattr(index_file, "grantable", lambda _size: 1 << 50)
        with pytest.raises(StorageFull):
            await file.write(lambda txn: txn.put(txn.tables.rows, b"large", bytes(1 << 21)))
    with file.read() as txn:
        assert txn.get(txn.tables.indexes, b"key") == b"value"
    await file.write(lambda txn: txn.put(txn.tables.rows, b"large", bytes(1 << 21)))
    await file.close()
    assert await has_row(tmp_path)


async def test_nothing_goes_after_the_end(tmp_path: Path) -> None:
    file = IndexFile(tmp_path, SMALL)
    await file.close()
    with pytest.raises(Unavailable):
        await file.write(put_row)
    with pytest.raises((Unavailable, lmdb.Error)):
        file.read()


@contextmanager
def files_left(count: int) -> Iterator[None]:
    """In this block the process can open so many files and no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1_024), hard))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(count):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for one in taken:
            os.close(one)


ENOUGH = 3


@pytest.mark.parametrize("count", range(ENOUGH + 1))
async def test_out_of_files_nothing_is_thrown_away(tmp_path: Path, count: int) -> None:
    await fill(tmp_path)
    words = None
    with files_left(count):
        try:
            await IndexFile(tmp_path, SMALL).close()
        except StorageFailed as error:
            words = error.reason
    assert words == (None if count == ENOUGH else "The indexes cannot be opened: Too many open files")
    assert await has_row(tmp_path)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@contextmanager
def full_disk() -> Iterator[None]:
    """In this block no file can grow."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def test_on_a_full_disk_what_was_left_by_a_kill_is_kept(tmp_path: Path) -> None:
    await fill(tmp_path)
    (tmp_path / RUN_FILE).write_text(index_file._boot_id())
    with full_disk():
        assert await has_row(tmp_path)
    assert await has_row(tmp_path)


async def test_on_a_full_disk_what_was_closed_is_not_opened_and_kept(tmp_path: Path) -> None:
    await fill(tmp_path)
    before = names(tmp_path)
    with full_disk(), pytest.raises(StorageFull):
        IndexFile(tmp_path, SMALL)
    assert names(tmp_path) == before
    assert await has_row(tmp_path)
