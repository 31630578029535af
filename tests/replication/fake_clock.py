"""A clock that the test moves, and a way to let everything happen that can happen without it."""

import asyncio
from collections.abc import Callable

TURNS = 30


class FakeAlarm:
    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """Time stands still until ``advance``."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.time = now
        self._alarms: list[FakeAlarm] = []

    def now(self) -> float:
        return self.time

    def call_at(self, when: float, callback: Callable[[], None]) -> FakeAlarm:
        alarm = FakeAlarm(when, callback)
        self._alarms.append(alarm)
        return alarm

    def waiting(self) -> list[float]:
        """How many seconds from now the alarms will ring."""
        return sorted(alarm.when - self.time for alarm in self._alarms if not alarm.cancelled)

    def put_back(self, seconds: float) -> None:
        """Set it back; alarms keep their distance, as those of the machine's clock do."""
        self.time -= seconds
        for alarm in self._alarms:
            alarm.when -= seconds

    async def advance(self, seconds: float) -> None:
        """Let so much time pass; each alarm rings at its time, and what it causes happens."""
        await settle()
        end = self.time + seconds
        while due := [alarm for alarm in self._alarms if not alarm.cancelled and alarm.when <= end]:
            alarm = min(due, key=lambda one: one.when)
            self._alarms.remove(alarm)
            self.time = max(self.time, alarm.when)
            alarm.callback()
            await settle()
        self._alarms = [alarm for alarm in self._alarms if not alarm.cancelled]
        self.time = end
        await settle()


async def settle() -> None:
    """Let the event loop go round until tasks that wait for nothing outside have come to rest."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
