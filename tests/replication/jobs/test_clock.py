"""The machine's clock, and waiting by any clock."""

import asyncio
import time

from docstore.replication.jobs.clock import SystemClock, sleep
from tests.replication.fake_clock import FakeClock, settle


async def test_the_time():
    assert abs(SystemClock().now() - time.time()) < 5


async def test_an_alarm_in_the_past_rings_soon():
    rung = asyncio.Event()
    SystemClock().call_at(0.0, rung.set)
    await asyncio.wait_for(rung.wait(), 5)


async def test_a_cancelled_alarm_does_not_ring():
    rung = []
    clock = SystemClock()
    clock.call_at(0.0, lambda: rung.append("cancelled")).cancel()
    over = asyncio.Event()
    clock.call_at(0.0, over.set)
    await asyncio.wait_for(over.wait(), 5)
    assert rung == []


async def test_sleep_takes_as_long_as_the_clock_says():
    clock = FakeClock()
    nap = asyncio.create_task(sleep(clock, 10.0))
    await clock.advance(9.0)
    assert not nap.done()
    await clock.advance(1.0)
    assert nap.done()


async def test_sleep_that_is_cut_short_leaves_no_alarm():
    clock = FakeClock()
    nap = asyncio.create_task(sleep(clock, 10.0))
    await settle()
    nap.cancel()
    await settle()
    assert clock.waiting() == []
