"""Waiting for writes."""

import asyncio

from docstore.database.notifier import Notifier, Subscription


async def test_a_write_wakes_those_who_wait_for_its_database():
    notifier = Notifier()
    with notifier.subscribe(1) as first, notifier.subscribe(1) as second, notifier.subscribe(2) as other:
        waits = [asyncio.ensure_future(one.wait(None)) for one in (first, second, other)]
        await asyncio.sleep(0)
        notifier.written([1])
        assert await asyncio.gather(*waits[:2]) == [True, True]
        assert not waits[2].done()
        waits[2].cancel()


async def test_a_write_between_clear_and_wait_is_not_lost():
    notifier = Notifier()
    with notifier.subscribe(1) as subscription:
        subscription.clear()
        notifier.written([1])
        assert await subscription.wait(None) is True
        subscription.clear()
        assert await subscription.wait(0.001) is False


async def test_timeout_gives_false_and_the_subscription_goes_on():
    notifier = Notifier()
    with notifier.subscribe(1) as subscription:
        assert await subscription.wait(0) is False
        notifier.written([1])
        assert await subscription.wait(0) is True


async def test_left_subscriptions_are_forgotten():
    notifier = Notifier()
    with notifier.subscribe(1) as subscription:
        subscription.clear()
    notifier.written([1])
    assert await subscription.wait(0) is False
    assert notifier._subscriptions == {}


async def test_end_of_a_database_wakes_and_stays():
    notifier = Notifier()
    with notifier.subscribe(1) as subscription:
        wait = asyncio.ensure_future(subscription.wait(None))
        await asyncio.sleep(0)
        notifier.ended(1)
        assert await wait is True
        subscription.clear()
        assert subscription.ended
        assert await subscription.wait(None) is True


async def test_close_ends_present_and_later_subscriptions():
    notifier = Notifier()
    with notifier.subscribe(1) as subscription:
        notifier.close()
        assert subscription.ended
    with notifier.subscribe(2) as later:
        assert later.ended


async def test_cancelled_wait_leaves_no_future_behind():
    notifier = Notifier()
    with notifier.subscribe(1) as subscription:
        wait = asyncio.ensure_future(subscription.wait(None))
        await asyncio.sleep(0)
        wait.cancel()
        await asyncio.wait([wait])
        notifier.written([1])
        assert await subscription.wait(0) is True


async def test_one_that_cannot_be_woken_keeps_nobody_else_waiting(monkeypatch, caplog):
    notifier = Notifier()
    with notifier.subscribe(1) as first, notifier.subscribe(1) as second, notifier.subscribe(2) as other:
        waits = [asyncio.ensure_future(one.wait(None)) for one in (first, second, other)]
        await asyncio.sleep(0)
        wake = Subscription.wake

        def fail_for_one(self):
            if self is first:
                raise RuntimeError("broken")
            wake(self)

        monkeypatch.setattr(Subscription, "wake", fail_for_one)
        notifier.written([1, 2])
        assert await waits[1]
        assert await waits[2]
        second.clear()
        again = asyncio.ensure_future(second.wait(None))
        await asyncio.sleep(0)
        notifier.ended(1)
        assert await again
        assert first.ended
        assert second.ended
        waits[0].cancel()
    assert "could not be woken" in caplog.text
