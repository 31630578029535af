"""Who waits for a write to which database.

Owns the subscriptions. It is told once per group commit, on the event loop, after the commit. A feed subscribes, and
clears its subscription, before it opens its snapshot, so that no write falls between the two. It must not know what
was written.
"""

import logging
from asyncio import Future, get_running_loop
from collections.abc import Iterable
from types import TracebackType
from typing import Self

logger = logging.getLogger(__name__)


class Subscription:
    """One waiter for one database; a context manager, made by ``Notifier.subscribe``.

    ``ended`` is set when nothing will ever come again: the database was deleted, or the node stops.
    """

    __slots__ = ("_future", "_notifier", "_written", "ended", "number")

    def __init__(self, notifier: "Notifier", number: int) -> None:
        self.number = number
        self.ended = False
        self._notifier = notifier
        self._written = False
        self._future: Future[bool] | None = None

    def __enter__(self) -> Self:
        self._notifier.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._notifier.discard(self)

    def clear(self) -> None:
        """Forget the writes so far; call it before opening the snapshot that will show them."""
        self._written = False

    async def wait(self, patience: float | None) -> bool:
        """True once something was written since ``clear``, or all ended; False after ``patience`` seconds."""
        if self._written or self.ended:
            return True
        loop = get_running_loop()
        future = self._future = loop.create_future()
        timer = None if patience is None else loop.call_later(max(patience, 0), _resolve, future, False)
        try:
            woken: bool = await future
            return woken
        finally:
            self._future = None
            if timer is not None:
                timer.cancel()

    def end(self) -> None:
        """Whoever waits need not wait any longer."""
        self.ended = True
        self.wake()

    def wake(self) -> None:
        """Something was written, or ``ended`` was set."""
        self._written = True
        if self._future is not None:
            _resolve(self._future, True)


class Notifier:
    """All subscriptions of one node; used on its event loop alone."""

    def __init__(self) -> None:
        self._subscriptions: dict[int, set[Subscription]] = {}
        self._closed = False

    def subscribe(self, number: int) -> Subscription:
        """A subscription to the database of this number; it counts while it is entered."""
        return Subscription(self, number)

    def add(self, subscription: Subscription) -> None:
        """Enter a subscription."""
        subscription.ended = subscription.ended or self._closed
        self._subscriptions.setdefault(subscription.number, set()).add(subscription)

    def discard(self, subscription: Subscription) -> None:
        """Take a subscription out, if it is still there."""
        waiting = self._subscriptions.get(subscription.number)
        if waiting is not None:
            waiting.discard(subscription)
            if not waiting:
                del self._subscriptions[subscription.number]

    def written(self, numbers: Iterable[int]) -> None:
        """These databases were written to."""
        if not self._subscriptions:
            return
        for number in numbers:
            _wake_all(self._subscriptions.get(number, ()))

    def ended(self, number: int) -> None:
        """The database of this number is gone."""
        waiting = self._subscriptions.pop(number, ())
        for subscription in waiting:
            subscription.ended = True
        _wake_all(waiting)

    def close(self) -> None:
        """Nothing will be written any more; later subscriptions have ended from the start."""
        self._closed = True
        for number in list(self._subscriptions):
            self.ended(number)


def _wake_all(waiting: Iterable[Subscription]) -> None:
    """Wake each of them, even if one cannot be woken."""
    for subscription in waiting:
        try:
            subscription.wake()
        except Exception:
            logger.exception("a feed of database %d could not be woken", subscription.number)


def _resolve(future: "Future[bool]", value: bool) -> None:
    if not future.done():
        future.set_result(value)
