"""The lock on a data folder: one process at a time may write to it.

Owns the file ``server.lock``: an advisory lock held for as long as the process lives, and, as its text, who holds it
(the URL of a running server, or what a command is doing). The file stays when the lock is given back, since removing it
would let two processes hold locks on two files of the same name. Reading beside the holder needs no lock.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from docstore.core.disk_answers import REFUSES
from docstore.errors import Unavailable

LOCK_FILE = "server.lock"
HOLDER_LONGEST = 4_096
NOT_HELD = -1


class FolderInUse(Unavailable):
    """Another process holds the folder. ``holder`` is what it wrote about itself; ``url`` its URL if it is a server."""

    error = "folder_in_use"

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(f"{folder} is in use by {holder or 'another process'}")
        self.folder = folder
        self.holder = holder

    @property
    def url(self) -> str | None:
        """The URL of the server that holds the folder; None when it is no server, or one that is just starting."""
        return self.holder if self.holder.startswith("http") else None


class FolderLock:
    """The lock, held from its making until ``release`` or the end of the process."""

    def __init__(self, folder: Path, holder: str) -> None:
        """Take the lock of ``folder``, which is made for its owner alone if it is missing.

        Raises FolderInUse at once if it is held.
        """
        folder.mkdir(0o700, parents=True, exist_ok=True)
        self._file = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.pread(self._file, HOLDER_LONGEST, 0).decode("utf-8", "replace").strip()
            os.close(self._file)
            raise FolderInUse(folder, other) from None
        self.announce(holder)

    def announce(self, holder: str) -> None:
        """Write who holds the lock, for those who will be refused; on a full or read-only disk they are not told."""
        text = f"{holder}\n".encode()
        try:
            os.pwrite(self._file, text, 0)
        except OSError as error:
            if error.errno not in REFUSES:
                raise
        else:
            os.ftruncate(self._file, len(text))

    def release(self) -> None:
        """Give the lock back."""
        self.announce("")  # a byte, so that the file keeps its room on the disk
        fcntl.flock(self._file, fcntl.LOCK_UN)  # closing would not do while a fork of ours has the file open too
        os.close(self._file)
        self._file = NOT_HELD

    def after_fork_in_child(self) -> None:
        """Let go of the parent's lock, which would be held as long as the child lives; the parent keeps it."""
        if self._file != NOT_HELD:
            os.close(self._file)
            self._file = NOT_HELD

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
