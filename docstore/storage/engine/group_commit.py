"""What the writer and those around it tell each other of a group commit.

Owns the shapes: what ``apply`` is and may answer, what ``on_commit`` learns, how a group or one of its commands fails.
It must not know how groups are made, nor any command.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Self, TypeAlias

from docstore.errors import DocstoreError
from docstore.storage.engine.transactions import GroupTransaction

Apply: TypeAlias = Callable[[GroupTransaction, Sequence[object]], Sequence[object]]


@dataclass(frozen=True, slots=True)
class CommitSummary:
    """What ``on_commit`` learns about a group commit.

    ``changed``   database number -> its update sequence, as ``apply`` left it in the transaction
    ``commands``  how many commands it held
    ``unique_work``  numbers of databases with unique indexes that are to be built or removed from now on
    ``leaves_garbage``  whether it made blobs free
    """

    txnid: int
    changed: Mapping[int, int]
    commands: int
    unique_work: Set[int] = frozenset()
    leaves_garbage: bool = False

    @classmethod
    def of(cls, transaction: GroupTransaction, commands: int) -> Self:
        """That of a group of so many commands, which is about to be committed."""
        changed, unique_work = transaction.changed, transaction.unique_work
        return cls(transaction.txnid, changed, commands, unique_work, transaction.leaves_garbage)


OnCommit: TypeAlias = Callable[[CommitSummary], None]


class GroupRefused(Exception):
    """Nothing of the group was written; ``told`` is for every waiter."""

    def __init__(self, told: DocstoreError) -> None:
        super().__init__(told)
        self.told = told


class CulpritFound(Exception):
    """``apply`` failed unexpectedly on the command at ``index``; ``told`` is for its waiter."""

    def __init__(self, index: int, told: DocstoreError) -> None:
        super().__init__(index, told)
        self.index = index
        self.told = told
