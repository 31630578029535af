"""The run of a store: what is on the disk at each step of recording it, if the disk is full then."""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb
import pytest

from docstore.errors import StorageFull, StoreUnusable
from docstore.settings import StorageSettings
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.epoch import SealFile
from docstore.storage.engine.store_run import StoreRun
from docstore.storage.engine.writer import Writer
from tests.crash.storage_child import apply, key_of, value_of

SETTINGS = StorageSettings()


class FullDisk:
    """A disk that is full from a step of the start on: the ``first`` of them works, or the first two, ..."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
        self.full = False
        self._steps = 0
        self._first = first
        self._monkeypatch = monkeypatch
        self._stop(SealFile, "write", OSError(errno.ENOSPC, "No space left on device"))
        self._stop(StoreRun, "_write_meta", lmdb.DiskError("No space left on device"))

    def _stop(self, target: type, name: str, error: Exception) -> None:
        step: Callable[..., object] = getattr(target, name)

        def step_or_fail(*arguments: object, **keywords: object) -> object:
            self._steps += self.full
            if self.full and self._steps > self._first:
                raise error
            return step(*arguments, **keywords)

        self._monkeypatch.setattr(target, name, step_or_fail)

    def fill(self) -> None:
        self.full = True
        self._steps = 0


@pytest.fixture(params=range(3))
def disk(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[FullDisk]:
    return FullDisk(monkeypatch, request.param)


def write(environment: Environment, number: int) -> None:
    writer = Writer(environment, apply)
    try:
        writer.run_sync(number)
    finally:
        writer.close_sync()


def numbers(environment: Environment) -> set[int]:
    with environment.snapshot() as snapshot, snapshot.cursor(snapshot.tables.docs) as cursor:
        found = dict(cursor.iternext())
    assert all(found[key_of(number)] == value_of(number) for number in range(9) if key_of(number) in found)
    return {number for number in range(9) if key_of(number) in found}


@pytest.mark.parametrize("end", ["close", "kill"])
@pytest.mark.parametrize("copied", [False, True])
def test_a_store_on_a_full_disk_is_read(tmp_path: Path, disk: FullDisk, copied: bool, end: str) -> None:
    """At whichever step: it opens, has its epoch, takes writes once there is room, and forgets nothing."""
    with Environment.open(tmp_path, SETTINGS) as environment:
        epoch = environment.epoch
        write(environment, 1)
    if copied:
        SealFile(tmp_path / DATA_FILE).remove(sync=False)
    disk.fill()
    environment = Environment.open(tmp_path, SETTINGS)
    told = environment.epoch
    assert (told == epoch) is not copied
    assert numbers(environment) == {1}
    writable = disk._first == 2 and copied  # all steps that there are have worked
    for _ in range(2):
        if not writable:
            disk.fill()
            with pytest.raises(StorageFull):
                write(environment, 2)
    assert numbers(environment) == {1}
    if end == "kill":
        environment.writes_failed()  # so that the seal is not written at close
        environment.close()
        disk.full = False
        environment = Environment.open(tmp_path, SETTINGS)
        assert copied or environment.epoch == epoch
        told = environment.epoch
    disk.full = False
    write(environment, 3)
    assert environment.epoch == told
    environment.close()
    with Environment.open(tmp_path, SETTINGS) as environment:
        assert numbers(environment) == {1, 3}
        assert environment.epoch == told


def test_what_was_read_only_leaves_the_seal(tmp_path: Path, disk: FullDisk) -> None:
    """Opened and closed on a full disk as often as one likes, a store keeps its epoch."""
    with Environment.open(tmp_path, SETTINGS) as environment:
        epoch = environment.epoch
    for _ in range(3):
        disk.fill()
        with Environment.open(tmp_path, SETTINGS) as environment:
            assert environment.epoch == epoch
    disk.full = False
    with Environment.open(tmp_path, SETTINGS) as environment:
        assert environment.epoch == epoch


def test_a_new_store_is_not_begun_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FullDisk(monkeypatch, 0).fill()
    with pytest.raises(StorageFull):
        Environment.open(tmp_path, SETTINGS)
    assert not (tmp_path / DATA_FILE).exists()
    monkeypatch.undo()
    with Environment.open(tmp_path, SETTINGS) as environment:
        write(environment, 1)


def test_another_failure_is_not_taken_for_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Environment.open(tmp_path, SETTINGS) as environment:
        write(environment, 1)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(SealFile, "write", fail)
    with pytest.raises(StoreUnusable):
        Environment.open(tmp_path, SETTINGS)
    assert (tmp_path / DATA_FILE).exists()


def test_a_map_that_cannot_grow_is_told_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Environment.open(tmp_path, SETTINGS) as environment:
        write(environment, 1)

    def full(*_: object) -> None:
        raise lmdb.MapFullError("mdb_put")

    monkeypatch.setattr(StoreRun, "record", full)
    monkeypatch.setattr("docstore.storage.engine.store_run.grantable", lambda _size: 0)
    with pytest.raises(StorageFull, match="no more address space"):
        Environment.open(tmp_path, SETTINGS)
