"""Whose turn it is, and how much may wait."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from docstore.settings import WorkerSettings
from docstore.workers.errors import WorkersBusy
from docstore.workers.pool import Pool
from docstore.workers.queues import Job, Queues
from tests.workers.test_pool import TRIAL, content, running


def job(size: int = 1, *, urgent: bool = True, since: float = 0.0, affinity: str | None = None) -> Job:
    return Job([b"x" * size], size, 1.0, urgent, affinity, asyncio.get_running_loop().create_future(), since)


async def test_who_waits_goes_before_a_build_until_that_has_waited_long() -> None:
    now = 10.0
    queues = Queues(WorkerSettings(build_patience=5.0), lambda: now)
    builds = [job(urgent=False, since=10.0) for _ in range(2)]
    urgent = [job(since=10.0) for _ in range(3)]
    for one in (*builds, *urgent):
        queues.put(one)
    assert queues.take(builds=True) is urgent[0]
    now = 15.0
    assert queues.take(builds=False) is urgent[1]
    assert queues.take(builds=True) is builds[0]
    assert queues.take(builds=True) is builds[1]
    assert queues.take(builds=True) is urgent[2]
    assert queues.take(builds=True) is None


async def test_affinities_take_turns() -> None:
    queues = Queues(WorkerSettings(), lambda: 0.0)
    greedy = [job(affinity="a") for _ in range(4)]
    others = [job(affinity="b"), job()]
    for one in (*greedy, *others):
        queues.put(one)
    queues.remove(greedy[1])
    first = queues.take(builds=True)
    assert first is greedy[0]
    queues.put_back(first)
    assert len(queues) == 5
    taken = [queues.take(builds=True) for _ in range(6)]
    assert taken == [greedy[0], others[0], others[1], greedy[2], greedy[3], None]
    assert len(queues) == 0


async def test_what_waits_has_bounds() -> None:
    queues = Queues(WorkerSettings(max_waiting=3, max_waiting_bytes=100), lambda: 0.0)
    queues.put(job(1_000))  # a job alone may be of any size
    with pytest.raises(WorkersBusy):
        queues.put(job())
    queues.take_all()
    jobs = [job() for _ in range(3)]
    for one in jobs:
        queues.put(one)
    with pytest.raises(WorkersBusy):
        queues.put(job())
    queues.put(job(urgent=False))  # the other queue
    queues.remove(jobs[1])
    queues.put(job())
    assert len(queues) == 4
    queues.remove(jobs[1])  # it is not there any more
    assert queues.take(builds=False) is jobs[0]
    queues.put_back(jobs[0])
    assert queues.take(builds=False) is jobs[0]


@pytest.fixture
async def held(tmp_path: Path) -> AsyncIterator[tuple[Pool, Path]]:
    """A pool of one process, which is at work until the file is there."""
    end = tmp_path / "end"
    async with running(max_waiting=4) as pool:
        working = asyncio.ensure_future(pool.run(f"{TRIAL}:write_and_wait", str(tmp_path / "pid"), str(end)))
        await content(tmp_path / "pid")
        yield pool, end
        end.touch()
        await working


async def test_urgent_jobs_go_first(held: tuple[Pool, Path], tmp_path: Path) -> None:
    pool, end = held
    order = tmp_path / "order"
    jobs = [
        asyncio.ensure_future(pool.run(f"{TRIAL}:note", str(order), word, urgent=urgent))
        for word, urgent in (("build", False), ("first", True), ("second", True))
    ]
    await asyncio.sleep(0)
    assert pool.waiting == 3
    end.touch()
    await asyncio.gather(*jobs)
    assert order.read_text().split() == ["first", "second", "build"]


async def test_too_many_are_refused_and_one_that_is_cancelled_makes_room(held: tuple[Pool, Path]) -> None:
    pool, end = held
    jobs = [asyncio.ensure_future(pool.run(f"{TRIAL}:echo", number)) for number in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(WorkersBusy):
        await pool.run(f"{TRIAL}:echo", 4)
    jobs[1].cancel()
    await asyncio.sleep(0)
    jobs.append(asyncio.ensure_future(pool.run(f"{TRIAL}:echo", 5)))
    end.touch()
    assert [one for one in await asyncio.gather(*jobs, return_exceptions=True) if isinstance(one, int)] == [0, 2, 3, 5]


async def test_a_word_goes_where_it_went_before(tmp_path: Path) -> None:
    async with running(processes=2) as pool:
        end = tmp_path / "end"
        both = [
            asyncio.ensure_future(pool.run(f"{TRIAL}:write_and_wait", str(tmp_path / name), str(end), affinity=name))
            for name in "ab"
        ]
        await asyncio.gather(*[content(tmp_path / name) for name in "ab"])
        end.touch()
        first, second = await asyncio.gather(*both)
        assert first != second
        for _ in range(3):
            assert await pool.run(f"{TRIAL}:pid", affinity="b") == second
            assert await pool.run(f"{TRIAL}:pid", affinity="a") == first


async def test_builds_leave_one_process_to_those_who_wait(tmp_path: Path) -> None:
    async with running(processes=2) as pool:
        end = tmp_path / "end"
        builds = [
            asyncio.ensure_future(
                pool.run(f"{TRIAL}:write_and_wait", str(tmp_path / str(number)), str(end), urgent=False)
            )
            for number in range(2)
        ]
        await content(tmp_path / "0")
        assert await pool.run(f"{TRIAL}:echo", 1) == 1
        assert not (tmp_path / "1").exists()
        end.touch()
        await asyncio.gather(*builds)
