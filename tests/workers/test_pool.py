"""The pool, with real processes: what becomes of jobs, whatever becomes of the processes."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from docstore.errors import Forbidden, IllegalDatabaseName, MethodNotAllowed, OffsetMismatch, Unavailable
from docstore.settings import MIB, WorkerSettings
from docstore.workers import pool as pool_module
from docstore.workers.errors import WorkerFailed, WorkerLost, WorkersBusy, WorkerTimedOut
from docstore.workers.messages import LONG_BYTES, Unpackable
from docstore.workers.pool import Pool

T = TypeVar("T")
TRIAL = "tests.workers.trial"


@asynccontextmanager
async def running(**settings: object) -> AsyncIterator[Pool]:
    pool = Pool(WorkerSettings(**{"processes": 1} | settings), package="tests")
    try:
        yield pool
    finally:
        pids = pool.pids
        await pool.stop()
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


async def until(happened: Callable[[], T]) -> T:
    """What ``happened`` gives once it is something: other processes do it, so that there is nothing to await."""
    while True:
        if found := happened():
            return found
        await asyncio.sleep(0.002)


async def content(path: Path) -> str:
    """The text of a file that another process is about to write."""
    return await until(lambda: path.exists() and path.read_text())


async def gone(pid: int) -> None:
    """Wait until there is no such process, not even a dead one."""
    await until(lambda: not there(pid))


def there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


VALUES = (
    None, True, 7, -(2**63), 2**64 - 1, 1.5, "text", "\ud800 alone", b"bytes", [], {}, [1, [2, [3]]],
    {"a": {"b": [None]}}, b"x" * LONG_BYTES, ["a", b"y" * (LONG_BYTES + 1), [b"z" * LONG_BYTES, 1]],
)  # fmt: skip


async def test_plain_data_arrives_as_it_was_sent() -> None:
    async with running() as pool:
        for value in VALUES:
            assert await pool.run(f"{TRIAL}:echo", value) == value
        assert await pool.run(f"{TRIAL}:echo", (1, (2,))) == [1, [2]]
        for value in (object(), {1, 2}, 2**64):
            with pytest.raises(Unpackable):
                await pool.run(f"{TRIAL}:echo", value)


async def test_what_is_longer_than_any_pipe_goes_both_ways_while_the_loop_goes_on() -> None:
    text = os.urandom(1 * MIB) * 24
    turns = 0
    async with running() as pool:
        echo = asyncio.ensure_future(pool.run(f"{TRIAL}:echo", text))
        while not echo.done():
            turns += 1
            await asyncio.sleep(0)
        assert echo.result() == text
    assert turns > 24 * 4


async def test_processes_are_started_when_first_needed_and_kept() -> None:
    async with running(processes=2) as pool:
        assert pool.pids == []
        first = await pool.run(f"{TRIAL}:pid")
        assert pool.pids == [first]
        assert await pool.run(f"{TRIAL}:pid") == first
        assert len(set(await asyncio.gather(*[pool.run(f"{TRIAL}:pid", n) for n in range(50)]))) <= 2
        assert len(pool.pids) <= 2
        assert first in pool.pids


async def test_an_error_of_docstore_is_raised_again_and_any_other_is_told() -> None:
    async with running() as pool:
        with pytest.raises(Forbidden, match="not today") as caught:
            await pool.run(f"{TRIAL}:refuse", "words")
        assert (caught.value.error, caught.value.reason) == ("closed", "not today")
        assert caught.value.details == {"until": ["tomorrow", 5]}
        assert caught.value.attempt is None
        for kind, error in (
            ("method", MethodNotAllowed("GET,PUT")),
            ("offset", OffsetMismatch(17)),
            ("name", IllegalDatabaseName("Ä")),
        ):
            with pytest.raises(type(error)) as caught:
                await pool.run(f"{TRIAL}:refuse", kind)
            assert vars(caught.value) == vars(error)
            assert str(caught.value) == str(error)
        with pytest.raises(WorkerFailed, match="ZeroDivisionError: one over none"):
            await pool.run(f"{TRIAL}:stumble")
        with pytest.raises(WorkerFailed, match="no plain data"):
            await pool.run(f"{TRIAL}:no_data")
        for name in ("os:getpid", f"{TRIAL}:nothing", f"{TRIAL}:Path", f"{TRIAL}:known", "tests.none:x", "x"):
            with pytest.raises(WorkerFailed):
                await pool.run(name)
        assert pool.counts["started"] == 1


async def test_a_job_that_never_ends_is_ended_and_fails_alone(tmp_path: Path) -> None:
    async with running() as pool:
        endless = asyncio.ensure_future(pool.run(f"{TRIAL}:write_and_loop", str(tmp_path / "pid"), timeout=0.3))
        others = [asyncio.ensure_future(pool.run(f"{TRIAL}:pid", n)) for n in range(3)]
        pid = int(await content(tmp_path / "pid"))
        with pytest.raises(WorkerTimedOut, match=r"0\.3 s"):
            await endless
        assert pid not in await asyncio.gather(*others)
        assert pool.counts["killed"] == 1
        await gone(pid)


async def test_a_job_is_done_again_when_its_process_is_killed(tmp_path: Path) -> None:
    async with running() as pool:
        end = tmp_path / "end"
        job = asyncio.ensure_future(pool.run(f"{TRIAL}:write_and_wait", str(tmp_path / "pid"), str(end)))
        other = asyncio.ensure_future(pool.run(f"{TRIAL}:pid"))
        killed = int(await content(tmp_path / "pid"))
        (tmp_path / "pid").unlink()
        os.kill(killed, signal.SIGKILL)
        second = int(await content(tmp_path / "pid"))
        end.touch()
        assert await job == second != killed
        assert await other == second
        assert (pool.counts["retried"], pool.counts["ended"], pool.counts["lost"]) == (1, 1, 0)


async def test_a_job_that_kills_its_process_is_given_up() -> None:
    async with running() as pool:
        with pytest.raises(WorkerLost):
            await pool.run(f"{TRIAL}:die")
        assert await pool.run(f"{TRIAL}:echo", 1) == 1
        assert pool.counts["lost"] == 1


async def test_a_process_that_dies_idle_is_replaced() -> None:
    async with running() as pool:
        pid = await pool.run(f"{TRIAL}:pid")
        os.kill(pid, signal.SIGKILL)
        await gone(pid)
        assert await pool.run(f"{TRIAL}:pid") != pid


async def test_memory_is_limited() -> None:
    async with running(max_memory=512 * MIB) as pool:
        with pytest.raises(WorkerFailed, match="MemoryError"):
            await pool.run(f"{TRIAL}:allocate", 1024 * MIB)
        assert await pool.run(f"{TRIAL}:allocate", 1 * MIB) == MIB


async def test_a_process_that_keeps_much_memory_is_replaced() -> None:
    async with running(keep_memory=128 * MIB) as pool:
        first = await pool.run(f"{TRIAL}:pid")
        assert await pool.run(f"{TRIAL}:pid") == first
        assert await pool.run(f"{TRIAL}:allocate", 160 * MIB) == 160 * MIB
        assert await pool.run(f"{TRIAL}:pid") == first
        assert await pool.run(f"{TRIAL}:keep", 160 * MIB) == 160 * MIB
        assert await pool.run(f"{TRIAL}:pid") != first
        assert (pool.counts["replaced"], pool.counts["retried"]) == (1, 0)


async def test_a_result_has_a_limit() -> None:
    async with running(max_result=1 * MIB) as pool:
        assert len(await pool.run(f"{TRIAL}:echo", b"x" * (MIB - 100))) == MIB - 100
        with pytest.raises(WorkerFailed, match="1048576 bytes"):
            await pool.run(f"{TRIAL}:echo", b"x" * MIB)


async def test_a_stopped_pool_tells_those_who_wait(tmp_path: Path) -> None:
    async with running() as pool:
        jobs = [asyncio.ensure_future(pool.run(f"{TRIAL}:write_and_loop", str(tmp_path / "pid"))) for _ in range(3)]
        pid = int(await content(tmp_path / "pid"))
    for job in jobs:
        with pytest.raises(Unavailable):
            await job
    with pytest.raises(Unavailable):
        await pool.run(f"{TRIAL}:pid")
    assert not there(pid)


async def test_where_no_process_can_be_started_a_thread_computes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(pool_module, "spawn", refuse)
    with caplog.at_level(logging.WARNING, logger="docstore"):
        async with running(start_again=0.0) as pool:
            for value in VALUES:
                assert await pool.run(f"{TRIAL}:echo", value) == value
            assert await pool.run(f"{TRIAL}:pid", 1) == os.getpid()
            with pytest.raises(Forbidden, match="not today"):
                await pool.run(f"{TRIAL}:refuse", "words")
            with pytest.raises(WorkerFailed, match="ZeroDivisionError"):
                await pool.run(f"{TRIAL}:stumble")
            assert pool.computes_in_thread
    told = [record.message for record in caplog.records]
    assert told == ["a worker process could not be started (Resource temporarily unavailable); computing in a thread"]


async def test_processes_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pool_module.spawn
    attempts = 0

    def refuse_once(settings: WorkerSettings, package: str) -> object:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise OSError("not now")
        return real(settings, package)

    monkeypatch.setattr(pool_module, "spawn", refuse_once)
    async with running(start_again=0.0) as pool:
        answers = [await pool.run(f"{TRIAL}:pid", n) for n in range(3)]
        assert os.getpid() in answers[:1] or answers[0] != os.getpid()
        assert answers[-1] == pool.pids[0]
        assert not pool.computes_in_thread


async def test_what_takes_too_long_in_a_thread_fails_and_keeps_others_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(pool_module, "spawn", refuse)
    async with running() as pool:
        paths = str(tmp_path / "pid"), str(tmp_path / "end")
        slow = asyncio.ensure_future(pool.run(f"{TRIAL}:write_and_wait", *paths, timeout=0.2))
        await content(tmp_path / "pid")
        waiting = asyncio.ensure_future(pool.run(f"{TRIAL}:echo", 1))
        with pytest.raises(WorkerTimedOut):
            await slow
        with pytest.raises(WorkersBusy):
            await waiting
        with pytest.raises(WorkersBusy):
            await pool.run(f"{TRIAL}:echo", 1)
        (tmp_path / "end").touch()
        await until(lambda: not pool.busy)
        assert await pool.run(f"{TRIAL}:echo", 1) == 1


async def test_a_job_that_names_no_time_has_that_of_the_settings(tmp_path: Path) -> None:
    async with running(job_timeout=0.2) as pool:
        with pytest.raises(WorkerTimedOut, match=r"0\.2 s"):
            await pool.run(f"{TRIAL}:write_and_loop", str(tmp_path / "pid"))


async def test_a_process_that_is_not_ready_in_time_cannot_be_started(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="docstore"):
        async with running(start_patience=0.0) as pool:
            assert await pool.run(f"{TRIAL}:pid", 1) == os.getpid()
            assert pool.computes_in_thread
    assert [record.message for record in caplog.records] == [
        "a worker process could not be started (it ended before it was ready); computing in a thread"
    ]
