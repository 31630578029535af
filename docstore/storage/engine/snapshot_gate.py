"""Which snapshots are open, who must wait or give one up, and how all of them are brought to an end.

Owns the count, the age and the taking away of snapshots. It must not know why the map is replaced, and knows of LMDB
only how a read transaction begins.

**Never under another thread.** LMDB frees a transaction that is aborted, so one that ends while another thread is
inside a call on it is a segmentation fault. A snapshot is ended by its own thread alone: by its holder, or, if that is
a coroutine, by a callback of the event loop, since while it runs every holder on the loop is suspended. Other threads
are asked (``Snapshot.expired``) and waited for. Only a thread that has ended is not asked.

**Not for long.** A callback of the loop looks every ``snapshot_linger`` seconds, as long as the loop holds any, and
ends those that have expired, and those that a reader in slices has *lent*: that reader waits for whoever takes the
slice, a client perhaps that does not read, and goes on in a newer one.

**Room.** Of ``max_snapshots`` readers in slices may have all but ``snapshot_reserve``, so there is always room for
those who open one, read and close it. Where there is none, the snapshot that has been idle for longest is taken from a
reader in slices, one that was lent before all others. Only if there is none of those is somebody refused.

**Alone.** The map of a process may be replaced only while no transaction of the process is in use.
``run_alone(action)``, called from the writer's thread between two group commits, finds such a moment:

* While it waits, every snapshot opened before has expired, so whoever works in slices closes it.
* Snapshots that coroutines hold across an ``await`` are taken away by a callback on their event loop.
* The event loop must never block. So opening a snapshot on it succeeds even now, for as long as the coroutine does not
  await; whoever closes the last open snapshot performs the action on the spot. Point reads, which open and close
  within one callback, cannot starve it.
* A thread without a loop waits at the gate, unless it holds a snapshot itself: then it may take more, or it could
  never finish and close the first.
* Where a thread still reads after ``patience`` seconds, the action is given up; reads go on.

In the usual case, no action waiting, all this costs a snapshot one uncontended lock at either end. The lock can be
taken again by its holder, because the garbage collector may close a forgotten snapshot at any allocation.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from threading import get_ident
from time import monotonic
from typing import Final, NoReturn

import lmdb

from docstore.errors import Unavailable
from docstore.settings import StorageSettings
from docstore.storage.engine.transactions import Snapshot
from docstore.storage.tables import Tables

log = logging.getLogger(__name__)

Begin = Callable[[], "lmdb.Transaction[bytes]"]

ROOM_PATIENCE: Final = 5.0
"""Seconds that a thread waits for room; the event loop makes some as soon as it gets to it."""

SHORTEST_LOOK: Final = 0.001
"""Seconds between two looks at the snapshots of a loop, at least."""

TOO_MANY: Final = "Too many snapshots are open."
STILL_READ: Final = "The map must be replaced, and somebody still reads."


class _Alone:
    """One call of ``run_alone``; whoever performs the action leaves the outcome here."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self.done = False
        self.failure: Exception | None = None

    def act(self) -> None:
        try:
            self._action()
        except Exception as failure:
            self.failure = failure
        self.done = True

    def give_up(self) -> None:
        self.failure = Unavailable(STILL_READ)
        self.done = True


