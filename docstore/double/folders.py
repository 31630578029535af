"""Folders for data that nobody needs afterwards: in memory where the system has such a place, or else on disk.

Owns where they are and what they are called, so that those whose process was killed are found and removed by the next.
It must not know what is in them.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final

from docstore.double.parent import is_alive
from docstore.storage.engine.folder_lock import LOCK_FILE

PREFIX: Final = "docstore-test-"
IN_MEMORY: Final = Path("/dev/shm")
ENOUGH: Final = 1024 * 1024 * 1024
"""Bytes that have to be free in memory; a container may have next to nothing there."""
AGE: Final = 60.0
"""Seconds that a folder has at least before it counts as left over: it may belong to another container's process, whose
number is not known here and whose server is just about to lock it."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder, removed when the block ends."""
    remove_leftovers()
    with tempfile.TemporaryDirectory(
        prefix=f"{PREFIX}{os.getpid()}-", dir=_place(), ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


@cache
def remove_leftovers() -> None:
    """Remove the folders of processes that are no more, unless somebody holds their lock; once in a process."""
    for place in {_place(), Path(tempfile.gettempdir())}:
        for folder in place.glob(f"{PREFIX}*-*"):
            number = folder.name.removeprefix(PREFIX).partition("-")[0]
            if number.isdecimal() and not is_alive(int(number)) and _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Whether nobody is at work there, in another container perhaps."""
    try:
        if time.time() - folder.stat().st_mtime < AGE:
            return False
        with (folder / LOCK_FILE).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _place() -> Path:
    with suppress(OSError):
        if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free >= ENOUGH:
            return IN_MEMORY
    return Path(tempfile.gettempdir())
