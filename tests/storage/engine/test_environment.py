"""Opening, refusing and closing a store."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from docstore.errors import StoreUnusable, Unavailable
from docstore.settings import MIB, StorageSettings
from docstore.storage import keys
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.folder_lock import FolderInUse, FolderLock

SETTINGS = StorageSettings()


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    with Environment.open(tmp_path, SETTINGS) as opened:
        yield opened


def put(environment: Environment, key: bytes, value: bytes) -> None:
    transaction = environment.begin_write()
    transaction.put(transaction.tables.docs, key, value)
    transaction.transaction.commit()


def get(environment: Environment, key: bytes) -> bytes | None:
    with environment.snapshot() as snapshot:
        return snapshot.get(snapshot.tables.docs, key)


def test_what_was_written_and_who_the_store_is_outlive_a_restart(tmp_path: Path) -> None:
    with Environment.open(tmp_path / "new" / "folder", SETTINGS) as first:
        put(first, b"a", b"1")
        uuid = first.server_uuid
    assert len(bytes.fromhex(uuid)) == 16
    with Environment.open(tmp_path / "new" / "folder", SETTINGS) as second:
        assert get(second, b"a") == b"1"
        assert second.server_uuid == uuid


def test_two_stores_have_different_names_and_epochs(tmp_path: Path) -> None:
    with Environment.open(tmp_path / "a", SETTINGS) as a, Environment.open(tmp_path / "b", SETTINGS) as b:
        assert a.server_uuid != b.server_uuid
        assert a.epoch != b.epoch


def test_a_second_open_is_refused_and_told_the_url(environment: Environment) -> None:
    environment.announce("http://127.0.0.1:5984/")
    with pytest.raises(FolderInUse, match=r"in use by http://127\.0\.0\.1:5984/"):
        Environment.open(environment.folder, SETTINGS)
    with pytest.raises(StoreUnusable, match="already open in this process"):
        Environment.open(environment.folder, SETTINGS, read_only=True)
    put(environment, b"a", b"1")
    assert get(environment, b"a") == b"1"


def test_the_folder_is_free_after_close(tmp_path: Path) -> None:
    Environment.open(tmp_path, SETTINGS).close()
    FolderLock(tmp_path, "x").release()


def test_a_lock_of_the_caller_stays_his(tmp_path: Path) -> None:
    with FolderLock(tmp_path, "docstore load") as lock:
        Environment.open(tmp_path, SETTINGS, lock=lock).close()
        with pytest.raises(FolderInUse, match="docstore load"):
            Environment.open(tmp_path, SETTINGS)


def test_reading_needs_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="no store"):
        Environment.open(tmp_path, SETTINGS, read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_read_only_does_not_write(tmp_path: Path) -> None:
    with Environment.open(tmp_path, SETTINGS) as environment:
        put(environment, b"a", b"1")
        epoch, uuid = environment.epoch, environment.server_uuid
    with Environment.open(tmp_path, SETTINGS, read_only=True) as reading:
        assert get(reading, b"a") == b"1"
        assert (reading.epoch, reading.server_uuid) == (epoch, uuid)
        with pytest.raises(Unavailable, match="reading only"):
            reading.begin_write()


READ_IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from docstore.settings import StorageSettings
from docstore.storage.engine.environment import Environment
environment = Environment.open(Path(sys.argv[1]), StorageSettings(), read_only=True)
snapshot = environment.snapshot()
print(snapshot.get(snapshot.tables.docs, b"a"), flush=True)
sys.stdin.read()
"""


def reader_process(folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", READ_IN_ANOTHER_PROCESS, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_another_process_reads_beside_us_and_leaves_nothing_when_killed(environment: Environment) -> None:
    put(environment, b"a", b"1")
    with reader_process(environment.folder) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"b'1'\n"
        put(environment, b"a", b"2")
        assert environment.drop_stale_readers() == 0
        reader.kill()
        reader.wait()
        assert environment.drop_stale_readers() == 1


def test_an_unknown_format_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    with Environment.open(tmp_path, SETTINGS) as environment:
        transaction = environment.begin_write()
        transaction.put(transaction.tables.meta, keys.META_FORMAT_VERSION, (99).to_bytes(4))
        transaction.transaction.commit()
    before = (tmp_path / DATA_FILE).read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreUnusable, match="format version 99; this docstore reads versions 1 and 2"):
            Environment.open(tmp_path, SETTINGS, read_only=read_only)
    assert (tmp_path / DATA_FILE).read_bytes() == before
    FolderLock(tmp_path, "free again").release()


def test_a_store_of_the_first_format_has_this_one_from_when_it_is_opened_to_write(tmp_path: Path) -> None:
    def version(*, read_only: bool) -> int:
        with (
            Environment.open(tmp_path, SETTINGS, read_only=read_only) as environment,
            environment.snapshot() as snapshot,
        ):
            return int.from_bytes(snapshot.get(snapshot.tables.meta, keys.META_FORMAT_VERSION) or b"")

    with Environment.open(tmp_path, SETTINGS) as environment:
        transaction = environment.begin_write()
        transaction.put(transaction.tables.meta, keys.META_FORMAT_VERSION, (1).to_bytes(4))
        transaction.transaction.commit()
    assert version(read_only=True) == 1, "who only reads changes nothing"
    assert version(read_only=False) == 2, "before anything that the first format does not know is written"
    assert version(read_only=True) == 2


