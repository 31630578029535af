"""The writer: which commands share a commit, and what each waiter learns when something goes wrong."""

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import lmdb
import pytest

from docstore.errors import Conflict, DocstoreError, StorageFailed, StorageFull, StoreUnusable, Unavailable
from docstore.settings import MIB, StorageSettings
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.group_commit import CommitSummary
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.engine.writer import Writer
from tests.storage.engine.writer_bench import SETTINGS, Applied, Bench, HeldCommit, Open, Put, outcomes


async def test_the_result_comes_after_the_commit(bench: Bench) -> None:
    assert await bench.writer.submit(Put(b"a", b"1")) == b"a"
    assert bench.value(b"a") == b"1"


async def test_an_answered_error_is_raised_for_its_command_alone(bench: Bench) -> None:
    submitted = [
        bench.writer.submit(Put(key, answer=Conflict() if key == b"b" else None)) for key in (b"a", b"b", b"c")
    ]
    assert await outcomes(submitted) == [b"a", Conflict, b"c"]
    assert bench.applied.groups == [[b"a", b"b", b"c"]]


async def test_what_is_left_for_later_comes_first_in_the_next_group(bench: Bench) -> None:
    bench.applied.most = 2
    first = await bench.hold_commit()
    rest = [bench.writer.submit(Put(key)) for key in (b"a", b"b", b"c", b"d", b"e")]
    bench.commit.go.release()
    assert await outcomes([first, *rest]) == [b"first", b"a", b"b", b"c", b"d", b"e"]
    assert bench.applied.groups[1:] == [[b"a", b"b", b"c", b"d", b"e"], [b"c", b"d", b"e"], [b"e"]]
    assert bench.writer.commands == sum(summary.commands for summary in bench.summaries) == 6


async def test_what_is_left_for_later_is_done_before_the_writer_ends(bench: Bench) -> None:
    bench.applied.most = 1
    first = await bench.hold_commit()
    rest = [bench.writer.submit(Put(key)) for key in (b"a", b"b", b"c")]
    closing = asyncio.ensure_future(bench.writer.close())
    await asyncio.sleep(0)
    bench.commit.go.release()
    await closing
    assert await outcomes([first, *rest]) == [b"first", b"a", b"b", b"c"]
    assert bench.value(b"c") == b""


async def test_what_gathers_during_a_commit_shares_the_next_one_in_order(bench: Bench) -> None:
    first = await bench.hold_commit()
    keys = [b"%02d" % number for number in range(20)]
    rest = [bench.writer.submit(Put(key)) for key in keys]
    bench.commit.go.release()
    assert await outcomes([first, *rest]) == [b"first", *keys]
    assert bench.applied.groups == [[b"first"], keys]
    assert (bench.writer.groups, bench.writer.commands) == (2, 21)


