"""Where a question is answered: in a thread, or in a process of its own that can be ended.

Owns that choice and the turns of both. tantivy cannot be stopped in the middle of a query, and one with patterns may
look at every term of an index many times, so what weighs much goes to a process of the reserve, which is killed when
the time is over; a question in a thread looks at the clock between tantivy's steps, each of which is small. It must
not know HTTP.
"""

import asyncio
from asyncio import Semaphore, to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from docstore.errors import DocstoreError
from docstore.query.search.answering import Answer, answer
from docstore.query.search.apart import JOB, question_told, read_answer
from docstore.query.search.asked import Question
from docstore.query.search.bounds import SearchTimedOut, weight_of
from docstore.query.search.folder import TERMS, Folder, folder_size
from docstore.query.search.plan import SearchPlan
from docstore.settings import SearchSettings
from docstore.workers.errors import WorkerError, WorkerTimedOut
from docstore.workers.reserve import Reserve


class Asking:
    """Answers questions, ``at_once`` of each kind at a time. Used on one event loop."""

    def __init__(self, reserve: Reserve, settings: SearchSettings) -> None:
        self._reserve = reserve
        self._settings = settings
        self._threads = Semaphore(settings.at_once)
        self._processes = Semaphore(settings.at_once)

    async def answer(self, folder: Folder, plan: SearchPlan, question: Question) -> Answer | None:
        """The answer; None if the files went meanwhile.

        Raises BadRequest, SearchTimedOut, StorageFailed; WorkersBusy, WorkerLost, Unavailable for want of a process.
        """
        if await self._is_heavy(folder, question):
            async with self._turn(self._processes):
                found = await self._apart(folder, plan, question)
            return None if found is None else await to_thread(read_answer, found)
        async with self._turn(self._threads):
            return await to_thread(answer, folder, plan.analyzers, question, self._settings)

    async def _is_heavy(self, folder: Folder, question: Question) -> bool:
        if folder.state.seq == 0:  # it is empty, and no other process could open it
            return False
        weight = weight_of(question.query)
        if not weight.patterns and weight.words == 1:
            return False
        if weight.intricate:
            return True
        terms = await to_thread(folder_size, folder.path, TERMS) if weight.patterns else 0
        return weight.of(folder.state.next, terms) > self._settings.process_from

    @asynccontextmanager
    async def _turn(self, turns: Semaphore) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._settings.max_time):
                await turns.acquire()
        except TimeoutError:
            raise SearchTimedOut from None
        try:
            yield
        finally:
            turns.release()

    async def _apart(self, folder: Folder, plan: SearchPlan, question: Question) -> list[Any] | None:
        told = question_told(question, self._settings)
        path, epoch = str(folder.path), folder.state.epoch
        async with self._reserve.process() as held:
            try:
                found = await held.run(JOB, path, epoch, plan.definition, told, timeout=self._settings.max_time)
            except WorkerTimedOut:
                raise SearchTimedOut from None
            except WorkerError:
                raise
            except DocstoreError:  # its own word, so it came to an end
                held.finished()
                raise
            held.finished()
        return cast("list[Any] | None", found)
