"""What a server logs, and how: lines of text or JSON on standard error.

Owns the formats, the levels by CouchDB's words, and the thread that writes, so that a full pipe or a slow terminal
holds up no request; what does not fit into its queue meanwhile is counted, and told when there is room again. It must
not know what is logged. Follows ``couch_log`` of CouchDB in its settings (``log/level``).
"""

import json
import logging
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final, TextIO

from docstore.config.configuration import Configuration

SECTION: Final = "log"
TEXT_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
REQUESTS: Final = "docstore.httpd.access"
WAITING: Final = 10_000
"""Lines that wait to be written."""

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": logging.INFO,
    "warning": logging.WARNING,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "err": logging.ERROR,
    "critical": logging.CRITICAL,
    "crit": logging.CRITICAL,
    "alert": logging.CRITICAL,
    "emergency": logging.CRITICAL,
    "emerg": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
"""CouchDB's words; those that Python has no level for are the nearest."""


_ESCAPED: Final = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
STOP_PATIENCE: Final = 2.0
"""Seconds that the end of a server waits for its last lines to be written."""


class JsonFormatter(logging.Formatter):
    """A line is a JSON object: ``time`` (UTC), ``level``, ``logger``, ``message``; of a request its members too."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request = getattr(record, "request", None)
        if isinstance(request, dict):
            line["request"] = request
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


class TextFormatter(logging.Formatter):
    """A line of text; what a client could have put into it has no control characters."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, and the lines of its exception."""
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        head = self.formatMessage(record).translate(_ESCAPED)
        return f"{head}\n{self.formatException(record.exc_info)}" if record.exc_info else head


class _Waiting(logging.Handler):
    """Puts records where a thread takes them, as long as there is room, and writes them there."""

    def __init__(self, target: logging.Handler) -> None:
        super().__init__()
        self._target = target
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(WAITING)
        self._left_out = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Put it there, or count it."""
        record.msg, record.args = record.getMessage(), None  # what is told may have changed by the time it is written
        try:
            if self._left_out:
                text = f"{self._left_out} lines could not be written"
                self._records.put_nowait(logging.LogRecord(__name__, logging.WARNING, "", 0, text, None, None))
                self._left_out = 0
            self._records.put_nowait(record)
        except queue.Full:
            self._left_out += 1

    def close(self) -> None:
        """Write what waits, for as long as there is patience; what cannot be written by then is given up."""
        with suppress(queue.Full):
            self._records.put(None, timeout=STOP_PATIENCE)
        self._thread.join(STOP_PATIENCE)
        super().close()

    def _write(self) -> None:
        while (record := self._records.get()) is not None:
            self._target.handle(record)


@contextmanager
def logging_as(configuration: Configuration, stream: TextIO | None = None) -> Iterator[None]:
    """Log as the settings say, and as they change, until the block ends; then what waits is written.

    ``stream`` is standard error unless it is another.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    is_json = configuration.get(SECTION, "format") == "json"
    handler.setFormatter(JsonFormatter() if is_json else TextFormatter(TEXT_FORMAT))
    waiting = _Waiting(handler)
    root = logging.getLogger()
    root.addHandler(waiting)
    _set_levels(configuration)

    def changed(section: str, key: str, word: str | None) -> None:
        if section == SECTION:
            _set_levels(configuration)

    unwatch = configuration.watch(changed)
    try:
        yield
    finally:
        unwatch()
        root.removeHandler(waiting)
        waiting.close()


def _set_levels(configuration: Configuration) -> None:
    level = LEVELS[configuration.get(SECTION, "level") or "info"]
    logging.getLogger().setLevel(level)
    asked = level <= logging.DEBUG or configuration.get(SECTION, "requests") == "true"
    logging.getLogger(REQUESTS).setLevel(logging.INFO if asked else logging.WARNING)
