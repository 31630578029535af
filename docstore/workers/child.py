"""The worker process: takes jobs from a socket, one after the other, until the server is gone.

Owns how a worker lives and ends. It must not know what it computes. It is a fresh interpreter, which has nothing of the
server's: no store, no loop, no file but its socket and its lifeline.

The lifeline is a pipe of which the server, and nobody else, has the other end. When the server ends, however it ends,
the system sends SIGIO to the worker and to the processes that it has started, and that ends a process, whatever it
computes; an endless loop in C is no exception. A worker that waits sees its socket end.
"""

import fcntl
import gc
import os
import resource
import select
import signal
from typing import Final

from docstore.workers.jobs import answer
from docstore.workers.messages import Buffers, FrameReader, pack

GARBAGE_AFTER: Final = 20_000
"""Objects; the values of a text come by the thousand, live as long as the job, and are no garbage meanwhile."""


def main(connection: int, lifeline: int, package: str, max_memory: int, keep_memory: int, max_result: int) -> None:
    """Work until the server is gone. The numbers are those of the files that the server left open."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(lifeline)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if max_memory:
        _limit_memory(max_memory)
    gc.set_threshold(GARBAGE_AFTER)
    _send(connection, pack("ready"))
    reader = FrameReader()
    while True:
        count = os.readv(connection, [reader.room])
        if not count:
            return
        whole, job = reader.filled(count)
        if whole:
            _send(connection, answer(job, package, max_result, lambda: _memory_kept() > keep_memory))
            del job


def _memory_kept() -> int:
    """Bytes of memory that the process has now. (``ru_maxrss`` would count that of the server, from the fork.)"""
    try:
        statm = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return 0
    try:
        return int(os.read(statm, 256).split()[1]) * resource.getpagesize()
    finally:
        os.close(statm)


def _end_with(lifeline: int) -> None:
    """Let the system end this process, and those of its group, when the other end of the pipe is closed."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it was closed before
        os._exit(0)


def _limit_memory(most: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _send(connection: int, buffers: Buffers) -> None:
    for buffer in buffers:
        left = memoryview(buffer)
        while left:
            left = left[os.write(connection, left) :]
