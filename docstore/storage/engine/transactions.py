"""The two transactions that the layers above hold: a snapshot to read, and the one write of a group commit.

Owns how a call reaches LMDB, and nothing else: which snapshots may be open is decided in ``snapshot_gate.py``, when a
write commits in ``writer.py``. Both classes offer the shapes of ``tables.py``. Values are ``bytes``, never LMDB's
buffers, so whatever was read may be kept.

To open and close a snapshot costs less than a microsecond. ``raw_get`` and ``raw_put`` are LMDB's own bound methods,
for the hottest paths: ``snapshot.raw_get(key, None, table)`` is ``snapshot.get(table, key)`` without a frame between.
"""

from collections.abc import Iterable, Sequence
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

import lmdb

from docstore.errors import Unavailable
from docstore.storage.tables import Tables

if TYPE_CHECKING:
    from lmdb import _Database as Table

    from docstore.storage.tables import RawGet


class Gate(Protocol):
    """Who lets snapshots in and out, as they see it: the ``SnapshotGate``, whose attributes these are."""

    tables: Tables
    max_age: float
    waiting_since: float | None

    def close(self, snapshot: "Snapshot") -> None:
        """End a snapshot, if it has not ended."""


LATER: Final = object()
"""The answer of ``apply`` to a command that it did not come to, never to the first one: it is to be asked again, in a
later group, before those that came after it. Commands of one database that come behind it have the same answer."""

WHEN_SYNCED: Final = object()
"""The answer of ``apply`` to a command for which it set ``wants_sync``: should that sync fail, it alone is told so."""


