"""The command that makes a store what it was, and what it does inside the write transaction.

Owns the step to ``storage/image.py``, and what those who wait for commits are told: databases that come back are new
ones, and those in whose place they are have gone. Servers for tests alone give this command.
"""

from dataclasses import dataclass

from docstore.database.apply.administration import GONE
from docstore.storage import image
from docstore.storage.databases import get_state
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.image import Image, PutBack


@dataclass(frozen=True, slots=True)
class PutBackImage:
    """Let the store be as it is in this image. Result: ``PutBack``."""

    image: Image

    @property
    def cost(self) -> int:
        """Its bytes, for the size of a group commit."""
        return self.image.size


def put_back(txn: GroupTransaction, command: PutBackImage) -> PutBack:
    """Raises StorageFull when all numbers of databases were given out."""
    done = image.put_back(txn, command.image)
    txn.changed.update((number, GONE) for number in done.gone)
    for number in done.new:
        state = get_state(txn, number)
        txn.changed[number] = state.update_seq
        if state.unique:
            txn.unique_work.add(number)
    return done
