"""The last lines of the server's log, kept in memory for ``_docstore/log``.

Owns how many they are and how long, and their shape as JSON. Warnings have room of their own, so that lines of requests
do not drive them out. There is one log of a process, so there is one tail, of
all servers in it. It must not know what is logged, nor how it is written.
"""

import logging
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from docstore.core.json_text import JsonValue

LOGGERS: Final = ("docstore", "aiohttp", "asyncio")
LINES: Final = 1_000
PROBLEMS: Final = 500
"""Of warnings and what is worse."""
MOST_MESSAGE: Final = 2_000
MOST_EXCEPTION: Final = 8_000
"""Characters, of which the last ones are kept: they say what it was."""

_formatter = logging.Formatter()


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was logged, with its number since the start."""

    number: int
    created: float
    level: int
    logger: str
    message: str
    exception: str | None

    def members(self) -> dict[str, JsonValue]:
        """``number``, ``time`` (UTC), ``level``, ``logger``, ``message``, and ``exception`` if there was one."""
        time = datetime.fromtimestamp(self.created, UTC).isoformat(timespec="milliseconds")
        told: dict[str, JsonValue] = {
            "number": self.number,
            "time": time.replace("+00:00", "Z"),
            "level": logging.getLevelName(self.level).lower(),
            "logger": self.logger,
            "message": self.message,
        }
        return told if self.exception is None else told | {"exception": self.exception}


class LogTail(logging.Handler):
    """Keeps the last lines."""

    def __init__(self, lines: int = LINES, problems: int = PROBLEMS) -> None:
        super().__init__()
        self.last = 0
        self._lines: deque[Line] = deque(maxlen=lines)
        self._problems: deque[Line] = deque(maxlen=problems)

    def listen(self) -> None:
        """Keep what is logged from now on; calling it twice does no harm."""
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        if not logging.root.handlers and logging.lastResort and record.levelno >= logging.lastResort.level:
            logging.lastResort.handle(record)  # where nobody says how to log, Python does that without this handler
        exception = _formatter.formatException(record.exc_info) if record.exc_info else None
        self.last += 1
        line = Line(
            self.last,
            record.created,
            record.levelno,
            record.name,
            _text(record.getMessage()[:MOST_MESSAGE]),
            None if exception is None else _text(exception[-MOST_EXCEPTION:]),
        )
        self._lines.append(line)
        if line.level >= logging.WARNING:
            self._problems.append(line)

    def since(self, number: int, limit: int, level: int) -> list[Line]:
        """The newest ``limit`` lines behind this number, oldest first, that are at least so important."""
        self.acquire()
        try:
            kept = list(self._problems if level >= logging.WARNING else self._lines)
        finally:
            self.release()
        found = [line for line in kept if line.number > number and line.level >= level]
        return found[-limit:] if limit else []


def _text(text: str) -> str:
    """Without what no JSON text may have: halves of characters, from paths that are no UTF-8."""
    return text.encode(errors="backslashreplace").decode()


TAIL: Final = LogTail()
"""That of this process."""
