"""Unique indexes of all databases: made, built, given up, removed; and what is told of them.

Owns who builds them. What a step does is the storage's affair, and every step is a command between other writes. It
must not know HTTP, nor how a design document is written.

An index that somebody asks for is *provisional* until its design document is written: it is obeyed from the first
moment, then built, and it goes again if there are duplicates, if the design document is refused, or if whoever asked
has gone (``making``). A process that is killed meanwhile leaves a provisional index, which the next one gives up when
it starts. An index of a design document that came by itself, by replication or by hand, is built in the background, and
its duplicates stand until somebody resolves them.
"""

import logging
from asyncio import CancelledError, Future, Task, create_task, shield, wait
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple, cast

from docstore.core.unique.definition import Definition
from docstore.core.unique.errors import duplicates_exist
from docstore.core.unique.rule import rule_version
from docstore.database.apply.unique import BeginUnique, BuildUnique, GiveUpUnique, MendUnique, RenewUnique, SweepUnique
from docstore.database.background import persist
from docstore.errors import DatabaseNotFound, DocstoreError
from docstore.storage.databases import get_state
from docstore.storage.documents.unique_building import BuildStep
from docstore.storage.documents.unique_rows import UniqueIndex, UniqueState, all_indexes, list_indexes, obeyed_indexes
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.writer import Writer
from docstore.storage.keys import prefix
from docstore.storage.rows import decode_state

log = logging.getLogger(__name__)


class UniqueStatus(NamedTuple):
    """How an index is: whether its build is done, and how many keys several documents have."""

    built: bool
    duplicates: int


class UniqueIndexes:
    """See the module. ``wake`` is called on the event loop, after the commit that left something to do."""

    def __init__(self, environment: Environment, writer: Writer) -> None:
        self._environment = environment
        self._writer = writer
        self._tasks: dict[int, Task[None]] = {}
        self._woken: set[int] = set()
        self._due: dict[int, list[object]] = {}
        self._stopped = False

    def status(self, number: int) -> dict[tuple[str, str], UniqueStatus]:
        """The unique indexes that writes of a database obey, by design document (its id) and name."""
        with self._environment.snapshot() as snapshot:
            get_state(snapshot, number)
            indexes = obeyed_indexes(snapshot, number)
        return {
            (index.ddoc, index.name): UniqueStatus(index.state is UniqueState.ACTIVE, index.duplicates)
            for index in indexes
            if not index.provisional
        }

    def duplicates(self) -> int:
        """How many keys several documents have, in all unique indexes of all databases."""
        with self._environment.snapshot() as snapshot:
            return sum(index.duplicates for _, index in all_indexes(snapshot) if index.state is not UniqueState.GOING)

    @asynccontextmanager
    async def making(self, number: int, ddoc: str, name: str, definition: Definition) -> AsyncIterator[None]:
        """An index of a design document that is to be written inside: built, and obeyed by all writes.

        Raises DuplicatesExist, BadRequest if there are too many, DatabaseNotFound.
        """
        index = await self._begin(number, ddoc, name, definition)
        try:
            while (step := await self._build(number, index, definition)).state is not UniqueState.ACTIVE:
                if step.duplicates:
                    raise duplicates_exist(definition.fields, step.duplicates)
                if step.state is not UniqueState.BUILDING:  # another request for the same index has given it up
                    index = await self._begin(number, ddoc, name, definition)
            yield
        finally:
            self._give_up(number, index)

    async def _begin(self, number: int, ddoc: str, name: str, definition: Definition) -> int:
        begun = self._writer.submit(BeginUnique(number, ddoc, name, definition))
        try:
            return cast("int", await shield(begun))
        except CancelledError:  # whoever asked has gone; the command is carried out all the same

            def give_up(ended: "Future[object]") -> None:
                if not ended.cancelled() and ended.exception() is None:
                    self._give_up(number, cast("int", ended.result()))

            begun.add_done_callback(give_up)
            raise

    async def _build(self, number: int, index: int, definition: Definition) -> BuildStep:
        step = await self._writer.submit(BuildUnique(number, index, rule_version(definition)))
        return cast("BuildStep", step)

    def _give_up(self, number: int, index: int) -> None:
        """Not awaited: whoever asked may be gone. It does nothing to an index that is not provisional any more."""
        try:
            self._writer.submit(GiveUpUnique(number, index)).add_done_callback(_note_failure)
        except DocstoreError as error:  # at the next start, then
            log.info("a unique index is not given up: %s", error.reason)

    # --- in the background

    def resume(self) -> None:
        """Take up what the last process has left, and begin anew what it did not keep or made otherwise."""
        with self._environment.snapshot() as snapshot:
            found = list(all_indexes(snapshot))
            states = {number: snapshot.get(snapshot.tables.states, prefix(number)) for number, _ in found}
        for number, value in states.items():
            if value is None:
                continue
            obeyed = [index for of, index in found if of == number and index.state is not UniqueState.GOING]
            if decode_state(value).unique != len(obeyed):
                log.info("the unique indexes of database %d are made anew: an older docstore has written it", number)
                self._due[number] = [MendUnique(number)]
            else:
                self._due[number] = [command for index in obeyed if (command := _due(number, index)) is not None]
        self.wake(self._due)

    def wake(self, numbers: Iterable[int]) -> None:
        """There is something to do in these databases."""
        for number in numbers:
            self._woken.add(number)
            if number not in self._tasks and not self._stopped:
                self._start(number)

    async def finish(self) -> None:
        """Wait until nothing is left to do."""
        while self._tasks:
            await wait(self._tasks.values())

    async def stop(self) -> None:
        """Leave the rest for the next start."""
        self._stopped = True
        for task in self._tasks.values():
            task.cancel()
        await self.finish()

    def _start(self, number: int) -> None:
        name = f"work on unique indexes of database {number}"
        task = create_task(persist(f"the {name}", partial(self._work, number)), name=name)
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._ended(number))

    def _ended(self, number: int) -> None:
        del self._tasks[number]
        if number in self._woken and not self._stopped:
            self._start(number)

    async def _work(self, number: int) -> None:
        due = self._due.get(number, [])
        try:
            while due:
                await self._writer.submit(due[0])
                del due[0]
            while (index := self._next(number)) is not None:
                if index.state is UniqueState.GOING:
                    await self._writer.submit(SweepUnique(number, index.number))
                else:
                    await self._build(number, index.number, index.definition)
        except DatabaseNotFound:
            return

    def _next(self, number: int) -> UniqueIndex | None:
        """An index that nobody waits for, and that is not what it is to be."""
        self._woken.discard(number)
        with self._environment.snapshot() as snapshot:
            for index in list_indexes(snapshot, number):
                if index.state is UniqueState.GOING or (index.state is UniqueState.BUILDING and not index.provisional):
                    return index
        return None


def _due(number: int, index: UniqueIndex) -> object:
    """What becomes of an index that the last process has left, before it is built or removed; None: it stays."""
    if index.provisional:
        return GiveUpUnique(number, index.number)
    if index.version in ("", rule_version(index.definition)):
        return None
    log.info("the unique index %s of %s is made anew: ICU's collation is another one", index.name, index.ddoc)
    return RenewUnique(number, index.number)


def _note_failure(given_up: "Future[object]") -> None:
    try:
        given_up.result()
    except CancelledError:
        pass
    except DocstoreError as error:
        log.info("a unique index is not given up: %s", error.reason)
