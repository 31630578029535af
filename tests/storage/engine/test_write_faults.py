"""The writer on a disk that is full or fails: what each group is told, and what is written afterwards."""

import errno

import lmdb
import pytest

from docstore.errors import StorageFailed, StorageFull
from docstore.settings import StorageSettings
from tests.storage.engine.writer_bench import Bench, Open, Put, outcomes


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


async def test_a_broken_file_met_while_applying_stops_writes(bench: Bench) -> None:
    submitted = [bench.writer.submit(Put(b"a", raises=lmdb.CorruptedError("mdb_put"))), bench.writer.submit(Put(b"b"))]
    assert await outcomes(submitted) == [StorageFailed, StorageFailed]
    assert bench.writer.failed
