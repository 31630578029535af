"""Servers for tests: how they are started and stopped, on the running event loop or on a thread of their own.

Owns that. It knows nothing of any test framework; the pytest fixture is in ``pytest_plugin``. The data need not outlive
the test, so nothing is synced to disk unless ``storage`` says otherwise.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from docstore.core.json_text import JsonValue
from docstore.double.double import Double
from docstore.double.faults import Faults
from docstore.double.folders import temporary_folder
from docstore.double.hosting import hosted
from docstore.double.journal import Journal
from docstore.double.stage.clock import MovableClock
from docstore.double.stage.loading import Loaded
from docstore.double.stage.snapshots import Snapshot
from docstore.double.stage.stage import Stage
from docstore.node import Node
from docstore.settings import Durability, Settings, StorageSettings

HOST = "127.0.0.1"
FREE_PORT = 0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TestNode:
    """A running server. ``url`` has no slash at its end; ``node`` is for looking inside.

    ``double`` is what stands around it: its rules (``faults``) and what it was asked (``journal``).
    ``stage`` is its state: snapshots, data, the clock; ``await server.stage.snapshot()`` is for the server's own event
    loop, ``server.snapshot()`` for all other threads.
    """

    __test__ = False  # not a test class, whatever its name says to a collector

    url: str
    node: Node
    settings: Settings
    double: Double
    stage: Stage
    loop: asyncio.AbstractEventLoop

    @property
    def faults(self) -> Faults:
        """The rules by which it misbehaves; none at first."""
        return self.double.faults

    @property
    def journal(self) -> Journal:
        """What it was asked, and what became of it."""
        return self.double.journal

    @property
    def clock(self) -> MovableClock:
        """What everything that expires goes by."""
        return self.stage.clock

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self.settings.data

    def snapshot(self, name: str | None = None) -> Snapshot:
        """Keep the present state of all databases, users and settings, to go back to it. Raises TooLarge."""
        return self.run(self.stage.snapshot(name))

    def restore(self, snapshot: Snapshot | str | Path) -> None:
        """Go back to a state: one that was kept, or that of a file. Raises NotFound, BadRequest, OSError."""
        self.run(self.stage.restore(snapshot))

    def save(self, snapshot: Snapshot | str, path: Path) -> None:
        """Write a state that was kept into a file. Raises NotFound, OSError."""
        self.stage.snapshots.save(snapshot if isinstance(snapshot, str) else snapshot.name, path)

    def load(self, source: Path | str | JsonValue, db: str) -> Loaded:
        """Put documents, or those of a file, a folder or a backup (by its path), into a database.

        Raises BadFixture, a ValueError, and OSError.
        """
        return self.run(self.stage.load(db, Path(source) if isinstance(source, str) else source))

    def reset(self) -> None:
        """No faults, nothing in the journal, the machine's time, and the data of the beginning."""
        self.run(self.stage.reset())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the server's event loop and wait. Raises RuntimeError if called there."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self.loop:
            work.close()
            raise RuntimeError(
                "on the server's own event loop this is awaited: await server.stage.snapshot() and so on"
            )
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()


@asynccontextmanager
async def run_node(*, double: Double | None = None, **settings: Any) -> AsyncIterator[TestNode]:
    """Run a server on the running event loop until the block ends.

    ``settings`` are fields of ``docstore.settings.Settings``. With ``data`` the folder is the caller's and stays;
    without it, it is temporary. ``double`` is what stands around it, if not one without any rules.
    """
    with _complete(settings) as complete:
        async with hosted(complete, double or Double()) as server:
            loop = asyncio.get_running_loop()
            yield TestNode(server.listener.url, server.node, server.node.settings, server.double, server.stage, loop)


@contextmanager
def run_node_in_thread(**settings: Any) -> Iterator[TestNode]:
    """Run a server on a thread with an event loop of its own until the block ends; arguments as ``run_node``.

    An error of its start is raised here, one of its stop when the block ends.
    """
    thread = _ServerThread(settings)
    server = thread.wait_until_started()
    try:
        yield server
    finally:
        thread.stop()


class _ServerThread:
    """The thread of ``run_node_in_thread``."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._started = threading.Event()
        self._server: TestNode | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="docstore-testing", daemon=True)
        self._thread.start()

    def wait_until_started(self) -> TestNode:
        self._started.wait()
        if self._server is None:
            self._join()
            raise RuntimeError("the server ended before it started")
        return self._server

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._join()

    def _join(self) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:  # it belongs to the thread that waits
            self._error = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with run_node(**self._settings) as server:
            self._server = server
            self._started.set()
            await self._stop.wait()


@contextmanager
def _complete(settings: dict[str, Any]) -> Iterator[Settings]:
    """The settings with the defaults of a test, and a temporary folder if none is given."""
    defaults: dict[str, Any] = {
        "host": HOST,
        "port": FREE_PORT,
        "storage": StorageSettings(durability=Durability.NONE),
    }
    if "data" in settings:
        yield Settings(**{**defaults, **settings})
        return
    with temporary_folder() as folder:
        yield Settings(**{**defaults, **settings, "data": folder})
