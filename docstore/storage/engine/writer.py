"""The one writer: commands in, group commits out.

Owns the writer's thread, which commands share a commit, and what becomes of them when something goes wrong; what a disk
means that refuses is the business of ``write_faults.py``. What a command does is that of ``apply``, which is handed in;
the writer must not know any command.

``await writer.submit(command)`` gives the command's result once the commit that holds it is durable, or raises the
command's DocstoreError. The steps of one group:

1. *Gather*: everything that was submitted while the last group was being synced, up to the limits of a group. No
   command waits for others to come, but what a few turns of the event loop bring is handed over together: waking the
   writer for each command made its thread fight the loop for the interpreter, at a third of the PUTs per second.
2. *Apply*: ``apply(transaction, commands)`` answers one result, or one DocstoreError, for each command.
3. *Commit*: LMDB writes and syncs; the only step that a command waits long for.
4. *Deliver*: one wake-up of the event loop for the group. There all waiters get their results, and ``on_commit`` is
   called. A waiter that is cancelled does not cancel its command.

When it goes wrong (nothing of the transaction is kept in any of these but the last):

* ``apply`` raises something unexpected: it is applied again command by command, so that only the culprit fails.
* ``apply`` leaves commands for later, because these are too much work for one group: they come first in the next.
* The map is full: it grows, and the group is applied again. The disk is: StorageFull for all, and the next is tried;
  but once after each commit what that one freed is asked for first. The same without files or memory: Unavailable.
* A commit or its sync fails, or LMDB finds its file broken: the group and all later commands fail with StorageFailed
  until the store is opened anew, because a later sync might report success for data that this one has lost. Reads go
  on.
* A sync that a group wanted behind its commit fails: writes stop as well, but this group is committed and has its
  results, all but those who waited for the sync.
"""

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future as ThreadFuture
from queue import Empty, SimpleQueue
from typing import TypeAlias

import lmdb

from docstore.errors import DocstoreError, StorageFailed, StorageFull, Unavailable
from docstore.storage.engine import fork_guard
from docstore.storage.engine.disk_errors import is_disk_error, lacks_means
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.group_commit import Apply, CommitSummary, CulpritFound, GroupRefused, OnCommit
from docstore.storage.engine.transactions import LATER, WHEN_SYNCED, GroupTransaction
from docstore.storage.engine.write_faults import WriteFaults

log = logging.getLogger(__name__)

STALE_READERS_EVERY = 1_000
"""Group commits between two looks for reader slots of killed processes."""

GATHER_TURNS = 4
"""How many turns of the event loop submissions may be gathered for, as long as each brings more."""

Waiter: TypeAlias = "asyncio.Future[object] | ThreadFuture[object]"
Group: TypeAlias = list[tuple[object, Waiter]]