def test_a_foreign_lmdb_file_is_refused(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path / DATA_FILE), subdir=False) as foreign, foreign.begin(write=True) as transaction:
        transaction.put(b"key", b"value")
    with pytest.raises(StoreUnusable, match="not a store of docstore"):
        Environment.open(tmp_path, SETTINGS)


def test_a_file_that_is_not_lmdbs_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATA_FILE).write_bytes(b"no database " * 1000)
    with pytest.raises(StoreUnusable, match="is no meta page of LMDB"):
        Environment.open(tmp_path, SETTINGS)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusable, match="file"):
        Environment.open(tmp_path / "file", SETTINGS)


def test_what_a_killed_compaction_left_is_removed(tmp_path: Path) -> None:
    Environment.open(tmp_path, SETTINGS).close()
    leftover = tmp_path / f"{DATA_FILE}.compact"
    leftover.write_bytes(b"half a copy")
    Environment.open(tmp_path, SETTINGS).close()
    assert not leftover.exists()


def test_a_map_smaller_than_the_file_grows_at_open(tmp_path: Path) -> None:
    with Environment.open(tmp_path, SETTINGS) as environment:
        put(environment, b"a", bytes(4 * MIB))
        used = environment.used_size
    assert used > 4 * MIB
    with Environment.open(tmp_path, StorageSettings(map_size=MIB, map_size_smallest=MIB)) as environment:
        assert get(environment, b"a") == bytes(4 * MIB)
        put(environment, b"b", b"1")
        assert environment.map_size > used


def test_a_closed_environment_refuses_all_use(tmp_path: Path) -> None:
    environment = Environment.open(tmp_path, SETTINGS)
    snapshot = environment.snapshot()
    environment.close()
    environment.close()
    assert snapshot.expired
    with pytest.raises(Unavailable):
        snapshot.get(snapshot.tables.docs, b"a")
    with pytest.raises(Unavailable):
        environment.snapshot()
    with pytest.raises(Unavailable):
        environment.begin_write()


async def test_closing_waits_for_threads_that_read_and_the_loop_goes_on(tmp_path: Path) -> None:
    environment = Environment.open(tmp_path, SETTINGS)
    put(environment, b"a", b"1")
    environment.attach_loop(asyncio.get_running_loop())
    opened, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def read() -> bytes | None:
        with environment.snapshot() as snapshot:
            loop.call_soon_threadsafe(opened.set)
            go_on.wait()
            return snapshot.get(snapshot.tables.docs, b"a")

    reading = asyncio.ensure_future(asyncio.to_thread(read))
    await opened.wait()
    ours = environment.snapshot()
    closing = asyncio.ensure_future(environment.close_beside_loop())
    await asyncio.sleep(0)  # it has begun
    assert ours.closed
    assert not closing.done()
    go_on.set()
    assert await reading == b"1"
    await closing
    await environment.close_beside_loop()
    Environment.open(tmp_path, SETTINGS).close()


def test_a_store_that_is_still_read_is_left_open_and_keeps_its_lock(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environment = Environment.open(tmp_path, StorageSettings(close_patience=0.01))
    put(environment, b"a", b"1")
    opened, go_on = threading.Event(), threading.Event()
    found: list[bytes | None] = []

    def read() -> None:
        with environment.snapshot() as snapshot:
            opened.set()
            go_on.wait()
            found.append(snapshot.get(snapshot.tables.docs, b"a"))

    thread = threading.Thread(target=read)
    thread.start()
    opened.wait()
    environment.close()
    assert "still reads" in caplog.text
    with pytest.raises(FolderInUse):
        Environment.open(tmp_path, SETTINGS)
    go_on.set()
    thread.join()
    assert found == [b"1"]


def exit_status_of_child(action: object) -> int:
    """Run a callable in a fork of this process; 0 if it returned."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert callable(action)
            action()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_fork_cannot_use_the_store_and_does_not_disturb_it(environment: Environment) -> None:
    put(environment, b"a", b"1")
    held = environment.snapshot()

    def in_child() -> None:
        with pytest.raises(Unavailable, match="fork"):
            environment.snapshot()
        with pytest.raises(Unavailable, match="fork"):
            environment.begin_write()
        environment.close()

    assert exit_status_of_child(in_child) == 0
    assert held.get(held.tables.docs, b"a") == b"1"
    put(environment, b"a", b"2")
    assert get(environment, b"a") == b"2"


def test_a_fork_made_while_a_thread_opens_a_snapshot_does_not_hang(environment: Environment) -> None:
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            get(environment, b"a")

    reader = threading.Thread(target=read)
    reader.start()

    def in_child() -> None:
        signal.alarm(20)
        with pytest.raises(Unavailable, match="fork"):
            environment.snapshot()

    try:
        assert [exit_status_of_child(in_child) for _ in range(10)] == [0] * 10
    finally:
        stop.set()
        reader.join()


def test_a_living_fork_does_not_keep_the_folder_locked(tmp_path: Path) -> None:
    environment = Environment.open(tmp_path, SETTINGS)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    try:
        environment.close()
        Environment.open(tmp_path, SETTINGS).close()
    finally:
        os.close(writing)
        os.waitpid(child, 0)
