"""The time, and waking up later: what of both the scheduler of replications needs.

Owns the seam at which tests put a clock of their own.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    """Something that will happen unless it is cancelled."""

    def cancel(self) -> None:
        """It does not happen any more; no error if it did."""
        ...


class Clock(Protocol):
    """Seconds since 1970, and alarms on the running event loop."""

    def now(self) -> float:
        """The time."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Call this at a time, or soon if it is over."""
        ...


class SystemClock:
    """The clock of the machine. If it is set while an alarm waits, the alarm keeps its distance."""

    def now(self) -> float:
        """The time."""
        return time.time()

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Call this at a time, or soon if it is over."""
        return asyncio.get_running_loop().call_later(max(0.0, when - time.time()), callback)


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait so long by this clock."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake() -> None:
        if not over.done():
            over.set_result(None)

    alarm = clock.call_at(clock.now() + seconds, wake)
    try:
        await over
    finally:
        alarm.cancel()