async def test_one_summary_and_one_wake_up_a_group(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    wake_ups = 0
    wake = loop.call_soon_threadsafe

    def counted(*arguments: object) -> object:
        nonlocal wake_ups
        wake_ups += 1
        return wake(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    await asyncio.gather(*[bench.writer.submit(Put(b"%02d" % number)) for number in range(50)])
    assert wake_ups == len(bench.applied.groups) == len(bench.summaries)
    assert sum(summary.commands for summary in bench.summaries) == 50
    assert sum(summary.changed[7] for summary in bench.summaries) == 50
    with bench.environment.snapshot() as snapshot:
        assert bench.summaries[-1].txnid == snapshot.txnid


async def test_on_commit_runs_on_the_loop_with_the_results_set(open_bench: Open) -> None:
    bench = open_bench(SETTINGS)
    seen: list[tuple[bool, object]] = []
    writer = Writer(
        bench.environment, bench.applied, lambda _: seen.append((submitted.done(), asyncio.get_running_loop()))
    )
    submitted = writer.submit(Put(b"a"))
    await submitted
    assert seen == [(True, asyncio.get_running_loop())]
    await writer.close()


async def test_an_error_in_on_commit_is_logged_and_no_more(open_bench: Open, caplog: pytest.LogCaptureFixture) -> None:
    bench = open_bench(SETTINGS)
    writer = Writer(bench.environment, bench.applied, lambda summary: summary.commands // 0)  # type: ignore[arg-type,return-value]
    assert await outcomes([writer.submit(Put(b"a")), writer.submit(Put(b"b"))]) == [b"a", b"b"]
    assert "on_commit failed" in caplog.text
    await writer.close()


@pytest.mark.parametrize(
    ("settings", "cost", "sizes"),
    [
        (replace(SETTINGS, group_commit_max_commands=4), 0, [4, 4, 2]),
        (replace(SETTINGS, group_commit_max_bytes=100), 40, [3, 3, 3, 1]),
    ],
)
async def test_a_group_is_bounded(open_bench: Open, settings: StorageSettings, cost: int, sizes: list[int]) -> None:
    bench = open_bench(settings)
    first = await bench.hold_commit()
    rest = [bench.writer.submit(Put(b"%d" % number, cost=cost)) for number in range(10)]
    bench.commit.go.release()
    await asyncio.gather(first, *rest)
    assert [len(group) for group in bench.applied.groups[1:]] == sizes


async def test_a_cancelled_waiter_does_not_cancel_its_command(bench: Bench) -> None:
    first = await bench.hold_commit()

    async def wait() -> None:
        await bench.writer.submit(Put(b"a", b"1"))

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    other = bench.writer.submit(Put(b"b"))
    task.cancel()
    bench.commit.go.release()
    assert await outcomes([first, task, other]) == [b"first", asyncio.CancelledError, b"b"]
    assert bench.value(b"a") == b"1"


async def test_an_unexpected_error_fails_the_culprits_alone(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    first = await bench.hold_commit()
    bad = {b"2": ZeroDivisionError("x"), b"4": KeyError("y")}
    rest = [bench.writer.submit(Put(key, key, raises=bad.get(key))) for key in (b"1", b"2", b"3", b"4", b"5")]
    bench.commit.go.release()
    assert await outcomes([first, *rest]) == [b"first", b"1", DocstoreError, b"3", DocstoreError, b"5"]
    assert [bench.value(key) for key in (b"1", b"2", b"3", b"4", b"5")] == [b"1", None, b"3", None, b"5"]
    assert "ZeroDivisionError" in caplog.text
    assert "KeyError" in caplog.text
    assert bench.summaries[-1].changed == {7: 3}
    assert await bench.writer.submit(Put(b"6")) == b"6"


async def test_a_docstore_error_raised_by_apply_is_told_to_its_command(bench: Bench) -> None:
    submitted = [bench.writer.submit(Put(b"a")), bench.writer.submit(Put(b"b", raises=Conflict()))]
    assert await outcomes(submitted) == [b"a", Conflict]


async def test_a_row_that_lmdb_does_not_take_fails_its_command_alone(bench: Bench) -> None:
    submitted = [bench.writer.submit(Put(b"a")), bench.writer.submit(Put(b"k" * 600)), bench.writer.submit(Put(b"c"))]
    assert await outcomes(submitted) == [b"a", DocstoreError, b"c"]
    assert not bench.writer.failed


async def test_an_apply_that_does_not_answer_each_command_keeps_nothing(open_bench: Open) -> None:
    bench = open_bench(SETTINGS)

    def apply(transaction: GroupTransaction, commands: Sequence[object]) -> list[object]:
        bench.applied(transaction, commands)
        return []

    writer = Writer(bench.environment, apply)
    assert await outcomes([writer.submit(Put(b"a")), writer.submit(Put(b"b"))]) == [DocstoreError, DocstoreError]
    assert bench.value(b"a") is None
    await writer.close()


async def test_a_full_map_grows_and_the_group_is_applied_again(
    open_bench: Open, caplog: pytest.LogCaptureFixture
) -> None:
    bench = open_bench(replace(SETTINGS, map_size=MIB, map_size_smallest=MIB))
    first = await bench.hold_commit()
    keys = [b"%d" % number for number in range(12)]
    rest = [bench.writer.submit(Put(key, bytes(MIB // 4))) for key in keys]
    held = bench.environment.snapshot()
    bench.commit.go.release()
    assert await outcomes([first, *rest]) == [b"first", *keys]
    assert bench.applied.groups[1:] == [keys] * 3  # at 1, 2 and 4 MiB
    assert bench.environment.map_size == 4 * MIB
    assert bench.value(b"11") == bytes(MIB // 4)
    assert held.closed
    assert "still open" not in caplog.text  # it was taken away on the loop, at once
    assert len(bench.summaries) == 2


async def test_a_thread_that_goes_on_reading_makes_only_those_fail_that_need_a_larger_map(open_bench: Open) -> None:
    bench = open_bench(replace(SETTINGS, map_size=MIB, map_size_smallest=MIB, map_growth_patience=0.01))
    held = await asyncio.to_thread(bench.environment.snapshot)
    assert await outcomes([bench.writer.submit(Put(b"a", bytes(2 * MIB)))]) == [Unavailable]
    assert not held.closed
    assert await bench.writer.submit(Put(b"b", b"1")) == b"b"
    held.close()
    assert await bench.writer.submit(Put(b"a", bytes(2 * MIB))) == b"a"
    assert bench.value(b"b") == b"1"


async def test_a_map_that_cannot_grow_is_a_full_store(open_bench: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = open_bench(replace(SETTINGS, map_size=MIB, map_size_smallest=MIB))
    monkeypatch.setattr("docstore.storage.engine.environment.grantable", lambda _size: 0)
    first = await bench.hold_commit(b"c")  # so that the two that follow are one group
    submitted = [bench.writer.submit(Put(b"a")), bench.writer.submit(Put(b"b", bytes(2 * MIB)))]
    bench.commit.go.release()
    assert await outcomes([first, *submitted]) == [b"c", StorageFull, StorageFull]
    assert await bench.writer.submit(Put(b"a", b"1")) == b"a"
    assert bench.value(b"a") == b"1"


async def test_an_interpreter_error_in_apply_stops_writes_and_hangs_nobody(open_bench: Open) -> None:
    bench = open_bench(SETTINGS)

    def apply(_transaction: GroupTransaction, _commands: Sequence[object]) -> list[object]:
        raise SystemExit

    writer = Writer(bench.environment, apply)
    assert await outcomes([writer.submit(Put(b"a"))]) == [StorageFailed]
    assert await outcomes([writer.submit(Put(b"a"))]) == [StorageFailed]
    await writer.close()


MORE_THAN_THERE_IS = 1 << 50
"""Bytes of address space that no system grants."""


async def test_a_map_that_the_system_grants_and_then_does_not(
    open_bench: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """LMDB has none at all then, so the store is opened anew; with the old one it goes on."""
    bench = open_bench(replace(SETTINGS, map_size=MIB, map_size_smallest=MIB))
    await bench.writer.submit(Put(b"a", b"1"))
    with monkeypatch.context() as patched:
        patched.setattr("docstore.storage.engine.environment.grantable", lambda _size: MORE_THAN_THERE_IS)
        assert await outcomes([bench.writer.submit(Put(b"b", bytes(2 * MIB)))]) == [StorageFull]
    assert "no map of" in caplog.text
    assert bench.value(b"a") == b"1"
    assert await bench.writer.submit(Put(b"a", b"2")) == b"a"
    assert await bench.writer.submit(Put(b"b", bytes(2 * MIB))) == b"b"
    assert (bench.value(b"a"), bench.value(b"b")) == (b"2", bytes(2 * MIB))


async def test_without_any_map_writes_stop_and_reads_say_so(open_bench: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = open_bench(replace(SETTINGS, map_size=MIB, map_size_smallest=MIB))
    await bench.writer.submit(Put(b"a", b"1"))

    def refuse(*_: object, **__: object) -> None:
        raise StoreUnusable("The system grants no map.")

    with monkeypatch.context() as patched:
        patched.setattr("docstore.storage.engine.environment.grantable", lambda _size: MORE_THAN_THERE_IS)
        patched.setattr("docstore.storage.engine.environment.open_data_file", refuse)
        assert await outcomes([bench.writer.submit(Put(b"b", bytes(2 * MIB)))]) == [StorageFailed]
        with pytest.raises(StorageFailed):
            bench.value(b"a")
    assert await outcomes([bench.writer.submit(Put(b"b"))]) == [StorageFailed]
    assert bench.writer.failed
    assert bench.value(b"a") == b"1"  # a map to read was granted when that was noticed


async def test_close_finishes_what_was_accepted_and_refuses_the_rest(bench: Bench) -> None:
    first = await bench.hold_commit()
    rest = [bench.writer.submit(Put(b"%d" % number, b"1")) for number in range(5)]
    closing = asyncio.ensure_future(bench.writer.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        bench.writer.submit(Put(b"late"))
    bench.commit.go.release()
    await closing
    assert all(submitted.done() for submitted in rest)
    assert await outcomes([first, *rest]) == [b"first", b"0", b"1", b"2", b"3", b"4"]
    assert bench.value(b"4") == b"1"
    await bench.writer.close()


async def test_a_writer_that_never_wrote_can_be_closed(bench: Bench) -> None:
    await bench.writer.close()
    with pytest.raises(Unavailable):
        bench.writer.submit(Put(b"a"))
    with pytest.raises(Unavailable):
        bench.writer.run_sync(Put(b"a"))


async def test_a_closed_environment_refuses_the_group(bench: Bench) -> None:
    first = await bench.hold_commit()
    bench.commit.go.release()
    await first
    bench.environment.close()
    assert await outcomes([bench.writer.submit(Put(b"a"))]) == [Unavailable]


async def test_now_and_then_it_frees_the_slots_of_killed_readers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docstore.storage.engine.writer.STALE_READERS_EVERY", 3)
    looks: list[int] = []
    monkeypatch.setattr(bench.environment, "drop_stale_readers", lambda: looks.append(bench.writer.groups))
    for number in range(7):
        await bench.writer.submit(Put(b"%d" % number))
    assert looks == [3, 6]


async def test_slots_that_cannot_be_looked_through_are_not_the_groups_fault(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise lmdb.MemoryError("mdb_reader_check")

    monkeypatch.setattr("docstore.storage.engine.writer.STALE_READERS_EVERY", 1)
    monkeypatch.setattr(bench.environment, "drop_stale_readers", fails)
    assert await bench.writer.submit(Put(b"a")) == b"a"
    assert bench.applied.groups == [[b"a"]]


def test_a_fork_cannot_submit(tmp_path: Path) -> None:
    with Environment.open(tmp_path, SETTINGS) as environment:
        writer = Writer(environment, Applied())
        writer.run_sync(Put(b"a"))
        child = os.fork()
        if child == 0:
            try:
                writer.run_sync(Put(b"b"))
            except Unavailable:
                writer.close_sync()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert writer.run_sync(Put(b"c")) == b"c"
        writer.close_sync()


def test_without_a_loop(tmp_path: Path) -> None:
    summaries: list[CommitSummary] = []
    with Environment.open(tmp_path, SETTINGS) as environment:
        writer = Writer(environment, Applied(), summaries.append)
        assert writer.run_sync(Put(b"a", b"1")) == b"a"
        with pytest.raises(Conflict):
            writer.run_sync(Put(b"b", answer=Conflict()))
        assert len(summaries) == 2
        writer.close_sync()
        with environment.snapshot() as snapshot:
            assert snapshot.get(snapshot.tables.docs, b"a") == b"1"


async def test_threads_may_wait_beside_the_loop(bench: Bench) -> None:
    await bench.writer.submit(Put(b"a"))
    assert await asyncio.to_thread(bench.writer.run_sync, Put(b"b")) == b"b"


def test_a_loop_that_ends_without_close_hangs_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    commit = HeldCommit()
    with Environment.open(tmp_path, SETTINGS) as environment:
        writer = Writer(environment, Applied(), commit=commit)

        async def leave() -> None:
            await writer.submit(Put(b"a"))
            commit.held = True
            writer.submit(Put(b"b", b"1"))
            await asyncio.to_thread(commit.reached.acquire)

        asyncio.run(leave())
        with caplog.at_level(logging.WARNING):
            commit.go.release()
            writer.close_sync()
        assert "the event loop was closed" in caplog.text
        with environment.snapshot() as snapshot:
            assert snapshot.get(snapshot.tables.docs, b"b") == b"1"
