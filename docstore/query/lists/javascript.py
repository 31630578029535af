"""A list function in JavaScript at work.

Owns the thread on which it runs, and its time. The function asks for rows in the middle of its work, so its call has to
be kept while it waits: on a thread, which has the engine, from its making to its end, for itself. Calls out of the
engine and QuickJS's own limit of time exclude each other; so the processor's time of the process, which does nothing
else meanwhile, is looked at from the outside, and whoever has the process ends it. Runs in worker processes.
"""

import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, cast

from docstore.core.json_text import JsonValue, decode
from docstore.errors import DocstoreError
from docstore.query.errors import FunctionFailed
from docstore.query.javascript.calls import DESIGN
from docstore.query.javascript.sandbox import Sandbox, repaired
from docstore.query.javascript.words import OS_PROCESS, TIMED_OUT
from docstore.query.lists.step import ROWS, Step
from docstore.settings import FunctionSettings

LOOK_EVERY: Final = 0.05
"""Seconds between looks at the time that the function has taken."""

_PART: Final = "\x1d"


class JavaScriptList:
    """One call. ``source`` is the function's, ``design`` its design document."""

    def __init__(self, source: str, design: str, limits: FunctionSettings) -> None:
        self._source = source
        self._design = design
        self._limits = limits
        self._given: SimpleQueue[str] = SimpleQueue()
        self._told: SimpleQueue[str | DocstoreError] = SimpleQueue()
        self._log: list[str] = []

    def begin(self, head: str, request: bytes, rows: Sequence[bytes], *, last: bool) -> Step:
        """See ``ListCall``."""
        Thread(target=self._run, args=(head, request.decode()), name="list function", daemon=True).start()
        step = self._next_step()
        if step.wants != ROWS:
            return step
        start, text = step.start, step.text
        step = self.go_on(rows, last=last)
        return Step(step.wants, start if step.start is None else step.start, text + step.text)

    def go_on(self, rows: Sequence[bytes], *, last: bool) -> Step:
        """See ``ListCall``."""
        self._given.put(f"{int(last)}[{b','.join(rows).decode()}]")
        return self._next_step()

    def take_log(self) -> list[str]:
        """See ``ListCall``."""
        taken, self._log = self._log, []
        return taken

    def _next_step(self) -> Step:
        until = time.process_time() + self._limits.time
        while True:
            try:
                told = self._told.get(timeout=LOOK_EVERY)
                break
            except Empty:
                if time.process_time() > until:
                    raise FunctionFailed(TIMED_OUT, error=OS_PROCESS) from None
        if isinstance(told, DocstoreError):
            raise told
        wants, start, text = cast("tuple[str, JsonValue, str]", decode(repaired(told)))
        return Step(wants, start, text)

    # --- on the thread

    def _run(self, head: str, request: str) -> None:
        try:
            sandbox = Sandbox(DESIGN, ("lists", self._source, self._design), self._limits, self._exchange)
            try:
                answer: str | DocstoreError = sandbox.ask("list", head, request)
            finally:
                self._log += sandbox.take_log()
                del sandbox  # here, where it was made
        except (
            DocstoreError
        ) as error:  # without its frames, which have the engine: that goes on the thread it was made on
            answer = error.with_traceback(None)
            answer.__context__ = None
        except Exception as error:
            answer = FunctionFailed(str(error), error="unknown_error")
        self._told.put(answer)

    def _exchange(self, told: str) -> str:
        log, _, text = told.partition(_PART)
        if log != "[]":
            self._log += cast("list[str]", decode(repaired(log)))
        self._told.put(text)
        return self._given.get()
