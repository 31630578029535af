"""The end of a process whose parent is no more, however that one ended.

Owns how this is noticed: by a file descriptor of the parent's process where the system has those, else by looking again
and again. It must not know what ends then. (``PR_SET_PDEATHSIG`` would tell of the end of a thread.)
"""

import asyncio
import os
from collections.abc import Callable
from typing import Final

PATIENCE: Final = 0.2
"""Seconds between two looks, where there is no other way."""
NOBODY: Final = (0, 1)
"""Who adopts a process whose parent is no more; one that begins there has none."""


async def parent_gone(parent: int) -> None:
    """Wait until the process of this number is no more; for ever, if it is nobody."""
    if parent in NOBODY:
        await asyncio.get_running_loop().create_future()
    try:
        number = _open(parent)
    except ProcessLookupError:
        return None
    except OSError:  # the system has none, or a sandbox forbids them
        return await _watch(parent)
    loop = asyncio.get_running_loop()
    gone = loop.create_future()
    loop.add_reader(number, _told(gone))
    try:
        await gone
    finally:
        loop.remove_reader(number)
        os.close(number)


async def _watch(process: int) -> None:
    """Look again and again; a parent that is no more has left its child to another, and its number may be taken."""
    is_parent = os.getppid() == process
    while True:
        if not is_alive(process) or (is_parent and os.getppid() != process):
            return
        await asyncio.sleep(PATIENCE)


def _open(parent: int) -> int:
    """A descriptor that can be read once the process has ended. Raises OSError."""
    opens: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
    if opens is None:
        raise OSError("the system has no descriptors of processes")
    return opens(parent)


def _told(gone: "asyncio.Future[None]") -> Callable[[], None]:
    def tell() -> None:
        if not gone.done():
            gone.set_result(None)

    return tell


def is_alive(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
