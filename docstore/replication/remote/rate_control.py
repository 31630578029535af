"""How fast a server may be asked: one pace for all requests of a job.

Owns the rule (``Pace``, which is pure: the time is handed in) and the waiting (``RateController``). It must not know
what is asked. A server that answers 429, or 503 with Retry-After, is obeyed by all requests together:

* Nobody asks before the time that it named; without one the pause doubles with each refusal in a row.
* The rate is cut to half of what it was, once for all requests that were under way at that moment; then every second
  without a refusal adds ``GAIN`` requests per second (additive increase, multiplicative decrease, as TCP does it).
* Once the rate is far above the one that was refused there is no limit any more, until the next refusal.

Follows ``couch_replicator_rate_limiter`` in what it is for, not in its numbers.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final

from docstore.replication.errors import PeerBusy

GAIN: Final = 2.0
"""By how many requests per second the rate grows in a second without refusals."""

LOWEST_RATE: Final = 0.1
FREE_AGAIN: Final = 4.0
"""The limit is lifted at so many times the rate that was refused."""

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 60.0
OBSERVED_REQUESTS: Final = 64
OBSERVED_SECONDS: Final = 10.0

PATIENCE: Final = 300.0
"""Seconds for which a request waits for its turn before it fails."""


class Pace:
    """When the next request may be sent. All times are seconds of one clock."""

    def __init__(self) -> None:
        self._rate: float | None = None
        self._refused_rate = 0.0
        self._next = 0.0
        self._held_until = 0.0
        self._cut_at = float("-inf")
        self._pause = FIRST_PAUSE
        self._sent: deque[float] = deque(maxlen=OBSERVED_REQUESTS)
        self.refusals = 0

    @property
    def rate(self) -> float | None:
        """Requests per second, None without a limit."""
        return self._rate

    def reserve(self, now: float) -> float:
        """The time at which a request may be sent; the next one gets a later one, if there is a limit."""
        start = max(now, self._held_until)
        if self._rate is not None:
            start = max(start, self._next)
            self._next = start + 1.0 / self._rate
        return start

    def sent(self, now: float) -> None:
        """A request goes out."""
        self._sent.append(now)

    def succeeded(self) -> None:
        """A request was answered, and not by a refusal."""
        self._pause = FIRST_PAUSE
        if self._rate is None:
            return
        self._rate += GAIN / self._rate if self._rate > GAIN else self._rate
        if self._rate > FREE_AGAIN * max(self._refused_rate, GAIN):
            self._rate = None

    def refused(self, now: float, sent_at: float, retry_after: float | None) -> None:
        """A request that was sent at ``sent_at`` was refused. Seconds of patience that the server asks for, if any."""
        self.refusals += 1
        first_of_many = sent_at >= self._cut_at
        if retry_after is None:
            retry_after = self._pause
            if first_of_many:
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self._held_until = max(self._held_until, now + retry_after)
        if first_of_many:
            self._refused_rate = self._observed(now) if self._rate is None else self._rate
            self._rate = max(self._refused_rate / 2, LOWEST_RATE)
            self._cut_at = now
        # Those who wait for their turn will ask again: turns given before count no more.
        self._next = self._held_until

    def _observed(self, now: float) -> float:
        recent = [one for one in self._sent if one > now - OBSERVED_SECONDS]
        if not recent:
            return 1.0
        return len(recent) / max(now - recent[0], 1.0)


class RateController:
    """The pace of the requests of a job to one server; used on one event loop.

    ``clock`` gives seconds, from any start; ``sleep`` waits for seconds.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Random | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.pace = Pace()
        self._clock = clock
        self._sleep = sleep
        self._random = random or Random()
        self._patience = patience

    async def turn(self) -> float:
        """Wait until a request may be sent; the time, for ``refused``.

        Raises PeerBusy, with what is left to wait, if that is longer than a request waits.
        """
        asked = self._clock()
        while True:
            refusals = self.pace.refusals
            start = self.pace.reserve(self._clock())
            wait = start - self._clock()
            if wait <= 0:
                break
            if start - asked > self._patience:
                raise PeerBusy(retry_after=wait)
            await self._sleep(wait)
            if refusals == self.pace.refusals:
                break
        now = self._clock()
        self.pace.sent(now)
        return now

    def succeeded(self) -> None:
        """The server has answered a request."""
        self.pace.succeeded()

    def refused(self, sent_at: float, retry_after: float | None) -> None:
        """The server has refused a request for now; ``sent_at`` is what ``turn`` gave."""
        if retry_after is not None and retry_after > 0:
            retry_after += self._random.random() * min(retry_after, 1.0) / 4
        self.pace.refused(self._clock(), sent_at, retry_after)


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Seconds of a Retry-After header, a number or a date; ``now``: seconds since 1970. None if it tells nothing."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(date.timestamp() - now, 0.0)
