"""What functions of design documents log, and that they fail, in the server's log.

Owns the logger ``docstore.functions`` and how many lines it has: of each function the first few of a second, the others
counted and told with the next ones, so that a view of a million documents whose function throws for each is no million
lines. Used on the event loop. It must not know what functions do.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from docstore.errors import DocstoreError
from docstore.settings import FunctionSettings

log = logging.getLogger("docstore.functions")

SECOND: Final = 1.0
MOST_NAMES: Final = 1_000
SHOWN: Final = 500
"""Characters of an error's reason."""


class FunctionLog:
    """Lines of functions by their names."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._names: OrderedDict[str, list[float]] = OrderedDict()

    def tell(self, where: str, lines: Sequence[str], limits: FunctionSettings) -> None:
        """What a function logged."""
        for line in lines:
            self._write(logging.INFO, where, line, limits.log_lines)

    def tell_failure(self, where: str, error: DocstoreError, limits: FunctionSettings) -> None:
        """That a function failed, and how."""
        self._write(logging.WARNING, where, f"{error.error}: {str(error.reason)[:SHOWN]}", limits.log_lines)

    def _write(self, level: int, where: str, line: str, most: int) -> None:
        """One line, if its function has not had as many in this second."""
        now = self._clock()
        entry = self._names.get(where)
        if entry is None:
            entry = self._names[where] = [now, 0, 0]
            if len(self._names) > MOST_NAMES:
                self._names.popitem(last=False)
        since, told, left_out = entry
        if now - since >= SECOND:
            if left_out:
                log.info("%s: %d lines more", where, left_out)
            since, told, left_out = now, 0, 0
        if told < most:
            told += 1
            log.log(level, "%s: %s", where, line)
        else:
            left_out += 1
        entry[:] = [since, told, left_out]


function_log: Final = FunctionLog()
"""That of this process: there is one log."""
