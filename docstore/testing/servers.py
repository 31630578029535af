"""The servers of a run of tests: one of each kind that a test has asked for, started when the first one does.

Owns which kinds there are, and that what a test leaves behind (faults, a moved clock) is gone for the next one.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

from docstore.double.double import Double
from docstore.double.profiles import COUCHDB
from docstore.settings import Admin
from docstore.testing.nodes import TestNode, run_node_in_thread

ADMIN: Final = Admin("admin", "secret")
"""Who administrates the servers on which not everybody does."""
SYSTEM_DATABASES: Final = ("_replicator", "_users")


class Kind(NamedTuple):
    """What a server is like: the service that it stands for, and whether everybody is administrator."""

    profile: str = COUCHDB
    admin_party: bool = True

    def __str__(self) -> str:
        return self.profile if self.admin_party else f"{self.profile}-with-admin"


class Servers:
    """See the module. ``seed``: what rules draw from; ``keep``: a folder below which data are to stay."""

    def __init__(self, seed: int | None = None, keep: Path | None = None) -> None:
        self._seed = seed
        self._keep = keep
        self._stack = ExitStack()
        self._running: dict[Kind, TestNode] = {}

    def get(self, kind: Kind) -> TestNode:
        """The server of this kind. Raises ValueError for a profile that is not known."""
        server = self._running.get(kind)
        if server is None:
            server = self._running[kind] = self.start(kind, self._stack)
        return server

    def start(self, kind: Kind, stack: ExitStack) -> TestNode:
        """Another server of this kind, which ends with the stack. Raises ValueError as ``get``."""
        settings: dict[str, Any] = {}
        if not kind.admin_party:
            settings["admin"] = ADMIN
            if kind.profile == COUCHDB:
                settings["system_databases"] = SYSTEM_DATABASES
        if self._keep is not None and stack is self._stack:
            settings["data"] = self._keep / str(kind)
        double = Double(seed=self._seed, profile=kind.profile)
        server = stack.enter_context(run_node_in_thread(double=double, **settings))
        if "system_databases" in settings:
            server.run(server.node.make_system_databases())
        return server

    def begin(self) -> None:
        """A test begins: nothing is known of what others have asked."""
        for server in self._running.values():
            server.journal.clear()

    def end(self) -> None:
        """A test has ended: the servers do as they should, and the time is that of the machine."""
        for server in self._running.values():
            server.faults.clear()
            if server.clock.offset:
                server.clock.reset()

    def stop(self) -> None:
        """Stop all."""
        self._stack.close()
        self._running.clear()
