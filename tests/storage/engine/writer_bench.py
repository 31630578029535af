"""A writer at work on a store, its commits in the hands of a test."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import lmdb

from docstore.settings import Durability, StorageSettings
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.group_commit import CommitSummary
from docstore.storage.engine.transactions import LATER, WHEN_SYNCED, GroupTransaction
from docstore.storage.engine.writer import Writer

SETTINGS = StorageSettings(durability=Durability.NONE)


@dataclass(frozen=True)
class Put:
    """A command: write a row, or misbehave."""

    key: bytes
    value: bytes = b""
    answer: object = None
    raises: Exception | None = None
    cost: int = 0


@dataclass
class Applied:
    """``apply`` for Put, remembering the groups it was given; of each it does the first ``most``."""

    groups: list[list[bytes]] = field(default_factory=list)
    most: int | None = None

    def __call__(self, transaction: GroupTransaction, commands: Sequence[object]) -> list[object]:
        puts = [command for command in commands if isinstance(command, Put)]
        self.groups.append([put.key for put in puts])
        answers: list[object] = []
        for put in puts[: self.most]:
            if put.raises is not None:
                raise put.raises
            transaction.put(transaction.tables.docs, put.key, put.value)
            transaction.wants_sync |= put.answer is WHEN_SYNCED
            transaction.changed[7] = transaction.changed.get(7, 0) + 1
            answers.append(put.key if put.answer is None else put.answer)
        return answers + [LATER] * (len(puts) - len(answers))


class NotedCommit:
    """A ``commit`` that remembers the codes of LMDB with which it failed, and does something before that is told."""

    def __init__(self, before_told: Callable[[], None] = lambda: None) -> None:
        self.codes: list[int] = []
        self._before_told = before_told

    def __call__(self, transaction: "lmdb.Transaction[bytes]") -> None:
        try:
            transaction.commit()
        except lmdb.Error as error:
            self.codes.append(getattr(error, "code", 0))
            self._before_told()
            raise


class HeldCommit:
    """A ``commit`` that waits, so that a test decides what gathers meanwhile; or one that fails."""

    def __init__(self) -> None:
        self.reached = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.held = False
        self.failures: list[Exception] = []

    def __call__(self, transaction: "lmdb.Transaction[bytes]") -> None:
        if self.held:
            self.reached.release()
            self.go.acquire()
        if self.failures:
            raise self.failures.pop(0)
        transaction.commit()


@dataclass
class Bench:
    """An environment with a writer, and what they were seen doing."""

    environment: Environment
    writer: Writer
    applied: Applied
    commit: HeldCommit
    summaries: list[CommitSummary]

    def value(self, key: bytes) -> bytes | None:
        with self.environment.snapshot() as snapshot:
            return snapshot.get(snapshot.tables.docs, key)

    async def hold_commit(self, key: bytes = b"first") -> Awaitable[object]:
        """Submit one command, and return when its commit is under way and held."""
        self.commit.held = True
        submitted = self.writer.submit(Put(key))
        await asyncio.to_thread(self.commit.reached.acquire)
        self.commit.held = False
        return submitted


Open = Callable[[StorageSettings], Bench]


async def outcomes(submitted: Sequence[Awaitable[object]]) -> list[object]:
    """Results, and for each failure the class of its error."""
    return [
        type(got) if isinstance(got, BaseException) else got
        for got in await asyncio.gather(*submitted, return_exceptions=True)
    ]
