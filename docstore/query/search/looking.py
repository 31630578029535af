"""Looks at the files of an index that may be damaged, and what is remembered of them.

Owns when files are read for that, and when not. It must not know their form, nor what becomes of an index that is
damaged. A look reads whole files, so it is done in threads.
"""

import logging
import os
from pathlib import Path
from time import monotonic
from typing import Final

from docstore.core.disk_answers import OUT_OF_HANDLES
from docstore.query.search.damage import damaged_file
from docstore.query.search.folder import UNUSABLE, NotNow, unmark, was_cut_short

log = logging.getLogger(__name__)

REMEMBERED: Final = 60.0
"""Seconds for which a file that was found sound is not read again; else each question that fails would read all."""


class Looks:
    """Those at the files of one index, one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sound: set[str] = set()
        self._until = 0.0

    def forget(self) -> None:
        """Other files are in their place."""
        self._sound, self._until = set(), 0.0

    def damaged(self) -> str | None:
        """The name of a file that is damaged; None if none is, as far as that can be known. Raises NotNow."""
        remembered = monotonic() < self._until
        sound = self._sound if remembered else set()
        try:
            found = damaged_file(self._path, sound)
        except OSError as error:
            _refused(self._path, error)
            found = None
        if not remembered:
            self._sound, self._until = sound, monotonic() + REMEMBERED
        return found


def is_damaged_by_its_end(path: Path) -> bool:
    """Whether a process ended while it wrote here, and the files are damaged. Raises NotNow.

    Such damage can be why: threads of tantivy's that write end the process with them. What was found sound is not read
    again by the next start.
    """
    if not was_cut_short(path):
        return False
    try:
        damaged = damaged_file(path)
    except OSError as error:
        _refused(path, error)
        return False
    if damaged is None:
        unmark(path)
        return False
    tell_damage(damaged, path)
    return True


def tell_damage(name: str, path: Path) -> None:
    """Let the log name a file that is damaged."""
    log.warning("%s of %s is damaged; the search index is built anew", name, path)


def _refused(path: Path, error: OSError) -> None:
    """What the disk refuses to read may be as it was written; what there are no handles for is looked at later."""
    if error.errno in OUT_OF_HANDLES:
        raise NotNow(UNUSABLE + os.strerror(error.errno)) from error
    log.warning("%s cannot be looked at: %s", path, error)
