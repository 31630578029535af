"""One query server: a program that is told a line of JSON and answers with one.

Owns the program's start, the lines to and from it with their bounds, what is wrong with a program, and its end. It must
not know what the lines are about. Runs in worker processes, which wait; a program is of the worker's process group, and
so ends with it. It is given its three standard files and nothing else that is open. Follows ``couch_os_process``.

What a program writes to its standard error is for the log. A program that was asked in vain, or that says what nobody
asked for, is ended: nobody could tell which line its next answer belongs to.
"""

import contextlib
import os
import resource
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from docstore.core.json_text import JsonValue, decode
from docstore.errors import DocstoreError
from docstore.query.errors import FunctionFailed
from docstore.query.javascript.sandbox import repaired
from docstore.query.javascript.words import OS_PROCESS, TIMED_OUT, error_of
from docstore.settings import KIB, FunctionSettings

AT_ONCE: Final = 64 * KIB
SHOWN: Final = 200
"""Characters of an odd answer that its error shows."""

END_PATIENCE: Final = 1.0
"""Seconds for a program that has closed its output to end."""

_IN, _OUT, _ERR = 0, 1, 2


class QueryServer:
    """A running program. Of one thread only. ``ended``: there is none any more. Raises FunctionFailed."""

    def __init__(self, command: Sequence[str], limits: FunctionSettings) -> None:
        self.ended = False
        self.log: list[str] = []
        self._command = command
        self._limits = limits
        self._logged = 0
        self._buffer = bytearray()
        self._seen = 0
        self._errors = b""
        self._errors_open = True
        try:
            with _address_space(limits.server_memory):
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, close_fds=True
                )
        except (OSError, ValueError) as error:
            self.ended = True
            raise _failed(f"The query server {command[0]} cannot be started: {error}.") from None
        self._files = [self._fd(_IN), self._fd(_OUT), self._fd(_ERR)]
        for file in self._files:
            os.set_blocking(file, False)

    def _fd(self, number: int) -> int:
        file = (self._process.stdin, self._process.stdout, self._process.stderr)[number]
        if file is None:
            raise TypeError("a pipe that was asked for is not there")
        return file.fileno()

    def ask(self, line: bytes) -> JsonValue:
        """What the program answers to a line of JSON (without its end); the lines that it logs are kept.

        Raises what it names as its error; FunctionFailed for one that takes too long, ends, or says what is no JSON.
        """
        try:
            return self._ask(line)
        except BaseException:
            self._tell_errors()
            raise

    def _ask(self, line: bytes) -> JsonValue:
        if self.ended:
            raise _failed("The query server has ended.")
        out, deadline = memoryview(line + b"\n"), time.monotonic() + self._limits.time
        self._logged = 0
        while True:
            text = self._next_line()
            if text is None:
                out = self._move(out, deadline)
                continue
            answer = self._read(text)
            if self._is_log(answer):
                continue
            if out:
                raise self._gives_up("The query server answered before it had read the question.")
            return self._looked_at(answer)

    def usable(self) -> bool:
        """Whether the program still runs, and has said nothing that nobody asked for; otherwise it is ended."""
        if not self.ended and (self._buffer or select.select([self._files[_OUT]], [], [], 0)[0]):
            self.end()
        return not self.ended

    def take_log(self) -> list[str]:
        """What was logged since this was last asked."""
        taken, self.log = self.log, []
        return taken

    def end(self) -> None:
        """End the program, if it has not ended."""
        self.ended = True
        process = self._process
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        for file in (process.stdin, process.stdout, process.stderr):
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()

    # --- bytes

    def _move(self, out: memoryview, deadline: float) -> memoryview:
        """Wait until something can be written or read, and do that; what is left to be written."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._gives_up(TIMED_OUT)
        into, from_, errors = self._files
        listened = [from_, errors] if self._errors_open else [from_]
        readable, writable, _ = select.select(listened, [into] if out else [], [], left)
        if errors in readable:
            self._read_errors()
        if from_ in readable and not self._read_some():
            raise self._has_ended()
        if writable:
            try:
                out = out[os.write(into, out[:AT_ONCE]) :]
            except BrokenPipeError:
                raise self._has_ended() from None
        return out

    def _read_some(self) -> bool:
        found = os.read(self._files[_OUT], AT_ONCE)
        self._buffer += found
        if len(self._buffer) > self._limits.line:
            raise self._gives_up(f"The query server's line is longer than it may be (line: {self._limits.line} bytes).")
        return bool(found)

    def _read_errors(self) -> None:
        found = os.read(self._files[_ERR], AT_ONCE)
        self._errors_open = bool(found)
        self._errors = (self._errors + found)[-self._limits.log :]

    def _next_line(self) -> bytes | None:
        """A whole line that has come, without its end."""
        end = self._buffer.find(b"\n", self._seen)
        if end < 0:
            self._seen = len(self._buffer)
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._seen = 0
        return line

    # --- what was said

    def _read(self, line: bytes) -> JsonValue:
        try:
            return decode(repaired(line.decode()))
        except (DocstoreError, UnicodeDecodeError, RecursionError):
            shown = line[:SHOWN].decode(errors="replace")
            raise self._gives_up(f"The query server said what is no JSON: {shown}") from None

    def _is_log(self, answer: JsonValue) -> bool:
        if not (isinstance(answer, list) and len(answer) == 2 and answer[0] == "log" and isinstance(answer[1], str)):
            return False
        self._note(answer[1])
        return True

    def _note(self, line: str) -> None:
        if self._logged <= self._limits.log:
            line = line[: self._limits.log]
            self._logged += len(line) + 1
            self.log.append(line)

    def _tell_errors(self) -> None:
        for line in self._errors.decode(errors="replace").splitlines():
            self._note(line)
        self._errors = b""

    def _looked_at(self, answer: JsonValue) -> JsonValue:
        if isinstance(answer, list) and len(answer) == 3 and answer[0] in ("error", "fatal"):
            if answer[0] == "fatal":
                self.end()
            raise error_of(answer[1], answer[2])
        if self._errors:
            self._tell_errors()
        return answer

    def odd(self, answer: JsonValue) -> FunctionFailed:
        """The program is ended, since it answered what is no answer to its question."""
        return self._gives_up(f"The query server said what is no answer: {repr(answer)[:SHOWN]}")

    def _gives_up(self, reason: str) -> FunctionFailed:
        self.end()
        return _failed(reason)

    def _has_ended(self) -> FunctionFailed:
        """In CouchDB's words."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_PATIENCE)
        with contextlib.suppress(OSError):
            self._read_errors()
        status = self._process.poll()
        self.end()
        if status is None:
            return _failed("The query server closed its output.")
        return _failed(f"{{exit_status,{status if status >= 0 else 128 - status}}}")


@contextmanager
def _address_space(most: int) -> Iterator[None]:
    """What is started meanwhile has this limit, and not that of the worker."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = most or hard
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _failed(reason: str) -> FunctionFailed:
    return FunctionFailed(reason, error=OS_PROCESS)


def members_of(answer: JsonValue, word: JsonValue, count: int) -> "list[JsonValue] | None":
    """What follows ``word`` in an answer of so many members; None if it is another one."""
    if isinstance(answer, list) and len(answer) == count and answer[0] == word and type(answer[0]) is type(word):
        return answer[1:]
    return None
