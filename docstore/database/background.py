"""Work that nobody waits for: it is tried until it succeeds, whatever it meets.

Owns the pauses between tries, and what the log says. It must not know what the work is. A full disk is when somebody
deletes a database, and nobody can be told that the sweep has failed: so a task that ended with its first error would
leave its work to the next start, and the disk full until then.
"""

import logging
from asyncio import sleep
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from docstore.errors import DocstoreError

log = logging.getLogger(__name__)

FIRST_PAUSE: Final = 0.25
"""Seconds after the first failure. After each further one it is twice as long, up to ``LONGEST_PAUSE``."""

LONGEST_PAUSE: Final = 30.0

Work: TypeAlias = Callable[[], Awaitable[object]]


async def persist(name: str, work: Work) -> None:
    """Do ``work`` until it ends without an exception; each kind of failure in a row is told once."""
    told = ""
    pause = FIRST_PAUSE
    while True:
        try:
            await work()
        except Exception as error:
            told = _tell(name, error, told)
        else:
            if told:
                log.info("%s goes on", name)
            return
        await sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def recur(name: str, seconds: float, work: Work) -> None:
    """Do ``work`` for ever, so long after it was done last; a failure does not end it."""
    while True:
        await sleep(seconds)
        await persist(name, work)


def _tell(name: str, error: Exception, told: str) -> str:
    reason = error.reason if isinstance(error, DocstoreError) else repr(error)
    if reason != told:
        log.warning("%s is tried again: %s", name, reason, exc_info=not isinstance(error, DocstoreError))
    return reason