class SnapshotGate:
    """All snapshots of one environment.

    ``max_age``        seconds after which a snapshot has expired
    ``waiting_since``  when (``monotonic``) an action began to wait for all snapshots to close; None without one
    """

    def __init__(self, begin: Begin, tables: Tables, settings: StorageSettings) -> None:
        self.tables = tables
        self.max_age = settings.snapshot_max_age
        self.waiting_since: float | None = None
        self._begin = begin
        self._max_snapshots = settings.max_snapshots
        self._max_long = max(1, settings.max_snapshots - settings.snapshot_reserve)
        self._linger = settings.snapshot_linger
        self._open: set[Snapshot] = set()
        self._long: set[Snapshot] = set()
        self._wanting = 0
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._loops: dict[int, asyncio.AbstractEventLoop] = {}
        self._looked_after: set[int] = set()
        self._alone: _Alone | None = None
        self._given_up = False

    def open(self) -> Snapshot:
        """A new snapshot, to be closed soon. Raises Unavailable when too many are open, or the store is closed."""
        thread = get_ident()
        with self._lock:
            if self.waiting_since is not None:
                self._open_while_waiting(thread)
            if len(self._open) >= self._max_snapshots:
                self._make_room(thread, self._open, self._max_snapshots)
            try:
                transaction = self._begin()
            except lmdb.ReadersFullError as error:  # other processes read too
                raise Unavailable(TOO_MANY) from error
            snapshot = Snapshot(self, transaction, thread)
            self._open.add(snapshot)
            if thread not in self._looked_after:
                self._look_after(thread)
            return snapshot

    def open_long(self) -> Snapshot:
        """A snapshot of a reader that works in slices, who marks it idle between them; raises as ``open``."""
        thread = get_ident()
        with self._lock:
            if self.waiting_since is not None:
                self._open_while_waiting(thread)
            if len(self._long) >= self._max_long:
                self._make_room(thread, self._long, self._max_long)
            snapshot = self.open()
            self._long.add(snapshot)
            return snapshot

    def close(self, snapshot: Snapshot) -> None:
        """End a snapshot, if it has not ended."""
        with self._lock:
            self._open.discard(snapshot)
            if self._long:
                self._long.discard(snapshot)
            snapshot.end()
            if self._wanting:
                self._changed.notify_all()
            if self.waiting_since is not None and not self._open:
                self._act()

    def attach_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let snapshots held by the coroutines of this loop be taken away. Called on the loop's thread."""
        thread = get_ident()
        with self._lock:
            if self._loops.get(thread) is not loop:
                self._loops[thread] = loop
                self._looked_after.discard(thread)

    def run_alone(self, action: Callable[[], None], *, patience: float) -> None:
        """Run ``action`` while no snapshot is open, and raise what it raises.

        Not to be called on an event loop, nor by a thread that holds a snapshot. Raises Unavailable, with nothing done,
        if a thread still reads after ``patience`` seconds.
        """
        alone = _Alone(action)
        with self._changed:
            self._changed.wait_for(lambda: self._alone is None)
            self._alone, self.waiting_since = alone, monotonic()
            self._end_abandoned()
            if not alone.done and not self._open:
                self._act()
            elif not alone.done:
                self._call_loops(self.end_old)
                if not self._changed.wait_for(lambda: alone.done, timeout=min(patience, self.max_age)):
                    log.warning("%d snapshots are still open; waiting for those who read", len(self._open))
                    self._changed.wait_for(lambda: alone.done, timeout=max(0.0, patience - self.max_age))
            if not alone.done:
                alone.give_up()
                self._end_wait()
        if alone.failure is not None:
            raise alone.failure

    def end_old(self) -> None:
        """Take away the expired and lent snapshots of suspended coroutines, all if an action waits.

        A callback of the event loop.
        """
        if self._open:
            thread, now = get_ident(), monotonic()
            with self._lock:
                everything = self.waiting_since is not None
                for snapshot in [held for held in self._open if held.thread == thread]:
                    if everything or snapshot.expired or snapshot.lent_for(now) > self._linger:
                        self.close(snapshot)

    def after_fork_in_child(self) -> None:
        """Refuse all use; a lock that another thread of the parent held would never be free again."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._open, self._long = set(), set()
        self._alone, self.waiting_since = None, None
        self._begin = refuse_forked

    def refuse(self, begin: Begin) -> None:
        """End the snapshots of this thread, ask all others to end theirs, and let ``begin`` answer who wants more."""
        with self._changed:
            self._begin = begin
            self.max_age = -1.0  # so all have expired
            thread = get_ident()
            for snapshot in [held for held in self._open if held.thread == thread]:
                self.close(snapshot)
            self._end_abandoned()
            self._call_loops(self.end_old)
            self._changed.notify_all()

    def drain(self, patience: float) -> bool:
        """After ``refuse``: wait until no snapshot is open, once for so many seconds; whether none is."""
        with self._changed:
            self._wanting += 1
            self._changed.wait_for(lambda: not self._open, timeout=0 if self._given_up else patience)
            self._wanting -= 1
            self._given_up = bool(self._open)
            if self._alone is not None and self._open:
                self._alone.give_up()
                self._end_wait()
            elif self._alone is not None:
                self._act()
            return not self._open

    def reopen(self, begin: Begin, tables: Tables) -> None:
        """Go on with another LMDB environment of the same store; part of an action."""
        self._begin, self.tables = begin, tables

    @property
    def open_snapshots(self) -> int:
        """How many snapshots are open."""
        return len(self._open)

    @property
    def oldest_age(self) -> float:
        """Seconds since the oldest open snapshot was opened; 0 without one."""
        with self._lock:
            return max((snapshot.age for snapshot in self._open), default=0.0)

    @property
    def oldest_txnid(self) -> int | None:
        """The commit that the oldest open snapshot shows; None without one."""
        with self._lock:
            return min((snapshot.txnid for snapshot in tuple(self._open) if not snapshot.closed), default=None)

    # --- opening

    def _open_while_waiting(self, thread: int) -> None:
        """On an event loop see to it that the new snapshot is not held across an await; elsewhere wait, if allowed."""
        try:
            asyncio.get_running_loop().call_soon(self.end_old)
        except RuntimeError:
            if not any(snapshot.thread == thread for snapshot in self._open):
                self._changed.wait_for(lambda: self.waiting_since is None)

    def _make_room(self, thread: int, among: set[Snapshot], limit: int) -> None:
        """See to it that fewer than ``limit`` of these are open. Raises Unavailable."""
        if thread in self._loops:
            while len(among) >= limit and self._end_idle(thread):
                pass
        elif any(snapshot.idle_since is not None for snapshot in self._long):
            self._wanting += 1
            self._call_loops(self._end_idle_ones)
            self._changed.wait_for(lambda: len(among) < limit, timeout=ROOM_PATIENCE)
            self._wanting -= 1
        if len(among) >= limit:
            raise Unavailable(TOO_MANY)

    def _end_idle_ones(self) -> None:
        """Make room for the threads that want it; a callback of the event loop."""
        with self._lock:
            thread = get_ident()
            for _ in range(self._wanting):
                self._end_idle(thread)

    def _end_idle(self, thread: int) -> bool:
        """End the snapshot that has been idle for longest on this thread's loop; whether there was one."""
        idle = [snapshot for snapshot in self._long if snapshot.thread == thread and snapshot.idle_since is not None]
        if not idle:
            return False
        self.close(min(idle, key=lambda snapshot: (not snapshot.lent, snapshot.idle_since)))
        return True

    # --- looking after the snapshots of a loop

    def _look_after(self, thread: int) -> None:
        """Begin to look at the snapshots of this thread from time to time, if it is a loop's."""
        loop = self._loops.get(thread)
        if loop is not None and not loop.is_closed():
            self._looked_after.add(thread)
            loop.call_later(max(SHORTEST_LOOK, min(self._linger, self.max_age)), self._look, loop, thread)

    def _look(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        self.end_old()
        with self._lock:
            if self._loops.get(thread) is loop:
                self._looked_after.discard(thread)
                if any(snapshot.thread == thread for snapshot in self._open):
                    self._look_after(thread)

    # --- bringing them to an end

    def _act(self) -> None:
        """Perform the waiting action; the lock is held and no snapshot is open."""
        if self._alone is not None:
            self._alone.act()
        self._end_wait()

    def _end_wait(self) -> None:
        """Nobody waits to be alone any more."""
        self._alone, self.waiting_since = None, None
        self._changed.notify_all()

    def _call_loops(self, callback: Callable[[], None]) -> None:
        for thread in {snapshot.thread for snapshot in self._open}:
            loop = self._loops.get(thread)
            if loop is not None and not loop.is_closed():
                with contextlib.suppress(RuntimeError):  # closed a moment ago, and its coroutines with it
                    loop.call_soon_threadsafe(callback)

    def _end_abandoned(self) -> None:
        """End what threads have left open that are no more, and those who were named like this one before it."""
        alive = {thread.ident for thread in threading.enumerate()} - {get_ident()}
        for snapshot in [held for held in self._open if held.thread not in alive]:
            log.warning("a thread has ended and left a snapshot open")
            self.close(snapshot)


def refuse_closed() -> NoReturn:
    """What begins a transaction of a closed environment."""
    raise Unavailable("The store is closed.")


def refuse_forked() -> NoReturn:
    """What begins a transaction in the child of a fork."""
    raise Unavailable("A store does not survive a fork; open it in the child.")
