"""The open tables, and what a transaction over them offers.

Owns the handles of the named LMDB tables and the two shapes, read and write, that all functions of this layer take
as ``txn``. It must not know how environments are opened nor what any row holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast

import lmdb

from docstore.storage import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from lmdb import _Database as Table

    RawGet = Callable[[bytes, None, Table], bytes | None]


ABSENT: Final = object()
"""Stands for the handle of a table that is not there; LMDB takes it for none."""


@dataclass(frozen=True, slots=True)
class Tables:
    """One handle for each table, valid as long as its environment.

    Those of ``keys.LATER_TABLE_NAMES`` are absent from the store of an older docstore until it is opened to write.
    """

    meta: "Table"
    databases: "Table"
    states: "Table"
    properties: "Table"
    sweeps: "Table"
    docs: "Table"
    runs: "Table"
    bodies: "Table"
    changes: "Table"
    doc_counts: "Table"
    seq_counts: "Table"
    conflicts: "Table"
    local: "Table"
    purges: "Table"
    purge_ids: "Table"
    blobs: "Table"
    digests: "Table"
    blob_refs: "Table"
    stagings: "Table"
    garbage: "Table"
    uploads: "Table"
    replies: "Table"
    reply_order: "Table"
    reply_totals: "Table"
    expiries: "Table"
    unique_indexes: "Table"
    unique_keys: "Table"
    unique_duplicates: "Table"

    @classmethod
    def open(
        cls, environment: lmdb.Environment, *, create: bool = True, transaction: "lmdb.Transaction[bytes] | None" = None
    ) -> "Tables":
        """Open every table, in ``transaction`` if given. Without ``create`` an absent one raises NotFoundError.

        But a later one may be absent.
        """

        def handle(name: bytes) -> "Table":
            try:
                return environment.open_db(name, txn=transaction, create=create)
            except lmdb.NotFoundError:
                if name not in keys.LATER_TABLE_NAMES:
                    raise
                return cast("Table", ABSENT)

        return cls(*map(handle, keys.TABLE_NAMES))

    @property
    def have_replies(self) -> bool:
        """Whether there are the tables of remembered replies."""
        return ABSENT not in (self.replies, self.reply_order, self.reply_totals)

    @property
    def have_expiries(self) -> bool:
        """Whether there is the table of what expires."""
        return self.expiries is not ABSENT

    @property
    def have_unique(self) -> bool:
        """Whether there are the tables of unique indexes."""
        return ABSENT not in (self.unique_indexes, self.unique_keys, self.unique_duplicates)

    def of_database(self) -> "tuple[tuple[str, Table], ...]":
        """(name, handle) of the tables whose keys start with a database number, as far as they are there."""
        found = [(name.decode(), getattr(self, name.decode())) for name in keys.DATABASE_TABLE_NAMES]
        return tuple((name, table) for name, table in found if table is not ABSENT)


class ReadTransaction(Protocol):
    """A snapshot, or a write transaction seen as one."""

    @property
    def tables(self) -> Tables:
        """The handles to pass as ``table``."""

    @property
    def raw_get(self) -> "RawGet":
        """LMDB's own ``get(key, None, table)``, for the hottest paths."""

    def get(self, table: "Table", key: bytes) -> bytes | None:
        """The value of one key."""

    def getmulti(self, table: "Table", keys: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
        """(key, value) of those keys that exist, in the order given. Sorted keys are faster."""

    def cursor(self, table: "Table") -> "lmdb.Cursor[bytes]":
        """A cursor that gives bytes."""


class WriteTransaction(ReadTransaction, Protocol):
    """The one open write transaction. ``leaves_garbage`` is set where it makes blobs free."""

    leaves_garbage: bool

    def put(self, table: "Table", key: bytes, value: bytes) -> None:
        """Write one row."""

    def putmulti(self, table: "Table", items: Sequence[tuple[bytes, bytes]], *, append: bool = False) -> None:
        """Write rows in one call. ``append`` promises that every key is greater than the table's last."""

    def delete(self, table: "Table", key: bytes) -> bool:
        """Remove one row; whether it was there."""

    def deletemulti(self, table: "Table", keys: Iterable[bytes]) -> int:
        """Remove rows in one call; how many were there."""
