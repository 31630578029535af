"""Jobs under a clock of the test's own: starts, turns, crashes, back-off, stops."""

import asyncio
import logging

import pytest

from docstore.errors import DocstoreError, Unavailable
from docstore.replication.jobs.job import Job, State
from docstore.replication.jobs.scheduler import JobCancelled, Scheduler
from docstore.settings import ReplicatorSettings
from tests.replication.fake_clock import FakeClock, settle
from tests.replication.fake_jobs import SUMMARY, Runs, job


class Bench:
    def __init__(self, **settings: object) -> None:
        self.clock = FakeClock()
        self.runs = Runs()
        self.crashes: list[tuple[str, str]] = []
        self.scheduler = Scheduler(
            self.runs,
            ReplicatorSettings(**{"stop_grace": 0.01, **settings}),
            self.clock,
            lambda: 0.0,
            lambda job, error: self.crashes.append((job.id, error.error)),
        )

    async def add(self, *jobs: Job) -> None:
        for one in jobs:
            await self.scheduler.add(one)
        await settle()

    def state(self, job_id: str) -> State:
        found = self.scheduler.job(job_id)
        assert found is not None
        return found.state()

    def history(self, job_id: str) -> list[str]:
        found = self.scheduler.job(job_id)
        assert found is not None
        return [event.kind.value for event in found.history]


@pytest.fixture
async def bench():
    made = []

    def make(**settings: object) -> Bench:
        made.append(Bench(**settings))
        return made[-1]

    yield make
    for one in made:
        await one.scheduler.stop()


async def test_a_job_runs_and_is_forgotten_when_it_ends(bench):
    b = bench()
    end = asyncio.create_task(b.scheduler.perform(job("a")))
    await settle()
    assert b.runs.running == ["a"]
    assert b.history("a") == ["started", "added"]
    b.runs.complete("a")
    assert await end is SUMMARY
    assert b.scheduler.jobs() == []


async def test_nothing_waits_while_there_is_no_job(bench):
    b = bench()
    before = asyncio.all_tasks()
    await b.add(job("a"))
    b.runs.complete("a")
    await settle()
    assert b.clock.waiting() == []
    assert len(asyncio.all_tasks() - before) == 1  # that which takes turns


async def test_a_transient_job_is_gone_with_its_first_crash(bench):
    b = bench()
    end = asyncio.create_task(b.scheduler.perform(job("a", database=None)))
    await settle()
    b.runs.crash("a")
    with pytest.raises(DocstoreError, match="could not open it"):
        await end
    assert b.scheduler.jobs() == []
    assert b.crashes == []


async def test_a_documents_job_is_started_again_later_and_later(bench):
    b = bench()
    await b.add(job("a"))
    waits = []
    for _ in range(4):
        b.runs.crash("a")
        await settle()
        assert b.state("a") is State.CRASHING
        [wait] = b.clock.waiting()
        waits.append(wait)
        await b.clock.advance(wait - 1)
        assert b.runs.running == []
        await b.clock.advance(1)
        assert b.state("a") is State.RUNNING
    assert waits == [30.0, 60.0, 120.0, 240.0]
    assert b.crashes == [("a", "db_not_found")] * 4
    assert b.history("a")[:3] == ["started", "crashed", "started"]


async def test_a_crash_after_a_healthy_run_begins_anew(bench):
    b = bench()
    await b.add(job("a"))
    for _ in range(3):
        b.runs.crash("a")
        await b.clock.advance(500)
    b.runs.crash("a")
    await settle()
    assert b.clock.waiting() == [15.0]


async def test_a_clock_that_is_put_back_keeps_nobody_waiting(bench):
    b = bench(max_jobs=1, max_churn=1, interval=60.0)
    await b.add(job("a"))
    b.runs.crash("a")
    await settle()
    [wait] = b.clock.waiting()
    b.clock.put_back(3600)
    await b.clock.advance(wait - 1)
    assert b.runs.running == []
    await b.clock.advance(wait + 2)
    assert b.runs.running == ["a"]


async def test_turns_go_on_when_the_clock_is_put_back(bench):
    b = bench(max_jobs=1, max_churn=1, interval=60.0)
    await b.add(*(job(name, continuous=True) for name in "ab"))
    assert b.runs.running == ["a+continuous"]
    b.clock.put_back(3600)
    await b.clock.advance(121)
    assert b.runs.running == ["b+continuous"]


async def test_jitter_comes_from_the_randomness_handed_in(bench):
    b = bench()
    b.scheduler._random = lambda: 0.5
    await b.add(job("a"))
    b.runs.crash("a")
    await settle()
    assert b.clock.waiting() == [30.0 * 1.125]


async def test_an_unexpected_error_is_a_crash_whose_details_are_in_the_log(bench, caplog):
    b = bench()
    await b.add(job("a"))
    b.runs.crash("a", KeyError("secret"))
    await settle()
    [found] = b.scheduler.jobs()
    assert found.history[0].reason == "unknown_error: An unexpected error; the server's log has it."
    assert any(record.exc_info for record in caplog.records)


async def test_the_limit_holds_and_a_free_place_is_taken_at_once(bench):
    b = bench(max_jobs=2)
    await b.add(job("a"), job("b"), job("c"))
    assert b.runs.running == ["a", "b"]
    assert b.state("c") is State.PENDING
    b.runs.complete("a")
    await settle()
    assert b.runs.running == ["b", "c"]


async def test_continuous_jobs_take_turns(bench):
    b = bench(max_jobs=2, max_churn=1, interval=60.0)
    await b.add(*(job(name, continuous=True) for name in "abc"))
    runs = [b.runs.running]
    for _ in range(4):
        await b.clock.advance(60)
        runs.append(b.runs.running)
    assert [[name[0] for name in names] for names in runs] == [
        ["a", "b"],
        ["b", "c"],
        ["a", "c"],
        ["a", "b"],
        ["b", "c"],
    ]
    assert b.history("a+continuous")[:3] == ["stopped", "started", "stopped"]


