"""Which snapshots are open, and how all of them are brought to an end when LMDB's map has to be replaced.

Owns the count, the age and the taking away of snapshots. It must not know why the map is replaced, and knows of LMDB
only how a read transaction begins.

The map of a process may be replaced only while no transaction of the process is in use. ``run_alone(action)``, called
from the writer's thread between two group commits, finds such a moment:

* While it waits, every snapshot opened before has expired, so whoever works in slices closes it.
* Snapshots that coroutines hold across an ``await`` are taken away by a callback on their event loop. While that runs
  every holder on the loop is suspended, so nobody loses a snapshot in the middle of a slice.
* The event loop must never block. So opening a snapshot on it succeeds even now, for as long as the coroutine does not
  await; whoever closes the last open snapshot performs the action on the spot. Point reads, which open and close
  within one callback, cannot starve it.
* A thread without a loop waits at the gate, unless it holds a snapshot itself: then it may take more, or it could
  never finish and close the first.
* What is still open after ``patience`` seconds was forgotten by its holder, and is taken away from wherever we are.
  py-lmdb makes this safe (an ended transaction refuses all calls); the holder meets an error.

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
from typing import NoReturn

import lmdb

from docstore.errors import Unavailable
from docstore.storage.tables import Tables
from docstore.storage.transactions import Snapshot

log = logging.getLogger(__name__)

Begin = Callable[[], "lmdb.Transaction[bytes]"]


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


class SnapshotGate:
    """All snapshots of one environment.

    ``max_age``        seconds after which a snapshot has expired
    ``waiting_since``  when (``monotonic``) an action began to wait for all snapshots to close; None without one
    """

    def __init__(self, begin: Begin, tables: Tables, *, max_snapshots: int, max_age: float) -> None:
        self.tables = tables
        self.max_age = max_age
        self.waiting_since: float | None = None
        self._begin = begin
        self._max_snapshots = max_snapshots
        self._open: set[Snapshot] = set()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._loops: dict[int, asyncio.AbstractEventLoop] = {}
        self._alone: _Alone | None = None

    def open(self) -> Snapshot:
        """A new snapshot. Raises Unavailable when too many are open, or the environment is closed."""
        thread = get_ident()
        with self._lock:
            if self.waiting_since is not None:
                self._open_while_waiting(thread)
            if len(self._open) >= self._max_snapshots:
                raise Unavailable("Too many snapshots are open.")
            snapshot = Snapshot(self, self._begin(), thread)
            self._open.add(snapshot)
        return snapshot

    def close(self, snapshot: Snapshot) -> None:
        """End a snapshot, if it has not ended."""
        with self._lock:
            self._open.discard(snapshot)
            snapshot.end()
            if self.waiting_since is not None and not self._open:
                self._act()

    def attach_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let snapshots held by the coroutines of this loop be taken away. Called on the loop's thread."""
        self._loops[get_ident()] = loop

    def run_alone(self, action: Callable[[], None], *, patience: float) -> None:
        """Run ``action`` while no snapshot is open, and raise what it raises.

        Not to be called on an event loop, nor by a thread that holds a snapshot.
        """
        alone = _Alone(action)
        with self._changed:
            self._changed.wait_for(lambda: self._alone is None)
            self._alone, self.waiting_since = alone, monotonic()
            if self._open:
                self._call_loops()
                if not self._changed.wait_for(lambda: alone.done, timeout=patience):
                    log.warning("%d snapshots are still open after %.1f s; taking them away", len(self._open), patience)
                    self._end_all()
            if not alone.done:
                self._act()
        if alone.failure is not None:
            raise alone.failure

    def end_old(self) -> None:
        """Take away the expired snapshots of suspended coroutines; a callback of the event loop, and cheap."""
        if self._open:
            thread = get_ident()
            with self._lock:
                everything = self.waiting_since is not None
                for snapshot in [held for held in self._open if held.thread == thread and (everything or held.expired)]:
                    self.close(snapshot)

    def after_fork_in_child(self) -> None:
        """Refuse all use; a lock that another thread of the parent held would never be free again."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._open = set()
        self._alone, self.waiting_since = None, None
        self._begin = refuse_forked

    def shut(self, begin: Begin) -> None:
        """End all snapshots, from whichever thread, and let ``begin`` answer those who want more."""
        with self._changed:
            self._begin = begin
            self._end_all()
            if self._alone is not None:
                self._act()

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

    def _open_while_waiting(self, thread: int) -> None:
        """On an event loop see to it that the new snapshot is not held across an await; elsewhere wait, if allowed."""
        try:
            asyncio.get_running_loop().call_soon(self.end_old)
        except RuntimeError:
            if not any(snapshot.thread == thread for snapshot in self._open):
                self._changed.wait_for(lambda: self.waiting_since is None)

    def _act(self) -> None:
        """Perform the waiting action; the lock is held and no snapshot is open."""
        alone, self._alone = self._alone, None
        if alone is not None:
            alone.act()
        self.waiting_since = None
        self._changed.notify_all()

    def _call_loops(self) -> None:
        for thread in {snapshot.thread for snapshot in self._open}:
            loop = self._loops.get(thread)
            if loop is not None and not loop.is_closed():
                with contextlib.suppress(RuntimeError):  # closed a moment ago, and its coroutines with it
                    loop.call_soon_threadsafe(self.end_old)

    def _end_all(self) -> None:
        ended, self._open = self._open, set()
        for snapshot in ended:
            snapshot.end()


def refuse_closed() -> NoReturn:
    """What begins a transaction of a closed environment."""
    raise Unavailable("The store is closed.")


def refuse_forked() -> NoReturn:
    """What begins a transaction in the child of a fork."""
    raise Unavailable("A store does not survive a fork; open it in the child.")
