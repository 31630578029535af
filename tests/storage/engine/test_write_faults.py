"""The writer on a disk that is full or fails: what each group is told, and what is written afterwards."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb
import pytest

from docstore.errors import StorageFailed, StorageFull, Unavailable
from docstore.settings import MIB, Durability, StorageSettings
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.store_run import StoreRun
from docstore.storage.engine.transactions import WHEN_SYNCED, GroupTransaction
from docstore.storage.engine.writer import Writer
from tests.storage.engine.writer_bench import SETTINGS, Applied, Bench, NotedCommit, Open, Put, outcomes


async def test_after_a_failed_sync_writes_stop_and_reads_go_on(
    open_bench: Open, caplog: pytest.LogCaptureFixture
) -> None:
    bench = open_bench(StorageSettings())
    epoch = bench.environment.epoch
    await bench.writer.submit(Put(b"a", b"1"))
    first = await bench.hold_commit(b"b")
    bench.commit.failures = [OSError(errno.EIO, "sync failed")]
    waiting = [bench.writer.submit(Put(b"c")), bench.writer.submit(Put(b"d"))]
    bench.commit.go.release()
    assert await outcomes([first, *waiting]) == [StorageFailed] * 3
    assert await outcomes([bench.writer.submit(Put(b"e"))]) == [StorageFailed]
    assert bench.writer.failed
    assert "writes are stopped" in caplog.text
    assert [bench.value(key) for key in (b"a", b"b", b"c", b"e")] == [b"1", None, None, None]
    await bench.writer.close()
    bench.environment.close()
    again = open_bench(StorageSettings())
    assert again.environment.epoch == epoch
    assert await again.writer.submit(Put(b"b", b"2")) == b"b"
    assert (again.value(b"a"), again.value(b"b")) == (b"1", b"2")


FULL_DISKS = [lmdb.DiskError("mdb_txn_commit: No space left on device"), OSError(errno.EDQUOT, "quota")]


@pytest.mark.parametrize("full", FULL_DISKS)
async def test_a_full_disk_fails_its_group_and_the_next_is_tried(bench: Bench, full: Exception) -> None:
    await bench.writer.submit(Put(b"a", b"1"))
    bench.commit.failures = [full, full]
    assert await outcomes([bench.writer.submit(Put(b"b"))]) == [StorageFull]
    assert not bench.writer.failed
    assert (bench.value(b"a"), bench.value(b"b")) == (b"1", None)
    assert await bench.writer.submit(Put(b"b", b"2")) == b"b"
    assert bench.value(b"b") == b"2"


@pytest.mark.parametrize("full", FULL_DISKS)
async def test_pages_that_the_last_commit_freed_are_asked_for_before_a_disk_is_full(
    bench: Bench, full: Exception
) -> None:
    await bench.writer.submit(Put(b"a", b"1"))
    before = bench.environment.snapshot().txnid
    bench.commit.failures = [full]
    assert await bench.writer.submit(Put(b"b", b"2")) == b"b"
    assert bench.environment.snapshot().txnid == before + 2
    bench.commit.failures = [full, full]
    assert await outcomes([bench.writer.submit(Put(b"c"))]) == [StorageFull]
    bench.commit.failures = [full]  # no commit since, so there is nothing more to ask for
    assert await outcomes([bench.writer.submit(Put(b"c"))]) == [StorageFull]


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (OSError(errno.ENOSPC, "full"), False),
        (lmdb.MapFullError("mdb_txn_commit"), False),
        (OSError(errno.EIO, "sync failed"), True),
    ],
)
async def test_a_commit_between_that_fails_is_told_for_what_it_is(
    bench: Bench, error: Exception, failed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise error

    await bench.writer.submit(Put(b"a", b"1"))
    monkeypatch.setattr(bench.environment, "commit_nothing", fails)
    bench.commit.failures = [OSError(errno.ENOSPC, "full")]
    assert await outcomes([bench.writer.submit(Put(b"b"))]) == [StorageFull]
    assert bench.writer.failed is failed


async def test_a_full_disk_met_while_applying(bench: Bench) -> None:
    submitted = [bench.writer.submit(Put(b"a")), bench.writer.submit(Put(b"b", raises=lmdb.DiskError("mdb_put")))]
    assert await outcomes(submitted) == [StorageFull, StorageFull]
    assert bench.applied.groups == [[b"a", b"b"]]  # not one by one: no command is the culprit


def partial_write() -> lmdb.Error:
    """As LMDB reports one; and the failure of a sync."""
    error = lmdb.Error("mdb_txn_commit: Input/output error")
    error.code = errno.EIO  # type: ignore[misc]
    return error


class Room:
    """Whether there is room, each time that it is asked for; the last answer stands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers = [True]
        self.asked = 0
        for module in ("disk_errors", "write_faults"):
            monkeypatch.setattr(f"docstore.storage.engine.{module}.has_room", self._answer)

    def _answer(self, _path: Path) -> bool:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    return Room(monkeypatch)