async def test_a_one_shot_job_is_not_stopped_for_others(bench):
    b = bench(max_jobs=1)
    await b.add(job("a"), job("b", continuous=True))
    await b.clock.advance(600)
    assert b.runs.running == ["a"]


async def test_nobody_gives_way_to_a_job_that_waits_after_a_crash(bench):
    b = bench(max_jobs=1)
    await b.add(job("a", continuous=True))
    b.runs.crash("a+continuous")
    await settle()
    await b.add(job("b", continuous=True))
    await b.clock.advance(29)
    assert b.runs.running == ["b+continuous"]
    await b.clock.advance(61)
    assert b.runs.running == ["a+continuous"]


async def test_whoever_asks_for_a_job_that_crashed_does_not_wait_for_its_time(bench):
    b = bench()
    await b.add(job("a"))
    b.runs.crash("a")
    await settle()
    end = asyncio.create_task(b.scheduler.perform(job("a")))
    await settle()
    assert b.runs.running == ["a"]
    b.runs.complete("a")
    assert await end is SUMMARY


async def test_the_same_job_twice_is_one(bench):
    b = bench()
    first, second = (asyncio.create_task(b.scheduler.perform(job("a"))) for _ in range(2))
    await settle()
    assert b.runs.started == ["a"]
    b.runs.complete("a")
    assert await asyncio.gather(first, second) == [SUMMARY, SUMMARY]


async def test_other_options_replace_a_job_and_those_who_wait_go_along(bench):
    b = bench()
    first = asyncio.create_task(b.scheduler.perform(job("a")))
    await settle()
    second = asyncio.create_task(b.scheduler.perform(job("a", worker_processes=1)))
    await settle()
    assert b.runs.started == ["a", "a"]
    b.runs.complete("a")
    assert await asyncio.gather(first, second) == [SUMMARY, SUMMARY]


async def test_a_dismissed_job_stops_and_those_who_wait_are_told(bench):
    b = bench()
    end = asyncio.create_task(b.scheduler.perform(job("a")))
    await settle()
    [found] = b.scheduler.jobs()
    b.scheduler.dismiss(found)
    await b.scheduler.gone(found)
    assert b.scheduler.jobs() == []
    assert b.runs.running == []
    with pytest.raises(JobCancelled):
        await end


async def test_a_pending_job_can_be_dismissed(bench):
    b = bench(max_jobs=0)
    await b.add(job("a"))
    [found] = b.scheduler.jobs()
    b.scheduler.dismiss(found)
    await b.scheduler.gone(found)
    assert b.scheduler.jobs() == []
    assert b.scheduler.of_document(1, "a") is None


async def test_a_last_checkpoint_that_takes_too_long_is_cut_short(bench):
    b = bench()
    b.runs.slow.add("a")
    await b.add(job("a"))
    [found] = b.scheduler.jobs()
    b.scheduler.dismiss(found)
    await settle()
    assert b.runs.running == ["a"]
    await b.scheduler.gone(found)
    assert b.runs.running == []


async def test_a_place_counts_as_taken_until_its_job_has_stopped(bench):
    b = bench(max_jobs=1)
    b.runs.slow.add("a")
    await b.add(job("a"), job("b"))
    found = b.scheduler.job("a")
    b.scheduler.dismiss(found)
    await settle()
    assert b.runs.running == ["a"]
    await b.scheduler.gone(found)
    await settle()
    assert b.runs.running == ["b"]


async def test_a_job_that_comes_during_a_turn_does_not_make_it_too_many(bench):
    b = bench(max_jobs=2, interval=60.0)
    b.runs.slow.add("a+continuous")
    await b.add(*(job(name, continuous=True) for name in "abcd"))
    await b.clock.advance(60)  # a and b are to make room, and a takes its time
    assert b.runs.running == ["a+continuous"]
    await b.add(job("e", continuous=True))
    assert b.runs.running == ["a+continuous", "e+continuous"]
    await b.scheduler.gone(b.scheduler.job("a+continuous"))
    await settle()
    assert b.runs.running == ["c+continuous", "e+continuous"]


async def test_stop_ends_all_and_takes_no_more(bench):
    b = bench(max_jobs=1)
    ends = [asyncio.create_task(b.scheduler.perform(job(name))) for name in "ab"]
    await settle()
    await b.scheduler.stop()
    assert b.runs.running == []
    for end in ends:
        with pytest.raises(Unavailable):
            await end
    with pytest.raises(Unavailable):
        await b.scheduler.add(job("c"))
    assert b.clock.waiting() == []


async def test_the_history_is_short(bench):
    b = bench(max_history=4)
    await b.add(job("a"))
    for _ in range(5):
        b.runs.crash("a")
        await b.clock.advance(10_000)
    assert b.history("a") == ["started", "crashed", "started", "crashed"]


async def test_a_waiter_that_leaves_is_no_trouble(bench, caplog):
    b = bench()
    end = asyncio.create_task(b.scheduler.perform(job("a")))
    await settle()
    end.cancel()
    await settle()
    b.runs.complete("a")
    await settle()
    assert b.scheduler.jobs() == []
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_job_that_was_replaced_while_its_place_is_filled_keeps_one_entry(bench):
    b = bench(max_jobs=2)
    await b.add(job("a"), job("b"), job("a", worker_processes=1))
    assert [found.id for found in b.scheduler.jobs()] == ["a", "b"]
    assert b.scheduler.of_document(1, "a").options.worker_processes == 1
