"""Environment and writer on a disk that fails or fills up, and under SIGKILL: nothing acknowledged is lost."""

import errno
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from docstore.errors import StorageFull
from docstore.settings import MIB, StorageSettings
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.engine.writer import Writer
from tests.crash.injecting import needs_injection
from tests.crash.storage_child import apply, key_of, value_of
from tests.storage.engine.writer_bench import NotedCommit

CHILD = [sys.executable, "-m", "tests.crash.storage_child", "write"]
META_PAGE_BYTES = 200
"""LMDB writes the changing part of its meta page, which is shorter than this; data pages are 4,096 bytes."""


def run_child(
    folder: Path, commands: int, tasks: int, *limit: int, before: Sequence[str] = ()
) -> tuple[int, dict[str, list[int]], str]:
    """The epoch it had, what it said by its first word, and its log."""
    command = [*before, *CHILD, str(folder), str(commands), str(tasks), *map(str, limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    epoch, *lines = done.stdout.splitlines()
    said: dict[str, list[int]] = {}
    for line in lines:
        word, _, number = line.partition(" ")
        said.setdefault(word, []).append(int(number) if number.isdigit() else 0)
    return int(epoch.removeprefix("epoch ")), said, done.stderr


def assert_stored(folder: Path, acknowledged: Sequence[int], epoch: int) -> None:
    with Environment.open(folder, StorageSettings()) as environment, environment.snapshot() as snapshot:
        assert environment.epoch == epoch
        rows = snapshot.getmulti(snapshot.tables.docs, [key_of(number) for number in sorted(acknowledged)])
    assert rows == [(key_of(number), value_of(number)) for number in sorted(acknowledged)]


def test_sigkill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    epochs: set[int] = set()
    acknowledged: set[int] = set()
    for acknowledgements in (10, 100, 300):
        command = [*CHILD, str(tmp_path), "1000000", "16"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            epochs.add(int(child.stdout.readline().removeprefix("epoch ")))
            acknowledged |= {int(child.stdout.readline().removeprefix("ack ")) for _ in range(acknowledgements)}
            child.kill()
            acknowledged |= {int(line.removeprefix("ack ")) for line in child.stdout if line.endswith("\n")}
        (epoch,) = epochs
        assert_stored(tmp_path, sorted(acknowledged), epoch)


@needs_injection
def test_a_failing_sync_stops_writes_and_reads_go_on(tmp_path: Path) -> None:
    failing = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO:when=6+"]
    epoch, said, log = run_child(tmp_path, 60, 4, before=failing)
    assert len(said["ack"]) >= 5
    assert sorted([*said["ack"], *said["StorageFailed"]]) == list(range(60))
    assert "reads" in said
    assert "writes are stopped" in log
    assert_stored(tmp_path, said["ack"], epoch)


def meta_page_writes(trace: Path, folder: Path) -> list[int]:
    """Which of the writer thread's ``pwrite64`` calls write a meta page, counted from 1."""
    by_thread: dict[str, list[int]] = {}
    for line in trace.read_text().splitlines():
        if call := re.match(r"(\d+) +pwrite64\(.*, (\d+), \d+\) += \d+", line):
            by_thread.setdefault(call[1], []).append(int(call[2]))
    calls = max(by_thread.values(), key=len)
    return [number for number, size in enumerate(calls, 1) if size < META_PAGE_BYTES]


@needs_injection
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_failing_sync_of_the_meta_page_leaves_the_store_readable(tmp_path: Path, error: str) -> None:
    """LMDB refuses even reads after this one, so the store is opened anew behind the readers' back.

    A lack of room too, which file systems that copy on write may tell of only there.
    """
    trace = tmp_path / "trace"
    tracing = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=pwrite64", "-s", "0"]
    _, said, _ = run_child(tmp_path / "traced", 20, 1, before=tracing)
    assert len(said["ack"]) == 20
    metas = meta_page_writes(trace, tmp_path)
    assert len(metas) == 20  # one command at a time: one commit for each

    failing = [*tracing[:-4], "-e", f"inject=pwrite64:error={error}:when={metas[12]}"]
    epoch, said, log = run_child(tmp_path / "failing", 20, 1, before=failing)
    assert said["ack"] == list(range(12))
    assert said["StorageFailed"] == list(range(12, 20))
    assert "reads" in said
    assert "for reading only" in log
    assert_stored(tmp_path / "failing", said["ack"], epoch)


def test_a_limit_of_the_file_size_is_a_full_disk(tmp_path: Path) -> None:
    epoch, said, _ = run_child(tmp_path, 300, 4, 2 * MIB)
    assert len(said["StorageFull"]) >= 1
    assert len(said["ack"]) > 200  # also after the limit was lifted, without a restart
    assert sorted([*said["ack"], *said["StorageFull"]]) == list(range(300))
    assert "reads" in said
    assert_stored(tmp_path, said["ack"], epoch)


def test_a_full_disk(small_disk: Path) -> None:
    acknowledged: list[int] = []
    numbers = iter(range(10_000))
    with Environment.open(small_disk, StorageSettings()) as environment:
        epoch = environment.epoch
        writer = Writer(environment, apply)

        def write_until_full() -> None:
            for number in numbers:
                writer.run_sync(number)
                acknowledged.append(number)

        for _ in range(3):
            with pytest.raises(StorageFull):
                write_until_full()
        assert len(acknowledged) > 200
        assert not writer.failed
        with environment.snapshot() as snapshot:
            assert snapshot.get(snapshot.tables.docs, key_of(acknowledged[-1])) == value_of(acknowledged[-1])
        subprocess.run(["mount", "-o", "remount,size=10m", str(small_disk)], check=True)
        writer.run_sync(10_000)
        writer.close_sync()
    assert_stored(small_disk, [*acknowledged, 10_000], epoch)


def tell_of_much_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file system does whose user has come to the end of a quota."""
    real = os.statvfs

    def statvfs(path: Path) -> SimpleNamespace:
        return SimpleNamespace(f_bavail=1 << 30, f_frsize=4096, f_fsid=real(path).f_fsid)

    monkeypatch.setattr(os, "statvfs", statvfs)


def test_a_full_disk_that_tells_of_much_room(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What LMDB says of a partial write is the same as of a failed sync, so there is a look whether a file can grow."""
    tell_of_much_room(monkeypatch)
    commit = NotedCommit()

    def put(transaction: GroupTransaction, commands: Sequence[object]) -> list[object]:
        for number in commands:
            transaction.put(transaction.tables.docs, b"%d" % number, bytes(MIB))
        return list(commands)

    with Environment.open(small_disk, StorageSettings()) as environment:
        writer = Writer(environment, put, commit=commit)

        def write_until_full() -> None:
            for number in range(20):
                writer.run_sync(number)

        for _ in range(2):
            with pytest.raises(StorageFull):
                write_until_full()
        assert errno.EIO in commit.codes
        assert not writer.failed
        subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
        writer.run_sync(20)
        writer.close_sync()
