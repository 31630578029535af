"""One pace for all requests of a job, on a clock that nobody waits for."""

import asyncio
import heapq
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.replication.errors import PeerBusy
from docstore.replication.remote.rate_control import LOWEST_RATE, Pace, RateController, parse_retry_after


class World:
    """A clock, those who sleep on it, and a server that takes so many requests per second."""

    def __init__(self, rate: float = 10.0, retry_after: float | None = None) -> None:
        self.now = 0.0
        self.rate = rate
        self.retry_after = retry_after
        self.answered: list[float] = []
        self.refused: list[float] = []
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self.now + seconds, self._count, future))
        await future

    async def ask(self, controller: RateController) -> None:
        """One request, again until it is answered."""
        while True:
            sent_at = await controller.turn()
            await self.sleep(0.01)
            lately = [one for one in self.answered if one > self.now - 1.0]
            if len(lately) < self.rate:
                self.answered.append(self.now)
                controller.succeeded()
                return
            self.refused.append(self.now)
            controller.refused(sent_at, self.retry_after)

    async def run(self, *work) -> None:
        """Do the work; time passes whenever nobody can do anything."""
        tasks = [asyncio.ensure_future(one) for one in work]
        while not all(task.done() for task in tasks):
            for _ in range(10):
                await asyncio.sleep(0)
            if self._sleepers:
                self.now, _, future = heapq.heappop(self._sleepers)
                future.set_result(None)
        for task in tasks:
            await task


def controller_of(world: World, **options: float) -> RateController:
    return RateController(clock=world.clock, sleep=world.sleep, random=Random(1), **options)


async def test_without_refusals_nobody_waits() -> None:
    world = World(rate=1e9)
    controller = controller_of(world)
    await world.run(*[world.ask(controller) for _ in range(100)])
    assert world.now <= 0.02
    assert controller.pace.rate is None


async def test_a_storm_of_429_ends_with_every_request_answered_and_few_refused() -> None:
    world = World(rate=10.0)
    controller = controller_of(world)

    async def worker() -> None:
        for _ in range(50):
            await world.ask(controller)

    await world.run(*[worker() for _ in range(8)])
    assert len(world.answered) == 400
    assert len(world.refused) < 100
    assert world.now < 400 / 10 * 3, "the rate stays near what the server takes"


async def test_it_recovers_once_the_server_does() -> None:
    world = World(rate=5.0)
    controller = controller_of(world)

    async def worker(requests: int) -> None:
        for _ in range(requests):
            await world.ask(controller)

    await world.run(*[worker(20) for _ in range(4)])
    assert controller.pace.rate is not None
    world.rate = 1e9
    await world.run(*[worker(300) for _ in range(4)])
    assert controller.pace.rate is None


async def test_all_wait_for_the_time_that_the_server_names() -> None:
    world = World()
    controller = controller_of(world)
    first = await controller.turn()
    second = await controller.turn()
    controller.refused(first, 30.0)
    controller.refused(second, 10.0)

    async def one() -> None:
        await controller.turn()
        world.answered.append(world.now)

    await world.run(*[one() for _ in range(5)])
    assert min(world.answered) >= 30.0
    assert sorted(world.answered) == world.answered
    assert len(set(world.answered)) == 5, "they do not come back all at once"


async def test_who_waits_already_waits_for_a_later_refusal_too() -> None:
    world = World()
    controller = controller_of(world)
    sent_at = await controller.turn()
    controller.refused(sent_at, 5.0)

    async def waiting() -> None:
        await controller.turn()
        world.answered.append(world.now)

    async def refused_again() -> None:
        await world.sleep(4.0)
        controller.refused(world.now, 20.0)

    await world.run(waiting(), refused_again())
    assert world.answered[0] >= 24.0


async def test_patience_ends() -> None:
    world = World()
    controller = controller_of(world, patience=60.0)
    controller.refused(await controller.turn(), 61.0)
    with pytest.raises(PeerBusy) as caught:
        await controller.turn()
    assert caught.value.retry_after >= 61.0


def test_refusals_of_one_moment_count_once() -> None:
    pace = Pace()
    for _ in range(20):
        pace.sent(0.5)
    pace.refused(1.0, 0.5, 1.0)
    rate = pace.rate
    for _ in range(19):
        pace.refused(1.0, 0.5, 1.0)
    assert pace.rate == rate == 10.0
    pace.refused(3.0, 2.0, 1.0)
    assert pace.rate == 5.0


def test_without_a_time_told_the_pauses_grow_until_a_success() -> None:
    pace = Pace()
    waits = []
    now = 0.0
    for _ in range(4):
        pace.refused(now, now, None)
        start = pace.reserve(now)
        waits.append(start - now)
        now = start
    assert waits == [0.5, 1.0, 2.0, 4.0]
    pace.succeeded()
    pace.refused(100.0, 100.0, None)
    assert pace.reserve(100.0) == 100.5


@given(st.lists(st.tuples(st.sampled_from("rs"), st.floats(0, 10)), max_size=50))
def test_turns_come_one_after_the_other_until_a_refusal_makes_all_of_them_void(events) -> None:
    pace = Pace()
    now, last = 0.0, 0.0
    for kind, passed in events:
        now += passed
        if kind == "r":
            pace.refused(now, now, None)
            last = 0.0
        else:
            pace.succeeded()
        start = pace.reserve(now)
        assert start >= now
        assert start >= last or pace.rate is None
        last = start
        assert pace.rate is None or pace.rate >= LOWEST_RATE


class TestRetryAfter:
    def test_seconds(self) -> None:
        assert parse_retry_after(" 120 ", 0.0) == 120.0

    def test_a_date(self) -> None:
        assert parse_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 40.0) == 60.0

    def test_a_date_in_the_past(self) -> None:
        assert parse_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 400.0) == 0.0

    @pytest.mark.parametrize("text", [None, "", "soon", "-5", "1.5", "Thu, 99 Foo 1970"])
    def test_what_tells_nothing(self, text) -> None:
        assert parse_retry_after(text, 0.0) is None
