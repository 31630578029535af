"""A clock that tests move, for whatever expires: sessions, lock-outs, one-time passwords, tokens, replies, uploads.

    server.clock.advance(601)        # ten minutes and a second later
    server.clock.set(1_800_000_000)  # at a time in seconds since 1970, or a datetime with its zone
    server.clock.reset()             # the time of the machine again

Owns how far it is from the machine's clock, and the alarms that are set by it. Wherever it is set, it goes on from
there. What waits for a time keeps its distance when the clock is put back. How long something takes, the ``Date`` of
answers and how long a client is waited for are not by it.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

MICROSECONDS: Final = 1_000_000
LATEST: Final = 253_402_300_800.0
"""The end of the year 9999: cookies have no later dates."""


class MovableClock:
    """The clock of a server for tests; it can be moved from any thread.

    ``offset``    seconds by which it is ahead of the machine's
    ``put_back``  seconds by which it was put back, all in all
    """

    def __init__(self) -> None:
        self.offset = 0.0
        self.put_back = 0.0
        self._alarms: set[_Alarm] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_move: Callable[[], None] = _nothing
        self._lock = threading.Lock()

    # --- for tests

    def advance(self, seconds: float) -> float:
        """Move it forward; the time it is then. Raises ValueError for a negative number: ``set`` goes back."""
        if not seconds >= 0:
            raise ValueError("a clock advances by a number of seconds that is not negative")
        return self._move(lambda offset: offset + seconds)

    def set(self, moment: float | datetime) -> float:
        """Move it to a moment, in seconds since 1970 or as a datetime; the time it is then.

        Raises ValueError for a datetime without a zone.
        """
        if isinstance(moment, datetime):
            if moment.tzinfo is None:
                raise ValueError("a datetime needs a zone, such as datetime.UTC")
            moment = moment.timestamp()
        to = float(moment)
        return self._move(lambda _: to - time.time())

    def reset(self) -> float:
        """Go by the machine's clock again; the time it is then."""
        return self._move(lambda _: 0.0)

    # --- for the server

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.offset

    def microseconds(self) -> int:
        """The same as a whole number of microseconds."""
        return int(self.now() * MICROSECONDS)

    def call_at(self, when: float, callback: Callable[[], None]) -> "_Alarm":
        """Call this at a time by this clock, or soon if it is over. Called on the server's loop."""
        return _Alarm(self, when, callback, self._alarms)

    def attach(self, loop: asyncio.AbstractEventLoop, on_move: Callable[[], None]) -> None:
        """The loop on which alarms go off, and what is called there each time that the clock was moved."""
        self._loop, self._on_move = loop, on_move

    def detach(self) -> None:
        """The server stops: moving the clock calls nobody any more."""
        self._loop, self._on_move = None, _nothing

    def _move(self, to: Callable[[float], float]) -> float:
        with self._lock:
            offset = to(self.offset)
            if not 0 <= time.time() + offset < LATEST:
                raise ValueError("a clock goes from the year 1970 to the year 9999")
            self.put_back += max(0.0, self.offset - offset)
            self.offset = offset
            now = self.now()
            loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._moved)
        return now

    def _moved(self) -> None:
        for alarm in tuple(self._alarms):
            alarm.set()
        self._on_move()


class _Alarm:
    """Something that happens at a time, unless it is cancelled."""

    def __init__(self, clock: MovableClock, when: float, callback: Callable[[], None], among: "set[_Alarm]") -> None:
        self._clock = clock
        self._when = when
        self._put_back = clock.put_back
        self._callback = callback
        self._among = among
        self._timer: asyncio.TimerHandle | None = None
        among.add(self)
        self.set()

    def set(self) -> None:
        """Wait from now on as long as it is by the clock; as long as before, if that was put back."""
        if self._timer is not None:
            self._timer.cancel()
        put_back = self._clock.put_back
        self._when -= put_back - self._put_back
        self._put_back = put_back
        seconds = max(0.0, self._when - self._clock.now())
        self._timer = asyncio.get_running_loop().call_later(seconds, self._ring)

    def cancel(self) -> None:
        """It does not happen any more."""
        self._among.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        self._among.discard(self)
        self._callback()


def _nothing() -> None:
    pass
