"""Requests for one upload take turns: the newest ends what can be ended, and waits for it."""

import asyncio

import pytest

from docstore.database.attachments.upload_queue import UploadQueue

UUID = b"u" * 16
OTHER = b"v" * 16


class Endless:
    """Work that is never done by itself, and takes a step to give up."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()
        self.gave_up = False

    async def run(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.gave_up = True


async def test_a_turn_alone():
    queue = UploadQueue()

    async def work() -> None:
        pass

    async with queue.turn(UUID) as turn:
        assert await turn.until_ended(work())
    assert len(queue) == 0


async def test_whoever_comes_ends_what_is_under_way_and_waits_for_its_end():
    queue = UploadQueue()
    endless = Endless()
    order = []
    ended, finish = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with queue.turn(UUID) as turn:
            assert not await turn.until_ended(endless.run())
            order.append("first ended")
            ended.set()
            await finish.wait()
            order.append("first committed")

    async def second() -> None:
        async with queue.turn(UUID):
            order.append("second")

    one = asyncio.create_task(first())
    await endless.begun.wait()
    two = asyncio.create_task(second())
    await ended.wait()
    assert endless.gave_up
    assert order == ["first ended"]
    finish.set()
    await asyncio.gather(one, two)
    assert order == ["first ended", "first committed", "second"]
    assert len(queue) == 0


async def test_what_cannot_be_ended_is_waited_for():
    queue = UploadQueue()
    begun, finish = asyncio.Event(), asyncio.Event()
    order = []

    async def first() -> None:
        async with queue.turn(UUID):
            begun.set()
            await finish.wait()
            order.append("first")

    async def second() -> None:
        async with queue.turn(UUID):
            order.append("second")

    one = asyncio.create_task(first())
    await begun.wait()
    two = asyncio.create_task(second())
    await asyncio.sleep(0)
    finish.set()
    await asyncio.gather(one, two)
    assert order == ["first", "second"]


async def test_one_that_waited_while_another_came_has_ended_before_it_begins():
    queue = UploadQueue()
    begun, finish = asyncio.Event(), asyncio.Event()
    endings = []

    async def first() -> None:
        async with queue.turn(UUID):
            begun.set()
            await finish.wait()

    async def later(name: str) -> None:
        endless = Endless()
        async with queue.turn(UUID) as turn:
            if name == "last":
                endings.append((name, None))
                return
            endings.append((name, await turn.until_ended(endless.run())))
            assert not endless.begun.is_set()

    tasks = [asyncio.create_task(first())]
    await begun.wait()
    tasks += [asyncio.create_task(later(name)) for name in ("second", "third", "last")]
    await asyncio.sleep(0)
    finish.set()
    await asyncio.gather(*tasks)
    assert endings == [("second", False), ("third", False), ("last", None)]
    assert len(queue) == 0


async def test_uploads_do_not_wait_for_each_other():
    queue = UploadQueue()
    async with queue.turn(UUID), queue.turn(OTHER):
        assert len(queue) == 2
    assert len(queue) == 0


async def test_an_error_of_the_work_is_raised():
    queue = UploadQueue()

    async def work() -> None:
        raise ValueError("no")

    async with queue.turn(UUID) as turn:
        with pytest.raises(ValueError, match="no"):
            await turn.until_ended(work())


async def test_one_that_is_cancelled_ends_its_work_first():
    queue = UploadQueue()
    endless = Endless()

    async def first() -> None:
        async with queue.turn(UUID) as turn:
            await turn.until_ended(endless.run())

    task = asyncio.create_task(first())
    await endless.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert endless.gave_up
    assert len(queue) == 0


async def test_one_that_is_cancelled_while_it_waits_leaves_no_trace():
    queue = UploadQueue()
    begun, finish = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with queue.turn(UUID):
            begun.set()
            await finish.wait()

    async def second() -> None:
        async with queue.turn(UUID):
            raise AssertionError

    one = asyncio.create_task(first())
    await begun.wait()
    two = asyncio.create_task(second())
    await asyncio.sleep(0)
    two.cancel()
    with pytest.raises(asyncio.CancelledError):
        await two
    finish.set()
    await one
    assert len(queue) == 0
