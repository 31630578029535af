"""One function of a design document in an engine of its own, with its limits.

Owns the engine: one QuickJS context a function, since CouchDB's functions share no globals either; its limits, and what
becomes of a function that exceeds them. Runs in worker processes, or where a test wants it; must not know documents,
views or HTTP. What happens inside is ``sandbox.js`` and the script of its kind. Values cross as JSON text, many at a
time: a time limit of QuickJS and calls back into Python exclude each other.

The time limit counts the processor's time of the process, so the pool's clock is what is certain; this one is nearer.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, cast

import quickjs

from docstore.core.json_text import JsonValue, decode, encode
from docstore.errors import DocstoreError
from docstore.query.errors import FunctionFailed
from docstore.query.javascript.words import OS_PROCESS, TIMED_OUT, error_of
from docstore.settings import MIB, FunctionSettings

PORTION: Final = 4 * MIB
"""Text of answers after which some are handed over."""

NEARLY_ALL: Final = 0.9

MAX_FAILURES: Final = 3
"""After so many items of one call took more than they may, the others are not tried any more."""

ITEM: Final = "\x1e"
"""What stands between the answers for two items."""
_PART: Final = "\x1d"

_LONE = re.compile(r"(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}")

_EXHAUSTED: Final = {
    "memory": "The function takes more memory than it may (memory: {0.memory} bytes).",
    "stack": "The function takes more stack than it may (stack: {0.stack} bytes).",
    "result": "The function gives more than it may (result: {0.result} bytes).",
    "interrupted": TIMED_OUT,
}

Answer = str | DocstoreError


class Sandbox:
    """A compiled function. Of one thread only.

    ``script``     the file of its kind: ``views.js`` or ``design.js``
    ``arguments``  what the script takes behind its kit: source and surroundings
    ``exchange``   is called from within, with a text and for one; then whoever made this has to see to the time
    Raises FunctionFailed (``compilation_error``), NotFound for an empty source.
    """

    def __init__(
        self,
        script: str,
        arguments: Sequence[str | bool | None],
        limits: FunctionSettings,
        exchange: Callable[[str], str] | None = None,
    ) -> None:
        self._limits = limits
        self._exchange = exchange
        self._script = script
        self._arguments = arguments
        self.log: list[str] = []
        self._call = self._make()

    def _make(self) -> Callable[..., object]:
        context = quickjs.Context()
        context.set_memory_limit(self._limits.memory)
        context.set_max_stack_size(self._limits.stack)
        if self._exchange is None:
            context.set_time_limit(self._limits.time)
        else:
            context.add_callable("exchange", self._exchange)
        told = {"portion": PORTION, "result": self._limits.result, "log": self._limits.log}
        try:
            make = context.eval(script("sandbox.js"))(context.parse_json(encode(cast("JsonValue", told)).decode()))
            answer = make(context.eval(script(self._script)), *self._arguments)
        except quickjs.JSException as error:
            raise self._lost(error) from None
        if isinstance(answer, str):
            raise self._failure(answer)
        return cast("Callable[..., object]", answer)

    def ask(self, call: str, *texts: str | bool | None) -> str:
        """The answer of one call. Raises what the function throws, as errors; FunctionFailed beyond a limit."""
        try:
            answer = self._enter(call, *texts)
            log, _, rest = answer.partition(_PART)
            self._note(log)
            if rest.startswith("!"):
                raise self._failure(rest)
        except DocstoreError as error:
            self._renew_after(error)
            raise
        return rest

    def over(self, items: Sequence[bytes], call: str = "start", *texts: str) -> Iterator[Answer]:
        """An answer for each item, in order: text, or the error of the item.

        An item that takes more than it may gets another context behind it, so that the others are answered.
        """
        position, failures = 0, 0
        while position < len(items):
            error = None
            try:
                for answer in self._run(items[position:], call, *texts):
                    yield answer
                    position += 1
            except DocstoreError as caught:
                error = caught
            if error is None:
                return
            self._renew_after(error)
            yield error
            position += 1
            failures += error.error == OS_PROCESS
            if failures >= MAX_FAILURES:
                yield from [error] * (len(items) - position)
                return

    def _run(self, items: Sequence[bytes], call: str, *texts: str) -> Iterator[str]:
        """Answers up to the first item that fails, which raises.

        The time is that of a call, and there may have been many items in it. So the one in which it was over is tried
        again, unless it had nearly all the time for itself.
        """
        self._enter(call, f"[{b','.join(items).decode()}]", *texts)
        ended = False
        while not ended:
            failure: DocstoreError | None = None
            try:
                answer = self._enter("go")
                if answer.startswith("!"):
                    failure = self._failure(answer)
                    answer = self._enter("taken")
            except FunctionFailed as error:
                if error.reason != TIMED_OUT:
                    raise
                answer = self._enter("taken")
                if float(answer.split(_PART)[2]) >= NEARLY_ALL * 1000 * self._limits.time:
                    failure = error
            count, end, _, log, answers = answer.split(_PART)
            self._note(log)
            if int(count):
                yield from answers.split(ITEM)
            if failure is not None:
                raise failure
            ended = bool(end)

    def _enter(self, call: str, *texts: str | bool | None) -> str:
        try:
            return str(self._call(call, *texts))
        except quickjs.JSException as error:
            raise self._lost(error) from None

    def _lost(self, error: Exception) -> FunctionFailed:
        """What the engine itself says: nothing that a function can catch, or catches."""
        text = str(error)
        if "interrupted" in text:
            return self._exhausted("interrupted")
        if "out of memory" in text or text.strip() == "null":
            return self._exhausted("memory")
        if isinstance(error, quickjs.StackOverflow) or "stack" in text:
            return self._exhausted("stack")
        return FunctionFailed(text.strip() or "The engine failed.", error="unnamed_error")

    def _exhausted(self, what: str) -> FunctionFailed:
        return FunctionFailed(_EXHAUSTED.get(what, what).format(self._limits), error=OS_PROCESS)

    def _failure(self, told: str) -> DocstoreError:
        """The error that the script tells as ``!["word", reason]``."""
        word, reason = cast("list[JsonValue]", decode(repaired(told[1:])))
        if word == OS_PROCESS and isinstance(reason, str):
            return self._exhausted(reason)
        return error_of(word, reason)

    def _renew_after(self, error: DocstoreError) -> None:
        """A context in which a limit was exceeded is given up: its memory goes back, and the next call has another."""
        if error.error == OS_PROCESS:
            self._call = self._unmade

    def _unmade(self, *texts: str | bool | None) -> str:
        """Stands for a context that is done with, until the next call."""
        self._call = self._make()
        return str(self._call(*texts))

    def _note(self, log: str) -> None:
        if log != "[]":
            self.log += cast("list[str]", decode(repaired(log)))

    def take_log(self) -> list[str]:
        """What was logged since this was last asked."""
        taken, self.log = self.log, []
        return taken


def repaired(text: str) -> bytes:
    """JSON text in UTF-8. A surrogate that has no other half, which no JSON of a document may have, is U+FFFD."""
    if "\\ud" in text:
        text = _LONE.sub("\\\\ufffd", text)
    return text.encode()


@cache
def script(name: str) -> str:
    """The text of a script beside this module."""
    return Path(__file__).with_name(name).read_text()
