"""The database ``_global_changes``: a document for each database that was made, written to or deleted.

Owns these documents, ``created:NAME``, ``updated:NAME`` and ``deleted:NAME``, and when they are written: a while after
an event, all events of that time in one write, so that a busy server writes them twice a second and no oftener. As in
CouchDB nobody waits for it, and what happened in the last moment before a kill is not in it. Without the database
nothing is written. Follows ``global_changes_listener`` and ``global_changes_server`` of CouchDB.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Final

from docstore.config.configuration import Configuration
from docstore.config.kinds import MILLISECONDS
from docstore.core.document import EMPTY_BODY, Document
from docstore.core.revision_hash import EMPTY_BODY_TERM
from docstore.database.registry import Event, Registry
from docstore.errors import DatabaseNotFound, DocstoreError

logger = logging.getLogger(__name__)

GLOBAL_CHANGES: Final = "_global_changes"
SECTION: Final = "global_changes"
MAX_EVENTS: Final = 200
"""Written at a time."""


class GlobalChanges:
    """Collects events, and writes them down in the background. For the event loop alone."""

    def __init__(self, registry: Registry, configuration: Configuration) -> None:
        self._registry = registry
        self._configuration = configuration
        self._events: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._heeding = False
        self._delay = 0.0
        self._hurried = asyncio.Event()
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Heed what happens from now on."""
        self._registry.on_event = self._happened
        self._unwatch = self._configuration.watch(self._changed)
        self._read()

    async def stop(self) -> None:
        """Write down what there is, and heed nothing more."""
        self._unwatch()
        self._heeding = False
        self._hurried.set()
        while self._task is not None:
            await self._task

    async def written(self) -> None:
        """Write down at once what has happened so far."""
        while self._task is not None:
            self._hurried.set()
            await self._task
        self._hurried.clear()

    def forget(self) -> None:
        """What was not written down yet is not to be: the store is another one, perhaps with the database, now."""
        self._events.clear()
        self._read()

    def committed(self, changed: Mapping[int, int]) -> None:
        """After each group commit: database number -> its update sequence."""
        if not self._heeding:
            return
        for number in changed:
            name = self._registry.name_of(number)
            if name is not None:
                self._note(Event.UPDATED, name)

    def _happened(self, event: Event, name: str) -> None:
        if name == GLOBAL_CHANGES:
            self._read()
        elif self._heeding:
            self._note(event, name)

    def _note(self, event: Event, name: str) -> None:
        if name == GLOBAL_CHANGES:
            return
        self._events[f"{event}:{name}"] = None
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write(), name="global changes")

    async def _write(self) -> None:
        """After the delay, or in a hurry: whatever there is by then, and what comes while it is written."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._delay):
                await self._hurried.wait()
        try:
            while self._events:
                ids = list(islice(self._events, MAX_EVENTS))
                for doc_id in ids:
                    del self._events[doc_id]
                await self._write_down(ids)
        finally:
            self._task = None

    async def _write_down(self, ids: list[str]) -> None:
        """New revisions of these documents. What cannot be written is told in the log, and left out."""
        try:
            database = self._registry.open(GLOBAL_CHANGES)
            heads = [database.head(doc_id) for doc_id in ids]
            await database.update_docs(
                [
                    Document(doc_id, None if head is None else head.winner, False, EMPTY_BODY, EMPTY_BODY_TERM)
                    for doc_id, head in zip(ids, heads, strict=True)
                ]
            )
        except DatabaseNotFound:
            self._heeding = False
        except DocstoreError as error:
            logger.warning("%d changes of databases are not in %s: %s", len(ids), GLOBAL_CHANGES, error.reason)

    def _changed(self, section: str, key: str, word: str | None) -> None:
        if section == SECTION:
            self._read()

    def _read(self) -> None:
        get = self._configuration.get
        self._delay = MILLISECONDS.parse(get(SECTION, "max_write_delay") or "0")
        self._heeding = get(SECTION, "update_db") != "false" and self._registry.exists(GLOBAL_CHANGES)
