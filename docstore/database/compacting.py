"""Compaction of one database, in small steps between other writes.

Owns the loop over the steps and what ``_active_tasks`` shows of it. What a step drops is the storage's affair. All
handles of a database share one ``Compactor``, so that it is compacted once at a time.
"""

from typing import cast

from docstore.database.active_tasks import ActiveTasks
from docstore.database.commands import CompactDatabase
from docstore.storage.engine.writer import Writer


class Compactor:
    """Compacts the database of a number. ``running``: whether it is under way."""

    def __init__(self, number: int, name: str, writer: Writer, active_tasks: ActiveTasks) -> None:
        self.running = False
        self._number = number
        self._name = name
        self._writer = writer
        self._active_tasks = active_tasks

    async def run(self, end: int) -> None:
        """Drop superseded bodies of what was written up to the sequence ``end``; returns at once if it is running."""
        if self.running:
            return
        self.running = True
        try:
            with self._active_tasks.running(
                "database_compaction", database=self._name, progress=0, changes_done=0, total_changes=end
            ) as task:
                position: int | None = 0
                while position is not None and position < end:
                    step = CompactDatabase(self._number, position)
                    position = cast("int | None", await self._writer.submit(step))
                    done = end if position is None else min(position, end)
                    task.update(progress=100 * done // max(end, 1), changes_done=done)
        finally:
            self.running = False
