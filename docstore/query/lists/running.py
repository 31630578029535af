"""List functions, called from the server: each in a worker process of its own for as long as it runs.

Owns the way there and back, and how long a step may take. A process is held while the client takes what was sent, so it
is none of those that everybody shares; one whose function did not come to its end is ended. It must not know HTTP.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple
from typing import Final, cast

from docstore.core.json_text import decode
from docstore.errors import DocstoreError
from docstore.query.design.languages import Languages
from docstore.query.errors import FunctionFailed
from docstore.query.function_log import function_log
from docstore.query.javascript.calling import GRACE, Function, crossing_design, told_as_failures
from docstore.query.javascript.words import OS_PROCESS
from docstore.query.lists.step import END, Step
from docstore.settings import FunctionSettings
from docstore.workers.errors import WorkerError
from docstore.workers.messages import Plain
from docstore.workers.reserve import Held, Reserve

JOBS: Final = "docstore.query.lists.jobs:"


class Lists:
    """Runs list functions."""

    def __init__(self, reserve: Reserve, limits: FunctionSettings, languages: Languages) -> None:
        self._reserve = reserve
        self._languages = languages
        self.limits = limits

    @asynccontextmanager
    async def run(self, function: Function) -> AsyncIterator["Listing"]:
        """One call of a list function, for the time of the block.

        Raises FunctionFailed for an unknown language, WorkersBusy where too many run, Unavailable.
        """
        command = self._languages.command(function.language)
        async with self._reserve.process() as held:
            yield Listing(held, function, command, self.limits)


class Listing:
    """A call at work. Each step raises what the function throws; FunctionFailed where it takes more than it may."""

    def __init__(
        self, held: Held, function: Function, command: tuple[str, ...] | None, limits: FunctionSettings
    ) -> None:
        self._held = held
        self._function = function
        self._command = command
        self._limits = limits

    async def begin(self, head: str, request: bytes, rows: Sequence[bytes], *, last: bool) -> Step:
        """The first step, with the first rows."""
        design = crossing_design(self._function, self._command)
        path, plain = list[Plain](self._function.path), cast("list[Plain]", list(astuple(self._limits)))
        return await self._run("begin", self._command, design, path, head, request, list[Plain](rows), last, plain)

    async def go_on(self, rows: Sequence[bytes], *, last: bool) -> Step:
        """The next step."""
        return await self._run("go_on", list[Plain](rows), last)

    async def _run(self, job: str, *arguments: Plain) -> Step:
        try:
            return await self._step(job, *arguments)
        except FunctionFailed as error:
            function_log.tell_failure(self._function.where, error, self._limits)
            raise

    async def _step(self, job: str, *arguments: Plain) -> Step:
        with told_as_failures():
            try:
                answer = await self._held.run(JOBS + job, *arguments, timeout=2 * self._limits.time + GRACE)
            except WorkerError:  # nobody knows what its process is at
                raise
            except DocstoreError as error:
                if error.error != OS_PROCESS:  # the function has ended, by its own word
                    self._held.finished()
                raise
        wants, start, text, lines = cast("tuple[str, bytes | None, str, list[str]]", answer)
        function_log.tell(self._function.where, lines, self._limits)
        if wants == END:
            self._held.finished()
        return Step(wants, None if start is None else decode(start), text)
