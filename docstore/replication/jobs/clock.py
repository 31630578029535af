"""The time, and waking up later.

Owns the seam at which tests put a clock of their own: a node has one clock, and whatever expires, or is tried again
later, goes by it. How long something takes, and how long a client is waited for, is measured by the machine's.
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

    def microseconds(self) -> int:
        """The time as a whole number of microseconds."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Call this at a time, or soon if it is over."""
        ...


class SystemClock:
    """The clock of the machine. If it is set while an alarm waits, the alarm keeps its distance."""

    now = staticmethod(time.time)  # the function itself, for it is called for every request that has a session

    @staticmethod
    def microseconds() -> int:
        """The time as a whole number of microseconds."""
        return time.time_ns() // 1_000

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
