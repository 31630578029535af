"""What the node is doing in the background, for ``_active_tasks``.

Owns the list of running tasks and the shape of an entry, which follows ``couch_task_status``. The clock is handed in.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from docstore.core.json_text import JsonValue


class ActiveTask:
    """One running task."""

    def __init__(self, clock: Callable[[], float], members: dict[str, JsonValue]) -> None:
        self._clock = clock
        self.members = members

    def update(self, **members: JsonValue) -> None:
        """Set members of the entry (``progress``, ``changes_done`` ...)."""
        self.members |= members
        self.members["updated_on"] = int(self._clock())


class ActiveTasks:
    """The running tasks. ``clock`` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float], node_name: str = "nonode@nohost") -> None:
        self._clock = clock
        self._node_name = node_name
        self._tasks: dict[int, ActiveTask] = {}
        self._started = 0

    @contextmanager
    def running(self, kind: str, **members: JsonValue) -> Iterator[ActiveTask]:
        """Lists a task of this ``type`` while the block runs."""
        now = int(self._clock())
        self._started += 1
        number = self._started
        about: dict[str, JsonValue] = {
            "node": self._node_name,
            "pid": f"<0.{number}.0>",
            "type": kind,
            "started_on": now,
            "updated_on": now,
        }
        task = self._tasks[number] = ActiveTask(self._clock, about | members)
        try:
            yield task
        finally:
            del self._tasks[number]

    def entries(self) -> list[dict[str, JsonValue]]:
        """The entries as CouchDB's ``_active_tasks`` prints them, the oldest first."""
        return [dict(task.members) for task in self._tasks.values()]
