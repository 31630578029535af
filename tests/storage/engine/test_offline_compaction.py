"""Compacting a stopped store."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb
import pytest

from docstore.errors import StorageFailed, StoreUnusable
from docstore.settings import KIB, MIB, Durability, StorageSettings
from docstore.storage import keys
from docstore.storage.engine.data_file import DATA_FILE, lock_for_reading
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.folder_lock import FolderInUse, FolderLock
from docstore.storage.engine.offline_compaction import STEPS, CompactionReport, compact_offline
from docstore.storage.tables import Tables

SETTINGS = StorageSettings()
COPY = f"{DATA_FILE}.compact"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A store of 200 rows, most of whose file is free."""
    with Environment.open(tmp_path, SETTINGS) as environment:
        for round_number in range(3):
            transaction = environment.begin_write()
            rows = [(b"%03d" % number, b"%d " % round_number + bytes(4 * KIB)) for number in range(200)]
            transaction.putmulti(transaction.tables.docs, rows)
            transaction.put(transaction.tables.local, b"local", b"1")
            transaction.transaction.commit()
        transaction = environment.begin_write()
        transaction.deletemulti(transaction.tables.docs, [b"%03d" % number for number in range(100)])
        transaction.transaction.commit()
    yield tmp_path
    assert not (tmp_path / COPY).exists()


def contents(folder: Path) -> dict[str, list[tuple[bytes, bytes]]]:
    """Every row, but for the name of the run, which each opening changes."""
    with Environment.open(folder, SETTINGS, read_only=True) as environment, environment.snapshot() as snapshot:
        rows = {
            name.decode(): list(snapshot.cursor(getattr(snapshot.tables, name.decode()))) for name in keys.TABLE_NAMES
        }
    rows["meta"] = [row for row in rows["meta"] if row[0] not in (keys.META_RUN, keys.META_EXPIRIES_RUN)]
    return rows


def test_the_file_shrinks_and_nothing_else_changes(folder: Path) -> None:
    before = contents(folder)
    assert len(before["docs"]) == 100
    size = (folder / DATA_FILE).stat().st_size
    report = compact_offline(folder, SETTINGS)
    assert report == CompactionReport(size, (folder / DATA_FILE).stat().st_size)
    assert report.after < report.before / 2
    assert contents(folder) == before
    with Environment.open(folder, SETTINGS) as environment:
        transaction = environment.begin_write()
        transaction.put(transaction.tables.docs, b"new", b"1")
        transaction.transaction.commit()
    assert [row for row in contents(folder)["docs"] if row not in before["docs"]] == [(b"new", b"1")]
    compact_offline(folder, SETTINGS)


@pytest.mark.parametrize("durability", Durability)
def test_the_epoch_is_kept(folder: Path, durability: Durability) -> None:
    settings = StorageSettings(durability=durability)
    with Environment.open(folder, settings) as environment:
        epoch = environment.epoch
    compact_offline(folder, settings)
    with Environment.open(folder, settings) as environment:
        assert environment.epoch == epoch


def test_the_steps_are_told_in_order(folder: Path) -> None:
    told: list[str] = []
    compact_offline(folder, SETTINGS, after_step=told.append)
    assert tuple(told) == STEPS


def test_a_running_server_is_named(folder: Path) -> None:
    before = (folder / DATA_FILE).read_bytes()
    with Environment.open(folder, SETTINGS) as environment:
        environment.announce("http://127.0.0.1:5984/")
        with pytest.raises(FolderInUse, match=r"http://127\.0\.0\.1:5984/"):
            compact_offline(folder, SETTINGS)
    assert (folder / DATA_FILE).stat().st_size == len(before)


def test_a_reader_of_another_process_is_not_disturbed(folder: Path) -> None:
    reader = lock_for_reading(folder / DATA_FILE)
    with pytest.raises(StoreUnusable, match="is reading"):
        compact_offline(folder, SETTINGS)
    os.close(reader)
    compact_offline(folder, SETTINGS)


def test_readers_come_back_after_the_rename_and_writers_after_the_end(folder: Path) -> None:
    before = contents(folder)
    renamed = False

    def after_step(step: str) -> None:
        nonlocal renamed
        renamed = renamed or step == "renamed"
        if renamed:
            assert contents(folder) == before
        else:
            with pytest.raises(StoreUnusable, match="being compacted"):
                contents(folder)
        with pytest.raises(FolderInUse, match="docstore compact"):
            Environment.open(folder, SETTINGS)

    compact_offline(folder, SETTINGS, after_step=after_step)
    assert renamed
    Environment.open(folder, SETTINGS).close()


def test_no_store_no_compaction(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="no store"):
        compact_offline(tmp_path, SETTINGS)
    assert list(tmp_path.iterdir()) == []


def copy_without_a_row(folder: Path) -> None:
    with lmdb.open(str(folder / COPY), subdir=False, lock=False, map_size=16 * MIB, max_dbs=keys.MAX_TABLES) as copied:
        tables = Tables.open(copied)
        with copied.begin(write=True) as transaction:
            assert transaction.delete(b"150", db=tables.docs)


def copy_cut_short(folder: Path) -> None:
    with (folder / COPY).open("r+b") as file:
        file.truncate(4096)


@pytest.mark.parametrize("damage", [copy_without_a_row, copy_cut_short])
def test_a_copy_that_is_not_whole_is_thrown_away(folder: Path, damage: Callable[[Path], None]) -> None:
    before = contents(folder)

    def after_step(step: str) -> None:
        if step == "synced":
            damage(folder)

    with pytest.raises(StorageFailed):
        compact_offline(folder, SETTINGS, after_step=after_step)
    assert contents(folder) == before
    FolderLock(folder, "free again").release()


NO_ROOM = """
import resource, sys
from pathlib import Path
from docstore.errors import StorageFull
from docstore.settings import StorageSettings
from docstore.storage.engine.offline_compaction import compact_offline
def after_step(step):
    if step == "opened":
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    elif step == "copied":
        sys.exit("the copy was written")
try:
    compact_offline(Path(sys.argv[1]), StorageSettings(), after_step=after_step)
except StorageFull as full:
    print(full)
"""


def test_without_room_for_the_copy_the_old_file_stays(folder: Path) -> None:
    before = contents(folder)
    command = [sys.executable, "-c", NO_ROOM, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "The disk has no room for the compact copy.\n"), done.stderr
    assert contents(folder) == before
