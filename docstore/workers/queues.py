"""Jobs that wait: one queue for those that somebody waits for, one for builds.

Owns the order in which they come, and the bound of what may wait. It must not know who carries them out. Those that
somebody waits for take turns by their affinity, the design document whose functions they call: one that has many calls
of functions that take all the time they may keeps the calls of another waiting for one or two of them, not for all.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from docstore.settings import WorkerSettings
from docstore.workers.errors import WorkersBusy
from docstore.workers.messages import Buffers, Plain


@dataclass(slots=True, eq=False)
class Job:
    """A call of a function.

    ``future`` gets its answer; ``since`` is when it began to wait, ``losses`` how often a process ended under it.
    """

    buffers: Buffers
    size: int
    timeout: float
    urgent: bool
    affinity: str | None
    future: "asyncio.Future[Plain]"
    since: float
    losses: int = 0
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    def succeed(self, result: Plain) -> None:
        """Give the result to whoever waits."""
        self._stop_timer()
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: Exception) -> None:
        """Give the error to whoever waits."""
        self._stop_timer()
        if not self.future.done():
            self.future.set_exception(error)

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class _Turns:
    """A queue for each affinity, and which of them is next."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str | None, deque[Job]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Job]:
        for line in self._lines.values():
            yield from line

    def append(self, job: Job) -> None:
        """A job is the last of its affinity."""
        self._lines.setdefault(job.affinity, deque()).append(job)
        self._count += 1

    def appendleft(self, job: Job) -> None:
        """A job is the next of all."""
        self._lines.setdefault(job.affinity, deque()).appendleft(job)
        self._lines.move_to_end(job.affinity, last=False)
        self._count += 1

    def popleft(self) -> Job:
        """The next job; its affinity has its next turn behind the others."""
        affinity, line = self._lines.popitem(last=False)
        job = line.popleft()
        if line:
            self._lines[affinity] = line
        self._count -= 1
        return job

    def remove(self, job: Job) -> None:
        """A job that waits here does so no more."""
        line = self._lines[job.affinity]
        line.remove(job)
        if not line:
            del self._lines[job.affinity]
        self._count -= 1

    def clear(self) -> None:
        """No job waits any more."""
        self._lines.clear()
        self._count = 0


class Queues:
    """The two queues. A build goes before somebody who waits once it has waited for ``build_patience``."""

    def __init__(self, settings: WorkerSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._urgent = _Turns()
        self._builds: deque[Job] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._urgent) + len(self._builds)

    def put(self, job: Job) -> None:
        """A job waits from now on. Raises WorkersBusy beyond the bounds; a job alone may be of any size."""
        queue = self._queue_of(job)
        limits = self._settings
        if queue and (len(queue) >= limits.max_waiting or self._bytes + job.size > limits.max_waiting_bytes):
            raise WorkersBusy
        queue.append(job)
        self._bytes += job.size

    def put_back(self, job: Job) -> None:
        """A job whose process ended is the next of its queue."""
        self._queue_of(job).appendleft(job)
        self._bytes += job.size

    def take(self, *, builds: bool) -> Job | None:
        """The job whose turn it is; no build unless ``builds``."""
        if builds and self._builds:
            patient = self._clock() - self._builds[0].since < self._settings.build_patience
            if not (self._urgent and patient):
                return self._taken(self._builds.popleft())
        return self._taken(self._urgent.popleft()) if self._urgent else None

    def remove(self, job: Job) -> None:
        """Nobody waits for this job any more; nothing if it does not wait here."""
        queue = self._queue_of(job)
        if job in queue:
            queue.remove(job)
            self._bytes -= job.size

    def take_all(self) -> list[Job]:
        """Empty both queues."""
        jobs = [*self._urgent, *self._builds]
        self._urgent.clear()
        self._builds.clear()
        self._bytes = 0
        return jobs

    def _queue_of(self, job: Job) -> deque[Job] | _Turns:
        return self._urgent if job.urgent else self._builds

    def _taken(self, job: Job) -> Job:
        self._bytes -= job.size
        return job
