"""Folders for data that nobody needs afterwards: in memory where the system has such a place, or else on disk.

Owns where they are and what they are called, so that those whose process was killed are found and removed by the next.
It must not know what is in them.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from docstore.double.parent import is_alive

PREFIX: Final = "docstore-test-"
IN_MEMORY: Final = Path("/dev/shm")
ENOUGH: Final = 256 * 1024 * 1024
"""Bytes that have to be free in memory; a container may have next to nothing there."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder, removed when the block ends."""
    with tempfile.TemporaryDirectory(
        prefix=f"{PREFIX}{os.getpid()}-", dir=_place(), ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


def remove_leftovers() -> None:
    """Remove the folders of processes that are no more."""
    for place in {_place(), Path(tempfile.gettempdir())}:
        for folder in place.glob(f"{PREFIX}*-*"):
            number = folder.name.removeprefix(PREFIX).partition("-")[0]
            if number.isdecimal() and not is_alive(int(number)):
                shutil.rmtree(folder, ignore_errors=True)


def _place() -> Path:
    with suppress(OSError):
        if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free >= ENOUGH:
            return IN_MEMORY
    return Path(tempfile.gettempdir())