async def test_a_partial_write_is_a_full_disk_if_there_was_no_room_before_it(bench: Bench, room: Room) -> None:
    room.answers = [False]
    bench.commit.failures = [partial_write()]
    assert await outcomes([bench.writer.submit(Put(b"a"))]) == [StorageFull]
    room.answers = [False, True]  # none before, and it comes back before anybody can ask again
    bench.commit.failures = [partial_write()]
    assert await outcomes([bench.writer.submit(Put(b"a"))]) == [StorageFull]
    assert not bench.writer.failed
    assert await bench.writer.submit(Put(b"a", b"1")) == b"a"
    assert bench.value(b"a") == b"1"


async def test_the_same_of_a_commit_between(bench: Bench, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise partial_write()

    await bench.writer.submit(Put(b"a"))
    monkeypatch.setattr(bench.environment, "commit_nothing", fails)
    bench.commit.failures = [OSError(errno.ENOSPC, "full")]
    room.answers = [False, True]
    assert await outcomes([bench.writer.submit(Put(b"b"))]) == [StorageFull]
    assert not bench.writer.failed


@pytest.mark.parametrize("full_before", [False, True])
async def test_where_there_was_room_and_is_it_is_a_failure(bench: Bench, room: Room, full_before: bool) -> None:
    """Whether or not the disk was full a moment ago: room alone does not undo what a sync may have lost."""
    if full_before:
        bench.commit.failures = [OSError(errno.ENOSPC, "full")]
        assert await outcomes([bench.writer.submit(Put(b"a"))]) == [StorageFull]
    bench.commit.failures = [partial_write()]
    assert await outcomes([bench.writer.submit(Put(b"a"))]) == [StorageFailed]
    assert bench.writer.failed


async def test_room_is_asked_for_while_the_disk_is_full_and_no_longer(bench: Bench, room: Room) -> None:
    await bench.writer.submit(Put(b"a"))
    bench.commit.failures = [OSError(errno.ENOSPC, "full")]
    await bench.writer.submit(Put(b"b"))
    assert room.asked
    room.asked = 0
    await bench.writer.submit(Put(b"c"))
    assert room.asked == 0
    bench.commit.failures = [partial_write()]
    room.answers = [True]
    assert await outcomes([bench.writer.submit(Put(b"d"))]) == [StorageFailed]


@contextmanager
def longest_file(size: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def test_room_that_comes_back_during_a_commit_that_lacks_it(
    open_bench: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real thing: LMDB writes half of a value, and has more room before the writer hears of it."""
    bench = open_bench(StorageSettings())
    await bench.writer.submit(Put(b"a", b"1"))
    size = bench.environment.data_file.stat().st_size
    with longest_file(size + 65_536):
        assert await outcomes([bench.writer.submit(Put(b"b", bytes(MIB)))]) == [StorageFull]
        no_limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        commit = NotedCommit(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, no_limit))
        monkeypatch.setattr(bench.writer, "_commit", commit)
        assert await outcomes([bench.writer.submit(Put(b"b", bytes(MIB)))]) == [StorageFull]
    assert commit.codes == [errno.EIO]
    assert not bench.writer.failed
    assert await bench.writer.submit(Put(b"b", b"2")) == b"b"
    assert (bench.value(b"a"), bench.value(b"b")) == (b"1", b"2")


async def test_a_partial_write_met_while_applying_is_a_full_disk(bench: Bench, room: Room) -> None:
    """Whatever room there is: LMDB syncs nothing then."""
    submitted = [bench.writer.submit(Put(b"a")), bench.writer.submit(Put(b"b", raises=partial_write()))]
    assert await outcomes(submitted) == [StorageFull, StorageFull]
    assert not bench.writer.failed


class FailingSync:
    """The sync behind a commit, which fails as it is told to."""

    def __init__(self, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failures: list[Exception] = []
        self._sync = environment.committed
        monkeypatch.setattr(environment, "committed", self)

    def __call__(self, transaction: GroupTransaction) -> None:
        if transaction.wants_sync and self.failures:
            raise self.failures.pop(0)
        self._sync(transaction)


SYNC_FAILURES = [
    OSError(errno.EIO, "sync"), OSError(errno.ENOSPC, "sync"), OSError(errno.EDQUOT, "sync"),
    OSError(errno.EROFS, "sync"), OSError(errno.ENOMEM, "sync"), OSError(errno.EMFILE, "sync"),
    lmdb.DiskError("mdb_env_sync"), lmdb.MemoryError("mdb_env_sync"), lmdb.MapFullError("mdb_env_sync"),
]  # fmt: skip


@pytest.mark.parametrize("failure", SYNC_FAILURES, ids=repr)
@pytest.mark.parametrize("durability", [Durability.RELAXED, Durability.NONE])
async def test_a_failed_sync_behind_a_commit_is_told_to_those_alone_who_waited_for_it(
    open_bench: Open, monkeypatch: pytest.MonkeyPatch, durability: Durability, failure: Exception
) -> None:
    """What was committed is neither done again nor called refused, whatever the sync says of room."""
    bench = open_bench(StorageSettings(durability=durability))
    sync = FailingSync(bench.environment, monkeypatch)
    assert await outcomes([bench.writer.submit(Put(b"a", answer=WHEN_SYNCED))]) == [WHEN_SYNCED]
    first = await bench.hold_commit()
    sync.failures = [failure]
    rest = [bench.writer.submit(Put(b"b", b"1")), bench.writer.submit(Put(b"c", b"2", answer=WHEN_SYNCED))]
    bench.commit.go.release()
    assert await outcomes([first, *rest]) == [b"first", b"b", StorageFailed]
    assert bench.applied.groups == [[b"a"], [b"first"], [b"b", b"c"]]
    assert (bench.value(b"b"), bench.value(b"c")) == (b"1", b"2")
    assert (len(bench.summaries), bench.summaries[-1].commands) == (3, 2)
    assert bench.writer.failed
    assert await outcomes([bench.writer.submit(Put(b"d"))]) == [StorageFailed]


async def test_a_sync_that_nobody_waited_for_is_not_done(open_bench: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = open_bench(StorageSettings(durability=Durability.RELAXED))
    FailingSync(bench.environment, monkeypatch).failures = [OSError(errno.EIO, "sync")]
    assert await bench.writer.submit(Put(b"a")) == b"a"
    assert not bench.writer.failed


def no_memory(call: str) -> lmdb.Error:
    """As LMDB reports it."""
    error = lmdb.MemoryError(f"{call}: {os.strerror(errno.ENOMEM)}")
    error.code = errno.ENOMEM  # type: ignore[misc]
    return error


class NoHandles:
    """No file can be opened below a folder, while ``missing``."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.missing = True
        real = os.open

        def refuse(path: Path, *arguments: int, **keywords: int) -> int:
            if self.missing and Path(path).is_relative_to(folder):
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return real(path, *arguments, **keywords)

        monkeypatch.setattr(os, "open", refuse)


async def test_memory_that_lacks_at_a_commit_stops_nothing(bench: Bench) -> None:
    bench.commit.failures = [no_memory("mdb_txn_commit")]
    with pytest.raises(Unavailable, match="no more files or memory for this process: Cannot allocate memory"):
        await bench.writer.submit(Put(b"a", b"1"))
    assert bench.applied.groups == [[b"a"]]
    assert bench.value(b"a") is None
    assert await bench.writer.submit(Put(b"a", b"2")) == b"a"


async def test_memory_that_lacks_at_the_beginning_stops_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = bench.environment.begin_write
    failures: list[Exception] = [no_memory("mdb_txn_begin")]

    def begin_or_fail() -> GroupTransaction:
        if failures:
            raise failures.pop()
        return begin()

    monkeypatch.setattr(bench.environment, "begin_write", begin_or_fail)
    assert await outcomes([bench.writer.submit(Put(b"a"))]) == [Unavailable]
    assert await bench.writer.submit(Put(b"a")) == b"a"


async def test_memory_that_lacks_while_applying_is_told_to_whom_it_lacks(bench: Bench) -> None:
    submitted = [bench.writer.submit(Put(b"a")), bench.writer.submit(Put(b"b", raises=no_memory("mdb_put")))]
    assert await outcomes(submitted) == [b"a", Unavailable]
    assert not bench.writer.failed


async def test_a_sync_behind_a_commit_for_which_there_is_no_handle_stops_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await bench.hold_commit()
    handles = NoHandles(bench.environment.folder, monkeypatch)
    rest = [bench.writer.submit(Put(b"a", b"1")), bench.writer.submit(Put(b"b", answer=WHEN_SYNCED))]
    bench.commit.go.release()
    assert await outcomes([first, *rest]) == [b"first", b"a", Unavailable]
    assert (bench.value(b"a"), bench.value(b"b")) == (b"1", b"")
    assert len(bench.summaries) == 2
    handles.missing = False
    assert await bench.writer.submit(Put(b"c", answer=WHEN_SYNCED)) is WHEN_SYNCED


async def test_a_run_for_whose_record_there_is_no_handle_is_recorded_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Environment.open(tmp_path, SETTINGS).close()
    with monkeypatch.context() as full:
        full.setattr(StoreRun, "record", refuse_for_lack_of_room)
        environment = Environment.open(tmp_path, SETTINGS)
    writer = Writer(environment, Applied())
    handles = NoHandles(tmp_path, monkeypatch)
    assert await outcomes([writer.submit(Put(b"a"))]) == [Unavailable]
    handles.missing = False
    assert await writer.submit(Put(b"a")) == b"a"
    await writer.close()
    environment.close()


def refuse_for_lack_of_room(_run: StoreRun, _environment: lmdb.Environment) -> None:
    raise OSError(errno.ENOSPC, "full")


@pytest.mark.parametrize("error", [lmdb.DiskError("mdb_txn_commit"), no_memory("mdb_txn_commit")])
async def test_what_leaves_lmdb_unusable_stops_writes_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """As the meta page does that lacks room, whatever the error says."""
    monkeypatch.setattr(Environment, "broken", True)
    bench.commit.failures = [error]
    assert await outcomes([bench.writer.submit(Put(b"a"))]) == [StorageFailed]
    assert bench.writer.failed
    monkeypatch.undo()
    assert bench.value(b"a") is None  # it was opened anew


async def test_a_broken_file_met_while_applying_stops_writes(bench: Bench) -> None:
    submitted = [bench.writer.submit(Put(b"a", raises=lmdb.CorruptedError("mdb_put"))), bench.writer.submit(Put(b"b"))]
    assert await outcomes(submitted) == [StorageFailed, StorageFailed]
    assert bench.writer.failed
