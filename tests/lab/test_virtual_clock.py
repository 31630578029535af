import asyncio

import pytest

from docstore.lab.virtual_clock import VirtualClock


async def test_a_week_takes_no_time():
    clock = VirtualClock()
    woken = []

    async def sleeper(worker, seconds):
        await worker.sleep(seconds)
        woken.append((seconds, clock.now))
        worker.done()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        for seconds in (604_800, 60, 3_600):
            tasks.create_task(sleeper(clock.worker(), seconds))
        await clock.run(until=1_000_000)
    assert woken == [(60, 60), (3_600, 3_600), (604_800, 604_800)]
    assert clock.now == 1_000_000


async def test_the_clock_stands_still_while_somebody_works():
    clock = VirtualClock()
    let_go = asyncio.Event()
    seen = []

    async def works(worker):
        await let_go.wait()
        seen.append(("worked", clock.now))
        worker.done()

    async def sleeps(worker):
        await worker.sleep(10)
        seen.append(("slept", clock.now))
        worker.done()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(works(clock.worker()))
        tasks.create_task(sleeps(clock.worker()))
        running = tasks.create_task(clock.run())
        for _ in range(20):
            await asyncio.sleep(0)
        assert clock.now == 0
        let_go.set()
        await running
    assert seen == [("worked", 0), ("slept", 10)]


async def test_equal_moments_come_in_the_order_of_asking():
    clock = VirtualClock()
    order = []
    for name in "abc":
        clock.call_at(5, lambda name=name: order.append(name))
    await clock.run()
    assert order == ["a", "b", "c"]


async def test_a_worker_waits_only_when_all_its_messages_are_held():
    clock = VirtualClock()
    worker = clock.worker()
    answered = asyncio.Event()
    times = []

    async def held(seconds):
        with worker.message():
            await worker.hold(seconds)
            times.append(clock.now)

    async def unheld():
        with worker.message():
            await answered.wait()

    async def work():
        await asyncio.gather(held(2), held(3), unheld())
        worker.done()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(work())
        running = tasks.create_task(clock.run())
        for _ in range(20):
            await asyncio.sleep(0)
        assert clock.now == 0, "one message is being worked on"
        answered.set()
        await running
    assert times == [2, 3]


async def test_a_hold_that_is_cancelled_counts_no_more():
    clock = VirtualClock()
    worker = clock.worker()

    async def held():
        with worker.message():
            await worker.hold(100)

    task = asyncio.create_task(held())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    running = asyncio.create_task(clock.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not running.done(), "the worker works"
    worker.done()
    await running
    assert clock.now == 100, "nobody waited for it, but the moment is over"


async def test_time_ends_where_it_is_told_to():
    clock = VirtualClock()

    async def sleeps(worker):
        await worker.sleep(50)
        worker.done()

    task = asyncio.create_task(sleeps(clock.worker()))
    await clock.run(until=20)
    assert clock.now == 20
    assert not task.done()
    await clock.run(until=50)
    assert task.done()
    assert clock.now == 50
