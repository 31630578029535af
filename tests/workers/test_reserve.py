"""Processes that one caller has for itself."""

import asyncio

import pytest

from docstore.errors import Forbidden, Unavailable
from docstore.workers import reserve as reserve_module
from docstore.workers.errors import WorkerLost, WorkersBusy, WorkerTimedOut
from tests.workers.test_pool import TRIAL, gone, running, until


async def test_what_a_process_keeps_is_there_in_the_next_step_and_nobody_else_has_it() -> None:
    async with running() as pool:
        async with pool.reserve.process() as one, pool.reserve.process() as other:
            assert await one.run(f"{TRIAL}:counted", "a", timeout=30) == 1
            assert await one.run(f"{TRIAL}:counted", "a", timeout=30) == 2
            assert await other.run(f"{TRIAL}:counted", "a", timeout=30) == 1
            pids = {await held.run(f"{TRIAL}:pid", timeout=30) for held in (one, other)}
            assert len(pids) == 2
            one.finished()
        assert len(pool.reserve.pids) == 1  # the other's work did not come to its end
        async with pool.reserve.process() as again:
            assert await again.run(f"{TRIAL}:pid", timeout=30) in pids


async def test_an_error_is_raised_and_the_process_given_up() -> None:
    async with running() as pool:
        async with pool.reserve.process() as held:
            pid = await held.run(f"{TRIAL}:pid", timeout=30)
            with pytest.raises(Forbidden):
                await held.run(f"{TRIAL}:refuse", "words", timeout=30)
        await gone(pid)


async def test_what_takes_too_long_is_ended() -> None:
    async with running() as pool:
        async with pool.reserve.process() as held:
            pid = await held.run(f"{TRIAL}:pid", timeout=30)
            with pytest.raises(WorkerTimedOut):
                await held.run(f"{TRIAL}:loop_in_c", timeout=0.05)
            with pytest.raises(WorkerLost):
                await held.run(f"{TRIAL}:pid", timeout=30)
        await gone(pid)


async def test_a_process_that_dies() -> None:
    async with running() as pool:
        async with pool.reserve.process() as held:
            with pytest.raises(WorkerLost):
                await held.run(f"{TRIAL}:die", timeout=30)
        async with pool.reserve.process() as held:
            assert await held.run(f"{TRIAL}:echo", 5, timeout=30) == 5


async def test_who_waits_too_long_for_one_is_refused() -> None:
    async with running(reserved=1, reserved_patience=0.05) as pool, pool.reserve.process():
        with pytest.raises(WorkersBusy):
            async with pool.reserve.process():
                pass
        assert pool.reserve.counts["refused"] == 1


async def test_a_stop_ends_those_at_work() -> None:
    async with running() as pool:
        async with pool.reserve.process() as held:
            pid = await held.run(f"{TRIAL}:pid", timeout=30)
            waiting = asyncio.create_task(held.run(f"{TRIAL}:loop_in_c", timeout=30))
            await asyncio.sleep(0)
            await pool.stop()
            with pytest.raises(WorkerLost):
                await waiting
        await gone(pid)
        with pytest.raises(Unavailable):
            async with pool.reserve.process():
                pass


async def test_a_caller_that_is_cancelled_leaves_nothing() -> None:
    async with running() as pool:

        async def work() -> None:
            async with pool.reserve.process() as held:
                pids.append(await held.run(f"{TRIAL}:pid", timeout=30))
                await held.run(f"{TRIAL}:loop_in_c", timeout=30)

        pids: list[int] = []
        task = asyncio.create_task(work())
        await until(lambda: pids)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone(pids[0])


async def test_where_no_process_can_be_started(monkeypatch) -> None:
    def spawn(*_: object) -> None:
        raise OSError("no more")

    monkeypatch.setattr(reserve_module, "spawn", spawn)
    async with running() as pool:
        with pytest.raises(Unavailable, match="no more"):
            async with pool.reserve.process():
                pass
