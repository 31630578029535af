"""The nodes of an experiment: complete docstore nodes in this process, each with a store and a server of its own.

Owns their life: start, kill, restart, stop. It must not know links or time.

A kill leaves what a killed process leaves: the store as of its last commit; or an earlier state, where it stands for a
power cut or for a disk that is replaced by a copy. A process cannot be killed in part, so
the data file is copied as it is at that moment (LMDB copies a consistent state beside a running writer), the node that
goes on behind it is stopped out of sight, and the restart opens the copy, which was never closed. Whoever kills must
first cut the node's connections: what the old node still does must reach nobody.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from docstore.database.database import Database
from docstore.database.registry import Registry
from docstore.httpd.listener import Listener
from docstore.node import Node
from docstore.settings import MIB, Durability, Settings, StorageSettings
from docstore.storage.engine.data_file import DATA_FILE

HOST: Final = "127.0.0.1"
FREE_PORT: Final = 0
DATABASE: Final = "lab"
STORAGE: Final = StorageSettings(durability=Durability.NONE, map_size=256 * MIB, map_size_smallest=16 * MIB)
"""The data need not outlive the experiment; the map grows if it has to."""


class LabNode:
    """One node. ``start`` makes its database; with ``serves`` false it has no server, for peers in this process.

    ``lives``  how often it was started
    """

    def __init__(
        self, name: str, folder: Path, *, serves: bool = True, durability: Durability = STORAGE.durability
    ) -> None:
        self.name = name
        self.lives = 0
        self._folder = folder
        self._serves = serves
        self._storage = replace(STORAGE, durability=durability)
        self._node: Node | None = None
        self._listener: Listener | None = None

    @property
    def running(self) -> bool:
        """Whether it can be talked to."""
        return self._node is not None

    @property
    def node(self) -> Node:
        """The running node. Raises RuntimeError while it is down."""
        if self._node is None:
            raise RuntimeError(f"the node {self.name} is down")
        return self._node

    @property
    def registry(self) -> Registry:
        """Its databases."""
        return self.node.registry

    @property
    def database(self) -> Database:
        """The database that the experiment is about."""
        return self.registry.open(DATABASE)

    @property
    def url(self) -> str:
        """Its server, without a link in between; no slash at its end."""
        if self._listener is None:
            raise RuntimeError(f"the node {self.name} has no server")
        return self._listener.url

    @property
    def port(self) -> int | None:
        """The port of its server, None while it is down."""
        return None if self._listener is None else self._listener.port

    async def start(self) -> None:
        """Start, for the first time or after a kill."""
        if self.running:
            return
        self.lives += 1
        node = Node(Settings(data=self._data, host=HOST, port=FREE_PORT, storage=self._storage, shutdown_grace=0))
        await node.start()
        try:
            if not node.registry.exists(DATABASE):
                await node.registry.create(DATABASE)
            if self._serves:
                self._listener = await Listener.start(node, HOST, FREE_PORT)
        except BaseException:
            await node.stop()
            raise
        self._node = node

    def copy_store(self, path: Path) -> None:
        """Write a copy of the running node's store, as it is now, for ``kill``."""
        with path.open("wb") as copy:
            self.node.env.copy_compactly(copy.fileno())

    async def kill(self, copied: Path | None = None) -> None:
        """Be gone. The state that a restart finds is that of the moment of this call, or that of a copy."""
        if self._node is None:
            return
        folder = self._data_of(self.lives + 1)
        folder.mkdir(parents=True)
        if copied is None:
            self.copy_store(folder / DATA_FILE)
        else:
            shutil.copyfile(copied, folder / DATA_FILE)
        await self.stop()

    async def stop(self) -> None:
        """Stop cleanly, and remove the data of this life."""
        node, self._node = self._node, None
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.stop()
        if node is not None:
            await node.stop()
            shutil.rmtree(self._data)

    @property
    def _data(self) -> Path:
        return self._data_of(self.lives)

    def _data_of(self, life: int) -> Path:
        return self._folder / f"{self.name}-{life}"
