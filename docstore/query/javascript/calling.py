"""Functions of design documents, called from the server: in a worker process, with a wall clock.

Owns the way there and back: what crosses, how long it may take, the words of what went wrong there, and the log. It
must not know what comes of an answer. What a function logs, and that it fails, goes to the logger
``docstore.functions``.
"""

from asyncio import to_thread
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from itertools import groupby
from typing import Final, NamedTuple, cast

from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import JsonValue, decode, encode
from docstore.query.design.document import Design
from docstore.query.design.languages import Languages
from docstore.query.errors import FunctionFailed
from docstore.query.function_log import function_log, log
from docstore.query.javascript.words import OS_PROCESS, TIMED_OUT, error_of
from docstore.settings import KIB, MIB, FunctionSettings
from docstore.workers.errors import WorkerFailed, WorkerLost, WorkerTimedOut
from docstore.workers.messages import Plain
from docstore.workers.pool import Pool

CALLS: Final = "docstore.query.javascript.calls:"
SERVER_CALLS: Final = "docstore.query.servers.calls:"
GRACE: Final = 5.0
"""Seconds beyond a function's own limit after which its process is ended; that counts the processor's time."""

AT_ONCE: Final = 200
BYTES_AT_ONCE: Final = 4 * MIB
"""So many documents, and so many bytes of them, cross at once."""

LARGE: Final = 64 * KIB
"""An answer of more bytes is read beside the event loop."""

LOST: Final = "The process that ran the function ended."


class Function(NamedTuple):
    """A function of a design document; ``digest`` stands for its text."""

    database: str
    doc_id: str
    language: str
    digest: str
    text: str
    path: tuple[str, ...]

    @property
    def where(self) -> str:
        """Its name in the log."""
        return f"{self.database}/{self.doc_id}/{'/'.join(self.path)}"


@contextmanager
def told_as_failures() -> Iterator[None]:
    """Around a job of functions: what became of its worker, in CouchDB's words. Raises FunctionFailed."""
    try:
        yield
    except WorkerTimedOut:
        raise FunctionFailed(TIMED_OUT, error=OS_PROCESS) from None
    except WorkerLost:
        raise FunctionFailed(LOST, error=OS_PROCESS) from None
    except WorkerFailed as error:
        log.error("a job of the functions failed: %s", error.reason)
        raise FunctionFailed(error.reason, error="unknown_error") from None


class Functions:
    """Calls functions. Raises FunctionFailed for what takes too long, kills its process or is of an unknown language;
    WorkersBusy.
    """

    def __init__(self, pool: Pool, limits: FunctionSettings, languages: Languages) -> None:
        self._pool = pool
        self.limits = limits
        self._languages = languages
        self._plain = cast("list[Plain]", list(astuple(limits)))

    async def check_views(self, design: Design) -> None:
        """Compile the views' functions. Raises CompilationFailed, NotFound for an empty source."""
        if not self._languages.speaks(design.language):
            return
        views: list[Plain] = [[view.name, cast("str", view.map), view.reduce] for view in design.views.values()]
        lib = encode(dict(design.lib)).decode()
        await self._run(self._languages.command(design.language), "check_views", 1 + 2 * len(views), None, views, lib)

    async def validate(
        self, rules: Sequence[Function], items: Sequence[bytes], user: str, security: str
    ) -> list[list[JsonValue] | None]:
        """What the rules say of each document: None, ``["thrown", value]`` or ``["failed", word, reason]``."""
        verdicts: list[list[JsonValue] | None] = [None] * len(items)
        for language, some in groupby(rules, key=lambda rule: rule.language):
            open_ = [place for place, verdict in enumerate(verdicts) if verdict is None]
            if not open_:
                break
            found = await self._validate(language, list(some), [items[place] for place in open_], user, security)
            for place, verdict in zip(open_, found, strict=True):
                verdicts[place] = verdict
        return verdicts

    async def _validate(
        self, language: str, rules: Sequence[Function], items: Sequence[bytes], user: str, security: str
    ) -> list[list[JsonValue] | None]:
        """The same of rules in one language."""
        verdicts: list[list[JsonValue] | None] = []
        for portion in portions(items):
            try:
                command = self._languages.command(language)
                crossing: list[Plain] = [crossing_design(rule, command) for rule in rules]
                answer, lines = await self._run(
                    command, "validate", 4, rules[0].digest, crossing, list[Plain](portion), user, security
                )
            except FunctionFailed as error:  # the process was ended: none of these is let through
                function_log.tell_failure(rules[0].where, error, self.limits)
                verdicts += [["failed", error.error, error.reason]] * len(portion)
                continue
            where = ", ".join(rule.where for rule in rules)
            self._log(where, lines)
            for verdict in cast("list[list[JsonValue] | None]", answer):
                if verdict is not None and verdict[0] == "failed":
                    function_log.tell_failure(where, error_of(*verdict[1:]), self.limits)
                verdicts.append(verdict)
        return verdicts

    async def select(self, function: Function, documents: Sequence[bytes], request: bytes) -> list[bool]:
        """Which documents a filter lets through, or a map function emits something for. Raises what it throws."""
        passes: list[bool] = []
        for portion in portions(documents):
            passes += cast("list[bool]", await self._call(function, "select", 4, list[Plain](portion), request))
        return passes

    async def render(self, function: Function, call: str, request: bytes, document: bytes | None = None) -> JsonValue:
        """The answer of a show, an update or a rewrite function, which gets no document. Raises what it throws.

        Both are JSON, and cross by themselves: what stands deeper in a message is copied into it, on the loop.
        """
        answer = cast("bytes", await self._call(function, "render", 1, call, document, request))
        return await to_thread(decode_in_slices, answer) if len(answer) > LARGE else decode(answer)

    async def _call(self, function: Function, job: str, calls: int, *arguments: Plain) -> Plain:
        command = self._languages.command(function.language)
        crossing = crossing_design(function, command)
        path = list[Plain](function.path)
        try:
            answer, lines = await self._run(command, job, calls, function.digest, crossing, path, *arguments)
        except FunctionFailed as error:
            function_log.tell_failure(function.where, error, self.limits)
            raise
        self._log(function.where, lines)
        return answer

    async def _run(
        self, command: tuple[str, ...] | None, job: str, calls: int, affinity: str | None, *arguments: Plain
    ) -> list[Plain]:
        """``calls`` is how many times the limit may be used up until it shows that there is no hope."""
        limit = 2 * self.limits.time * calls + GRACE
        name, crossing = (CALLS, arguments) if command is None else (SERVER_CALLS, (command, *arguments))
        with told_as_failures():
            answer = await self._pool.run(name + job, *crossing, self._plain, timeout=limit, affinity=affinity)
        return cast("list[Plain]", answer)

    def _log(self, where: str, lines: Plain) -> None:
        function_log.tell(where, cast("list[str]", lines), self.limits)


def crossing_design(function: Function, command: tuple[str, ...] | None) -> list[Plain]:
    """A design document as workers are told of it; query servers are each of one database."""
    told: list[Plain] = [function.digest, function.text]
    return told if command is None else [function.database, *told]


def portions(items: Sequence[bytes]) -> list[list[bytes]]:
    """The items in portions that may cross at once."""
    found: list[list[bytes]] = []
    size = BYTES_AT_ONCE
    for item in items:
        size += len(item)
        if size > BYTES_AT_ONCE or len(found[-1]) >= AT_ONCE:
            found.append([])
            size = len(item)
        found[-1].append(item)
    return found
