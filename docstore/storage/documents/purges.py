"""What was purged: the log behind ``_purged_infos``.

Owns the rows of ``purges`` (by number) and ``purge_ids`` (uuid -> number, by which a request that comes again is
known). It must not know documents: their leaves are removed by ``DocumentChange.remove_leaves``. Whoever writes stores
the ``state`` afterwards.
"""

from collections.abc import Iterator
from itertools import islice, takewhile
from typing import Final, NamedTuple

import msgspec

from docstore.core.rev import Rev
from docstore.storage import keys, rows
from docstore.storage.keys import pack_seq_key
from docstore.storage.rows import DatabaseState
from docstore.storage.tables import ReadTransaction, WriteTransaction

STEP_PURGES: Final = 2_048
"""Entries that a transaction removes from the log, at most."""


class PurgeInfo(NamedTuple):
    """One purge request that was carried out: the revisions of a document that it named, leaves or not."""

    uuid: str
    doc_id: str
    revs: tuple[Rev, ...]


_read_purge = msgspec.msgpack.Decoder(PurgeInfo).decode


def encode_purge(info: PurgeInfo) -> bytes:
    """The value in ``purges``: msgpack of [uuid, id, [[generation, rev id], ...]]."""
    return msgspec.msgpack.encode(info)


def decode_purge(value: bytes) -> PurgeInfo:
    """The request of a value in ``purges``."""
    return _read_purge(value)


def find_purge(txn: ReadTransaction, db: int, uuid: str) -> int | None:
    """The number of the request with this uuid, if it was carried out and is still in the log."""
    value = txn.get(txn.tables.purge_ids, keys.purge_id_key(db, uuid.encode()))
    return None if value is None else rows.decode_number(value)


def add_purge(txn: WriteTransaction, db: int, state: DatabaseState, info: PurgeInfo) -> int:
    """Enter a request that was carried out; its number. A uuid that is in the log keeps its first entry."""
    known = find_purge(txn, db, info.uuid)
    if known is not None:
        return known
    state.purge_seq += 1
    number = state.purge_seq
    for table, key, value in (
        (txn.tables.purges, pack_seq_key(db, number), encode_purge(info)),
        (txn.tables.purge_ids, keys.purge_id_key(db, info.uuid.encode()), rows.encode_number(number)),
    ):
        txn.put(table, key, value)
        state.grow(len(key) + len(value))
    return number


def scan_purges(txn: ReadTransaction, db: int, after: int = 0) -> Iterator[tuple[int, PurgeInfo]]:
    """(number, request) of the log, oldest first, from the one behind number ``after``."""
    end = keys.prefix_end(db)
    with txn.cursor(txn.tables.purges) as cursor:
        if cursor.set_range(pack_seq_key(db, after + 1)):
            for key, value in cursor.iternext():
                if key >= end:
                    break
                yield keys.seq_of(key), decode_purge(value)


def tells_all_after(txn: ReadTransaction, db: int, state: DatabaseState, number: int) -> bool:
    """Whether every request behind this number is in the log still. The limit says nothing of that: it may be new."""
    if number >= state.purge_seq:
        return True
    following = next(scan_purges(txn, db, number), None)
    return following is not None and following[0] == number + 1


def trim_purges(txn: WriteTransaction, db: int, state: DatabaseState) -> bool:
    """Keep the newest ``purged_infos_limit`` entries of the log; whether that is done, or more are left than a step."""
    oldest_kept = state.purge_seq - state.purged_infos_limit + 1
    doomed = list(islice(takewhile(lambda entry: entry[0] < oldest_kept, scan_purges(txn, db)), STEP_PURGES))
    for number, info in doomed:
        for table, key in (
            (txn.tables.purges, pack_seq_key(db, number)),
            (txn.tables.purge_ids, keys.purge_id_key(db, info.uuid.encode())),
        ):
            value = txn.get(table, key)
            if value is not None:
                state.grow(-len(key) - len(value))
                txn.delete(table, key)
    return len(doomed) < STEP_PURGES
