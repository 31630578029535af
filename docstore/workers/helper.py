"""The pool's one thread: it starts processes, which takes a while, and computes where there can be none.

Owns the thread. A daemon, since the interpreter must be able to end beside a function that does not. It must not know
what it is asked to do.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
Task = tuple[Callable[..., Any], tuple[Any, ...], "asyncio.Future[Any]"]


class Helper:
    """A thread that does one thing after the other; it begins with the first."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def call(self, function: Callable[..., T], *arguments: object) -> "asyncio.Future[T]":
        """Call this in the thread. Raises RuntimeError where no thread can be started."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="docstore workers", daemon=True)
            thread.start()
            self._thread = thread
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._tasks.put((function, arguments, future))
        return future

    def end(self) -> None:
        """Let the thread end after what it was asked to do."""
        self._tasks.put(None)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            function, arguments, future = task
            result, error = None, None
            try:
                result = function(*arguments)
            except BaseException as raised:
                error = raised
            try:
                future.get_loop().call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:  # the loop is closed: nobody waits
                return
            del task, arguments, result, error


def _settle(future: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
