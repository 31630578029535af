"""The throughput of an account while its server runs: what it may use, what it has used, and what is refused.

Owns that state, for one server. The classes and their windows are ``core/cloudant/throughput.py``'s, the blocks
``core/cloudant/capacity.py``'s.
"""

from collections.abc import Callable

from docstore.core.cloudant.capacity import Capacity, rates
from docstore.core.cloudant.throughput import Cost, RequestClass, Windows


class Meter:
    """``clock`` gives seconds since 1970."""

    def __init__(self, blocks: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._capacity = Capacity(blocks, blocks)
        self._windows = Windows(rates(blocks), clock)

    @property
    def capacity(self) -> Capacity:
        """What holds now, and what is to hold."""
        now = self._clock()
        capacity = self._capacity.at(now)
        if capacity.current != self._capacity.current:
            self._windows.limits = rates(capacity.current)
        self._capacity = capacity
        return capacity

    def change(self, blocks: int) -> Capacity:
        """Ask for another capacity."""
        self._capacity = self.capacity.changed(blocks, self._clock())
        return self._capacity

    def take(self, cost: Cost) -> int | None:
        """Take what a request costs; the rate that it would exceed if there is no room, else None."""
        capacity = self.capacity
        if self._windows.take(cost):
            return None
        return rates(capacity.current)[cost.request_class]

    def used(self) -> dict[RequestClass, int]:
        """What was used within the last second, by class."""
        return {each: self._windows.used(each) for each in self._windows.limits}