class Snapshot:
    """What the store was at one commit; a context manager, made by ``Environment.snapshot``.

    It may be taken away from a holder that is suspended in an ``await``: the map must grow, the snapshot is too old, or
    others need the room. So a holder that awaits, or that works in slices on another thread, looks at ``expired``
    before each slice; when it is true it closes the snapshot and goes on from its last key in a new one. A holder that
    does not look meets Unavailable (``lmdb.Error`` on a cursor), never wrong data.

    ``tables``      the handles to pass as ``table``
    ``idle_since``  when (``monotonic``) its holder, a coroutine, came to the end of a slice; None while it is read
    ``lent``        whether the holder waits there for whoever takes the slice, and not just for his next turn
    """

    __slots__ = ("_gate", "_transaction", "idle_since", "lent", "opened_at", "raw_get", "tables", "thread")

    def __init__(self, gate: "Gate", transaction: "lmdb.Transaction[bytes]", thread: int) -> None:
        self._gate = gate
        self.tables = gate.tables
        self._transaction: lmdb.Transaction[bytes] | None = transaction
        self.raw_get: RawGet = transaction.get
        self.thread = thread
        self.opened_at = monotonic()
        self.idle_since: float | None = None
        self.lent = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.close(self)

    def close(self) -> None:
        """Give the snapshot back. Closing twice, or after it was taken away, does nothing."""
        self._gate.close(self)

    @property
    def closed(self) -> bool:
        """Whether it was closed or taken away."""
        return self._transaction is None

    @property
    def age(self) -> float:
        """Seconds since it was opened."""
        return monotonic() - self.opened_at

    @property
    def expired(self) -> bool:
        """Whether the holder must close it now: taken away, too old, or in the way of the growing map."""
        gate = self._gate
        since = gate.waiting_since
        return self._transaction is None or self.age > gate.max_age or (since is not None and self.opened_at <= since)

    def lent_for(self, now: float) -> float:
        """Seconds that the holder has waited for whoever takes the slice; 0 if he does not."""
        return now - self.idle_since if self.lent and self.idle_since is not None else 0.0

    @property
    def txnid(self) -> int:
        """The number of the commit that it shows."""
        return self.transaction.id()

    @property
    def transaction(self) -> "lmdb.Transaction[bytes]":
        """LMDB's transaction. Raises Unavailable after the end of the snapshot."""
        if self._transaction is None:
            raise Unavailable("This snapshot has ended.")
        return self._transaction

    def get(self, table: "Table", key: bytes) -> bytes | None:
        """The value of one key."""
        return self.raw_get(key, None, table)

    def getmulti(self, table: "Table", keys: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
        """(key, value) of those keys that exist, in the order given. Sorted keys are faster."""
        with self.transaction.cursor(table) as cursor:
            return cursor.getmulti(keys)

    def cursor(self, table: "Table") -> "lmdb.Cursor[bytes]":
        """A cursor that gives bytes; it ends with the snapshot."""
        return self.transaction.cursor(table)

    def end(self) -> None:
        """For the gate alone: let LMDB's transaction go."""
        transaction, self._transaction = self._transaction, None
        self.raw_get = _ended
        if transaction is not None:
            transaction.abort()


def _ended(_key: bytes, _default: None, _table: "Table") -> bytes | None:
    raise Unavailable("This snapshot has ended.")


class GroupTransaction:
    """The open write transaction of one group commit, as ``apply`` gets it; used on the writer's thread alone.

    ``changed``     for ``apply`` to fill: database number -> its update sequence after this group, for ``on_commit``
    ``edits``       for ``apply`` to count: revisions that were written
    ``tree_work``   for ``apply`` to count: the work on large trees so far, by which it leaves commands for later
    ``wants_sync``  for ``apply`` to set: commands that wait until all that was ever committed survives a power cut
    ``unique_work``  for ``apply`` to fill: databases with unique indexes that are to be built or removed from now on
    ``leaves_garbage``  for ``apply`` to set: there are blobs that nothing holds any more
    """

    __slots__ = (
        "changed",
        "edits",
        "leaves_garbage",
        "raw_get",
        "raw_put",
        "tables",
        "transaction",
        "tree_work",
        "unique_work",
        "wants_sync",
    )

    def __init__(self, transaction: "lmdb.Transaction[bytes]", tables: Tables) -> None:
        self.transaction = transaction
        self.tables = tables
        self.changed: dict[int, int] = {}
        self.wants_sync = self.leaves_garbage = False
        self.unique_work: set[int] = set()
        self.tree_work = self.edits = 0
        self.raw_get: RawGet = transaction.get
        self.raw_put = transaction.put

    @property
    def txnid(self) -> int:
        """The number that this commit will have."""
        return self.transaction.id()

    def get(self, table: "Table", key: bytes) -> bytes | None:
        """The value of one key."""
        return self.raw_get(key, None, table)

    def getmulti(self, table: "Table", keys: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
        """(key, value) of those keys that exist, in the order given. Sorted keys are faster."""
        with self.transaction.cursor(table) as cursor:
            return cursor.getmulti(keys)

    def cursor(self, table: "Table") -> "lmdb.Cursor[bytes]":
        """A cursor that gives bytes."""
        return self.transaction.cursor(table)

    def put(self, table: "Table", key: bytes, value: bytes) -> None:
        """Write one row."""
        self.raw_put(key, value, db=table)

    def putmulti(self, table: "Table", items: Sequence[tuple[bytes, bytes]], *, append: bool = False) -> None:
        """Write rows in one call. ``append`` promises that every key is greater than the table's last.

        Raises ``lmdb.KeyExistsError`` if ``append`` promised too much.
        """
        with self.transaction.cursor(table) as cursor:
            consumed, added = cursor.putmulti(items, append=append)
        if append and added != consumed:
            raise lmdb.KeyExistsError("a row to append is not beyond the table's last key")

    def delete(self, table: "Table", key: bytes) -> bool:
        """Remove one row; whether it was there."""
        return self.transaction.delete(key, b"", table)

    def deletemulti(self, table: "Table", keys: Iterable[bytes]) -> int:
        """Remove rows; how many were there."""
        delete = self.transaction.delete
        return sum(delete(key, b"", table) for key in keys)
