"""A node that may lose what its durability does not promise, and may be put back from a copy.

What a power cut leaves is modelled, since nobody can cut the power of a process: under ``relaxed`` and ``none`` the
state when everything was last made durable, under ``fsync`` all. So a checkpoint that is written before that, or a node
that only says that it has made things durable, loses documents here.
"""

from docstore.lab.nodes import LabNode
from docstore.settings import Durability


class FallibleNode(LabNode):
    """``durability`` is the node's own."""

    def __init__(self, name, folder, durability, *, serves=False):
        super().__init__(name, folder, serves=serves, durability=durability)
        self.durability = durability
        self._durable = folder / f"{name}-durable"
        self._copied = folder / f"{name}-copied"

    async def start(self):
        """Start, and keep what is durable whenever the store is synced."""
        await super().start()
        environment = self.node.env
        sync = environment.committed

        def committed(transaction):
            sync(transaction)
            if transaction.wants_sync:
                self._keep(environment, self._durable)

        environment.committed = committed
        self._keep(environment, self._durable)  # what the node begins with is on its disk

    def copy(self):
        """Copy the store; the copy replaces the one before."""
        self._keep(self.node.env, self._copied)

    async def cut_power(self):
        """Be gone, with all that was not durable."""
        await self.kill(None if self.durability is Durability.FSYNC else self._durable)

    async def go_back(self):
        """Be gone; somebody puts the copy in the store's place, if there is one."""
        await self.kill(self._copied if self._copied.exists() else None)

    def _keep(self, environment, path):
        new = path.with_suffix(".new")
        with new.open("wb") as file:
            environment.copy_compactly(file.fileno())
        new.replace(path)