class Writer:
    """Applies commands to an environment, in the order of their submission.

    ``on_commit``  is called after each group commit on the event loop that submits; without a loop (``run_sync``
                   alone) on the writer's thread
    ``commit``     what ends a transaction; a test may hand in one that fails
    ``groups``, ``commands``, ``edits``  how many were committed
    ``single_at``  when (``monotonic``) a single document was last written
    """

    def __init__(
        self,
        environment: Environment,
        apply: Apply,
        on_commit: OnCommit | None = None,
        *,
        commit: "Callable[[lmdb.Transaction[bytes]], None] | None" = None,
    ) -> None:
        self.groups = self.commands = self.edits = 0
        self.single_at = -math.inf
        self._environment = environment
        self._faults = WriteFaults(environment)
        self._apply = apply
        self._on_commit = on_commit
        self._commit = _commit if commit is None else commit
        self._max_commands = environment.settings.group_commit_max_commands
        self._max_bytes = environment.settings.group_commit_max_bytes
        self._queue: SimpleQueue[tuple[object, Waiter] | None] = SimpleQueue()
        self._outbox: Group = []
        self._left: Group = []
        self._start_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refusal: Callable[[], DocstoreError] | None = None
        fork_guard.guard(self)

    # For the event loop

    def submit(self, command: object) -> "asyncio.Future[object]":
        """Accept a command. Await the future for its result, or its DocstoreError.

        ``command.cost``, where it has one, is its size in bytes for the limits of a group.
        Raises Unavailable once ``close`` was called. Called on one event loop, always the same.
        """
        if self._refusal is not None:
            raise self._refusal()
        loop = self._loop
        if loop is None:
            loop = self._start_on_loop()
        future: asyncio.Future[object] = loop.create_future()
        if not self._outbox:
            loop.call_soon(self._gather_turns, loop, 0, GATHER_TURNS)
        self._outbox.append((command, future))
        return future

    def _gather_turns(self, loop: asyncio.AbstractEventLoop, before: int, turns: int) -> None:
        """Hand over once a turn of the loop brought nothing more, or after ``turns`` more turns."""
        count = len(self._outbox)
        if turns and before < count:
            loop.call_soon(self._gather_turns, loop, count, turns - 1)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        """Give the writer what one turn of the loop submitted: one wake-up of its thread, not one a command."""
        outbox, self._outbox = self._outbox, []
        for pair in outbox:
            self._queue.put(pair)

    async def close(self) -> None:
        """Refuse new commands, finish those accepted, and end the thread."""
        self._stop()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    # Without an event loop

    def run_sync(self, command: object) -> object:
        """Submit a command and wait, blocking, for its result. Not to be called on an event loop."""
        if self._refusal is not None:
            raise self._refusal()
        self._start()
        waiter: ThreadFuture[object] = ThreadFuture()
        self._queue.put((command, waiter))
        return waiter.result()

    def close_sync(self) -> None:
        """``close`` for those without an event loop."""
        self._stop()
        if self._thread is not None:
            self._thread.join()

    def after_fork_in_child(self) -> None:
        """Refuse commands: the thread that would take them is in the parent."""
        self._refusal = _forked
        self._thread = None
        self._outbox = []

    @property
    def failed(self) -> bool:
        """Whether writes are stopped because a commit failed."""
        return self._faults.stopped

    # Start and stop

    def _start_on_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        self._environment.attach_loop(loop)
        self._loop = loop
        self._start()
        return loop

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is None:
                # A daemon, since an interpreter that ends without close() is to a store no worse than a kill.
                self._thread = threading.Thread(target=self._run, name="docstore writer", daemon=True)
                self._thread.start()

    def _stop(self) -> None:
        if self._refusal is None:
            self._refusal = Unavailable
            self._hand_over()
            self._queue.put(None)

    # The writer's thread

    def _run(self) -> None:
        while True:
            group, ended = self._gather()
            if group:
                self._process(group)
            while ended and self._left:
                self._process(self._take_left())
            if ended:
                return

    def _gather(self) -> tuple[Group, bool]:
        """Wait for one command and take what else is there; whether ``close`` was called after these."""
        group = self._take_left()
        if not group:
            first = self._queue.get()
            if first is None:
                return [], True
            group = [first]
        size = sum(getattr(command, "cost", 0) for command, _ in group)
        next_pair = self._queue.get_nowait
        try:
            while len(group) < self._max_commands and size < self._max_bytes:
                pair = next_pair()
                if pair is None:
                    return group, True
                group.append(pair)
                size += getattr(pair[0], "cost", 0)
        except Empty:
            pass
        return group, False

    def _take_left(self) -> Group:
        """The commands that the last group left for later."""
        group, self._left = self._left, []
        return group

    def _process(self, group: Group) -> None:
        """Bring a group to its end, whatever happens."""
        results: Sequence[object]
        try:
            results, summary = self._write([command for command, _ in group])
        except GroupRefused as refused:
            told = refused.told
            results, summary = [type(told)(told.reason) for _ in group], None
        except BaseException:
            log.critical("the writer met an error that it does not know; writes stop", exc_info=True)
            self._faults.stopped = True
            results, summary = [StorageFailed() for _ in group], None
        if any(result is LATER for result in results):
            self._left = [pair for pair, result in zip(group, results, strict=True) if result is LATER]
            group = [pair for pair, result in zip(group, results, strict=True) if result is not LATER]
            results = [result for result in results if result is not LATER]
        self._deliver(group, results, summary)

    def _write(self, commands: list[object]) -> tuple[Sequence[object], CommitSummary]:
        """Apply and commit, as often as it takes. Raises GroupRefused."""
        culprits: dict[int, DocstoreError] = {}
        singly = False
        while True:
            try:
                return self._attempt(commands, culprits, singly=singly)
            except lmdb.MapFullError:
                self._grow()
            except CulpritFound as found:
                log.exception("a command failed: %s", type(commands[found.index]).__name__)
                culprits[found.index] = found.told
            except GroupRefused as refused:
                if not (isinstance(refused.told, StorageFull) and self._faults.has_freed_pages(self.groups)):
                    raise
            except Exception as error:
                if singly:
                    raise
                log.warning("a group of %d commands failed (%r); applying them one by one", len(commands), error)
                singly = True

    def _attempt(
        self, commands: list[object], culprits: Mapping[int, DocstoreError], *, singly: bool
    ) -> tuple[Sequence[object], CommitSummary]:
        """One transaction, and the sync behind it. If it raises, nothing of it was kept."""
        transaction = self._begin()
        try:
            try:
                results = self._apply_all(transaction, commands, culprits, singly=singly)
            except lmdb.Error as error:
                if is_disk_error(error):
                    raise self._faults.refused(error, synced=False) from error
                raise
            done = sum(result is not LATER for result in results)
            summary = CommitSummary.of(transaction, done)
            self._end(transaction)
        except BaseException:
            transaction.transaction.abort()
            raise
        self._faults.committed()
        self.groups, self.edits = self.groups + 1, self.edits + transaction.edits
        self.commands += done
        if transaction.wants_sync and (failure := self._faults.sync_behind(transaction)):
            results = [type(failure)(failure.reason) if result is WHEN_SYNCED else result for result in results]
        if self.groups % STALE_READERS_EVERY == 0:
            self._drop_stale_readers()
        return results, summary

    def _drop_stale_readers(self) -> None:
        try:
            self._environment.drop_stale_readers()
        except lmdb.Error:  # never the group's fault, which is committed
            log.exception("the slots of killed readers could not be looked through")

    def _begin(self) -> GroupTransaction:
        self._faults.before_group()
        try:
            return self._environment.begin_write()
        except DocstoreError as refused:
            raise GroupRefused(refused) from refused
        except lmdb.MapFullError:
            raise
        except (lmdb.Error, OSError) as error:
            raise self._faults.refused(error) from error

    def _apply_all(
        self,
        transaction: GroupTransaction,
        commands: list[object],
        culprits: Mapping[int, DocstoreError],
        *,
        singly: bool,
    ) -> Sequence[object]:
        """The result of each command. ``singly``: one by one, without the known culprits; raises CulpritFound."""
        if not singly:
            results = self._apply(transaction, commands)
            if len(results) != len(commands):
                raise AssertionError("apply must answer each command once")
            return results
        answers: list[object] = []
        for index, command in enumerate(commands):
            if index in culprits:
                answers.append(culprits[index])
                continue
            try:
                (answer,) = self._apply(transaction, [command])
            except Exception as error:
                if isinstance(error, lmdb.MapFullError) or (isinstance(error, lmdb.Error) and is_disk_error(error)):
                    raise
                told = error if isinstance(error, DocstoreError) else lacks_means(error) or DocstoreError()
                raise CulpritFound(index, told) from error
            answers.append(answer)
        return answers

    def _end(self, transaction: GroupTransaction) -> None:
        try:
            self._commit(transaction.transaction)
        except lmdb.MapFullError:
            raise
        except Exception as error:
            raise self._faults.refused(error) from error

    def _grow(self) -> None:
        try:
            self._environment.grow_map()
        except DocstoreError as refused:
            raise GroupRefused(refused) from refused

    def _deliver(self, group: Group, results: Sequence[object], summary: CommitSummary | None) -> None:
        loop = self._loop
        if loop is None:
            self._settle(group, results, summary)
            return
        try:
            loop.call_soon_threadsafe(self._settle, group, results, summary)
        except RuntimeError:
            log.warning("the event loop was closed before %d commands got their results", len(group))

    def _settle(self, group: Group, results: Sequence[object], summary: CommitSummary | None) -> None:
        """Hand out the results; on the event loop, if there is one."""
        for (_, waiter), result in zip(group, results, strict=True):
            if waiter.done():
                continue
            if isinstance(result, DocstoreError):
                waiter.set_exception(result)
            else:
                waiter.set_result(result)
        if summary is not None and self._on_commit is not None:
            try:
                self._on_commit(summary)
            except Exception:
                log.exception("on_commit failed")


def _commit(transaction: "lmdb.Transaction[bytes]") -> None:
    transaction.commit()


def _forked() -> DocstoreError:
    return Unavailable("A store does not survive a fork; open it in the child.")
