"""One worker process, seen from the server.

Owns its start, the bytes to and from it, and its end. The event loop sends and receives as much as goes without
waiting. It must not know which job is whose.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import docstore
from docstore.settings import WorkerSettings
from docstore.workers.messages import RECEIVE_AT_ONCE, BrokenFrame, Buffers, FrameReader

_BOOT: Final = """\
import sys
sys.path[:] = {path!r}
from docstore.workers.child import main
main({connection}, {lifeline}, {package!r}, {max_memory}, {keep_memory}, {max_result})
"""


class Spawned(NamedTuple):
    """A process that was started: the server's end of its socket, and of the pipe that ends it."""

    process: subprocess.Popen[bytes]
    connection: socket.socket
    lifeline: int


def spawn(settings: WorkerSettings, package: str) -> Spawned:
    """Start a process; it takes milliseconds. Raises OSError.

    A fresh interpreter, which finds modules where this one does. It is the first of a process group of its own, so that
    a key pressed in the server's terminal does not reach it, and so that what it starts ends with it.
    """
    if not sys.executable:
        raise OSError("the path of the interpreter is not known")
    ours, theirs = socket.socketpair()
    their_lifeline, our_lifeline = os.pipe()
    try:
        boot = _BOOT.format(
            path=_module_path(),
            connection=theirs.fileno(),
            lifeline=their_lifeline,
            package=package,
            max_memory=settings.max_memory,
            keep_memory=settings.keep_memory,
            max_result=settings.max_result,
        )
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", boot],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), their_lifeline),
            process_group=0,
        )
    except BaseException:
        ours.close()
        os.close(our_lifeline)
        raise
    finally:
        theirs.close()
        os.close(their_lifeline)
    ours.setblocking(False)
    return Spawned(process, ours, our_lifeline)


def _module_path() -> list[str]:
    root = str(Path(docstore.__file__).parent.parent)
    path = [str(Path(entry).absolute()) for entry in sys.path]
    return path if root in path else [root, *path]


class WorkerProcess:
    """A process that was spawned.

    ``on_message``  is given each value that it sends; the first one says that it is ready
    ``on_end``      is called once, when it has closed its end or sent what is no message
    ``words``       the affinities of its last jobs
    """

    def __init__(
        self,
        spawned: Spawned,
        settings: WorkerSettings,
        on_message: "Callable[[WorkerProcess, object], None]",
        on_end: "Callable[[WorkerProcess], None]",
    ) -> None:
        self.words: dict[str, None] = {}
        self._process, self._connection, self._lifeline = spawned
        self._on_message = on_message
        self._on_end = on_end
        self._reader = FrameReader(settings.max_result * 2)
        self._outbox: deque[memoryview] = deque()
        self._writing = False
        self._ended = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._connection, self._receive)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def send(self, buffers: Buffers) -> None:
        """Send a frame; what does not go at once goes when it can."""
        self._outbox.extend(map(memoryview, buffers))
        if not self._writing:
            self._flush()

    def kill(self) -> None:
        """End the process, and those that it started, at once. ``on_end`` is not called any more."""
        if not self._ended:
            self._detach()

    def reap(self) -> None:
        """Wait for the end of a process that was killed; not on the event loop."""
        self._process.wait()

    def _flush(self) -> None:
        try:
            while self._outbox:
                sent = self._connection.sendmsg(list(self._outbox))
                while self._outbox and sent >= len(self._outbox[0]):
                    sent -= len(self._outbox.popleft())
                if sent:
                    self._outbox[0] = self._outbox[0][sent:]
        except BlockingIOError:
            if not self._writing:
                self._writing = True
                self._loop.add_writer(self._connection, self._flush)
            return
        except OSError:
            self._loop.call_soon(self._end)
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._connection)

    def _receive(self) -> None:
        try:
            count = self._connection.recv_into(self._reader.room[:RECEIVE_AT_ONCE])
            if not count:
                self._end()
                return
            whole, message = self._reader.filled(count)
        except BlockingIOError:
            return
        except (OSError, BrokenFrame):
            self._end()
            return
        if whole:
            self._on_message(self, message)

    def _end(self) -> None:
        if not self._ended:
            self._detach()
            self._on_end(self)

    def _detach(self) -> None:
        self._ended = True
        self._loop.remove_reader(self._connection)
        if self._writing:
            self._loop.remove_writer(self._connection)
        self._outbox.clear()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # its number is not given away before it is reaped
        self._connection.close()
        os.close(self._lifeline)
